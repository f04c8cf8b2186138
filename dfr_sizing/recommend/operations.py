"""What the database's disk is asked for, by kind, and which limit comes next after the one that binds.

Reads and checkpoint writes are those that the disk was bought for (bounds). WAL flushes share commits by the law of
group commit, vacuums come by their thresholds: both for the deployment as it was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dfr_sizing.configuration.connections import connections_of
from dfr_sizing.cost import YEARS
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.growth import SECONDS_A_YEAR, Growth, changed_per_s
from dfr_sizing.postgres.popularity import UNIFORM
from dfr_sizing.postgres.settings import PAGE, Settings
from dfr_sizing.postgres.vacuum import Table, vacuum
from dfr_sizing.recommend.bounds import iops_in
from dfr_sizing.recommend.database_types import Limit, Operations
from dfr_sizing.recommend.design import Design
from dfr_sizing.recovery.backups import Window
from dfr_sizing.simulation.load import HourLoad, utilisations
from dfr_sizing.topology import Topology, system_of

KIB, MB = 1024.0, 1e6
BACKENDS = 64
"""Connections that the law of group commit follows; of more, a flush takes the same share (the chain is cubic)."""


def operations_of(
    topology: Topology,
    design: Design,
    growth: Sequence[Growth],
    settings: Mapping[str, Settings],
    window: Window,
) -> tuple[Operations, ...]:
    """The steady day's operations and those of the day that asks for most."""
    from dfr_sizing.postgres.commits import commits_per_flush  # noqa: PLC0415 - takes long to import; not at the start

    worst = max(design.peaks, key=lambda name: iops_in(topology.database, design, name).total)
    named = tuple(dict.fromkeys((Situation.STEADY, worst)))
    latency_s = system_of(topology, design.model).disk.flush_latency_s
    backends = min(BACKENDS, connections_of(topology).working)
    found = []
    for name in named:
        load = design.peaks[name].load
        shared = commits_per_flush(load.commits_per_s, _open_s(load), latency_s, backends)
        found.append(_operations(topology, design, name, load, shared.flushes_per_s, growth, settings, window))
    return tuple(found)


def _open_s(load: HourLoad) -> float:
    """SQL seconds of the mean request that writes."""
    writing = {name: rate for name, rate in load.rates.items() if load.costs[name].wal_bytes > 0}
    work = sum(rate * load.costs[name].database_cpu_s for name, rate in writing.items())
    return work / sum(writing.values()) if sum(writing.values()) > 0.0 else 0.0


def _operations(
    topology: Topology,
    design: Design,
    name: Situation,
    load: HourLoad,
    wal: float,
    growth: Sequence[Growth],
    settings: Mapping[str, Settings],
    window: Window,
) -> Operations:
    split = iops_in(topology.database, design, name)
    usual = design.peaks[Situation.STEADY].load.wal_bytes_per_s
    times = load.wal_bytes_per_s / usual if usual > 0.0 else 1.0
    vacuumed = vacuum_per_s(growth, changed_per_s(design.scenario, YEARS), settings, times, 1.0 - split.miss_ratio)
    read_mb = backup_mb_per_s(window, topology.volume.mb_per_s)
    pages = split.reads + split.checkpoint_writes + vacuumed
    return Operations(
        situation=name,
        reads=split.reads,
        wal=wal,
        checkpoint=split.checkpoint_writes,
        vacuum=vacuumed,
        backup=read_mb * MB / (KIB * rule("postgresql.backup_read_kib")),
        bytes_per_s=pages * PAGE + load.wal_bytes_per_s + read_mb * MB,
    )


def vacuum_per_s(
    growth: Sequence[Growth],
    changes_per_s: Mapping[str, float],
    settings: Mapping[str, Settings],
    times: float,
    hit_ratio: float,
) -> float:
    """Pages that autovacuum reads and dirties a second in the last year, with ``times`` the usual changes.

    Rows come as the tables grow in that year; each changed row leaves a dead one.
    """
    before = {each.table: each.rows for each in growth if each.year == YEARS - 1}
    total = 0.0
    for each in growth:
        if each.year != YEARS or each.rows <= 0.0:
            continue
        table = Table(
            name=each.table,
            rows=each.rows,
            pages=each.heap_bytes / PAGE,
            index_pages=(each.index_bytes + each.plan_index_bytes) / PAGE,
            popularity=UNIFORM,
            dead_per_s=times * changes_per_s.get(each.table, 0.0),
            inserted_per_s=times * max(0.0, each.rows - before.get(each.table, each.rows)) / SECONDS_A_YEAR,
            hit_ratio=hit_ratio,
        )
        due = vacuum(table, settings.get(each.table, Settings()))
        total += due.reads_per_s + due.dirtied_per_s
    return total


def backup_mb_per_s(window: Window, disk_mb_per_s: float) -> float:
    """What the daily backup reads in the busiest hour: nothing where it ends within the night."""
    if window.hours is None or window.disk_share is None or window.from_standby:
        return 0.0
    return window.disk_share * disk_mb_per_s if window.hours > rule("recovery.night_h") else 0.0


def limits(topology: Topology, design: Design, peak: Operations) -> tuple[Limit, ...]:
    """What the worst hour takes of each limit of the database, one application node down; the fullest first."""
    database, volume = topology.database, topology.volume
    load = design.peaks[design.worst].load
    _, cpu = utilisations(load, system_of(topology, design.model, 1), design.model)
    of_volume, of_instance = topology.busy_iops
    burst = ", in bursts" if topology.bursts else ""
    found = {
        f"IOPS of the disk{burst}": peak.total / of_volume,
        f"IOPS of the instance{burst}": peak.total / of_instance,
        "MB/s of the disk": peak.bytes_per_s / MB / volume.mb_per_s,
        "MB/s of the instance": peak.bytes_per_s / MB / database.disk_mb_per_s,
        "CPU of the database": cpu,
    }
    named = [
        Limit(name, share, design.farmers / share if share > 0.0 else float("inf")) for name, share in found.items()
    ]
    return tuple(sorted(named, key=lambda limit: -limit.share))
