"""Growth agrees with the tables that the answer is bought for, and never shrinks."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dfr_sizing.configuration.postgresql import table_settings
from dfr_sizing.demand import database_bytes, tables
from dfr_sizing.drivers import data_rows
from dfr_sizing.growth import growth_of, ledger, total_bytes
from dfr_sizing.postgres.settings import PAGE, Settings
from dfr_sizing.scenario import Scenario, load_scenario


def scenario(farmers: float, **settings: object) -> Scenario:
    return load_scenario(None, {"registry.farmers": farmers, **settings})


def test_live_bytes_with_the_shipped_indexes_are_those_of_the_tables() -> None:
    for asked in (scenario(1e5), scenario(2e6)):
        by_name = {(each.table, each.year): each for each in growth_of(asked)}
        for size in tables(asked):
            found = by_name[size.table, size.year]
            assert found.rows == size.rows
            assert found.live_bytes - found.plan_index_bytes == pytest.approx(size.bytes)
            assert found.heap_bytes > 0.0


def test_the_plan_buys_room_for_the_growth() -> None:
    """postgresql.bloat covers the plan's two indexes and what waits for a vacuum."""
    for farmers in (1e5, 2e6, 5e7):
        asked = scenario(farmers)
        assert total_bytes(growth_of(asked), 5) < database_bytes(asked, 5)


def test_the_two_indexes_come_on_top_and_only_where_they_are() -> None:
    def planned(**switches: bool) -> float:
        given = {f"code.{name}": there for name, there in switches.items()}
        return sum(each.plan_index_bytes for each in growth_of(scenario(2e6, **given)))

    none, both = planned(name_index=False, dedup_index=False), planned()
    one, other = planned(name_index=False), planned(dedup_index=False)
    assert none == 0.0
    assert min(one, other) > 0.0
    assert both == pytest.approx(one + other)


def test_tables_that_only_grow_have_no_dead_rows_and_large_ones_fewer_with_the_plans_settings() -> None:
    asked = scenario(2e6)
    by_default = growth_of(asked)
    large = {each.table: each.applied(Settings()) for each in table_settings(by_default)}
    ours = growth_of(asked, large)
    assert {each.table for each in by_default if each.dead_rows} == {"dfr_farmer", "mail_message"}
    assert {"dfr_form_response", "mail_message"} <= set(large)
    assert total_bytes(ours, 5) < total_bytes(by_default, 5)
    message = next(each for each in ours if (each.table, each.year) == ("mail_message", 5))
    assert message.dead_rows == pytest.approx(1.2e6, rel=0.05)  # 60 million rows at 0.02


def test_dead_rows_are_never_more_than_were_changed() -> None:
    first = [each for each in growth_of(scenario(2e6)) if each.year == 0]
    assert all(each.dead_rows == 0.0 for each in first)


INDEXES = Counter(row["table"] for row in data_rows("indexes.toml").values() if "when" not in row)
LEVELS = 4
"""Levels of a B-tree of 2e9 rows, each of whole pages: the heap, what is left beside the indexes, falls by no more."""


@settings(deadline=None, max_examples=60)
@example(1000.0, 1.013671875, 0.0)
@given(st.floats(1e3, 1e8), st.floats(1.0, 2.0), st.floats(0.0, 3.0))
def test_sizes_never_fall_with_farmers_or_years(farmers: float, times: float, growth: float) -> None:
    few = growth_of(scenario(farmers, **{"registry.growth_5y": growth}))
    many = growth_of(scenario(min(2e8, farmers * times), **{"registry.growth_5y": growth}))
    for less, more in zip(few, many, strict=True):
        assert less.heap_bytes <= more.heap_bytes * (1 + 1e-9) + INDEXES[less.table] * LEVELS * PAGE
        assert less.live_bytes <= more.live_bytes * (1 + 1e-9)
    for table in {each.table for each in few}:
        sizes = [each.live_bytes for each in few if each.table == table]
        assert sizes == sorted(sizes)
    totals = [total_bytes(few, year) for year in range(6)]
    assert totals == sorted(totals)


def test_every_index_has_a_table_a_source_and_a_line_in_the_ledger() -> None:
    known = set(data_rows("tables.toml"))
    assert {row["table"] for row in data_rows("indexes.toml").values()} == known
    assert len(ledger()) == len(data_rows("indexes.toml"))
    assert all(line.source for line in ledger())
