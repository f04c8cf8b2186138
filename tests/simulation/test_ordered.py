"""Observations by rank are those of a sorted array, whatever they are."""

import numpy as np
import pytest

from dfr_sizing.simulation.ordered import AT_ONCE, FEW, Floats, Ordered

RNG = np.random.default_rng(1)


@pytest.mark.parametrize(
    "values",
    [
        RNG.lognormal(0.0, 1.0, AT_ONCE + FEW).astype(np.float32),
        RNG.lognormal(0.0, 9.0, 2 * FEW),
        RNG.normal(0.0, 1.0, 2 * FEW),
        RNG.normal(0.0, 1.0, FEW // 2),
        RNG.integers(-3, 3, 2 * FEW).astype(np.float64),
        np.array([0.0, -0.0] * FEW),
    ],
    ids=["many", "wide", "both signs", "few", "ties", "two zeros"],
)
def test_a_rank_is_that_of_the_sorted_observations(values: Floats) -> None:
    ordered, truth = Ordered(values), np.sort(values)
    ranks = [0, len(values) - 1, *RNG.integers(0, len(values), 200)]
    assert [ordered[int(rank)] for rank in ranks] == [truth[rank] for rank in ranks]
    assert len(ordered) == len(values)
