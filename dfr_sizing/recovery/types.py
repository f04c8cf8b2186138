"""What is asked of recovery and what it answers. Plain values; bytes and bytes per second in, minutes out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from dfr_sizing.errors import InputError

CLOUDS = ("aws", "azure", "gcp")
PROVIDERS = (*CLOUDS, "on-premises", "private-cloud", "fao-managed")


class Strategy(StrEnum):
    """The four ways of the DFR hosting strategy, from the cheapest to the dearest."""

    BACKUP_RESTORE = "backup-restore"  # copies off site, nothing runs there
    PILOT_LIGHT = "pilot-light"  # a replica and the files off site; application hosts are started when needed
    WARM_STANDBY = "warm-standby"  # a smaller copy of everything runs off site; people switch
    HOT_STANDBY = "hot-standby"  # a full copy runs off site, a witness at a third place switches by itself


class Failure(StrEnum):
    """What is lost; ``data/failures.toml`` says how often."""

    PROCESS = "process"  # a process of the database, which its supervisor starts again
    POD = "pod"  # an application pod or service on a host that stays up
    NODE = "node"  # an application host
    DATABASE_HOST = "database-host"  # the database's host, its disk intact
    DISK = "disk"  # the database's disk: the data must come from elsewhere
    ZONE = "zone"  # an availability zone, or the server room
    SITE = "site"  # a region, or the whole site
    CORRUPTION = "corruption"  # rows damaged or deleted by people or code, copied to every replica, and found late
    RANSOMWARE = "ransomware"  # everything that a stolen account can write is encrypted, replicas too
    POWER = "power"  # the site's power, for longer than batteries and generator bridge
    CABLE = "cable"  # the only cable between the users and an overseas host
    LOAD_BALANCER = "load-balancer"  # in front of the application hosts
    SOFTWARE = "software"  # releases that go wrong, certificates that expire: no copy helps


class Step(StrEnum):
    """The phases of a recovery, in their order."""

    DETECT = "detect"
    DECIDE = "decide"
    REPAIR = "repair"  # users wait until what failed is mended
    PROVISION = "provision"
    FETCH = "fetch"
    RESTORE = "restore"
    REPLAY = "replay"
    FILESTORE = "filestore"
    VERIFY = "verify"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryInput:
    """One deployment as recovery sees it.

    ``wal_bytes_per_s_mean`` is taken over the day, ``wal_bytes_per_s_peak`` over the busiest minutes.
    ``has_standby_zone`` is a synchronous standby in a second zone or room, with files on storage that spans both.
    ``synchronous_sites`` lets a hot standby's two sites commit together; it costs each commit the way there and back.
    ``archive_wal`` false means a nightly dump alone. ``wal_kept_days`` is how far back any moment can be restored; from
    then on ``older_backup_days`` lie between two backups that are still kept. ``beside_full_share`` is what a restore
    fetches beside the full backup, of the database; ``written_times`` how often its bytes are written. ``overseas``
    says that one cable lies between the users and the host. ``second_in_cloud``: the second site, or the place that
    everything is restored at, lies in a cloud, and copies of backups there. ``backup_link_bytes_per_s`` and
    ``disk_bytes_per_s`` cap the rates of the data file where the link or the volume is known to be slower. None leaves
    a number to the data file.

    Raises ``InputError`` if a size or rate is negative or not finite, or the provider is not known.
    """

    database_bytes: float
    filestore_bytes: float
    wal_bytes_per_s_mean: float
    wal_bytes_per_s_peak: float
    provider: str
    managed: bool
    has_standby_zone: bool
    application_nodes: int
    kubernetes: bool = False
    synchronous_sites: bool = False
    archive_wal: bool = True
    overseas: bool = False
    wal_kept_days: float = 7.0
    older_backup_days: float = 7.0
    second_in_cloud: bool = False
    beside_full_share: float = 0.0
    written_times: float = 1.0
    full_backup_interval_h: float | None = None
    archive_timeout_s: float | None = None
    backup_link_bytes_per_s: float | None = None
    disk_bytes_per_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("database_bytes", "filestore_bytes", "wal_bytes_per_s_mean", "wal_bytes_per_s_peak"):
            self._check(name, allow_zero=True)
        self._check("beside_full_share", allow_zero=True)
        for name in ("wal_kept_days", "older_backup_days", "written_times"):
            self._check(name, allow_zero=False)
        for name in ("full_backup_interval_h", "archive_timeout_s", "backup_link_bytes_per_s", "disk_bytes_per_s"):
            self._check(name, allow_zero=False)
        if self.wal_bytes_per_s_peak < self.wal_bytes_per_s_mean:
            raise InputError(
                "wal_bytes_per_s_peak", self.wal_bytes_per_s_peak, f"at least the mean, {self.wal_bytes_per_s_mean}",
                "give the rate of the busiest minutes",
            )  # fmt: skip
        if self.provider not in PROVIDERS:
            raise InputError("provider", self.provider, f"one of {', '.join(PROVIDERS)}", "name one of them")
        if self.managed and not self.in_cloud:
            raise InputError(
                "managed", self.managed, f"false for {self.provider}", "a managed database needs aws, azure or gcp"
            )
        if self.managed and not self.archive_wal:
            raise InputError(
                "archive_wal", self.archive_wal, "true for a managed database", "leave it out: the provider archives"
            )
        if self.application_nodes < 1:
            raise InputError("application_nodes", self.application_nodes, "1 or more", "count the application hosts")

    def _check(self, name: str, *, allow_zero: bool) -> None:
        value = getattr(self, name)
        if value is None or (math.isfinite(value) and (value > 0 or (allow_zero and value == 0))):
            return
        raise InputError(name, value, f"a finite number {'>= 0' if allow_zero else '> 0'}", "measure or estimate it")

    @property
    def in_cloud(self) -> bool:
        """Whether hosts come through a public provider's API; a private cloud counts as on-premises here."""
        return self.provider in CLOUDS

    @property
    def place(self) -> str:
        """``cloud`` or ``on-premises``, as the data file names them."""
        return "cloud" if self.in_cloud else "on-premises"


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a deployment's redundancy stands when a failure comes: the standby, the second site, hosts out."""

    standby: bool = True
    other_site: bool = True
    hosts_out: int = 0


