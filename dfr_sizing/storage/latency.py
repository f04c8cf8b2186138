"""How long an operation takes: its law on an idle volume, and its rise as the volume comes near saturation.

The engines queue requests in the volume's pipe themselves and add the latency to it; the rise that is computed here is
for bounds and for words, and must not be put into a latency that is simulated: the wait would count twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from dfr_sizing.analytic import mgc_mean_wait
from dfr_sizing.interval import Interval

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)


@dataclass(frozen=True, slots=True)
class Latency:
    """A lognormal law of one operation's seconds, with its mean and its coefficient of variation (sd over mean).

    Lognormal, because that is how latencies of storage lie over decades: few fast, a long tail to the right.
    """

    mean_s: float
    cv: float

    @classmethod
    def of(cls, milliseconds: Interval) -> Latency:
        """The law with the interval's mid as its mean, and low and high as far apart as its 5 % and 95 % points.

        >>> round(Latency.of(Interval(0.8, 1.05, 1.8)).cv, 2)  # gp3's reads
        0.25
        """
        sigma = math.log(milliseconds.high / milliseconds.low) / (2.0 * _Z95)
        return cls(milliseconds.mid / 1e3, math.sqrt(math.expm1(sigma * sigma)))

    def quantile_s(self, share: float) -> float:
        """Seconds that this share of operations takes at most; ``share`` between 0 and 1."""
        if self.cv == 0.0:
            return self.mean_s
        sigma = math.sqrt(math.log1p(self.cv * self.cv))
        return self.mean_s * math.exp(sigma * _NORMAL.inv_cdf(share) - sigma * sigma / 2.0)


@dataclass(frozen=True, slots=True)
class LoadedLatency:
    """Mean seconds of a read on a loaded volume: ``wait_s`` for its turn, then ``read_s`` until it has all pages.

    ``utilisation`` is that of the volume's operations; at 1 and above the wait is inf.
    """

    utilisation: float
    wait_s: float
    read_s: float

    @property
    def mean_s(self) -> float:
        """Wait and read."""
        return self.wait_s + self.read_s


def read_latency(
    law: Latency, iops: float, reads_per_s: float, pages: float = 1.0, squared_cv: float = 0.0
) -> LoadedLatency:
    """Mean latency of reads of ``pages`` pages each that come at random, as the engines' volume serves them.

    The pipe gives its turn for ``pages / iops`` seconds: M/G/1, with the squared coefficient of variation of the pages
    (0: M/D/1; 1: about exponential), by Pollaczek and Khinchine. Then a backend reads page after page, each
    with the law's latency, and not faster than the pipe. More IOPS never raise it. ValueError as ``mgc_mean_wait``
    raises, for figures below 0.
    """
    turn = pages / iops
    utilisation = reads_per_s * turn
    wait = mgc_mean_wait(reads_per_s, turn, squared_cv, 1) if utilisation < 1.0 else math.inf
    return LoadedLatency(utilisation, wait, max(turn, pages * law.mean_s))
