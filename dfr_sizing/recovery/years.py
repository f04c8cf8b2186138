"""Availability of single years as a distribution, by simulated lives, each figure with its confidence interval.

Strata weigh as much as they are probable. The interval of a share puts Wilson's intervals of the strata together
(Zou and Donner, Statistics in Medicine 27, 2008: the variance is recovered from each stratum's limits), so that a
stratum in which all years are alike still has a width. A quantile's interval is read where that of its share ends
(Woodruff, JASA 47, 1952). A mean's is the usual one of stratified samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

import numpy as np

from dfr_sizing.recovery.availability import HOURS_PER_YEAR
from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.life import Answers, Life, Lived
from dfr_sizing.recovery.paths import MINUTES_PER_HOUR
from dfr_sizing.recovery.rates import Rates
from dfr_sizing.recovery.strata import Effort, Stratum, strata
from dfr_sizing.recovery.types import Bounded, Failure, Promises, RecoveryInput, Strategy

USUAL = Effort()


@dataclass(frozen=True, slots=True)
class Cause:
    """What one kind of failure does: times a year, hours a year that users wait, share of all such hours."""

    failure: Failure
    per_year: float
    hours_per_year: Bounded
    share: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """One stratum: its probability, its years, and the share of them that keep the promise of availability."""

    name: str
    probability: float
    years: int
    kept_share: float


@dataclass(frozen=True, slots=True)
class Years:
    """Many years of a deployment. Shares of 1, each with its interval at ``confidence``.

    ``p05``, ``p50`` and ``p95`` are quantiles of the availability of one year, ``mean`` is that of a long run.
    ``available`` is the share of years that keep the promise of availability, ``back_in_time`` of those in which every
    recovery kept the RTO, ``nothing_more_lost`` the RPO. ``causes`` are ordered by the hours that they cost.
    """

    strategy: Strategy
    p05: Bounded
    p50: Bounded
    p95: Bounded
    mean: Bounded
    available: Bounded
    back_in_time: Bounded
    nothing_more_lost: Bounded
    causes: tuple[Cause, ...]
    strata: tuple[Simulated, ...]
    confidence: float

    @property
    def simulated(self) -> int:
        """Years that were simulated."""
        return sum(stratum.years for stratum in self.strata)


def simulate_years(
    strategy: Strategy, inputs: RecoveryInput, promises: Promises, seed: int, rates: Rates, effort: Effort = USUAL
) -> Years:
    """Let a deployment live through many years. Pure: the same seed gives the same years, whatever the strategy."""
    sampler = Sampler(seed, rates)
    drawn = strata(inputs, sampler, effort)
    answers = Answers(strategy, inputs, sampler)
    return _told(strategy, drawn, [lives(stratum, answers) for stratum in drawn], promises)


def lives(stratum: Stratum, answers: Answers) -> tuple[Lived, ...]:
    """Every year of a stratum, lived through."""
    return tuple(Life(answers).lived(incidents) for incidents in stratum.years)


def _told(strategy: Strategy, drawn: Sequence[Stratum], lived: Sequence[Sequence[Lived]], promises: Promises) -> Years:
    weights = np.array([stratum.probability for stratum in drawn])
    up = [np.array([max(0.0, 1.0 - life.down_h / HOURS_PER_YEAR) for life in years]) for years in lived]
    rto_h, level = promises.rto_minutes / MINUTES_PER_HOUR, promises.confidence
    in_time = [np.array([all(o.hours <= rto_h for o in life.outages) for life in years]) for years in lived]
    kept = [
        np.array([all(o.lost_minutes <= promises.rpo_minutes for o in life.outages) for life in years])
        for years in lived
    ]
    p05, p50, p95 = quantiles(weights, up, (0.05, 0.5, 0.95), level)
    return Years(
        strategy=strategy,
        p05=p05,
        p50=p50,
        p95=p95,
        mean=mean(weights, up, level),
        available=share(weights, [values >= promises.availability for values in up], level),
        back_in_time=share(weights, in_time, level),
        nothing_more_lost=share(weights, kept, level),
        causes=_causes(weights, lived, level),
        strata=tuple(
            Simulated(stratum.name, stratum.probability, len(values), float((values >= promises.availability).mean()))
            for stratum, values in zip(drawn, up, strict=True)
        ),
        confidence=level,
    )


def share(weights: FloatArray, kept: Sequence[np.ndarray[tuple[int], np.dtype[np.bool_]]], level: float) -> Bounded:
    """The share of years in which something holds, strata weighed."""
    counts = np.array([values.sum() for values in kept], dtype=np.float64)
    value, low, high = _share(weights, counts, np.array([len(values) for values in kept], dtype=np.float64), level)
    return Bounded(float(value), float(low), float(high))


def _share(
    weights: FloatArray, counts: FloatArray, sizes: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shares and their limits; strata along the last axis."""
    z = _z(level)
    shares = counts / sizes
    middle = (shares + z**2 / (2 * sizes)) / (1 + z**2 / sizes)
    half = z / (1 + z**2 / sizes) * np.sqrt(shares * (1 - shares) / sizes + z**2 / (4 * sizes**2))
    value = shares @ weights
    below = np.sqrt((weights * (shares - (middle - half))) ** 2 @ np.ones_like(weights))
    above = np.sqrt((weights * (middle + half - shares)) ** 2 @ np.ones_like(weights))
    return value, np.clip(value - below, 0.0, 1.0), np.clip(value + above, 0.0, 1.0)


