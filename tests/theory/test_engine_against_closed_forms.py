"""The SimPy engine, set up as classical queues, against their closed forms within its own confidence interval."""

from __future__ import annotations

import numpy as np
import pytest
from classical import (
    DEMANDS,
    SHARED,
    closed_runs,
    drained,
    fifo_waits,
    one_host,
    open_runs,
    poisson_arrivals,
    requests,
)

from dfr_sizing import analytic
from dfr_sizing.simulation.reference import simulate_closed, simulate_open
from dfr_sizing.simulation.system import Cpu

REQUESTS_A_RUN = {0.3: 1500, 0.7: 3500, 0.9: 6000}
"""Enough for a 5 % interval at each load."""


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
    found = open_runs(
        simulate_open, one_host(Cpu(workers), workers), load, "exponential", REQUESTS_A_RUN[load]
    ).mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize("distribution", DEMANDS)
def test_mean_response_of_shared_core_depends_on_no_distribution(distribution: str, load: float) -> None:
    expected = analytic.mg1_ps_mean_response(load, 1.0)
    found = open_runs(simulate_open, one_host(Cpu(1), SHARED), load, distribution, REQUESTS_A_RUN[load]).mean_response()
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
    found = open_runs(simulate_open, one_host(cpu, SHARED), load, distribution, REQUESTS_A_RUN[load]).mean_response()
    assert found.agrees_with(expected), (found, expected)


def test_mean_response_on_a_shared_core_is_in_proportion_to_demand() -> None:
    runs = open_runs(simulate_open, one_host(Cpu(1), SHARED), 0.7, "lognormal", REQUESTS_A_RUN[0.7])
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
    found = open_runs(
        simulate_open, one_host(app, SHARED), 0.7, "lognormal", REQUESTS_A_RUN[0.7], sql_share=0.5, rounds=4
    ).mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("users", [1, 5, 20, 60])
@pytest.mark.parametrize("workers", [1, 3])
def test_closed_users_of_workers_are_the_machine_repairman(workers: int, users: int) -> None:
    expected = analytic.machine_repairman(users, 6.0, 1.0, workers)
    found = closed_runs(simulate_closed, one_host(Cpu(workers), workers), users, 6.0, expected, sql_s=0.0)
    assert found.throughput.agrees_with(expected.throughput), (found, expected)
    assert found.response.agrees_with(expected.response_s), (found, expected)


@pytest.mark.parametrize("users", [1, 5, 20, 60])
def test_closed_users_of_two_shared_hosts_follow_exact_mva(users: int) -> None:
    expected = analytic.mva([1.0, 0.4], users, 6.0, servers=[2, 1])
    found = closed_runs(simulate_closed, one_host(Cpu(2), SHARED), users, 6.0, expected, sql_s=0.4)
    assert found.throughput.agrees_with(expected.throughput), (found, expected)
    assert found.response.agrees_with(expected.response_s), (found, expected)
