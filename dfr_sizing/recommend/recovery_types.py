"""What is told of recovery. Plain values; minutes, US dollars, shares of 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dfr_sizing.demand import Situation
from dfr_sizing.recovery import Availability, Failure, Headline, RecoveryEstimate, Strategy
from dfr_sizing.recovery.backup_ways import BackupWay
from dfr_sizing.recovery.backups import Stored, Window
from dfr_sizing.recovery.types import Promises
from dfr_sizing.recovery.years import Years
from dfr_sizing.simulation.statistics import Estimate


@dataclass(frozen=True, slots=True)
class WayCost:
    """One way to recover on the recommended sizes: what it costs and what it promises. ``passed``: all targets."""

    standby: bool
    strategy: Strategy
    monthly_usd: float
    five_year_usd: float
    headline: Headline
    availability: Availability
    passed: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class CableCut:
    """The only cable to an overseas host is cut for ``days``: the year it falls into, and a long run of years.

    ``records`` are those that enumerators hold on their devices at the end of it, in a campaign; nothing that the
    server holds is lost.
    """

    country: str
    days: float
    year_availability: float
    availability: Availability
    records: float


@dataclass(frozen=True, slots=True)
class Felt:
    """What users feel of the daily backup in the busiest hour that it reaches into: a class's p95 in seconds."""

    situation: Situation
    hour: int
    class_name: str
    without: Estimate
    beside: Estimate


@dataclass(frozen=True, slots=True)
class BackupsBy:
    """One way to make backups on hosts of one's own: what it stores by year, its window, a restore of the database.

    ``five_year_usd`` is of all copies; the restore is that of the database's disk from backups at the site.
    """

    way: BackupWay
    stored: Stored
    window: Window
    five_year_usd: float
    restored: RecoveryEstimate
    chosen: bool


@dataclass(frozen=True, slots=True)
class RecoveryFacts:
    """Recovery of the recommended sizes: ``estimates`` of every strategy against every failure, with its standby.

    ``cheapest`` names the first strategy that keeps RTO and RPO after each failure, None where none does; ``ways`` are
    ordered by cost; ``cable`` is None where the host is the user's own, ``felt`` where nobody feels the backups;
    ``backups_by`` compares the ways to make them on hosts of one's own.
    """

    promises: Promises
    estimates: tuple[RecoveryEstimate, ...]
    cheapest: Mapping[Failure, Strategy | None]
    ways: tuple[WayCost, ...]
    years: Years
    cable: CableCut | None
    backups: Stored
    window: Window
    felt: Felt | None
    backups_by: tuple[BackupsBy, ...] = ()

    @property
    def unkept(self) -> tuple[Failure, ...]:
        """Failures after which no strategy keeps RTO and RPO as surely as was asked."""
        return tuple(failure for failure, strategy in self.cheapest.items() if strategy is None)
