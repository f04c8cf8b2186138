"""Which of PostgreSQL's statistics are kept, under what name, and where each release from 13 to 18 has them.

A name stands for the same quantity in every release: blocks, rows and bytes are counts, times are in ms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

Wanted = Mapping[str, Sequence[str]]
"""A name that is kept: the columns that may hold it, the newest first."""


def _as_they_are(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


STATEMENTS: Wanted = {
    **_as_they_are("calls", "total_exec_time", "total_plan_time", "rows"),
    **_as_they_are("shared_blks_hit", "shared_blks_read", "shared_blks_dirtied", "shared_blks_written"),
    **_as_they_are("temp_blks_read", "temp_blks_written", "wal_records", "wal_fpi", "wal_bytes"),
    # 17 told local blocks apart
    "blk_read_time": ("shared_blk_read_time", "blk_read_time"),
    # 18
    **_as_they_are("parallel_workers_to_launch", "parallel_workers_launched"),
}
"""Of pg_stat_statements, summed by queryid."""

DATABASE: Wanted = {
    **_as_they_are("xact_commit", "xact_rollback", "blks_read", "blks_hit", "blk_read_time", "blk_write_time"),
    **_as_they_are("tup_returned", "tup_fetched", "tup_inserted", "tup_updated", "tup_deleted"),
    **_as_they_are("conflicts", "temp_files", "temp_bytes", "deadlocks"),
    # 14
    **_as_they_are("session_time", "active_time", "idle_in_transaction_time", "sessions"),
    # 18
    **_as_they_are("parallel_workers_to_launch", "parallel_workers_launched"),
}
"""Of pg_stat_database, this database's row."""

WAL: Wanted = _as_they_are(
    *("wal_records", "wal_fpi", "wal_bytes", "wal_buffers_full"),
    # from 18 on in pg_stat_io
    *("wal_write", "wal_sync", "wal_write_time", "wal_sync_time"),
)
"""Of pg_stat_wal, which is there from 14 on."""

BACKGROUND_WRITER: Wanted = {
    # up to 16; then in pg_stat_checkpointer, and buffers of backends in pg_stat_io
    "checkpoints_timed": ("checkpoints_timed",),
    "checkpoints_requested": ("checkpoints_req",),
    **_as_they_are("checkpoint_write_time", "checkpoint_sync_time"),
    **_as_they_are("buffers_checkpoint", "buffers_backend", "buffers_backend_fsync"),
    # in all
    **_as_they_are("buffers_clean", "maxwritten_clean", "buffers_alloc"),
}
"""Of pg_stat_bgwriter."""

CHECKPOINTER: Wanted = {
    "checkpoints_timed": ("num_timed",),
    "checkpoints_requested": ("num_requested",),
    "checkpoint_write_time": ("write_time",),
    "checkpoint_sync_time": ("sync_time",),
    "buffers_checkpoint": ("buffers_written",),
}
"""Of pg_stat_checkpointer, which is there from 17 on."""

IO: Wanted = {
    **_as_they_are("reads", "read_time", "writes", "write_time", "extends", "extend_time", "writebacks"),
    **_as_they_are("writeback_time", "hits", "evictions", "reuses", "fsyncs", "fsync_time"),
    # 18; before, every operation was of op_bytes
    "read_bytes": ("read_bytes", "reads * op_bytes"),
    "write_bytes": ("write_bytes", "writes * op_bytes"),
    "extend_bytes": ("extend_bytes", "extends * op_bytes"),
}
"""Of pg_stat_io, which is there from 16 on."""

SETTINGS = (
    *("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "wal_buffers", "huge_pages"),
    *("max_connections", "max_worker_processes", "max_parallel_workers", "max_parallel_workers_per_gather"),
    *("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost", "jit"),
    *("random_page_cost", "seq_page_cost", "cpu_tuple_cost", "effective_io_concurrency", "io_method", "io_workers"),
    *("fsync", "synchronous_commit", "synchronous_standby_names", "commit_delay", "full_page_writes", "wal_level"),
    *("wal_compression", "max_wal_size", "min_wal_size", "checkpoint_timeout", "checkpoint_completion_target"),
    *("bgwriter_delay", "bgwriter_lru_maxpages", "autovacuum", "autovacuum_max_workers", "autovacuum_naptime"),
    *("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_cost_limit", "default_statistics_target"),
    *("default_transaction_isolation", "track_io_timing", "track_wal_io_timing", "data_checksums"),
    *("pg_stat_statements.max", "pg_stat_statements.track"),
)
"""Settings that change what a request costs or how the server behaves when it is full. None holds a secret."""


def chosen(wanted: Wanted, existing: Collection[str]) -> dict[str, str]:
    """Each name that this server has, with the SQL expression for it.

    >>> chosen({"blk_read_time": ("shared_blk_read_time", "blk_read_time")}, ["blk_read_time"])
    {'blk_read_time': 'blk_read_time'}
    """
    found = {}
    for name, expressions in wanted.items():
        for expression in expressions:
            if all(column in existing for column in expression.split(" * ")):
                found[name] = expression
                break
    return found
