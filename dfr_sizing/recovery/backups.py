"""What backups take: bytes stored through five years as the data grow, and the window in which they are made.

Each day a backup is taken, compressed, and kept by a schedule; with it the WAL since the oldest daily one, and whatever
else it takes to restore it (``backup_ways``). A full backup has the size that the database had on its day, so those
that are kept for a year are small ones; others have that of what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np

from dfr_sizing.drivers import rule
from dfr_sizing.recovery.backup_ways import OWN, BackupWay, Between, Changing, backup_ways
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
    """What is stored of the database, in GiB: the average of each year; and how many backups there are at the end.

    ``way`` names how they are made.
    """

    schedule: str
    way: str
    copies: int
    backups_gib: tuple[float, ...]
    wal_gib: tuple[float, ...]

    @property
    def total_gib(self) -> tuple[float, ...]:
        """Backups and WAL of each year."""
        return tuple(a + b for a, b in zip(self.backups_gib, self.wal_gib, strict=True))


def stored(
    schedule: str,
    database_gib: Sequence[float],
    wal_gib_per_day: Sequence[float],
    rates: Rates,
    way: BackupWay | None = None,
    changing: Changing | None = None,
) -> Stored:
    """What a schedule keeps. ``database_gib`` at go-live and at the end of each year, ``wal_gib_per_day`` by year.

    ``way``: how backups are made, None: full ones each day; one with others between needs to know what is ``changing``.
    """
    named, made = schedules()[schedule].schedule, way or backup_ways()[OWN]
    share = rates.exact("backup.compressed_share")
    days = np.arange(YEARS * DAYS_A_YEAR)
    sizes = share * np.interp(days, DAYS_A_YEAR * np.arange(YEARS + 1), database_gib)
    if changing is not None and made.between is not Between.NONE:
        sizes = sizes * [_held_share(made, FIRST + timedelta(days=int(day)), changing) for day in days]
    by_year = (held_days(named, FIRST, _needs(made)) @ sizes) / DAYS_A_YEAR
    last = FIRST + timedelta(days=len(days) - 1)
    return Stored(
        schedule,
        made.name,
        len(held_on(named, last, FIRST, _needs(made))),
        tuple(by_year.tolist()),
        tuple(share * wal_bytes(named, per_day) if made.wal else 0.0 for per_day in wal_gib_per_day),
    )


def _held_share(way: BackupWay, day: date, changing: Changing) -> float:
    days = way.holds_days(day, FIRST)
    return changing.share(way, days) if days else 1.0


def _needs(way: BackupWay) -> str:
    """The name that stands for all ways whose backups need the same others; "" for those that need none."""
    return "" if way.between is Between.NONE else way.name


def held_on(schedule: Schedule, on: date, first: date, way: str = "") -> set[date]:
    """The backups that are there at the end of a day: those that are kept, and what it takes to restore them."""
    taken = kept(schedule, on, first)
    if not way:
        return set(taken)
    return {needed for day in taken for needed in backup_ways()[way].needed_for(day, first)}


@cache
def held_days(schedule: Schedule, first: date = FIRST, way: str = "") -> FloatArray:
    """On how many days of each year (rows) the backup of each day (columns) is held."""
    days = YEARS * DAYS_A_YEAR
    held = np.zeros((YEARS, days))
    for day in range(days):
        for taken in held_on(schedule, first + timedelta(days=day), first, way):
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
    """The hours that a full backup takes, and what it takes of the disk meanwhile; both None where nobody feels it.

    ``disk_share`` is of the volume's MB/s; ``from_standby`` where the standby is read instead of what serves. On
    ``other_days`` without a full one it takes so many hours, None where each day has a full one.
    """

    hours: float | None
    disk_share: float | None
    from_standby: bool
    note: str
    other_days: float | None = None


def window(
    inputs: RecoveryInput,
    disk_mb_per_s: float,
    *,
    standby: bool,
    rates: Rates,
    way: BackupWay | None = None,
    changing: Changing | None = None,
) -> Window:
    """The window of the backups in the year of ``inputs``; ``way`` and ``changing`` as for ``stored``."""
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
    between = None
    if way is not None and changing is not None and way.between is not Between.NONE:
        # A differential one grows through the week, to what changed in six days.
        last = 1 if way.between is Between.INCREMENTAL else way.full_every_days - 1
        between = hours * changing.share(way, last)
    return Window(hours, mb_per_s / disk_mb_per_s, standby, said, between)
