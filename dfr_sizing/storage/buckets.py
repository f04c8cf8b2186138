"""Token buckets in series: what passes a volume's and an instance's, as the one bucket that the engines have.

What a bucket lets through from full is its arrival curve, min(burst x t, most + rate x t) (Le Boudec and Thiran 2001,
Network Calculus, section 1.2); through several in series goes the least of their curves, in every interval of time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SETTLED = 1e-9
"""Tokens count as the same as a day ago within this share of what the bucket holds."""
DAYS_AT_MOST = 3650
"""Days after which a bucket that still changes from day to day is taken as it is: it drains by a hair."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """``rate`` units a second, up to ``burst_rate`` while there are tokens, of which it holds ``most``.

    Tokens come in at ``rate`` and a unit takes one. Without a burst, ``burst_rate`` is ``rate`` and ``most`` is 0.
    """

    rate: float
    burst_rate: float
    most: float

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= self.burst_rate or self.most < 0.0:
            raise ValueError(f"a bucket needs 0 < rate <= burst rate and tokens from 0, not {self}")

    @classmethod
    def steady(cls, rate: float) -> Bucket:
        """A rate without a burst."""
        return cls(rate, rate, 0.0)

    @property
    def bursts(self) -> bool:
        """Whether there is anything beyond the rate."""
        return self.burst_rate > self.rate and self.most > 0.0

    def lasts_s(self, use: float = math.inf) -> float:
        """Seconds from full until it is empty, if ``use`` units a second are asked for (as many as it gives)."""
        beyond = min(use, self.burst_rate) - self.rate
        return self.most / beyond if beyond > 0.0 else math.inf

    def refills_s(self, use: float = 0.0) -> float:
        """Seconds from empty to full while ``use`` units a second are asked for."""
        spare = self.rate - use
        return self.most / spare if spare > 0.0 else math.inf


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket that stands for two in series.

    ``rate_of`` and ``burst_of`` name what sets its rate and its burst. Asked for all it can give, it gives from full
    what the two give until ``exact_until_s``, and less than they after that; inf: it is the two, whatever is asked.
    """

    bucket: Bucket
    rate_of: str
    burst_of: str
    exact_until_s: float
    apart: tuple[Bucket, ...]

    def lasts_s(self) -> float:
        """Seconds of burst from full."""
        return self.bucket.lasts_s()


def in_series(volume: Bucket, instance: Bucket | None) -> Limit:
    """Everything passes both: the least rate of the two, the least burst, and the tokens that this takes.

    It is exactly one bucket where the one with the lower rate is the first to be empty at the common burst: the other
    then never is, for in no time t does more pass than min(burst x t, most + rate x t) of the first. Else the
    one with the higher rate is empty first and for a while the common rate is in between: three rates, where a bucket
    has two. That while is given the lower rate at once, so that it is never promised more than there is.
    """
    if instance is None:
        return Limit(volume, "volume", "volume", math.inf, (volume,))
    named = {"volume": volume, "instance": instance}
    lower, higher = sorted(named, key=lambda name: (named[name].rate, named[name].lasts_s()))
    rate = named[lower].rate
    burst_of = min(named, key=lambda name: named[name].burst_rate)
    burst = named[burst_of].burst_rate
    until, other = (_empty_after(named[name], burst) for name in (lower, higher))
    if burst <= rate:
        return Limit(Bucket.steady(rate), lower, burst_of, math.inf, (volume, instance))
    if until <= other:
        return Limit(Bucket(rate, burst, named[lower].most), lower, burst_of, math.inf, (volume, instance))
    short = Bucket(rate, burst, (burst - rate) * other) if other > 0.0 else Bucket.steady(rate)
    return Limit(short, lower, burst_of, other, (volume, instance))


def _empty_after(bucket: Bucket, burst: float) -> float:
    """Seconds from full until a bucket is empty at a burst that another one may hold lower than its own."""
    return bucket.most / (burst - bucket.rate) if burst > bucket.rate else math.inf


def phases_of(buckets: Sequence[Bucket]) -> tuple[tuple[float, float], ...]:
    """From full and asked for all they give: the rates in turn, each with its seconds (the last: inf).

    The least of the buckets' arrival curves, piece by piece; without the simplification of ``in_series``.
    """
    lines = sorted(
        {(bucket.burst_rate, 0.0) for bucket in buckets} | {(bucket.rate, bucket.most) for bucket in buckets},
        key=lambda line: (line[1], line[0]),
    )
    now = 0.0
    phases: list[tuple[float, float]] = []
    slope, start = min((line for line in lines if line[1] == 0.0), default=lines[0])
    while True:
        # Only a flatter line that begins higher can come to be the least.
        crossings = [((most - start) / (slope - rate), rate, most) for rate, most in lines if rate < slope]
        if not crossings:
            return (*phases, (slope, math.inf))
        at, rate, most = min(crossings)
        if at > now:
            phases.append((slope, at - now))
        now, slope, start = max(at, now), rate, most


def tokens_through(bucket: Bucket, use_by_hour: Sequence[float]) -> tuple[float, ...]:
    """Tokens at the beginning of each hour of a day that repeats itself, ``use_by_hour`` units a second in each.

    From full on the first day, until a day ends as it began; what is asked beyond the burst waits for no one here.
    """
    tokens = bucket.most
    for _ in range(DAYS_AT_MOST):
        began, hours = tokens, []
        for use in use_by_hour:
            hours.append(tokens)
            gained = (bucket.rate - min(use, bucket.burst_rate)) * 3600.0
            tokens = min(bucket.most, max(0.0, tokens + gained))
        if abs(tokens - began) <= SETTLED * bucket.most:
            break
    return tuple(hours)
