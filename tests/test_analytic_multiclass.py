"""Closed networks of several classes against published values, against balance equations, and against their laws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing import analytic
from dfr_sizing.analytic.multiclass_networks import LARGEST_LATTICE
from dfr_sizing.simulation.system import Cpu

Network = tuple[list[list[float]], list[int], list[float], list[float]]


@st.composite
def networks(draw: st.DrawFn, most_users: int = 5, most_servers: int = 6) -> Network:
    """Demands, users, thinking and servers of one to three classes at one to three stations."""
    classes, stations = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    seconds = st.floats(0.01, 3.0)
    demands = draw(
        st.lists(st.lists(seconds, min_size=stations, max_size=stations), min_size=classes, max_size=classes)
    )
    users = draw(st.lists(st.integers(1, most_users), min_size=classes, max_size=classes))
    think = draw(st.lists(st.floats(0.0, 10.0), min_size=classes, max_size=classes))
    counts = st.integers(1, most_servers).map(float)
    places = counts | st.just(math.inf) if most_servers > 1 else counts
    servers = draw(st.lists(places, min_size=stations, max_size=stations))
    return demands, users, think, servers


def populations(users: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(count + 1) for count in users))


def mean_value_recursion(demands: list[list[float]], users: list[int], think: list[float]) -> list[float]:
    """Throughput by class from Reiser & Lavenberg's recursion over the lattice, for stations of one server."""
    stations = range(len(demands[0]))
    number = {(0,) * len(users): [0.0] * len(demands[0])}
    throughput: list[float] = []
    for n in list(populations(users))[1:]:
        throughput, number[n] = [0.0] * len(users), [0.0] * len(demands[0])
        for c in range(len(users)):
            if n[c] == 0:
                continue
            found = number[tuple(count - (other == c) for other, count in enumerate(n))]
            response = [demands[c][i] * (1.0 + found[i]) for i in stations]
            throughput[c] = n[c] / (think[c] + sum(response))
            for i in stations:
                number[n][i] += throughput[c] * response[i]
    return throughput


def throughput_by_balance(
    demands: list[list[float]], users: list[int], think: list[float], capacities: list[Callable[[int], float]]
) -> list[float]:
    """Throughput by class from the balance equations: thinking, then processor sharing at each station in turn."""
    stations, classes = len(demands[0]), len(users)
    of_class = [
        [place for place in itertools.product(range(count + 1), repeat=stations) if sum(place) <= count]
        for count in users
    ]
    states = list(itertools.product(*of_class))
    index = {state: row for row, state in enumerate(states)}
    flow = np.zeros((len(states), len(states)))
    leaving = np.zeros((len(states), classes))
    for state, row in index.items():
        there = [sum(place[i] for place in state) for i in range(stations)]
        for c, place in enumerate(state):
            moves = [(-1, 0, (users[c] - sum(place)) / think[c])]
            moves += [
                (i, i + 1, place[i] / there[i] * capacities[i](there[i]) / demands[c][i])
                for i in range(stations)
                if place[i]
            ]
            for source, target, rate in moves:
                if rate == 0.0:
                    continue
                moved = list(place)
                if source >= 0:
                    moved[source] -= 1
                if target < stations:
                    moved[target] += 1
                else:
                    leaving[row, c] += rate
                other = index[(*state[:c], tuple(moved), *state[c + 1 :])]
                flow[row, other] += rate
                flow[row, row] -= rate
    balance = np.vstack((flow.T, np.ones(len(states))))
    probability = np.linalg.lstsq(balance, np.append(np.zeros(len(states)), 1.0), rcond=None)[0]
    return [float(rate) for rate in probability @ leaving]


def test_two_classes_of_lazowska() -> None:
    """Lazowska, Zahorjan, Graham, Sevcik, Quantitative System Performance (1984), page 142: CPU, disk."""
    found = analytic.multiclass_mva([[1.0, 3.0], [2.0, 4.0]], [1, 1])
    assert found.throughput == pytest.approx((3 / 19, 2 / 19))
    assert found.station_response_s[0] == pytest.approx((4 / 3, 5.0))
    assert found.station_response_s[1] == pytest.approx((5 / 2, 7.0))
    assert found.station_number[0] == pytest.approx((4 / 19, 15 / 19))
    assert found.station_number[1] == pytest.approx((5 / 19, 14 / 19))
    assert found.station_utilisation == pytest.approx((7 / 19, 17 / 19))


def test_terminals_and_batch_of_schwetman() -> None:
    """Schwetman, Implementing the Mean Value Algorithm, Purdue CSD-TR-355 (1982), table 5: 15 and 5 users who think."""
    found = analytic.multiclass_mva([[0.025], [0.5]], [15, 5], [1.0, 15.0])
    assert found.throughput == pytest.approx((14.323, 0.314), abs=6e-4)
    assert found.response_s == pytest.approx((0.047, 0.934), abs=6e-4)
    assert [row[0] for row in found.station_number] == pytest.approx([0.677, 0.293], abs=6e-4)
    assert found.station_utilisation == pytest.approx((0.358 + 0.157,), abs=6e-4)


