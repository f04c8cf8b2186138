"""Hit ratios by Che's approximation, with the clock that PostgreSQL replaces its buffers by.

Che, Tung & Wang, Hierarchical Web Caching Systems (IEEE JSAC 20(7), 2002): in a large cache a page stays for a time
that depends on how often it is touched and on one number T that all pages share; T is where the pages expected in the
cache fill it. Why it is so near: Fricker, Robert & Roberts, A Versatile and Accurate Approximation for LRU Cache
Performance (ITC 24, 2012). RANDOM and FIFO, and two levels: Martina, Garetto & Leonardi, A Unified Approach to the
Performance Analysis of Caching Systems (INFOCOM 2014). The clock with counts up to 5 is a TTL cache of the same kind
whose T is one round of the hand (the generalised clock of Nicola, Dan & Dias, SIGMETRICS 1992).

Left out: touches that hang together in time (independent references are taken), pages pinned by long scans, readahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.analytic.root import crossing
from dfr_sizing.drivers import constant
from dfr_sizing.postgres.popularity import FloatArray, Popularity

SURELY_KEPT = 60.0
"""Touches in a round of the hand beyond which a page is taken to stay for good (it leaves once in e^60 rounds)."""
LOG_T_WITHIN = (-40.0, 60.0)
"""Logarithm of the seconds between which a characteristic time is looked for."""
FILLED_WITHIN = 1e-11
"""Share of the cache's pages to which it is filled at the time found."""


class Policy(StrEnum):
    """What is thrown out for a page that is read."""

    LRU = "lru"
    RANDOM = "random"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or an index, and how it is used.

    ``touches_per_s`` are first touches that may miss. ``repeats_per_s`` never miss: upper levels of an index, pages
    that the same statement holds already. ``fresh_per_s`` pages are added at the end; nobody reads them in.
    ``scans_per_s`` sequential scans go through all of it.
    """

    name: str
    pages: float
    popularity: Popularity
    touches_per_s: float
    repeats_per_s: float = 0.0
    fresh_per_s: float = 0.0
    scans_per_s: float = 0.0

    @property
    def accesses_per_s(self) -> float:
        """All accesses a second, as pg_statio counts them: found or read."""
        return self.touches_per_s + self.repeats_per_s + self.scans_per_s * self.pages

    def with_scans_as_touches(self, buffers: float) -> Relation:
        """The same, where its scans are too small for a ring: each is a touch of every page."""
        scanned = self.scans_per_s * self.pages
        if scanned == 0.0 or scans_in_a_ring(self.pages, buffers):
            return self
        touches = self.touches_per_s + scanned
        uniform = (self.popularity.uniform_share * self.touches_per_s + scanned) / touches
        return replace(
            self, popularity=replace(self.popularity, uniform_share=uniform), touches_per_s=touches, scans_per_s=0.0
        )


@dataclass(frozen=True, slots=True)
class Hits:
    """Of one relation: share of its accesses found, of its first touches, pages read a second, pages in the cache.

    ``scan_reads_per_s`` of the reads are by scans in a ring (context bulkread in pg_stat_io).
    """

    name: str
    hit_ratio: float
    touch_hit_ratio: float
    reads_per_s: float
    scan_reads_per_s: float
    cached_pages: float


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache in its steady state; ``characteristic_s`` is Che's T, infinite where everything fits."""

    pages: float
    policy: Policy
    characteristic_s: float
    relations: tuple[Hits, ...]
    hit_ratio: float
    reads_per_s: float

    def of(self, name: str) -> Hits:
        """One relation's. Raises KeyError."""
        for hits in self.relations:
            if hits.name == name:
                return hits
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class TwoLevels:
    """shared_buffers, and the system's cache behind it; ``disk_reads_per_s`` is what neither holds."""

    buffers: Cache
    system: Cache
    disk_reads_per_s: float


def clock_rounds(
    touches_per_round: FloatArray, most_usage: int, scans_per_round: float | FloatArray = 0.0
) -> FloatArray:
    """Rounds of the hand that a page stays, read in with a usage count of 1 just behind the hand.

    At each pass a count above 0 goes down by one, and a page at 0 leaves; every touch adds one, up to ``most_usage``.
    A scan in a ring that comes by lifts a count of 0 to 1 and does no more (bufmgr.c, PinBuffer). The count falls by
    one a round at most, so the rounds down from c to c - 1 follow from those above it, without a subtraction:
    u(c) = e^x (1 + sum over j > c of u(j) P(N > j - c)), N Poisson with mean x; e^(x + scans) at c = 0.
    """
    x = np.minimum(touches_per_round, SURELY_KEPT)
    term, below = np.exp(-x), np.zeros_like(x)
    beyond = []  # beyond[k]: probability of more than k touches in a round
    for k in range(most_usage + 1):
        below = below + term
        beyond.append(np.maximum(0.0, 1.0 - below))
        term = term * x / (k + 1)
    down: dict[int, FloatArray] = {}
    for count in range(most_usage - 1, -1, -1):
        more = sum((down[j] * beyond[j - count] for j in down), start=np.zeros_like(x))
        down[count] = np.exp(x) * (1.0 + more)
    down[0] = down[0] * np.exp(np.minimum(scans_per_round, SURELY_KEPT))
    return down[0] + down[1] if most_usage > 1 else down[0]


