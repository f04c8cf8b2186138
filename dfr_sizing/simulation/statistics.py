"""Output statistics: where the warm-up ends, and how sure a mean or a quantile is.

A share of requests (those within x seconds) and a mean are both ratios of sums over batches, so one formula gives their
standard error. A quantile's interval is read from the pooled observations where the interval of that share ends
(Woodruff 1952). No batch has a quantile of its own, so there is no bias of batch quantiles (Nakayama 2014), and a batch
may hold few requests of a rare class or none.

Batches are spans of time within independent replications. They are merged while von Neumann's ratio says that
neighbours hang together (Fishman 1978; as SEQUEST does, Alexopoulos et al. 2019), at the end to one per replication:
those are independent by their seeds. Controls are sums of known mean zero, used by regression (Lavenberg & Welch 1981).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dfr_sizing.simulation.ordered import Ordered
from dfr_sizing.simulation.system import FloatArray, IntArray

FEWEST_BEYOND = 20
"""Observations beyond a quantile from which on the normal law is good for their number; below, the binomial is used."""

MOST_BATCHES = 64
"""More batches than this add nothing to Student's quantile, and shorter ones hang together more."""

FEWEST_FOR_SUM = 8
"""Observations from which a sum of several is told: it is ruled by their mean, less by their law than a quantile."""

CORRELATED_AT = 0.2
"""Level of the one-sided test of von Neumann at which neighbouring batches are merged (0.2 as in SEQUEST)."""

NARROWEST, WIDEST = 0.75, 2.0
"""What skewness may make of either side of an interval: it is itself but an estimate, and narrowing on its word is what
loses coverage (p99 of M/M/3 in 8 replications: 92.5 % when it might halve a side)."""

BATCHES_PER_CONTROL = 6
"""A regression on controls needs so many batches for each, or its coefficients are noise."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; ``low <= value <= high``. ``n`` observations stand behind it.

    ``high`` is infinite where ``n`` is too few for an upper bound at the confidence asked for.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the interval over the value; infinite where there is no upper bound."""
        return (self.high - self.low) / 2 / self.value if self.value else 0.0

    @property
    def bounded(self) -> bool:
        """Whether there is an upper bound."""
        return self.high < float("inf")

    def scaled(self, factor: float, shift: float = 0.0) -> Estimate:
        """The estimate times a factor, plus a constant."""
        return Estimate(self.value * factor + shift, self.low * factor + shift, self.high * factor + shift, self.n)


NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0)
"""The estimate of no observations."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Observations in the order of their batches.

    ``counts`` is how many each batch holds, ``replication`` which replication it belongs to (in order), ``controls``
    (one row each) the sums over its observations of something whose mean is zero.
    """

    values: npt.NDArray[np.floating[Any]]
    counts: IntArray
    replication: IntArray
    controls: FloatArray

    @classmethod
    def of(cls, batches: Sequence[FloatArray]) -> Sample:
        """Batches that are independent: each a replication of its own, without controls."""
        counts = np.array([len(batch) for batch in batches], dtype=np.int64)
        values = np.concatenate(list(batches)) if len(batches) else np.empty(0)
        return cls(values, counts, np.arange(len(counts)), np.empty((0, len(counts))))

    def sums(self, of_each: npt.NDArray[Any]) -> FloatArray:
        """Per batch, the sum of what each observation has."""
        found = np.zeros(len(self.counts))
        filled = self.counts > 0
        if filled.any():
            starts = np.concatenate(([0], np.cumsum(self.counts[filled])[:-1]))
            found[filled] = np.add.reduceat(of_each, starts, dtype=np.float64)
        return found

    def with_controls(self, rows: Sequence[int]) -> Sample:
        """Only these of the controls."""
        return replace(self, controls=self.controls[list(rows)])


