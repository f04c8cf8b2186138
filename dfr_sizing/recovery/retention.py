"""Which backups are kept, by day, week, month, quarter and year (grandfather, father, son), and what they hold.

A backup is taken each day. On any day are kept: those of the last ``daily`` days, and the newest backup of each of the
last ``weekly`` ISO weeks, ``monthly`` months, ``quarterly`` quarters and ``yearly`` years that are over or under way.
One backup can be several of these at once and is stored once. A week's, month's or year's backup is its last day's: so
while a period is under way its newest backup stands for it, which daily ones hold anyway. A backup is only kept if it
was kept the day before: what was once deleted does not come back. For calendar periods that follow from the rule.

>>> held = kept(Schedule(daily=7, weekly=4, monthly=6, yearly=1), on=date(2028, 3, 1), first=date(2026, 1, 1))
>>> len(held), held[0].isoformat(), date(2028, 2, 29) in held
(13, '2027-10-31', True)
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from dfr_sizing.errors import InputError
from dfr_sizing.ledger import Assumption, Label

DAY = timedelta(days=1)
MOST = 10_000
"""Backups of one kind: 27 years of daily ones, beyond which a number is a slip of the hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How many backups of each kind are kept. Raises InputError for a count out of range, or where none is kept."""

    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    quarterly: int = 0
    yearly: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            count = getattr(self, field.name)
            if not 0 <= count <= MOST:
                raise InputError(f"{field.name} backups", count, f"from 0 to {MOST:,}", "give another")
        if self.daily < 1:
            raise InputError("daily backups", self.daily, "1 or more", "the other kinds are taken from the daily ones")


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored on one day: the backups, by the day they were taken, and their bytes together."""

    on: date
    taken: tuple[date, ...]
    stored_bytes: float


def kept(schedule: Schedule, on: date, first: date) -> tuple[date, ...]:
    """The backups that are there at the end of a day, in their order, if one was taken each day from ``first`` on."""
    if on < first:
        return ()
    days = {day for count in range(schedule.daily) if (day := on - count * DAY) >= first}
    for count, end_before in (
        (schedule.weekly, _week_before),
        (schedule.monthly, _month_before),
        (schedule.quarterly, _quarter_before),
        (schedule.yearly, _year_before),
    ):
        days.update(_newest(count, on, first, end_before))
    return tuple(sorted(days))


def _newest(count: int, on: date, first: date, end_before: Callable[[date], date]) -> Iterator[date]:
    """The newest backup of each of so many periods, the one under way included."""
    day = on
    for _ in range(count):
        if day < first:
            return
        yield day
        day = end_before(day)


def _week_before(day: date) -> date:
    """The Sunday that ended the ISO week before."""
    return day - day.isoweekday() * DAY


def _month_before(day: date) -> date:
    return day.replace(day=1) - DAY


def _quarter_before(day: date) -> date:
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1) - DAY


def _year_before(day: date) -> date:
    return day.replace(month=1, day=1) - DAY


def held(schedule: Schedule, on: date, first: date, backup_bytes: Callable[[date], float]) -> Held:
    """What is stored on a day; ``backup_bytes`` is the size of the backup of a day, which grows with the data."""
    taken = kept(schedule, on, first)
    return Held(on, taken, sum(backup_bytes(day) for day in taken))


def through(schedule: Schedule, first: date, days: int, backup_bytes: Callable[[date], float]) -> tuple[Held, ...]:
    """What is stored at the end of each day, from the first backup on."""
    return tuple(held(schedule, first + number * DAY, first, backup_bytes) for number in range(days))


def average_bytes(stored: tuple[Held, ...]) -> float:
    """What a price per byte and month is to be multiplied by: the average over the days."""
    return sum(one.stored_bytes for one in stored) / len(stored)


def wal_bytes(schedule: Schedule, wal_bytes_per_day: float) -> float:
    """WAL kept for recovery to any moment: from the oldest daily backup on, so of ``daily`` days."""
    return schedule.daily * wal_bytes_per_day


@dataclass(frozen=True, slots=True)
class StatedSchedule:
    """A schedule with its line of the ledger."""

    schedule: Schedule
    assumption: Assumption


@cache
def schedules() -> Mapping[str, StatedSchedule]:
    """The schedules of the specification and of the hosting strategy, by name."""
    text = files("dfr_sizing.recovery").joinpath("data/retention.toml").read_text(encoding="utf-8")
    found: dict[str, StatedSchedule] = {}
    kinds = [field.name for field in fields(Schedule)]
    for name, row in tomllib.loads(text)["schedule"].items():
        schedule = Schedule(**{kind: row[kind] for kind in kinds if kind in row})
        value = ", ".join(f"{row[kind]} {kind}" for kind in kinds if row.get(kind))
        source = f"{row['source']} ({row['date']})"
        line = Assumption(f"recovery.retention.{name}", value, "backups", source, Label(row["label"]))
        found[name] = StatedSchedule(schedule, line)
    return MappingProxyType(found)
