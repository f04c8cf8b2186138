"""One deployment to be judged, and what it looks like to the simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from dfr_sizing.catalogue import DiskType, InstanceType, Place, PriceLabel
from dfr_sizing.drivers import rule
from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.model import Model
from dfr_sizing.postgres.cache import Relation, two_levels
from dfr_sizing.postgres.popularity import FloatArray, Popularity
from dfr_sizing.simulation.system import PAGE_BYTES, Burst, Cpu, Disk, System
from dfr_sizing.storage import Limit, VolumeLimits, volume_limits

GIB = 2**30

_MANY_PAGES = 1e8
"""Pages of a database that stands for any other: its most popular single pages no longer show."""
_LEAST_CACHED, _NODES = 1e-3, 28
"""Least share of a database in memory, and how many shares misses are worked out at."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The database's disk: GiB in year 5, its IOPS and MB/s, and the least GiB that has them from year 1 on.

    ``needed_iops`` of them are asked for (0: all); the others come with its size.
    """

    disk: DiskType
    storage_gib: int
    least_gib: int
    iops: int
    mb_per_s: float
    needed_iops: int = 0


@dataclass(frozen=True, slots=True)
class Topology:
    """Application nodes x workers, one database (with or without a synchronous standby), its disk, in one place.

    ``bursts``: the busy hours are carried by the tokens of its volume or instance (recommend.bursts says when).
    """

    place: Place
    application: InstanceType
    nodes: int
    workers_per_node: int
    database: InstanceType
    volume: Volume
    standby: bool = False
    bursts: bool = False

    @property
    def disk(self) -> DiskType:
        """The kind of the database's disk."""
        return self.volume.disk

    @property
    def storage_gib(self) -> int:
        """GiB of the database's disk in year 5."""
        return self.volume.storage_gib

    @property
    def iops(self) -> int:
        """IOPS that the database's disk is bought with."""
        return self.volume.iops

    @property
    def busy_iops(self) -> tuple[float, float]:
        """Operations a second of the volume and of the instance in the busy hours, with the bursts that carry them."""
        if not self.bursts:
            return float(self.volume.iops), float(self.database.disk_iops)
        volume, instance = limits_of(self.volume, self.database).operations.apart
        return volume.burst_rate, instance.burst_rate

    @property
    def shape(self) -> tuple[str, str, int, str, str, int, int, bool]:
        """What decides its speed: two topologies of one shape simulate alike, wherever they are."""
        provider = self.place.provider
        return (
            provider,
            self.application.name,
            self.nodes,
            self.database.name,
            self.disk.name,
            self.storage_gib,
            self.iops,
            self.bursts,
        )

    def ledger(self) -> tuple[Assumption, ...]:
        """What the catalogue says of the chosen sizes that their simulation rests on."""
        lines = []
        for instance in (self.application, self.database):
            label = Label.STATED if instance.label is PriceLabel.LISTED else Label.ASSUMED
            for what, value, unit in (
                ("core_speed", instance.core_speed, "AWS m5 = 1"),
                ("smt_gain", instance.smt_gain, "times"),
            ):
                lines.append(Assumption(f"catalogue.{instance.name}.{what}", value, unit, instance.source, label))
        for what, value in (("read", self.disk.read_latency_ms), ("write", self.disk.write_latency_ms)):
            name = f"catalogue.{self.disk.name}.{what}_latency_ms"
            lines.append(Assumption(name, value, "ms", self.disk.source, Label.ASSUMED))
        return tuple(lines)

    @property
    def title(self) -> str:
        """``3 x m7i.2xlarge + db.m7i.2xlarge in aws/eu-west-1``."""
        return f"{self.nodes} x {self.application.name} + {self.database.name} in {self.place.name}"


