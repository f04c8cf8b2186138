"""Demands are found again where they are known, and their intervals keep their promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known import APP, BACKGROUND, DATABASE, MIXES, TRUTH, priors, windows
from scipy.stats import binom

from dfr_sizing.calibration.demands import Demands, fit_demands, interval_of
from dfr_sizing.calibration.shapes import per_class
from dfr_sizing.calibration.utilisation_law import Shared
from dfr_sizing.calibration.windows import joined

BELIEVED = Shared(1.0, 1.0, 0.3)
WRONG = 1e-3
"""How rarely a test of intervals that keep their promise may fail."""


def covers(found: Demands) -> list[bool]:
    """Whether each interval holds the truth: Odoo, PostgreSQL, contention."""
    intervals = [*(one.app for one in found.by_class), *(one.database for one in found.by_class), *found.shared]
    truths = [*APP, *DATABASE, *TRUTH]
    return [interval.low <= truth <= interval.high for interval, truth in zip(intervals, truths, strict=True)]


def coverage(repeats: int, samples: int) -> list[int]:
    hits = [covers(fit_demands(*windows(seed), priors(seed), BELIEVED, seed, samples)) for seed in range(repeats)]
    return [int(count) for count in np.sum(hits, axis=0)]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # if an interval held it in less than 90 of 100, so few hits in 25 would be rarer than the bound
    least = binom.ppf(WRONG, 25, 0.90)
    assert min(coverage(25, 60)) >= least


@pytest.mark.slow
def test_intervals_hold_the_truth_in_90_of_100() -> None:
    found = coverage(100, 200)
    assert min(found) >= 90, found


def test_demands_contention_and_background_are_found_again() -> None:
    found = fit_demands(*windows(1), priors(1), BELIEVED, 1, 0)
    assert found.fit.app.demand == pytest.approx(APP, rel=0.06)
    assert found.fit.database.demand[1:3] == pytest.approx(DATABASE[1:3], rel=0.1)
    assert tuple(found.fit.shared) == pytest.approx(tuple(TRUTH), abs=0.05)
    assert (found.fit.app.background, found.fit.database.background) == pytest.approx(BACKGROUND, abs=0.01)


def test_one_seed_gives_one_result() -> None:
    one, two = (fit_demands(*windows(1), priors(1), BELIEVED, 5, 10) for _ in range(2))
    assert one.by_class == two.by_class
    assert one.by_class != fit_demands(*windows(1), priors(1), BELIEVED, 6, 10).by_class


def test_mixes_that_tell_nothing_leave_the_split_to_the_log_and_say_so() -> None:
    same = np.repeat(MIXES[:1], 4, axis=0)
    lumped = tuple(
        replace(one, counts=one.counts.sum(axis=1, keepdims=True) * same[:1]) for one in windows(1, mixes=same)
    )
    log = priors(1, error=0.0)
    found = fit_demands(lumped[0], lumped[1], log, BELIEVED, 1, 60)
    assert found.conditions[0] > 1e6
    assert found.fit.app.demand / found.fit.app.demand.sum() == pytest.approx(APP / APP.sum(), rel=0.02)
    # three of four are as uncertain as the log; what all take together is not
    assert all(one.app_rests > 0.5 for one in found.by_class)
    assert all(one.app.high > 1.2 * one.app.low for one in found.by_class)
    total = float(found.fit.app.demand @ same[0])
    assert total == pytest.approx(float(APP @ same[0]), rel=0.05)


def test_a_wrong_log_is_overruled_by_mixes_that_tell_classes_apart() -> None:
    log = priors(1, error=0.0)
    wrong = (log[0]._replace(seconds=log[0].seconds * np.array([3.0, 0.3, 1.0, 1.0])), log[1])
    found = fit_demands(*windows(1), wrong, BELIEVED, 1, 0)
    assert found.fit.app.demand == pytest.approx(APP, rel=0.08)
    assert all(one.app_rests < 0.1 for one in found.by_class)


def test_without_any_log_the_mixes_alone_decide() -> None:
    nothing = tuple(prior._replace(seconds=np.full(4, np.nan)) for prior in priors(1))
    found = fit_demands(*windows(1), (nothing[0], nothing[1]), BELIEVED, 1, 0)
    assert found.fit.app.demand == pytest.approx(APP, rel=0.08)
    assert all(one.app_rests == 0.0 for one in found.by_class)


def test_growth_with_the_table_is_found_where_two_sizes_were_measured() -> None:
    app, database = windows(3, sizes=(1.0, 3.0))
    found = fit_demands(app, database, priors(3), BELIEVED, 3, 60)
    scan, listed = found.by_class[2].growth, found.by_class[1].growth
    assert scan.mid == pytest.approx(1.0, abs=0.05)
    assert scan.low <= 1.0 <= scan.high
    assert listed.low <= 0.02
    assert listed.mid < 0.2
    assert found.fit.database.demand[2] == pytest.approx(DATABASE[2], rel=0.05)


def test_growth_is_as_believed_where_one_size_was_measured() -> None:
    found = fit_demands(*windows(3), priors(3), BELIEVED, 3, 10)
    assert [one.growth.bounds for one in found.by_class] == [(0, 0, 0), (0, 0, 0), (1, 1, 1), (0, 0, 0)]


def test_without_a_lone_user_the_busy_factor_is_the_believed_one() -> None:
    app, database = (joined([replace(one, lone=np.zeros(len(one), dtype=bool))]) for one in windows(1))
    believed = Shared(1.2, 1.0, 0.3)
    found = fit_demands(app, database, priors(1), believed, 1, 0)
    assert found.fit.shared[:2] == pytest.approx(believed[:2], abs=1e-4)


def test_steps_with_an_error_of_their_own_widen_the_intervals() -> None:
    app, database = windows(1)
    rng = np.random.default_rng(4)
    drift = np.exp(0.08 * rng.standard_normal(int(app.step.max()) + 1))
    rough_app, rough_database = (replace(one, cpu_s=one.cpu_s * drift[one.step]) for one in (app, database))
    calm = fit_demands(app, database, priors(1), BELIEVED, 1, 60)
    rough = fit_demands(rough_app, rough_database, priors(1), BELIEVED, 1, 60)
    assert calm.step_sd < 0.02
    assert rough.step_sd == pytest.approx(0.08, rel=0.5)
    width = [one.by_class[3].app.high - one.by_class[3].app.low for one in (calm, rough)]
    assert width[1] > 1.5 * width[0]


def test_a_counter_is_shared_out_by_the_mixes_and_by_what_is_believed() -> None:
    counts = np.array([[100.0, 300.0, 50.0], [200.0, 100.0, 80.0], [50.0, 50.0, 400.0], [300.0, 10.0, 10.0]])
    truth = np.array([9.0, 19.0, 0.0])
    found = per_class(counts, counts @ truth, np.array([3.0, 13.0, 0.0]))
    assert found == pytest.approx(truth, rel=0.05)
    assert per_class(counts, np.zeros(4), np.ones(3)) == pytest.approx(np.zeros(3))
    one_step = per_class(counts[:1], counts[:1] @ truth, np.array([9.0, 19.0, np.nan]))
    assert one_step[:2] == pytest.approx(truth[:2], rel=0.05)


def test_an_interval_holds_its_middle_and_is_not_negative() -> None:
    assert interval_of(1.0, [2.0, 3.0]).bounds[:2] == (1.0, 1.0)
    assert interval_of(1.0, [0.0, 0.1], stretch=3.0).low == 0.0
    assert interval_of(1.0, []).is_exact
