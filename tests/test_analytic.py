"""The closed forms against published and hand-calculated values, against one another, and against their properties."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from classical import fifo_waits
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dfr_sizing import analytic
from dfr_sizing.simulation.system import Cpu

loads = st.floats(0.01, 0.98)
counts = st.integers(1, 60)
demands = st.lists(st.floats(0.001, 5.0), min_size=1, max_size=4)


def mean_value_recursion(demands_s: list[float], users: int, think_s: float) -> tuple[float, float]:
    """Throughput and response by Reiser & Lavenberg's recursion, for stations of one server."""
    numbers = [0.0] * len(demands_s)
    throughput = response = 0.0
    for n in range(1, users + 1):
        responses = [d * (1.0 + q) for d, q in zip(demands_s, numbers, strict=True)]
        response = sum(responses)
        throughput = n / (think_s + response)
        numbers = [throughput * r for r in responses]
    return throughput, response


def test_erlang_c_of_three_servers_by_hand() -> None:
    # a^3/3! x 3/(3 - 2.4) = 11.52 over 1 + 2.4 + 2.4^2/2 + 11.52 = 17.8
    assert analytic.erlang_c(3, 2.4) == pytest.approx(11.52 / 17.8, rel=1e-14)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (10, 9.0), (400, 380.0), (5000, 4950.0)])
def test_erlang_c_from_poisson_probabilities(servers: int, load: float) -> None:
    blocked = stats.poisson.pmf(servers, load) / stats.poisson.cdf(servers, load)
    expected = blocked / (1.0 - load / servers * (1.0 - blocked))
    assert analytic.erlang_c(servers, load) == pytest.approx(expected, rel=1e-8)


def test_mmc_of_two_servers_by_hand() -> None:
    # two servers, load 1 erlang: C = 1/3, wait = C / (2 - 1)
    result = analytic.mmc(arrival_rate=1.0, service_rate=1.0, servers=2)
    assert result.wait_probability == pytest.approx(1 / 3)
    assert result.mean_wait_s == pytest.approx(1 / 3)
    assert result.mean_in_system == pytest.approx(4 / 3)
    assert result.utilisation == 0.5


@given(rho=loads, rate=st.floats(0.01, 100.0), probability=st.floats(0.0, 0.9999))
def test_one_server_is_mm1(rho: float, rate: float, probability: float) -> None:
    result = analytic.mmc(rho * rate, rate, 1)
    assert result.wait_probability == pytest.approx(rho)
    assert result.mean_response_s == pytest.approx(1.0 / (rate * (1.0 - rho)))
    assert analytic.mg1_ps_mean_response(rho * rate, 1.0 / rate) == pytest.approx(result.mean_response_s)
    # the response of M/M/1 is exponential
    quantile = analytic.mmc_response_quantile(rho * rate, rate, 1, probability)
    assert quantile == pytest.approx(-math.log1p(-probability) * result.mean_response_s, rel=1e-6, abs=1e-12)


@given(rho=loads, servers=counts)
def test_quantiles_integrate_to_the_means(rho: float, servers: int) -> None:
    result = analytic.mmc(rho * servers, 1.0, servers)
    # midpoints in -log(1 - p), where the quantile function is nearly a straight line
    edges = np.linspace(0.0, 25.0, 401)
    p = -np.expm1(-(edges[:-1] + edges[1:]) / 2.0)
    weight = -np.diff(np.exp(-edges))
    response = sum(
        w * analytic.mmc_response_quantile(rho * servers, 1.0, servers, q) for w, q in zip(weight, p, strict=True)
    )
    assert response == pytest.approx(result.mean_response_s, rel=2e-3)


def test_wait_quantile_is_zero_where_fewer_wait() -> None:
    assert analytic.mmc_wait_quantile(1.0, 1.0, 2, 0.6) == 0.0
    assert analytic.mmc_wait_quantile(1.0, 1.0, 2, 0.9) == pytest.approx(math.log(10 / 3))


