"""Hit ratios against a buffer pool touch by touch, and what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from buffer_pool import ClockPool, LruPool, draws, hit_ratio
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.postgres.cache import (
    Policy,
    Relation,
    clock_rounds,
    occupancy,
    ring_pages,
    shared_buffers,
    two_levels,
)
from dfr_sizing.postgres.popularity import UNIFORM, Popularity

CASES = [
    (Popularity(0.8, 0.2), 2000, 200),
    (Popularity(0.9, 0.05), 2000, 400),
    (Popularity(0.5, 0.1), 3000, 1000),
    (Popularity(0.95, 0.3), 5000, 250),
]
NUMBER, WARM = 200_000, 60_000

popularities = st.builds(Popularity, st.floats(0.0, 0.95), st.floats(0.0, 1.0))
# None at all, or one in three thousand years: numbers near the smallest that there are have no digits left for a ratio.
touches = st.just(0.0) | st.floats(1e-11, 1e4)
relations = st.lists(
    st.builds(
        Relation,
        st.sampled_from("abcdef"),
        st.floats(10.0, 1e6),
        popularities,
        touches,
        st.floats(0.0, 1e4),
        st.floats(0.0, 10.0),
        st.floats(0.0, 0.1),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda relation: relation.name,
)


@pytest.mark.parametrize(("popularity", "pages", "buffers"), CASES)
def test_clock_is_within_half_a_point_of_a_simulated_pool(popularity: Popularity, pages: int, buffers: int) -> None:
    simulated = hit_ratio(ClockPool(buffers), draws(popularity, pages, NUMBER, 1), WARM)
    formula = shared_buffers([Relation("t", pages, popularity, 1.0)], buffers).hit_ratio
    assert formula == pytest.approx(simulated, abs=0.005)


@pytest.mark.parametrize(("popularity", "pages", "buffers"), CASES[:2])
def test_lru_is_within_half_a_point_of_a_simulated_list(popularity: Popularity, pages: int, buffers: int) -> None:
    simulated = hit_ratio(LruPool(buffers), draws(popularity, pages, NUMBER, 2), WARM)
    formula = shared_buffers([Relation("t", pages, popularity, 1.0)], buffers, Policy.LRU).hit_ratio
    assert formula == pytest.approx(simulated, abs=0.005)


def test_the_clock_is_better_than_lru_and_lru_than_random() -> None:
    """So the policy matters, and the simulated pool tells PostgreSQL's from the others."""
    relation = Relation("t", 2000, Popularity(0.8, 0.2), 1.0)
    clock, lru, random = (
        shared_buffers([relation], 200, p).hit_ratio for p in (Policy.CLOCK, Policy.LRU, Policy.RANDOM)
    )
    assert clock > lru + 0.003
    assert lru > random + 0.02


def test_two_relations_share_a_cache_by_their_rates() -> None:
    """A hot and a cold relation together, against a simulated pool, relation by relation."""
    hot, cold = Popularity(0.7, 0.1), UNIFORM
    rng = np.random.default_rng(3)
    is_hot = rng.random(NUMBER) < 0.8
    pages = np.where(is_hot, draws(hot, 1000, NUMBER, 4), 1000 + np.array(draws(cold, 2000, NUMBER, 5)))
    pool = ClockPool(500)
    found = np.array([pool.touch(int(page)) for page in pages])[WARM:]
    formula = shared_buffers([Relation("hot", 1000, hot, 0.8), Relation("cold", 2000, cold, 0.2)], 500)
    for name, mask in (("hot", is_hot[WARM:]), ("cold", ~is_hot[WARM:])):
        assert formula.of(name).touch_hit_ratio == pytest.approx(found[mask].mean(), abs=0.008)


def test_two_levels_against_a_clock_before_an_lru() -> None:
    """The system's cache sees what PostgreSQL missed."""
    popularity, pages, buffers, system = Popularity(0.7, 0.2), 4000, 300, 1200
    first, second = ClockPool(buffers), LruPool(system)
    missed, asked = 0, 0
    for number, page in enumerate(draws(popularity, pages, 300_000, 6)):
        if not first.touch(page):
            found = second.touch(page)
            asked += number >= WARM
            missed += number >= WARM and not found
    levels = two_levels([Relation("t", pages, popularity, 1.0)], buffers, system)
    assert levels.buffers.reads_per_s == pytest.approx(asked / (300_000 - WARM), rel=0.02)
    assert levels.disk_reads_per_s == pytest.approx(missed / (300_000 - WARM), rel=0.03)


