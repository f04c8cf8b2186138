"""Reads a recording into its load steps: what each sent, how fast it was answered, what CPU it took, second by second.

Only quiet seconds count: those in which no host had foreign processes above ``calibration.strangers_cores``, or above
what whoever calibrates accepts. Times of a host are brought to the load generator's clock first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dfr_sizing.calibration.access_log import AccessLog, LogLine, by_path, read_log
from dfr_sizing.calibration.runs import PARALLEL_WORKERS, Run, RunHost
from dfr_sizing.drivers import rule
from dfr_sizing.errors import InputError
from dfr_sizing.recording.store import LOG, read_recording, read_requests, read_seconds, read_snapshots
from dfr_sizing.recording.types import Host, Recording, Snapshot, Step
from dfr_sizing.simulation.system import FloatArray

GROUPS = ("odoo", "postgresql", "generator")
SECOND_S = 1.0
LEAST_LATENCY_S = 1e-4
"""Below the resolution of the clocks: a request is spread over its latency, which must not be nothing."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The files of a recording, as they are. ``log`` is None where there is none.

    ``strangers_cores``: CPU of other processes, in cores, from which a second is left out.
    """

    folder: Path
    recording: Recording
    requests: pd.DataFrame
    seconds: pd.DataFrame | None
    snapshots: tuple[Snapshot, ...]
    log: AccessLog | None
    strangers_cores: float


@dataclass(frozen=True, slots=True)
class Slices:
    """What a group of processes did in the quiet seconds of a step, one row a second.

    ``counts``: requests of each class, one that lasted over several seconds shared among them by time. ``cpu_s`` as
    measured, on the group's own host; ``utilisation`` of that host.
    """

    counts: FloatArray
    cpu_s: FloatArray
    seconds: FloatArray
    utilisation: FloatArray


@dataclass(frozen=True, slots=True)
class Counters:
    """PostgreSQL's counters over a step, beside the requests of each class that were answered meanwhile."""

    requests: FloatArray
    calls: float
    exec_s: float
    wal_bytes: float


@dataclass(frozen=True, slots=True)
class LoadStep:
    """A step of a load test as calibration uses it. ``classes`` gives the order of all arrays by class.

    ``slices`` by group, those whose CPU is known; ``log`` the lines of each class (none where nobody logged, or the
    log cannot tell the class); ``counters`` None where PostgreSQL was not asked; ``rows`` of the farmers' table.
    """

    run: Run
    recording: str
    rows: int
    classes: tuple[str, ...]
    slices: Mapping[str, Slices]
    log: Mapping[str, tuple[LogLine, ...]]
    counters: Counters | None


def load(folder: Path, strangers_cores: float | None = None) -> Loaded:
    """Read a recording's files; ``strangers_cores`` in place of the rule's limit. Raises InputError."""
    limit = rule("calibration.strangers_cores") if strangers_cores is None else strangers_cores
    recording = read_recording(folder)
    log = read_log([folder / LOG]) if (folder / LOG).exists() else None
    return Loaded(folder, recording, read_requests(folder), read_seconds(folder), read_snapshots(folder), log, limit)


def classes_of(recordings: Sequence[Recording]) -> tuple[str, ...]:
    """The operations that recordings measure, in order of first mention. Raises InputError where sizes differ."""
    counts: dict[str, tuple[str, dict[str, float]]] = {}
    for recording in recordings:
        for name, kind in recording.kinds.items():
            first, measured = counts.setdefault(kind.operation, (name, dict(kind.counts)))
            if measured != dict(kind.counts):
                raise InputError(
                    f"counts of {name}",
                    dict(kind.counts),
                    f"those of {first}, which stands for the same operation",
                    "give each size an operation of its own",
                )
    return tuple(counts)


def answered(loaded: Loaded) -> pd.DataFrame:
    """The requests that were answered, with ``operation`` (NaN: of no kind) and ``ended``."""
    operation = {name: kind.operation for name, kind in loaded.recording.kinds.items()}
    rows = loaded.requests[loaded.requests["outcome"] == "ok"]
    return rows.assign(operation=rows["name"].map(operation), ended=rows["started"] + rows["latency_s"])


