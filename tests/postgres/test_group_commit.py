"""Group commit against a simulation of connections and one lock, and against its limits."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.analytic import group_service
from dfr_sizing.postgres.commits import commits_per_flush


def simulated(
    own_rate: float, backends: int, flush_s: float, delay_s: float, flushes: int, seed: int
) -> tuple[float, float]:
    """Mean commits of a flush and commits a second: who asks during a flush waits; a delay lets others join first."""
    rng = np.random.default_rng(seed)
    asks = [rng.exponential(1.0 / own_rate) for _ in range(backends)]
    heapq.heapify(asks)
    now, groups = 0.0, []
    for _ in range(flushes):
        now = max(now, asks[0]) + delay_s
        group = 0
        while asks and asks[0] <= now:
            heapq.heappop(asks)
            group += 1
        now += flush_s
        for _ in range(group):
            heapq.heappush(asks, now + rng.exponential(1.0 / own_rate))
        groups.append(group)
    return float(np.mean(groups)), sum(groups) / now


@pytest.mark.parametrize(
    ("own_rate", "backends", "delay_s"), [(50.0, 8, 0.0), (400.0, 8, 0.0), (30.0, 20, 0.004), (200.0, 3, 0.002)]
)
def test_commits_per_flush_against_a_simulation(own_rate: float, backends: int, delay_s: float) -> None:
    group, rate = simulated(own_rate, backends, 0.002, delay_s, 60_000, 1)
    formula = commits_per_flush(rate, 0.0, 0.002, backends, delay_s, 0)
    assert formula.commits_per_flush == pytest.approx(group, rel=0.01)
    assert formula.flushes_per_s * formula.commits_per_flush == pytest.approx(rate, rel=1e-6)


def test_many_backends_are_poisson_arrivals() -> None:
    open_queue = group_service(400.0, [0.002], [1.0])
    closed = commits_per_flush(400.0, 0.0, 0.002, 400)
    assert closed.commits_per_flush == pytest.approx(open_queue.mean_group, rel=0.01)
    assert closed.wait_s == pytest.approx(open_queue.mean_response_s, rel=0.01)


def test_siblings_decide_whether_a_flush_is_delayed() -> None:
    """At a low rate no other transaction is open, and commit_delay is not kept; with 0 siblings it always is."""
    alone = commits_per_flush(0.5, 0.0005, 0.001, 8, 0.01, 5)
    kept = commits_per_flush(0.5, 0.0005, 0.001, 8, 0.01, 0)
    assert alone.wait_s == pytest.approx(0.001, rel=0.01)
    assert kept.wait_s == pytest.approx(0.011, rel=0.01)


@settings(deadline=None)
@given(st.floats(0.1, 2000.0), st.floats(1e-4, 0.02), st.integers(1, 40), st.floats(0.0, 0.01), st.integers(0, 8))
def test_bounds_of_a_group(rate: float, flush_s: float, backends: int, delay_s: float, siblings: int) -> None:
    found = commits_per_flush(rate, 0.001, flush_s, backends, delay_s, siblings)
    assert 1.0 - 1e-6 <= found.commits_per_flush <= backends + 1e-6
    assert found.flushes_per_s * found.commits_per_flush <= rate * (1 + 1e-6)
    assert found.wait_s >= flush_s * (1 - 1e-6)
    more = commits_per_flush(rate, 0.001, flush_s, backends, delay_s + 0.002, 0)
    assert (
        more.commits_per_flush >= commits_per_flush(rate, 0.001, flush_s, backends, delay_s, 0).commits_per_flush - 1e-6
    )


def test_no_commits_no_flushes() -> None:
    assert commits_per_flush(0.0, 0.0, 0.001, 8).flushes_per_s == 0.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="backends is 0, but must be a whole number >= 1"):
        commits_per_flush(1.0, 0.0, 0.001, 0)
    with pytest.raises(ValueError, match="flush_latency_s is 0"):
        commits_per_flush(1.0, 0.0, 0.0, 1)
