"""Runs a deployment under an hour's load: replications over processes, the same result on any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from dfr_sizing.simulation.compiled import simulate_open
from dfr_sizing.simulation.draw import Stream, draw_open
from dfr_sizing.simulation.outcome import Outcome, outcome
from dfr_sizing.simulation.system import Requests, System, Trace

REPLICATIONS = 2
SHORTEST_S = 40.0
"""A run lasts several times its longest request, a sync batch of about 10 s, or its statistics would cut those off."""


@dataclass(frozen=True, slots=True)
class Job:
    """One deployment under one hour's streams."""

    system: System
    streams: tuple[Stream, ...]
    seconds: float
    seed: int
    confidence: float
    sync_batches: int


def seconds_for(streams: Sequence[Stream], requests: int) -> float:
    """How long a run has to be for so many requests over all replications, but never shorter than SHORTEST_S."""
    rate = sum(stream.rate_per_s for stream in streams)
    return max(SHORTEST_S, requests / REPLICATIONS / max(rate, 1e-9))


def replicate(job: Job, replication: int) -> tuple[Requests, Trace]:
    """One replication: draw, then simulate."""
    requests = draw_open(job.streams, job.seconds, job.seed, replication)
    return requests, simulate_open(job.system, requests, job.seconds)


def run_all(jobs: Sequence[Job], executor: Executor | None) -> list[Outcome]:
    """The outcomes of several jobs, over an executor's processes or in this one."""
    pairs = [(job, replication) for job in jobs for replication in range(REPLICATIONS)]
    if executor is None:
        runs = [replicate(job, replication) for job, replication in pairs]
    else:
        runs = list(executor.map(replicate, [job for job, _ in pairs], [number for _, number in pairs]))
    return [
        outcome(
            job.system,
            runs[REPLICATIONS * number : REPLICATIONS * (number + 1)],
            job.confidence,
            job.sync_batches,
            job.seed,
        )
        for number, job in enumerate(jobs)
    ]
