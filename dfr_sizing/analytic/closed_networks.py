"""A fixed number of users who think, send, wait for the answer and think again.

Exact for networks of product form: stations of processor sharing with any demand, or first come first served with
exponential demand, and any thinking time (Baskett, Chandy, Muntz, Palacios, Open, Closed, and Mixed Networks of
Queues, Journal of the ACM 22(2), 1975). Several classes of users: ``multiclass_networks``.

Left out: a worker held while the database works (simultaneous possession), group commit, parallel scans. These are
what the simulation is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.analytic.stations import Servers, capacities, check_servers, full_capacity, log_weights
from dfr_sizing.simulation.system import FloatArray


@dataclass(frozen=True, slots=True)
class ClosedResult:
    """Steady state of a closed network; the tuples have one place a station, ``response_s`` leaves thinking out."""

    throughput: float
    response_s: float
    station_response_s: tuple[float, ...]
    station_number: tuple[float, ...]
    station_utilisation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AsymptoticBounds:
    """What no closed network of these demands can better, whatever its distributions."""

    max_throughput: float
    min_response_s: float


def mva(
    demands_s: Sequence[float], users: int, think_s: float = 0.0, servers: Sequence[Servers] | None = None
) -> ClosedResult:
    """Exact means of a closed network: station i takes ``demands_s[i]`` a request, from ``servers[i]`` servers (1).

    ``servers[i]`` may be a capacity that depends on how many are there, such as ``Cpu.capacity`` of a host of several
    cores and threads; utilisation is then work done over the most it can do.

    The answers of exact mean value analysis (Reiser & Lavenberg, Mean-Value Analysis of Closed Multichain Queuing
    Networks, Journal of the ACM 27(2), 1980), but computed from normalising constants (Buzen, Computational Algorithms
    for Closed Queueing Networks, Communications of the ACM 16(9), 1973) in logarithms. The recursion of mean values
    gets P(station empty) at a station of several servers as 1 minus the rest, which loses all digits near saturation
    (Reiser, Mean-Value Analysis and Convolution Method for Queue-Dependent Servers, Performance Evaluation 1, 1981);
    here every term is positive and nothing is subtracted. Time grows with stations x users^2.
    """
    servers = _checked(demands_s, users, think_s, servers)
    stations = [_station(demand, count, users) for demand, count in zip(demands_s, servers, strict=True)]
    thinking = _station(think_s, math.inf, users)
    without = _all_but_one([thinking, *stations])
    log_total = _convolve(thinking, without[0])
    throughput = float(np.exp(log_total[users - 1] - log_total[users]))
    numbers = []
    for station, others in zip(stations, without[1:], strict=True):
        probability = np.exp(station + others[::-1] - log_total[users])
        numbers.append(float(probability @ np.arange(users + 1)))
    responses = tuple(number / throughput for number in numbers)
    busy = tuple(
        throughput * demand / full_capacity(count, users) for demand, count in zip(demands_s, servers, strict=True)
    )
    return ClosedResult(throughput, sum(responses), responses, tuple(numbers), busy)


def machine_repairman(users: int, think_s: float, service_s: float, servers: int) -> ClosedResult:
    """Users who think and then need one of ``servers`` for ``service_s`` (exponential) in order of arrival: M/M/c//N.

    Kleinrock, Queueing Systems I (1975), sections 3.8 (one server) and 3.10. One station of ``mva``.
    """
    return mva([service_s], users, think_s, [servers])


def asymptotic_bounds(
    demands_s: Sequence[float], users: int, think_s: float = 0.0, servers: Sequence[Servers] | None = None
) -> AsymptoticBounds:
    """Throughput <= min(users / (sum of demands + think), 1 / largest demand), and response >= what follows from it.

    Denning & Buzen 1978 (ACM Computing Surveys 10(3)). A station of several servers counts with demand /
    servers in the second bound. Needs no distribution, only that users do not wait for one another elsewhere, and that
    nobody is served faster in company than alone.
    """
    servers = _checked(demands_s, users, think_s, servers)
    stations = list(zip(demands_s, servers, strict=True))
    total = sum(demand / float(capacities(count, 1)[0]) for demand, count in stations)
    bottleneck = max(demand / full_capacity(count, users) for demand, count in stations)
    alone = users / (total + think_s)
    return AsymptoticBounds(
        max_throughput=min(alone, 1.0 / bottleneck) if bottleneck > 0.0 else alone,
        min_response_s=max(total, users * bottleneck - think_s),
    )


def _checked(
    demands_s: Sequence[float], users: int, think_s: float, servers: Sequence[Servers] | None
) -> Sequence[Servers]:
    """The servers of each station, once everything is found in range."""
    counts: Sequence[Servers] = [1] * len(demands_s) if servers is None else servers
    if len(counts) != len(demands_s):
        raise ValueError(f"servers has {len(counts)} entries, but must have one a station: {len(demands_s)}")
    checks.whole("the number of demands_s", len(counts), least=1)
    checks.whole("users", users, least=1)
    checks.at_least_zero("think_s", think_s)
    for i, (demand, count) in enumerate(zip(demands_s, counts, strict=True)):
        checks.at_least_zero(f"demands_s[{i}]", demand)
        check_servers(f"servers[{i}]", count, users)
    checks.above_zero("the sum of demands_s and think_s", sum(demands_s) + think_s)
    return counts


def _station(demand_s: float, servers: Servers, users: int) -> FloatArray:
    """Log of demand^n / (product over k <= n of capacity(k)), for n = 0 to users."""
    if demand_s == 0.0:
        return _nobody(users)
    return log_weights(servers, users) + np.arange(users + 1) * math.log(demand_s)


def _nobody(users: int) -> FloatArray:
    """Log weights of a station that takes no time: nobody is ever there."""
    return np.concatenate(([0.0], np.full(users, -np.inf)))


def _all_but_one(stations: Sequence[FloatArray]) -> list[FloatArray]:
    """For each station, the convolution of all the others."""
    nobody = _nobody(len(stations[0]) - 1)
    before, after = [nobody], [nobody]
    for station in stations[:-1]:
        before.append(_convolve(before[-1], station))
    for station in reversed(stations[1:]):
        after.append(_convolve(after[-1], station))
    return [_convolve(b, a) for b, a in zip(before, reversed(after), strict=True)]


def _convolve(first: FloatArray, second: FloatArray) -> FloatArray:
    """Log of the convolution of two sequences given by their logs."""
    result = np.empty_like(first)
    for n in range(len(first)):
        terms = first[: n + 1] + second[n::-1]
        largest = terms.max()
        result[n] = largest + np.log(np.exp(terms - largest).sum()) if largest > -np.inf else -np.inf
    return result
