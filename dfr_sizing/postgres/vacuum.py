"""Autovacuum: how often a table is vacuumed, the pages it goes through, and its budget.

PostgreSQL manual 24.1.6 (when a table is vacuumed), 19.10 and 19.4.4 (cost-based delay), 24.1.4 (visibility map).
Left out: freezing against wraparound, truncation, several workers that share one budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.drivers import constant
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.postgres.settings import Settings


@dataclass(frozen=True, slots=True)
class Table:
    """A table as autovacuum sees it: rows, pages, those of its indexes, rows that die and come a second.

    ``popularity`` is that of the changes over the table's pages; ``hit_ratio`` that of the vacuum's own accesses.
    """

    name: str
    rows: float
    pages: float
    index_pages: float
    popularity: Popularity
    dead_per_s: float
    inserted_per_s: float
    hit_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Most pages a second that one worker goes through: found in the cache, read, made dirty."""

    hits_per_s: float
    reads_per_s: float
    dirtied_per_s: float


@dataclass(frozen=True, slots=True)
class Vacuum:
    """Vacuums of one table, in a steady load; ``every_s`` is infinite where it is never due.

    ``pages`` are gone through in the table and its indexes, ``reads`` of them from outside shared_buffers, ``dirtied``
    changed; ``least_s`` is how long the budget makes it last. Means a second are over ``every_s``.
    """

    every_s: float
    pages: float
    reads: float
    dirtied: float
    least_s: float

    @property
    def reads_per_s(self) -> float:
        """Pages read a second, over the whole time."""
        return self.reads / self.every_s

    @property
    def dirtied_per_s(self) -> float:
        """Pages dirtied a second, over the whole time."""
        return self.dirtied / self.every_s


def budget(settings: Settings) -> Budget:
    """What a worker may do at most: vacuum_cost_limit in each vacuum_cost_delay. Infinite without a delay."""
    if settings.vacuum_cost_delay_s == 0.0:
        return Budget(math.inf, math.inf, math.inf)
    cost_per_s = settings.vacuum_cost_limit / settings.vacuum_cost_delay_s
    return Budget(
        _over(cost_per_s, settings.vacuum_cost_page_hit),
        _over(cost_per_s, settings.vacuum_cost_page_miss),
        _over(cost_per_s, settings.vacuum_cost_page_dirty),
    )


def dead_rows_to_start(rows: float, settings: Settings) -> float:
    """Dead rows from which a table is vacuumed."""
    share = settings.autovacuum_threshold + settings.autovacuum_scale_factor * rows
    return min(share, settings.autovacuum_max_threshold)


def inserted_rows_to_start(rows: float, settings: Settings) -> float:
    """Rows inserted since the last vacuum from which a table is vacuumed (release 13 on)."""
    return settings.autovacuum_insert_threshold + settings.autovacuum_insert_scale_factor * rows


def every_s(table: Table, settings: Settings) -> float:
    """Seconds from one vacuum of a table to the next, whichever of the two thresholds is met first."""
    dead = _over(dead_rows_to_start(table.rows, settings), table.dead_per_s)
    inserted = _over(inserted_rows_to_start(table.rows, settings), table.inserted_per_s)
    return min(dead, inserted)


def vacuum(table: Table, settings: Settings) -> Vacuum:
    """A vacuum of a table in its steady load. A table that nothing is done to is never vacuumed, and reads nothing.

    Pages with a change since the last vacuum are not all-visible and are gone through (1 - exp(-changes) of each, by
    popularity), and those between them unless 32 in a row are all-visible. Every index is read whole, unless under 2 %
    of the table's pages hold dead rows. Changed pages are pruned and marked: they become dirty.
    """
    for name in ("rows", "pages", "index_pages", "dead_per_s", "inserted_per_s"):
        checks.at_least_zero(name, getattr(table, name))
    after = every_s(table, settings)
    if math.isinf(after):
        return Vacuum(math.inf, 0.0, 0.0, 0.0, 0.0)
    counts, shares = table.popularity.groups(table.pages)
    with_dead = float(counts @ -np.expm1(-shares * table.dead_per_s * after))
    filled = min(table.pages, table.inserted_per_s * after * table.pages / max(1.0, table.rows))
    changed = min(table.pages, with_dead + filled)
    visible = 1.0 - changed / max(1.0, table.pages)
    run = visible ** constant("vacuum.skip_run_pages")
    gone_through = max(changed, table.pages * (1.0 - run))
    bypassed = with_dead < constant("vacuum.index_bypass_share") * table.pages
    in_indexes = 0.0 if bypassed else table.index_pages
    pages = gone_through + in_indexes
    reads = pages * (1.0 - table.hit_ratio)
    dirtied = changed + (0.0 if bypassed else min(table.index_pages, table.dead_per_s * after))
    cost = (
        (pages - reads) * settings.vacuum_cost_page_hit
        + reads * settings.vacuum_cost_page_miss
        + dirtied * settings.vacuum_cost_page_dirty
    )
    least = cost / settings.vacuum_cost_limit * settings.vacuum_cost_delay_s
    return Vacuum(after, pages, reads, dirtied, least)


def _over(whole: float, part: float) -> float:
    return whole / part if part > 0.0 else math.inf
