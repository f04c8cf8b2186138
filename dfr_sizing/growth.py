"""Rows and bytes of each table through the years, apart by heap, indexes, dead space and what lies beside the table.

The live bytes of a table with the indexes that the DFR ships are those of ``demand.tables``, a measured whole. B-tree
arithmetic tells the indexes' part, and the heap is what is left. The two indexes that the plan asks for come on top.
Dead rows are those that may wait for a vacuum: autovacuum_vacuum_scale_factor of a table, or fewer where less of it was
changed since go-live. A vacuum makes their space free again, but gives none of it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfr_sizing.demand import (
    Situation,
    TableSize,
    counts_by_farmer,
    demand,
    farmers_in_year,
    table_rows,
    tables,
)
from dfr_sizing.drivers import constant, data_rows, rule
from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.postgres.relation_size import btree_bytes, toast_bytes
from dfr_sizing.postgres.settings import Settings
from dfr_sizing.postgres.vacuum import dead_rows_to_start
from dfr_sizing.scenario import Scenario

SECONDS_A_YEAR = 365.0 * 86_400.0


@dataclass(frozen=True, slots=True)
class Growth:
    """A table in one year, in bytes. ``plan_index_bytes`` are the indexes that the DFR does not ship.

    ``dead_rows`` at most wait for a vacuum; their space, in heap and indexes, is ``bloat_bytes``.
    """

    table: str
    year: int
    rows: float
    heap_bytes: float
    index_bytes: float
    plan_index_bytes: float
    toast_bytes: float
    dead_rows: float
    bloat_bytes: float

    @property
    def live_bytes(self) -> float:
        """Heap, indexes and what lies beside the table, without dead space."""
        return self.heap_bytes + self.index_bytes + self.plan_index_bytes + self.toast_bytes

    @property
    def bytes(self) -> float:
        """All of it."""
        return self.live_bytes + self.bloat_bytes

    @property
    def bloat(self) -> float:
        """All bytes over live ones."""
        return self.bytes / self.live_bytes if self.live_bytes > 0.0 else 1.0


def growth_of(scenario: Scenario, vacuum: Mapping[str, Settings] | None = None) -> tuple[Growth, ...]:
    """Each table in the years 0 to 5; ``vacuum`` are autovacuum's settings by table, PostgreSQL's defaults without."""
    given, default = vacuum or {}, Settings()
    changed = _changes_since_go_live(scenario)
    return tuple(
        _growth(scenario, size, changed.get(size.table, (0.0,) * 6)[size.year], given.get(size.table, default))
        for size in tables(scenario)
    )


def total_bytes(growth: tuple[Growth, ...], year: int) -> float:
    """Bytes of all tables in a year."""
    return sum(each.bytes for each in growth if each.year == year)


def _growth(scenario: Scenario, size: TableSize, changes: float, settings: Settings) -> Growth:
    shipped = planned = 0.0
    for row in data_rows("indexes.toml").values():
        if row["table"] != size.table:
            continue
        if "when" not in row:
            shipped += _index_bytes(scenario, row, size.rows)
        elif getattr(scenario.code, row["when"]):
            planned += _index_bytes(scenario, row, size.rows)
    row_bytes = size.bytes / size.rows if size.rows else 0.0
    toast = min(toast_bytes(size.rows, row_bytes), size.bytes)
    index = min(shipped, size.bytes - toast)
    heap = size.bytes - index - toast
    dead = min(dead_rows_to_start(size.rows, settings), changes)
    share = dead / size.rows if size.rows else 0.0
    # A change that touches no indexed column and finds room in its page leaves the indexes alone (HOT).
    bloat = share * (heap + (1.0 - rule("postgresql.hot_share")) * (index + planned))
    return Growth(size.table, size.year, size.rows, heap, index, planned, toast, dead, bloat)


def _index_bytes(scenario: Scenario, row: Mapping[str, Any], rows: float) -> float:
    if row.get("kind") == "trigram":
        return rows * float(row["key_bytes"])
    shared = row.get("rows_a_key", 1)
    a_key = counts_by_farmer(scenario)[shared] if isinstance(shared, str) else float(shared)
    fill = constant("btree.page_fill" if row["order"] == "ascending" else "btree.random_fill")
    return btree_bytes(rows, row["key_bytes"], fill, max(1.0, min(a_key, rows)))


def changed_per_s(scenario: Scenario, year: int) -> dict[str, float]:
    """Rows of each table that are changed a second, the mean of a steady day at the farmers of one year."""
    day = demand(scenario, Situation.STEADY, farmers_in_year(scenario, year))
    rates = {rate.name: sum(rate.per_s) / len(rate.per_s) for rate in day.rates}
    return {
        table: sum(rates.get(name, 0.0) for name in row.get("written_by", ())) for table, row in table_rows().items()
    }


def _changes_since_go_live(scenario: Scenario) -> dict[str, tuple[float, ...]]:
    """Rows of each table that were changed by the end of each year: steady days only, at the farmers of that year."""
    # Go-live itself has seen no change yet; year n ends after n years at the farmers of their ends.
    each = [changed_per_s(scenario, year) for year in range(1, 6)]
    return {
        table: tuple(SECONDS_A_YEAR * sum(of[table] for of in each[:year]) for year in range(6))
        for table in table_rows()
    }


def ledger() -> tuple[Assumption, ...]:
    """The indexes' keys."""
    return tuple(
        Assumption(f"indexes.{name}.key_bytes", row["key_bytes"], "B", row["source"], Label(row["label"]))
        for name, row in data_rows("indexes.toml").items()
    )
