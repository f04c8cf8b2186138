"""Availability by rate of failure and time of repair, to first order, with its single points of failure.

In a long run each kind of failure is an alternating renewal process: up for 1/rate on average, then down for the time
of repair, so it is up for 1 / (1 + rate x repair) of it (Barlow and Proschan, Mathematical Theory of Reliability, 1965,
chapter 3). Kinds are independent, so the shares multiply. What is promised is a year, and a single year has luck: as
many incidents of each kind as a Poisson process with its rate brings, each with its own time of repair, their sum lost.

Each draw is a year with one rate of each kind: the range holds what is not known about it. Outages that overlap, and
failures that find the standby gone, are left to the simulation (``years.py``); they hardly show in these figures.
Software that fails and releases that go wrong are always in series: no copy helps there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dfr_sizing.interval import Interval
from dfr_sizing.recovery.draws import DRAWS, USUAL_LEVEL, FloatArray, Sampler, spread, stream
from dfr_sizing.recovery.failures import EACH_HOST, PER_YEAR, exposed_to, name_at
from dfr_sizing.recovery.paths import MINUTES_PER_HOUR, durations, has_standby
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import Availability, Failure, RecoveryInput, Strategy

IntArray = npt.NDArray[np.int64]

HOURS_PER_YEAR = 8760.0
_MINUTES_PER_YEAR = HOURS_PER_YEAR * MINUTES_PER_HOUR


def availability(
    strategy: Strategy, inputs: RecoveryInput, seed: int, rates: Rates | None = None, level: float = USUAL_LEVEL
) -> Availability:
    """The share of a year in which users are served, planned maintenance apart; ``level`` is that of ``sure``."""
    sampler = Sampler(seed, rates or shipped_rates())
    minutes = {
        failure: np.sum(list(durations(strategy, failure, inputs, sampler).values()), axis=0)
        for failure in exposed_to(inputs)
    }
    asked = (0.05, 0.5, 0.95, round(1.0 - level, 9))
    p05, p50, p95, sure = (float(value) for value in np.quantile(_single_years(minutes, inputs, sampler), asked))
    mean = float(_long_run(minutes, inputs, sampler).mean())
    refund = _refund_threshold(strategy, inputs, sampler.rates)
    return Availability(p05, p50, p95, mean, sure, single_points(strategy, inputs), refund)


def _long_run(minutes: Mapping[Failure, FloatArray], inputs: RecoveryInput, sampler: Sampler) -> FloatArray:
    """Availability in the long run, one value a draw."""
    up = np.ones(DRAWS)
    for failure, repair in minutes.items():
        a_year = per_year(failure, inputs, sampler) * _units(failure, inputs)
        up /= 1.0 + a_year * repair / _MINUTES_PER_YEAR
    return up


def _single_years(minutes: Mapping[Failure, FloatArray], inputs: RecoveryInput, sampler: Sampler) -> FloatArray:
    """Availability of one year each, one value a draw."""
    down = np.zeros(DRAWS)
    for failure, repair in minutes.items():
        rate = sampler.rates.interval(name_at(failure, PER_YEAR, inputs.place))
        years, draws = _struck(rate, sampler.seed, failure, _units(failure, inputs))
        down += np.bincount(years, repair[draws], DRAWS)
    return np.maximum(0.0, 1.0 - down / _MINUTES_PER_YEAR)


@lru_cache(maxsize=128)
def _struck(rate: Interval, seed: int, failure: Failure, units: int) -> tuple[IntArray, IntArray]:
    """The year and the draw of each incident of a kind; kept, for every strategy meets the same ones."""
    a_year = spread(rate, stream(seed, f"recovery/failure-{failure}").standard_normal(DRAWS))
    luck = stream(seed, f"recovery/luck-{failure}")
    years = np.repeat(np.arange(DRAWS), luck.poisson(a_year * units))
    return years, luck.integers(DRAWS, size=len(years))


def _units(failure: Failure, inputs: RecoveryInput) -> int:
    return inputs.application_nodes if failure in EACH_HOST else 1


def per_year(failure: Failure, inputs: RecoveryInput, sampler: Sampler) -> FloatArray:
    """How often one unit of a kind fails, one value a draw."""
    return sampler.draw(name_at(failure, PER_YEAR, inputs.place), f"failure-{failure}")


def single_points(strategy: Strategy, inputs: RecoveryInput) -> tuple[str, ...]:
    """What nothing stands beside: its loss alone stops the service until it is mended, replaced or restored."""
    points = ["one load balancer"]
    if inputs.overseas:
        points.append("the cable to an overseas host")
    if not inputs.in_cloud and strategy is not Strategy.HOT_STANDBY:
        points.append("the site's power")
    if inputs.application_nodes == 1:
        points.append("one application host")
    if not has_standby(strategy, inputs):
        points.append("one database without a standby")
        points.append("one zone" if inputs.in_cloud else "one server room")
    if strategy is Strategy.BACKUP_RESTORE:
        points.append("one site")
    return tuple(points)


def _refund_threshold(strategy: Strategy, inputs: RecoveryInput, rates: Rates) -> float | None:
    """Database times application host, from the agreements; only AWS's are in the data."""
    if inputs.provider != "aws" or not inputs.managed:
        return None
    zones = "two_zones" if has_standby(strategy, inputs) else "one_zone"
    return rates.exact(f"sla.aws.database_{zones}") * rates.exact("sla.aws.instance")
