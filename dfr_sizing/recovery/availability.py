"""Availability by rate of failure and time of repair, to first order, with its single points of failure.

Each kind of failure is an alternating renewal process: up for 1/rate on average, then down
for the time of repair, so it is up for 1 / (1 + rate x repair) of a long run (Barlow and Proschan, Mathematical Theory
of Reliability, 1965, chapter 3). Kinds are independent, so the shares multiply. Each draw takes one rate and one
repair: the range holds what is not known about both and how incidents differ. The luck of single years is not in it
(``years.py`` has that), nor a failover that fails. Software that fails and releases that go wrong are always in series: no copy helps there.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.failures import EACH_HOST, PER_YEAR, exposed_to, name_at
from dfr_sizing.recovery.paths import MINUTES_PER_HOUR, durations, has_standby
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import Availability, Failure, RecoveryInput, Strategy

HOURS_PER_YEAR = 8760.0
_MINUTES_PER_YEAR = HOURS_PER_YEAR * MINUTES_PER_HOUR


def availability(strategy: Strategy, inputs: RecoveryInput, seed: int, rates: Rates | None = None) -> Availability:
    """The share of time in which users are served, planned maintenance apart."""
    sampler = Sampler(seed, rates or shipped_rates())
    up = np.prod([_up(strategy, failure, inputs, sampler) for failure in exposed_to(inputs)], axis=0)
    p05, p50, p95 = (float(value) for value in np.quantile(up, (0.05, 0.5, 0.95)))
    refund = _refund_threshold(strategy, inputs, sampler.rates)
    return Availability(p05, p50, p95, single_points(strategy, inputs), refund)


def _up(strategy: Strategy, failure: Failure, inputs: RecoveryInput, sampler: Sampler) -> FloatArray:
    minutes = np.sum(list(durations(strategy, failure, inputs, sampler).values()), axis=0)
    a_year = per_year(failure, inputs, sampler) * (inputs.application_nodes if failure in EACH_HOST else 1)
    return np.asarray(1.0 / (1.0 + a_year * minutes / _MINUTES_PER_YEAR), dtype=np.float64)


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
