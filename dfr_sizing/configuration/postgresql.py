"""Parameters of the database host, and those of its large tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dfr_sizing.configuration.connections import Connections, connections_of
from dfr_sizing.configuration.memory import Memory, memory_of
from dfr_sizing.configuration.setting import MIB, Setting, megabytes, source_of
from dfr_sizing.drivers import configured, constant, rule, rules
from dfr_sizing.growth import Growth
from dfr_sizing.postgres.settings import Settings
from dfr_sizing.topology import GIB, Topology

MANUAL = "stated: PostgreSQL manual "
WAL_STEP_MIB = 1024
"""max_wal_size is given in GiB, min_wal_size is a quarter of it."""


def postgresql_settings(topology: Topology, wal_bytes_per_s: float = 0.0) -> tuple[Setting, ...]:
    """postgresql.conf of a deployment; ``wal_bytes_per_s`` is what its worst hour writes."""
    connections = connections_of(topology)
    memory = memory_of(topology.database.memory_gib, connections.most)
    return (
        *_connections(topology, connections),
        *_memory(topology, memory),
        *_checkpoints(topology, wal_bytes_per_s),
        *_autovacuum(topology),
        *_processors(topology),
        *_disk(topology),
        *_sessions(),
    )


def _connections(topology: Topology, found: Connections) -> Iterator[Setting]:
    through = "PgBouncer's pools" if found.pooled else "Odoo's processes"
    yield Setting(
        "max_connections",
        str(found.most),
        "100 (default)",
        f"{topology.nodes} nodes and one more while a version is rolled out; {found.direct} connections without a "
        f"pooler, {found.server} by {through}",
        "HTTP workers x 2, cron workers x 2, the gevent process's; others' and 3 reserved; in tens",
        source_of("connections.of_http_worker"),
        found.server + configured("connections.other") + configured("connections.reserved"),
        "connections",
    )


def _memory(topology: Topology, found: Memory) -> Iterator[Setting]:
    ram = f"{topology.database.memory_gib:g} GiB"
    buffers = rules()["postgresql.shared_buffers_share"]
    yield Setting(
        "shared_buffers", megabytes(found.shared_buffers, 64), "128MB (default)",
        f"the pages that PostgreSQL keeps itself, of {ram}", f"{rule('postgresql.shared_buffers_share'):g} of memory",
        f"{buffers.label}: {buffers.source}", found.shared_buffers, "MiB",
    )  # fmt: skip
    cache = rules()["postgresql.cache_share"]
    yield Setting(
        "effective_cache_size", megabytes(found.effective_cache, 64), "4GB (default)",
        f"what the planner may count on: {rule('postgresql.cache_share'):.0%} of {ram} cache pages",
        f"{rule('postgresql.cache_share'):g} of memory", f"{cache.label}: {cache.source}", found.effective_cache, "MiB",
    )  # fmt: skip
    yield Setting(
        "work_mem", megabytes(found.work), "4MB (default)",
        f"{found.connections} connections may each sort or hash in it at once, and memory still suffices",
        "(share for work - vacuums - backends) / connections / hash_mem_multiplier, from 1 to 64 MB",
        source_of("memory.work_share"), found.work_raw, "MiB",
    )  # fmt: skip
    yield Setting(
        "hash_mem_multiplier", f"{configured('memory.hash_mem_multiplier'):g}", "2 (default)",
        "counted in work_mem above", "as it is", source_of("memory.hash_mem_multiplier"),
    )  # fmt: skip
    yield Setting(
        "maintenance_work_mem", megabytes(found.maintenance), "64MB (default)",
        f"of each of {configured('memory.autovacuum_workers'):g} vacuums, and of an index build",
        "a sixteenth of memory, at most 1 GB and a quarter of the share for work",
        source_of("memory.maintenance_share"), found.maintenance, "MiB",
    )  # fmt: skip
    huge = constant("page.huge_bytes") / MIB
    pages = found.shared_buffers * configured("memory.huge_pages_over_buffers") / huge
    yield Setting(
        "huge_pages", "try", "try (default)",
        f"on a host of one's own: vm.nr_hugepages = {int(pages) + 1}, pages of {huge:g} MiB",
        "shared_buffers and some for other shared memory, over the size of such a page",
        source_of("memory.huge_pages_over_buffers"), pages,
        "pages",
    )  # fmt: skip


def _checkpoints(topology: Topology, wal_bytes_per_s: float) -> Iterator[Setting]:
    timeout, target = configured("checkpoint.timeout_min"), configured("checkpoint.completion_target")
    yield Setting(
        "checkpoint_timeout", f"{timeout:g}min", "5min (default)",
        "fewer checkpoints write fewer full pages into the WAL and share more writes of a page",
        "three times the default", source_of("checkpoint.timeout_min"), timeout, "min",
    )  # fmt: skip
    # A checkpoint is asked for at max_wal_size / (1 + completion target) of WAL (postgres.checkpoint.trigger_bytes).
    raw = configured("checkpoint.wal_margin") * wal_bytes_per_s * timeout * 60.0 * (1.0 + target) / MIB
    most = min(
        configured("checkpoint.most_share_of_disk") * topology.storage_gib * GIB / MIB,
        configured("checkpoint.most_wal_mib"),
    )
    wanted = max(WAL_STEP_MIB, -(-raw // WAL_STEP_MIB) * WAL_STEP_MIB)
    chosen = max(WAL_STEP_MIB, min(wanted, most // WAL_STEP_MIB * WAL_STEP_MIB))
    limited = "; held to what the disk has room for" if wanted > chosen else ""
    yield Setting(
        "max_wal_size", megabytes(chosen), "1GB (default)",
        f"so that time brings a checkpoint, not WAL, at {wal_bytes_per_s / 1e6:.2f} MB/s in the worst hour{limited}",
        "WAL of checkpoint_timeout x (1 + completion target) x margin, a tenth of the disk at most",
        f"{MANUAL}28.5; {source_of('checkpoint.wal_margin')}", raw, "MiB",
    )  # fmt: skip
    yield Setting(
        "min_wal_size", megabytes(chosen / 4), "80MB (default)", "segments are used again, not made anew",
        "a quarter of max_wal_size", MANUAL + "19.5.2", chosen / 4, "MiB",
    )  # fmt: skip
    yield Setting(
        "checkpoint_completion_target", f"{target:g}", "0.9 (default)", "writes are spread over the interval",
        "as it is", source_of("checkpoint.completion_target"),
    )  # fmt: skip
    yield Setting(
        "wal_compression", "on", "off (default)",
        "full pages take less room in the WAL, in archives and on the way to a replica, for some CPU", "on",
        MANUAL + "19.5.1",
    )  # fmt: skip


def _autovacuum(topology: Topology) -> Iterator[Setting]:
    workers = configured("memory.autovacuum_workers")
    yield Setting(
        "autovacuum_max_workers", f"{workers:g}", "3 (default)", "they share one budget; large tables have settings of "
        "their own in postgresql-tables.sql", "as it is", source_of("memory.autovacuum_workers"),
    )  # fmt: skip
    delay, dirty = constant("setting.vacuum_cost_delay_s"), constant("setting.vacuum_cost_page_dirty")
    raw = configured("vacuum.iops_share") * topology.iops * dirty * delay
    limit = max(configured("vacuum.least_cost_limit"), min(configured("vacuum.most_cost_limit"), round(raw, -1)))
    yield Setting(
        "autovacuum_vacuum_cost_limit", f"{limit:.0f}", "200 (default, of vacuum_cost_limit)",
        f"at most {limit / delay / dirty:,.0f} pages written a second, of {topology.iops:,} IOPS that are bought",
        "a quarter of the IOPS x cost of a dirtied page x delay, within bounds", source_of("vacuum.iops_share"),
        raw, "cost",
    )  # fmt: skip


def _processors(topology: Topology) -> Iterator[Setting]:
    pool = int(rule("postgresql.parallel_pool_per_vcpu") * topology.database.vcpus)
    processes = max(int(configured("parallel.least_processes")), pool)
    row = rules()["postgresql.parallel_pool_per_vcpu"]
    yield Setting(
        "max_worker_processes", str(processes), "8 (default)", "holds the parallel workers", "vCPU, 8 at least",
        source_of("parallel.least_processes"), pool, "processes",
    )  # fmt: skip
    yield Setting(
        "max_parallel_workers", str(pool), "8 (default)",
        "one for each vCPU: a scan without an index runs on several cores", "vCPU", f"{row.label}: {row.source}",
        pool, "processes",
    )  # fmt: skip
    yield Setting(
        "max_parallel_workers_per_gather", f"{configured('parallel.per_gather'):g}", "2 (default)",
        "as the scans were measured", "as it is", source_of("parallel.per_gather"),
    )  # fmt: skip
    yield Setting(
        "jit", "off", "on (default)",
        "Odoo's statements take milliseconds, and compiling one takes longer", "off",
        MANUAL + "30.1: it pays for long-running CPU-bound queries",
    )  # fmt: skip


def _disk(topology: Topology) -> Iterator[Setting]:
    latency = topology.disk.read_latency_ms.mid
    kind = "ssd" if latency < configured("disk.ssd_latency_ms") else "hdd"
    yield Setting(
        "random_page_cost", f"{configured(f'disk.{kind}_random_page_cost'):g}", "4 (default)",
        f"{topology.disk.name} reads a page in {latency:g} ms", "by the disk's latency",
        source_of(f"disk.{kind}_random_page_cost"), latency, "ms",
    )  # fmt: skip
    yield Setting(
        "effective_io_concurrency", f"{configured(f'disk.{kind}_io_concurrency'):g}", "16 (default; 1 before 18)",
        "requests that the disk serves side by side", "by the disk's latency",
        source_of(f"disk.{kind}_io_concurrency"), latency, "ms",
    )  # fmt: skip


def _sessions() -> Iterator[Setting]:
    cron = configured("odoo.limit_time_cron_s")
    yield Setting(
        "statement_timeout", "0", "0 (default)",
        "Odoo ends long requests itself (limit_time_real); upgrades and index builds run for hours", "as it is",
        MANUAL + "19.11.1: not recommended in postgresql.conf",
    )  # fmt: skip
    longest = max(configured("odoo.limit_time_real_s"), cron)
    yield Setting(
        "idle_in_transaction_session_timeout", f"{longest:.0f}s", "0 (default)",
        "a worker computes with its transaction open until its own limit; what is older has lost its worker, and keeps "
        "vacuum from dead rows", "the longest of limit_time_real and limit_time_real_cron",
        f"{MANUAL}19.11.1; {source_of('odoo.limit_time_cron_s')}", longest, "s",
    )  # fmt: skip
    yield Setting(
        "track_io_timing", "on", "off (default)", "pg_stat_io and pg_stat_statements then tell the disk's waits", "on",
        MANUAL + "19.9.1",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableSetting:
    """Storage parameters of one large table, by PostgreSQL's names; ``why`` in words."""

    table: str
    rows: float
    values: Mapping[str, float]
    why: str

    def applied(self, settings: Settings) -> Settings:
        """Autovacuum's settings with these in their place."""
        return replace(
            settings,
            autovacuum_scale_factor=self.values["autovacuum_vacuum_scale_factor"],
            autovacuum_insert_scale_factor=self.values["autovacuum_vacuum_insert_scale_factor"],
        )


def table_settings(growth: Iterable[Growth]) -> tuple[TableSetting, ...]:
    """Scale factors of the tables that become large, for the last year that is given of each."""
    last = {each.table: each for each in sorted(growth, key=lambda each: each.year)}
    found = []
    for table, each in last.items():
        if each.rows < configured("vacuum.large_rows"):
            continue
        factor = max(1e-4, min(constant("setting.autovacuum_scale_factor"), configured("vacuum.dead_rows") / each.rows))
        values = {
            "autovacuum_vacuum_scale_factor": float(f"{factor:.1g}"),
            "autovacuum_vacuum_insert_scale_factor": float(f"{factor:.1g}"),
            "autovacuum_analyze_scale_factor": float(f"{factor:.1g}"),
        }
        if each.dead_rows > 0.0:
            values["fillfactor"] = configured("vacuum.fillfactor")
        why = f"{each.rows / 1e6:,.0f} million rows: vacuumed at some million dead or new rows, not at a fifth"
        found.append(TableSetting(table, each.rows, values, why))
    return tuple(found)
