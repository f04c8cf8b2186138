"""Bytes of tables and indexes by the arithmetic of PostgreSQL's pages.

Heap: PostgreSQL manual 66.6 (Database Page Layout), 66.2 (TOAST). B-tree: 64.1.4 and nbtsort.c: each leaf has a high
key beside its entries and is filled to the fillfactor; equal keys share posting lists (64.1.4.3, Deduplication). GIN:
64.4 and ginpostinglist.c: each trigram has the sorted list of its rows, as differences in 1 to 7 bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from dfr_sizing.analytic import checks
from dfr_sizing.drivers import constant
from dfr_sizing.postgres.settings import PAGE


def aligned(size: float) -> int:
    """Bytes up to the next multiple of 8."""
    step = int(constant("wal.alignment_bytes"))
    return math.ceil(size / step) * step


def heap_bytes(rows: float, row_bytes: float, fillfactor: float = 1.0) -> float:
    """A table of rows of ``row_bytes`` (header and alignment included, line pointer not), whole pages."""
    checks.at_least_zero("rows", rows)
    room = PAGE - constant("page.header_bytes")
    free = (1.0 - fillfactor) * PAGE
    a_page = max(1, int((room - free) // (aligned(row_bytes) + constant("page.line_pointer_bytes"))))
    return math.ceil(rows / a_page) * PAGE


def toast_bytes(rows: float, row_bytes: float) -> float:
    """Bytes beside the table: of a row over the threshold all but what is kept in line; 0 for shorter ones.

    Compression is left out, so that it is an upper bound.
    """
    most = constant("toast.threshold_bytes")
    outside = row_bytes - most if row_bytes > most else 0.0
    return heap_bytes(rows * math.ceil(outside / most), min(outside, most)) if outside > 0.0 else 0.0


def btree_bytes(rows: float, key_bytes: float, fill: float | None = None, rows_a_key: float = 1.0) -> float:
    """A B-tree with all its levels and its metapage.

    ``fill``: share of a leaf in use; as built (0.9) without it, ``btree.random_fill`` where keys come in any order.
    ``rows_a_key`` > 1: equal keys, whose rows share posting lists of at most ``btree.posting_bytes``.
    """
    checks.at_least_zero("rows", rows)
    fill = constant("btree.page_fill") if fill is None else fill
    own = constant("btree.tuple_header_bytes") + key_bytes
    pointer = constant("page.line_pointer_bytes")
    row_id = constant("btree.row_id_bytes")
    in_posting = max(1.0, (constant("btree.posting_bytes") - aligned(own)) // row_id)
    lists = math.ceil(rows_a_key / in_posting)
    in_list = rows_a_key / lists
    leaf_entry = aligned(own if in_list <= 1.0 else aligned(own) + row_id * in_list) + pointer
    pivot = aligned(own) + pointer
    level = math.ceil(_pages(rows / max(1.0, in_list), leaf_entry, pivot, fill))
    pages = 1 + level  # the metapage
    while level > 1:
        level = math.ceil(_pages(level, pivot, pivot, constant("btree.upper_fill")))
        pages += level
    return float(pages * PAGE)


def _pages(entries: float, entry: float, high_key: float, fill: float) -> float:
    room = PAGE - constant("page.header_bytes") - constant("btree.special_bytes")
    # While built a leaf is closed by the first entry that would take its free space below the rest of the page.
    return max(1.0, entries / max(1.0, (room - (1.0 - fill) * PAGE - high_key) // entry))


def trigrams(text: str) -> frozenset[str]:
    """The trigrams of a text as pg_trgm takes them: of each word in small letters, two blanks before and one behind."""
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return frozenset(f"  {word} "[at : at + 3] for word in words for at in range(len(word) + 1))


def trigram_shares(texts: Iterable[str]) -> dict[str, float]:
    """The share of texts that hold each trigram."""
    found, count = Counter[str](), 0
    for text in texts:
        count += 1
        found.update(trigrams(text))
    return {trigram: rows / count for trigram, rows in found.items()}


def trigram_index_bytes(rows: float, rows_a_page: float, shares: Mapping[str, float]) -> float:
    """A GIN index with gin_trgm_ops as built, of a column whose trigrams are in such shares of the rows."""
    checks.at_least_zero("rows", rows)
    checks.above_zero("rows_a_page", rows_a_page)
    inline, data = 0.0, 0
    most_inline = constant("gin.most_inline_bytes")
    room = PAGE - constant("page.header_bytes") - constant("gin.special_bytes")
    for share in shares.values():
        inside = rows * share * _row_id_bytes(share, rows_a_page)
        segments = inside / constant("gin.segment_bytes")
        whole = inside + segments * constant("gin.segment_header_bytes")
        if whole > most_inline:
            leaves = math.ceil(whole / room)
            data += leaves + (1 if leaves > 1 else 0)
            whole = 0.0
        entry = aligned(constant("gin.entry_bytes") + whole) + constant("page.line_pointer_bytes")
        # A build brings the entries in their order. A page is full at the entry after ``room // entry``, and is split
        # in halves, of which the left one stays as it is (ginentrypage.c, entrySplitPage).
        inline += 2.0 / (room // entry + 1.0)
    entries = math.ceil(inline)
    return float((1 + entries + data) * PAGE)


def _row_id_bytes(share: float, rows_a_page: float) -> float:
    """Mean bytes of a difference between neighbours: 7 bits a byte, of (page << 11 | place on it)."""
    if share >= 1.0:
        return 1.0 + 1.0 / rows_a_page
    skip = math.log1p(-share)

    def beyond(pages: float) -> float:
        """Probability that no other row follows within so many pages of one's own, wherever on it one is."""
        own = -math.expm1(skip * rows_a_page) / (-skip * rows_a_page)
        return own * math.exp(skip * rows_a_page * (pages - 1.0))

    # A byte ends at 7 bits: at another page (2 ** 11), 8 pages on (2 ** 14), 1,024 (2 ** 21), 131,072 (2 ** 28).
    return 1.0 + sum(beyond(max(1.0, 2.0 ** (7 * k - 11))) for k in range(2, 5)) + beyond(1.0)
