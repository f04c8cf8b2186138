"""Observations by rank, sorted only where somebody looks: to sort all of them takes longer than their estimates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FEW = 4096
"""So many observations are sorted as fast as they are put into bands."""


class Ordered:
    """The observations as if they were sorted: ``ordered[rank]``, counted from 0.

    Those that share sign, exponent and the first seven binary digits make a band; it is sorted when a rank in it is
    first asked for. An estimate asks for a dozen ranks, in few bands.
    """

    def __init__(self, values: npt.NDArray[np.floating[Any]]) -> None:
        self._values = values
        self._band_of = _bands(values) if len(values) > FEW else np.zeros(len(values), np.uint16)
        self._ends = np.cumsum(np.bincount(self._band_of))
        self._bands: dict[int, npt.NDArray[np.floating[Any]]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rank: int) -> Any:
        """The observation of a rank."""
        band = int(np.searchsorted(self._ends, rank, side="right"))
        if band not in self._bands:
            self._bands[band] = np.sort(self._values[self._band_of == band])
        return self._bands[band][rank - self._ends[band]]  # counted from the band's end


def _bands(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint16]:
    """The upper half of the bits of each value in single precision, turned so that they rise with the value."""
    upper = (values.astype(np.float32, copy=False).view(np.int32) >> 16).astype(np.int16)
    upper ^= (upper >> 15) & 0x7FFF  # what is below 0 has its sign apart, and so falls
    return upper.view(np.uint16) ^ np.uint16(0x8000)
