"""What a volume of a given size does: the IOPS and MB/s that come with it, and the most that can be bought."""

from __future__ import annotations

from dfr_sizing.catalogue.types import DiskType


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
    if _is_striped(disk, size):
        iops, mb_per_s = float(disk.striped_iops), disk.striped_mb_per_s
    else:
        iops, mb_per_s = float(disk.base_iops), disk.base_mb_per_s
    iops += disk.iops_per_gib * size
    mb_per_s += disk.mb_per_s_per_gib * size
    return int(min(iops, disk.max_iops)), min(mb_per_s, disk.max_mb_per_s)


def disk_ceiling(disk: DiskType, gib: float) -> tuple[int, float]:
    """Tell the most IOPS and MB/s that a volume of ``gib`` GiB can be given, where the catalogue prices more.

    A disk that stripes sells nothing on top below its striping size (RDS gp3 under 400 GiB: "not adjustable").
    """
    if disk.striped_from_gib and not _is_striped(disk, billed_gib(disk, gib)):
        return disk_limits(disk, gib)
    return disk.max_iops, disk.max_mb_per_s


def _is_striped(disk: DiskType, gib: float) -> bool:
    return disk.striped_from_gib > 0 and gib >= disk.striped_from_gib
