"""What can be bought: shapes (what a thing can do) apart from prices (what it costs where)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dfr_sizing.interval import Interval

PROVIDERS = ("aws", "azure", "gcp", "on-premises", "private-cloud", "fao-managed")
UNITS = ("hour", "month", "gib-month", "iops-month", "mb_per_s-month", "gb", "share")

# Services have the same item name at every provider, so that a bill reads alike everywhere.
LOAD_BALANCER = "load balancer"  # per month, one unit of load (1 GB an hour) included
BALANCER_TRAFFIC = "load balancer traffic"  # per GB beyond that unit
OBJECT_STORAGE = "object storage"  # per GiB-month
SHARED_FILES = "shared filestore"  # per GiB-month: a file system that all application nodes mount
BACKUP_STORAGE = "backup storage"  # per GiB-month
SNAPSHOTS = "snapshots"  # per GiB-month, of a node's disk
EGRESS = "egress"  # per GB sent to the Internet
BETWEEN_SITES = "copies between sites"  # per GB sent to another region or site
NAT = "NAT gateway"  # per month
NAT_TRAFFIC = "NAT traffic"  # per GB that passes it
ORCHESTRATION = "orchestration"  # per month, one Kubernetes cluster's control plane
LOGS = "logs and metrics"  # per GB taken in
SERVICE_UNITS = {
    LOAD_BALANCER: "month",
    BALANCER_TRAFFIC: "gb",
    OBJECT_STORAGE: "gib-month",
    SHARED_FILES: "gib-month",
    BACKUP_STORAGE: "gib-month",
    SNAPSHOTS: "gib-month",
    EGRESS: "gb",
    BETWEEN_SITES: "gb",
    NAT: "month",
    NAT_TRAFFIC: "gb",
    ORCHESTRATION: "month",
    LOGS: "gb",
}
"""What a registry needs of every place."""

SUPPORT = "support plan"
SUPPORT_UNITS = ("month", "share")
"""A provider's support: the least it costs a month, and its share of the bill; bought only where it is asked for."""


class Role(StrEnum):
    """What an instance type is bought for."""

    APPLICATION = "application"
    DATABASE = "database"


class PriceLabel(StrEnum):
    """How a price is known."""

    STATED = "stated"  # by the user, for himself
    LISTED = "listed"  # read in the provider's list or a dated copy of it
    CONVERTED = "converted"  # from another unit or currency, by arithmetic alone
    ESTIMATED = "estimated"  # from a price elsewhere by a stated rule
    ASSUMED = "assumed"  # nobody's list: to be replaced by the user's own price


class Term(StrEnum):
    """For how long a price is committed to."""

    ON_DEMAND = "on-demand"
    SUSTAINED = "sustained-use"  # by the hour, of a machine that is on for the whole month
    ONE_YEAR = "1-year"
    THREE_YEARS = "3-year"


@dataclass(frozen=True, slots=True)
class Place:
    """Where hosting can be bought."""

    provider: str  # one of PROVIDERS
    region: str
    city: str
    country: str  # ISO 3166-1 alpha-2; "" where the user's own country is meant
    source: str
    date: date

    @property
    def name(self) -> str:
        """``aws/ap-southeast-2``."""
        return f"{self.provider}/{self.region}"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A size of machine, or of managed PostgreSQL.

    ``core_speed`` is per physical core on AWS m5 = 1.00; ``smt_gain`` (g) is what a second thread brings: a host of
    n cores with two threads each is worth n x (1 + (g - 1)) cores when all its threads are busy, and 1.0 means that
    the second thread brings nothing. ``disk_iops`` and ``disk_mb_per_s`` are the instance's own sustained caps; it may
    go up to ``burst_disk_iops`` and ``burst_disk_mb_per_s`` for ``burst_minutes`` on a full bucket (0: no burst).
    """

    provider: str
    role: Role
    name: str
    family: str
    vcpus: int
    threads_per_core: int
    memory_gib: float
    core_speed: Interval
    smt_gain: Interval
    disk_iops: int
    disk_mb_per_s: float
    burst_disk_iops: int
    burst_disk_mb_per_s: float
    burst_minutes: float
    burstable: bool
    source: str
    date: date
    label: PriceLabel

    @property
    def cores(self) -> int:
        """Physical cores."""
        return max(1, self.vcpus // self.threads_per_core)


@dataclass(frozen=True, slots=True)
class DiskType:
    """A kind of volume: IOPS and MB/s it starts with, what can be bought on top, its burst, and its latency.

    A need below ``min_gib`` is bought, and billed, as ``min_gib``; tiers sold whole (Azure P10) have
    ``min_gib == max_gib``. A volume of s GiB has ``base_iops + iops_per_gib x s`` IOPS for its price per GiB, never
    under ``least_iops`` or over ``max_iops``; above that, further IOPS are bought where the catalogue has a price for
    them (unit ``iops-month``), up to ``max_iops_per_gib`` x s, and MB/s up to ``max_mb_per_s_per_iops`` times the IOPS
    (0: no such ratio). From ``striped_from_gib`` on (0: never) it is ``stripes`` volumes of s / stripes GiB each.

    While it has credits a volume does up to ``burst_iops`` and ``burst_mb_per_s`` (0: no burst). It holds
    ``burst_credits`` operations (EBS gp2) or as many as last ``burst_minutes`` at the burst (Azure).
    ``on_demand_iops`` and ``on_demand_mb_per_s`` are what it does without end where that is switched on, for a fee.

    Latencies are of one operation on an idle volume: mid is the mean, low and high are exceeded by 95 % and 5 %.
    """

    provider: str
    role: Role
    name: str
    min_gib: int
    max_gib: int
    base_iops: int
    base_mb_per_s: float
    iops_per_gib: float
    mb_per_s_per_gib: float
    least_iops: int
    least_mb_per_s: float
    max_iops: int
    max_mb_per_s: float
    max_iops_per_gib: float
    max_mb_per_s_per_iops: float
    striped_from_gib: int
    stripes: int
    burst_iops: int
    burst_mb_per_s: float
    burst_credits: float
    burst_minutes: float
    on_demand_iops: int
    on_demand_mb_per_s: float
    read_latency_ms: Interval
    write_latency_ms: Interval
    source: str
    date: date


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of an item costs in one place. ``item`` is an instance or disk name, or a service's name."""

    provider: str
    region: str
    item: str
    unit: str  # one of UNITS
    term: Term
    usd: float
    source: str
    date: date
    label: PriceLabel