@dataclass(frozen=True, slots=True)
class Ratio:
    """How sure a ratio of sums over batches is: what controls add to it, its standard error, degrees of freedom.

    ``skewness`` is that of the batches.
    """

    shift: float
    error: float
    freedom: int
    skewness: float = 0.0

    def ends(self, confidence: float) -> tuple[float, float]:
        """How far the interval reaches down and up: Student's, bent by the skewness of the batches (Willink 2005).

        Congestion comes in bursts, so that most runs see a little less of it than the mean and few see much more; a
        symmetric interval then lies too low (as Skart does, Tafazzoli & Wilson 2011). Infinite without a degree of
        freedom. The bend is that of 95 %: further out the expansion behind it does not hold.
        """
        if self.freedom < 1:
            return float("inf"), float("inf")
        student = float(_special().stdtrit(self.freedom, (1 + confidence) / 2))
        bend = self.skewness / 6.0 / (self.freedom + 1) ** 0.5
        if abs(bend) < 1e-6:
            return student * self.error, student * self.error

        usual = float(_special().stdtrit(self.freedom, 0.975))

        def bent(at: float) -> float:
            far = abs(float(np.cbrt(1.0 + 6.0 * bend * (at - bend))) - 1.0) / abs(2.0 * bend)
            return float(min(max(far / usual, NARROWEST), WIDEST))

        return bent(usual) * student * self.error, bent(-usual) * student * self.error


def _special() -> Any:
    """scipy.special, imported when first needed: that takes longer than NumPy, and who only simulates needs none."""
    from scipy import special

    return special


def mser5(values: FloatArray) -> int:
    """How many observations to cut at the start: MSER-5 (White, Cobb, Spratt 2000), at most the first half.

    The cut minimises the squared standard error of what remains, over means of five.
    """
    batches = len(values) // 5
    if batches < 4:
        return 0
    return 5 * mser(values[: 5 * batches].reshape(batches, 5).mean(axis=1))