def quantiles(
    weights: FloatArray, values: Sequence[FloatArray], asked: Sequence[float], level: float
) -> tuple[Bounded, ...]:
    """Quantiles of the weighted years; where too few years bound one, its limit is the end of the scale, 0 or 1."""
    at = np.unique(np.concatenate(list(values)))
    counts = np.array([np.searchsorted(np.sort(one), at, side="right") for one in values], dtype=np.float64).T
    value, low, high = _share(weights, counts, np.array([len(one) for one in values], dtype=np.float64), level)
    scale = np.concatenate([at, [1.0]])
    found = []
    for q in asked:
        middle, first, last = (int(np.searchsorted(np.maximum.accumulate(of), q)) for of in (value, high, low))
        lowest = 0.0 if first == 0 and high[0] > q else float(scale[first])
        found.append(Bounded(float(scale[min(middle, len(at) - 1)]), lowest, float(scale[last])))
    return tuple(found)


def mean(weights: FloatArray, values: Sequence[FloatArray], level: float) -> Bounded:
    """The mean of the weighted years, of something that is never below 0."""
    value = float(sum(weight * one.mean() for weight, one in zip(weights, values, strict=True)))
    spread = sum(
        weight**2 * one.var(ddof=1) / len(one) for weight, one in zip(weights, values, strict=True) if len(one) > 1
    )
    half = _z(level) * math.sqrt(float(spread))
    return Bounded(value, max(0.0, value - half), value + half)


def _causes(weights: FloatArray, lived: Sequence[Sequence[Lived]], level: float) -> tuple[Cause, ...]:
    """Hours are each outage's own: where two overlap, both are counted."""
    struck = {outage.failure for years in lived for life in years for outage in life.outages}
    hours = {failure: mean(weights, _hours_of(failure, lived), level) for failure in Failure if failure in struck}
    times = _times(weights, lived)
    together = sum(of.value for of in hours.values())
    found = [
        Cause(failure, times[failure], of, of.value / together if together else 0.0) for failure, of in hours.items()
    ]
    return tuple(sorted(found, key=lambda cause: -cause.hours_per_year.value))


def _hours_of(failure: Failure, lived: Sequence[Sequence[Lived]]) -> list[FloatArray]:
    return [
        np.array([sum(outage.hours for outage in life.outages if outage.failure is failure) for life in years])
        for years in lived
    ]


def _times(weights: FloatArray, lived: Sequence[Sequence[Lived]]) -> Mapping[Failure, float]:
    times = dict.fromkeys(Failure, 0.0)
    for weight, years in zip(weights, lived, strict=True):
        for life in years:
            for outage in life.outages:
                times[outage.failure] += float(weight) / len(years)
    return MappingProxyType(times)


def _z(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2.0)
