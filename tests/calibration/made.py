"""Recordings made from a known model: closed users simulated, and written as a load test would have left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from first_model import first_model

from dfr_sizing.calibration import check, dispatch
from dfr_sizing.calibration.check import Prediction, costs_of_mix, predict, system_of
from dfr_sizing.calibration.runs import Run, RunHost
from dfr_sizing.model import Contention, Model
from dfr_sizing.recording.store import (
    write_log,
    write_recording,
    write_requests,
    write_seconds,
    write_snapshots,
)
from dfr_sizing.recording.types import (
    REQUEST_COLUMNS,
    SECOND_COLUMNS,
    Host,
    Recording,
    RequestKind,
    Server,
    Snapshot,
    Step,
)
from dfr_sizing.simulation.compiled import simulate_closed
from dfr_sizing.simulation.draw import Stream, draw_closed
from dfr_sizing.simulation.system import FloatArray

START = 1_795_426_000.0
"""2026-11-23, 09:26:40 UTC."""
SPEED_MS = 20.0
CLIENT_CPU_S = 1.3e-3
WARM_UP_S, GAP_S = 5.0, 5.0
QUICK_REQUESTS = 60_000
TRUTH = Contention(
    app_busy_factor=1.12,
    database_busy_factor=1.05,
    idle_slope=0.35,
    dispatch_s=0.4e-3,
    misplaced_s=1.5e-4,
    think_stretch=1.0,
    app_background=0.01,
    database_background=0.02,
)
CALL = "/web/dataset/call_kw/res.partner/"
KINDS = {
    "search_read": RequestKind("list", f"POST {CALL}search_read"),
    "read": RequestKind("read", f"POST {CALL}read"),
    "web_search_read": RequestKind("search", f"POST {CALL}web_search_read"),
    "create": RequestKind("create", f"{CALL}create"),
    "write": RequestKind("write", f"{CALL}write"),
    "health": RequestKind("overhead", "GET /web/health"),
}
MIX = {"list": 0.35, "read": 0.2, "search": 0.12, "create": 0.13, "write": 0.1, "overhead": 0.1}
OTHER = {"list": 0.2, "read": 0.3, "search": 0.05, "create": 0.25, "write": 0.15, "overhead": 0.05}
THIRD = {"list": 0.15, "read": 0.1, "search": 0.2, "create": 0.1, "write": 0.3, "overhead": 0.15}


@dataclass(frozen=True)
class Level:
    """A load step to be made. ``drift``: CPU time over that of the reference speed."""

    name: str
    users: int
    think_s: float
    mix: Mapping[str, float]
    seconds: float = 60.0
    drift: float = 1.0
    held_out: bool = False


LEVELS = (
    Level("n01", 1, 0.0, MIX, drift=1.05),
    Level("n01-other", 1, 0.0, OTHER),
    Level("n01-third", 1, 0.0, THIRD, drift=0.96),
    Level("t08", 8, 1.0, MIX),
    Level("t20", 20, 1.0, OTHER, drift=1.1),
    Level("t20-third", 20, 1.0, THIRD),
    Level("t30-held", 30, 1.0, MIX, held_out=True, drift=1.04),
    Level("n04", 4, 0.0, OTHER),
    Level("n08", 8, 0.0, MIX, drift=0.98),
)


def quick(patch: pytest.MonkeyPatch) -> None:
    """Few dispatch parameters, short simulations."""
    patch.setattr(check, "REQUESTS", QUICK_REQUESTS)
    patch.setattr(dispatch, "DISPATCH_GRID", ((0.2, 0.0), (0.4, 0.5), (0.6, 1.0)))
    patch.setattr(dispatch, "FIT_REQUESTS", QUICK_REQUESTS // 2)


def known_model() -> Model:
    """The truth: the reference model's operations with another contention, on a host with a speed score."""
    return replace(first_model(), name="truth", contention=TRUTH, speed_ms=SPEED_MS)


