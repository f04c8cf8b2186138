"""What is kept of one simulated replication: latencies in bins, and sums. Made where the replication ran.

A trace has a row for each request and a dozen columns; a digest has the latencies, in order of class and time, and so
costs little to send from another process and nothing to add up. ``replicate`` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfr_sizing.simulation.system import FloatArray, IntArray

BINS = 64
"""Equal spans of a replication's time that are told apart: the warm-up is cut off in whole ones."""

QUANTILES = (0.5, 0.95, 0.99)
SIZE, WITHIN, WORKLOADS = 0, 1, 1 + len(QUANTILES)
ROWS = WORKLOADS + 2
"""Rows: the size less its mean; for each quantile, whether the size is within its own, less that share; two workloads,
of Python and of all CPU work, less their means."""


@dataclass(frozen=True, slots=True, eq=False)
class Digest:
    """One replication, equal to itself alone. Seconds; one row a class, one column a bin, where not said otherwise.

    ``latencies`` of each class in order of sending (seven digits: half the bytes to send and to sort), ``counts`` how
    many each bin holds, ``controls`` their sums (control, class, bin); ``waits`` and ``waited`` by bin, as are
    ``slowness`` and ``counted``: the sum of latency over the p75 of its class, and of how many; ``sent`` and ``failed``
    by class; ``utilisation`` by resource.
    """

    class_names: tuple[str, ...]
    latencies: tuple[npt.NDArray[np.float32], ...]
    counts: IntArray
    controls: FloatArray
    waits: FloatArray
    waited: FloatArray
    slowness: FloatArray
    counted: FloatArray
    sent: IntArray
    failed: IntArray
    finished: int
    begun: int
    until_s: float
    utilisation: dict[str, float]
