"""Several classes of a fixed number of users each, who think, send, wait for the answer and think again.

Exact for networks of product form (Baskett, Chandy, Muntz, Palacios, Open, Closed, and Mixed Networks of Queues,
Journal of the ACM 22(2), 1975): processor sharing with any demands, first come first served with exponential demands
that are the same for every class, stations where nobody waits, and any thinking time.

Demands are in seconds, a row a class and a column a station. ``servers`` has one entry a station: servers or shared
processors (1), ``math.inf`` for a station where nobody waits (a delay), or a capacity that depends on how many are
there (``Cpu.capacity``).

Left out, as in ``closed_networks``: a worker held while the database works, group commit, parallel scans.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.analytic.stations import Servers, capacities, check_servers, full_capacity, log_weights
from dfr_sizing.simulation.system import FloatArray

LARGEST_LATTICE = 50_000
"""Points (users of class 1 + 1) x (users of class 2 + 1) x ... up to which the exact answer takes seconds, not more."""

MOST_ITERATIONS = 100_000
"""Iterations of Schweitzer's fixed point; it takes some hundred where a station is full, fewer elsewhere."""

Demands = Sequence[Sequence[float]]
ByClass = tuple[float, ...]
ByClassAndStation = tuple[ByClass, ...]


@dataclass(frozen=True, slots=True)
class MulticlassResult:
    """Steady state by class, and by class and station; ``response_s`` leaves thinking out. Utilisation by station."""

    throughput: ByClass
    response_s: ByClass
    station_response_s: ByClassAndStation
    station_number: ByClassAndStation
    station_utilisation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MulticlassBounds:
    """What no closed network of these demands can better, class by class."""

    max_throughput: ByClass
    min_response_s: ByClass


@dataclass(frozen=True, slots=True)
class _Network:
    """The input once found in range: demands (classes x stations), the rest by class or by station.

    ``full`` and ``alone`` are the capacities of a station with everybody there and with one user.
    """

    demands_s: FloatArray
    users: FloatArray
    think_s: FloatArray
    servers: tuple[Servers, ...]
    full: FloatArray
    alone: FloatArray


def multiclass_mva(
    demands_s: Demands,
    users: Sequence[int],
    think_s: Sequence[float] | None = None,
    servers: Sequence[Servers] | None = None,
) -> MulticlassResult:
    """Exact means of a closed network of several classes.

    The answers of exact mean value analysis (Reiser & Lavenberg, Mean-Value Analysis of Closed Multichain Queuing
    Networks, Journal of the ACM 27(2), 1980), from normalising constants on the lattice of populations (Reiser &
    Kobayashi, Queuing Networks with Multiple Closed Chains, IBM Journal of Research and Development 19(3), 1975) in
    logarithms: stations of several servers cost no digits, as in ``mva``. Time grows with stations x classes x all
    users x points of the lattice. Raises ValueError beyond LARGEST_LATTICE points: ``schweitzer`` is for those.
    """
    network = _checked(demands_s, users, think_s, servers)
    points = math.prod(int(count) + 1 for count in network.users)
    if points > LARGEST_LATTICE:
        raise ValueError(
            f"users {list(users)} span {points} populations, but must span at most {LARGEST_LATTICE}; "
            "schweitzer approximates any number"
        )
    queues = np.flatnonzero(np.isfinite(network.full))
    delays_s = network.think_s + network.demands_s[:, np.isinf(network.full)].sum(axis=1)
    with np.errstate(divide="ignore"):
        log_demands = np.log(network.demands_s[:, queues])
    log_rates = [log_weights(network.servers[i], int(network.users.sum())) for i in queues]
    without = _all_but_one(_thinking(delays_s, network.users), log_demands, log_rates)
    last = tuple(int(count) for count in network.users)
    # Any station put back to what is without it gives the whole; there may be none to put back.
    whole = _through(without[0], log_demands[:, 0], log_rates[0]) if len(queues) else without[0]
    throughput = np.array([np.exp(whole[point] - whole[last]) for point in _one_fewer(last)])
    numbers = throughput[:, None] * network.demands_s
    for column, i in enumerate(queues):
        # The sum of n x weight over the number n at a station, by the derivative of its generating function
        steps = np.arange(1, len(log_rates[column]))
        derived = _through(without[column], log_demands[:, column], log_rates[column][1:] + np.log(steps))
        log_numbers = np.array([derived[point] for point in _one_fewer(last)]) + log_demands[:, column]
        numbers[:, i] = np.exp(log_numbers - whole[last])
    return _result(network, throughput, numbers)


