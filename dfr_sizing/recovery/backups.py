"""What backups take: bytes stored through five years as the data grow, and the window in which they are made.

Each day a full backup is taken, compressed, and kept by a schedule; with it the WAL since the oldest daily one. A
backup has the size that the database had on its day, so those that are kept for a year are small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np

from dfr_sizing.drivers import rule
from dfr_sizing.recovery.draws import FloatArray
from dfr_sizing.recovery.paths import BYTES_PER_MB, SECONDS_PER_HOUR
from dfr_sizing.recovery.rates import Rates
from dfr_sizing.recovery.retention import Schedule, kept, schedules, wal_bytes
from dfr_sizing.recovery.types import RecoveryInput

YEARS = 5
DAYS_A_YEAR = 365
FIRST = date(2027, 1, 1)
"""The first backup's day. Which day of a week or month it is moves the five years by less than 2 % (a test says so)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of the database, in GiB: the average of each year; and how many backups there are at the end."""

    schedule: str
    copies: int
    backups_gib: tuple[float, ...]
    wal_gib: tuple[float, ...]

    @property
    def total_gib(self) -> tuple[float, ...]:
        """Backups and WAL of each year."""
        return tuple(a + b for a, b in zip(self.backups_gib, self.wal_gib, strict=True))


def stored(schedule: str, database_gib: Sequence[float], wal_gib_per_day: Sequence[float], rates: Rates) -> Stored:
    """What a schedule keeps. ``database_gib`` at go-live and at the end of each year, ``wal_gib_per_day`` by year."""
    named = schedules()[schedule].schedule
    share = rates.exact("backup.compressed_share")
    days = np.arange(YEARS * DAYS_A_YEAR)
    sizes = share * np.interp(days, DAYS_A_YEAR * np.arange(YEARS + 1), database_gib)
    by_year = (held_days(named) @ sizes) / DAYS_A_YEAR
    last = FIRST + timedelta(days=len(days) - 1)
    return Stored(
        schedule,
        len(kept(named, last, FIRST)),
        tuple(by_year.tolist()),
        tuple(share * wal_bytes(named, per_day) for per_day in wal_gib_per_day),
    )


@cache
def held_days(schedule: Schedule, first: date = FIRST) -> FloatArray:
    """On how many days of each year (rows) the backup of each day (columns) is held."""
    days = YEARS * DAYS_A_YEAR
    held = np.zeros((YEARS, days))
    for day in range(days):
        for taken in kept(schedule, first + timedelta(days=day), first):
            held[day // DAYS_A_YEAR, (taken - first).days] += 1.0
    held.setflags(write=False)
    return held


def older_backup_days(schedule: Schedule) -> float:
    """Days between two backups that are kept beyond the daily ones: the nearest kind that is kept."""
    for count, days in ((schedule.weekly, 7.0), (schedule.monthly, 30.4), (schedule.quarterly, 91.3)):
        if count:
            return days
    return 365.0 if schedule.yearly else float(schedule.daily)


@dataclass(frozen=True, slots=True)
class Window:
    """The hours that the daily backup takes, and what it takes of the disk meanwhile; both None where nobody feels it.

    ``disk_share`` is of the volume's MB/s; ``from_standby`` where the standby is read instead of what serves.
    """

    hours: float | None
    disk_share: float | None
    from_standby: bool
    note: str


def window(inputs: RecoveryInput, disk_mb_per_s: float, *, standby: bool, rates: Rates) -> Window:
    """The window of the daily full backup in the year of ``inputs``."""
    if inputs.managed:
        said = "the provider copies changed blocks of the volume: no file is read and no window is needed"
        return Window(None, None, from_standby=False, note=said)
    link = rates.exact(f"link.{'cloud' if inputs.in_cloud else 'off-site'}_mb_per_s")
    sent = link / rates.exact("backup.compressed_share")
    mb_per_s = min(rates.exact("backup.read_mb_per_s"), sent, disk_mb_per_s)
    hours = inputs.database_bytes / (mb_per_s * BYTES_PER_MB) / SECONDS_PER_HOUR
    if standby:
        said = "the standby is read, users notice nothing"
    elif hours <= rule("recovery.night_h"):
        said = "at night, when few are at work"
    else:
        said = "longer than a night: take it from a standby, or weekly with differences in between"
    return Window(hours, mb_per_s / disk_mb_per_s, standby, said)
