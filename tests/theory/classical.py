"""Classical queues set up in the engine's own terms, and confidence intervals for what the engine makes of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from dfr_sizing import analytic
from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, Requests, System, Trace

CONFIDENCE = 0.999
REPLICATIONS = 12
WARM_UP = 0.2
"""Share of each run's requests left out of the means: the run starts empty."""

FREE_DISK = Disk(iops=1e12, read_latency_s=0.0, flush_latency_s=0.0, write_bytes_per_s=1e15)
ENDLESS_BACKLOG = 10**9

SHARED = 1000
"""So many workers that nobody ever waits for one: only processors are shared."""

OpenEngine = Callable[[System, Requests, float], Trace]
ClosedEngine = Callable[[System, Requests, int, float], Trace]
Sampler = Callable[[np.random.Generator, int], FloatArray]


def _hyperexponential(rng: np.random.Generator, n: int) -> FloatArray:
    # two phases of equal load (balanced means): for cv^2 = 4 the quick one has probability (1 + sqrt(3/5)) / 2
    p = (1.0 + np.sqrt(0.6)) / 2.0
    mean: FloatArray = np.where(rng.random(n) < p, 0.5 / p, 0.5 / (1.0 - p))
    return mean * rng.exponential(1.0, n)


@dataclass(frozen=True, slots=True)
class Demand:
    """A distribution of mean 1 s; ``runs`` is how much longer than the exponential's its runs must be."""

    sample: Sampler
    squared_cv: float
    runs: float


DEMANDS = {
    "exponential": Demand(lambda rng, n: rng.exponential(1.0, n), 1.0, 1.0),
    "deterministic": Demand(lambda _, n: np.ones(n), 0.0, 0.5),
    "hyperexponential": Demand(_hyperexponential, 4.0, 2.5),
    "lognormal": Demand(lambda rng, n: rng.lognormal(-np.log(2.0) / 2.0, np.sqrt(np.log(2.0)), n), 1.0, 2.0),
}


def one_host(cpu: Cpu, workers: int, backlog: int = ENDLESS_BACKLOG, disk: Disk = FREE_DISK) -> System:
    """One node on a host of its own; the database, on the second host, is there but need not be used."""
    return System(
        cpus=(cpu, Cpu(1)),
        node_cpu=(0,),
        database_cpu=1,
        workers_per_node=workers,
        backlog=backlog,
        parallel_pool=0,
        disk=disk,
    )


def requests(n: int, **columns: FloatArray | list[float]) -> Requests:
    """``n`` requests of one class that want nothing but what ``columns`` gives them."""

    def column(name: str, otherwise: float) -> FloatArray:
        return np.asarray(columns.get(name, np.full(n, otherwise)), dtype=np.float64)

    return Requests(
        class_names=("request",),
        class_index=np.zeros(n, dtype=np.int64),
        arrival_s=np.asarray(columns.get("arrival_s", []), dtype=np.float64),
        think_s=column("think_s", 0.0),
        app_cpu_s=column("app_cpu_s", 0.0),
        database_cpu_s=column("database_cpu_s", 0.0),
        client_cpu_s=column("client_cpu_s", 0.0),
        rounds=column("rounds", 1.0).astype(np.int64),
        threads=column("threads", 1.0).astype(np.int64),
        reads=column("reads", 0.0),
        wal_bytes=column("wal_bytes", 0.0),
        flush_factor=column("flush_factor", 1.0),
        statements=column("statements", 0.0),
        background=column("background", 0.0).astype(np.bool_),
    )


def poisson_arrivals(rng: np.random.Generator, rate: float, n: int) -> FloatArray:
    """Times of ``n`` arrivals at ``rate`` a second."""
    return np.cumsum(rng.exponential(1.0 / rate, n))


def drained(system: System, stream: Requests, simulate: OpenEngine) -> Trace:
    """The trace of a run that goes on until every request has been answered."""
    trace = simulate(system, stream, float(stream.arrival_s[-1]) + 1e5)
    assert np.isfinite(trace.answered_s).all()
    return trace


def warm(values: FloatArray) -> FloatArray:
    """What is left of a run's values once its start is cut off."""
    return values[int(WARM_UP * len(values)) :]


