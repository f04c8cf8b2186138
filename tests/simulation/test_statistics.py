"""Intervals cover the truth about as often as they say, and the warm-up ends where it was put."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.simulation.statistics import FEWEST_IN_BATCH, Estimate, mean_estimate, mser5, quantile_estimate
from dfr_sizing.simulation.system import FloatArray

SEEDS = 400
BATCHES = 16
CONFIDENCE = 0.95
ALLOWED = (0.92, 0.98)
"""Share of 400 intervals of 95 % that may hold the truth: three standard errors of a binomial either way."""


def exponential_batches(seed: int, per_batch: int) -> list[FloatArray]:
    return list(np.random.default_rng(seed).exponential(1.0, (BATCHES, per_batch)))


def coverage(estimate: Callable[[list[FloatArray]], Estimate], truth: float, per_batch: int) -> float:
    found = [estimate(exponential_batches(seed, per_batch)) for seed in range(SEEDS)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def test_mean_estimate_covers_the_truth_as_often_as_it_claims() -> None:
    found = coverage(lambda batches: mean_estimate(batches, CONFIDENCE), 1.0, 50)
    assert ALLOWED[0] <= found <= ALLOWED[1]


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantile_estimate_covers_the_truth_as_often_as_it_claims(q: float) -> None:
    per_batch = math.ceil(2 * FEWEST_IN_BATCH / (1 - q))
    found = coverage(lambda batches: quantile_estimate(batches, q, CONFIDENCE), -math.log(1 - q), per_batch)
    assert ALLOWED[0] <= found <= ALLOWED[1]


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantile_of_a_rare_class_covers_the_truth_as_often_as_it_claims(q: float) -> None:
    per_batch = math.ceil(0.5 * FEWEST_IN_BATCH / (1 - q))
    found = coverage(lambda batches: quantile_estimate(batches, q, CONFIDENCE), -math.log(1 - q), per_batch)
    assert ALLOWED[0] <= found <= ALLOWED[1]


def test_quantile_of_a_rare_class_is_bounded_by_observations() -> None:
    batches = exponential_batches(5, 6)
    seen = np.concatenate(batches)
    rare = quantile_estimate(batches, 0.95, CONFIDENCE)
    assert rare.low in seen
    assert rare.high in seen
    assert rare.value == pytest.approx(np.quantile(seen, 0.95))
    often = quantile_estimate(exponential_batches(5, 400), 0.95, CONFIDENCE)
    assert often.low not in np.concatenate(exponential_batches(5, 400))
    assert often.high - often.value == pytest.approx(often.value - often.low)


def test_order_statistics_of_a_rare_class_are_the_binomial_ones() -> None:
    # of 100 observations the median lies between the 40th and the 61st with 95 % (Conover, table of the binomial)
    values = np.random.default_rng(1).permutation(np.arange(1.0, 101.0))
    found = quantile_estimate(list(values.reshape(10, 10)), 0.5, CONFIDENCE)
    assert (found.low, found.value, found.high, found.n) == (40.0, 50.5, 61.0, 100)


def test_one_empty_batch_makes_a_class_rare() -> None:
    batches = [*exponential_batches(2, 400), np.empty(0)]
    found = quantile_estimate(batches, 0.95, CONFIDENCE)
    assert found.low in np.concatenate(batches)
    assert found.n == 16 * 400


def test_higher_confidence_and_fewer_observations_widen_the_interval() -> None:
    for estimate in (mean_estimate, lambda batches, level: quantile_estimate(batches, 0.9, level)):
        usual = estimate(exponential_batches(3, 300), 0.95)
        assert estimate(exponential_batches(3, 300), 0.99).half_width > usual.half_width
        few = [batch[:75] for batch in exponential_batches(3, 300)]
        assert estimate(few, 0.95).half_width > usual.half_width


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    q=st.sampled_from((0.05, 0.5, 0.95, 0.99)),
    confidence=st.floats(0.5, 0.999),
)
def test_estimates_are_ordered_and_count_all(seed: int, lengths: list[int], q: float, confidence: float) -> None:
    rng = np.random.default_rng(seed)
    batches = [rng.exponential(1.0, length) for length in lengths]
    for found in (mean_estimate(batches, confidence), quantile_estimate(batches, q, confidence)):
        assert found.n == sum(lengths)
        if found.n:
            assert 0.0 <= found.low <= found.value <= found.high
        else:
            assert math.isnan(found.value)


def test_estimates_of_no_batches_are_not_numbers() -> None:
    for found in (mean_estimate([], 0.95), quantile_estimate([], 0.5, 0.95)):
        assert math.isnan(found.value)
        assert found.n == 0


def test_scaled_estimate_keeps_its_order_and_its_count() -> None:
    assert Estimate(2.0, 1.0, 4.0, 7).scaled(3.0, 1.0) == Estimate(7.0, 4.0, 13.0, 7)
    assert Estimate(2.0, 1.0, 4.0, 7).half_width == 0.75


@pytest.mark.parametrize("seed", range(8))
def test_mser5_finds_a_known_transient(seed: int) -> None:
    values = np.random.default_rng(seed).normal(10.0, 1.0, 4000)
    values[:600] -= 9.0
    assert 600 <= mser5(values) <= 800


@pytest.mark.parametrize("seed", range(8))
def test_mser5_finds_a_transient_that_fades_out(seed: int) -> None:
    at = np.arange(4000)
    values = np.random.default_rng(seed).normal(10.0, 1.0, 4000) - 10.0 * np.exp(-at / 200.0)
    cut = mser5(values)
    assert 10.0 * math.exp(-cut / 200.0) < 1.0
    assert cut < 1500


def test_mser5_keeps_nearly_all_of_a_stationary_series() -> None:
    kept = [1.0 - mser5(np.random.default_rng(seed).exponential(1.0, 4000)) / 4000 for seed in range(40)]
    assert np.median(kept) > 0.95
    assert mser5(np.full(1000, 3.0)) == 0


@pytest.mark.parametrize("n", [0, 1, 19, 20, 23, 400])
def test_mser5_cuts_whole_fives_and_never_more_than_half(n: int) -> None:
    rising = np.arange(float(n))
    assert mser5(rising) % 5 == 0
    assert mser5(rising) <= n / 2
    assert (mser5(rising) > 0) == (n >= 20)
