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
from scipy.optimize import brentq

from dfr_sizing.drivers import constant
from dfr_sizing.postgres.cache import Cache, Scans, present, residence_of_fresh, scans_of, shortest_stay_s, stays_longer
from dfr_sizing.postgres.popularity import FloatArray, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings

PHASES: FloatArray = (np.arange(16, dtype=np.float64) + 0.5) / 16.0
"""When a page of a relation is met, over the time that the checkpointer takes for the relation."""

ROUNDS = 3
"""Times that the order of relations is put in: when they are met rules what is dirty, and that rules when."""
SMALLEST = 1e-200
"""Instead of a rate or a probability of 0 below a line; what is above it is 0 then."""


@dataclass(frozen=True, slots=True)
class Dirtied:
    """How the pages of a relation become dirty: reads and changes by one popularity, and new pages at the end.

    ``touches_per_s`` counts all first touches of old pages, changes among them; ``changes_per_s`` those that dirty.
    ``scans_per_s`` are scans in a ring, which keep pages in the cache. New rows go to ``ends`` pages at a time, one for
    each connection that inserts into a table, one of an index; those are always dirty. ``by_age``: the popular pages
    are the newest, and so the last in the file; else they lie anywhere. A change pins its page ``pins`` times: to find
    the row, to lock it, to write it; each counts as a use of the buffer.
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
    pins: float = 1.0


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

    ``relations`` are in the order of their files, the oldest first: so the checkpointer goes through them, and what it
    comes to late has had time to leave the cache. A page there leaves at hazard m = touches x misses / hits (as many
    leave as come in), and becomes dirty at its rate of changes w; between writes it is there and dirty as ``_dirty``
    says. PostgreSQL skips a checkpoint that nothing was written since.
    """
    seconds, by_wal = interval(segment_bytes, settings)
    spread = seconds * settings.checkpoint_completion_target
    phases = [spread * PHASES for _ in relations]
    parts: list[_Part] = []
    for _ in range(ROUNDS):
        parts = [
            _old_pages(relation, cache, seconds, phase) + _fresh_pages(relation, cache, seconds, phase)
            for relation, phase in zip(relations, phases, strict=True)
        ]
        ends = np.cumsum([part.dirty for part in parts])
        if not len(ends) or ends[-1] == 0.0:
            break
        phases = [
            spread * (end - part.dirty + part.dirty * PHASES) / ends[-1] for part, end in zip(parts, ends, strict=True)
        ]
    files = sum(
        math.ceil(relation.pages * PAGE / constant("page.file_bytes"))
        for relation, part in zip(relations, parts, strict=True)
        if part.written > 0.0
    )
    evicted = sum(part.left for part in parts)
    return Checkpoint(seconds, by_wal, sum(part.written for part in parts), evicted / seconds, spread, files)


@dataclass(frozen=True, slots=True)
class _Part:
    """Pages of a relation in an interval: dirty at its start, written by the checkpointer, written as they left."""

    dirty: float
    written: float
    left: float

    def __add__(self, other: _Part) -> _Part:
        return _Part(self.dirty + other.dirty, self.written + other.written, self.left + other.left)


def _old_pages(relation: Dirtied, cache: Cache, seconds: float, phases: FloatArray) -> _Part:
    """Pages that were there before: a page that is dirty when a checkpoint begins is met by it at one of ``phases``.

    It may have left by then, and was written as it did; after either it has the rest of the interval to become dirty.
    """
    counts, shares = relation.popularity.groups(relation.pages)
    if relation.changes_per_s <= 0.0 or not len(counts):
        return _Part(0.0, 0.0, 0.0)
    changes = shares * relation.changes_per_s
    touches = shares * max(relation.touches_per_s, relation.changes_per_s)
    scans = scans_of(relation.scans_per_s, relation.pages, cache.pages)
    leaves = touches * _absent_to_present(cache, touches, scans)
    least = shortest_stay_s(cache, relation.pins)
    phase: FloatArray = phases[:, None]
    if relation.by_age:
        phase = _coldest_first(phases, counts * -np.expm1(-changes * seconds))
    met = stays_longer(least, 1.0 / np.maximum(leaves, SMALLEST), phase)
    from_clean = _dirty(changes, leaves, least, np.asarray(seconds))
    from_dirty = met * _dirty(changes, leaves, least, seconds - phase)
    from_dirty += (1.0 - met) * _dirty(changes, leaves, least, seconds - phase / 2.0)
    dirty = from_clean / (1.0 + from_clean - from_dirty.mean(axis=0))
    written = dirty * met.mean(axis=0)
    # As many writes as pages become dirty: w (seconds - time dirty) = written + m x time dirty
    dirty_s = np.maximum(0.0, changes * seconds - written) / np.maximum(changes + leaves, SMALLEST)
    return _Part(float(counts @ dirty), float(counts @ written), float(counts @ (leaves * dirty_s)))


def _coldest_first(phases: FloatArray, dirty: FloatArray) -> FloatArray:
    """When the pages of each group are met, of groups from the most popular on, if the file begins with the last."""
    share = dirty / max(float(dirty.sum()), SMALLEST)
    before: FloatArray = np.cumsum(share[::-1])[::-1] - share
    first, length = phases[0] - (phases[1] - phases[0]) / 2.0, (phases[1] - phases[0]) * len(phases)
    found: FloatArray = first + length * (before + share * PHASES[:, None])
    return found


def _fresh_pages(relation: Dirtied, cache: Cache, seconds: float, phases: FloatArray) -> _Part:
    """New pages are written once they are filled: by the checkpoint that meets them, or as they leave the cache."""
    stays = cache.characteristic_s * residence_of_fresh(cache.policy)
    met = float(np.mean(np.clip(stays - phases, 0.0, seconds)))
    # A page that is being filled is written as it is, and once more when it is full; all of few new ones are ends.
    ends = min(relation.ends, relation.fresh_per_s * seconds)
    new = relation.fresh_per_s
    return _Part(new * min(stays, seconds) + ends if new > 0.0 else 0.0, new * met + ends, new * (seconds - met))


def _absent_to_present(cache: Cache, touches: FloatArray, scans: Scans) -> FloatArray:
    held = present(cache, touches, scans)
    odds: FloatArray = (1.0 - held) / np.maximum(held, SMALLEST)
    return odds


def _dirty(changes: FloatArray, leaves: FloatArray, least_s: float, since_s: FloatArray) -> FloatArray:
    """Probability of each page to be in the cache and dirty so long after it was written.

    A dirty page stays for the least time for certain, so it cannot have left before that: 1 - exp(-w t). From there it
    settles at w / (w + m), with the hazards of what is left of its stay.
    """
    mean = 1.0 / np.maximum(leaves, SMALLEST)
    settled = changes / np.maximum(changes + leaves, SMALLEST)
    if math.isinf(least_s):
        return np.asarray(-np.expm1(-changes * since_s))
    rest = 1.0 / np.maximum(mean - least_s, 1e-3 * least_s)
    at_least = -np.expm1(-changes * np.minimum(since_s, least_s))
    later = np.exp(-(changes + rest) * np.maximum(since_s - least_s, 0.0))
    return np.asarray(settled * (1.0 - later) + at_least * later)