def schweitzer(
    demands_s: Demands,
    users: Sequence[int],
    think_s: Sequence[float] | None = None,
    servers: Sequence[Servers] | None = None,
) -> MulticlassResult:
    """Approximate means for any number of users; time grows with classes x stations alone.

    A user who comes to a station finds what is there on average, less its own class's share of one user: Schweitzer,
    Approximate Analysis of Multiclass Closed Networks of Queues (International Conference on Stochastic Control and
    Optimization, Amsterdam, 1979); Bard, Some Extensions to Multiclass Queueing Network Analysis (Performance of
    Computer Systems, 1979). Right for one user and in the limit of many. Of 1,500 random networks of one to three
    classes of 1 to 9 users, half had every response within 6 % of the exact one, 95 % within 17 %, the worst within
    33 %; with several servers 6, 22 and 28 %.

    A station of m servers stands as one that is m times as fast and a delay of (m - 1) / m of the demand (Seidmann,
    Schweitzer, Shalev-Oren, Computerized Closed Queueing Network Models of Flexible Manufacturing Systems, Large Scale
    Systems 12, 1987): too long where several servers are half full. The same for other capacities.
    """
    network = _checked(demands_s, users, think_s, servers)
    population = network.users[:, None]
    queueing_s = network.demands_s / network.full
    plain_s = network.demands_s / network.alone - queueing_s
    numbers = np.where(queueing_s > 0.0, population / len(network.servers), 0.0)
    for _ in range(MOST_ITERATIONS):
        found = numbers.sum(axis=0) - numbers / population
        waits = queueing_s * (1.0 + found)
        throughput = network.users / (network.think_s + (waits + plain_s).sum(axis=1))
        before, numbers = numbers, throughput[:, None] * waits
        if np.all(np.abs(numbers - before) <= 1e-13 * population):
            return _result(network, throughput, throughput[:, None] * (waits + plain_s))
    raise ArithmeticError(f"Schweitzer's fixed point was not reached in {MOST_ITERATIONS} iterations")


def multiclass_bounds(
    demands_s: Demands,
    users: Sequence[int],
    think_s: Sequence[float] | None = None,
    servers: Sequence[Servers] | None = None,
) -> MulticlassBounds:
    """For each class, ``asymptotic_bounds`` as if it were alone: the others only take from it.

    Denning & Buzen 1978 (ACM Computing Surveys 10(3)): the utilisation law holds for each class, and the shares of
    the classes in a station add up to no more than 1. Presumes what ``asymptotic_bounds`` does.
    """
    network = _checked(demands_s, users, think_s, servers)
    total = (network.demands_s / network.alone).sum(axis=1)
    bottleneck = (network.demands_s / network.full).max(axis=1)
    alone = network.users / (total + network.think_s)
    with np.errstate(divide="ignore"):
        throughput = np.minimum(alone, 1.0 / bottleneck)
    response = np.maximum(total, network.users * bottleneck - network.think_s)
    return MulticlassBounds(_floats(throughput), _floats(response))


