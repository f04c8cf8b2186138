"""WAL since a checkpoint: records, and an image of each page that is changed for the first time after it.

PostgreSQL manual 28.5 and 19.5.1 (full_page_writes). A page that is changed at rate w had its image written by time t
with probability 1 - exp(-w t), so the rate of images decays as pages are changed again. Pages that are new since the
checkpoint need no image: inserts at the end of a table or an index bring none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.drivers import constant
from dfr_sizing.postgres.popularity import FloatArray, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes to pages of a relation that were there before: ``per_s`` of them, by a popularity of their own.

    ``image_bytes`` is what a full-page image of such a page takes before compression (``image_bytes()``).
    """

    name: str
    pages: float
    popularity: Popularity
    per_s: float
    image_bytes: float

    def rates(self) -> tuple[FloatArray, FloatArray]:
        """Numbers of pages, and the changes a second of each such page."""
        counts, shares = self.popularity.groups(self.pages)
        return counts, shares * self.per_s


@dataclass(frozen=True, slots=True)
class WalVolume:
    """WAL of the time since a checkpoint: full-page images and bytes as pg_stat_wal counts them, and bytes written.

    ``segment_bytes`` are those with page headers and alignment: what fills segments, is archived and replicated.
    """

    images: float
    record_bytes: float
    image_bytes: float
    segment_bytes: float

    @property
    def wal_bytes(self) -> float:
        """Records with their images: pg_stat_wal.wal_bytes."""
        return self.record_bytes + self.image_bytes


def image_bytes(used_share: float) -> float:
    """Bytes of a full-page image: the page less the hole between its line pointers and its rows, and a header.

    ``used_share`` of the page is in use: near 1 for a table that is filled, some 0.7 for a B-tree with random keys.
    """
    if not 0.0 <= used_share <= 1.0:
        raise ValueError(f"used_share is {used_share}, but must be from 0 to 1")
    return PAGE * used_share + constant("wal.image_header_bytes")


def full_page_images(changes: Sequence[Changes], since_s: float) -> dict[str, float]:
    """Images expected by so long after a checkpoint, by relation: distinct pages changed."""
    checks.at_least_zero("since_s", since_s)
    found: dict[str, float] = {}
    for each in changes:
        counts, rates = each.rates()
        found[each.name] = found.get(each.name, 0.0) - float(counts @ np.expm1(-rates * since_s))
    return found


def full_page_rate(changes: Sequence[Changes], since_s: float) -> float:
    """Images a second at so long after a checkpoint: all changes at first, then fewer and fewer."""
    checks.at_least_zero("since_s", since_s)
    return sum(float(counts @ (rates * np.exp(-rates * since_s))) for counts, rates in (c.rates() for c in changes))


def wal_volume(
    changes: Sequence[Changes], records_per_s: float, record_bytes_per_s: float, since_s: float, settings: Settings
) -> WalVolume:
    """WAL from a checkpoint to so long after it.

    ``record_bytes_per_s`` are without images. Each record starts at a multiple of 8 bytes and each page of the WAL has
    a header: they are in the segments, and not in pg_stat_wal's count.
    """
    checks.at_least_zero("records_per_s", records_per_s)
    checks.at_least_zero("record_bytes_per_s", record_bytes_per_s)
    images, image_total = 0.0, 0.0
    if settings.full_page_writes:
        by_relation = [(each, sum(full_page_images([each], since_s).values())) for each in changes]
        images = sum(number for _, number in by_relation)
        image_total = settings.wal_compression * sum(each.image_bytes * number for each, number in by_relation)
    records = record_bytes_per_s * since_s
    aligned = records + image_total + records_per_s * since_s * (constant("wal.alignment_bytes") - 1.0) / 2.0
    in_segments = aligned * PAGE / (PAGE - constant("wal.page_header_bytes"))
    return WalVolume(images, records, image_total, in_segments)
