"""The SimPy engine, set up as classical queues, against their closed forms within its own confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from classical import (
    DEMANDS,
    REPLICATIONS,
    WARM_UP,
    Interval,
    drained,
    fifo_waits,
    interval,
    one_host,
    poisson_arrivals,
    requests,
    single_server_wait,
    warm,
)

from dfr_sizing import analytic
from dfr_sizing.simulation.reference import simulate_closed, simulate_open
from dfr_sizing.simulation.system import Cpu, FloatArray, System, Trace

REQUESTS_A_RUN = {0.3: 1500, 0.7: 3500, 0.9: 6000}
"""Enough for a 5 % interval at each load."""

SHARED = 1000
"""So many workers that nobody ever waits for one: only processors are shared."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Replications of one open queue: responses and demands of each run, and the controls of the interval."""

    responses: list[FloatArray]
    demands: list[FloatArray]
    controls: list[tuple[float, ...]]
    control_means: tuple[float, ...]

    def mean_response(self) -> Interval:
        return self.interval([float(r.mean()) for r in self.responses])

    def interval(self, values: list[float]) -> Interval:
        return interval(values, self.controls, self.control_means)


def open_runs(system: System, load: float, distribution: str, sql_share: float = 0.0, rounds: int = 1) -> Runs:
    """Replicate ``system`` under Poisson arrivals of requests of 1 s that fill ``load`` of its first host.

    Each asks its second host, the database, for ``sql_share`` times its demand on the first.
    """
    demand = DEMANDS[distribution]
    capacity = np.array([cpu.full_capacity for cpu in system.cpus])
    # Pollaczek and Khinchine, for the single server of the whole capacity that is the control
    single_server = load * (1.0 + demand.squared_cv) / (2.0 * capacity[0] * (1.0 - load))
    runs = Runs([], [], [], (single_server, 1.0))
    n = round(REQUESTS_A_RUN[load] * demand.runs)
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, round(load * 100)])
        arrivals, app = poisson_arrivals(rng, load * capacity[0], n), demand.sample(rng, n)
        stream = requests(
            n, arrival_s=arrivals, app_cpu_s=app, database_cpu_s=sql_share * app, rounds=np.full(n, float(rounds))
        )
        trace = drained(system, stream, simulate_open)
        assert_laws(trace, capacity, np.array([app.sum(), sql_share * app.sum()]))
        runs.responses.append(warm(trace.answered_s - trace.sent_s))
        runs.demands.append(warm(app))
        runs.controls.append((single_server_wait(arrivals, app / capacity[0]), float(warm(app).mean())))
    return runs


def assert_laws(trace: Trace, capacity: FloatArray, demands: FloatArray) -> None:
    """The utilisation law of each host and Little's law of the workers, to rounding, for a run that is drained."""
    assert trace.cpu_busy_s * capacity == pytest.approx(demands, rel=1e-9)
    held = trace.answered_s - trace.sent_s - trace.worker_wait_s
    assert trace.worker_busy_s == pytest.approx(held.sum(), rel=1e-9)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize("distribution", ["exponential", "lognormal"])
@pytest.mark.parametrize("workers", [1, 3])
def test_waits_are_those_of_the_recursion_for_fifo_servers(workers: int, distribution: str, load: float) -> None:
    rng = np.random.default_rng(7)
    arrivals, demand = poisson_arrivals(rng, load * workers, 4000), DEMANDS[distribution].sample(rng, 4000)
    stream = requests(4000, arrival_s=arrivals, app_cpu_s=demand)
    trace = drained(one_host(Cpu(workers), workers), stream, simulate_open)
    assert trace.worker_wait_s == pytest.approx(fifo_waits(arrivals, demand, workers), abs=1e-7)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize("workers", [2, 8])
def test_mean_response_of_mmc(workers: int, load: float) -> None:
    expected = analytic.mmc(load * workers, 1.0, workers).mean_response_s
    found = open_runs(one_host(Cpu(workers), workers), load, "exponential").mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize("distribution", DEMANDS)
