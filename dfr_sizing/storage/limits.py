"""A volume on an instance: operations and bytes a second that both let through, base and burst."""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.catalogue.disks import Burst, disk_bursts, disk_limits
from dfr_sizing.catalogue.types import DiskType, InstanceType
from dfr_sizing.storage.buckets import Bucket, Limit, in_series

MB = 1e6


@dataclass(frozen=True, slots=True)
class VolumeLimits:
    """Operations and bytes a second of a volume on an instance."""

    operations: Limit
    bytes: Limit


def volume_limits(
    disk: DiskType,
    gib: float,
    instance: InstanceType | None = None,
    *,
    iops: float | None = None,
    mb_per_s: float | None = None,
    on_demand: bool = False,
) -> VolumeLimits:
    """What a volume of ``gib`` GiB gives on an instance (None: on one that does not limit it).

    ``iops`` and ``mb_per_s`` are what it is bought with, where that is more than what comes with the size; bought
    above the burst it has none. ``on_demand``: bursting without end is switched on where the disk has it. Rates are in
    operations and bytes a second, tokens in operations and bytes. ValueError where the disk cannot hold ``gib``, and
    where IOPS come with no size of it (io1, io2) and none are bought.
    """
    included_iops, included_mb = disk_limits(disk, gib)
    bursts = disk_bursts(disk, gib)
    own_iops, own_mb = max(included_iops, iops or 0.0), max(included_mb, mb_per_s or 0.0)
    if on_demand and disk.on_demand_iops > 0:
        own_iops, own_mb = max(own_iops, disk.on_demand_iops), max(own_mb, disk.on_demand_mb_per_s)
    if own_iops <= 0:
        raise ValueError(f"{disk.provider} {disk.name} comes without IOPS: say how many are bought")
    operations, throughput = _own(own_iops, bursts[0]), _own(own_mb, bursts[1])
    caps: tuple[Bucket | None, Bucket | None] = (None, None)
    if instance is not None:
        caps = (
            _cap(instance.disk_iops, instance.burst_disk_iops, instance.burst_minutes),
            _cap(instance.disk_mb_per_s, instance.burst_disk_mb_per_s, instance.burst_minutes),
        )
    return VolumeLimits(
        in_series(operations, caps[0]),
        in_series(_scaled(throughput), None if caps[1] is None else _scaled(caps[1])),
    )


def _own(rate: float, burst: Burst | None) -> Bucket:
    return Bucket.steady(rate) if burst is None or burst.rate <= rate else Bucket(rate, burst.rate, burst.credits)


def _cap(rate: float, burst: float, minutes: float) -> Bucket:
    """An instance's bucket. It begins full, so that it bursts for its minutes, and fills with what is not used."""
    return Bucket(rate, burst, (burst - rate) * minutes * 60.0) if burst > rate else Bucket.steady(rate)


def _scaled(bucket: Bucket) -> Bucket:
    return Bucket(bucket.rate * MB, bucket.burst_rate * MB, bucket.most * MB)
