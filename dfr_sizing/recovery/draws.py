"""Random draws of rates: one stream a purpose, so that the same day is drawn for every strategy and every input.

A rate is drawn as a log-normal with two spreads: its median is ``mid``, its 5 % and 95 % points are ``low`` and
``high``, as ``Interval`` defines them. People misjudge speeds and delays by factors, which a logarithm measures; a
triangle between low and high would deny the tenth of cases that the interval leaves outside.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from dfr_sizing.interval import Interval
from dfr_sizing.recovery.rates import Rates
from dfr_sizing.recovery.types import Quantiles

FloatArray = npt.NDArray[np.float64]

DRAWS = 4000
"""Draws of each estimate: the 95 % point then lies between the true 94.3 % and 95.7 % points (two standard errors)."""

USUAL_LEVEL = 0.95
"""Confidence where none is asked for (targets.confidence)."""
_Z95 = NormalDist().inv_cdf(0.95)
_WORD_BYTES = 4


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The random stream of one purpose: the same for a seed and a name on any machine, independent of the others."""
    digest = hashlib.sha256(purpose.encode()).digest()
    words = tuple(int.from_bytes(digest[i : i + _WORD_BYTES], "big") for i in range(0, len(digest), _WORD_BYTES))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=words))


def spread(interval: Interval, z: FloatArray) -> FloatArray:
    """Standard normal draws as draws of the interval, in its unit; larger z never gives a smaller value."""
    up, down = np.log(interval.high / interval.mid), np.log(interval.mid / interval.low)
    return np.asarray(interval.mid * np.exp(z / _Z95 * np.where(z > 0.0, up, down)), dtype=np.float64)


def quantiles(minutes: FloatArray, level: float = USUAL_LEVEL) -> Quantiles:
    """The median, the 95 % point and that of ``level`` of draws in minutes."""
    p50, p95, sure = np.quantile(minutes, (0.5, 0.95, level))
    return Quantiles(float(p50), float(p95), float(sure))


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws of named rates. Rates drawn for one purpose rise and fall together (common random numbers)."""

    seed: int
    rates: Rates

    def draw(self, rate: str, purpose: str) -> FloatArray:
        """``DRAWS`` values of a rate, in the unit of its line."""
        return _drawn(self.rates.interval(rate), self.seed, purpose)

    def share(self, rate: str, purpose: str) -> FloatArray:
        """``DRAWS`` values of a rate that is a share, at most 1."""
        return np.minimum(self.draw(rate, purpose), 1.0)

    def uniform(self, purpose: str) -> FloatArray:
        """``DRAWS`` values between 0 and 1: where in an interval the failure falls."""
        return _uniform(self.seed, purpose)


@lru_cache(maxsize=256)
def _drawn(interval: Interval, seed: int, purpose: str) -> FloatArray:
    """Kept, and so not to be written to: every strategy and every place asks for the same draws."""
    return _read_only(spread(interval, stream(seed, f"recovery/{purpose}").standard_normal(DRAWS)))


@lru_cache(maxsize=32)
def _uniform(seed: int, purpose: str) -> FloatArray:
    return _read_only(stream(seed, f"recovery/{purpose}/uniform").random(DRAWS))


def _read_only(values: FloatArray) -> FloatArray:
    values.setflags(write=False)
    return values
