"""What the daily backup takes from users: the busiest hour that it reaches into, simulated with and without it."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from dfr_sizing.demand import HOURS, Situation, demand
from dfr_sizing.drivers import rule
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.rare import ENOUGH
from dfr_sizing.recommend.recovery_types import Felt
from dfr_sizing.recommend.trial import job
from dfr_sizing.recovery.backups import Window
from dfr_sizing.simulation.load import HourLoad, day_loads
from dfr_sizing.simulation.outcome import Runs
from dfr_sizing.simulation.run import run_all
from dfr_sizing.simulation.system import Disk
from dfr_sizing.topology import Topology

REPLICATIONS, REQUESTS, SHORTEST_S = 4, 15_000, 40.0
"""As many requests as for a point of the growth curve, in replications that give an interval."""
BYTES_PER_MB = 1e6


def begin_felt(
    topology: Topology, design: Design, window: Window, seed: int, executor: Executor | None
) -> Callable[[], Felt | None]:
    """Begin to simulate the hour; what is returned waits for it, and is None where users feel nothing.

    The backup begins at midnight. It takes its share of the disk's operations and bytes; its CPU (compression) is left
    out. Both runs have the same requests.
    """
    if window.hours is None or window.disk_share is None or window.from_standby:
        return lambda: None
    name, hour, load = _busiest_within(design, window.hours)
    alone = job(topology, design, load, 0, REQUESTS, seed, SHORTEST_S)
    beside = replace(alone, system=replace(alone.system, disk=left_of(alone.system.disk, topology, window.disk_share)))
    wait = run_all([alone, beside], REPLICATIONS, executor)
    return lambda: _felt(name, hour, alone.confidence, *wait())


def left_of(disk: Disk, topology: Topology, share: float) -> Disk:
    """What a backup that reads a ``share`` of the volume's MB/s, one read-ahead at a time, leaves of a disk."""
    operations = share * topology.volume.mb_per_s * BYTES_PER_MB / (rule("postgresql.backup_read_kib") * 1024.0)
    least = 1.0 - rule("recovery.backup_most_of_disk")
    kept = max(least, 1.0 - share)
    return replace(
        disk,
        iops=max(least * disk.iops, disk.iops - operations),
        write_bytes_per_s=kept * disk.write_bytes_per_s,
        bytes_per_s=kept * disk.bytes_per_s if math.isfinite(disk.bytes_per_s) else disk.bytes_per_s,
    )


def _busiest_within(design: Design, hours: float) -> tuple[Situation, int, HourLoad]:
    """The hour with the most CPU time asked for, of the first ``hours`` of any named day."""
    reached = min(HOURS, math.ceil(hours))
    found = []
    for name in Situation:
        loads = day_loads(demand(design.scenario, name, design.farmers), design.model, design.switches)
        found += [(load.app_cpu + load.database_cpu, name, hour, load) for hour, load in enumerate(loads[:reached])]
    _, name, hour, load = max(found, key=lambda one: one[0])
    return name, hour, load


def _felt(name: Situation, hour: int, confidence: float, alone: Runs, beside: Runs) -> Felt | None:
    """The class that comes often and is slowed down most."""
    there = beside.counted()
    often = [of for of, requests in alone.counted().items() if requests >= ENOUGH and of in there]
    if not often:
        return None
    p95 = {of: (alone.estimate(of, "p95", confidence), beside.estimate(of, "p95", confidence)) for of in often}
    worst = max(often, key=lambda of: p95[of][1].value / p95[of][0].value)
    return Felt(name, hour, worst, *p95[worst])
