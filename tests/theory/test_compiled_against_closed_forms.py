"""The compiled engine against closed forms at 30 to 95 % load, and with 1 to 200 users, within its own interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from classical import REPLICATIONS, SHARED, WARM_UP, closed_runs, interval, one_host, open_runs, requests

from dfr_sizing import analytic
from dfr_sizing.simulation.compiled import simulate_closed, simulate_open
from dfr_sizing.simulation.system import Cpu

REQUESTS_A_RUN = {0.3: 4000, 0.7: 10_000, 0.9: 20_000, 0.95: 40_000}
"""Enough for a 5 % interval at each load, the highest included."""

USERS = [1, 10, 50, 200]
THINK_S = 6.0
FOUR_THREADS = Cpu(2, threads_per_core=2, smt_gain=1.15)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_mean_response_of_mmc(workers: int, load: float) -> None:
    expected = analytic.mmc(load * workers, 1.0, workers).mean_response_s
    system = one_host(Cpu(workers), workers)
    found = open_runs(simulate_open, system, load, "exponential", REQUESTS_A_RUN[load]).mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize("distribution", ["exponential", "deterministic", "lognormal", "hyperexponential"])
def test_mean_response_of_shared_core(distribution: str, load: float) -> None:
    expected = analytic.mg1_ps_mean_response(load, 1.0)
    system = one_host(Cpu(1), SHARED)
    found = open_runs(simulate_open, system, load, distribution, REQUESTS_A_RUN[load]).mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("load", REQUESTS_A_RUN)
@pytest.mark.parametrize(
    ("cpu", "distribution"),
    [(Cpu(2), "hyperexponential"), (Cpu(8), "lognormal"), (FOUR_THREADS, "lognormal")],
    ids=["two cores", "eight cores", "four threads"],
)
def test_mean_response_of_shared_cores(cpu: Cpu, distribution: str, load: float) -> None:
    expected = analytic.ps_slowdown(load * cpu.full_capacity, 1.0, cpu.capacity, full_at=8)
    system = one_host(cpu, SHARED)
    found = open_runs(simulate_open, system, load, distribution, REQUESTS_A_RUN[load]).mean_response()
    assert found.agrees_with(expected), (found, expected)


@pytest.mark.parametrize("users", USERS)
@pytest.mark.parametrize("cpu", [Cpu(1), Cpu(4), FOUR_THREADS], ids=["one core", "four cores", "four threads"])
def test_closed_users_of_shared_hosts_follow_exact_mva(cpu: Cpu, users: int) -> None:
    expected = analytic.mva([1.0, 0.4], users, THINK_S, [cpu.capacity, Cpu(1).capacity])
    found = closed_runs(simulate_closed, one_host(cpu, SHARED), users, THINK_S, expected, 0.4, answers=6000)
    assert found.throughput.agrees_with(expected.throughput), (found, expected)
    assert found.response.agrees_with(expected.response_s), (found, expected)


@pytest.mark.parametrize("users", USERS)
@pytest.mark.parametrize("workers", [1, 4])
def test_closed_users_of_workers_are_the_machine_repairman(workers: int, users: int) -> None:
    expected = analytic.machine_repairman(users, THINK_S, 1.0, workers)
    system = one_host(Cpu(workers), workers)
    found = closed_runs(simulate_closed, system, users, THINK_S, expected, 0.0, answers=6000)
    assert found.throughput.agrees_with(expected.throughput), (found, expected)
    assert found.response.agrees_with(expected.response_s), (found, expected)


@pytest.mark.parametrize("users", USERS)
def test_two_classes_of_requests_of_closed_users_follow_exact_mva(users: int) -> None:
    # Any user sends either class (Baskett et al. 1975: classes change within a chain): the network is that of the mean
    # demands, and at a shared station each class takes of the mean response what its demand is of the mean demand.
    # Both hosts are on several cores.
    demands = {"light": (0.5, 0.4), "heavy": (3.0, 0.2)}
    heavy_share, answers = 0.2, 8000
    means = [0.8 * demands["light"][i] + heavy_share * demands["heavy"][i] for i in range(2)]
    expected = analytic.mva(means, users, THINK_S, [4, 2])
    system = replace(one_host(Cpu(4), SHARED), cpus=(Cpu(4), Cpu(2)))
    until = answers / expected.throughput
    n = 2 * users + round(1.25 * answers)
    responses: dict[str, list[float]] = {name: [] for name in demands}
    throughputs: list[float] = []
    controls: list[tuple[float, ...]] = []
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, users, 2])
        heavy = rng.random(n) < heavy_share
        app, sql = (np.where(heavy, demands["heavy"][i], demands["light"][i]) * rng.exponential(1.0, n) for i in (0, 1))
        think = rng.exponential(THINK_S, n)
        stream = requests(n, think_s=think, app_cpu_s=app, database_cpu_s=sql)
        trace = simulate_closed(system, stream, users, until)
        assert np.isnan(trace.sent_s[-1]), "the rows ran out before the run's end"
        counted = trace.answered_s > WARM_UP * until
        throughputs.append(float(counted.sum()) / ((1.0 - WARM_UP) * until))
        controls.append((float(think[counted].mean()), float(app[counted].mean())))
        for name, rows in (("light", counted & ~heavy), ("heavy", counted & heavy)):
            responses[name].append(float((trace.answered_s - trace.sent_s)[rows].mean()))
    known = (THINK_S, means[0])
    assert interval(throughputs, controls, known).agrees_with(expected.throughput)
    for name, own in demands.items():
        response = sum(r * d / mean for r, d, mean in zip(expected.station_response_s, own, means, strict=True))
        assert interval(responses[name], controls, known).agrees_with(response), (name, response)