def fifo_waits(arrival_s: FloatArray, service_s: FloatArray, servers: int) -> FloatArray:
    """Wait of each request in order of arrival, from the recursion of Kiefer & Wolfowitz (1955)."""
    free_at = [0.0] * servers
    waits = []
    for arrival, service in zip(arrival_s.tolist(), service_s.tolist(), strict=True):
        start = max(arrival, free_at[0])
        heapq.heapreplace(free_at, start + service)
        waits.append(start - arrival)
    return np.array(waits)


def single_server_wait(arrival_s: FloatArray, service_s: FloatArray) -> float:
    """Mean wait where one server takes the same requests in order of arrival, from Lindley's recursion."""
    steps = service_s[:-1] - np.diff(arrival_s)
    walk = np.concatenate(([0.0], np.cumsum(steps)))
    return float(warm(walk - np.minimum.accumulate(walk)).mean())


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the half-width of its confidence interval."""

    mean: float
    half_width: float

    def agrees_with(self, expected: float) -> bool:
        """Whether the interval holds ``expected`` and is narrow enough (5 %) for that to mean something."""
        return abs(self.mean - expected) <= self.half_width <= 0.05 * expected


def interval(values: list[float], controls: list[tuple[float, ...]], means: tuple[float, ...]) -> Interval:
    """Student's interval from one value a replication, after regression on controls of known ``means`` (or none).

    Lavenberg & Welch, A Perspective on the Use of Control Variables (Management Science 27, 1981). A busy queue varies
    so much from run to run that without them a 5 % interval at 90 % load would take millions of requests.
    """
    found = np.array(values)
    design = np.column_stack((np.ones(len(found)), np.reshape(controls, (len(found), -1)) - np.array(means)))
    coefficients, _, rank, _ = np.linalg.lstsq(design, found)  # a control that never varies takes no freedom
    freedom = len(found) - int(rank)
    residual = float(np.sum((found - design @ coefficients) ** 2)) / freedom
    variance = residual * float(np.linalg.pinv(design.T @ design)[0, 0])
    quantile = stats.t.ppf((1.0 + CONFIDENCE) / 2.0, freedom)
    return Interval(float(coefficients[0]), float(quantile * np.sqrt(variance)))


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


def open_runs(
    simulate: OpenEngine,
    system: System,
    load: float,
    distribution: str,
    requests_a_run: int,
    sql_share: float = 0.0,
    rounds: int = 1,
) -> Runs:
    """Replicate ``system`` under Poisson arrivals of requests of 1 s that fill ``load`` of its first host.

    Each asks its second host, the database, for ``sql_share`` times its demand on the first. A run has
    ``requests_a_run`` requests, times what its distribution needs.
    """
    demand = DEMANDS[distribution]
    capacity = np.array([cpu.full_capacity for cpu in system.cpus])
    # Pollaczek and Khinchine, for the single server of the whole capacity that is the control
    single_server = load * (1.0 + demand.squared_cv) / (2.0 * capacity[0] * (1.0 - load))
    runs = Runs([], [], [], (single_server, 1.0))
    n = round(requests_a_run * demand.runs)
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, round(load * 100)])
        arrivals, app = poisson_arrivals(rng, load * capacity[0], n), demand.sample(rng, n)
        stream = requests(
            n, arrival_s=arrivals, app_cpu_s=app, database_cpu_s=sql_share * app, rounds=np.full(n, float(rounds))
        )
        trace = drained(system, stream, simulate)
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


@dataclass(frozen=True, slots=True)
class ClosedRuns:
    """Intervals of throughput and response over replications of closed users."""

    throughput: Interval
    response: Interval


def closed_runs(
    simulate: ClosedEngine,
    system: System,
    users: int,
    think_s: float,
    expected: analytic.ClosedResult,
    sql_s: float,
    answers: int = 1200,
) -> ClosedRuns:
    """Replicate ``users`` with exponential thinking, demand of 1 s on the first host and ``sql_s`` on the second.

    A run lasts until about ``answers`` requests are answered.
    """
    until = answers / expected.throughput
    n = 2 * users + round(1.25 * answers)
    throughputs: list[float] = []
    responses: list[float] = []
    controls: list[tuple[float, ...]] = []
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, users])
        think, app = rng.exponential(think_s, n), rng.exponential(1.0, n)
        stream = requests(n, think_s=think, app_cpu_s=app, database_cpu_s=sql_s * rng.exponential(1.0, n))
        trace = simulate(system, stream, users, until)
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
