"""How backups are made: which days have a full one, and what the backup of another day holds.

A backup between two full ones holds the units that changed: pages where PostgreSQL or Barman takes increments, files of
1 GiB where pgBackRest does. Units are touched by the same law as pages, the popular ones side by side, for they are the
newest rows; changes come as a Poisson process, and new rows are changes too. A differential one needs its full backup
to be restored, an incremental one the whole chain down to it: what is kept keeps what it needs (``needed_for``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.postgres.popularity import Popularity

KIB, DAY_S = 1024.0, 86_400.0
SUNDAY = 7
AUTO, MANAGED, OWN = "auto", "managed", "pg_basebackup"
"""Where a scenario leaves it open, a provider's service backs up its own databases, and the user's hosts do this."""


class Between(StrEnum):
    """What is taken on the days without a full backup."""

    NONE = "none"
    DIFFERENTIAL = "differential"
    INCREMENTAL = "incremental"


@dataclass(frozen=True, slots=True)
class BackupWay:
    """One way to make backups. Full ones come each day or on Sundays (``full_every_days`` 1 or 7)."""

    name: str
    title: str
    full_every_days: int
    between: Between
    unit_bytes: float
    wal: bool
    written_times: float
    assumption: Assumption

    def is_full(self, day: date, first: date) -> bool:
        """Whether the backup of a day is a full one; the first one is."""
        return self.full_every_days == 1 or day == first or day.isoweekday() == SUNDAY

    def full_before(self, day: date, first: date) -> date:
        """The full backup that the backup of a day begins with: itself, where it is one."""
        return day if self.is_full(day, first) else max(first, day - timedelta(days=day.isoweekday() % SUNDAY))

    def needed_for(self, day: date, first: date) -> tuple[date, ...]:
        """All backups that it takes to restore that of a day, the full one first."""
        full = self.full_before(day, first)
        if full == day:
            return (day,)
        if self.between is Between.DIFFERENTIAL:
            return full, day
        return tuple(full + timedelta(days=after) for after in range((day - full).days + 1))

    def holds_days(self, day: date, first: date) -> int:
        """Days of changes that the backup of a day holds; 0: everything."""
        if self.is_full(day, first):
            return 0
        return 1 if self.between is Between.INCREMENTAL else (day - self.full_before(day, first)).days


@dataclass(frozen=True, slots=True)
class Changing:
    """How a database changes: touches of its pages, changes of pages a second, bytes that are added a day."""

    database_bytes: float
    touched: Popularity
    changes_per_s: float
    added_bytes_per_day: float

    def share(self, way: BackupWay, days: int) -> float:
        """The share of a database whose units changed at least once in so many days."""
        return _changed(self, way.unit_bytes, days)


@cache
def _changed(of: Changing, unit_bytes: float, days: int) -> float:
    if of.database_bytes <= 0.0 or days <= 0:
        return 0.0
    units = max(1.0, of.database_bytes / unit_bytes)
    counts, shares = of.touched.groups(units)
    old = float(counts @ -np.expm1(-shares * of.changes_per_s * DAY_S * days)) / float(counts.sum())
    return min(1.0, old + of.added_bytes_per_day * days / of.database_bytes)


def beside_the_full(way: BackupWay, changing: Changing) -> float:
    """The most that a restore fetches beside the full backup, as a share of the database: that of a Saturday."""
    days = way.full_every_days - 1
    if way.between is Between.DIFFERENTIAL:
        return changing.share(way, days)
    return days * changing.share(way, 1) if way.between is Between.INCREMENTAL else 0.0


@cache
def backup_ways() -> Mapping[str, BackupWay]:
    """All ways, by name."""
    text = files("dfr_sizing.recovery").joinpath("data/backup_ways.toml").read_text(encoding="utf-8")
    found = {}
    for name, row in tomllib.loads(text)["way"].items():
        source = f"{row['source']} ({row['date']})"
        line = Assumption(f"recovery.backups.{name}", row["title"], "way", source, Label(row["label"]))
        found[name] = BackupWay(
            name, row["title"], row["full_every_days"], Between(row["between"]), KIB * row["unit_kib"], row["wal"],
            float(row["written_times"]), line,
        )  # fmt: skip
    return MappingProxyType(found)
