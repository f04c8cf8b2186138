"""Poisson arrivals to servers that take one request each, first come first served.

Left out of every formula here: service times that are not exponential, arrivals that are not Poisson, clients who give
up and come back, servers of unequal speed.

Sources: Kleinrock, Queueing Systems I (1975); Gross, Shortle, Thompson, Harris, Fundamentals of Queueing Theory, 4th
ed. (2008), here GSTH; Denning & Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys
10(3), 1978.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dfr_sizing.analytic import checks


@dataclass(frozen=True, slots=True)
class MmcResult:
    """Steady state of an M/M/c queue; ``utilisation`` is the load over the servers, above 1 where it never settles."""

    utilisation: float
    wait_probability: float
    mean_wait_s: float
    mean_response_s: float
    mean_in_system: float


@dataclass(frozen=True, slots=True)
class MmckResult:
    """Steady state of an M/M/c/K queue; waits and responses are those of the requests that were let in."""

    utilisation: float
    blocking_probability: float
    throughput: float
    mean_wait_s: float
    mean_response_s: float
    mean_in_system: float


def utilisation(arrival_rate: float, demand_s: float, capacity: float = 1.0) -> float:
    """Share of a resource in use: arrivals a second x seconds of work each / seconds of work it does a second.

    The utilisation law (Denning & Buzen 1978), which asks for no distribution. Above 1 means overload.
    """
    checks.at_least_zero("arrival_rate", arrival_rate)
    checks.at_least_zero("demand_s", demand_s)
    checks.above_zero("capacity", capacity)
    return arrival_rate * demand_s / capacity


def erlang_c(servers: int, offered_load: float) -> float:
    """Probability that a request must wait in M/M/c; ``offered_load`` is arrival rate x mean service time, in servers.

    Kleinrock I, section 3.5 (Erlang's C formula). Computed from the recursion of the loss formula, B(k) = a B(k-1) /
    (k + a B(k-1)) (GSTH, section 2.6), which neither overflows nor subtracts. 1 at or above full load.
    """
    checks.whole("servers", servers, least=1)
    checks.at_least_zero("offered_load", offered_load)
    if offered_load >= servers:
        return 1.0
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered_load * blocked / (k + offered_load * blocked)
    return blocked / (1.0 - offered_load / servers * (1.0 - blocked))


def mmc(arrival_rate: float, service_rate: float, servers: int) -> MmcResult:
    """M/M/c: ``arrival_rate`` requests a second to ``servers`` of ``service_rate`` requests a second each.

    Kleinrock I, section 3.5; GSTH, section 2.3. Means are ``inf`` at or above full load.
    """
    spare = _spare_rate(arrival_rate, service_rate, servers)
    must_wait = erlang_c(servers, arrival_rate / service_rate)
    wait = must_wait / spare if spare > 0.0 else math.inf
    response = wait + 1.0 / service_rate
    number = arrival_rate * response
    return MmcResult(arrival_rate / (servers * service_rate), must_wait, wait, response, number)


def mmc_wait_quantile(arrival_rate: float, service_rate: float, servers: int, probability: float) -> float:
    """Seconds that a share ``probability`` of requests wait at most in M/M/c, in order of arrival.

    P(wait > t) = C exp(-(c mu - lambda) t), GSTH, section 2.3. 0 where fewer than the rest have to wait at all.
    """
    checks.below_one("probability", probability)
    spare = _spare_rate(arrival_rate, service_rate, servers)
    if spare <= 0.0:
        return math.inf
    must_wait = erlang_c(servers, arrival_rate / service_rate)
    if must_wait <= 1.0 - probability:
        return 0.0
    return math.log(must_wait / (1.0 - probability)) / spare


def mmc_response_quantile(arrival_rate: float, service_rate: float, servers: int, probability: float) -> float:
    """Seconds that a share ``probability`` of requests take at most in M/M/c, in order of arrival, service included.

    The response is a service time, plus with probability C an exponential wait of rate c mu - lambda that does not
    depend on it (GSTH, section 2.3). The tail is exact; the quantile is found by halving, to the last bit.
    """
    checks.below_one("probability", probability)
    spare = _spare_rate(arrival_rate, service_rate, servers)
    if spare <= 0.0:
        return math.inf
    must_wait = erlang_c(servers, arrival_rate / service_rate)
    slow, fast = sorted((service_rate, spare))

    def excess(t: float) -> float:
        # exp(-slow t) - exp(-fast t) over fast - slow, written so that equal rates need no case of their own
        gap = (fast - slow) * t
        both = math.exp(-slow * t) * t * (-math.expm1(-gap) / gap if gap > 0.0 else 1.0)
        return math.exp(-service_rate * t) + must_wait * service_rate * both - (1.0 - probability)

    if probability == 0.0:
        return 0.0
    high = 1.0 / slow
    while excess(high) > 0.0:
        high *= 2.0
    return _falls_to_zero(excess, high)


def mgc_mean_wait(arrival_rate: float, mean_service_s: float, squared_cv: float, servers: int) -> float:
    """Mean wait of M/G/c in order of arrival, by approximation: that of M/M/c x (1 + ``squared_cv``) / 2.

    Allen, Probability, Statistics, and Queueing Theory, 2nd ed. (1990), section 5.3: the Allen-Cunneen formula for
    Poisson arrivals; also Lee & Longton 1959. Exact for one server (Pollaczek, Khinchine) and for exponential service.
    ``squared_cv`` is the variance of the service time over the square of its mean. ``inf`` at or above full load.
    """
    checks.at_least_zero("squared_cv", squared_cv)
    checks.above_zero("mean_service_s", mean_service_s)
    return mmc(arrival_rate, 1.0 / mean_service_s, servers).mean_wait_s * (1.0 + squared_cv) / 2.0


def mmck(arrival_rate: float, service_rate: float, servers: int, places: int) -> MmckResult:
    """M/M/c/K: M/M/c with ``places`` (K, those in service included); who finds all taken is turned away for good.

    GSTH, section 2.5. Always settles, so any load has finite answers. In logarithms, safe for any number of places.
    """
    checks.above_zero("arrival_rate", arrival_rate)
    checks.above_zero("service_rate", service_rate)
    checks.whole("servers", servers, least=1)
    checks.whole("places", places, least=servers)
    number = np.arange(places + 1)
    steps = math.log(arrival_rate / service_rate) - np.log(np.minimum(number[1:], servers))
    log_weight = np.concatenate(([0.0], np.cumsum(steps)))
    weight = np.exp(log_weight - log_weight.max())
    probability = weight / weight.sum()
    in_service = float(probability @ np.minimum(number, servers))
    waiting = float(probability @ np.maximum(number - servers, 0))
    throughput = in_service * service_rate
    return MmckResult(
        utilisation=in_service / servers,
        blocking_probability=float(probability[-1]),
        throughput=throughput,
        mean_wait_s=waiting / throughput,
        mean_response_s=waiting / throughput + 1.0 / service_rate,
        mean_in_system=waiting + in_service,
    )


def _falls_to_zero(of: Callable[[float], float], high: float) -> float:
    """Where a falling function, above 0 at 0 and not at ``high``, comes to 0; scipy.optimize takes long to import."""
    low = 0.0
    while low < (middle := (low + high) / 2.0) < high:
        low, high = (middle, high) if of(middle) > 0.0 else (low, middle)
    return high


def _spare_rate(arrival_rate: float, service_rate: float, servers: int) -> float:
    """Requests a second the servers could do beyond those that come; <= 0 where the queue never settles."""
    checks.at_least_zero("arrival_rate", arrival_rate)
    checks.above_zero("service_rate", service_rate)
    checks.whole("servers", servers, least=1)
    return servers * service_rate - arrival_rate
