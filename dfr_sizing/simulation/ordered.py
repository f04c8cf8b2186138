"""Observations by rank, sorted only where somebody looks: to sort all of them takes longer than their estimates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dfr_sizing.simulation.system import IntArray

Floats = npt.NDArray[np.floating[Any]]
Bands = npt.NDArray[np.uint16]

FEW = 4096
"""So many observations are sorted as fast as they are put into bands."""

AT_ONCE = 1 << 18
"""Observations that are put into bands at once: what is worked out on the way stays in the cache."""


class Ordered:
    """The observations as if they were sorted: ``ordered[rank]``, counted from 0.

    Those that share sign, exponent and the first seven binary digits make a band; it is sorted when a rank in it is
    first asked for. An estimate asks for a dozen ranks, in few bands.
    """

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._band_of, counts = _in_bands(values) if len(values) > FEW else _in_one(values)
        self._ends = np.cumsum(counts)
        self._sorted: dict[int, Floats] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rank: int) -> Any:
        """The observation of a rank."""
        band = int(np.searchsorted(self._ends, rank, side="right"))
        if band not in self._sorted:
            self._sorted[band] = np.sort(self._values[self._band_of == band])
        return self._sorted[band][rank - self._ends[band]]  # counted from the band's end


def _in_one(values: Floats) -> tuple[Bands, IntArray]:
    """All values in one band, and how many they are."""
    return np.zeros(len(values), np.uint16), np.array([len(values)])


def _in_bands(values: Floats) -> tuple[Bands, IntArray]:
    """The band of each value, and how many values each band has."""
    band_of, counts = np.empty(len(values), np.uint16), np.zeros(1 << 16, np.int64)
    for first in range(0, len(values), AT_ONCE):
        bands = _upper_half(values[first : first + AT_ONCE])
        band_of[first : first + AT_ONCE] = bands
        counts += np.bincount(bands, minlength=len(counts))
    return band_of, counts


def _upper_half(values: Floats) -> Bands:
    """The upper half of the bits of each value in single precision, turned so that they rise with the value."""
    upper = (values.astype(np.float32, copy=False).view(np.int32) >> 16).astype(np.int16)
    upper ^= (upper >> 15) & 0x7FFF  # what is below 0 has its sign apart, and so falls
    return upper.view(np.uint16) ^ np.uint16(0x8000)
