"""Retention against a brute-force calendar that takes a backup each day and deletes, day by day, what it may."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.errors import InputError
from dfr_sizing.ledger import Label
from dfr_sizing.recovery.retention import Schedule, average_bytes, held, kept, schedules, through, wal_bytes

DAY = timedelta(days=1)
FIRST = date(2026, 1, 1)
FIVE_YEARS = (date(2031, 1, 1) - FIRST).days
SIZE = 1e9


def growing(day: date) -> float:
    """Doubles in five years."""
    return SIZE * (1.0 + (day - FIRST).days / FIVE_YEARS)


PERIODS: dict[str, Callable[[date], object]] = {
    "daily": lambda day: day,
    "weekly": lambda day: day.isocalendar()[:2],
    "monthly": lambda day: (day.year, day.month),
    "quarterly": lambda day: (day.year, (day.month - 1) // 3),
    "yearly": lambda day: day.year,
}


def may_stay(store: list[date], schedule: Schedule) -> set[date]:
    """Newest first, as an operator would with a marker: the newest of each period, until so many periods are filled."""
    stay: set[date] = set()
    for kind, period in PERIODS.items():
        seen: list[object] = []
        for day in sorted(store, reverse=True):
            if period(day) not in seen:
                if len(seen) == getattr(schedule, kind):
                    break
                seen.append(period(day))
                stay.add(day)
    return stay


def brute_force(schedule: Schedule, first: date, days: int) -> list[list[date]]:
    """What is in the store at the end of each day; what was deleted is gone for good."""
    store: list[date] = []
    after = []
    for number in range(days):
        store = sorted(may_stay([*store, first + number * DAY], schedule))
        after.append(store)
    return after


@pytest.mark.parametrize("name", schedules())
def test_five_years_equal_a_calendar_that_deletes_day_by_day(name: str) -> None:
    schedule = schedules()[name].schedule
    stored = through(schedule, FIRST, FIVE_YEARS, growing)
    for day, calendar_says in zip(stored, brute_force(schedule, FIRST, FIVE_YEARS), strict=True):
        assert list(day.taken) == calendar_says
        assert day.stored_bytes == pytest.approx(sum(map(growing, calendar_says)), rel=1e-12)


counts = st.integers(0, 9)
many = st.builds(
    Schedule, daily=st.integers(1, 20), weekly=counts, monthly=counts, quarterly=counts, yearly=st.integers(0, 3)
)
days = st.dates(date(1999, 1, 1), date(2101, 1, 1))


@settings(max_examples=30, deadline=None)
@given(schedule=many, first=days, length=st.integers(1, 800))
def test_any_schedule_equals_the_calendar(schedule: Schedule, first: date, length: int) -> None:
    calendar_says = brute_force(schedule, first, length)
    assert [list(kept(schedule, first + at * DAY, first)) for at in range(length)] == calendar_says


@given(schedule=many, first=days, later=st.integers(0, 4000))
def test_what_is_kept_was_kept_the_day_before(schedule: Schedule, first: date, later: int) -> None:
    on = first + later * DAY
    now, before = set(kept(schedule, on, first)), set(kept(schedule, on - DAY, first))
    assert now - before == {on}
    most = schedule.daily + schedule.weekly + schedule.monthly + schedule.quarterly + schedule.yearly
    assert min(later + 1, schedule.daily) <= len(now) <= most


@given(schedule=many, on=days)
def test_more_of_a_kind_never_keeps_less(schedule: Schedule, on: date) -> None:
    first = date(1990, 1, 1)
    more = Schedule(
        daily=schedule.daily + 1,
        weekly=schedule.weekly + 1,
        monthly=schedule.monthly + 1,
        quarterly=schedule.quarterly + 1,
        yearly=schedule.yearly + 1,
    )
    assert set(kept(schedule, on, first)) <= set(kept(more, on, first))
    assert held(schedule, on, first, growing).stored_bytes <= held(more, on, first, growing).stored_bytes or on < FIRST


@pytest.mark.parametrize("year", [2024, 2027, 2028, 2100])
def test_the_month_of_february_is_kept_by_its_last_day(year: int) -> None:
    last = date(year, 2, calendar.monthrange(year, 2)[1])
    months = kept(Schedule(daily=1, monthly=3), on=date(year, 4, 15), first=date(year - 1, 1, 1))
    assert months == (last, date(year, 3, 31), date(year, 4, 15))


def test_the_specification_by_hand() -> None:
    """1 March 2028 is a Wednesday: seven days, three Sundays before, five month ends; the year so far is today's."""
    assert kept(schedules()["specification"].schedule, on=date(2028, 3, 1), first=FIRST) == (
        date(2027, 10, 31),
        date(2027, 11, 30),
        date(2027, 12, 31),
        date(2028, 1, 31),
        date(2028, 2, 13),
        date(2028, 2, 20),
        *(date(2028, 2, 24) + number * DAY for number in range(7)),
    )


def test_the_average_is_the_cost_basis() -> None:
    stored = through(Schedule(daily=2), FIRST, 4, lambda _day: 10.0)
    assert [one.stored_bytes for one in stored] == [10.0, 20.0, 20.0, 20.0]
    assert average_bytes(stored) == 17.5
    assert wal_bytes(Schedule(daily=7), 3.0) == 21.0


def test_nothing_is_kept_before_the_first_backup() -> None:
    assert kept(Schedule(daily=3, yearly=1), FIRST - DAY, FIRST) == ()


def test_bad_counts_are_refused() -> None:
    with pytest.raises(InputError, match="weekly backups is -1"):
        Schedule(daily=1, weekly=-1)
    with pytest.raises(InputError, match="daily backups is 0"):
        Schedule(weekly=4)


def test_every_schedule_is_stated_with_its_source() -> None:
    for name, stated in schedules().items():
        assert stated.assumption.name == f"recovery.retention.{name}"
        assert stated.assumption.label is Label.STATED
        assert "DFR" in stated.assumption.source