def test_two_servers_and_a_delay_of_bolch() -> None:
    """Bolch, Greiner, de Meer, Trivedi, Queueing Networks and Markov Chains (1998), example 9.5: N = (2, 1).

    The printed numbers and throughputs, as the tests of the Octave queueing toolbox 1.2 quote them.
    """
    found = analytic.multiclass_mva([[0.2, 0.24, 0.4], [0.2, 0.18, 1.4]], [2, 1], servers=[2, 1, math.inf])
    assert found.throughput == pytest.approx((2.113, 0.524), abs=6e-4)
    assert found.station_number[0] == pytest.approx((0.428, 0.726, 0.845), abs=1e-3)
    assert found.station_number[1] == pytest.approx((0.108, 0.158, 0.734), abs=1e-3)


def test_one_class_of_bolch() -> None:
    """Bolch et al. (1998), example 8.3: six users at four stations of one server."""
    demands = [0.02, 0.08, 0.08, 0.06]
    found = analytic.multiclass_mva([demands], [6])
    assert found.throughput == pytest.approx((9.920,), abs=1e-3)
    assert found.station_number[0] == pytest.approx((0.244, 2.261, 2.261, 1.234), abs=1e-3)
    assert found.station_utilisation == pytest.approx((0.198, 0.794, 0.794, 0.595), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(network=networks(most_servers=1))
def test_exact_is_the_recursion_of_reiser_and_lavenberg(network: Network) -> None:
    demands, users, think, servers = network
    expected = mean_value_recursion(demands, users, think)
    assert analytic.multiclass_mva(demands, users, think, servers).throughput == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(network=networks(most_users=40))
def test_one_class_is_the_single_class_network(network: Network) -> None:
    demands, users, think, servers = network
    expected = analytic.mva(demands[0], users[0], think[0], servers)
    found = analytic.multiclass_mva(demands[:1], users[:1], think[:1], servers)
    assert found.throughput[0] == pytest.approx(expected.throughput)
    assert found.station_response_s[0] == pytest.approx(expected.station_response_s)
    assert found.station_utilisation == pytest.approx(expected.station_utilisation)


@settings(max_examples=30, deadline=None)
@given(network=networks(most_users=12))
def test_like_classes_are_one_class(network: Network) -> None:
    demands, users, think, servers = network
    one = analytic.mva(demands[0], 2 * users[0] + 1, think[0], servers)
    twins = analytic.multiclass_mva([demands[0]] * 2, [users[0], users[0] + 1], [think[0]] * 2, servers)
    assert sum(twins.throughput) == pytest.approx(one.throughput)
    assert twins.response_s == pytest.approx((one.response_s, one.response_s))


HOSTS = [
    [Cpu(1).capacity],
    [Cpu(2).capacity, Cpu(1).capacity],
    [Cpu(1, speed=1.3, threads_per_core=2, smt_gain=1.2).capacity, Cpu(2).capacity],
]


@pytest.mark.parametrize("capacities", HOSTS, ids=["one core", "two cores and one", "two threads of a core"])
def test_exact_solves_the_balance_equations(capacities: list[Callable[[int], float]]) -> None:
    demands, users, think = [[0.8, 0.5], [0.3, 1.4]], [3, 2], [2.0, 0.7]
    demands = [row[: len(capacities)] for row in demands]
    expected = throughput_by_balance(demands, users, think, capacities)
    assert analytic.multiclass_mva(demands, users, think, capacities).throughput == pytest.approx(expected)
    alone = throughput_by_balance(demands[:1], users[:1], think[:1], capacities)[0]
    assert analytic.mva(demands[0], users[0], think[0], capacities).throughput == pytest.approx(alone)


@settings(max_examples=60, deadline=None)
@given(network=networks())
def test_laws_of_closed_networks(network: Network) -> None:
    demands, users, think, servers = network
    bounds = analytic.multiclass_bounds(demands, users, think, servers)
    for found in (
        analytic.multiclass_mva(demands, users, think, servers),
        analytic.schweitzer(demands, users, think, servers),
    ):
        for c in range(len(users)):
            assert found.throughput[c] * (found.response_s[c] + think[c]) == pytest.approx(users[c])  # Little's law
            number = [found.throughput[c] * response for response in found.station_response_s[c]]
            assert found.station_number[c] == pytest.approx(number)
            assert found.throughput[c] <= bounds.max_throughput[c] * (1.0 + 1e-9)
            assert found.response_s[c] >= bounds.min_response_s[c] * (1.0 - 1e-9)
        for i, count in enumerate(servers):
            work = sum(x * row[i] for x, row in zip(found.throughput, demands, strict=True))
            assert found.station_utilisation[i] == pytest.approx(work / count)  # utilisation law
            assert found.station_utilisation[i] <= 1.0 + 1e-9


@settings(max_examples=60, deadline=None)
@given(network=networks(), data=st.data())
def test_one_user_more_sends_more_of_its_own_class(network: Network, data: st.DataObject) -> None:
    demands, users, think, servers = network
    c = data.draw(st.integers(0, len(users) - 1))
    more = [count + (other == c) for other, count in enumerate(users)]
    before = analytic.multiclass_mva(demands, users, think, servers)
    after = analytic.multiclass_mva(demands, more, think, servers)
    assert after.throughput[c] >= before.throughput[c] * (1.0 - 1e-9)
    assert after.response_s[c] >= before.response_s[c] * (1.0 - 1e-9)
    stations = range(len(servers))
    total = [sum(row[i] for row in found.station_number) for found in (before, after) for i in stations]
    assert sum(total[len(servers) :]) >= sum(total[: len(servers)]) - 1e-9


@settings(max_examples=200, deadline=None)
@given(network=networks(most_users=9))
def test_schweitzer_is_within_its_stated_distance(network: Network) -> None:
    demands, users, think, servers = network
    exact = analytic.multiclass_mva(demands, users, think, servers)
    near = analytic.schweitzer(demands, users, think, servers)
    assert near.response_s == pytest.approx(exact.response_s, rel=0.5)
    assert near.throughput == pytest.approx(exact.throughput, rel=0.4)


def test_schweitzer_is_right_for_one_user_and_in_the_limit_of_many() -> None:
    demands, think, servers = [[0.8, 0.2], [0.1, 0.6]], [20.0, 30.0], [2.0, 1.0]
    alone = analytic.schweitzer(demands[:1], [1], think[:1], servers)
    assert alone.response_s == pytest.approx((1.0,))
    errors = []
    for scale in (1, 4, 16):
        users, faster = [9 * scale, 7 * scale], [[d / scale for d in row] for row in demands]
        exact = analytic.multiclass_mva(faster, users, think).response_s
        near = analytic.schweitzer(faster, users, think).response_s
        errors.append(max(abs(a / b - 1.0) for a, b in zip(near, exact, strict=True)))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


def test_schweitzer_takes_any_number_of_users() -> None:
    found = analytic.schweitzer([[1.0, 0.4], [0.5, 0.8]], [100_000, 500_000], [6.0, 3.0], [400, 200])
    bound = analytic.multiclass_bounds([[1.0, 0.4], [0.5, 0.8]], [100_000, 500_000], [6.0, 3.0], [400, 200])
    assert found.station_utilisation[1] == pytest.approx(1.0, abs=1e-6)
    assert all(x <= most for x, most in zip(found.throughput, bound.max_throughput, strict=True))


def test_bounds_by_hand() -> None:
    bounds = analytic.multiclass_bounds([[1.0, 4.0], [2.0, 1.0]], [3, 30], [10.0, 3.0], [1, 2])
    assert bounds.max_throughput == pytest.approx((3 / 15, 1 / 2))
    assert bounds.min_response_s == pytest.approx((5.0, 57.0))


def test_a_lattice_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match=r"users \[300, 300\] span 90601 populations.*at most 50000; schweitzer"):
        analytic.multiclass_mva([[1.0], [1.0]], [300, 300])
    assert LARGEST_LATTICE == 50_000