def host_rows(loaded: Loaded, host: Host) -> pd.DataFrame:
    """What a host did, a row a second, with ``begin`` and ``end`` on the load generator's clock."""
    if loaded.seconds is None:
        return pd.DataFrame(columns=["begin", "end", *GROUPS, "other", "idle", "speed_ms", "queue"], dtype=float)
    rows = loaded.seconds[loaded.seconds["host"] == host.name].sort_values("time")
    begin = rows["time"].to_numpy(dtype=float) - host.clock_offset_s
    following = np.append(begin[1:], np.inf)
    # A probe's second is a little longer than a second; where rows are missing, it is one.
    end = np.where(following - begin < 1.5 * SECOND_S, following, begin + SECOND_S)
    return rows.assign(begin=begin, end=end)


def quiet_rows(loaded: Loaded, step: Step) -> dict[str, pd.DataFrame]:
    """The quiet seconds of the measured part of a step, by host: no host has strangers in them."""
    by_host = {host.name: host_rows(loaded, host) for host in loaded.recording.hosts}
    noisy = [rows.loc[rows["other"] > loaded.strangers_cores, "begin"] for rows in by_host.values()]
    loud = np.sort(np.concatenate([np.empty(0), *(found.to_numpy(dtype=float) for found in noisy)]))

    def quiet(rows: pd.DataFrame) -> pd.DataFrame:
        inside = rows[(rows["begin"] >= step.measured_from) & (rows["end"] <= step.ended)]
        begin = inside["begin"].to_numpy(dtype=float)
        nearest = np.append(loud, np.inf)[np.searchsorted(loud, begin - SECOND_S / 2)]
        return inside[nearest >= begin + SECOND_S / 2]

    return {name: quiet(rows) for name, rows in by_host.items()}


def shares(started: FloatArray, ended: FloatArray, begin: FloatArray, end: FloatArray) -> FloatArray:
    """How much of each request's time lies in each interval, added up over the requests: requests done there."""
    latency = np.maximum(ended - started, LEAST_LATENCY_S)
    edges = np.concatenate([begin, end])
    done = np.zeros(len(edges))
    for at in range(0, len(started), 4096):  # a block at a time, for memory
        rows = slice(at, at + 4096)
        done += np.clip((edges[None, :] - started[rows, None]) / latency[rows, None], 0.0, 1.0).sum(axis=0)
    found: FloatArray = done[len(begin) :] - done[: len(begin)]
    return found


def read_steps(loaded: Loaded, classes: tuple[str, ...]) -> list[LoadStep]:
    """All steps of a recording."""
    requests = answered(loaded)
    return [_read_step(loaded, requests, step, classes) for step in loaded.recording.steps]


def _read_step(loaded: Loaded, requests: pd.DataFrame, step: Step, classes: tuple[str, ...]) -> LoadStep:
    recording = loaded.recording
    rows = quiet_rows(loaded, step)
    main = next((host for host in recording.hosts if "odoo" in host.groups), recording.hosts[0])
    begin, end = (rows[main.name][name].to_numpy(dtype=float) for name in ("begin", "end"))
    if not len(begin):  # never quiet: no time is left; nobody watched: all of it
        watched = len(host_rows(loaded, main)) > 0
        begin, end = np.array([step.measured_from]), np.array([step.measured_from if watched else step.ended])
    near = requests[(requests["ended"] > step.measured_from - 1.0) & (requests["started"] < step.ended)]
    place = np.searchsorted(begin, near["ended"].to_numpy(dtype=float), side="right") - 1
    done = near[(place >= 0) & (near["ended"].to_numpy(dtype=float) < end[np.maximum(place, 0)])]
    slices = {
        group: _slices(near, rows[host.name], group, host, classes)
        for group in GROUPS
        for host in recording.hosts
        if group in host.groups and len(rows[host.name]) and rows[host.name][group].notna().all()
    }
    run = _run(recording, step, done, float((end - begin).sum()), slices, rows)
    log = _log_of(loaded, main, begin, end)
    return LoadStep(
        run, recording.name, recording.server.rows, classes, slices, log, _counters(loaded, requests, step, classes)
    )


def _slices(requests: pd.DataFrame, rows: pd.DataFrame, group: str, host: Host, classes: tuple[str, ...]) -> Slices:
    begin, end = rows["begin"].to_numpy(dtype=float), rows["end"].to_numpy(dtype=float)
    counts = [
        shares(of["started"].to_numpy(dtype=float), of["ended"].to_numpy(dtype=float), begin, end)
        for of in (requests[requests["operation"] == name] for name in classes)
    ]
    threads = host.cores * host.threads_per_core
    busy = threads - rows["idle"].to_numpy(dtype=float)
    known = rows[[*GROUPS, "other"]].sum(axis=1).to_numpy(dtype=float)
    return Slices(
        counts=np.array(counts).T.reshape(len(rows), len(classes)),
        cpu_s=rows[group].to_numpy(dtype=float) * (end - begin),
        seconds=end - begin,
        utilisation=np.clip(np.where(np.isnan(busy), known, busy) / threads, 0.0, 1.0),
    )


