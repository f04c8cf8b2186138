"""What backups take: against the calendar day by day, and against a pencil."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.recovery import RecoveryInput, shipped_rates
from dfr_sizing.recovery.backups import DAYS_A_YEAR, FIRST, YEARS, held_days, older_backup_days, stored, window
from dfr_sizing.recovery.retention import average_bytes, schedules, through

Deployment = Callable[..., RecoveryInput]

GROWING = (40.0, 100.0, 160.0, 220.0, 280.0, 340.0)
NO_WAL = (0.0,) * YEARS


@pytest.mark.parametrize("name", sorted(schedules()))
def test_each_year_averages_what_the_calendar_holds_day_by_day(name: str) -> None:
    rates = shipped_rates()
    share = rates.exact("backup.compressed_share")

    def size(taken: date) -> float:
        return share * float(np.interp((taken - FIRST).days, [DAYS_A_YEAR * year for year in range(6)], GROWING))

    by_day = through(schedules()[name].schedule, FIRST, YEARS * DAYS_A_YEAR, size)
    told = stored(name, GROWING, NO_WAL, rates)
    for year in range(YEARS):
        days = by_day[year * DAYS_A_YEAR : (year + 1) * DAYS_A_YEAR]
        assert told.backups_gib[year] == pytest.approx(average_bytes(days))
    assert told.copies == len(by_day[-1].taken)


@pytest.mark.parametrize("name", sorted(schedules()))
def test_the_first_days_place_in_week_and_year_hardly_matters(name: str) -> None:
    sizes = np.interp(np.arange(YEARS * DAYS_A_YEAR), DAYS_A_YEAR * np.arange(YEARS + 1), GROWING)
    schedule = schedules()[name].schedule
    totals = [
        float((held_days(schedule, FIRST + timedelta(days=later)) @ sizes).sum()) for later in (0, 3, 17, 45, 170)
    ]
    assert max(totals) / min(totals) < 1.02


def test_wal_is_kept_for_the_daily_backups() -> None:
    told = stored("specification", (0.0,) * 6, (10.0,) * YEARS, shipped_rates())
    share = shipped_rates().exact("backup.compressed_share")
    assert told.total_gib == pytest.approx((7 * 10.0 * share,) * YEARS)


@given(st.lists(st.floats(0.0, 1e4), min_size=6, max_size=6), st.floats(1.0, 3.0))
def test_more_data_are_never_stored_in_less(sizes: list[float], factor: float) -> None:
    small, large = (stored("strategy-long", of, NO_WAL, shipped_rates()) for of in (sizes, [factor * s for s in sizes]))
    assert all(b >= a * (1.0 - 1e-12) for a, b in zip(small.total_gib, large.total_gib, strict=True))


def test_a_longer_schedule_keeps_more_and_goes_back_as_far() -> None:
    told = {name: stored(name, GROWING, NO_WAL, shipped_rates()) for name in schedules()}
    order = ("specification", "strategy-short", "strategy-long")
    assert all(told[b].total_gib > told[a].total_gib for a, b in pairwise(order))
    assert {older_backup_days(one.schedule) for one in schedules().values()} == {7.0}


def test_a_window_is_the_database_over_the_slowest_part(deployment: Deployment) -> None:
    rates = shipped_rates()
    inputs = deployment(database_bytes=360e9)
    told = window(inputs, 50.0, standby=False, rates=rates)
    assert told.hours == pytest.approx(2.0)
    assert told.disk_share == pytest.approx(1.0)
    quick = window(inputs, 1e6, standby=True, rates=rates)
    link = rates.exact("link.off-site_mb_per_s") / rates.exact("backup.compressed_share")
    assert quick.hours == pytest.approx(360e3 / link / 3600.0)
    assert quick.from_standby
    assert window(deployment(database_bytes=36e12), 50.0, standby=False, rates=rates).note.startswith("longer than")
    assert window(deployment(provider="aws", managed=True), 50.0, standby=False, rates=rates).hours is None
