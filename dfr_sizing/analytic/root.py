"""Where a rising function crosses zero: the Illinois rule.

scipy.optimize has better ones, and takes a quarter of a second to import: half of the time in which an answer starts.
"""

from __future__ import annotations

from collections.abc import Callable

HALVINGS, MOST_STEPS, NARROW = 5, 60, 1e-11
"""Steps that halve what is left; steps at most; the distance of the ends at which they are taken to be one."""


def crossing(rising: Callable[[float], float], low: float, high: float, within: float) -> float:
    """Where a continuous function that rises from below 0 at ``low`` to above 0 at ``high`` is within ``within`` of 0.

    Regula falsi that halves the value of an end which stays (Dowell & Jarratt 1971, A Modified Regula Falsi Method for
    Computing the Root of an Equation, BIT 11). Where it is not above 0 at ``high`` there is no root: infinite.
    """
    below, above, side = rising(low), rising(high), 0
    if above <= 0.0:
        return float("inf")
    middle = low
    for step in range(MOST_STEPS):
        # The ends may be far from the root and flat: some halvings first.
        middle = (low + high) / 2.0 if step < HALVINGS else high - above * (high - low) / (above - below)
        found = rising(middle)
        if abs(found) <= within or high - low <= NARROW:
            break
        if found <= 0.0:
            low, below, above, side = middle, found, above / 2.0 if side < 0 else above, -1
        else:
            high, above, below, side = middle, found, below / 2.0 if side > 0 else below, 1
    return middle
