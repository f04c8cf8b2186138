"""The utilisation law as a regression: CPU demand of each request class, with what a busy or an idle host adds.

The utilisation law (Denning & Buzen 1978) says that the busy time of a resource is the sum over classes of requests
done times demand. Over windows of load steps with differing mixes that is a regression (Rolia & Vetland 1995), here:

    CPU = sum(count x demand) x (busy factor + idle slope x (1 - utilisation)) + background x seconds

and without that factor where one user was alone (model.Contention). Demands are not negative, so it is solved by NNLS
(Lawson & Hanson 1974), the product of demand and factor by Gauss-Newton. Where the mixes cannot tell two classes apart,
the access log does: demands are drawn towards a common multiple of the log's seconds, with a standard deviation of
``calibration.log_error``; data that tell them apart overrule it. How far a demand rests on the log is the share of the
log in the precision of the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from dfr_sizing.calibration.windows import Windows
from dfr_sizing.drivers import rule
from dfr_sizing.simulation.system import FloatArray

TICK_S = 0.01
"""CPU time is counted in ticks of 10 ms (proc(5))."""
SURE = 1e4
"""Weight of what is not to be fitted."""
OWN_CV = 0.3
"""Variation of a request's CPU time where the log does not tell it; only the weights of windows depend on it."""


class Prior(NamedTuple):
    """What is known before the windows are looked at, by class: relative seconds (NaN: unknown), cv, growth."""

    seconds: FloatArray
    cv: FloatArray
    growth: FloatArray


class Shared(NamedTuple):
    """Contention's part of the fit: busy factors of both groups, and the slope of an idle host."""

    app_busy: float
    database_busy: float
    slope: float


class GroupFit(NamedTuple):
    """Point estimates of a group: seconds of CPU and growth by class, background cores, CPU over the log's seconds."""

    demand: FloatArray
    growth: FloatArray
    background: float
    scale: float


class Fit(NamedTuple):
    """Both groups, and what they share."""

    app: GroupFit
    database: GroupFit
    shared: Shared


@dataclass(frozen=True, slots=True)
class Group:
    """A group's windows with their standard errors, the number of times each is counted, and its prior."""

    windows: Windows
    prior: Prior
    sigma: FloatArray
    times: FloatArray

    @property
    def grows(self) -> bool:
        """Whether there are tables of several sizes, so that growth can be told."""
        return bool(np.ptp(self.windows.size) > 0.0)

    @property
    def reach(self) -> float:
        """How far the largest table is beyond the smallest, in tables of the smallest size."""
        return float(self.windows.size.max()) - 1.0

    @property
    def larger(self) -> FloatArray:
        """Where a window's table lies between the smallest (0) and the largest (1)."""
        return (self.windows.size - 1.0) / self.reach

    def factor(self, busy: float, slope: float) -> FloatArray:
        """What contention multiplies the CPU of each window by."""
        factor: FloatArray = np.where(self.windows.lone, 1.0, busy + slope * self.windows.idle)
        return factor

    def load(self, demand: FloatArray, growth: FloatArray) -> FloatArray:
        """CPU of the windows before any factor."""
        sizes = 1.0 + growth[None, :] * (self.windows.size[:, None] - 1.0)
        load: FloatArray = (self.windows.counts * sizes) @ demand
        return load


def group_of(windows: Windows, prior: Prior, *, grows: bool) -> Group:
    """A group before any fit, its windows weighted roughly. ``grows``: its demand may depend on the table's size."""
    sized = windows if grows else replace(windows, size=np.ones(len(windows)))
    rough = np.sqrt(np.maximum(windows.cpu_s, TICK_S) * max(1e-3, float(windows.cpu_s.mean())))
    return Group(sized, prior, 0.1 * rough + TICK_S, np.ones(len(windows)))


def first_guess(groups: tuple[Group, Group], believed: Shared) -> Fit:
    """A first guess: CPU shared out by the log's seconds, or alike, at the believed contention."""

    def guess(group: Group, busy: float) -> GroupFit:
        relative = np.where(np.isnan(group.prior.seconds), np.nanmean(_known(group.prior.seconds)), group.prior.seconds)
        work = float((group.windows.counts @ relative * group.factor(busy, believed.slope)).sum())
        scale = float(group.windows.cpu_s.sum()) / max(1e-12, work)
        return GroupFit(scale * relative, group.prior.growth, 0.0, scale)

    return Fit(guess(groups[0], believed.app_busy), guess(groups[1], believed.database_busy), believed)


def _known(seconds: FloatArray) -> FloatArray:
    return seconds if np.isfinite(seconds).any() else np.ones(len(seconds))


def improved(groups: tuple[Group, Group], fit: Fit, believed: Shared) -> Fit:
    """One step of Gauss-Newton for both groups at once: they share the idle slope."""
    parts = (fit.app, fit.database)
    busy = (fit.shared.app_busy, fit.shared.database_busy)
    blocks = [equations(group, part, b, fit.shared.slope) for group, part, b in zip(groups, parts, busy, strict=True)]
    own = [block[0].shape[1] for block in blocks]
    rows, target = [], []
    for place, (matrix, right, loads) in enumerate(blocks):
        wide = np.zeros((len(matrix), sum(own) + 3))
        wide[:, sum(own[:place]) : sum(own[: place + 1])] = matrix
        wide[:, sum(own) + place] = loads[0]
        wide[:, -1] = loads[1]
        rows.append(wide)
        target.append(right)
    tight, expected = _believed_rows(groups, believed)
    rows.append(np.hstack([np.zeros((3, sum(own))), tight]))
    target.append(expected)
    found = nnls(np.vstack(rows), np.concatenate(target), maxiter=50 * (sum(own) + 3))[0]
    shared = Shared(*(float(value) for value in found[-3:]))
    return Fit(
        _unpacked(groups[0], found[: own[0]]),
        _unpacked(groups[1], found[own[0] : sum(own)]),
        shared,
    )


