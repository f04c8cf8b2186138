"""Statistics of a real PostgreSQL move as what was done to it; what it lacks is named, not raised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

import psycopg
import pytest
from psycopg import sql
from real_postgres import RealPostgres, running

from dfr_sizing.recording import postgresql_columns as columns
from dfr_sizing.recording.postgresql import APPLICATION, Statistics
from dfr_sizing.recording.types import Snapshot

SECRET = "hunter2-in-a-statement"  # noqa: S105 - to be looked for


@pytest.fixture
def worker(real_postgres: RealPostgres) -> Iterator[psycopg.Connection]:
    """A connection to a database of its own, with a table as Odoo's."""
    name = "of_a_test"
    with psycopg.connect(real_postgres.url, autocommit=True) as master:
        master.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(real_postgres.url_of(name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
                connection.execute("CREATE TABLE res_partner (id int PRIMARY KEY, name text)")
                connection.execute("INSERT INTO res_partner SELECT i, 'farmer' FROM generate_series(1, 1000) i")
                yield connection
        finally:
            master.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def statistics(real_postgres: RealPostgres, worker: psycopg.Connection) -> Iterator[Statistics]:
    found = Statistics(real_postgres.url_of(worker.info.dbname))
    yield found
    found.close()


def edges(statistics: Statistics, worker: psycopg.Connection, work: str, times: int) -> tuple[Snapshot, Snapshot]:
    """Snapshots before and after a statement that is sent so many times."""
    begin = statistics.snapshot("s", "begin")
    for _ in range(times):
        worker.execute(work)
    worker.execute("SELECT pg_stat_force_next_flush()")  # counters of the views are up to a second late
    end = statistics.snapshot("s", "end")
    assert begin is not None
    assert end is not None
    return begin, end


def test_a_statement_is_counted_as_often_as_it_was_sent(statistics: Statistics, worker: psycopg.Connection) -> None:
    begin, end = edges(statistics, worker, f"UPDATE res_partner SET name = '{SECRET}' WHERE id <= 10", 37)  # noqa: S608
    new = [row for queryid, row in end.statements.items() if queryid not in begin.statements and row["calls"] == 37]
    assert len(new) == 1
    assert new[0]["rows"] == 370
    assert new[0]["wal_bytes"] > 0
    assert new[0]["total_exec_time"] > 0
    assert new[0]["shared_blks_hit"] > 0
    assert statistics.missing == {}


def test_the_wal_grows_by_what_statements_wrote(statistics: Statistics, worker: psycopg.Connection) -> None:
    begin, end = edges(statistics, worker, "INSERT INTO res_partner SELECT max(id) + 1, 'x' FROM res_partner", 50)
    assert end.wal["lsn"] > begin.wal["lsn"]
    assert end.wal["wal_records"] - begin.wal["wal_records"] >= 100  # each a row and its place in the index
    assert end.wal["wal_bytes"] - begin.wal["wal_bytes"] > 0


def test_counters_only_grow(statistics: Statistics, worker: psycopg.Connection) -> None:
    begin, end = edges(statistics, worker, "SELECT count(*) FROM res_partner", 5)
    assert end.database["xact_commit"] - begin.database["xact_commit"] >= 5
    assert end.time >= begin.time
    for earlier, later in ((begin.database, end.database), (begin.wal, end.wal), (begin.io, end.io)):
        assert all(later[name] >= value for name, value in earlier.items())


def test_no_text_of_a_statement_is_kept(statistics: Statistics, worker: psycopg.Connection) -> None:
    _, end = edges(statistics, worker, f"SELECT '{SECRET}' AS {SECRET.replace('-', '_')}", 3)
    kept = json.dumps(asdict(end))
    assert SECRET not in kept
    assert SECRET.replace("-", "_") not in kept
    assert "SELECT" not in kept


def test_sizes_and_farmers_are_those_of_the_table(statistics: Statistics, worker: psycopg.Connection) -> None:
    worker.execute("ANALYZE res_partner")
    begin, _ = edges(statistics, worker, "SELECT 1", 1)
    partner = begin.sizes["res_partner"]
    assert partner["rows"] == 1000
    assert partner["bytes"] > 1000 * 24
    assert partner["index_bytes"] > 0
    assert statistics.farmers() == 1000
    worker.execute("CREATE TABLE dfr_farmer AS SELECT generate_series(1, 7) AS id")
    assert statistics.farmers() == 7


def test_farmers_that_cannot_be_counted_in_time_are_estimated(
    statistics: Statistics, worker: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.execute("ANALYZE res_partner")
    worker.execute("BEGIN; LOCK TABLE res_partner IN ACCESS EXCLUSIVE MODE")  # an upgrade of a module is under way
    monkeypatch.setattr("dfr_sizing.recording.postgresql.LOCK_MS", 50)
    assert statistics.connect()
    assert statistics.farmers() == 1000
    assert "lock timeout" in statistics.missing["count of rows"]
    worker.execute("ROLLBACK")


def test_settings_come_with_their_units(statistics: Statistics) -> None:
    assert statistics.connect()
    settings = statistics.settings()
    assert settings["shared_buffers"] == "16MB"
    assert {"work_mem", "random_page_cost", "full_page_writes", "max_parallel_workers_per_gather"} <= settings.keys()
    assert statistics.version().split(".")[0].isdecimal()


def test_nothing_can_be_written_over_this_connection(statistics: Statistics) -> None:
    assert statistics.connect()
    assert statistics._asked("attempt", "CREATE TABLE mine (id int)") == []
    assert "read-only" in statistics.missing["attempt"]


def test_a_server_that_went_away_is_asked_again(statistics: Statistics, worker: psycopg.Connection) -> None:
    assert statistics.snapshot("s", "begin") is not None
    worker.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [APPLICATION])
    statistics.snapshot("s", "end")  # finds the connection broken
    again = statistics.snapshot("s", "end")
    assert again is not None
    assert again.statements


def test_a_missing_extension_is_named(real_postgres: RealPostgres) -> None:
    with closing(Statistics(real_postgres.url_of("template1"))) as statistics:
        found = statistics.snapshot("s", "begin")
    assert found is not None
    assert found.statements == {}
    assert found.database["xact_commit"] >= 0
    assert "CREATE EXTENSION" in statistics.missing["statements"]


def test_an_extension_that_was_not_loaded_is_named() -> None:
    with running({"shared_preload_libraries": ""}) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        with closing(Statistics(server.url)) as statistics:
            found = statistics.snapshot("s", "begin")
    assert found is not None
    assert found.wal["lsn"] > 0
    assert "shared_preload_libraries" in statistics.missing["statements"]


def test_a_missing_privilege_is_named(real_postgres: RealPostgres, worker: psycopg.Connection) -> None:
    worker.execute("ANALYZE res_partner")
    worker.execute("CREATE ROLE of_nobody LOGIN")
    try:
        with closing(Statistics(real_postgres.url_of(worker.info.dbname, "of_nobody"))) as statistics:
            found = statistics.snapshot("s", "begin")
            assert statistics.farmers() == 1000  # the planner's estimate: it may not count
    finally:
        worker.execute("DROP ROLE of_nobody")
    assert found is not None
    assert "pg_read_all_stats" in statistics.missing["statements"]
    assert found.database["xact_commit"] > 0


def test_no_server_is_named() -> None:
    for url, why in (("", "no postgresql named"), ("postgresql://x@/x?host=/nowhere", "/nowhere")):
        statistics = Statistics(url)
        assert statistics.snapshot("s", "begin") is None
        assert why in statistics.missing["connection"]
        statistics.close()


BGWRITER_UP_TO_16 = (
    "checkpoints_timed checkpoints_req checkpoint_write_time checkpoint_sync_time buffers_checkpoint buffers_clean "
    "maxwritten_clean buffers_backend buffers_backend_fsync buffers_alloc"
)
CHECKPOINTER_17 = (
    "num_timed num_requested restartpoints_timed restartpoints_req restartpoints_done write_time sync_time "
    "buffers_written"
)
WAL_14 = "wal_records wal_fpi wal_bytes wal_buffers_full wal_write wal_sync wal_write_time wal_sync_time stats_reset"
IO_16 = (
    "backend_type object context reads read_time writes write_time writebacks writeback_time extends extend_time "
    "op_bytes hits evictions reuses fsyncs fsync_time stats_reset"
)
VIEWS = {
    # release: pg_stat_wal, pg_stat_bgwriter, pg_stat_checkpointer, pg_stat_io (the manuals' chapter 27.2 / 28.2)
    13: ("", BGWRITER_UP_TO_16, "", ""),
    14: (WAL_14, BGWRITER_UP_TO_16, "", ""),
    15: (WAL_14, BGWRITER_UP_TO_16, "", ""),
    16: (WAL_14, BGWRITER_UP_TO_16, "", IO_16),
    17: (WAL_14, "buffers_clean maxwritten_clean buffers_alloc stats_reset", CHECKPOINTER_17, IO_16),
    18: (
        "wal_records wal_fpi wal_bytes wal_buffers_full stats_reset",
        "buffers_clean maxwritten_clean buffers_alloc stats_reset",
        f"{CHECKPOINTER_17} num_done slru_written",
        f"{IO_16.replace('op_bytes ', '')} read_bytes write_bytes extend_bytes",
    ),
}
CHECKPOINTS = set(columns.CHECKPOINTER)


@pytest.mark.parametrize("release", VIEWS)
def test_every_release_tells_of_checkpoints_and_wal_under_one_name(release: int) -> None:
    wal, bgwriter, checkpointer, io = (view.split() for view in VIEWS[release])
    found = columns.chosen(columns.BACKGROUND_WRITER, bgwriter) | columns.chosen(columns.CHECKPOINTER, checkpointer)
    assert CHECKPOINTS | {"buffers_clean", "buffers_alloc"} <= found.keys()
    assert ("wal_bytes" in columns.chosen(columns.WAL, wal)) == (release >= 14)
    assert ("wal_sync" in columns.chosen(columns.WAL, wal)) == (14 <= release <= 17)
    assert ("read_bytes" in columns.chosen(columns.IO, io)) == (release >= 16)
    assert set(found.values()) <= {*bgwriter, *checkpointer}


def test_the_table_of_releases_is_right_about_this_one(statistics: Statistics) -> None:
    assert statistics.connect()
    release = int(statistics.version().split(".")[0])
    for view, told in zip(
        ("pg_stat_wal", "pg_stat_bgwriter", "pg_stat_checkpointer", "pg_stat_io"), VIEWS[release], strict=True
    ):
        assert set(told.split()) <= set(statistics._columns(view))


def test_block_read_time_has_one_name_before_and_since_17() -> None:
    assert columns.chosen(columns.STATEMENTS, ["blk_read_time"]) == {"blk_read_time": "blk_read_time"}
    assert columns.chosen(columns.STATEMENTS, ["shared_blk_read_time"]) == {"blk_read_time": "shared_blk_read_time"}