INTACT = Standing()
"""Nothing is lost yet."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The median and the 95 % point, in minutes; ``sure`` is the point at the asked confidence, held to targets."""

    p50: float
    p95: float
    sure: float


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure with the ends of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Promises:
    """What recovery is held against: minutes, a share of the year, and how sure one wants to be."""

    rto_minutes: float
    rpo_minutes: float
    availability: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of a recovery and what it takes, in minutes."""

    name: Step
    minutes: Quantiles


@dataclass(frozen=True, slots=True)
class RecoveryEstimate:
    """What one failure costs under one strategy.

    The RTO runs from the failure (for corruption: from its discovery) until users are served again; its quantiles are
    of the sum of the phases draw by draw, so they are not the sums of the phases' quantiles. The RPO is the span of
    committed work that is lost, files included.
    """

    strategy: Strategy
    failure: Failure
    phases: tuple[Phase, ...]
    rto_minutes: Quantiles
    rpo_minutes: Quantiles
    note: str

    def meets(self, rto_minutes: float, rpo_minutes: float) -> bool:
        """Whether the points at the asked confidence stay within both targets, in minutes."""
        return self.rto_minutes.sure <= rto_minutes and self.rpo_minutes.sure <= rpo_minutes


@dataclass(frozen=True, slots=True)
class Headline:
    """The two losses the DFR's targets speak of, and the worse of them at the asked confidence, for RTO and for RPO."""

    strategy: Strategy
    disk: RecoveryEstimate
    site: RecoveryEstimate
    rto_minutes: Quantiles
    rpo_minutes: Quantiles

    def meets(self, rto_minutes: float, rpo_minutes: float) -> bool:
        """Whether the points at the asked confidence stay within both targets, in minutes."""
        return self.rto_minutes.sure <= rto_minutes and self.rpo_minutes.sure <= rpo_minutes


@dataclass(frozen=True, slots=True)
class StandbyShape:
    """What a strategy adds in hardware: all of it is to be paid for.

    Shares are of the first site's tier. ``dr_storage`` is a live copy of the database's disk and of the filestore at
    the second site; ``offsite_backup`` is the store of backups there.
    """

    database_standby_same_site: int
    dr_database_share: float
    dr_application_share: float
    dr_storage: bool
    offsite_backup: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """The share of a year in which users are served, planned maintenance apart; ``mean`` is that of a long run.

    ``sure`` is what the asked share of years, the confidence, reach or exceed (0.95: ``p05``).
    ``refund_threshold`` is the product of the providers' service level agreements in series, or None where one is not
    in the data: below it money comes back; it is no forecast.
    """

    p05: float
    p50: float
    p95: float
    mean: float
    sure: float
    single_points: tuple[str, ...]
    refund_threshold: float | None
