"""A disk of one's own, as a row of the catalogue: what it does does not depend on the size of a volume on it."""

from __future__ import annotations

from datetime import date

from dfr_sizing.catalogue.types import DiskType, Role
from dfr_sizing.interval import Interval


def own_disk(
    name: str,
    gib: int,
    iops: int,
    mb_per_s: float,
    read_latency_ms: Interval,
    write_latency_ms: Interval,
    source: str,
    on: date,
) -> DiskType:
    """A database's disk on one's own premises, of at most ``gib`` GiB: no bursts, nothing to be bought on top."""
    return DiskType(
        provider="on-premises",
        role=Role.DATABASE,
        name=name,
        min_gib=1,
        max_gib=gib,
        base_iops=iops,
        base_mb_per_s=mb_per_s,
        iops_per_gib=0.0,
        mb_per_s_per_gib=0.0,
        least_iops=0,
        least_mb_per_s=0.0,
        max_iops=iops,
        max_mb_per_s=mb_per_s,
        max_iops_per_gib=0.0,
        max_mb_per_s_per_iops=0.0,
        striped_from_gib=0,
        stripes=0,
        burst_iops=0,
        burst_mb_per_s=0.0,
        burst_credits=0.0,
        burst_minutes=0.0,
        on_demand_iops=0,
        on_demand_mb_per_s=0.0,
        read_latency_ms=read_latency_ms,
        write_latency_ms=write_latency_ms,
        source=source,
        date=on,
    )
