"""Draws all that is random about a stream of requests, before the simulation: one independent stream a purpose.

Each request class has its own generator, spawned from one seed by the class's name, so that another class in the mix
does not change this one's draws, and two candidates of a search see the same requests (common random numbers).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dfr_sizing.demand import HOURS
from dfr_sizing.drivers import rule
from dfr_sizing.model import RequestCost
from dfr_sizing.simulation.system import FloatArray, IntArray, Requests

HOUR_S = 3600.0

STATEMENTS_PER_ROUND = int(rule("simulation.statements_per_round"))
MOST_ROUNDS = int(rule("simulation.most_rounds"))
"""Python and SQL alternate once per so many statements: each alternation costs the simulation two events, and under
processor sharing only the sums matter (Cohen 1979); the waits of all statements are kept by Cpu.dispatch_s."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one class. ``rate_per_s``: arrivals a second; for closed users, the class's weight in the mix.

    ``app_factor`` and ``database_factor`` multiply the CPU demand (contention, calibration); ``miss_ratio`` is the
    share of a request's pages that are read from disk, ``read_cv`` the coefficient of variation of one read's latency.
    """

    name: str
    rate_per_s: float
    cost: RequestCost
    background: bool = False
    app_factor: float = 1.0
    database_factor: float = 1.0
    client_cpu_s: float = 0.0
    miss_ratio: float = 0.0
    read_cv: float = 0.0

    @property
    def app_cpu_s(self) -> float:
        """Mean seconds of Python of a request, its factor counted."""
        return self.cost.app_cpu_s * self.app_factor

    @property
    def database_cpu_s(self) -> float:
        """Mean seconds of SQL of a request, its factor counted."""
        return self.cost.database_cpu_s * self.database_factor


@dataclass(frozen=True, slots=True)
class Profile:
    """Requests of one class through a day. ``rate_by_hour``: arrivals a second in each hour from midnight.

    ``reach`` is the share of a request's CPU time that IdleCost concerns: through it the demand depends on how busy its
    host is at that hour of the run. The rest as in Stream.
    """

    name: str
    cost: RequestCost
    rate_by_hour: tuple[float, ...]
    background: bool = False
    reach: float = 1.0
    client_cpu_s: float = 0.0
    miss_ratio: float = 0.0
    read_cv: float = 0.0

    def __post_init__(self) -> None:
        if len(self.rate_by_hour) != HOURS or not all(0.0 <= rate < math.inf for rate in self.rate_by_hour):
            raise ValueError(f"{self.name}: rate_by_hour must be {HOURS} rates of 0 or more, not {self.rate_by_hour}")


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """The random stream of a purpose: the same for the same seed and words, on any machine."""
    key = tuple(word if isinstance(word, int) else zlib.crc32(word.encode()) for word in purpose)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def draw_open(streams: Sequence[Stream], until_s: float, seed: int, replication: int = 0) -> Requests:
    """Poisson arrivals of every stream up to ``until_s``, merged in order of arrival."""
    arrivals: list[FloatArray] = []
    for stream in streams:
        rng = generator(seed, "arrivals", stream.name, replication)
        arrivals.append(_poisson_times(rng, stream.rate_per_s, until_s))
    counts, drawn_as, at = _merged(arrivals)
    return _with_demands(streams, counts, drawn_as, at, np.empty(0), seed, replication)


def draw_day(profiles: Sequence[Profile], seed: int, replication: int = 0, compress: float = 1.0) -> Requests:
    """Poisson arrivals through a day whose rates change by the hour, merged in order of arrival.

    With ``compress`` c the day lasts 24 h / c at the same rates: each hour is shown by 1/c of its length.
    """
    if not 0.0 < compress < math.inf:
        raise ValueError(f"compress must be above 0, not {compress}")
    rngs = [generator(seed, "arrivals", profile.name, replication) for profile in profiles]
    arrivals = [
        _through_day(rng, profile.rate_by_hour, HOUR_S / compress) for rng, profile in zip(rngs, profiles, strict=True)
    ]
    counts, drawn_as, at = _merged(arrivals)
    streams = [
        Stream(
            profile.name,
            sum(profile.rate_by_hour) / HOURS,
            profile.cost,
            profile.background,
            client_cpu_s=profile.client_cpu_s,
            miss_ratio=profile.miss_ratio,
            read_cv=profile.read_cv,
        )
        for profile in profiles
    ]
    reach = np.array([profile.reach for profile in profiles])
    drawn = _with_demands(streams, counts, drawn_as, at, np.empty(0), seed, replication)
    return replace(drawn, reach=reach[drawn.class_index])


def draw_closed(streams: Sequence[Stream], count: int, think_s: float, seed: int, replication: int = 0) -> Requests:
    """``count`` requests of a mix, each with an exponential think time of mean ``think_s`` before it."""
    weights = np.array([stream.rate_per_s for stream in streams])
    index = generator(seed, "mix", replication).choice(len(streams), size=count, p=weights / weights.sum())
    think = generator(seed, "think", replication).exponential(think_s, count) if think_s > 0 else np.zeros(count)
    counts = np.bincount(index, minlength=len(streams))
    drawn_as = np.empty(count, dtype=np.int64)
    drawn_as[np.argsort(index, kind="stable")] = np.arange(count)
    return _with_demands(streams, counts, drawn_as, np.empty(0), think, seed, replication)


def _poisson_times(rng: np.random.Generator, rate: float, until_s: float) -> FloatArray:
    expected = rate * until_s
    times: FloatArray = np.empty(0)
    while len(times) == 0 or times[-1] < until_s:
        if rate <= 0.0:
            return times
        more = int(expected + 4 * math.sqrt(expected) + 16)
        start = times[-1] if len(times) else 0.0
        times = np.concatenate([times, start + np.cumsum(rng.exponential(1.0 / rate, more))])
    return times[times < until_s]


def _through_day(rng: np.random.Generator, rate_by_hour: tuple[float, ...], hour_s: float) -> FloatArray:
    """Arrivals of a Poisson process whose rate changes every ``hour_s``.

    A process of rate 1 goes through the inverse of the integrated rate (Cinlar, Introduction to Stochastic Processes,
    1975, chapter 4): exact, where rates taken at the last arrival are not.
    """
    rates = np.array(rate_by_hour)
    expected = np.concatenate(([0.0], np.cumsum(rates * hour_s)))
    unit = _poisson_times(rng, 1.0, float(expected[-1]))
    hour = np.searchsorted(expected, unit, side="right") - 1
    times: FloatArray = hour * hour_s + (unit - expected[hour]) / rates[hour]
    return times


def _merged(arrivals: list[FloatArray]) -> tuple[IntArray, IntArray, FloatArray]:
    """How many arrivals each class has; the places of all, in order of time, among them class by class; the times."""
    at = np.concatenate(arrivals) if arrivals else np.empty(0)
    order = np.argsort(at, kind="stable")
    return np.array([len(times) for times in arrivals], dtype=np.int64), order, at[order]


def _with_demands(
    streams: Sequence[Stream],
    counts: IntArray,
    drawn_as: IntArray,
    at: FloatArray,
    think: FloatArray,
    seed: int,
    replication: int,
) -> Requests:
    """Requests with what they take. That is drawn class by class; ``drawn_as`` is the place of each request there."""
    drawn = [_demands(stream, int(count), seed, replication) for stream, count in zip(streams, counts, strict=True)]
    columns = [np.concatenate(column)[drawn_as] for column in zip(*drawn, strict=True)] or [np.empty(0)] * 6
    index = np.repeat(np.arange(len(streams)), counts)[drawn_as]

    def of_class(values: list[float]) -> FloatArray:
        return np.array(values, dtype=np.float64)[index]

    return Requests(
        class_names=tuple(stream.name for stream in streams),
        class_index=index,
        arrival_s=at,
        think_s=think,
        app_cpu_s=columns[0],
        database_cpu_s=columns[1],
        client_cpu_s=of_class([stream.client_cpu_s for stream in streams]),
        rounds=np.array([rounds_of(stream.cost.statements) for stream in streams], dtype=np.int64)[index],
        threads=np.array([stream.cost.threads for stream in streams], dtype=np.int64)[index],
        reads=columns[2],
        wal_bytes=columns[3],
        flush_factor=columns[4],
        statements=of_class([stream.cost.statements for stream in streams]),
        background=np.array([stream.background for stream in streams], dtype=bool)[index],
        read_factor=columns[5] if any(stream.read_cv > 0.0 for stream in streams) else np.empty(0),
    )


def _demands(stream: Stream, count: int, seed: int, replication: int) -> tuple[FloatArray, ...]:
    """What ``count`` requests of a class take: Python, SQL, pages read, bytes of WAL, and the flush's factor."""
    cost = stream.cost
    rng = generator(seed, "demands", stream.name, replication)
    size = _lognormal(rng, count, cost.cv)
    sql = size
    if cost.tail_share > 0.0:
        tail = np.where(rng.random(count) < cost.tail_share, cost.tail_factor, 1.0)
        sql = size * tail / (1.0 + cost.tail_share * (cost.tail_factor - 1.0))
    reads = rng.poisson(cost.pages * stream.miss_ratio, count).astype(np.float64)
    flush = _lognormal(rng, count, rule("postgresql.flush_cv")) if cost.wal_bytes > 0.0 else np.ones(count)
    return (
        stream.app_cpu_s * size,
        stream.database_cpu_s * sql,
        reads,
        cost.wal_bytes * size,
        flush,
        _read_factors(stream, reads, seed, replication),
    )