@settings(deadline=None)
@given(relations, st.floats(1.0, 1e6), st.floats(1.0, 4.0))
def test_more_memory_never_lowers_the_hit_ratio(used: list[Relation], pages: float, times: float) -> None:
    # A scan that no longer fits a ring's rule may push others out: PostgreSQL does so too. Not the model's doing.
    used = [Relation(r.name, r.pages, r.popularity, r.touches_per_s, r.repeats_per_s, r.fresh_per_s) for r in used]
    small, large = shared_buffers(used, pages), shared_buffers(used, pages * times)
    assert large.hit_ratio >= small.hit_ratio - 1e-9
    for name in (relation.name for relation in used):
        assert large.of(name).hit_ratio >= small.of(name).hit_ratio - 1e-9
        assert large.of(name).cached_pages >= small.of(name).cached_pages - 1e-6


@settings(deadline=None)
@given(relations, st.floats(1.0, 1e6), st.floats(0.0, 1e7))
def test_more_system_cache_never_raises_reads_from_the_disk(used: list[Relation], pages: float, more: float) -> None:
    small, large = two_levels(used, pages, pages), two_levels(used, pages, pages + more)
    assert large.disk_reads_per_s <= small.disk_reads_per_s * (1 + 1e-9) + 1e-9
    assert small.disk_reads_per_s <= small.buffers.reads_per_s * (1 + 1e-9) + 1e-9


@settings(deadline=None)
@given(relations)
def test_what_fits_is_read_once(used: list[Relation]) -> None:
    whole = [Relation(r.name, r.pages, r.popularity, r.touches_per_s, r.repeats_per_s) for r in used]
    cache = shared_buffers(whole, 1.01 * sum(r.pages for r in whole) + 1.0)
    assert cache.hit_ratio == pytest.approx(1.0)
    assert cache.reads_per_s == pytest.approx(0.0, abs=1e-9)
    assert math.isinf(cache.characteristic_s)


@pytest.mark.parametrize(("buffers", "scans_per_s"), [(1500, 0.05), (1500, 0.5), (3000, 0.2)])
def test_scans_in_a_ring_against_a_simulated_pool(buffers: int, scans_per_s: float) -> None:
    """A scan reads what is not there, keeps what is, and leaves its ring behind; touches go on between."""
    popularity, pages, per_s, seconds, warm = Popularity(0.7, 0.2), 5000, 500, 300, 100
    pool, rng = ClockPool(buffers), np.random.default_rng(1)
    ring = int(ring_pages(buffers))
    touched = draws(popularity, pages, per_s * seconds, 2)
    missed, read, scans = 0, 0, 0
    for number, page in enumerate(touched):
        if rng.random() < scans_per_s / per_s:
            found = pool.scan(int(rng.integers(pages)), pages, ring)
            read += found * (number >= warm * per_s)
            scans += number >= warm * per_s
        missed += (not pool.touch(page)) and number >= warm * per_s
    cache = shared_buffers([Relation("t", pages, popularity, per_s, scans_per_s=scans_per_s)], buffers)
    hits = cache.of("t")
    assert 1.0 - hits.touch_hit_ratio == pytest.approx(missed / (per_s * (seconds - warm)), abs=0.02)
    # What the ring takes for itself may be pages that the scan is still to come by: it reads up to a ring more.
    assert pages - hits.cached_pages == pytest.approx(read / scans - ring / 2, abs=0.75 * ring)


def test_a_small_scan_pushes_others_out() -> None:
    """Under a quarter of shared_buffers there is no ring."""
    quiet = [Relation("t", 900, Popularity(0.7), 1.0), Relation("other", 4000, UNIFORM, 50.0)]
    scanned = [Relation("t", 900, Popularity(0.7), 1.0, scans_per_s=0.5), quiet[1]]
    assert shared_buffers(scanned, 4000).of("other").hit_ratio < shared_buffers(quiet, 4000).of("other").hit_ratio


def test_rounds_of_the_clock_by_hand() -> None:
    """Untouched, a page goes at the second pass; at one touch a round the counts' chain is solved directly."""
    assert clock_rounds(np.array([0.0]), 5)[0] == pytest.approx(2.0)
    chain = np.zeros((5, 5))
    for count in range(5):
        for number in range(200):
            after = min(5, count + number) - 1
            if after >= 0:
                chain[count, after] += math.exp(-1.0) / math.factorial(number) if number < 100 else 0.0
    assert clock_rounds(np.array([1.0]), 5)[0] == pytest.approx(np.linalg.solve(np.eye(5) - chain, np.ones(5))[1])


@settings(deadline=None)
@given(st.sampled_from(Policy), st.floats(0.0, 50.0), st.floats(0.0, 5.0))
def test_who_is_touched_more_is_there_more(policy: Policy, touches: float, more: float) -> None:
    there = occupancy(policy, np.array([touches, touches + more]))
    assert 0.0 <= there[0] <= there[1] + 1e-12
    assert there[1] <= 1.0
