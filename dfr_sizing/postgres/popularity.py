"""How unevenly the pages of a relation are touched: some by everybody, most hardly ever."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfr_sizing.analytic import checks

FloatArray = NDArray[np.float64]

STEP = 1.05
"""A page's rank over that of the next group: pages so near in rank are taken to be touched alike."""


@dataclass(frozen=True, slots=True)
class Popularity:
    """A share ``uniform_share`` of touches goes to all pages alike, the rest by a power law of the page's rank.

    The most popular share x of the pages has uniform_share * x + (1 - uniform_share) * x ** (1 - exponent) of the
    touches: Zipf's law of that exponent, taken continuously, so that a table that grows keeps the same curve. Exponent
    0 is uniform; 0.86 is 80 % of the touches to 20 % of the pages; 0.99 is 80 % to a page in five billion.
    """

    exponent: float
    uniform_share: float = 0.0

    def __post_init__(self) -> None:
        checks.below_one("exponent", self.exponent)
        if not 0.0 <= self.uniform_share <= 1.0:
            raise ValueError(f"uniform_share is {self.uniform_share}, but must be from 0 to 1")

    def share_of_hottest(self, share_of_pages: FloatArray) -> FloatArray:
        """The share of touches that goes to the most popular share of the pages."""
        steep: FloatArray = share_of_pages ** (1.0 - self.exponent)
        return self.uniform_share * share_of_pages + (1.0 - self.uniform_share) * steep

    def groups(self, pages: float) -> tuple[FloatArray, FloatArray]:
        """Numbers of pages, from the most popular on, and each such page's share of the touches. Empty without pages.

        One by one first, then in groups whose ranks differ by 5 % at most.
        """
        checks.at_least_zero("pages", pages)
        if pages <= 0.0:
            return np.empty(0), np.empty(0)
        whole = max(1, int(pages))
        edges = [np.arange(min(whole, int(1.0 / (STEP - 1.0))) + 1, dtype=np.float64)]
        last = float(edges[0][-1])
        if last < whole:
            steps = int(np.ceil(np.log(whole / last) / np.log(STEP)))
            edges.append(np.geomspace(last, whole, steps + 1)[1:])
        ranks = np.concatenate(edges) / whole
        counts = np.diff(ranks) * pages
        return counts, np.diff(self.share_of_hottest(ranks)) / counts


UNIFORM = Popularity(0.0)