def run_of(level: Level, model: Model, workers: int, rows: int) -> Run:
    """The level as a run without figures: what a prediction needs."""
    host = RunHost(("odoo", "postgresql", "generator"), cores=2, speed_ms=SPEED_MS * level.drift)
    nothing = float("nan")
    return Run(
        tag=level.name, users=level.users, workers=workers, think_s=level.think_s, seconds=level.seconds, requests=1,
        throughput=nothing, mean_s=nothing, p50_s=nothing, p95_s=nothing, p99_s=nothing, mix=level.mix,
        mean_by_class_s={}, sd_by_class_s={}, app_cpu_s=nothing, database_cpu_s=nothing, client_cpu_s=CLIENT_CPU_S,
        hosts=(host,), statements=0.0, rows=rows or model.table_rows,
    )  # fmt: skip


def factors(model: Model, run: Run, drift: float) -> tuple[float, float]:
    """What demands are multiplied by at the utilisation that this brings about."""
    if run.lone:
        return drift, drift
    shared, said = model.contention, Prediction(0.0, 0.0, 0.0, 0.0, 0.0)
    for _ in range(4):
        app = drift * shared.factor(shared.app_busy_factor, said.app_utilisation)
        database = drift * shared.factor(shared.database_busy_factor, said.database_utilisation)
        said = predict(model, run, app, database, 99, 10_000)
    return app, database


