"""CPU demand of each request class, and how sure it is.

The fit is that of ``utilisation_law``. Intervals are percentiles of a bootstrap: blocks of windows within steps
(Kuensch 1989), the log's figures and what is believed of the contention drawn from their own errors, and a common error
of each step as large as the steps show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dfr_sizing.calibration.utilisation_law import (
    Fit,
    Group,
    Prior,
    Shared,
    condition,
    equations,
    first_guess,
    group_of,
    improved,
    log_share,
    predicted_cpu,
    reweighted,
)
from dfr_sizing.calibration.windows import Windows
from dfr_sizing.drivers import rule
from dfr_sizing.interval import Interval
from dfr_sizing.simulation.draw import generator
from dfr_sizing.simulation.system import FloatArray

ITERATIONS = 8
"""Gauss-Newton steps of the fit; it settles in three or four. The bootstrap starts where the fit ended."""
AGAIN = 3
LEAST_BLOCKS = 2.0
"""Fewer blocks a step tell nothing of their spread."""
LEAST_FREE = 0.25
"""With fewer steps than that for each number of the fit, the steps' common error is not stretched any further."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A class's demand: seconds of CPU with 95 % intervals, growth with the table, share that rests on the log."""

    app: Interval
    database: Interval
    growth: Interval
    app_rests: float
    database_rests: float


@dataclass(frozen=True, slots=True)
class Demands:
    """The fit and its intervals, by class in the order of the windows' columns.

    ``conditions`` are the condition numbers of both groups' windows, ``step_error`` the root mean square of
    the steps' residuals, ``step_sd`` what of it is an error common to a step's windows; both as fractions.
    """

    fit: Fit
    by_class: tuple[Demand, ...]
    shared: tuple[Interval, Interval, Interval]
    conditions: tuple[float, float]
    step_error: float
    step_sd: float


def fit_demands(
    app: Windows,
    database: Windows,
    priors: tuple[Prior, Prior],
    believed: Shared,
    seed: int,
    samples: int | None = None,
) -> Demands:
    """Demands of all classes with their intervals. ``believed``: the contention where the windows cannot tell it."""
    groups = (group_of(app, priors[0], grows=False), group_of(database, priors[1], grows=True))
    fit = first_guess(groups, believed)
    for _ in range(ITERATIONS):
        fit = improved(groups, fit, believed)
        app_group = reweighted(groups[0], fit.app, fit.shared.app_busy, fit.shared.slope)
        database_group = reweighted(groups[1], fit.database, fit.shared.database_busy, fit.shared.slope)
        groups = (app_group, database_group)
    step_error, step_sd = _step_errors(groups, fit)
    count = int(rule("calibration.bootstraps")) if samples is None else samples
    drawn = [_resampled(groups, fit, believed, step_sd, seed, number) for number in range(count)]
    stretch = _stretch(groups)
    shared = [interval_of(fit.shared[place], [one.shared[place] for one in drawn], stretch) for place in range(3)]
    matrices = [
        equations(group, part, busy, fit.shared.slope)[0]
        for group, part, busy in zip(groups, (fit.app, fit.database), fit.shared[:2], strict=True)
    ]
    rests = [
        log_share(group, matrix, part.scale)
        for group, matrix, part in zip(groups, matrices, (fit.app, fit.database), strict=True)
    ]
    conditions = [condition(matrix[: len(group.windows)]) for group, matrix in zip(groups, matrices, strict=True)]
    return Demands(
        fit=fit,
        by_class=_by_class(fit, drawn, rests, stretch),
        shared=(shared[0], shared[1], shared[2]),
        conditions=(conditions[0], conditions[1]),
        step_error=step_error,
        step_sd=step_sd,
    )


def _step_errors(groups: tuple[Group, Group], fit: Fit) -> tuple[float, float]:
    """The steps' residuals, and the standard deviation of their common errors beyond what their windows explain.

    The fit has bent to part of these errors, as many as it has numbers: they are counted by what was left free.
    """
    common, explained = [], []
    parts = ((fit.app, fit.shared.app_busy), (fit.database, fit.shared.database_busy))
    for group, (part, busy) in zip(groups, parts, strict=True):
        predicted = predicted_cpu(group, part, busy, fit.shared.slope)
        for step in np.unique(group.windows.step):
            inside = group.windows.step == step
            if inside.sum() > 1 and predicted[inside].sum() > 0.0:
                ratio = (group.windows.cpu_s - predicted)[inside] / predicted[inside].mean()
                common.append(float(ratio.mean()) ** 2)
                explained.append(float(ratio.var(ddof=1)) / inside.sum())
    if not common:
        return 0.0, 0.0
    numbers = sum(group.windows.counts.shape[1] * (2 if group.grows else 1) + 1 for group in groups) + len(fit.shared)
    free = max(LEAST_FREE, 1.0 - numbers / len(common))
    variance = sum(common) / len(common) / free - sum(explained) / len(explained)
    return math.sqrt(sum(common) / len(common)), math.sqrt(max(0.0, variance))


def _resampled(groups: tuple[Group, Group], fit: Fit, believed: Shared, step_sd: float, seed: int, number: int) -> Fit:
    """The fit of one bootstrap sample."""
    rng = generator(seed, "bootstrap", number)
    error = rule("calibration.log_error")
    steps = int(max(group.windows.step.max() for group in groups)) + 1
    drift = np.exp(step_sd * rng.standard_normal(steps))
    choice = rng.random((steps, max(len(group.windows) for group in groups)))
    sampled = []
    for group in groups:
        log = group.prior.seconds * np.exp(error * rng.standard_normal(len(group.prior.seconds)))
        growth = np.maximum(0.0, group.prior.growth + error * rng.standard_normal(len(log)))
        prior = group.prior._replace(seconds=log, growth=growth if group.grows else group.prior.growth)
        windows = replace(group.windows, cpu_s=group.windows.cpu_s * drift[group.windows.step])
        sampled.append(replace(group, windows=windows, prior=prior, times=_times(group.windows, choice)))
    spread = rule("calibration.contention_error")
    drawn = Shared(*(max(0.0, value + spread * float(rng.standard_normal())) for value in believed))
    told = groups[0].windows.lone.any() and not groups[0].windows.lone.all()
    held = Shared(believed.app_busy, believed.database_busy, drawn.slope) if not told else drawn
    again = fit
    for _ in range(AGAIN):
        again = improved((sampled[0], sampled[1]), again, held)
    return again


def _times(windows: Windows, choice: FloatArray) -> FloatArray:
    """How often each window is in the sample: blocks of neighbours, drawn within their step, with replacement."""
    times = np.zeros(len(windows))
    block = int(rule("calibration.block_windows"))
    for step in np.unique(windows.step):
        rows = np.flatnonzero(windows.step == step)
        length = min(block, len(rows))
        starts = (choice[step, : -(-len(rows) // length)] * len(rows)).astype(np.int64)
        taken = (starts[:, None] + np.arange(length)[None, :]).ravel()[: len(rows)] % len(rows)  # round the end
        times[rows] = np.bincount(taken, minlength=len(rows))
    return times


def _stretch(groups: Sequence[Group]) -> float:
    """What the bootstrap's spread is short of: b blocks of a step vary about their own mean by (b - 1)/b of it."""
    windows = groups[0].windows
    blocks = max(LEAST_BLOCKS, len(windows) / len(np.unique(windows.step)) / rule("calibration.block_windows"))
    return float((blocks / (blocks - 1.0)) ** 0.5)


def _by_class(fit: Fit, drawn: Sequence[Fit], rests: Sequence[FloatArray], stretch: float) -> tuple[Demand, ...]:
    def between(group: int, field: str, place: int) -> Interval:
        def of(one: Fit) -> float:
            return float(getattr(one.app if group == 0 else one.database, field)[place])

        return interval_of(of(fit), [of(one) for one in drawn], stretch)

    return tuple(
        Demand(
            app=between(0, "demand", place),
            database=between(1, "demand", place),
            growth=between(1, "growth", place),
            app_rests=float(rests[0][place]),
            database_rests=float(rests[1][place]),
        )
        for place in range(len(fit.app.demand))
    )


def interval_of(value: float, drawn: Sequence[float], stretch: float = 1.0) -> Interval:
    """A value, not negative, with the 95 % interval of its bootstrap."""
    if not len(drawn):
        return Interval.exactly(value)
    low, high = (float(end) for end in value + stretch * (np.quantile(drawn, [0.025, 0.975]) - value))
    return Interval(min(max(0.0, low), value), value, max(high, value))