def test_response_quantile_where_both_rates_are_equal() -> None:
    # 2 servers, load 1: the spare rate equals the service rate, so P(T > t) = (1 + t/3) exp(-t)
    t = analytic.mmc_response_quantile(1.0, 1.0, 2, 0.95)
    assert (1.0 + t / 3.0) * math.exp(-t) == pytest.approx(0.05)


@given(rho=st.floats(0.01, 3.0), servers=counts)
def test_more_servers_never_wait_longer(rho: float, servers: int) -> None:
    fewer = analytic.mmc(rho * servers, 1.0, servers)
    more = analytic.mmc(rho * servers, 1.0, servers + 1)
    assert more.mean_wait_s <= fewer.mean_wait_s
    assert more.wait_probability <= fewer.wait_probability


def test_overload_of_an_open_queue_is_infinite() -> None:
    result = analytic.mmc(3.0, 1.0, 3)
    assert (result.wait_probability, result.mean_wait_s, result.mean_in_system) == (1.0, math.inf, math.inf)
    assert analytic.mmc_wait_quantile(4.0, 1.0, 3, 0.5) == math.inf
    assert analytic.mmc_response_quantile(4.0, 1.0, 3, 0.5) == math.inf
    assert analytic.mg1_ps_mean_response(1.0, 1.0) == math.inf
    assert analytic.mgc_ps_mean_response(2.5, 1.0, 2.5) == math.inf
    assert analytic.ps_slowdown(9.0, 1.0, Cpu(4).capacity) == math.inf
    assert analytic.utilisation(9.0, 1.0, 4.0) == 2.25


def test_mm1k_by_hand() -> None:
    # load 1/2, 3 places: weights 1, 1/2, 1/4, 1/8
    result = analytic.mmck(0.5, 1.0, 1, 3)
    assert result.blocking_probability == pytest.approx(1 / 15)
    assert result.mean_in_system == pytest.approx(11 / 15)
    assert result.throughput == pytest.approx(0.5 * 14 / 15)


def test_mmcc_is_the_erlang_loss_formula() -> None:
    blocked = stats.poisson.pmf(40, 35.0) / stats.poisson.cdf(40, 35.0)
    assert analytic.mmck(35.0, 1.0, 40, 40).blocking_probability == pytest.approx(blocked)


@given(load=st.floats(0.1, 200.0), servers=counts, queue=st.integers(0, 3000))
def test_mmck_loses_what_it_does_not_serve(load: float, servers: int, queue: int) -> None:
    result = analytic.mmck(load, 1.0, servers, servers + queue)
    assert result.throughput == pytest.approx(load * (1.0 - result.blocking_probability))
    assert result.mean_in_system == pytest.approx(result.throughput * result.mean_response_s)


@given(rho=st.floats(0.01, 0.9), servers=counts)
def test_mmck_with_many_places_is_mmc(rho: float, servers: int) -> None:
    many = analytic.mmck(rho * servers, 1.0, servers, servers + 2000)
    assert many.mean_wait_s == pytest.approx(analytic.mmc(rho * servers, 1.0, servers).mean_wait_s, abs=1e-12)


@given(load=st.floats(0.1, 30.0), squared_cv=st.floats(0.0, 30.0), servers=counts)
def test_mgc_wait_is_exact_where_it_is_known_to_be(load: float, squared_cv: float, servers: int) -> None:
    rate = load / 0.4
    exponential = analytic.mgc_mean_wait(rate, 0.4, 1.0, servers)
    assert exponential == pytest.approx(analytic.mmc(rate, 2.5, servers).mean_wait_s)
    if load / 31.0 < 1.0:  # Pollaczek and Khinchine
        single = analytic.mgc_mean_wait(rate / 31.0, 0.4, squared_cv, 1)
        assert single == pytest.approx(rate / 31.0 * 0.4**2 * (1.0 + squared_cv) / 2.0 / (1.0 - load / 31.0))