def _checked(
    demands_s: Demands, users: Sequence[int], think_s: Sequence[float] | None, servers: Sequence[Servers] | None
) -> _Network:
    """The network, once everything is found in range."""
    checks.whole("the number of classes", len(demands_s), least=1)
    stations = len(demands_s[0])
    checks.whole("the number of stations", stations, least=1)
    think = [0.0] * len(demands_s) if think_s is None else list(think_s)
    counts: list[Servers] = [1] * stations if servers is None else list(servers)
    for name, found, wanted in (
        *((f"demands_s[{c}]", len(row), stations) for c, row in enumerate(demands_s)),
        ("users", len(users), len(demands_s)),
        ("think_s", len(think), len(demands_s)),
        ("servers", len(counts), stations),
    ):
        if found != wanted:
            raise ValueError(f"{name} has {found} entries, but must have {wanted}")
    for c, row in enumerate(demands_s):
        checks.whole(f"users[{c}]", users[c], least=1)
        checks.at_least_zero(f"think_s[{c}]", think[c])
        for i, demand in enumerate(row):
            checks.at_least_zero(f"demands_s[{c}][{i}]", demand)
        checks.above_zero(f"the sum of demands_s[{c}] and think_s[{c}]", sum(row) + think[c])
    everybody = int(sum(users))
    for i, count in enumerate(counts):
        check_servers(f"servers[{i}]", count, everybody)
    return _Network(
        np.array(demands_s, dtype=float),
        np.array(users, dtype=float),
        np.array(think, dtype=float),
        tuple(counts),
        np.array([full_capacity(count, everybody) for count in counts]),
        np.array([float(capacities(count, 1)[0]) for count in counts]),
    )


def _result(network: _Network, throughput: FloatArray, numbers: FloatArray) -> MulticlassResult:
    responses = numbers / throughput[:, None]
    return MulticlassResult(
        throughput=_floats(throughput),
        response_s=_floats(responses.sum(axis=1)),
        station_response_s=tuple(_floats(row) for row in responses),
        station_number=tuple(_floats(row) for row in numbers),
        station_utilisation=_floats((throughput[:, None] * network.demands_s).sum(axis=0) / network.full),
    )


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _one_fewer(point: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The populations with one user less of each class."""
    return [tuple(count - (other == c) for other, count in enumerate(point)) for c in range(len(point))]


def _thinking(delays_s: FloatArray, users: FloatArray) -> FloatArray:
    """Log weight of each population all of whom think: the product over classes of delay^n / n!."""
    log_weight = np.zeros(tuple(int(count) + 1 for count in users))
    for c, delay in enumerate(delays_s):
        n = np.arange(log_weight.shape[c])
        nobody = np.where(n == 0, 0.0, -np.inf)
        of_class = n * math.log(delay) + log_weights(math.inf, len(n) - 1) if delay > 0.0 else nobody
        log_weight = log_weight + of_class.reshape([-1 if other == c else 1 for other in range(len(users))])
    return log_weight


def _through(log_weight: FloatArray, log_demands: FloatArray, log_rates: FloatArray) -> FloatArray:
    """Convolve a lattice with a station: the sum over k of rate(k) x (sum over classes of demand x shift)^k."""
    total: FloatArray = log_rates[0] + log_weight
    for log_rate in log_rates[1:]:
        log_weight = _one_more(log_weight, log_demands)
        total = np.logaddexp(total, log_rate + log_weight)
    return total


def _one_more(log_weight: FloatArray, log_demands: FloatArray) -> FloatArray:
    """One user more at a station, of whichever class: the sum over classes of demand x the lattice shifted by one."""
    shifted = np.full_like(log_weight, -np.inf)
    for c, log_demand in enumerate(log_demands):
        into = tuple(slice(1, None) if axis == c else slice(None) for axis in range(log_weight.ndim))
        out_of = tuple(slice(None, -1) if axis == c else slice(None) for axis in range(log_weight.ndim))
        shifted[into] = np.logaddexp(shifted[into], log_demand + log_weight[out_of])
    return shifted


def _all_but_one(log_weight: FloatArray, log_demands: FloatArray, log_rates: Sequence[FloatArray]) -> list[FloatArray]:
    """For each station, the lattice convolved with all the others; the lattice itself where there is none."""
    if len(log_rates) <= 1:
        return [log_weight]
    half = len(log_rates) // 2
    found = []
    for kept, others in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
        rest = log_weight
        for demands, rates in zip(log_demands[:, others].T, log_rates[others], strict=True):
            rest = _through(rest, demands, rates)
        found += _all_but_one(rest, log_demands[:, kept], log_rates[kept])
    return found
