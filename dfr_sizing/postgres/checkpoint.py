"""Checkpoints: when the next one comes, the pages it writes, and those that leave the cache before it.

src/backend/access/transam/xlog.c: CalculateCheckpointSegments (max_wal_size / (1 + checkpoint_completion_target), in
whole segments) and XLogCheckpointNeeded; src/backend/storage/buffer/bufmgr.c: BufferSync (what is dirty when a
checkpoint begins is written by it, in the order of files); src/backend/postmaster/checkpointer.c:
IsCheckpointOnSchedule (it keeps pace with the WAL and the time until the next one, whichever is further).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from dfr_sizing.drivers import constant
from dfr_sizing.postgres.buffer_life import PLACES, Ahead, Pages, written
from dfr_sizing.postgres.cache import Cache, residence_of_fresh, scans_of
from dfr_sizing.postgres.popularity import FloatArray, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PLACE: FloatArray = (np.arange(PLACES, dtype=np.float64) + 0.5) / PLACES
"""Places of pages in a stretch of the checkpoint's order."""
SMALLEST = 1e-200
"""Instead of 0 pages below a line."""
ALONE, MERGED = 20, 4
"""Groups of the most popular pages, each followed on its own; and how many of the others are followed as one."""
PACES = 64
"""Moments between two checkpoints at which it is asked how far the WAL has come."""


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
    ``spread_s``; ``evicted_per_s`` dirty pages a second are written by the background writer or backends because they
    are about to leave the cache. ``files`` are synced at the end.
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

    ``relations`` are in the order of their files, the oldest first: so the checkpointer goes through them, and what it
    comes to late has had time to leave the cache (``buffer_life``). New pages are written once they are filled.
    PostgreSQL skips a checkpoint that nothing was written since. The background writer keeps as many pages free as
    backends take in so many of its rounds (BgBufferSync): those it comes by lie between ``bgwriter_lru_multiplier``
    less one and all of these rounds before the hand.
    """
    seconds, by_wal = interval(segment_bytes, settings)
    pace = _Pace.of(segment_bytes, seconds, settings)
    most = settings.bgwriter_lru_maxpages / settings.bgwriter_delay_s
    ahead_s = settings.bgwriter_delay_s * max(0.0, settings.bgwriter_lru_multiplier - 0.5)
    pages, left = _by_whom(relations, cache, seconds, pace, Ahead(ahead_s, float(most > 0.0)))
    if left.sum() > most * seconds > 0.0:
        pages, left = _by_whom(relations, cache, seconds, pace, Ahead(ahead_s, most * seconds / left.sum()))
    files = sum(
        math.ceil(relation.pages * PAGE / constant("page.file_bytes"))
        for relation, number in zip(relations, pages, strict=True)
        if number > 0.0
    )
    return Checkpoint(seconds, by_wal, float(pages.sum()), float(left.sum()) / seconds, pace.spread_s, files)


def _by_whom(
    relations: Sequence[Dirtied], cache: Cache, seconds: float, pace: _Pace, ahead: Ahead
) -> tuple[FloatArray, FloatArray]:
    """Pages of each relation that the checkpointer writes in an interval, and those that others write."""
    fresh = [_Fresh.of(relation, cache, seconds, ahead) for relation in relations]
    order = _Order.of(relations, cache, [new.dirty for new in fresh], pace)
    old = written(order.pages, cache.characteristic_s, seconds, order.when, ahead)
    spans = order.spans(old.dirty)
    new = np.array([one.written(pace, *span) for one, span in zip(fresh, spans, strict=True)])
    by_checkpoint = np.bincount(order.relation, old.by_checkpoint, len(relations)) + new
    left = np.bincount(order.relation, old.as_they_left, len(relations)) + [one.most for one in fresh] - new
    return by_checkpoint, left


@dataclass(frozen=True, slots=True)
class _Pace:
    """How a checkpointer goes through what it has to write: ``seconds`` after which it has written ``shares`` of it.

    Its share is that of checkpoint_completion_target that WAL, or time, has come towards the next checkpoint. Full-page
    images come first, and so WAL sets a pace that is quick at first and slows down.
    """

    seconds: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, segment_bytes: Callable[[float], float], seconds: float, settings: Settings) -> _Pace:
        """That of a checkpoint which the next follows after so many seconds."""
        moments = np.linspace(0.0, seconds, PACES + 1)
        by_wal = np.array([segment_bytes(float(moment)) for moment in moments]) / trigger_bytes(settings)
        come = np.maximum(by_wal, moments / settings.checkpoint_timeout_s)
        return cls(moments, come / settings.checkpoint_completion_target)

    def when(self, share: FloatArray) -> FloatArray:
        """Seconds after which so much is written."""
        return np.interp(share, self.shares, self.seconds)

    @property
    def spread_s(self) -> float:
        """Seconds until all is written."""
        return float(self.when(np.ones(1))[0])


def _coarser(counts: FloatArray, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Groups of pages merged by fours, but for the first: a page's life takes long to follow, and bends little."""
    starts = np.concatenate((np.arange(min(ALONE, len(counts))), np.arange(ALONE, len(counts), MERGED)))
    number = np.add.reduceat(counts, starts)
    return number, np.add.reduceat(counts * shares, starts) / number


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
    def of(cls, relation: Dirtied, cache: Cache, seconds: float, ahead: Ahead) -> _Fresh:
        """Those of a relation."""
        stays = cache.characteristic_s * residence_of_fresh(cache.policy) - ahead.share * ahead.seconds
        ends = min(relation.ends, relation.fresh_per_s * seconds)
        return cls(relation.fresh_per_s, ends, max(0.0, stays), seconds)

    @property
    def dirty(self) -> float:
        """Those that are dirty when a checkpoint begins."""
        return self.full_per_s * min(self.stays_s, self.seconds) + self.ends

    @property
    def most(self) -> float:
        """All that are written, by whomever."""
        return self.full_per_s * self.seconds + self.ends

    def written(self, pace: _Pace, begin: float, end: float) -> float:
        """Those that the checkpointer writes, which goes through the relation between these shares of all it writes."""
        met = np.clip(self.stays_s - pace.when(begin + (end - begin) * PLACE), 0.0, self.seconds)
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
    pace: _Pace

    @classmethod
    def of(cls, relations: Sequence[Dirtied], cache: Cache, fresh: Sequence[float], pace: _Pace) -> _Order:
        """Groups of pages that are changed, relation by relation, from the most popular on."""
        columns: list[FloatArray] = [np.empty((5, 0))]
        for index, each in enumerate(relations):
            if each.changes_per_s > 0.0:
                counts, shares = _coarser(*each.popularity.groups(each.pages))
                touches = shares * max(each.touches_per_s, each.changes_per_s)
                scans = scans_of(each.scans_per_s, each.pages, cache.pages).per_s
                alike = [np.full(len(counts), value) for value in (scans, index)]
                columns.append(np.array([counts, touches, shares * each.changes_per_s, *alike]))
        *values, relation = np.concatenate(columns, axis=1)
        of = relation.astype(np.int64)
        by_age = np.array([each.by_age for each in relations], dtype=np.bool_)
        return cls(Pages(*values), of, by_age, np.array(fresh), pace)

    def spans(self, dirty: FloatArray) -> FloatArray:
        """What share is written before and after each relation, by the dirty pages of each group."""
        ends = np.cumsum(np.bincount(self.relation, dirty, len(self.fresh)) + self.fresh)
        last = max(SMALLEST, float(ends[-1])) if len(ends) else 1.0
        edges = np.concatenate(([0.0], ends)) / last
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
        return self.pace.when((begin + length * before)[:, None] + np.outer(length * share, PLACE))