def occupancy(
    policy: Policy, touches_per_t: FloatArray, scans_per_t: float = 0.0, brought_per_t: float = 0.0
) -> FloatArray:
    """Probability that a page is in the cache, by its touches in the characteristic time; also that of a hit (PASTA).

    A page is absent for 1 / rate and then stays for its mean residence, which the policy rules. Scans in a ring keep
    pages there, and leave behind what their ring held last: ``brought_per_t``, as often as that is an absent page.
    """
    if policy is Policy.LRU:
        return -np.expm1(-touches_per_t)
    if policy is Policy.RANDOM:
        return touches_per_t / (1.0 + touches_per_t)
    x = np.minimum(touches_per_t, SURELY_KEPT)
    stays = (x + brought_per_t) * clock_rounds(x, int(constant("page.most_usage")), scans_per_t)
    return stays / (1.0 + stays)


def ring_pages(buffers: float) -> float:
    """Pages that a large scan leaves in a cache of so many: the rings of its processes as they were at its end."""
    least = constant("page.scan_ring_bytes") / constant("page.bytes")
    most = max(least, min(constant("page.scan_ring_most"), buffers / constant("page.pins_shared_by")))
    return constant("page.scan_processes") * min(most, buffers / 8.0)


def residence_of_fresh(policy: Policy) -> float:
    """Characteristic times that a page stays after its last touch, once it was touched often (a page that was filled).

    The hand, anywhere in its round, takes ``most_usage`` passes to bring the count to 0 and one more to take the page.
    """
    return constant("page.most_usage") + 0.5 if policy is Policy.CLOCK else 1.0


@dataclass(frozen=True, slots=True)
class Scans:
    """Scans in a ring as one page sees them: how many come by a second, and bring it in and leave it there."""

    per_s: float = 0.0
    brought_per_s: float = 0.0


NO_SCANS = Scans()


def scans_of(scans_per_s: float, pages: float, buffers: float) -> Scans:
    """Scans of a relation in a ring; which pages the rings hold at the end is taken to be chance."""
    return Scans(scans_per_s, scans_per_s * min(1.0, ring_pages(buffers) / max(1.0, pages)))


def filled_by(relations: Sequence[Relation], buffers: float, policy: Policy) -> Callable[[float], float]:
    """Pages in a cache of ``buffers`` as a function of the characteristic time in seconds."""
    parts = []
    for relation in relations:
        counts, shares = relation.popularity.groups(relation.pages)
        scans = scans_of(relation.scans_per_s, relation.pages, buffers)
        parts.append((counts, shares * relation.touches_per_s, scans))
    plain = [part for part in parts if part[2].per_s == 0.0]
    counts, rates = (np.concatenate([part[i] for part in plain] or [np.empty(0)]) for i in (0, 1))
    scanned = [part for part in parts if part[2].per_s > 0.0]
    fresh = sum(relation.fresh_per_s for relation in relations) * residence_of_fresh(policy)

    def held(t: float) -> float:
        others = sum(float(c @ _present(policy, t, r, scans)) for c, r, scans in scanned)
        return float(counts @ _present(policy, t, rates)) + others + fresh * t

    return held


def characteristic_time(relations: Sequence[Relation], pages: float, policy: Policy) -> float:
    """Seconds at which the pages expected in the cache fill it; infinite where they never do."""
    checks.above_zero("pages of a cache", pages)
    return _filling_time(filled_by(relations, pages, policy), pages)


def _filling_time(held: Callable[[float], float], pages: float) -> float:
    """Where ``held`` reaches ``pages``, looked for on the logarithm of time; infinite where it never does."""
    found = crossing(lambda log_t: held(math.exp(log_t)) - pages, *LOG_T_WITHIN, within=FILLED_WITHIN * pages)
    return math.exp(found)


def shared_buffers(relations: Sequence[Relation], pages: float, policy: Policy = Policy.CLOCK) -> Cache:
    """What a cache of so many pages holds and misses. Raises ValueError on a cache of no page.

    A scan of a table over a quarter of the cache goes round in a ring of 256 kB and pushes nothing out: it reads what
    is not there at that moment. A smaller table's scan touches its pages as everybody does.
    """
    used = [relation.with_scans_as_touches(pages) for relation in relations]
    seconds = characteristic_time(used, pages, policy)
    return _cache(pages, policy, seconds, used, tuple(_hits(relation, pages, seconds, policy) for relation in used))


