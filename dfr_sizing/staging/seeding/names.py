"""Made-up names of people and villages, some much more common than others, as names are.

A name is put together from syllables by its number, so nothing is drawn: whoever knows the number knows the name. The
load test searches for these names.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

GIVEN_NAMES, FAMILY_NAMES, VILLAGES = 800, 20_000, 400
SKEW, FLATTENED = 0.8, 50.0
"""The r-th most common name has a weight of (r + FLATTENED) to the power of -SKEW. Assumed: of a million farmers the
most common family name then has about 1,700 and the rarest 14, so a search finds few to hundreds in most registries."""

_SYLLABLES = tuple(first + then for first in "fhklmnpstv" for then in "aeiou")


def given_name(number: int) -> str:
    """The number-th most common given name: two syllables, or three."""
    return _word(number * 7 + 3, 2 if number < len(_SYLLABLES) else 3)


def family_name(number: int) -> str:
    """The number-th most common family name: four syllables, so that none is part of another."""
    return _word(number * 311 + 17, 4)


def village(number: int) -> str:
    """The number-th largest village."""
    return _word(number * 61 + 29, 3) + " Village"


def _word(number: int, syllables: int) -> str:
    parts = []
    # The number is read in base 50; a step that shares no factor with 50 keeps all words different.
    number = number * 7919 % len(_SYLLABLES) ** syllables
    for _ in range(syllables):
        number, syllable = divmod(number, len(_SYLLABLES))
        parts.append(_SYLLABLES[syllable])
    return "".join(parts).capitalize()


def drawn(draw: np.random.Generator, names: int, count: int) -> npt.NDArray[np.intp]:
    """Numbers of so many names, the common more often."""
    return np.searchsorted(_shares(names), draw.random(count)).clip(max=names - 1)


@cache
def _shares(names: int) -> npt.NDArray[np.float64]:
    weights = (np.arange(1, names + 1) + FLATTENED) ** -SKEW
    total: npt.NDArray[np.float64] = np.cumsum(weights) / weights.sum()
    return total