def _believed_rows(groups: tuple[Group, Group], believed: Shared) -> tuple[FloatArray, FloatArray]:
    """What is believed of the contention; a busy factor is only told where some user was alone and some were not."""
    error = rule("calibration.contention_error")
    told = [bool(group.windows.lone.any() and not group.windows.lone.all()) for group in groups]
    weight = np.array([*(1.0 / error if one else SURE for one in told), 1.0 / error])
    return np.diag(weight), weight * np.array(believed)


def equations(
    group: Group, part: GroupFit, busy: float, slope: float
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Weighted rows of a group for its demands, what the largest table adds, background, and the log's scale.

    Then their right side, and the columns of the busy factor and of the idle slope at the demands found so far.
    """
    windows, prior = group.windows, group.prior
    factor = group.factor(busy, slope)
    load = group.load(part.demand, part.growth)
    shifted = np.where(windows.lone, 0.0, load)
    weight = np.sqrt(group.times) / group.sigma
    columns = [windows.counts * factor[:, None]]
    if group.grows:
        columns.append(columns[0] * group.larger[:, None])
    data = np.hstack([*columns, windows.seconds[:, None], np.zeros((len(windows), 1))]) * weight[:, None]
    right = (windows.cpu_s + shifted * factor) * weight
    known = np.flatnonzero(prior.seconds > 0.0)
    drawn = np.zeros((len(known), data.shape[1]))
    firm = 1.0 / (rule("calibration.log_error") * max(part.scale, 1e-12) * prior.seconds[known])
    for row, place in enumerate(known):
        drawn[row, place] = firm[row]
        drawn[row, -1] = -firm[row] * prior.seconds[place]
    more, more_right = _growth_rows(group, part)
    matrix = np.vstack([data, drawn, more])
    extra = len(drawn) + len(more)
    loads = (np.append(shifted * weight, np.zeros(extra)), np.append(shifted * windows.idle * weight, np.zeros(extra)))
    return matrix, np.concatenate([right, np.zeros(len(drawn)), more_right]), loads


def _growth_rows(group: Group, part: GroupFit) -> tuple[FloatArray, FloatArray]:
    """Where two tables do not tell it, a demand's growth is drawn weakly towards what is believed of it."""
    classes = group.windows.counts.shape[1]
    width = (2 * classes if group.grows else classes) + 2
    if not group.grows:
        return np.zeros((0, width)), np.zeros(0)
    rows = np.zeros((classes, width))
    weight = 1.0 / np.maximum(part.demand * group.reach, part.demand.max() * 1e-3)
    for place in range(classes):
        rows[place, place] = -group.prior.growth[place] * group.reach * weight[place]
        rows[place, classes + place] = weight[place]
    return rows, np.zeros(classes)


def _unpacked(group: Group, found: FloatArray) -> GroupFit:
    classes = group.windows.counts.shape[1]
    demand, growth = found[:classes], group.prior.growth
    if group.grows:
        floor = max(float(demand.max()) * 1e-6, 1e-12)
        growth = found[classes : 2 * classes] / (group.reach * np.maximum(demand, floor))
    return GroupFit(demand, growth, float(found[-2]), float(found[-1]))


def condition(rows: FloatArray) -> float:
    """Condition number of weighted rows, each column brought to one length; columns of nothing are left out."""
    length = np.linalg.norm(rows, axis=0)
    return float(np.linalg.cond(rows[:, length > 0.0] / length[length > 0.0])) if (length > 0.0).any() else np.inf


def log_share(group: Group, matrix: FloatArray, scale: float) -> FloatArray:
    """The log's share in the precision of each demand, from 0 to 1."""
    covariance = np.linalg.pinv(matrix.T @ matrix)
    classes = group.windows.counts.shape[1]
    rests = np.zeros(classes)
    for place in np.flatnonzero(group.prior.seconds > 0.0):
        of = np.zeros(matrix.shape[1])
        of[place] = 1.0
        firm = 1.0 / (rule("calibration.log_error") * max(scale, 1e-12) * group.prior.seconds[place])
        rests[place] = np.clip(firm * firm * (of @ covariance @ of), 0.0, 1.0)
    return rests


def predicted_cpu(group: Group, part: GroupFit, busy: float, slope: float) -> FloatArray:
    """CPU seconds of each window as the fit has them."""
    load = group.load(part.demand, part.growth) * group.factor(busy, slope)
    found: FloatArray = load + part.background * group.windows.seconds
    return found


def reweighted(group: Group, part: GroupFit, busy: float, slope: float) -> Group:
    """Standard errors of the windows: the spread of their requests, a common error, and the clock's tick.

    They are then brought to the size of the residuals, so that the log weighs what it should beside them.
    """
    predicted = predicted_cpu(group, part, busy, slope)
    spread = group.windows.counts @ (part.demand * group.prior.cv) ** 2
    sigma = np.sqrt(spread + (rule("calibration.drift") * predicted) ** 2 + TICK_S**2)
    free = max(1, len(sigma) - group.windows.counts.shape[1] - 1)
    size = np.sqrt(float((((group.windows.cpu_s - predicted) / sigma) ** 2).sum()) / free)
    return replace(group, sigma=sigma * max(size, 0.1))
