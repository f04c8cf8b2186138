"""A known popularity, found again from what a simulated pool read at two sizes, and what is said without two."""

from __future__ import annotations

import numpy as np
import pytest
from buffer_pool import ClockPool, draws, hit_ratio
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.postgres.cache import Relation, shared_buffers
from dfr_sizing.postgres.fit import Observation, fit, measured_range
from dfr_sizing.postgres.popularity import UNIFORM, Popularity

TRUTH = Popularity(0.8, 0.25)
PAGES, NUMBER, WARM = 4000, 250_000, 80_000


def simulated(buffers: int) -> float:
    return hit_ratio(ClockPool(buffers), draws(TRUTH, PAGES, NUMBER, buffers), WARM)


def observed(buffers: int) -> Observation:
    return Observation(buffers, (Relation("t", PAGES, UNIFORM, 100.0),), {"t": 100.0 * (1.0 - simulated(buffers))})


def test_known_popularity_is_found_from_two_cache_sizes() -> None:
    found = fit([observed(200), observed(1600)])
    assert found.worst_points < 0.2
    popularity = found.popularity["t"]
    shares = np.array([0.01, 0.05, 0.1, 0.3, 0.5])
    assert popularity.share_of_hottest(shares) == pytest.approx(TRUTH.share_of_hottest(shares), abs=0.03)
    between = shared_buffers(found.applied([Relation("t", PAGES, UNIFORM, 100.0)]), 600)
    assert between.hit_ratio == pytest.approx(simulated(600), abs=0.01)


def test_one_cache_size_is_refused() -> None:
    relation = Relation("t", PAGES, UNIFORM, 100.0)
    one = Observation(200, (relation,), {"t": 50.0})
    with pytest.raises(ValueError, match="1 cache size was observed, but it takes 2 or more"):
        fit([one, one])


@settings(deadline=None)
@given(
    st.builds(Popularity, st.floats(0.0, 0.95), st.floats(0.0, 1.0)),
    st.floats(10.0, 2000.0),
    st.floats(0.1, 10.0),
)
def test_the_range_without_a_fit_holds_the_truth(popularity: Popularity, then: float, times: float) -> None:
    relation = [Relation("t", 2500.0, popularity, 10.0)]
    before, after = (shared_buffers(relation, size).hit_ratio for size in (then, then * times))
    found = measured_range(before, then, then * times, 0.2)
    assert found.low - 0.01 <= after <= found.high + 0.01


def test_the_range_at_the_same_size_is_what_was_measured() -> None:
    assert measured_range(0.9, 1000.0, 1000.0, 0.2).bounds == pytest.approx((0.9, 0.9, 0.9))


@settings(deadline=None)
@given(st.builds(Popularity, st.floats(0.0, 0.99), st.floats(0.0, 1.0)), st.floats(1.0, 1e8))
def test_groups_are_all_pages_and_all_touches(popularity: Popularity, pages: float) -> None:
    counts, shares = popularity.groups(pages)
    assert counts.sum() == pytest.approx(pages)
    assert float(counts @ shares) == pytest.approx(1.0)
    assert np.all(np.diff(shares) <= 1e-12)


@pytest.mark.parametrize(("exponent", "uniform"), [(1.0, 0.0), (-0.1, 0.0), (0.5, 1.5), (0.5, -0.1)])
def test_a_popularity_out_of_range_is_refused(exponent: float, uniform: float) -> None:
    with pytest.raises(ValueError, match="but must be"):
        Popularity(exponent, uniform)
