"""Reads one run of a load test: what was sent, how fast it was answered, what CPU it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfr_sizing.errors import InputError

THINK_S = {"closed": 0.0, "think": 1.0}
"""Mean think time of the two modes of the reference runs (models/odoo18-reference/README.md)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One step of a load test on one host. Seconds; ``*_cpu_s`` are per request; ``strangers`` are cores.

    The figures are those of the quiet seconds of the run (foreign CPU under 0.15 core) where it has them.
    """

    tag: str
    users: int
    workers: int
    think_s: float
    seconds: float
    requests: int
    throughput: float
    mean_s: float
    p95_s: float
    mix: Mapping[str, float]
    mean_by_class_s: Mapping[str, float]
    sd_by_class_s: Mapping[str, float]
    app_cpu_s: float
    database_cpu_s: float
    client_cpu_s: float
    strangers: float
    utilisation: float
    cores: int
    statements: float


def read_run(folder: Path, users: int | None = None, workers: int | None = None, think_s: float | None = None) -> Run:
    """A run from its folder (summary.json). What is given overrides what the folder says. Raises InputError."""
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
        return Run(
            tag=str(summary.get("tag", folder.name)),
            users=users if users is not None else int(summary["users"]),
            workers=workers if workers is not None else int(summary["workers"]),
            think_s=think_s if think_s is not None else THINK_S[summary["mode"]],
            seconds=float(quiet.get("seconds", summary["window_s"])),
            requests=total,
            throughput=float(quiet.get("throughput", summary["throughput"])),
            mean_s=latency["all"]["mean"] / 1e3,
            p95_s=latency["all"]["p95"] / 1e3,
            mix=mix,
            mean_by_class_s={name: row["mean"] / 1e3 for name, row in classes.items()},
            sd_by_class_s={name: row["sd"] / 1e3 for name, row in classes.items()},
            app_cpu_s=cpu["odoo"] / 1e3,
            database_cpu_s=cpu["pg"] / 1e3,
            client_cpu_s=cpu.get("loc", cpu.get("locust", 0.0)) / 1e3,
            strangers=max(0.0, cores.get("other", 0.0)) + max(0.0, cores.get("me", 0.0)),
            utilisation=busy / (busy + idle),
            cores=round(whole["all_busy"] + whole["idle"]),
            statements=summary["pgss"]["calls"] / summary["requests"] if summary.get("pgss") else 0.0,
        )
    except OSError as error:
        raise InputError("--run", folder, "a run's folder with summary.json", f"{error.strerror}: check it") from None
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError("--run", folder, "a complete run", f"record it again; {path.name} lacks {error}") from None


def read_runs(folder: Path) -> dict[str, Run]:
    """All runs below a folder by name."""
    return {path.parent.name: read_run(path.parent) for path in sorted(folder.glob("*/summary.json"))}