def mser(means: FloatArray) -> int:
    """How many batch means to cut at the start, at most the first half: so that what remains has the least error."""
    batches = len(means)
    # Suffix sums give mean and variance of every remainder in one pass.
    left = np.arange(batches, 0, -1)
    total, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1] ** 2)[::-1]
    error = (squares - total * total / left) / (left * left)
    return int(np.argmin(error[: max(1, batches // 2)]))


def mean_estimate(sample: Sample, confidence: float) -> Estimate:
    """Mean of all observations, with an interval by Student over batches."""
    n = len(sample.values)
    if n == 0:
        return NOTHING
    sums = sample.sums(sample.values)
    found = ratio(sums, sample)
    value = max(0.0, float(sums.sum()) / n + found.shift)
    down, up = found.ends(confidence)
    return Estimate(value, max(0.0, value - down), value + up, n)


def quantile_estimates(sample: Sample, shares: Sequence[float], confidence: float) -> list[Estimate]:
    """The quantiles of all observations, each with an interval; no controls, or one set for all."""
    ordered = Ordered(sample.values)
    return [quantile_estimate(sample, q, confidence, ordered) for q in shares]


def quantile_estimate(sample: Sample, q: float, confidence: float, ordered: Ordered | None = None) -> Estimate:
    """The q-quantile of all observations, with an interval; ``ordered`` are the observations by rank, if at hand.

    The share of requests within the quantile has an interval by Student over batches; the observations where it begins
    and ends are the quantile's. Where few lie beyond the quantile, the interval holds also the order statistics of the
    binomial law (Conover 1999), or, with controls, counts more requests on the wrong side than were seen.
    """
    n = len(sample.values)
    if n == 0:
        return NOTHING
    ordered = Ordered(sample.values) if ordered is None else ordered
    found = ratio(sample.sums(sample.values <= _at(ordered, q)), sample)
    few = n * min(q, 1 - q) < FEWEST_BEYOND
    with_controls = found.freedom > 0 and found.shift != 0.0
    if few:
        found = replace(found, skewness=0.0)  # of a handful of requests: noise
    centre = min(1.0, max(0.0, q - found.shift))
    down, up = found.ends(confidence)
    # Fewer within the value than the share says, and the quantile lies above it.
    if few:
        low, high = _of_few(ordered, q, centre, (down, up), confidence, with_controls=with_controls)
    else:
        low, high = _within(ordered, centre - up), _within(ordered, centre + down)
        if low > 0.0:
            # After a burst the quantile found is too high and few batches go beyond it; more do beyond its lower end,
            # and tell better how far that may be off.
            up = max(up, ratio(sample.sums(sample.values <= low), sample).ends(confidence)[1])
            low = _within(ordered, centre - up)
    value = _at(ordered, centre)
    return Estimate(value, min(value, low), max(value, high), n)


def surely_within(sample: Sample, q: float, limit: float, confidence: float) -> bool:
    """Whether the q-quantile is below ``limit``, by how few observations lie beyond it: a one-sided test.

    The exact upper bound of that share (Clopper & Pearson 1934), for as many independent observations as the spread of
    the batches at the quantile says that there are (design effect, Kish 1965). Where the limit is far off this tells
    sooner than the quantile's interval, whose upper end is then among the very largest of few observations.
    """
    n = len(sample.values)
    if n == 0:
        return False
    bare = sample.with_controls(())
    error = ratio(sample.sums(sample.values <= np.quantile(sample.values, q)), bare).error
    independent = min(float(n), q * (1.0 - q) / error**2) if error > 0.0 else float(n)
    beyond = float((sample.values > limit).sum()) * independent / n
    bound = _special().betaincinv(beyond + 1.0, max(independent - beyond, 1e-9), (1.0 + confidence) / 2.0)
    return bool(bound <= 1.0 - q)


def surely_above(beyond: int, n: int, share: float, confidence: float) -> bool:
    """Whether so many of n independent observations say that more than ``share`` of all are beyond: a one-sided test.

    The exact lower bound (Clopper & Pearson 1934).
    """
    return beyond > 0 and bool(_special().betaincinv(beyond, n - beyond + 1.0, (1.0 - confidence) / 2.0) > share)


def _of_few(
    ordered: Ordered,
    q: float,
    centre: float,
    ends: tuple[float, float],
    confidence: float,
    *,
    with_controls: bool,
) -> tuple[float, float]:
    """An interval where few observations lie beyond the quantile: whole ranks, outwards."""
    n, (down, up) = len(ordered), ends
    # Controls may explain all that was seen of few requests; as many more may be on the wrong side as go unseen at this
    # confidence (the rule of three, Hanley & Lippman-Hand 1983).
    unseen = -math.log((1 - confidence) / 2) if with_controls else 0.0
    low, high = (
        _ordered(ordered, n * (centre - up) - unseen),
        _ordered(ordered, n * (centre + down) + unseen + 1.0),
    )
    if with_controls:
        return low, high
    # Few and far between: nearly independent, and the normal law too narrow and without skew.
    below = float(_special().bdtrik((1 - confidence) / 2, n, q))
    above = float(_special().bdtrik((1 + confidence) / 2, n, q))
    return (
        min(low, _ordered(ordered, np.ceil(below) if np.isfinite(below) else 0.0)),
        max(high, _ordered(ordered, np.ceil(above) + 1.0 if np.isfinite(above) else n + 1.0)),
    )


def _within(ordered: Ordered, share: float) -> float:
    """As _at, but 0 for a share under 0 and infinite for one above 1."""
    if share > 1.0:
        return float("inf")
    return _at(ordered, share) if share >= 0.0 else 0.0


def _at(ordered: Ordered, share: float) -> float:
    """The quantile of sorted observations, between two of them in proportion."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def _ordered(ordered: Ordered, rank: float) -> float:
    """The observation of a rank counted from 1, downwards; 0 before the first, infinite after the last."""
    if not rank < len(ordered) + 1:
        return float("inf")
    return float(ordered[int(rank) - 1]) if rank >= 1 else 0.0


def ratio(sums: FloatArray, sample: Sample) -> Ratio:
    """The standard error of sum(sums) over sum(counts), batches merged until they do not hang together.

    A batch's residual is its sum less what the ratio gives it (the usual linear form of a ratio of means, Cochran
    1977); with controls it is what regression on them leaves.
    """
    counts, controls, replication = sample.counts.astype(np.float64), sample.controls, sample.replication
    n = float(counts.sum())
    while True:
        several = len(replication) > 1 and bool((replication[1:] == replication[:-1]).any())
        if not several or len(sums) <= MOST_BATCHES:
            found, left = _regressed(sums - sums.sum() / n * counts, controls, counts, n)
            if not several or not _correlated(left, replication):
                return found
        pairs = _pairs(replication)
        sums, counts = np.add.reduceat(sums, pairs), np.add.reduceat(counts, pairs)
        controls = np.add.reduceat(controls, pairs, axis=1) if len(controls) else np.empty((0, len(pairs)))
        replication = replication[pairs]


def _regressed(residual: FloatArray, controls: FloatArray, counts: FloatArray, n: float) -> tuple[Ratio, FloatArray]:
    batches, filled = len(residual), int((counts > 0).sum())
    told = [row for row in controls if np.ptp(row) > 0.0][: max(0, filled // BATCHES_PER_CONTROL)]
    if not told:
        square = float(residual @ residual) * batches / max(1, batches - 1)
        return Ratio(0.0, square**0.5 / n, filled - 1, _skewness(residual)), residual
    scales = [float(np.abs(row).max()) for row in told]
    design = np.column_stack((np.ones(batches), *(row / scale for row, scale in zip(told, scales, strict=True))))
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ (design.T @ residual)
    left = residual - design @ coefficients
    # What is left varies more in a batch that saw congestion, so each speaks for itself, made larger by what the
    # regression took from it (HC2: MacKinnon & White 1985). With one variance for all of them, 92 to 93 % of intervals
    # for an Odoo-shaped mean held the truth; with HC3 up to 97.4 % of those for its p99.
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    weights = design @ inverse[0] * left / np.sqrt(np.maximum(1.0 - leverage, 1e-9))
    variance = float(weights @ weights)
    scale = batches / n
    of_all = Ratio(float(coefficients[0]) * scale, variance**0.5 * scale, filled - design.shape[1], _skewness(left))
    return of_all, left


def _skewness(residual: FloatArray) -> float:
    """Third central moment over the standard deviation cubed, corrected for few batches."""
    batches = len(residual)
    if batches < 3:
        return 0.0
    apart = residual - residual.mean()
    square = float(apart @ apart) / batches
    if square <= 0.0:
        return 0.0
    third = float((apart**3).mean())
    return third / math.pow(square, 1.5) * math.sqrt(batches * (batches - 1)) / (batches - 2)


def _correlated(left: FloatArray, replication: IntArray) -> bool:
    """Von Neumann's test over neighbours of one replication: their covariance against that of independent ones."""
    within = replication[1:] == replication[:-1]
    square = float(left @ left) / len(left)
    if square <= 0.0:
        return False
    together = float((left[1:] * left[:-1])[within].sum()) / square
    return bool(together > float(_special().ndtri(1.0 - CORRELATED_AT)) * float(within.sum()) ** 0.5)


def _pairs(replication: IntArray) -> IntArray:
    """Where pairs of neighbours of one replication begin; an odd last one joins none."""
    first = np.flatnonzero(np.concatenate(([True], replication[1:] != replication[:-1])))
    place = np.arange(len(replication)) - np.repeat(first, np.diff(np.append(first, len(replication))))
    return np.flatnonzero(place % 2 == 0)


def sum_in_a_row(sample: Sample, count: int, q: float, confidence: float) -> Estimate:
    """The q-quantile of the sum of ``count`` independent observations, by the first moments (Cornish & Fisher 1938).

    The interval is by Student over the jackknife's pseudo-values, one batch left out at a time (Miller 1974).
    """
    n = len(sample.values)
    if n == 0:
        return NOTHING
    powers = np.array([sample.sums(sample.values**power) for power in (1, 2, 3)])
    totals: FloatArray = powers.sum(axis=1)
    whole = float(_sum_quantile(totals, np.float64(n), count, q))
    filled = sample.counts > 0
    batches = int(filled.sum())
    if batches < 3 or n < FEWEST_FOR_SUM:
        return Estimate(whole, 0.0, float("inf"), n)
    without = totals[:, None] - powers[:, filled]
    left = (n - sample.counts[filled]).astype(np.float64)
    pseudo = batches * whole - (batches - 1) * _sum_quantile(without, left, count, q)
    error = float(np.std(pseudo, ddof=1)) / batches**0.5
    half, _ = Ratio(0.0, error, batches - 1).ends(confidence)
    return Estimate(whole, max(0.0, whole - half), whole + half, n)


def _sum_quantile(powers: FloatArray, n: FloatArray | np.float64, count: int, q: float) -> FloatArray:
    mean = powers[0] / n
    variance = np.maximum(powers[1] / n - mean**2, 0.0)
    third = powers[2] / n - 3.0 * mean * variance - mean**3
    skew = third / np.maximum(variance, 1e-12 * mean**2) ** 1.5 / count**0.5
    z = float(_special().ndtri(q))
    found: FloatArray = count * mean + (count * variance) ** 0.5 * (z + (z * z - 1.0) * skew / 6.0)
    return found
