"""Poisson arrivals to processors shared equally by all who want to run.

All results hold for every distribution of the demand with the same mean (insensitivity), and a job's mean response is
in proportion to its own demand. Both follow from product form in a symmetric queue: Cohen, The Multiple Phase Service
Network with Generalized Processor Sharing, Acta Informatica 12 (1979); Kelly, Reversibility and Stochastic Networks
(1979), section 3.3.

Left out: unequal shares, scheduling quanta and their cost, jobs of several threads, a limit on the jobs admitted, and
anything but means (the distribution of the response is sensitive to that of the demand).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.simulation.system import FloatArray

NEGLIGIBLE = math.log(1e-15)
"""Log of a weight below which a float's sum does not see it."""


def ps_mean_number(
    arrival_rate: float, mean_service_s: float, capacity: Callable[[int], float], full_at: int = 4096
) -> float:
    """Mean jobs present where n of them together get ``capacity(n)`` seconds of work done a second, in equal shares.

    P(n) is in proportion to the product over k <= n of load / capacity(k) (Cohen 1979; Kelly 1979, section 3.3).
    ``capacity`` is taken as constant from ``full_at`` jobs on, and the sum beyond closed as a geometric series; ``inf``
    where that last capacity does not exceed the load. ``Cpu.capacity`` of the simulation fits as it is.
    """
    weight, ratio = _weights(arrival_rate, mean_service_s, capacity, full_at)
    if ratio >= 1.0:
        return math.inf
    # beyond the last weight w: w r + w r^2 + ..., with jobs full_at + 1, full_at + 2, ...
    tail = float(weight[-1]) * ratio / (1.0 - ratio)
    jobs_in_tail = tail * (full_at + 1.0 / (1.0 - ratio))
    return (float(weight @ np.arange(full_at + 1)) + jobs_in_tail) / (float(weight.sum()) + tail)


def ps_average(
    arrival_rate: float,
    mean_service_s: float,
    capacity: Callable[[int], float],
    of: Callable[[int], float],
    full_at: int = 4096,
) -> float:
    """Mean of a function ``of`` the jobs present, which is also what a job that arrives finds on average (PASTA).

    Parameters as in ``ps_mean_number``; the tail is summed until what is left weighs less than 1e-15. ``inf`` at or
    above full load. ``of`` may grow no faster than a power of the number.
    """
    weight, ratio = _weights(arrival_rate, mean_service_s, capacity, full_at)
    if ratio >= 1.0:
        return math.inf
    more = math.ceil(NEGLIGIBLE / math.log(ratio)) if ratio > 0.0 else 0
    weight = np.concatenate((weight, weight[-1] * ratio ** np.arange(1, more + 1)))
    return float(weight @ np.array([of(n) for n in range(len(weight))])) / float(weight.sum())


def ps_slowdown(
    arrival_rate: float, mean_service_s: float, capacity: Callable[[int], float], full_at: int = 4096
) -> float:
    """Mean response of a job for each second of its demand: a job of x seconds takes x times this on average.

    Little's law for the jobs of one size, whose share of those present is their share of the load (Kelly 1979,
    section 3.3). Parameters as in ``ps_mean_number``; 1 / capacity(1) where nothing arrives.
    """
    number = ps_mean_number(arrival_rate, mean_service_s, capacity, full_at)
    load = _load(arrival_rate, mean_service_s)
    return number / load if load > 0.0 else 1.0 / capacity(1)


def mg1_ps_mean_response(arrival_rate: float, mean_service_s: float) -> float:
    """Mean response in seconds of M/G/1 with processor sharing: service / (1 - load).

    Kleinrock, Queueing Systems II (1976), section 4.4. ``inf`` at or above full load.
    """
    load = _load(arrival_rate, mean_service_s)
    return mean_service_s / (1.0 - load) if load < 1.0 else math.inf


def mgc_ps_mean_response(arrival_rate: float, mean_service_s: float, cores: float) -> float:
    """Mean response in seconds where jobs of one thread share ``cores`` (whole or not): ``mmc``'s mean, any demand.

    n jobs get min(n, cores) seconds of work a second (Cohen 1979; Kelly 1979, section 3.3): the same number present
    as in M/M/c where cores are whole. ``inf`` at or above full load.
    """
    checks.above_zero("cores", cores)
    slowdown = ps_slowdown(arrival_rate, mean_service_s, lambda n: min(n, cores), full_at=math.ceil(cores))
    return mean_service_s * slowdown


def _weights(
    arrival_rate: float, mean_service_s: float, capacity: Callable[[int], float], full_at: int
) -> tuple[FloatArray, float]:
    """Weights of 0 to ``full_at`` jobs, the largest 1, and the ratio of each weight beyond to the one before."""
    load = _load(arrival_rate, mean_service_s)
    checks.whole("full_at", full_at, least=1)
    capacities = np.array([capacity(n) for n in range(1, full_at + 1)], dtype=np.float64)
    if not np.all(capacities > 0.0):
        raise ValueError(f"capacity reaches {capacities.min()}, but must be > 0 for every number of jobs")
    if load == 0.0:
        return np.concatenate(([1.0], np.zeros(full_at))), 0.0
    log_weight = np.concatenate(([0.0], np.cumsum(math.log(load) - np.log(capacities))))
    return np.exp(log_weight - log_weight.max()), load / float(capacities[-1])


def _load(arrival_rate: float, mean_service_s: float) -> float:
    checks.at_least_zero("arrival_rate", arrival_rate)
    checks.above_zero("mean_service_s", mean_service_s)
    return arrival_rate * mean_service_s
