"""One step of a load test: what was sent, how fast it was answered, what CPU it took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PARALLEL_WORKERS = 8
"""max_parallel_workers where a run does not tell: PostgreSQL's default."""


@dataclass(frozen=True, slots=True)
class RunHost:
    """A host of a run in the run's quiet seconds. ``groups``: which of odoo, postgresql and generator run on it.

    ``strangers`` are cores that other processes took, ``utilisation`` the busy share of all its hardware threads;
    ``speed_ms`` the mean CPU time of the probe's fixed loop (0: not known).
    """

    groups: tuple[str, ...]
    cores: int
    threads_per_core: int = 1
    strangers: float = 0.0
    utilisation: float = math.nan
    speed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One step of a load test. Seconds; ``*_cpu_s`` are per request (NaN: not known); figures of quiet seconds only.

    ``mix``, ``mean_by_class_s`` and ``sd_by_class_s`` are by class, named as the model's operations. ``statements`` are
    PostgreSQL's, per request; ``queue`` the mean number of connections that wait to be accepted (NaN: not known);
    ``rows`` of the farmers' table (0: as the model's); ``held_out``: not to be fitted on.
    """

    tag: str
    users: int
    workers: int
    think_s: float
    seconds: float
    requests: int
    throughput: float
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    mix: Mapping[str, float]
    mean_by_class_s: Mapping[str, float]
    sd_by_class_s: Mapping[str, float]
    app_cpu_s: float
    database_cpu_s: float
    client_cpu_s: float
    hosts: tuple[RunHost, ...]
    statements: float
    queue: float = math.nan
    parallel_workers: int = PARALLEL_WORKERS
    rows: int = 0
    held_out: bool = False

    @property
    def lone(self) -> bool:
        """One user who never pauses: nothing is in its way, and its host does not idle between its requests."""
        return self.users == 1 and self.think_s == 0.0

    def host_number(self, group: str) -> int | None:
        """Which host a group of processes runs on."""
        return next((number for number, host in enumerate(self.hosts) if group in host.groups), None)

    def host(self, group: str) -> RunHost:
        """The host of a group; the first one where nobody said."""
        return self.hosts[self.host_number(group) or 0]


def think_stretch(runs: Sequence[Run]) -> float:
    """What the load generator kept of the think time it was told, by Little's law; 1 where no run has any."""
    thinking = [run for run in runs if run.think_s > 0.0]
    if not thinking:
        return 1.0
    return sum((run.users / run.throughput - run.mean_s) / run.think_s for run in thinking) / len(thinking)