def test_mean_response_of_shared_core_depends_on_no_distribution(distribution: str, load: float) -> None:
    expected = analytic.mg1_ps_mean_response(load, 1.0)
    found = open_runs(one_host(Cpu(1), SHARED), load, distribution).mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize(
    ("cpu", "distribution"),
    [
        (Cpu(2), "exponential"),
        (Cpu(1.5, speed=1.3), "deterministic"),
        (Cpu(2, threads_per_core=2, smt_gain=1.15), "exponential"),
        (Cpu(2, threads_per_core=2, smt_gain=1.15), "hyperexponential"),
    ],
    ids=["two cores", "one and a half cores", "four threads", "four threads, hyperexponential"],
)
def test_mean_response_of_shared_cores(cpu: Cpu, distribution: str, load: float) -> None:
    expected = analytic.ps_slowdown(load * cpu.full_capacity, 1.0, cpu.capacity, full_at=8)
    found = open_runs(one_host(cpu, SHARED), load, distribution).mean_response()
    assert found.agrees_with(expected), (found, expected)


def test_mean_response_on_a_shared_core_is_in_proportion_to_demand() -> None:
    runs = open_runs(one_host(Cpu(1), SHARED), 0.7, "lognormal")
    for least, most in [(0.0, 0.5), (0.5, 1.5), (1.5, np.inf)]:
        slowdowns = []
        for response, demand in zip(runs.responses, runs.demands, strict=True):
            size = (demand >= least) & (demand < most)
            slowdowns.append(float(response[size].sum() / demand[size].sum()))
        found = runs.interval(slowdowns)
        assert found.agrees_with(1.0 / 0.3), (least, most, found)


def test_mean_response_of_python_and_sql_in_turns_on_two_hosts() -> None:
    # an open network of symmetric queues: each host as if alone (Kelly 1979, section 3.3), though sizes go together
    app = Cpu(2)
    expected = analytic.mgc_ps_mean_response(1.4, 1.0, 2.0) + analytic.mg1_ps_mean_response(1.4, 0.5)
    found = open_runs(one_host(app, SHARED), 0.7, "lognormal", sql_share=0.5, rounds=4).mean_response()
    assert found.agrees_with(expected), (found, expected)


@dataclass(frozen=True, slots=True)
class ClosedRuns:
    """Intervals of throughput and response over replications of closed users."""

    throughput: Interval
    response: Interval


def closed_runs(
    system: System, users: int, think_s: float, expected: analytic.ClosedResult, sql_s: float
) -> ClosedRuns:
    """Replicate ``users`` with exponential thinking, demand of 1 s on the first host and ``sql_s`` on the second."""
    until = 1200.0 / expected.throughput
    n = 2 * users + 1500
    throughputs: list[float] = []
    responses: list[float] = []
    controls: list[tuple[float, ...]] = []
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, users])
        think, app = rng.exponential(think_s, n), rng.exponential(1.0, n)
        stream = requests(n, think_s=think, app_cpu_s=app, database_cpu_s=sql_s * rng.exponential(1.0, n))
        trace = simulate_closed(system, stream, users, until)
        assert np.isnan(trace.sent_s[-1]), "the rows ran out before the run's end"
        counted = trace.answered_s > WARM_UP * until
        response = trace.answered_s[counted] - trace.sent_s[counted]
        throughputs.append(float(counted.sum()) / ((1.0 - WARM_UP) * until))
        responses.append(float(response.mean()))
        controls.append((float(think[counted].mean()), float(app[counted].mean())))
        # Little's law: a user is either thinking or waiting
        assert throughputs[-1] * (responses[-1] + think[counted].mean()) == pytest.approx(users, rel=0.05)
    means = (think_s, 1.0)
    return ClosedRuns(interval(throughputs, controls, means), interval(responses, controls, means))


@pytest.mark.parametrize("users", [1, 5, 20, 60])
@pytest.mark.parametrize("workers", [1, 3])
def test_closed_users_of_workers_are_the_machine_repairman(workers: int, users: int) -> None:
    expected = analytic.machine_repairman(users, 6.0, 1.0, workers)
    found = closed_runs(one_host(Cpu(workers), workers), users, 6.0, expected, sql_s=0.0)
    assert found.throughput.agrees_with(expected.throughput), (found, expected)
    assert found.response.agrees_with(expected.response_s), (found, expected)


@pytest.mark.parametrize("users", [1, 5, 20, 60])
def test_closed_users_of_two_shared_hosts_follow_exact_mva(users: int) -> None:
    expected = analytic.mva([1.0, 0.4], users, 6.0, servers=[2, 1])
    found = closed_runs(one_host(Cpu(2), SHARED), users, 6.0, expected, sql_s=0.4)
    assert found.throughput.agrees_with(expected.throughput), (found, expected)
    assert found.response.agrees_with(expected.response_s), (found, expected)
