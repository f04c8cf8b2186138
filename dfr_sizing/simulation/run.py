"""Runs a deployment under an hour's load: replications over processes, the same result on any number of them.

The length of a run is planned from the spread of its first replications, and so are the rounds after it: what is
simulated depends on the numbers seen and on no clock, so that one process gives what ten give. Replication k of a job
is always the same, whatever asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from dfr_sizing.drivers import rule
from dfr_sizing.simulation.digest import Digest
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.outcome import Outcome, Runs, outcome
from dfr_sizing.simulation.system import System
from dfr_sizing.workers import Ahead, begun

GROWTH = 4
"""A round at most so many times what there is: a spread seen in few batches may be far off (Law 2015, 9.4.1)."""

AHEAD = 1.1
"""A round is planned so much longer than the spread asks for, so that one more is rarely needed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One deployment under one hour's streams. ``seconds`` is the length of each replication."""

    system: System
    streams: tuple[Stream, ...]
    seconds: float
    seed: int
    confidence: float
    sync_batches: int
    extra_load: float = 0.0

    @property
    def requests(self) -> float:
        """Requests expected in a replication."""
        return self.seconds * sum(stream.rate_per_s for stream in self.streams)


@dataclass(frozen=True, slots=True)
class Asked:
    """An estimate that a run is continued for: a class's ``mean``, ``p95``, ``sum`` and so on (Runs.estimate)."""

    class_name: str
    what: str


def seconds_for(streams: Sequence[Stream], requests: float, shortest_s: float | None = None) -> float:
    """How long a replication has to be for so many requests, but never shorter than run.shortest_s."""
    return seconds_of(sum(stream.rate_per_s for stream in streams), requests, shortest_s)


def seconds_of(requests_per_s: float, requests: float, shortest_s: float | None = None) -> float:
    """The same for requests that come at this rate."""
    least = rule("run.shortest_s") if shortest_s is None else shortest_s
    return max(least, requests / max(requests_per_s, 1e-9))


def _replicate(job: Job, replication: int) -> Digest:
    # Whoever only plans and adds up need not load the engine: it takes longer to import than all the rest.
    from dfr_sizing.simulation.replicate import replicate

    return replicate(job, replication)


def run_all(jobs: Sequence[Job], replications: int, executor: Executor | None) -> Callable[[], list[Runs]]:
    """Begin several jobs, each of so many replications; what is returned waits for them."""
    pairs = [(job, number) for job in jobs for number in range(replications)]
    digests = begun(executor, _replicate, [job for job, _ in pairs], [number for _, number in pairs])

    def runs() -> list[Runs]:
        found = digests()
        return [Runs(tuple(found[first : first + replications])) for first in range(0, len(found), replications)]

    return runs


Started = Sequence[tuple[Job, tuple[Digest, ...]]]
"""Jobs, each with the replications there are of it."""


def grow(started: Started, totals: Sequence[int], executor: Executor | None) -> list[tuple[Digest, ...]]:
    """Continue each job to so many replications in all, those of all jobs at once."""
    return growing(started, totals, executor)()


def growing(
    started: Started, totals: Sequence[int], executor: Executor | None
) -> Callable[[], list[tuple[Digest, ...]]]:
    """Begin to continue each job to so many replications in all; what is returned waits for them."""
    digests = begun(executor, _replicate, *_missing(started, totals))

    def grown() -> list[tuple[Digest, ...]]:
        new = iter(digests())
        return [
            (*have, *(next(new) for _ in range(len(have), total)))
            for (_, have), total in zip(started, totals, strict=True)
        ]

    return grown


def grow_ahead(started: Started, totals: Sequence[int], executor: Executor | None) -> None:
    """Begin what ``growing`` will probably be asked for, if the executor can (workers.Ahead)."""
    if isinstance(executor, Ahead):
        executor.begin(_replicate, *_missing(started, totals))


def _missing(started: Started, totals: Sequence[int]) -> tuple[list[Job], list[int]]:
    """The jobs and the numbers of the replications that there are not yet."""
    pairs = [
        (job, number) for (job, have), total in zip(started, totals, strict=True) for number in range(len(have), total)
    ]
    return [job for job, _ in pairs], [number for _, number in pairs]


def replications_for(have: int, too_wide: float, most: int) -> int:
    """How many replications in all bring an interval that is ``too_wide`` times the allowed one down to it.

    ``have`` if it is narrow enough, or there are the most already. A half-width falls with the square root of the
    number; one without an upper bound asks for all that a round may grow by.
    """
    if too_wide <= 1.0 or have >= most:
        return have
    wanted = min(AHEAD * have * too_wide**2, float(GROWTH * have))
    return min(most, max(have + 1, math.ceil(wanted)))


def until_precise(
    more: Callable[[tuple[Digest, ...], int], tuple[Digest, ...]],
    asked: Sequence[Asked],
    precision: float,
    confidence: float,
    most: int,
    in_a_row: int = 1,
) -> tuple[Runs, str]:
    """Rounds of replications until each asked-for estimate has a relative half-width of ``precision``, or ``most``.

    ``more`` continues replications to so many in all. The first round is run.pilot_replications, from which the second
    is planned. Also why it ended: ``precision``, or ``limit: `` and the estimates that fell short.
    """
    digests: tuple[Digest, ...] = ()
    total = int(rule("run.pilot_replications"))
    while True:
        digests = more(digests, total)
        runs = Runs(digests)
        wide = {one: runs.estimate(one.class_name, one.what, confidence, in_a_row).half_width for one in asked}
        # A class that never came has no half-width; more of the same would say no more.
        widest = max((width for width in wide.values() if not math.isnan(width)), default=0.0)
        total = replications_for(len(digests), widest / precision, most)
        if total == len(digests):
            short = [f"{one.what} of {one.class_name}" for one, width in wide.items() if not width <= precision]
            return runs, f"limit: {', '.join(short)}" if short else "precision"


def run_until(
    job: Job, asked: Sequence[Asked], precision: float, most_requests: float, executor: Executor | None
) -> Outcome:
    """Simulate a job until each asked-for estimate is precise enough, or ``most_requests`` are expected to be sent."""
    most = max(int(rule("run.pilot_replications")), int(most_requests / max(job.requests, 1.0)))
    runs, said = until_precise(
        lambda have, total: grow([(job, have)], [total], executor)[0],
        asked,
        precision,
        job.confidence,
        most,
        job.sync_batches,
    )
    return outcome(runs, job.confidence, job.sync_batches, said, job.extra_load)