@pytest.mark.parametrize(("servers", "rate"), [(2, 1.7), (6, 4.8)])
def test_mgc_wait_of_constant_service_is_near_a_run_of_it(servers: int, rate: float) -> None:
    arrivals = np.cumsum(np.random.default_rng(3).exponential(1.0 / rate, 300_000))
    waits = fifo_waits(arrivals, np.ones(len(arrivals)), servers)
    assert analytic.mgc_mean_wait(rate, 1.0, 0.0, servers) == pytest.approx(float(waits.mean()), rel=0.1)


@given(load=st.floats(0.01, 0.97), cores=st.integers(1, 30))
def test_average_over_the_jobs_present(load: float, cores: int) -> None:
    cpu = Cpu(cores)
    rate = load * cores
    number = analytic.ps_average(rate, 1.0, cpu.capacity, lambda n: n, full_at=cores)
    assert number == pytest.approx(analytic.ps_mean_number(rate, 1.0, cpu.capacity, full_at=cores))
    busy = analytic.ps_average(rate, 1.0, cpu.capacity, cpu.capacity, full_at=cores)
    assert busy == pytest.approx(rate)  # utilisation law
    must_share = analytic.ps_average(rate, 1.0, cpu.capacity, lambda n: float(n >= cores), full_at=cores)
    assert must_share == pytest.approx(analytic.erlang_c(cores, rate))


def test_average_of_a_full_and_of_an_idle_host() -> None:
    assert analytic.ps_average(2.0, 1.0, Cpu(2).capacity, lambda n: n) == math.inf
    assert analytic.ps_average(0.0, 1.0, Cpu(2).capacity, lambda n: n + 7.0, full_at=2) == 7.0


def test_group_service_by_hand() -> None:
    # two arrivals a second, 1 s each time: none comes with probability exp(-2), so busy 2 / (2 + exp(-2))
    found = analytic.group_service(2.0, [1.0], [1.0])
    busy = 2.0 / (2.0 + math.exp(-2.0))
    assert found.busy == pytest.approx(busy)
    assert found.mean_response_s == pytest.approx(1.0 + busy / 2.0)
    assert found.mean_group == pytest.approx(2.0 / busy)


def test_group_service_against_a_run_of_it() -> None:
    rng = np.random.default_rng(5)
    n, rate = 200_000, 3.0
    arrivals = np.cumsum(rng.exponential(1.0 / rate, n))
    durations = iter(np.where(rng.random(n) < 0.7, 0.1, 0.9).tolist())
    free, first, responses = 0.0, 0, []
    while first < n:
        start = max(free, float(arrivals[first]))
        last = int(np.searchsorted(arrivals, start, side="right"))
        free = start + next(durations)
        responses.append(free - arrivals[first:last])
        first = last
    found = analytic.group_service(rate, [0.1, 0.9], [0.7, 0.3])
    assert float(np.concatenate(responses).mean()) == pytest.approx(found.mean_response_s, rel=0.01)
    assert n / len(responses) == pytest.approx(found.mean_group, rel=0.01)


@given(rate=st.floats(0.0, 1e4), seconds=st.lists(st.floats(1e-4, 2.0), min_size=1, max_size=5))
def test_group_service_takes_between_one_and_two_services(rate: float, seconds: list[float]) -> None:
    found = analytic.group_service(rate, seconds, [1.0 / len(seconds)] * len(seconds))
    mean, second = sum(seconds) / len(seconds), sum(s * s for s in seconds) / len(seconds)
    assert mean * (1.0 - 1e-9) <= found.mean_response_s <= (mean + second / (2.0 * mean)) * (1.0 + 1e-9)
    assert 0.0 <= found.busy <= 1.0


