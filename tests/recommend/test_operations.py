"""The database's disk by kind of operation, its limits, and the one law of what memory holds."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import plan_fixtures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dfr_sizing.configuration.postgresql import table_settings
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import configured, rule
from dfr_sizing.growth import changed_per_s, growth_of
from dfr_sizing.model import load_model
from dfr_sizing.plan.database_terminal import show_database
from dfr_sizing.postgres.cache import Relation, shared_buffers, two_levels
from dfr_sizing.postgres.checkpoint import Dirtied, checkpoint
from dfr_sizing.postgres.commits import commits_per_flush
from dfr_sizing.postgres.popularity import UNIFORM, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings
from dfr_sizing.postgres.wal import Changes, full_page_images
from dfr_sizing.recommend.days import written_per_s
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.operations import (
    backup_mb_per_s,
    limits,
    operations_of,
    vacuum_per_s,
)
from dfr_sizing.recovery.backups import Window
from dfr_sizing.scenario import load_scenario
from dfr_sizing.topology import GIB, cache_bytes, miss_ratio

SCENARIO = load_scenario(None, {"registry.farmers": 2e6})
DESIGN = design_for(SCENARIO, load_model())
TOPOLOGY = plan_fixtures.topology(6, standby=False)
GROWTH = growth_of(SCENARIO)
LARGE = {each.table: each.applied(Settings()) for each in table_settings(GROWTH)}
MANAGED = Window(None, None, from_standby=False, note="snapshots")
AT_DAY = Window(9.0, 0.25, from_standby=False, note="longer than a night")

sizes = st.floats(1.0, 1e4)


@pytest.mark.parametrize("touched", [DESIGN.touched, Popularity(0.8, 0.5), UNIFORM])
@pytest.mark.parametrize("stored_gib", [20.0, 100.0, 450.0, 2000.0])
@pytest.mark.parametrize("memory_gib", [16.0, 64.0, 256.0, 1024.0])
def test_misses_are_those_of_both_caches(stored_gib: float, memory_gib: float, touched: Popularity) -> None:
    database = replace(TOPOLOGY.database, memory_gib=memory_gib)
    whole = Relation("database", stored_gib * GIB / PAGE, touched, 1.0)
    buffers = rule("postgresql.shared_buffers_share") * memory_gib * GIB / PAGE
    exact = two_levels([whole], buffers, cache_bytes(database) / PAGE - buffers).disk_reads_per_s
    assert miss_ratio(database, stored_gib * GIB, touched) == pytest.approx(exact, abs=2e-3)


@given(sizes, sizes, sizes, sizes)
def test_more_memory_and_fewer_bytes_never_miss_more(a: float, b: float, c: float, d: float) -> None:
    (little, much), (small, large) = sorted((a, b)), sorted((c, d))
    poor, rich = (replace(TOPOLOGY.database, memory_gib=gib) for gib in (little, much))
    best, worst = (miss_ratio(*found, DESIGN.touched) for found in ((rich, small * GIB), (poor, large * GIB)))
    assert 0.0 <= best <= worst <= 1.0


def test_what_fits_is_never_read() -> None:
    assert miss_ratio(TOPOLOGY.database, 0.1 * cache_bytes(TOPOLOGY.database), DESIGN.touched) == 0.0


def test_the_peak_asks_for_more_of_each_kind_and_commits_share_flushes() -> None:
    steady, peak = operations_of(TOPOLOGY, DESIGN, GROWTH, LARGE, MANAGED)
    assert steady.situation is Situation.STEADY
    for kind in ("reads", "wal", "checkpoint", "vacuum", "bytes_per_s"):
        assert 0.0 < getattr(steady, kind) < getattr(peak, kind)
    assert steady.backup == peak.backup == 0.0
    for each in (steady, peak):
        assert each.wal < DESIGN.peaks[each.situation].load.commits_per_s
        pages = each.reads + each.checkpoint + each.vacuum
        written = DESIGN.peaks[each.situation].load.wal_bytes_per_s
        assert each.bytes_per_s == pytest.approx(pages * PAGE + written)
    by_day = operations_of(TOPOLOGY, DESIGN, GROWTH, LARGE, AT_DAY)[0]
    read = 0.25 * TOPOLOGY.volume.mb_per_s * 1e6
    assert by_day.backup * rule("postgresql.backup_read_kib") * 1024.0 == pytest.approx(read)
    assert by_day.bytes_per_s - steady.bytes_per_s == pytest.approx(read)


def test_who_writes_nothing_flushes_and_vacuums_nothing() -> None:
    assert commits_per_flush(0.0, 0.0, 0.002, 8).flushes_per_s == 0.0
    assert vacuum_per_s(GROWTH, changed_per_s(SCENARIO, 5), LARGE, 0.0, 0.9) == 0.0


def test_a_backup_counts_only_where_users_feel_it() -> None:
    assert backup_mb_per_s(AT_DAY, 400.0) == 100.0
    assert backup_mb_per_s(MANAGED, 400.0) == 0.0
    assert backup_mb_per_s(replace(AT_DAY, hours=rule("recovery.night_h")), 400.0) == 0.0
    assert backup_mb_per_s(replace(AT_DAY, from_standby=True), 400.0) == 0.0


def test_limits_come_fullest_first_and_name_the_farmers_that_fill_them() -> None:
    peak = operations_of(TOPOLOGY, DESIGN, GROWTH, LARGE, MANAGED)[-1]
    told = limits(TOPOLOGY, DESIGN, peak)
    assert [each.share for each in told] == sorted((each.share for each in told), reverse=True)
    assert all(each.share * each.full_at_farmers == pytest.approx(DESIGN.farmers) for each in told)
    half = limits(replace(TOPOLOGY, volume=replace(TOPOLOGY.volume, iops=TOPOLOGY.iops // 2)), DESIGN, peak)
    of_disk = [next(each.share for each in found if each.name == "IOPS of the disk") for found in (told, half)]
    assert of_disk[1] == pytest.approx(2.0 * of_disk[0], rel=1e-3)


def test_the_terminal_tells_every_kind_the_next_limit_and_the_memory() -> None:
    shown = StringIO()
    show_database(plan_fixtures.recommendation(), Console(file=shown, width=100))
    text = " ".join(shown.getvalue().split())
    for said in ("reads 700 2,100", "WAL flushes 20 290", "vacuum 4 30", "backup 0 0", "all 814 3,370"):
        assert said in text
    assert "Binds first: IOPS of the disk, 70 % in the worst hour, full at 5,700,000 farmers" in text
    assert "Next: CPU of the database, 50 %" in text
    assert "128 95.0 % 1,000" in text


@pytest.mark.parametrize(("buffers_share", "minutes"), [(0.024, 5.0), (0.024, 15.0), (0.1, 15.0)])
def test_what_is_written_is_what_the_checkpointer_and_evictions_write_together(
    buffers_share: float, minutes: float
) -> None:
    """Distinct pages changed, against every page followed under the clock: the law that a real server is held to."""
    touched, pages, seconds = Popularity(0.995, 0.2), 4.4e7, 60.0 * minutes
    touches, changed = 9_000.0, 700.0
    buffers = buffers_share * pages
    cache = shared_buffers([Relation("database", pages, touched, touches)], buffers)
    settings = Settings(shared_buffers_bytes=buffers * PAGE, checkpoint_timeout_s=seconds, max_wal_size_bytes=1e15)
    found = checkpoint([Dirtied("database", pages, touched, touches, changed)], cache, lambda _: 0.0, settings)
    images = full_page_images([Changes("database", pages, touched, changed, 0.0)], seconds)["database"] / seconds
    assert found.pages_per_s + found.evicted_per_s == pytest.approx(images, rel=0.03)


def test_the_bounds_write_distinct_pages_at_the_plans_interval() -> None:
    touched, size = Popularity(0.995, 0.2), 300e9
    seconds = 60.0 * configured("checkpoint.timeout_min")
    images = full_page_images([Changes("database", size / PAGE, touched, 500.0, 0.0)], seconds)["database"]
    assert written_per_s(500.0, size, touched) == pytest.approx(images / seconds)
    assert written_per_s(0.0, size, touched) == 0.0


@given(st.floats(1.0, 1e5), st.floats(1.0, 3.0), st.floats(1e9, 1e13), st.floats(0.0, 0.99))
def test_more_changes_never_write_fewer_pages_nor_more_than_are_changed(
    per_s: float, times: float, size: float, exponent: float
) -> None:
    touched = Popularity(exponent, 0.2)
    few, many = (written_per_s(rate, size, touched) for rate in (per_s, times * per_s))
    assert few <= many * (1.0 + 1e-9)
    assert many <= times * per_s * (1.0 + 1e-9)
