"""PostgreSQL's buffer pool touch by touch: the clock with counts up to 5, dirty pages, checkpoints spread over time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from dfr_sizing.postgres.popularity import FloatArray, Popularity


@dataclass
class ClockPool:
    """Buffers with usage counts; ``evicted`` counts dirty pages written because their buffer was or will be taken."""

    size: int
    page: list[int] = field(default_factory=list)
    usage: list[int] = field(default_factory=list)
    where: dict[int, int] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    flagged: set[int] = field(default_factory=set)
    hand: int = 0
    taken: int = 0
    evicted: int = 0

    def touch(self, page: int, change: bool = False) -> bool:
        """Whether the page was there."""
        at = self.where.get(page)
        found = at is not None
        if at is not None:
            self.usage[at] = min(5, self.usage[at] + 1)
        else:
            self._take(page)
        if change:
            self.dirty.add(page)
        return found

    def clean_ahead(self, multiplier: float) -> None:
        """A round of the background writer: so many times what was taken since its last is to be free and clean."""
        wanted, self.taken = multiplier * self.taken, 0
        for step in range(len(self.page)):
            if wanted <= 0:
                return
            at = (self.hand + step) % self.size
            if not self.usage[at]:
                wanted -= 1
                if self.page[at] in self.dirty:
                    self._write_out(self.page[at])

    def _write_out(self, page: int) -> None:
        self.evicted += 1
        self.dirty.discard(page)
        self.flagged.discard(page)

    def _take(self, page: int) -> None:
        self.taken += 1
        if len(self.page) < self.size:
            self.where[page] = len(self.page)
            self.page.append(page)
            self.usage.append(1)
            return
        while self.usage[self.hand]:
            self.usage[self.hand] -= 1
            self.hand = (self.hand + 1) % self.size
        out = self.page[self.hand]
        del self.where[out]
        if out in self.dirty:
            self._write_out(out)
        self.page[self.hand], self.usage[self.hand], self.where[page] = page, 1, self.hand
        self.hand = (self.hand + 1) % self.size

    def scan(self, start: int, pages: int, ring_size: int) -> int:
        """Pages read by a scan in a ring, from ``start`` once around; a buffer that others touched leaves the ring."""
        ring: list[int] = []
        read = 0
        for step in range(pages):
            page = (start + step) % pages
            at = self.where.get(page)
            if at is not None:
                self.usage[at] = max(1, self.usage[at])
                continue
            slot = read % ring_size
            read += 1
            if len(ring) > slot and self.usage[ring[slot]] <= 1:
                del self.where[self.page[ring[slot]]]
                self.page[ring[slot]], self.usage[ring[slot]], self.where[page] = page, 1, ring[slot]
                continue
            self._take(page)
            ring[slot : slot + 1] = [self.where[page]]
        return read

    def begin_checkpoint(self) -> list[int]:
        """What the checkpoint has to write, in the order of files."""
        self.flagged = set(self.dirty)
        return sorted(self.flagged)

    def write(self, page: int) -> bool:
        """Whether the checkpointer still had to write the page."""
        if page not in self.flagged:
            return False
        self.flagged.discard(page)
        self.dirty.discard(page)
        return True


class LruPool:
    """The least recently used page goes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pages: OrderedDict[int, None] = OrderedDict()

    def touch(self, page: int) -> bool:
        """Whether the page was there."""
        if page in self.pages:
            self.pages.move_to_end(page)
            return True
        self.pages[page] = None
        if len(self.pages) > self.size:
            self.pages.popitem(last=False)
        return False


def draws(popularity: Popularity, pages: int, number: int, seed: int) -> list[int]:
    """Pages drawn by a popularity, page 0 the most popular."""
    edges: FloatArray = popularity.share_of_hottest(np.arange(pages + 1) / pages)
    drawn = np.searchsorted(edges, np.random.default_rng(seed).random(number), side="right") - 1
    return [int(page) for page in np.minimum(drawn, pages - 1)]


def hit_ratio(pool: ClockPool | LruPool, touched: Iterable[int], warm: int) -> float:
    """Share of touches found after the first ``warm``."""
    found = [pool.touch(page) for page in touched][warm:]
    return sum(found) / len(found)
