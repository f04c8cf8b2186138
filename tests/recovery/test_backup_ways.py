"""Ways to make backups: what is kept with its chain equals a calendar, what changed equals a draw of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.ledger import Label
from dfr_sizing.model import load_model
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.recommend.design import design_for, way_of_backups
from dfr_sizing.recommend.evaluate import recovery_input
from dfr_sizing.recovery import Failure, RecoveryInput, Strategy, estimate, shipped_rates
from dfr_sizing.recovery.backup_ways import Between, Changing, backup_ways, beside_the_full
from dfr_sizing.recovery.backups import DAYS_A_YEAR, FIRST, YEARS, held_on, stored, window
from dfr_sizing.recovery.retention import kept, schedules
from dfr_sizing.scenario import load_scenario

Deployment = Callable[..., RecoveryInput]

DAY = timedelta(days=1)
GROWING = (40.0, 100.0, 160.0, 220.0, 280.0, 340.0)
CHANGING = Changing(340e9, Popularity(0.9, 0.2), 150.0, 0.2e9)


def restorable(there: set[date], taken: date, between: Between) -> bool:
    """Whether a backup can be put together of what is there, read backwards day by day."""
    day = taken
    while day in there:
        if day == FIRST or day.weekday() == 6:
            return True
        if between is Between.DIFFERENTIAL:  # the full one of the last Sunday, or the first of all
            day = max(FIRST, day - (day.weekday() + 1) * DAY)
        else:
            day -= DAY
    return False


@pytest.mark.parametrize("schedule", sorted(schedules()))
@pytest.mark.parametrize("name", ["pg_basebackup-incremental", "pgbackrest"])
def test_five_years_equal_a_calendar_that_deletes_what_nothing_needs(name: str, schedule: str) -> None:
    """Each day one backup more; then goes each one that is neither kept nor needed to restore what is kept."""
    way, named = backup_ways()[name], schedules()[schedule].schedule
    there: set[date] = set()
    for number in range(YEARS * DAYS_A_YEAR):
        on = FIRST + number * DAY
        there.add(on)
        wanted = kept(named, on, FIRST)
        for one in sorted(there - set(wanted)):
            if all(restorable(there - {one}, taken, way.between) for taken in wanted):
                there.discard(one)
        assert held_on(named, on, FIRST, name) == there


def test_what_each_year_stores_adds_up_day_by_day() -> None:
    way, share = backup_ways()["pg_basebackup-incremental"], shipped_rates().exact("backup.compressed_share")
    told = stored("specification", GROWING, (0.0,) * YEARS, shipped_rates(), way, CHANGING)
    by_hand = np.zeros(YEARS)
    for number in range(YEARS * DAYS_A_YEAR):
        for day in held_on(schedules()["specification"].schedule, FIRST + number * DAY, FIRST, way.name):
            size = share * float(np.interp((day - FIRST).days, [DAYS_A_YEAR * year for year in range(6)], GROWING))
            full = day == FIRST or day.isoweekday() == 7
            by_hand[number // DAYS_A_YEAR] += size * (1.0 if full else CHANGING.share(way, 1)) / DAYS_A_YEAR
    assert told.backups_gib == pytest.approx(by_hand.tolist())
    assert told.way == way.name


def test_a_saturday_by_hand() -> None:
    """9 January 2027 is a Saturday; Sunday before it is the 3rd."""
    saturday, sunday = date(2027, 1, 9), date(2027, 1, 3)
    incremental, differential = (backup_ways()[name] for name in ("barman", "pgbackrest"))
    assert incremental.needed_for(saturday, FIRST) == tuple(sunday + number * DAY for number in range(7))
    assert differential.needed_for(saturday, FIRST) == (sunday, saturday)
    assert (incremental.holds_days(saturday, FIRST), differential.holds_days(saturday, FIRST)) == (1, 6)
    assert backup_ways()["pg_basebackup"].needed_for(saturday, FIRST) == (saturday,)
    assert beside_the_full(incremental, CHANGING) == pytest.approx(6 * CHANGING.share(incremental, 1))
    assert beside_the_full(differential, CHANGING) == CHANGING.share(differential, 6)


def test_what_changed_in_a_day_is_what_a_draw_of_its_changes_touches() -> None:
    pages, per_day = 20_000, 30_000
    of = Changing(pages * 8192.0, Popularity(0.8, 0.3), per_day / 86_400.0, 0.0)
    rng = np.random.default_rng(1)
    ranks = rng.random(per_day)
    steep = rng.random(per_day) >= 0.3
    ranks[steep] **= 1.0 / 0.2
    distinct = len(np.unique(np.floor(ranks * pages)))
    assert of.share(backup_ways()["barman"], 1) == pytest.approx(distinct / pages, rel=0.01)


@given(st.integers(1, 30), st.integers(0, 30), st.floats(1.0, 1e4), st.floats(0.0, 0.99))
def test_more_days_and_larger_units_never_hold_less(days: int, more: int, per_s: float, exponent: float) -> None:
    of = replace(CHANGING, changes_per_s=per_s, touched=Popularity(exponent, 0.2))
    pages, files = backup_ways()["barman"], backup_ways()["pgbackrest"]
    assert of.share(pages, days + more) >= of.share(pages, days) - 1e-12
    assert of.share(files, days) >= of.share(pages, days) - 1e-6
    assert 0.0 <= of.share(pages, days) <= 1.0


def test_what_is_fetched_beside_and_written_twice_takes_longer(deployment: Deployment) -> None:
    plain = deployment()
    told = [
        estimate(Strategy.BACKUP_RESTORE, Failure.DISK, one, 1).rto_minutes.p95
        for one in (
            plain,
            replace(plain, beside_full_share=0.5),
            replace(plain, beside_full_share=0.5, written_times=2.0),
        )
    ]
    assert told[0] < told[1] < told[2]


def test_a_day_without_a_full_one_takes_its_share_of_the_window(deployment: Deployment) -> None:
    way = backup_ways()["barman"]
    told = window(deployment(), 500.0, standby=False, rates=shipped_rates(), way=way, changing=CHANGING)
    assert told.hours is not None
    assert told.other_days == pytest.approx(told.hours * CHANGING.share(way, 1))
    full = window(deployment(), 500.0, standby=False, rates=shipped_rates())
    assert (full.hours, full.other_days) == (told.hours, None)


def test_a_scenario_names_the_way_on_hosts_of_its_own_and_the_provider_his() -> None:
    own = {"registry.farmers": 2e6, "hosting.providers": ["on-premises"]}
    named = {
        name: load_scenario(None, {**own, "recovery.backups": name}) for name in backup_ways() if name != "managed"
    }
    for name, scenario in named.items():
        assert way_of_backups(scenario).name == name
    assert way_of_backups(load_scenario(None, own)).name == "pg_basebackup"
    assert way_of_backups(load_scenario(None, {"registry.farmers": 2e6})).name == "managed"


def test_increments_store_less_files_of_a_table_that_changes_everywhere_do_not() -> None:
    own = {"registry.farmers": 2e6, "hosting.providers": ["on-premises"]}
    totals = {}
    for name in ("pg_basebackup", "barman", "pgbackrest"):
        design = design_for(load_scenario(None, {**own, "recovery.backups": name}), load_model())
        totals[name] = design.backups.total_gib[-1]
    assert totals["barman"] < totals["pg_basebackup"] < totals["pgbackrest"]


def test_a_dump_without_wal_loses_up_to_a_day() -> None:
    own = {"registry.farmers": 2e6, "hosting.providers": ["on-premises"], "recovery.backups": "pg_dump"}
    design = design_for(load_scenario(None, own), load_model())
    place = next(place for place in load_catalogue().places if place.provider == "on-premises")
    inputs = recovery_input(place, nodes=3, standby=False, design=design)
    assert not inputs.archive_wal
    assert estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, 1).rpo_minutes.p95 > 20 * 60.0


def test_every_way_has_its_source() -> None:
    for name, way in backup_ways().items():
        assert way.assumption.name == f"recovery.backups.{name}"
        assert way.assumption.label in (Label.STATED, Label.ASSUMED)
        assert len(way.assumption.source) > 20
