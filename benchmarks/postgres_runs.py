"""One run: a server with given settings, clients at a steady rate, and what PostgreSQL counted in whole intervals.

The window begins and ends with the start of a checkpoint, so that it holds whole intervals. Every run begins with a
copy of the same data.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import dict_row
from registry_load import OPERATIONS, ROWS, Client, Draws

from dfr_sizing.postgres.settings import PAGE, Settings
from dfr_sizing.staging import postgres

POLL_S = 0.05
LONGEST_WAIT_S = 400.0

COUNTERS = """
SELECT (SELECT wal_bytes FROM pg_stat_wal)::float8 AS wal_bytes,
    (SELECT wal_fpi FROM pg_stat_wal)::float8 AS images,
    (SELECT wal_records FROM pg_stat_wal)::float8 AS records,
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS lsn,
    (SELECT buffers_written FROM pg_stat_checkpointer)::float8 AS checkpoint_pages,
    (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal' AND backend_type = 'client backend')::float8 AS flushes,
    (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::float8 AS all_flushes,
    (SELECT sum(fsync_time + write_time) FROM pg_stat_io
        WHERE object = 'wal' AND backend_type = 'client backend')::float8 / 1e3 AS flush_s,
    (SELECT sum(writes) FROM pg_stat_io WHERE object = 'relation'
        AND backend_type IN ('client backend', 'background writer'))::float8 AS evicted_pages,
    (SELECT sum(write_bytes) FROM pg_stat_io WHERE object = 'wal')::float8 AS wal_written,
    (SELECT sum(read_bytes) FROM pg_stat_io
        WHERE object = 'relation' AND context = 'bulkread')::float8 / 8192 AS scan_reads,
    (SELECT sum(autovacuum_count + autoanalyze_count) FROM pg_stat_all_tables)::float8 AS autovacuums
"""

RELATIONS = """
SELECT relname AS name, heap_blks_read::float8 AS read, heap_blks_hit::float8 AS hit, pg_relation_size(relid) AS bytes
    FROM pg_statio_user_tables
UNION ALL SELECT indexrelname, idx_blks_read::float8, idx_blks_hit::float8, pg_relation_size(indexrelid)
    FROM pg_statio_user_indexes
"""

STATEMENTS = """
SELECT query, calls::float8, wal_bytes::float8, wal_fpi::float8 AS images, wal_records::float8 AS records
    FROM pg_stat_statements WHERE calls > 20
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is: settings, connections, operations a second over those of ``OPERATIONS``, and for how long."""

    name: str
    settings: Settings
    clients: int
    load: float
    warm_s: float
    intervals: int

    @property
    def rates(self) -> dict[str, float]:
        """Operations a second by name."""
        return {name: self.load * operation.per_s for name, operation in OPERATIONS.items()}


@dataclass(frozen=True, slots=True)
class Run:
    """What was counted: seconds, operations by name, counters' growth, and by relation reads, accesses and pages."""

    plan: Plan
    seconds: float
    intervals: int
    done: Mapping[str, int]
    counted: Mapping[str, float]
    reads: Mapping[str, float]
    accesses: Mapping[str, float]
    pages: Mapping[str, float]
    rows: Mapping[str, float]
    late_s: float

    @property
    def commits(self) -> int:
        """Operations that wrote."""
        return sum(number for name, number in self.done.items() if OPERATIONS[name].commits)


def told(settings: Settings) -> dict[str, str]:
    """The settings as PostgreSQL reads them."""
    return {
        "shared_buffers": f"{int(settings.shared_buffers_bytes // 1024)}kB",
        "checkpoint_timeout": f"{int(settings.checkpoint_timeout_s)}s",
        "max_wal_size": f"{int(settings.max_wal_size_bytes // 2**20)}MB",
        "min_wal_size": "32MB",
        "checkpoint_completion_target": str(settings.checkpoint_completion_target),
        "commit_delay": str(int(settings.commit_delay_s * 1e6)),
        "commit_siblings": str(int(settings.commit_siblings)),
        "track_wal_io_timing": "on",
        "checkpoint_warning": "0",
        "jit": "off",
    }


def touched_alone(template: Path, work: Path, farmers: int, times: int, seed: int) -> dict[str, dict[str, float]]:
    """Page accesses of each operation, by relation, counted while nothing else runs."""
    found: dict[str, dict[str, float]] = {}
    draws = Draws(farmers, np.random.SeedSequence(seed))
    _copied(template, work)
    with (
        postgres.running(work, settings=told(Settings())) as url,
        psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection,
    ):
        for name, operation in OPERATIONS.items():
            number = times if not operation.scans else 3
            for _ in range(20 if not operation.scans else 1):  # what is read once: catalogues, plans
                connection.execute(operation.statement, draws.arguments())
            before = _relations(connection)
            for _ in range(number):
                connection.execute(operation.statement, draws.arguments())
            after = _relations(connection)
            found[name] = {
                relation: (sum(after[relation][:2]) - sum(before[relation][:2])) / number for relation in after
            }
    return found


def _copied(template: Path, work: Path) -> None:
    """The data as they were loaded; ``cp`` keeps who they belong to."""
    data = work / "postgresql"
    shutil.rmtree(data, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(template / "postgresql"), str(data)], check=True)  # noqa: S607


def carry_out(template: Path, work: Path, plan: Plan, farmers: int, seed: int) -> Run:
    """One run on a copy of the data. Raises psycopg.Error where a client fails, RuntimeError without checkpoints."""
    _copied(template, work)
    seeds = np.random.SeedSequence(seed).spawn(plan.clients + 1)
    with postgres.running(work, settings=told(plan.settings)) as url:
        each = {name: rate / plan.clients for name, rate in plan.rates.items() if not OPERATIONS[name].scans}
        scans = {name: rate for name, rate in plan.rates.items() if OPERATIONS[name].scans}
        clients = [Client(url, each, Draws(farmers, own)) for own in seeds[1:]]
        clients.append(Client(url, scans, Draws(farmers, seeds[0]), even=True))
        for client in clients:
            client.start()
        try:
            return _watched(url, plan, clients)
        finally:
            for client in clients:
                client.stop()


def _watched(url: str, plan: Plan, clients: Sequence[Client]) -> Run:
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        time.sleep(plan.warm_s)
        _next_checkpoint(connection)
        first = _edge(connection, clients)
        for client in clients:
            client.late_s = 0.0
        for _ in range(plan.intervals):
            _next_checkpoint(connection)
        last = _edge(connection, clients)
    relations, relations_then = first.relations, last.relations
    reads = {name: relations_then[name][0] - relations[name][0] for name in relations}
    hits = {name: relations_then[name][1] - relations[name][1] for name in relations}
    return Run(
        plan=plan,
        seconds=last.before - first.after,
        intervals=plan.intervals,
        done={name: last.done[name] - first.done[name] for name in last.done},
        counted={name: last.counters[name] - first.counters[name] for name in last.counters},
        reads=reads,
        accesses={name: reads[name] + hits[name] for name in reads},
        pages={name: (relations[name][2] + relations_then[name][2]) / 2.0 / PAGE for name in relations},
        rows={table: share * clients[0].draws.farmers for table, share in ROWS.items()},
        late_s=max(client.late_s for client in clients),
    )


@dataclass(frozen=True, slots=True)
class _Edge:
    """Counters at an edge of the window, exact, for the clients pause; when they paused and went on."""

    before: float
    after: float
    counters: Mapping[str, float]
    relations: Mapping[str, tuple[float, float, float]]
    done: Mapping[str, int]


def _edge(connection: psycopg.Connection[Any], clients: Sequence[Client]) -> _Edge:
    before = time.monotonic()
    for client in clients:
        client.hold()
    for client in clients:
        client.held()
    try:
        found = _counters(connection), _relations(connection), _done(clients)
    finally:
        after = time.monotonic()
        for client in clients:
            client.go_on()
    return _Edge(before, after, *found)


def _next_checkpoint(connection: psycopg.Connection[Any]) -> None:
    """Wait until a checkpoint begins."""
    asked = "SELECT num_timed + num_requested AS begun FROM pg_stat_checkpointer"
    give_up = time.monotonic() + LONGEST_WAIT_S
    before = _one(connection, asked)["begun"]
    while time.monotonic() < give_up:
        time.sleep(POLL_S)
        if _one(connection, asked)["begun"] != before:
            return
    raise RuntimeError(f"no checkpoint began within {LONGEST_WAIT_S:g} s")


def _counters(connection: psycopg.Connection[Any]) -> dict[str, float]:
    return {name: float(value or 0.0) for name, value in _one(connection, COUNTERS).items()}


def _relations(connection: psycopg.Connection[Any]) -> dict[str, tuple[float, float, float]]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(RELATIONS).fetchall()
    return {row["name"]: (row["read"] or 0.0, row["hit"] or 0.0, row["bytes"]) for row in rows}


def _one(connection: psycopg.Connection[Any], statement: str) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement).fetchone()
    assert row is not None
    return row


def _done(clients: Sequence[Client]) -> dict[str, int]:
    return {name: sum(client.done.get(name, 0) for client in clients) for name in OPERATIONS}
