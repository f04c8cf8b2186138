"""A request as Odoo serves it: it holds a worker while Python and SQL alternate, on two hosts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import event_lists
import numpy as np
from race import Contender, Laps, Run, figures, race

from dfr_sizing.simulation import compiled, reference
from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, Requests, System, Trace

RATE_PER_S = 80.0
ROUNDS = 12
PYTHON_S, SQL_S = 0.004, 0.0015
"""Means a round; the sum over a request's rounds is drawn once, exponential, and divided evenly."""
READ_SHARE, READ_S = 0.1, 0.001
"""Share of requests that read from the disk, and what all their reads take."""
WORKERS, CORES = 24, 8

SYSTEM = System(
    cpus=(Cpu(cores=CORES), Cpu(cores=CORES)),
    node_cpu=(0,),
    database_cpu=1,
    workers_per_node=WORKERS,
    backlog=10**9,
    parallel_pool=CORES,
    disk=Disk(iops=1e5, read_latency_s=READ_S, flush_latency_s=0.0, write_bytes_per_s=1e9),
)
MOST_APART = 0.05
"""How far the event list's mean response may be from the engine's: other queues at the cores, but hardly any queue."""


@lru_cache(maxsize=2)
def draw(requests: int, seed: int) -> Requests:
    """Poisson arrivals with exponential demands; the same rows for every contender of a repeat."""
    rng, nothing = np.random.default_rng(seed), np.zeros(requests)
    return Requests(
        class_names=("page",),
        class_index=np.zeros(requests, dtype=np.int64),
        arrival_s=np.cumsum(rng.exponential(1.0 / RATE_PER_S, requests)),
        think_s=np.empty(0),
        app_cpu_s=rng.exponential(ROUNDS * PYTHON_S, requests),
        database_cpu_s=rng.exponential(ROUNDS * SQL_S, requests),
        client_cpu_s=nothing,
        rounds=np.full(requests, ROUNDS),
        threads=np.ones(requests, dtype=np.int64),
        reads=np.where(rng.random(requests) < READ_SHARE, 1.0, 0.0),
        wal_bytes=nothing,
        flush_factor=nothing,
        statements=nothing,
        background=np.zeros(requests, dtype=bool),
    )


def _compiled(requests: int, seed: int) -> Run:
    drawn = draw(requests, seed)
    return lambda: compiled.simulate_open(SYSTEM, drawn, np.inf)


def _simpy(requests: int, seed: int) -> Run:
    drawn = draw(requests, seed)
    return lambda: reference.simulate_open(SYSTEM, drawn, np.inf)


def _event_list(requests: int, seed: int) -> Run:
    drawn = draw(requests, seed)
    pieces = np.stack([drawn.app_cpu_s / (drawn.rounds + 1), drawn.database_cpu_s / drawn.rounds], axis=1)
    turns, read_s = 2 * drawn.rounds + 1, drawn.reads / drawn.rounds * READ_S
    cores = np.array([CORES, CORES])
    return lambda: event_lists.odoo_shaped(drawn.arrival_s, pieces, turns, read_s, WORKERS, cores) - drawn.arrival_s


@dataclass(frozen=True, slots=True)
class Result:
    """Requests a second, ratios, and what is wrong (nothing, one hopes)."""

    figures: dict[str, float]
    wrong: list[str]


def run(repeats: int, scale: float, seed: int) -> Result:
    """Race the two engines and the event list on the very same Requests."""
    # A call of the fast two lasts some 10 ms: enough calls that a hiccup of the machine is small beside them.
    count = max(1000, int(8000 * scale))
    contenders = [
        Contender("compiled", _compiled, count, _response, calls=10),
        Contender("simpy", _simpy, count, _response),
        Contender("event_list", _event_list, count, np.asarray, calls=20),
    ]
    laps = race(contenders, repeats, seed)
    return Result(figures(laps), _wrong(laps))


def _wrong(laps: Laps) -> list[str]:
    """The two engines must give the same answers to the bit; the event list, about the same mean."""
    wrong = []
    for ours, theirs, plain in zip(laps["compiled"], laps["simpy"], laps["event_list"], strict=True):
        if not np.array_equal(ours.times, theirs.times):
            wrong.append("Odoo-shaped: the compiled engine and SimPy's differ")
        apart = plain.times.mean() / ours.times.mean() - 1.0
        if not abs(apart) <= MOST_APART:
            wrong.append(f"Odoo-shaped: the event list's mean response is {apart:+.1%} from the engine's")
    return wrong


def _response(trace: Trace) -> FloatArray:
    return trace.answered_s - trace.sent_s