@given(rho=loads, cores=st.integers(1, 200))
def test_shared_cores_hold_as_many_as_mmc(rho: float, cores: int) -> None:
    shared = analytic.mgc_ps_mean_response(rho * cores / 0.2, 0.2, cores)
    assert shared == pytest.approx(analytic.mmc(rho * cores / 0.2, 5.0, cores).mean_response_s)


@given(rho=loads, cores=st.floats(0.2, 40.0), extra=st.floats(0.0, 3.0))
def test_more_cores_never_respond_later(rho: float, cores: float, extra: float) -> None:
    rate = rho * cores
    fewer = analytic.mgc_ps_mean_response(rate, 1.0, cores)
    assert analytic.mgc_ps_mean_response(rate, 1.0, cores + extra) <= fewer * (1.0 + 1e-12)


def test_second_threads_by_hand() -> None:
    # one core, two threads, gain 1.5, load 1: weights 1, 1, 2/3, 4/9 ... so sum = 1 + 3 and mean = (1 - 1/3)^-2 / 4
    cpu = Cpu(cores=1, threads_per_core=2, smt_gain=1.5)
    assert analytic.ps_mean_number(1.0, 1.0, cpu.capacity) == pytest.approx(9.0 / 4.0)
    assert analytic.ps_mean_number(1.0, 1.0, cpu.capacity, full_at=2) == pytest.approx(9.0 / 4.0)
    assert analytic.ps_slowdown(0.5, 2.0, cpu.capacity) == pytest.approx(9.0 / 4.0)


def test_an_idle_host_slows_nobody_down() -> None:
    assert analytic.ps_mean_number(0.0, 1.0, Cpu(2).capacity) == 0.0
    assert analytic.ps_slowdown(0.0, 1.0, Cpu(2, speed=0.5).capacity) == 2.0
    assert analytic.mgc_ps_mean_response(0.0, 1.0, 0.25) == 4.0


JAIN_TABLE_34_1 = {
    1: (6.000, 0.100),
    2: (7.400, 0.175),
    3: (9.088, 0.229),
    4: (11.051, 0.266),
    5: (13.256, 0.290),
    17: (47.045, 0.333),
    20: (56.016, 0.333),
}


@pytest.mark.parametrize("users", JAIN_TABLE_34_1)
def test_mva_gives_the_table_of_jain(users: int) -> None:
    """Jain, The Art of Computer Systems Performance Analysis (1991): CPU 2 s, disks 3 s and 1 s, think 4 s."""
    response, throughput = JAIN_TABLE_34_1[users]
    result = analytic.mva([2.0, 3.0, 1.0], users, think_s=4.0)
    assert result.response_s == pytest.approx(response, abs=6e-4)
    assert result.throughput == pytest.approx(throughput, abs=6e-4)


def test_mva_gives_the_convolution_example_of_jain() -> None:
    """Jain (1991), example 35.5: three users, G(2) = 79 and G(3) = 384 scaled by 0.78 s."""
    result = analytic.mva([0.78, 2.34, 1.56], 3, think_s=4.68)
    assert result.throughput == pytest.approx(79 / 384 / 0.78)
    assert result.response_s == pytest.approx(6.694, abs=6e-4)


@given(demands_s=demands, users=st.integers(1, 80), think_s=st.floats(0.0, 30.0))
def test_mva_equals_the_recursion_of_reiser_and_lavenberg(demands_s: list[float], users: int, think_s: float) -> None:
    throughput, response = mean_value_recursion(demands_s, users, think_s)
    result = analytic.mva(demands_s, users, think_s)
    assert result.throughput == pytest.approx(throughput)
    assert result.response_s == pytest.approx(response)


def repairman_by_balance(users: int, think_s: float, service_s: float, servers: int) -> tuple[float, float]:
    """Throughput and number waiting or in service from the birth and death rates of M/M/c//N."""
    log_weight = [0.0]
    for n in range(1, users + 1):
        log_weight.append(log_weight[-1] + math.log((users - n + 1) * service_s / (think_s * min(n, servers))))
    weight = np.exp(np.array(log_weight) - max(log_weight))
    probability = weight / weight.sum()
    number = np.arange(users + 1)
    return float(probability @ np.minimum(number, servers)) / service_s, float(probability @ number)


