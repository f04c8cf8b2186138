"""A speed score: the CPU time of a fixed loop, to tell a slow second of the host from a slow Odoo.

One host took 14.9 to 25.7 ms for the same loop within an hour, and an idle host costs more per request because others
have taken its caches (lessons 2 and 3 of models/odoo18-reference). So the loop walks through memory beyond the L2 cache
as well as computing: each step's address depends on what the step before has read. Not through that alone: a walk of
only such steps took 1.37 times as long on a day when Odoo's requests took 1.1 times the CPU. Two steps in three are
in a table that stays in the L2 cache.
"""

from __future__ import annotations

import statistics
import time
from array import array

STEPS = 10_000
"""Steps of one score through the large table, and twice as many through the small one. Stated: some 5 ms of CPU, once a
second 0.5 % of a core (measured, EPYC 9004)."""

WORDS, FEW_WORDS = 1 << 22, 1 << 16
"""Numbers of four bytes to walk through: 16 MiB. Stated: beyond any L2 cache (1 to 2 MiB a core), within many an L3.
And 256 KiB, which any L2 cache holds."""

FACTOR, SUMMAND = 1_103_515_245, 12_345
"""Of the linear congruence of ISO C's rand(): modulo a power of two it comes by every number (Hull-Dobell)."""

ALONE, PAUSE_S = 7, 0.2
"""Scores of which the median is taken when nothing else runs, and the pause before each, for others use caches too."""


class SpeedLoop:
    """The loop goes on where it stopped, so that it does not find in the cache what it has just read.

    >>> loop = SpeedLoop()
    >>> score = loop.milliseconds()
    """

    def __init__(self) -> None:
        self._large, self._small = (array("I", [SUMMAND]) * words for words in (WORDS, FEW_WORDS))
        self._place = 0

    def milliseconds(self) -> float:
        """CPU time of the loop in this thread, in ms."""
        began = time.thread_time()
        self._place = _walked(self._large, self._place, STEPS)
        _walked(self._small, self._place % FEW_WORDS, 2 * STEPS)
        return 1e3 * (time.thread_time() - began)

    def alone(self) -> float:
        """The median score in ms; to be asked for when nothing else runs. Takes 1.4 s."""
        scores = []
        for _ in range(ALONE):
            time.sleep(PAUSE_S)
            scores.append(self.milliseconds())
        return statistics.median(scores)


def _walked(table: array[int], place: int, steps: int) -> int:
    """Where a walk of so many steps from a place ends."""
    mask = len(table) - 1
    for _ in range(steps):
        place = (place * FACTOR + table[place]) & mask
    return place
