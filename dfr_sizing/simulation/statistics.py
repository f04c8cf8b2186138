"""Output statistics: where the warm-up ends, and how sure a mean or a quantile is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dfr_sizing.simulation.system import FloatArray

FEWEST_IN_BATCH = 10
"""Observations beyond the quantile that each batch must hold for its quantile to mean something."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; ``low <= value <= high``. ``n`` observations stand behind it."""

    value: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the interval over the value."""
        return (self.high - self.low) / 2 / self.value if self.value else 0.0

    def scaled(self, factor: float, shift: float = 0.0) -> Estimate:
        """The estimate times a factor, plus a constant."""
        return Estimate(self.value * factor + shift, self.low * factor + shift, self.high * factor + shift, self.n)


def mser5(values: FloatArray) -> int:
    """How many observations to cut at the start: MSER-5 (White, Cobb, Spratt 2000), at most the first half.

    The cut minimises the squared standard error of what remains, over means of five.
    """
    batches = len(values) // 5
    if batches < 4:
        return 0
    means = values[: 5 * batches].reshape(batches, 5).mean(axis=1)
    # Suffix sums give mean and variance of every remainder in one pass.
    left = np.arange(batches, 0, -1)
    total, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1] ** 2)[::-1]
    error = (squares - total * total / left) / (left * left)
    return 5 * int(np.argmin(error[: batches // 2]))


def mean_estimate(batches: Sequence[FloatArray], confidence: float) -> Estimate:
    """Mean of all observations; Student interval over the batch means (batches alike in length, independent)."""
    filled = [batch for batch in batches if len(batch)]
    pooled = np.concatenate(filled) if filled else np.empty(0)
    if len(pooled) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(pooled.mean())
    return _student(value, [float(batch.mean()) for batch in filled], confidence, len(pooled))


def quantile_estimate(batches: Sequence[FloatArray], q: float, confidence: float) -> Estimate:
    """The q-quantile of all observations, with an interval.

    With enough observations in every batch: Student over the batch quantiles (Heidelberger & Lewis 1984). Else, for
    classes that come rarely and so are nearly independent: order statistics by the binomial distribution (Conover).
    """
    pooled = np.sort(np.concatenate(list(batches))) if batches else np.empty(0)
    n = len(pooled)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(np.quantile(pooled, q))
    if min(len(batch) for batch in batches) * min(q, 1 - q) >= FEWEST_IN_BATCH:
        return _student(value, [float(np.quantile(batch, q)) for batch in batches], confidence, n)
    low = int(stats.binom.ppf((1 - confidence) / 2, n, q))
    high = int(stats.binom.ppf((1 + confidence) / 2, n, q))
    return Estimate(value, min(value, float(pooled[max(0, low - 1)])), max(value, float(pooled[min(n - 1, high)])), n)


def _student(value: float, of_batches: Sequence[float], confidence: float, n: int) -> Estimate:
    if len(of_batches) < 2:
        return Estimate(value, value, value, n)
    spread = float(np.std(of_batches, ddof=1)) / len(of_batches) ** 0.5
    half = float(stats.t.ppf((1 + confidence) / 2, len(of_batches) - 1)) * spread
    return Estimate(value, max(0.0, value - half), value + half, n)
