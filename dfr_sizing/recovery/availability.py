"""Availability by rate of failure and time of repair, to first order, with its single points of failure.

Each kind of failure, and each part in series, is an alternating renewal process: up for 1/rate on average, then down
for the time of repair, so it is up for 1 / (1 + rate x repair) of a long run (Barlow and Proschan, Mathematical Theory
of Reliability, 1965, chapter 3). Kinds are independent, so the shares multiply. Each draw takes one rate and one
repair: the range holds what is not known about both and how incidents differ. The luck of single years is not in it,
nor a failover that fails. Software that fails and releases that go wrong are always in series: no copy helps there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dfr_sizing.errors import InputError
from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.paths import durations, has_standby
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import Availability, Failure, RecoveryInput, Strategy

SERIAL_PARTS = {
    "load-balancer": "one load balancer",
    "cable": "the cable to an overseas host",
    "power": "the site's power",
}
"""Parts that can stand in series with the deployment: their name in the data file, and their name for people."""

_SOFTWARE = "software"
_HOURS_PER_YEAR = 8760.0
_MINUTES_PER_YEAR = _HOURS_PER_YEAR * 60.0


def availability(
    strategy: Strategy, inputs: RecoveryInput, serial_parts: Iterable[str], seed: int, rates: Rates | None = None
) -> Availability:
    """The share of time in which users are served, planned maintenance apart.

    Raises ``InputError`` if a serial part is not one of ``SERIAL_PARTS``.
    """
    parts = tuple(dict.fromkeys(serial_parts))
    for part in parts:
        if part not in SERIAL_PARTS:
            raise InputError("serial part", part, f"one of {', '.join(SERIAL_PARTS)}", "leave it out or rename it")
    sampler = Sampler(seed, rates or shipped_rates())
    up = np.prod(
        [_up_of_failure(strategy, failure, inputs, sampler) for failure in Failure]
        + [_up_of_part(part, sampler) for part in (*parts, _SOFTWARE)],
        axis=0,
    )
    p05, p50, p95 = (float(value) for value in np.quantile(up, (0.05, 0.5, 0.95)))
    return Availability(
        p05, p50, p95, _single_points(strategy, inputs, parts), _refund_threshold(strategy, inputs, sampler.rates)
    )


def _up_of_failure(strategy: Strategy, failure: Failure, inputs: RecoveryInput, sampler: Sampler) -> FloatArray:
    repair_minutes = np.sum(list(durations(strategy, failure, inputs, sampler).values()), axis=0)
    match failure:
        case Failure.NODE:
            name, hosts = "failure.node_per_year", inputs.application_nodes
        case Failure.DATABASE_HOST:
            name, hosts = "failure.node_per_year", 1
        case Failure.CORRUPTION:
            name, hosts = "failure.corruption_per_year", 1
        case _:
            name, hosts = f"failure.{failure}.{inputs.place}_per_year", 1
    per_year = sampler.draw(name, f"failure-{failure}") * hosts
    return np.asarray(1.0 / (1.0 + per_year * repair_minutes / _MINUTES_PER_YEAR), dtype=np.float64)


def _up_of_part(part: str, sampler: Sampler) -> FloatArray:
    per_year = sampler.draw(f"part.{part}.failures_per_year", f"failure-{part}")
    hours = sampler.draw(f"part.{part}.repair_hours", f"repair-{part}")
    return np.asarray(1.0 / (1.0 + per_year * hours / _HOURS_PER_YEAR), dtype=np.float64)


def _single_points(strategy: Strategy, inputs: RecoveryInput, parts: tuple[str, ...]) -> tuple[str, ...]:
    points = [SERIAL_PARTS[part] for part in parts]
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
