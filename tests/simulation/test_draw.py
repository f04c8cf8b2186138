"""What is drawn has the rates, means and spreads asked for; one seed gives one stream, whatever else is in the mix."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dfr_sizing.drivers import rule
from dfr_sizing.model import RequestCost
from dfr_sizing.simulation.draw import (
    MOST_ROUNDS,
    STATEMENTS_PER_ROUND,
    Stream,
    draw_closed,
    draw_open,
    generator,
    rounds_of,
)
from dfr_sizing.simulation.system import FloatArray, Requests

CONFIDENCE = 0.999
COST = RequestCost(
    app_cpu_s=0.02,
    database_cpu_s=0.05,
    cv=0.4,
    statements=20.0,
    threads=1,
    pages=30.0,
    wal_bytes=5000.0,
    tail_share=0.0,
    tail_factor=1.0,
)
MIX = [
    Stream("list", 40.0, COST),
    Stream("search", 15.0, replace(COST, threads=3, tail_share=0.1, tail_factor=4.0, wal_bytes=0.0), miss_ratio=0.2),
    Stream("import", 5.0, replace(COST, statements=500.0), background=True, app_factor=1.5, database_factor=2.0),
]


def of_class(requests: Requests, name: str) -> dict[str, FloatArray]:
    """The rows of one class, column by column."""
    rows = requests.class_index == requests.class_names.index(name)
    columns = {field.name: getattr(requests, field.name) for field in fields(Requests)}
    return {
        name: column[rows] for name, column in columns.items() if len(column) == len(rows) and name != "class_names"
    }


def assert_equal(found: Requests, expected: Requests) -> None:
    for field in fields(Requests):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))


def mean_holds(values: FloatArray, truth: float) -> bool:
    """Whether the 99.9 % interval of the mean holds ``truth``."""
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) * values.std(ddof=1) / math.sqrt(len(values))
    return bool(abs(values.mean() - truth) <= half)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**63), replication=st.integers(0, 100))
def test_same_seed_gives_the_same_rows(seed: int, replication: int) -> None:
    assert_equal(draw_open(MIX, 5.0, seed, replication), draw_open(MIX, 5.0, seed, replication))
    assert_equal(draw_closed(MIX, 50, 1.0, seed, replication), draw_closed(MIX, 50, 1.0, seed, replication))


def test_other_seeds_and_other_replications_give_other_rows() -> None:
    drawn = [draw_open(MIX, 5.0, seed, replication) for seed in (1, 2) for replication in (0, 1)]
    firsts = {tuple(one.app_cpu_s[:3]) for one in drawn} | {tuple(one.arrival_s[:3]) for one in drawn}
    assert len(firsts) == 8


def test_purposes_have_streams_of_their_own() -> None:
    purposes = [("arrivals", "list", 0), ("demands", "list", 0), ("demands", "search", 0), ("demands", "list", 1)]
    assert len({float(generator(7, *purpose).random()) for purpose in purposes}) == len(purposes)


@pytest.mark.parametrize("mix", [MIX[:2], [MIX[1], MIX[2], MIX[0]], [Stream("other", 99.0, COST), *MIX]])
def test_another_class_does_not_change_what_a_class_draws(mix: list[Stream]) -> None:
    alone, among = of_class(draw_open(MIX[:1], 30.0, 3), "list"), of_class(draw_open(mix, 30.0, 3), "list")
    assert len(alone["arrival_s"]) > 1000
    for name in alone.keys() - {"class_index"}:
        np.testing.assert_array_equal(alone[name], among[name])


def test_another_host_changes_the_demands_but_not_the_draw() -> None:
    # common random numbers: two candidates of a search see the same requests
    slow = [replace(stream, app_factor=3.0, database_factor=0.5) for stream in MIX[:2]]
    usual, other = draw_open(MIX[:2], 30.0, 3), draw_open(slow, 30.0, 3)
    np.testing.assert_array_equal(usual.arrival_s, other.arrival_s)
    np.testing.assert_allclose(other.app_cpu_s, 3.0 * usual.app_cpu_s, rtol=1e-12)
    np.testing.assert_allclose(other.database_cpu_s, 0.5 * usual.database_cpu_s, rtol=1e-12)
    np.testing.assert_array_equal(usual.wal_bytes, other.wal_bytes)


@pytest.mark.parametrize("rate", [0.02, 1.0, 40.0, 900.0])
def test_arrivals_come_at_the_rate_asked_for(rate: float) -> None:
    seconds = 200.0
    counts = [len(draw_open([Stream("list", rate, COST)], seconds, 9, number)) for number in range(30)]
    low, high = stats.poisson.interval(CONFIDENCE, rate * seconds * len(counts))
    assert low <= sum(counts) <= high
    # and they scatter as Poisson counts do: variance over mean is chi-squared
    dispersion = np.var(counts, ddof=1) * (len(counts) - 1) / np.mean(counts)
    assert stats.chi2.ppf(0.0005, len(counts) - 1) <= dispersion <= stats.chi2.ppf(0.9995, len(counts) - 1)


def test_times_between_arrivals_are_exponential() -> None:
    at = draw_open([Stream("list", 40.0, COST)], 500.0, 4).arrival_s
    assert stats.kstest(np.diff(at), "expon", args=(0.0, 1 / 40.0)).pvalue > 1e-3


def test_arrivals_are_sorted_within_the_run_and_without_rate_there_are_none() -> None:
    drawn = draw_open([*MIX, Stream("never", 0.0, COST)], 20.0, 4)
    assert (np.diff(drawn.arrival_s) >= 0.0).all()
    assert drawn.arrival_s[0] > 0.0
    assert 19.0 < drawn.arrival_s[-1] < 20.0
    assert set(drawn.class_index) == {0, 1, 2}
    assert len(draw_open([], 20.0, 4)) == 0


@pytest.mark.parametrize("cv", [0.1, 0.4, 1.2])
def test_demands_have_the_mean_and_the_variation_asked_for(cv: float) -> None:
    drawn = draw_open([Stream("list", 400.0, replace(COST, cv=cv))], 250.0, 8)
    size = drawn.app_cpu_s / COST.app_cpu_s
    assert mean_holds(size, 1.0)
    assert size.std() / size.mean() == pytest.approx(cv, rel=0.05)
    # lognormal: the logarithm is normal, with the variance that belongs to this cv
    assert np.log(size).std() == pytest.approx(math.sqrt(math.log1p(cv * cv)), rel=0.02)
    assert float(np.mean(((np.log(size) - np.log(size).mean()) / np.log(size).std()) ** 3)) == pytest.approx(
        0.0, abs=0.05
    )
    assert mean_holds(drawn.flush_factor, 1.0)
    assert drawn.flush_factor.std() == pytest.approx(rule("postgresql.flush_cv"), rel=0.05)


def test_a_request_is_large_in_all_it_does() -> None:
    drawn = draw_open([MIX[0]], 20.0, 8)
    np.testing.assert_allclose(drawn.database_cpu_s / COST.database_cpu_s, drawn.app_cpu_s / COST.app_cpu_s)
    np.testing.assert_allclose(drawn.wal_bytes / COST.wal_bytes, drawn.app_cpu_s / COST.app_cpu_s)


def test_no_variation_gives_one_size() -> None:
    assert set(draw_open([Stream("list", 40.0, replace(COST, cv=0.0))], 20.0, 8).app_cpu_s) == {COST.app_cpu_s}


def test_the_tail_keeps_the_mean_and_has_its_share_and_its_size() -> None:
    drawn = draw_open([Stream("search", 400.0, replace(COST, tail_share=0.1, tail_factor=4.0))], 250.0, 8)
    factor = (drawn.database_cpu_s / COST.database_cpu_s) / (drawn.app_cpu_s / COST.app_cpu_s)
    large = factor > 1.0
    assert mean_holds(factor, 1.0)
    assert factor[large] == pytest.approx(np.full(large.sum(), 4.0 / 1.3))
    assert factor[~large] == pytest.approx(np.full((~large).sum(), 1.0 / 1.3))
    low, high = stats.binom.interval(CONFIDENCE, len(factor), 0.1)
    assert low <= large.sum() <= high


def test_factors_reads_threads_and_background_go_to_their_class() -> None:
    drawn = draw_open(MIX, 200.0, 8)
    search, imports = of_class(drawn, "search"), of_class(drawn, "import")
    assert mean_holds(search["reads"], 30.0 * 0.2)
    assert not imports["reads"].any()
    assert set(search["threads"]) == {3}
    assert set(imports["threads"]) == {1}
    assert imports["background"].all()
    assert not search["background"].any()
    assert mean_holds(imports["app_cpu_s"], 1.5 * COST.app_cpu_s)
    assert mean_holds(imports["database_cpu_s"], 2.0 * COST.database_cpu_s)
    assert not search["wal_bytes"].any()


def test_closed_users_draw_the_mix_and_their_think_time() -> None:
    drawn = draw_closed(MIX, 60_000, 1.5, 8)
    assert not drawn.is_open
    assert mean_holds(drawn.think_s, 1.5)
    assert drawn.think_s.std() == pytest.approx(1.5, rel=0.02)
    for index, share in enumerate((40 / 60, 15 / 60, 5 / 60)):
        low, high = stats.binom.interval(CONFIDENCE, len(drawn), share)
        assert low <= (drawn.class_index == index).sum() <= high
    assert not draw_closed(MIX, 100, 0.0, 8).think_s.any()


@given(statements=st.floats(0.0, 1e5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_rounds_follow_the_statements_within_their_bounds(statements: float) -> None:
    rounds = rounds_of(statements)
    assert 1 <= rounds <= MOST_ROUNDS
    if 0 < statements <= STATEMENTS_PER_ROUND * MOST_ROUNDS:
        assert (rounds - 1) * STATEMENTS_PER_ROUND < statements <= rounds * STATEMENTS_PER_ROUND


def test_reads_of_a_spread_disk_vary_by_their_number_and_change_nothing_else() -> None:
    # of n reads the mean latency has 1 / sqrt(n) of the variation of one: 0.5 / 2 for four, and one where none is read
    spread = Stream("list", 40.0, replace(COST, pages=8.0), miss_ratio=0.5, read_cv=0.5)
    even, drawn = (draw_open([stream], 2000.0, 3) for stream in (replace(spread, read_cv=0.0), spread))
    assert len(even.read_factor) == 0
    assert_equal(replace(drawn, read_factor=even.read_factor), even)
    four = drawn.read_factor[drawn.reads == 4.0]
    assert mean_holds(four, 1.0)
    assert np.std(four) == pytest.approx(0.25, rel=0.05)
    assert mean_holds(drawn.read_factor, 1.0)


def test_a_class_without_spread_has_none_beside_one_with() -> None:
    drawn = draw_open([Stream("a", 40.0, COST, miss_ratio=0.2, read_cv=0.5), Stream("b", 40.0, COST)], 100.0, 3)
    assert (drawn.read_factor[drawn.class_index == 1] == 1.0).all()
    assert (drawn.read_factor[drawn.class_index == 0] != 1.0).all()
