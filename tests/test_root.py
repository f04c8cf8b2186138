"""The Illinois rule against roots that are known, and against scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from dfr_sizing.analytic.root import MOST_STEPS, crossing


@given(root=st.floats(-0.99, 0.99), power=st.sampled_from([1, 3, 5]))
def test_a_known_root_is_found(root: float, power: int) -> None:
    found = crossing(lambda x: (x - root) ** power, -1.0, 1.0, within=1e-12)
    # A flat root is as near as a value so near to 0 can tell, or as many steps.
    assert found == pytest.approx(root, abs=max(1e-12 ** (1.0 / power), 2.0**-9))


@given(level=st.floats(-35.0, 50.0))
def test_a_steep_one_is_where_scipy_finds_it(level: float) -> None:
    calls = []

    def rising(x: float) -> float:
        calls.append(x)
        return math.tanh(x - level) + 1e-6 * (x - level)

    assert crossing(rising, -40.0, 60.0, within=1e-11) == pytest.approx(brentq(rising, -40.0, 60.0), abs=1e-5)
    assert len(calls) < 2 * MOST_STEPS  # both of them together


def test_where_it_never_rises_above_zero_there_is_none() -> None:
    assert crossing(lambda x: x - 2.0, 0.0, 1.0, within=1e-9) == math.inf