def make(
    folder: Path,
    model: Model,
    seed: int = 1,
    levels: Sequence[Level] = LEVELS,
    workers: int = 4,
    rows: int = 0,
) -> Path:
    """Simulate a load test and write its recording."""
    at, steps, requests, seconds, log, snapshots = START, [], [], [], [], []
    counters = np.zeros(3)
    for number, level in enumerate(levels):
        ended = at + WARM_UP_S + level.seconds
        step = Step(level.name, level.users, level.think_s, dict(level.mix), at, at + WARM_UP_S, ended, level.held_out)
        rows_of_step = simulated(model, level, run_of(level, model, workers, rows), seed + 100 * number)
        rows_of_step = rows_of_step.assign(started=rows_of_step["started"] + at)
        requests.append(rows_of_step)
        seconds.append(_seconds(rows_of_step, at, ended, level.drift, model, seed + number))
        log += _lines(rows_of_step)
        for edge, time in (("begin", step.measured_from), ("end", step.ended)):
            done = rows_of_step[rows_of_step["started"] + rows_of_step["latency_s"] <= time]
            total = counters + done[["statements", "database_cpu_s", "wal_bytes"]].sum().to_numpy()
            statements = {"1": {"calls": total[0], "total_exec_time": 1e3 * total[1], "wal_bytes": total[2]}}
            snapshots.append(Snapshot(time, level.name, edge, statements, {}, {"wal_bytes": total[2]}, {}, {}))
        counters += rows_of_step[["statements", "database_cpu_s", "wal_bytes"]].sum().to_numpy()
        steps.append(step)
        at = ended + GAP_S
    host = Host("one", ("odoo", "postgresql", "generator"), "a CPU", 2, 1, 24 << 30, "a disk", SPEED_MS, 0.0)
    recording = Recording(
        name=folder.name,
        started=START,
        ended=at,
        complete=True,
        mapping="odoo",
        seed=seed,
        generator="simulated",
        kinds=KINDS,
        steps=tuple(steps),
        hosts=(host,),
        server=Server("Odoo", "PostgreSQL", workers, 1, rows or model.table_rows, {"max_parallel_workers": "8"}),
        sources={"requests": "simulated"},
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_requests(folder, pd.concat(requests).loc[:, list(REQUEST_COLUMNS)])
    write_seconds(folder, pd.concat(seconds))
    write_snapshots(folder, snapshots)
    write_log(folder, log)
    write_recording(folder, recording)
    return folder


def simulated(model: Model, level: Level, run: Run, seed: int) -> pd.DataFrame:
    """The requests of a level, with what each took."""
    app, database = factors(model, run, level.drift)
    costs = costs_of_mix(model, run)
    streams = [
        Stream(name, level.mix[name], cost, app_factor=app, database_factor=database, client_cpu_s=CLIENT_CPU_S)
        for name, cost in costs.items()
    ]
    count = int((WARM_UP_S + level.seconds) * 120)
    drawn = draw_closed(streams, count, level.think_s, seed)
    trace = simulate_closed(system_of(model, run), drawn, level.users, WARM_UP_S + level.seconds)
    done = np.isfinite(trace.answered_s)
    names = {kind.operation: name for name, kind in KINDS.items()}
    operation = np.array(drawn.class_names)[drawn.class_index[done]]
    threads = np.array([costs[name].threads for name in operation])
    return pd.DataFrame(
        {
            "started": trace.sent_s[done],
            "name": [names[name] for name in operation],
            "latency_s": (trace.answered_s - trace.sent_s)[done],
            "bytes": 1000,
            "outcome": "ok",
            "user": 0,
            "wait_s": trace.worker_wait_s[done],
            "app_cpu_s": drawn.app_cpu_s[done],
            "database_cpu_s": drawn.database_cpu_s[done],
            "sql_share": _sql_share(drawn.app_cpu_s[done], drawn.database_cpu_s[done], threads),
            "statements": drawn.statements[done],
            "wal_bytes": drawn.wal_bytes[done],
        }
    )


def _sql_share(app: FloatArray, database: FloatArray, threads: FloatArray) -> FloatArray:
    """The part of a request's time that is SQL: three processes share two cores."""
    sql = database / np.minimum(threads, 2)
    share: FloatArray = sql / (app + sql)
    return share


def _seconds(requests: pd.DataFrame, begin: float, end: float, drift: float, model: Model, seed: int) -> pd.DataFrame:
    """CPU by group each second: each request's spread over the time that it was served."""
    rng = np.random.default_rng((seed, 7))
    edges = np.arange(begin, end + 0.5)
    started = (requests["started"] + requests["wait_s"]).to_numpy()
    served = (requests["latency_s"] - requests["wait_s"]).to_numpy()
    done = np.clip((edges[None, :] - started[:, None]) / served[:, None], 0.0, 1.0)
    share = np.diff(done, axis=1)
    shared = model.contention
    odoo = requests["app_cpu_s"].to_numpy() @ share + shared.app_background * drift
    postgresql = requests["database_cpu_s"].to_numpy() @ share + shared.database_background * drift
    generator = CLIENT_CPU_S * share.sum(axis=0)
    other = rng.exponential(0.01, len(odoo))
    busy = odoo + postgresql + generator + other
    table = pd.DataFrame({"time": edges[:-1], "odoo": odoo, "postgresql": postgresql, "generator": generator})
    return table.assign(
        host="one", other=other, idle=np.maximum(0.0, 2.0 - busy), speed_ms=SPEED_MS * drift, queue=0.0
    ).loc[:, list(SECOND_COLUMNS)]


def _lines(requests: pd.DataFrame) -> list[str]:
    """Odoo's access log, with other lines between."""
    lines = []
    ended = (requests["started"] + requests["latency_s"]).to_numpy()
    for place in np.argsort(ended):
        row = requests.iloc[place]
        at = datetime.fromtimestamp(ended[place], UTC)
        stamp = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d}"
        method, _, path = KINDS[row["name"]].path.rpartition(" ")
        served = row["latency_s"] - row["wait_s"] - CLIENT_CPU_S
        sql, python = row["sql_share"] * served, (1.0 - row["sql_share"]) * served
        lines.append(
            f"{stamp} 4993 INFO dfr werkzeug: 127.0.0.1 - - [{at:%d/%b/%Y %H:%M:%S}] "
            f'"{method or "POST"} {path} HTTP/1.1" 200 - 3 {max(sql, 0.0):.3f} {max(python, 0.0):.3f}'
        )
        if place % 50 == 0:
            lines.append(f"{stamp} 4990 INFO dfr odoo.addons.base.models.ir_cron: Job done")
    return lines
