"""M/M/3 at load 0.8: where every simulator can run, and theory knows the answer. Drawing counts for all."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ciw
import event_lists
import numpy as np
import simpy
from race import Contender, Lap, Run, figures, race

from dfr_sizing.analytic import mmc
from dfr_sizing.simulation import compiled
from dfr_sizing.simulation.statistics import Estimate, Sample, mean_estimate
from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, Requests, System

SERVERS, SERVICE_RATE = 3, 1.0
ARRIVAL_RATE = 0.8 * SERVERS * SERVICE_RATE

ROUNDS = 0
"""How often a request asks the database: a customer is a single piece of CPU."""

SYSTEM = System(
    cpus=(Cpu(cores=SERVERS), Cpu(cores=SERVERS)),
    node_cpu=(0,),
    database_cpu=1,
    workers_per_node=SERVERS,
    backlog=10**9,
    parallel_pool=0,
    disk=Disk(iops=1e5, read_latency_s=0.0, flush_latency_s=0.0, write_bytes_per_s=1e9),
)
"""Three workers on three cores: a worker that serves always has a core to itself."""

WARM_UP_SHARE = 0.1
"""Cut from the start of each repeat: the system starts empty."""
BATCHES = 5
"""Of each repeat; over a thousand requests each, where those a hundred apart hardly know of each other."""
CONFIDENCE = 0.99


def _compiled(requests: int, seed: int) -> Run:
    return partial(_draw_and_simulate, requests, seed)


def _draw_and_simulate(requests: int, seed: int) -> FloatArray:
    rng, nothing = np.random.default_rng(seed), np.zeros(requests)
    drawn = Requests(
        class_names=("customer",),
        class_index=np.zeros(requests, dtype=np.int64),
        arrival_s=np.cumsum(rng.exponential(1.0 / ARRIVAL_RATE, requests)),
        think_s=np.empty(0),
        app_cpu_s=rng.exponential(1.0 / SERVICE_RATE, requests),
        database_cpu_s=nothing,
        client_cpu_s=nothing,
        rounds=np.full(requests, ROUNDS),
        threads=np.ones(requests, dtype=np.int64),
        reads=nothing,
        wal_bytes=nothing,
        flush_factor=nothing,
        statements=nothing,
        background=np.zeros(requests, dtype=bool),
    )
    trace = compiled.simulate_open(SYSTEM, drawn, np.inf)
    return trace.answered_s - trace.sent_s


def _simpy(requests: int, seed: int) -> Run:
    return partial(_simpy_script, requests, seed)


def _simpy_script(requests: int, seed: int) -> list[float]:
    """As in SimPy's documentation ("Bank renege"): a source, customers, a Resource."""
    rng = random.Random(seed)  # noqa: S311
    env = simpy.Environment()
    counter = simpy.Resource(env, capacity=SERVERS)
    in_system: list[float] = []

    def customer() -> Generator[simpy.Event, Any, None]:
        arrive = env.now
        with counter.request() as mine:
            yield mine
            yield env.timeout(rng.expovariate(SERVICE_RATE))
        in_system.append(env.now - arrive)

    def source() -> Generator[simpy.Event, Any, None]:
        for _ in range(requests):
            yield env.timeout(rng.expovariate(ARRIVAL_RATE))
            env.process(customer())

    env.process(source())
    env.run()
    return in_system


def _ciw(requests: int, seed: int) -> Run:
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=ARRIVAL_RATE)],
        service_distributions=[ciw.dists.Exponential(rate=SERVICE_RATE)],
        number_of_servers=[SERVERS],
    )
    ciw.seed(seed)
    return partial(_ciw_run, ciw.Simulation(network), requests)


def _ciw_run(simulation: Any, requests: int) -> Any:
    simulation.simulate_until_max_customers(requests, method="Finish")
    return simulation


def _event_list(requests: int, seed: int) -> Run:
    return partial(event_lists.mmc, requests, ARRIVAL_RATE, SERVICE_RATE, SERVERS, seed)


def _ciw_times(simulation: Any) -> FloatArray:
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    return np.array([record.exit_date - record.arrival_date for record in records])


@dataclass(frozen=True, slots=True)
class Result:
    """Requests a second, ratios, mean times in system with their intervals, theory's, and what is wrong."""

    figures: dict[str, float]
    means: dict[str, Estimate]
    theory: float
    wrong: list[str]


def run(repeats: int, scale: float, seed: int) -> Result:
    """Race our engine, SimPy, Ciw and an event list, and hold all of them to Erlang C."""
    contenders = [
        Contender("compiled", _compiled, int(500_000 * scale), np.asarray),
        Contender("simpy", _simpy, int(80_000 * scale), np.asarray),
        Contender("ciw", _ciw, int(50_000 * scale), _ciw_times),
        Contender("event_list", _event_list, int(2_000_000 * scale), np.asarray),
    ]
    laps = race(contenders, repeats, seed)
    theory = mmc(ARRIVAL_RATE, SERVICE_RATE, SERVERS).mean_response_s
    means = {name: _mean(each) for name, each in laps.items()}
    wrong = [
        f"M/M/3: {name} says {mean.value:.4f} ({mean.low:.4f} to {mean.high:.4f}), theory {theory:.4f}"
        for name, mean in means.items()
        if not mean.low <= theory <= mean.high
    ]
    return Result(figures(laps), means, theory, wrong)


def _mean(laps: Sequence[Lap]) -> Estimate:
    batches: list[FloatArray] = []
    for lap in laps:
        batches += np.array_split(lap.times[int(WARM_UP_SHARE * len(lap.times)) :], BATCHES)
    return mean_estimate(Sample.of(batches), CONFIDENCE)
