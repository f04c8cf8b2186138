"""A speed score: the CPU time of a fixed loop, to tell a slow second of the host from a slow Odoo.

One host took 14.9 to 25.7 ms for the same loop within an hour, and an idle host costs more per request because others
have taken its caches (lessons 2 and 3 of models/odoo18-reference). So the loop walks through memory beyond the L2 cache
as well as computing: each step's address depends on what the step before has read.
"""

from __future__ import annotations

import statistics
import time
from array import array

STEPS = 10_000
"""Steps of one score. Stated: some 2 to 4 ms of CPU, once a second 0.2 to 0.4 % of a core (measured, EPYC 9004)."""

WORDS = 1 << 22
"""Numbers of four bytes to walk through: 16 MiB. Stated: beyond any L2 cache (1 to 2 MiB a core), within many an L3."""

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
        self._table = array("I", [SUMMAND]) * WORDS
        self._place = 0

    def milliseconds(self) -> float:
        """CPU time of the loop in this thread, in ms."""
        table, place, mask = self._table, self._place, WORDS - 1
        began = time.thread_time()
        for _ in range(STEPS):
            place = (place * FACTOR + table[place]) & mask
        took = time.thread_time() - began
        self._place = place
        return 1e3 * took

    def alone(self) -> float:
        """The median score in ms; to be asked for when nothing else runs. Takes 1.4 s."""
        scores = []
        for _ in range(ALONE):
            time.sleep(PAUSE_S)
            scores.append(self.milliseconds())
        return statistics.median(scores)