def workers_per_node(instance: InstanceType) -> int:
    """HTTP workers of a node: so many for each vCPU, and no more than its memory holds."""
    by_cpu = int(rule("odoo.workers_per_vcpu") * instance.vcpus)
    return max(0, min(by_cpu, int(_worker_room_mib(instance) // rule("odoo.worker_memory_mib"))))


def _worker_room_mib(instance: InstanceType) -> float:
    return instance.memory_gib * 1024.0 - rule("odoo.base_memory_mib")


def cache_bytes(database: InstanceType) -> float:
    """Bytes of memory that cache pages on a database host."""
    return rule("postgresql.cache_share") * database.memory_gib * GIB


def miss_ratio(database: InstanceType, database_size: float, touched: Popularity) -> float:
    """Share of page accesses that go to the disk, on a database of so many bytes: nothing in memory has the page.

    ``touched``: one law for the pages of all tables.
    """
    return _missed_at(cache_bytes(database) / max(1.0, database_size), touched)


@lru_cache(maxsize=4096)
def _missed_at(share: float, touched: Popularity) -> float:
    """Misses with such a share of the database in memory; between nodes by a line, so that more never misses more."""
    return float(np.interp(share, *_missed_by_share(touched)))


@cache
def _missed_by_share(touched: Popularity) -> tuple[FloatArray, FloatArray]:
    """Cached shares of a database, rising, and the misses of shared_buffers and the system's cache.

    A hit ratio does not depend on how often pages are touched, nor on their number as long as it is large, but on that
    share alone (postgres.cache).
    """
    whole = Relation("database", _MANY_PAGES, touched, 1.0)
    of_buffers = rule("postgresql.shared_buffers_share") / rule("postgresql.cache_share")
    # From where the system's cache holds the database alone, nothing is read.
    shares = np.geomspace(_LEAST_CACHED, 1.0 / (1.0 - of_buffers), _NODES)
    missed = [
        two_levels([whole], of_buffers * pages, (1.0 - of_buffers) * pages).disk_reads_per_s
        for pages in shares[:-1] * _MANY_PAGES
    ]
    return shares, np.minimum.accumulate([*missed, 0.0])


def host_cpu(instance: InstanceType, model: Model) -> Cpu:
    """The instance's processors in units of the model's CPU."""
    return Cpu(
        cores=instance.cores,
        speed=instance.core_speed.mid / model.cpu_speed.mid,
        threads_per_core=instance.threads_per_core,
        smt_gain=instance.smt_gain.mid,
        dispatch_s=model.contention.dispatch_s,
        misplaced_s=model.contention.misplaced_s,
    )


def limits_of(volume: Volume, database: InstanceType) -> VolumeLimits:
    """What a database's volume and its instance give together, base and burst."""
    return volume_limits(volume.disk, volume.storage_gib, database, iops=volume.iops, mb_per_s=volume.mb_per_s)


def simulated_disk(limits: VolumeLimits, disk: DiskType, charged: float = 0.0) -> Disk:
    """The engines' disk: two pipes, each with its bucket, of which a share ``charged`` is full at the start.

    At 0 it has no bursts at all: what it does for as long as one likes. Bytes that can never be fewer than those of
    the operations limit no read, and are left out: the engines need not count them.
    """
    fastest = limits.operations.bucket.burst_rate if charged > 0.0 else limits.operations.bucket.rate
    return Disk(
        iops=limits.operations.bucket.rate,
        read_latency_s=disk.read_latency_ms.mid / 1e3,
        flush_latency_s=disk.write_latency_ms.mid / 1e3,
        write_bytes_per_s=limits.bytes.bucket.rate,
        bytes_per_s=limits.bytes.bucket.rate if limits.bytes.bucket.rate < fastest * PAGE_BYTES else math.inf,
        iops_burst=_burst(limits.operations, charged),
        bytes_burst=_burst(limits.bytes, charged),
    )


def _burst(limit: Limit, charged: float) -> Burst | None:
    bucket = limit.bucket
    if charged <= 0.0 or not bucket.bursts:
        return None
    return Burst(bucket.burst_rate, bucket.most, charged * bucket.most)


def system_of(topology: Topology, model: Model, nodes_down: int = 0) -> System:
    """The deployment as the simulation sees it, some application nodes down; its disk as it is in a busy hour."""
    nodes = max(1, topology.nodes - nodes_down)
    disk = simulated_disk(limits_of(topology.volume, topology.database), topology.disk)
    if topology.bursts:
        disk = replace(disk, iops=min(topology.busy_iops))
    application = host_cpu(topology.application, model)
    return System(
        cpus=(*([application] * nodes), host_cpu(topology.database, model)),
        node_cpu=tuple(range(nodes)),
        database_cpu=nodes,
        workers_per_node=topology.workers_per_node,
        backlog=int(rule("odoo.backlog_per_worker")) * topology.workers_per_node,
        parallel_pool=int(rule("postgresql.parallel_pool_per_vcpu") * topology.database.vcpus),
        disk=disk,
        cron_per_node=int(rule("odoo.cron_workers")),
        round_trip_s=rule("search.network_ms") / 1e3,
    )
