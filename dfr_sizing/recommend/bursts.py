"""Whether bursts carry the busy hours: tokens of a volume and of its instance through a day that repeats itself.

A volume or an instance that does more than its own rate for a while (EBS gp2, Azure's disks up to 512 GiB, small
instances) gathers tokens in quiet hours. Where they last through every hour of every named day, though each day were
followed by another like it, the busy hours are served at the burst. Both buckets have to last, each by itself: what
both let through passes the two in series.
"""

from __future__ import annotations

from dataclasses import replace

from dfr_sizing.catalogue import DiskType, InstanceType
from dfr_sizing.recommend.design import Design
from dfr_sizing.storage import volume_limits
from dfr_sizing.storage.buckets import Bucket
from dfr_sizing.topology import Topology, limits_of, miss_ratio


def own_bucket(disk: DiskType, gib: float) -> Bucket:
    """A volume's own, whatever it is put on; IOPS that come with no size of it count as one."""
    return volume_limits(disk, gib, iops=1).operations.bucket


def instance_bucket(instance: InstanceType) -> Bucket:
    """An instance's own: full, it gives its most for its minutes."""
    rate, burst = float(instance.disk_iops), float(instance.burst_disk_iops)
    return Bucket(rate, burst, (burst - rate) * instance.burst_minutes * 60.0) if burst > rate else Bucket.steady(rate)


def as_carried(topology: Topology, design: Design) -> Topology:
    """The deployment at another design's load: without its bursts where they would not last there."""
    if not topology.bursts:
        return topology
    missed = miss_ratio(topology.database, design.database_bytes, design.touched)
    buckets = limits_of(topology.volume, topology.database).operations.apart
    carried = all(design.days.carried(bucket, missed) for bucket in buckets)
    return topology if carried else replace(topology, bursts=False)