@pytest.mark.parametrize("users", [1, 2, 30, 100, 500, 1000])
@pytest.mark.parametrize("servers", [1, 8, 64])
def test_machine_repairman_is_a_birth_and_death_process(users: int, servers: int) -> None:
    throughput, number = repairman_by_balance(users, 12.0, 0.8, servers)
    result = analytic.machine_repairman(users, 12.0, 0.8, servers)
    assert result.throughput == pytest.approx(throughput, rel=1e-9)
    assert result.station_number[0] == pytest.approx(number, rel=1e-9)


@pytest.mark.parametrize("users", [100, 300, 600])
def test_load_dependent_mva_is_stable_at_saturation(users: int) -> None:
    # 16 cores at their limit behind 2 s of think time: where the recursion of mean values goes wrong
    result = analytic.mva([1.0, 0.02, 0.05], users, think_s=2.0, servers=[16, 1, 4])
    assert result.throughput == pytest.approx(16.0, rel=1e-4)
    assert sum(result.station_number) + result.throughput * 2.0 == pytest.approx(users, rel=1e-9)
    assert result.station_utilisation == pytest.approx((1.0, 0.32, 0.2), rel=1e-4)


@given(demands_s=demands, users=st.integers(1, 60), think_s=st.floats(0.0, 30.0), data=st.data())
def test_mva_obeys_the_laws_of_closed_networks(
    demands_s: list[float], users: int, think_s: float, data: st.DataObject
) -> None:
    servers = data.draw(st.lists(st.integers(1, 20), min_size=len(demands_s), max_size=len(demands_s)))
    result = analytic.mva(demands_s, users, think_s, servers)
    bounds = analytic.asymptotic_bounds(demands_s, users, think_s, servers)
    assert result.throughput * (result.response_s + think_s) == pytest.approx(users)  # Little's law
    assert result.throughput <= bounds.max_throughput * (1.0 + 1e-9)
    assert result.response_s >= bounds.min_response_s * (1.0 - 1e-9)
    more = analytic.mva(demands_s, users + 1, think_s, servers)
    assert more.throughput >= result.throughput * (1.0 - 1e-9)
    assert more.response_s >= result.response_s * (1.0 - 1e-9)
    assert max(result.station_utilisation) <= 1.0 + 1e-9


@given(demand=st.floats(0.01, 5.0), users=st.integers(1, 60), think_s=st.floats(0.0, 30.0), servers=st.integers(1, 20))
def test_a_capacity_that_depends_on_the_number_includes_servers(
    demand: float, users: int, think_s: float, servers: int
) -> None:
    by_count = analytic.mva([demand, 0.3], users, think_s, [servers, 1])
    by_capacity = analytic.mva([demand, 0.3], users, think_s, [Cpu(servers).capacity, 1])
    assert by_capacity.throughput == pytest.approx(by_count.throughput)
    assert by_capacity.station_number == pytest.approx(by_count.station_number)
    # a host twice as fast is half the demand; one with as many servers as users is thinking
    twice = analytic.mva([2.0 * demand, 0.3], users, think_s, [Cpu(servers, speed=2.0).capacity, 1])
    assert twice.throughput == pytest.approx(by_count.throughput)
    delay = analytic.mva([demand, 0.3], users, think_s, [math.inf, 1])
    assert delay.throughput == pytest.approx(analytic.mva([0.3], users, think_s + demand).throughput)


