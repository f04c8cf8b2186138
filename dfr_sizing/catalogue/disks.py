"""What a volume of a given size does: the IOPS and MB/s that come with it, the most that can be bought, its burst."""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.catalogue.types import DiskType


@dataclass(frozen=True, slots=True)
class Burst:
    """What a volume does beyond its own rate: up to ``rate`` a second while it has some of its ``credits`` units."""

    rate: float
    credits: float


def billed_gib(disk: DiskType, gib: float) -> float:
    """Tell the GiB bought, and billed, for a need of ``gib``; ValueError where the disk is too small for it."""
    if gib > disk.max_gib:
        raise ValueError(f"{disk.provider} {disk.name} holds at most {disk.max_gib} GiB, not {gib:g}")
    return max(gib, float(disk.min_gib))


def disk_limits(disk: DiskType, gib: float) -> tuple[int, float]:
    """Tell the IOPS and MB/s that a volume of ``gib`` GiB has for its price per GiB alone.

    >>> disk_limits(rds_gp3, 399), disk_limits(rds_gp3, 400)
    ((3000, 125.0), (12000, 500.0))
    """
    size = billed_gib(disk, gib)
    parts = _volumes(disk, size)
    each = size / parts
    iops = max(float(disk.least_iops), disk.base_iops + disk.iops_per_gib * each)
    mb_per_s = max(disk.least_mb_per_s, disk.base_mb_per_s + disk.mb_per_s_per_gib * each)
    most = max(1, disk.stripes)  # the row's most is that of all its volumes
    return int(parts * min(iops, disk.max_iops / most)), parts * min(mb_per_s, disk.max_mb_per_s / most)


def disk_ceiling(disk: DiskType, gib: float) -> tuple[int, float]:
    """Tell the most IOPS and MB/s that a volume of ``gib`` GiB can be given, where the catalogue prices more.

    A disk that stripes sells nothing on top below its striping size (RDS gp3 under 400 GiB: "not adjustable").
    """
    size = billed_gib(disk, gib)
    included = disk_limits(disk, size)
    if disk.striped_from_gib and _volumes(disk, size) == 1:
        return included
    iops = float(disk.max_iops)
    if disk.max_iops_per_gib > 0:
        iops = min(iops, max(included[0], disk.max_iops_per_gib * size))
    mb_per_s = disk.max_mb_per_s
    if disk.max_mb_per_s_per_iops > 0:
        mb_per_s = min(mb_per_s, max(included[1], disk.max_mb_per_s_per_iops * iops))
    return int(iops), mb_per_s


def disk_bursts(disk: DiskType, gib: float) -> tuple[Burst | None, Burst | None]:
    """Tell the burst of operations and of bytes (in MB) of a volume of ``gib`` GiB; None where it has none.

    Where the size's own rate reaches the burst there is none (EBS gp2 from 1,000 GiB). The credits of minutes are what
    the burst takes beyond the own rate in that time: "burst for up to 30 minutes at the maximum burst rate" (Azure).
    """
    size = billed_gib(disk, gib)
    parts, (iops, mb_per_s) = _volumes(disk, size), disk_limits(disk, size)
    operations = _burst(parts * disk.burst_iops, iops, parts * disk.burst_credits, disk.burst_minutes)
    return operations, _burst(parts * disk.burst_mb_per_s, mb_per_s, 0.0, disk.burst_minutes)


def _burst(rate: float, own: float, held: float, minutes: float) -> Burst | None:
    if rate <= own:
        return None
    return Burst(float(rate), held or (rate - own) * minutes * 60.0)


def _volumes(disk: DiskType, gib: float) -> int:
    """How many volumes a disk of this size is made of."""
    return disk.stripes if 0 < disk.striped_from_gib <= gib else 1