def _read_factors(stream: Stream, reads: FloatArray, seed: int, replication: int) -> FloatArray:
    """The mean latency of each request's reads over that of the disk: of n reads it varies by 1 / sqrt(n).

    A sum of lognormal latencies is taken as lognormal with its mean and variance (Fenton 1960). It has a stream of its
    own, so that what else is drawn does not change with it.
    """
    if stream.read_cv == 0.0:
        return np.ones(len(reads))
    rng = generator(seed, "read latency", stream.name, replication)
    variance = np.log1p(stream.read_cv**2 / np.maximum(reads, 1.0))
    factors: FloatArray = np.exp(rng.standard_normal(len(reads)) * np.sqrt(variance) - variance / 2)
    return factors


def rounds_of(statements: float) -> int:
    """How often Python and SQL alternate in the simulation of a request with so many statements."""
    return min(MOST_ROUNDS, max(1, math.ceil(statements / STATEMENTS_PER_ROUND)))


def _lognormal(rng: np.random.Generator, n: int, cv: float) -> FloatArray:
    """Draw n values of mean 1 and coefficient of variation ``cv``."""
    variance = math.log1p(cv * cv)
    drawn: FloatArray = np.exp(rng.standard_normal(n) * math.sqrt(variance) - variance / 2)
    return drawn