def test_two_threads_of_a_core_by_hand() -> None:
    # three users who never think on one core of two threads, gain 1.5: never fewer than three there
    cpu = Cpu(1, threads_per_core=2, smt_gain=1.5)
    result = analytic.mva([1.0], 3, 0.0, [cpu.capacity])
    assert result.throughput == pytest.approx(1.5)
    assert result.station_utilisation == pytest.approx((1.0,))
    # one of them thinks for 1 s on average: weights of 0 to 3 there 1/6, 1/2, 1/(2 x 1.5), 1/(1.5 x 1.5)
    result = analytic.mva([1.0], 3, 1.0, [cpu.capacity])
    weights = [1 / 6, 1 / 2, 1 / 1.5, 1 / 1.5**2]
    assert result.station_number[0] == pytest.approx((weights[1] + 2 * weights[2] + 3 * weights[3]) / sum(weights))


def test_mva_passes_over_stations_without_demand() -> None:
    assert analytic.mva([1.0, 0.0], 5, 3.0).throughput == pytest.approx(analytic.mva([1.0], 5, 3.0).throughput)
    assert analytic.mva([0.0], 5, 3.0).throughput == pytest.approx(5 / 3)


def test_asymptotic_bounds_of_denning_and_buzen_by_hand() -> None:
    # Jain's example: demands 2, 3, 1 s, think 4 s: the bounds cross at (6 + 4) / 3 users
    few = analytic.asymptotic_bounds([2.0, 3.0, 1.0], 3, 4.0)
    many = analytic.asymptotic_bounds([2.0, 3.0, 1.0], 20, 4.0)
    assert (few.max_throughput, few.min_response_s) == (0.3, 6.0)
    assert (many.max_throughput, many.min_response_s) == (1 / 3, 56.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: analytic.erlang_c(0, 1.0), "servers is 0, but must be a whole number >= 1"),
        (lambda: analytic.mmc(-1.0, 1.0, 2), r"arrival_rate is -1\.0, but must be a finite number >= 0"),
        (lambda: analytic.mmc(1.0, 0.0, 2), r"service_rate is 0\.0, but must be a finite number > 0"),
        (lambda: analytic.mmc_wait_quantile(1.0, 1.0, 2, 1.0), r"probability is 1\.0"),
        (lambda: analytic.mmck(1.0, 1.0, 5, 4), "places is 4, but must be a whole number >= 5"),
        (lambda: analytic.mgc_ps_mean_response(1.0, 1.0, 0.0), r"cores is 0\.0"),
        (lambda: analytic.ps_mean_number(1.0, 1.0, lambda n: n - 1.0), r"capacity reaches 0\.0"),
        (lambda: analytic.mva([1.0, -2.0], 5), r"demands_s\[1\] is -2\.0"),
        (lambda: analytic.mva([1.0], 0), "users is 0"),
        (lambda: analytic.mva([1.0], 5, servers=[1, 1]), "servers has 2 entries, but must have one a station: 1"),
        (lambda: analytic.mva([], 5, 1.0), "the number of demands_s is 0, but must be a whole number >= 1"),
        (lambda: analytic.mva([0.0], 5), r"the sum of demands_s and think_s is 0\.0"),
        (lambda: analytic.asymptotic_bounds([1.0], 5, math.nan), "think_s is nan"),
        (lambda: analytic.utilisation(1.0, 1.0, 0.0), r"capacity is 0\.0"),
        (lambda: analytic.mva([1.0], 5, servers=[lambda n: 3.0 - n]), r"servers\[0\] reaches -2\.0"),
        (lambda: analytic.mgc_mean_wait(1.0, 1.0, -0.5, 2), r"squared_cv is -0\.5"),
        (lambda: analytic.group_service(1.0, [1.0], [0.5]), r"probabilities add up to 0\.5, but must to 1"),
        (lambda: analytic.group_service(1.0, [-1.0], [1.0]), r"durations_s\[0\] is -1\.0"),
    ],
)
def test_bad_input_is_refused_with_its_value_and_range(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_closed_forms_do_without_the_libraries_that_take_long_to_import() -> None:
    code = "import sys, dfr_sizing.analytic; sys.exit(bool({'scipy.optimize', 'scipy.stats'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
