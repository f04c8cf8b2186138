"""One step of a load test: what was sent, how fast it was answered, what CPU it took; and its older format's reader."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfr_sizing.errors import InputError

THINK_S = {"closed": 0.0, "think": 1.0}
"""Mean think time of the two modes of the older runs (models/odoo18-reference/README.md)."""
PARALLEL_WORKERS = 8
"""max_parallel_workers where a run does not tell: PostgreSQL's default."""


@dataclass(frozen=True, slots=True)
class RunHost:
    """A host of a run in the run's quiet seconds. ``groups``: which of odoo, postgresql and generator run on it.

    ``strangers`` are cores that other processes took, ``utilisation`` the busy share of all its hardware threads;
    ``speed_ms`` the median CPU time of the probe's fixed loop (0: not known).
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

    ``mix``, ``mean_by_class_s`` and ``sd_by_class_s`` are by class: a recording's are named as the model's operations,
    the older format's as its requests. ``statements`` are PostgreSQL's, per request; ``queue`` the mean number of
    connections that wait to be accepted (NaN: not known); ``rows`` of the farmers' table (0: as the model's);
    ``held_out``: not to be fitted on.
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


def read_run(folder: Path, users: int | None = None, workers: int | None = None, think_s: float | None = None) -> Run:
    """A run of the older format (summary.json). What is given overrides what it says. Raises InputError."""
    path = folder / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        quiet: dict[str, Any] = summary.get("quiet") or {}
        whole = summary["cpu_cores"]
        cores = quiet.get("cpu_cores", {})
        latency = {**summary["latency_ms"], **quiet.get("latency_ms", {})}
        cpu = {**summary["cpu_ms_per_req"], **quiet.get("cpu_ms_per_req", {})}
        classes = {name: row for name, row in latency.items() if name != "all"}
        total = sum(row["n"] for row in classes.values())
        mix = {name: row["n"] / total for name, row in classes.items()} or {"none": 1 / total}
        busy, idle = cores.get("busy", whole["all_busy"]), cores.get("idle", whole["idle"])
        host = RunHost(
            groups=("odoo", "postgresql", "generator"),
            cores=round(whole["all_busy"] + whole["idle"]),
            strangers=max(0.0, cores.get("other", 0.0)) + max(0.0, cores.get("me", 0.0)),
            utilisation=busy / (busy + idle),
        )
        return Run(
            tag=str(summary.get("tag", folder.name)),
            users=users if users is not None else int(summary["users"]),
            workers=workers if workers is not None else int(summary["workers"]),
            think_s=think_s if think_s is not None else THINK_S[summary["mode"]],
            seconds=float(quiet.get("seconds", summary["window_s"])),
            requests=total,
            throughput=float(quiet.get("throughput", summary["throughput"])),
            mean_s=latency["all"]["mean"] / 1e3,
            p50_s=latency["all"]["p50"] / 1e3,
            p95_s=latency["all"]["p95"] / 1e3,
            p99_s=latency["all"]["p99"] / 1e3,
            mix=mix,
            mean_by_class_s={name: row["mean"] / 1e3 for name, row in classes.items()},
            sd_by_class_s={name: row["sd"] / 1e3 for name, row in classes.items()},
            app_cpu_s=cpu["odoo"] / 1e3,
            database_cpu_s=cpu["pg"] / 1e3,
            client_cpu_s=cpu.get("loc", cpu.get("locust", 0.0)) / 1e3,
            hosts=(host,),
            statements=summary["pgss"]["calls"] / summary["requests"] if summary.get("pgss") else 0.0,
        )
    except OSError as error:
        raise InputError("--run", folder, "a run's folder with summary.json", f"{error.strerror}: check it") from None
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError("--run", folder, "a complete run", f"record it again; {path.name} lacks {error}") from None


def read_runs(folder: Path) -> dict[str, Run]:
    """All runs of the older format below a folder by name."""
    return {path.parent.name: read_run(path.parent) for path in sorted(folder.glob("*/summary.json"))}