def _run(
    recording: Recording,
    step: Step,
    done: pd.DataFrame,
    seconds: float,
    slices: Mapping[str, Slices],
    rows: Mapping[str, pd.DataFrame],
) -> Run:
    latency = done["latency_s"].to_numpy(dtype=float)
    by_class = done.groupby("operation")["latency_s"]
    quantiles = np.quantile(latency, [0.5, 0.95, 0.99]) if len(latency) else np.full(3, np.nan)
    cpu = {group: float(of.cpu_s.sum() / max(1e-9, of.counts.sum())) for group, of in slices.items()}
    queue = pd.concat([frame["queue"] for frame in rows.values()]).mean() if rows else math.nan
    settings = recording.server.settings
    return Run(
        tag=f"{recording.name}/{step.name}",
        users=step.users,
        workers=recording.server.workers,
        think_s=step.think_s,
        seconds=seconds,
        requests=len(done),
        throughput=len(done) / seconds if seconds else 0.0,
        mean_s=float(latency.mean()) if len(latency) else math.nan,
        p50_s=float(quantiles[0]),
        p95_s=float(quantiles[1]),
        p99_s=float(quantiles[2]),
        mix={str(name): float(count) / len(done) for name, count in by_class.size().items()},
        mean_by_class_s={str(name): float(value) for name, value in by_class.mean().items()},
        sd_by_class_s={str(name): float(value) for name, value in by_class.std(ddof=0).items()},
        app_cpu_s=cpu.get("odoo", math.nan),
        database_cpu_s=cpu.get("postgresql", math.nan),
        client_cpu_s=cpu.get("generator", 0.0),
        hosts=tuple(_run_host(host, rows[host.name]) for host in recording.hosts),
        statements=0.0,
        queue=float(queue),
        parallel_workers=int(settings.get("max_parallel_workers", PARALLEL_WORKERS)),
        rows=recording.server.rows,
        held_out=step.held_out,
    )


def _run_host(host: Host, rows: pd.DataFrame) -> RunHost:
    threads = host.cores * host.threads_per_core
    # The mean: a host goes fast and slow from second to second, and the CPU of requests adds up over both.
    speed = rows["speed_ms"].mean()
    return RunHost(
        groups=host.groups,
        cores=host.cores,
        threads_per_core=host.threads_per_core,
        strangers=max(0.0, float(np.nan_to_num(rows["other"].mean()))),
        utilisation=float(1.0 - rows["idle"].mean() / threads) if len(rows) else math.nan,
        speed_ms=float(host.speed_ms if np.isnan(speed) else speed),
    )


def _log_of(loaded: Loaded, host: Host, begin: FloatArray, end: FloatArray) -> dict[str, tuple[LogLine, ...]]:
    if loaded.log is None:
        return {}
    kinds = loaded.recording.kinds
    found: dict[str, tuple[LogLine, ...]] = {}
    for path, lines in by_path(loaded.log, kinds, host.clock_offset_s).items():
        at = np.array([line.time for line in lines])
        place = np.searchsorted(begin, at, side="right") - 1
        inside = (place >= 0) & (at < end[np.maximum(place, 0)])
        kept = tuple(line for line, keep in zip(lines, inside, strict=True) if keep)
        found |= {kind.operation: kept for kind in kinds.values() if kind.path == path}
    return found


def _counters(loaded: Loaded, requests: pd.DataFrame, step: Step, classes: tuple[str, ...]) -> Counters | None:
    at = {shot.edge: shot for shot in loaded.snapshots if shot.step == step.name}
    if not {"begin", "end"} <= at.keys():
        return None
    begin, end = at["begin"], at["end"]
    ended = requests["ended"]
    counts = requests.loc[(ended > begin.time) & (ended <= end.time), "operation"].value_counts()

    def grown(key: str) -> float:
        before = begin.statements
        return sum(row.get(key, 0.0) - before.get(name, {}).get(key, 0.0) for name, row in end.statements.items())

    wal = end.wal.get("wal_bytes", math.nan) - begin.wal.get("wal_bytes", math.nan)
    return Counters(
        requests=np.array([float(counts.get(name, 0.0)) for name in classes]),
        calls=grown("calls"),
        exec_s=grown("total_exec_time") / 1e3,
        wal_bytes=grown("wal_bytes") if math.isnan(wal) else wal,
    )
