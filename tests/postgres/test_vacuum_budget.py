"""Autovacuum's thresholds and budget, by hand and by what must hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.postgres.popularity import UNIFORM, Popularity
from dfr_sizing.postgres.settings import Settings
from dfr_sizing.postgres.vacuum import Table, budget, dead_rows_to_start, every_s, inserted_rows_to_start, vacuum


def test_the_default_budget_is_400_mb_read_and_40_mb_dirtied() -> None:
    """As the domain's facts have it: 200 / 2 per 2 ms are 50,000 pages, 200 / 20 are 5,000."""
    found = budget(Settings())
    assert (found.hits_per_s, found.reads_per_s, found.dirtied_per_s) == pytest.approx((100_000, 50_000, 5_000))
    assert budget(Settings(vacuum_cost_delay_s=0.0)).reads_per_s == math.inf


def test_thresholds_of_the_manual() -> None:
    assert dead_rows_to_start(1e6, Settings()) == 200_050
    assert inserted_rows_to_start(1e6, Settings()) == 201_000
    # Release 18: at most 100 million dead rows, however large the table
    assert dead_rows_to_start(1e9, Settings()) == 1e8


def test_how_often_is_the_threshold_over_the_rate() -> None:
    updated = Table("t", 1e6, 1e4, 5e3, UNIFORM, dead_per_s=10.0, inserted_per_s=0.0)
    assert every_s(updated, Settings()) == pytest.approx(20_005.0)
    grows = Table("t", 1e6, 1e4, 5e3, UNIFORM, dead_per_s=0.0, inserted_per_s=10.0)
    assert every_s(grows, Settings()) == pytest.approx(20_100.0)


def test_a_table_that_only_grows_has_its_new_pages_gone_through_and_no_index() -> None:
    grows = Table("t", 1e6, 1e4, 5e3, UNIFORM, dead_per_s=0.0, inserted_per_s=10.0)
    found = vacuum(grows, Settings())
    assert found.dirtied == pytest.approx(2010.0)
    assert 2010.0 <= found.pages <= 1e4


def test_a_quiet_table_is_never_vacuumed() -> None:
    found = vacuum(Table("t", 1e6, 1e4, 5e3, UNIFORM, 0.0, 0.0), Settings())
    assert (found.every_s, found.pages, found.reads_per_s, found.dirtied_per_s) == (math.inf, 0.0, 0.0, 0.0)


@settings(deadline=None)
@given(
    st.floats(1.0, 1e9),
    st.floats(1.0, 1e7),
    st.floats(0.0, 1e6),
    st.floats(0.0, 0.95),
    st.floats(0.0, 1e4),
    st.floats(0.0, 1e4),
    st.floats(0.0, 1.0),
)
def test_bounds_of_a_vacuum(
    rows: float, pages: float, indexes: float, exponent: float, dead: float, inserted: float, hits: float
) -> None:
    table = Table("t", rows, pages, indexes, Popularity(exponent), dead, inserted, hits)
    found = vacuum(table, Settings())
    assert 0.0 <= found.reads <= found.pages <= (pages + indexes) * (1 + 1e-9)
    assert found.dirtied <= (pages + indexes) * (1 + 1e-9)
    # Time enough for its reads and its dirtied pages each alone
    most = budget(Settings())
    assert found.least_s >= found.reads / most.reads_per_s * (1 - 1e-9)
    assert found.least_s >= found.dirtied / most.dirtied_per_s * (1 - 1e-9)