def two_levels(relations: Sequence[Relation], buffers: float, system_pages: float) -> TwoLevels:
    """shared_buffers of ``buffers`` pages before a system cache of ``system_pages``; both keep what passes them.

    The system sees what PostgreSQL misses, and is near LRU: a page is in it if it was missed in the last T2. Whoever
    misses PostgreSQL's cache has not missed it within its residence there, so only the rest of T2 counts (Martina et
    al. 2014, on caches in line that keep what passes). So the same page often lies in both. Scans are left out of
    the system's cache: what they read is counted as read from the disk.
    """
    checks.above_zero("system_pages", system_pages)
    first = shared_buffers(relations, buffers)
    used = [relation.with_scans_as_touches(buffers) for relation in relations]
    missed = [_missed(first, relation) for relation in used]
    # Pages that are added are written out, and pass through the system's cache too.
    fresh = sum(relation.fresh_per_s for relation in used)
    counts, rates = (np.concatenate([each[part] for each in missed] or [np.empty(0)]) for part in (0, 1))
    seconds = _filling_time(lambda t: float(counts @ -np.expm1(-rates * t)) + fresh * t, system_pages)
    hits = [_second_hits(relation, first, seconds, *each) for relation, each in zip(used, missed, strict=True)]
    asked = [Relation(r.name, r.pages, r.popularity, float(c @ m)) for r, (c, m) in zip(used, missed, strict=True)]
    system = _cache(system_pages, Policy.LRU, seconds, asked, tuple(hits))
    scanned = sum(hits.scan_reads_per_s for hits in first.relations)
    return TwoLevels(first, system, system.reads_per_s + scanned)


def _missed(cache: Cache, relation: Relation) -> tuple[FloatArray, FloatArray]:
    """Numbers of pages of a relation, and misses a second of each such page."""
    counts, shares = relation.popularity.groups(relation.pages)
    rates = shares * relation.touches_per_s
    return counts, rates * (1.0 - present(cache, rates, scans_of(relation.scans_per_s, relation.pages, cache.pages)))


def _second_hits(relation: Relation, first: Cache, seconds: float, counts: FloatArray, misses: FloatArray) -> Hits:
    least = 0.0 if math.isinf(first.characteristic_s) else shortest_stay_s(first)
    asked = float(counts @ misses)
    found = float(counts @ (misses * _present(Policy.LRU, max(0.0, seconds - least), misses)))
    cached = float(counts @ _present(Policy.LRU, seconds, misses))
    ratio = found / asked if asked > 0.0 else 1.0
    return Hits(relation.name, ratio, ratio, asked - found, 0.0, cached)


def scans_in_a_ring(pages: float, buffers: float) -> bool:
    """Whether a sequential scan of so many pages leaves the rest of the cache alone."""
    return pages > constant("page.scan_ring_over") * buffers


def present(cache: Cache, touches_per_s: FloatArray, scans: Scans = NO_SCANS) -> FloatArray:
    """Probability of pages to be in a cache, by their touches a second and the scans that come by."""
    return _present(cache.policy, cache.characteristic_s, touches_per_s, scans)


def shortest_stay_s(cache: Cache) -> float:
    """How long a page stays that is touched once and no more: one T of LRU, no time for certain where chance rules.

    The clock's hand brings the count down from 1 in one round, and takes the page in the next.
    """
    rounds = {Policy.CLOCK: 2.0, Policy.LRU: 1.0, Policy.RANDOM: 0.0}[cache.policy]
    return rounds * cache.characteristic_s


def _present(policy: Policy, seconds: float, touches_per_s: FloatArray, scans: Scans = NO_SCANS) -> FloatArray:
    if math.isinf(seconds):
        return np.asarray(touches_per_s > 0.0, dtype=np.float64)
    return occupancy(policy, touches_per_s * seconds, scans.per_s * seconds, scans.brought_per_s * seconds)


def _hits(relation: Relation, buffers: float, seconds: float, policy: Policy) -> Hits:
    counts, shares = relation.popularity.groups(relation.pages)
    scans = scans_of(relation.scans_per_s, relation.pages, buffers)
    held = _present(policy, seconds, shares * relation.touches_per_s, scans)
    found = float(counts @ (shares * held)) if relation.touches_per_s > 0.0 else 1.0
    fresh = relation.fresh_per_s * seconds * residence_of_fresh(policy) if relation.fresh_per_s > 0.0 else 0.0
    cached = min(relation.pages, float(counts @ held) + fresh)
    scanned = relation.scans_per_s * (relation.pages - cached)
    reads = relation.touches_per_s * max(0.0, 1.0 - found) + scanned
    accesses = relation.accesses_per_s
    return Hits(relation.name, 1.0 - reads / accesses if accesses > 0.0 else 1.0, found, reads, scanned, cached)


def _cache(
    pages: float, policy: Policy, seconds: float, relations: Sequence[Relation], hits: tuple[Hits, ...]
) -> Cache:
    reads = sum(each.reads_per_s for each in hits)
    accesses = sum(relation.accesses_per_s for relation in relations)
    return Cache(pages, policy, seconds, hits, 1.0 - reads / accesses if accesses > 0.0 else 1.0, reads)