@pytest.mark.parametrize("call", [analytic.multiclass_mva, analytic.schweitzer, analytic.multiclass_bounds])
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (([], []), "the number of classes is 0"),
        (([[]], [1]), "the number of stations is 0"),
        (([[1.0], [1.0, 2.0]], [1, 1]), r"demands_s\[1\] has 2 entries, but must have 1"),
        (([[1.0]], [1, 1]), "users has 2 entries, but must have 1"),
        (([[1.0]], [0]), r"users\[0\] is 0, but must be a whole number >= 1"),
        (([[1.0]], [1], [-1.0]), r"think_s\[0\] is -1\.0"),
        (([[-2.0]], [1]), r"demands_s\[0\]\[0\] is -2\.0"),
        (([[0.0]], [1]), r"the sum of demands_s\[0\] and think_s\[0\] is 0\.0"),
        (([[1.0]], [1], [1.0], [0.5]), r"servers\[0\] is 0\.5, but must be a whole number >= 1"),
        (([[1.0]], [2], [1.0], [lambda n: 2.0 - n]), r"servers\[0\] reaches 0\.0"),
    ],
)
def test_bad_input_is_refused(call: Callable[..., object], network: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(*network)


def test_stations_without_demand_are_passed_over() -> None:
    idle = analytic.multiclass_mva([[1.0, 0.0], [0.5, 0.0]], [4, 3], [2.0, 1.0])
    assert idle.throughput == pytest.approx(analytic.multiclass_mva([[1.0], [0.5]], [4, 3], [2.0, 1.0]).throughput)
    assert idle.station_number[0][1] == 0.0
    delays = analytic.multiclass_mva([[1.0], [0.5]], [4, 3], servers=[math.inf])
    assert delays.throughput == pytest.approx((4.0, 6.0))
