"""Checkpoints: when the next one comes, the pages it writes, and those that leave the cache before it.

src/backend/access/transam/xlog.c: CalculateCheckpointSegments (max_wal_size / (1 + checkpoint_completion_target), in
whole segments) and XLogCheckpointNeeded; src/backend/storage/buffer/bufmgr.c: BufferSync (what is dirty when a
checkpoint begins is written by it, in the order of files, spread over checkpoint_completion_target).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from dfr_sizing.drivers import constant
from dfr_sizing.postgres.buffer_life import PLACES, Pages, written
from dfr_sizing.postgres.cache import Cache, residence_of_fresh, scans_of
from dfr_sizing.postgres.popularity import FloatArray, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PLACE: FloatArray = (np.arange(PLACES, dtype=np.float64) + 0.5) / PLACES
"""Places of pages in a stretch of the checkpoint's order."""
SMALLEST = 1e-200
"""Instead of 0 pages below a line."""


@dataclass(frozen=True, slots=True)
class Dirtied:
    """How the pages of a relation become dirty: reads and changes by one popularity, and new pages at the end.

    ``touches_per_s`` counts all first touches of old pages, changes among them; ``changes_per_s`` those that dirty.
    ``scans_per_s`` are scans in a ring, which keep pages in the cache. New rows go to ``ends`` pages at a time, one for
    each connection that inserts into a table, one of an index; those are always dirty. ``by_age``: the popular pages
    are the newest, and so the last in the file; else they lie anywhere.
    """

    name: str
    pages: float
    popularity: Popularity
    touches_per_s: float
    changes_per_s: float
    fresh_per_s: float = 0.0
    scans_per_s: float = 0.0
    ends: float = 1.0
    by_age: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint in a steady load.

    ``by_wal``: whether max_wal_size, not checkpoint_timeout, brings it. ``pages`` are written by the checkpointer, over
    ``spread_s``; ``evicted_per_s`` dirty pages a second are written by backends or the background writer because they
    leave the cache. ``files`` are synced at the end.
    """

    interval_s: float
    by_wal: bool
    pages: float
    evicted_per_s: float
    spread_s: float
    files: float

    @property
    def pages_per_s(self) -> float:
        """Pages the checkpointer writes a second, over the whole interval."""
        return self.pages / self.interval_s


def trigger_bytes(settings: Settings) -> float:
    """WAL since the last checkpoint began at which the next is asked for, as segments are counted.

    It is asked for when a segment is full, so that a checkpoint that WAL brought begins at the start of a segment.
    """
    segments = settings.max_wal_size_bytes / settings.wal_segment_bytes / (1.0 + settings.checkpoint_completion_target)
    return max(1.0, math.floor(segments)) * settings.wal_segment_bytes


def interval(segment_bytes: Callable[[float], float], settings: Settings) -> tuple[float, bool]:
    """Seconds from one checkpoint to the next, and whether WAL brings it rather than time.

    ``segment_bytes``: WAL by so many seconds after a checkpoint (``WalVolume.segment_bytes``), rising.
    """
    limit, timeout = trigger_bytes(settings), settings.checkpoint_timeout_s
    if segment_bytes(timeout) <= limit:
        return timeout, False
    return float(brentq(lambda t: segment_bytes(t) - limit, 0.0, timeout, xtol=1e-6)), True


def checkpoint(
    relations: Sequence[Dirtied], cache: Cache, segment_bytes: Callable[[float], float], settings: Settings
) -> Checkpoint:
    """The checkpoint of a steady load on a cache (of ``shared_buffers``, with the same relations).

    ``relations`` are in the order of their files, the oldest first: so the checkpointer goes through them, at one pace,
    and what it comes to late has had time to leave the cache (``buffer_life``). New pages are written once they are
    filled. PostgreSQL skips a checkpoint that nothing was written since.
    """
    seconds, by_wal = interval(segment_bytes, settings)
    spread = seconds * settings.checkpoint_completion_target
    fresh = [_Fresh.of(relation, cache, seconds) for relation in relations]
    order = _Order.of(relations, cache, [new.dirty for new in fresh], spread)
    old = written(order.pages, cache.characteristic_s, seconds, order.when)
    spans = order.spans(old.dirty)
    new = np.array([one.written(*span) for one, span in zip(fresh, spans, strict=True)])
    by_checkpoint = np.bincount(order.relation, old.by_checkpoint, len(relations)) + new
    left = float(old.as_they_left.sum()) + sum(one.most for one in fresh) - float(new.sum())
    files = sum(
        math.ceil(relation.pages * PAGE / constant("page.file_bytes"))
        for relation, pages in zip(relations, by_checkpoint, strict=True)
        if pages > 0.0
    )
    return Checkpoint(seconds, by_wal, float(by_checkpoint.sum()), left / seconds, spread, files)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """New pages of a relation in an interval of ``seconds``: a page being filled is written as it is, and once full.

    ``full_per_s`` are filled, ``ends`` (all of them, where there are few) are being filled; each stays ``stays_s``.
    """

    full_per_s: float
    ends: float
    stays_s: float
    seconds: float

    @classmethod
    def of(cls, relation: Dirtied, cache: Cache, seconds: float) -> _Fresh:
        """Those of a relation."""
        stays = cache.characteristic_s * residence_of_fresh(cache.policy)
        return cls(relation.fresh_per_s, min(relation.ends, relation.fresh_per_s * seconds), stays, seconds)

    @property
    def dirty(self) -> float:
        """Those that are dirty when a checkpoint begins."""
        return self.full_per_s * min(self.stays_s, self.seconds) + self.ends

    @property
    def most(self) -> float:
        """All that are written, by whomever."""
        return self.full_per_s * self.seconds + self.ends

    def written(self, begin_s: float, end_s: float) -> float:
        """Those that the checkpointer writes, which goes through the relation between these seconds."""
        met = np.clip(self.stays_s - begin_s - (end_s - begin_s) * PLACE, 0.0, self.seconds)
        return self.full_per_s * float(np.mean(met)) + self.ends


@dataclass(frozen=True, slots=True)
class _Order:
    """Pages that were there before, in groups: whose they are, and when a checkpoint comes to them.

    ``relation`` is the number of a group's relation, ``by_age`` whether that has its coldest pages first; ``fresh`` are
    the dirty new pages of each relation.
    """

    pages: Pages
    relation: IntArray
    by_age: BoolArray
    fresh: FloatArray
    spread_s: float

    @classmethod
    def of(cls, relations: Sequence[Dirtied], cache: Cache, fresh: Sequence[float], spread_s: float) -> _Order:
        """Groups of pages that are changed, relation by relation, from the most popular on."""
        columns: list[FloatArray] = [np.empty((5, 0))]
        for index, each in enumerate(relations):
            if each.changes_per_s > 0.0:
                counts, shares = each.popularity.groups(each.pages)
                touches = shares * max(each.touches_per_s, each.changes_per_s)
                scans = scans_of(each.scans_per_s, each.pages, cache.pages).per_s
                alike = [np.full(len(counts), value) for value in (scans, index)]
                columns.append(np.array([counts, touches, shares * each.changes_per_s, *alike]))
        *values, relation = np.concatenate(columns, axis=1)
        of = relation.astype(np.int64)
        by_age = np.array([each.by_age for each in relations], dtype=np.bool_)
        return cls(Pages(*values), of, by_age, np.array(fresh), spread_s)

    def spans(self, dirty: FloatArray) -> FloatArray:
        """When a checkpoint begins with each relation and is done with it, by the dirty pages of each group."""
        ends = np.cumsum(np.bincount(self.relation, dirty, len(self.fresh)) + self.fresh)
        last = max(SMALLEST, float(ends[-1])) if len(ends) else 1.0
        edges = self.spread_s * np.concatenate(([0.0], ends)) / last
        return np.column_stack((edges[:-1], edges[1:]))

    def when(self, dirty: FloatArray) -> FloatArray:
        """When it comes to the pages of each group, groups x PLACES: anywhere in the relation, or the coldest first."""
        spans = self.spans(dirty)[self.relation]
        before, share = np.zeros(len(dirty)), np.ones(len(dirty))
        for index in np.flatnonzero(self.by_age):
            mine = self.relation == index
            share[mine] = dirty[mine] / max(SMALLEST, float(dirty[mine].sum()))
            before[mine] = np.cumsum(share[mine][::-1])[::-1] - share[mine]
        begin, length = spans[:, 0], spans[:, 1] - spans[:, 0]
        return np.asarray((begin + length * before)[:, None] + np.outer(length * share, PLACE))
