"""A day's arrivals have each hour's rate, as a Poisson process; a class draws the same whatever else is in the day."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats

from dfr_sizing.demand import HOURS
from dfr_sizing.model import RequestCost
from dfr_sizing.simulation import compiled
from dfr_sizing.simulation.draw import HOUR_S, Profile, Stream, draw_day, draw_open
from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, IdleCost, Requests, System

FALSE_ALARM = 1e-3
"""How often a test here would fail for a right program, had it not a fixed seed."""

COST = RequestCost(0.02, 0.05, 0.4, 20.0, 1, 30.0, 5000.0, 0.0, 1.0)
OFFICE = (*np.zeros(7), 0.05, 0.4, 0.9, 1.0, 0.8, 0.5, 0.7, 0.9, 0.8, 0.4, 0.1, *np.zeros(6))
RATES = tuple(float(rate) for rate in OFFICE)
DAY = [
    Profile("list", COST, RATES, reach=0.7),
    Profile("sync", replace(COST, threads=3), (0.01,) * 20 + (2.0,) + (0.01,) * 3, reach=0.1, miss_ratio=0.2),
    Profile("import", COST, (0.2,) * HOURS, background=True, client_cpu_s=0.003),
]


def by_hour(at: FloatArray, compress: float = 1.0) -> FloatArray:
    return np.bincount((at * compress / HOUR_S).astype(int), minlength=HOURS).astype(np.float64)


@pytest.mark.parametrize("profile", DAY, ids=lambda profile: profile.name)
@pytest.mark.parametrize("compress", [1.0, 24.0])
def test_each_hour_has_poisson_counts_of_its_rate(profile: Profile, compress: float) -> None:
    days = 20 if compress == 1.0 else 200
    counts = np.array([by_hour(draw_day([profile], 5, day, compress).arrival_s, compress) for day in range(days)])
    assert counts.shape == (days, HOURS)
    mean = np.array(profile.rate_by_hour) * HOUR_S / compress
    each = FALSE_ALARM / HOURS
    low, high = stats.poisson.interval(1 - each, mean * days)
    assert (low <= counts.sum(axis=0)).all()
    assert (counts.sum(axis=0) <= high).all()
    # and they scatter as Poisson counts do: variance as large as the mean, over all hours and days
    some = mean > 0.0
    dispersion = float(((counts[:, some] - mean[some]) ** 2 / mean[some] - 1.0).sum())
    spread = np.sqrt(days * (2.0 + 1.0 / mean[some]).sum())
    assert abs(dispersion) <= stats.norm.ppf(1 - FALSE_ALARM / 2) * spread


def test_counts_of_an_hour_and_the_next_are_independent() -> None:
    counts = np.array([by_hour(draw_day(DAY[:1], 6, day, 24.0).arrival_s, 24.0) for day in range(400)])[:, 8:17]
    ours, theirs = counts[:, :-1].ravel(), counts[:, 1:].ravel()
    centred = [(each - np.tile(each.reshape(400, -1).mean(axis=0), 400)) for each in (ours, theirs)]
    assert stats.pearsonr(*centred).pvalue > FALSE_ALARM


def test_times_within_an_hour_are_even_and_lie_on_its_side_of_the_boundary() -> None:
    # a step from 0 to 5 a second at 9:00 and back at 10:00: not one before, not one after, and evenly between
    rates = (*[0.0] * 9, 5.0, *[0.0] * 14)
    at = draw_day([Profile("step", COST, rates)], 7).arrival_s
    assert 9 * HOUR_S <= at.min() < at.max() < 10 * HOUR_S
    assert stats.kstest(at / HOUR_S - 9.0, "uniform").pvalue > FALSE_ALARM
    assert stats.kstest(np.diff(at), "expon", args=(0.0, 1 / 5.0)).pvalue > FALSE_ALARM
    # the last minute before a rise and the first after it have each its own rate
    rising = Profile("rising", COST, (*[0.5] * 9, 5.0, *[0.5] * 14))
    days = [draw_day([rising], 8, day).arrival_s for day in range(20)]
    for begin, rate in ((9 * HOUR_S - 60.0, 0.5), (9 * HOUR_S, 5.0), (10 * HOUR_S - 60.0, 5.0), (10 * HOUR_S, 0.5)):
        found = sum(int(((at >= begin) & (at < begin + 60.0)).sum()) for at in days)
        low, high = stats.poisson.interval(1 - FALSE_ALARM / 4, rate * 60.0 * len(days))
        assert low <= found <= high, begin


def test_day_of_one_rate_is_the_steady_stream() -> None:
    # to the bit but for the unit of time: a Poisson process of rate 1, stretched
    day = draw_day([DAY[2]], 3, compress=24.0)
    steady = draw_open([Stream("import", 1.0, COST, True, client_cpu_s=0.003)], HOURS * HOUR_S / 24.0 * 0.2, 3)
    np.testing.assert_allclose(day.arrival_s, steady.arrival_s / 0.2, rtol=1e-12)
    np.testing.assert_array_equal(day.app_cpu_s, steady.app_cpu_s)
    assert day.background.all()


def test_same_seed_gives_the_same_rows_and_another_seed_or_day_does_not() -> None:
    one, two = draw_day(DAY, 9, 1, 24.0), draw_day(DAY, 9, 1, 24.0)
    for field in fields(Requests):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))
    firsts = {float(draw_day(DAY, seed, day, 24.0).arrival_s[0]) for seed in (8, 9) for day in (0, 1)}
    assert len(firsts) == 4


@pytest.mark.parametrize("others", [[DAY[1]], [DAY[2], DAY[1]]])
def test_another_class_does_not_change_what_a_class_draws(others: list[Profile]) -> None:
    alone, among = draw_day(DAY[:1], 4, compress=4.0), draw_day([*others, DAY[0]], 4, compress=4.0)
    rows = among.class_index == len(others)
    assert len(alone) > 1000
    for field in fields(Requests):
        column = getattr(among, field.name)
        if field.name not in {"class_names", "class_index"} and len(column):
            np.testing.assert_array_equal(column[rows], getattr(alone, field.name), err_msg=field.name)


def test_rows_carry_what_their_class_is() -> None:
    drawn = draw_day(DAY, 4, compress=24.0)
    assert (np.diff(drawn.arrival_s) >= 0.0).all()
    assert 3500.0 < drawn.arrival_s[-1] < 3600.0
    for number, profile in enumerate(DAY):
        rows = drawn.class_index == number
        assert rows.sum() > 30
        assert set(drawn.reach[rows]) == {profile.reach}
        assert set(drawn.background[rows]) == {profile.background}
        assert set(drawn.client_cpu_s[rows]) == {profile.client_cpu_s}
        assert set(drawn.threads[rows]) == {profile.cost.threads}
        assert drawn.reads[rows].any() == (profile.miss_ratio > 0.0)


def test_days_without_requests() -> None:
    assert len(draw_day([], 1)) == len(draw_day([Profile("never", COST, (0.0,) * HOURS)], 1)) == 0


def test_profiles_that_are_no_day_and_factors_that_are_none_are_refused() -> None:
    for rates in ((1.0,) * 23, (1.0,) * 23 + (-1.0,), (1.0,) * 23 + (float("nan"),), (1.0,) * 23 + (float("inf"),)):
        with pytest.raises(ValueError, match="24 rates"):
            Profile("list", COST, rates)
    for factor in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="compress"):
            draw_day(DAY, 1, compress=factor)


def test_requests_of_a_quiet_hour_cost_more_than_those_of_a_busy_one() -> None:
    # one demand drawn for the whole day; the run makes of it what its own busyness says, as far as a class is reached
    cost = replace(COST, cv=0.0, database_cpu_s=0.0, statements=1.0, wal_bytes=0.0, app_cpu_s=0.1)
    rates = (0.2,) * 12 + (6.0,) * 12
    disk = Disk(iops=1e12, read_latency_s=0.0, flush_latency_s=0.0, write_bytes_per_s=1e15)
    system = System((Cpu(1), Cpu(1)), (0,), 1, 500, 64, 0, disk, idle_cost=IdleCost(1.0, 1.0, 0.6, 30.0))
    busy = {}
    for reach in (1.0, 0.0):
        day = draw_day([Profile("list", cost, rates, reach=reach)], 2, compress=24.0)
        until = 1800.0
        quiet = compiled.simulate_open(system, day, until)
        whole = compiled.simulate_open(system, day, 2 * until)
        asked = [0.1 * (day.arrival_s < until).sum(), 0.1 * (day.arrival_s >= until).sum()]
        busy[reach] = [quiet.cpu_busy_s[0] / asked[0], (whole.cpu_busy_s[0] - quiet.cpu_busy_s[0]) / asked[1]]
    assert busy[0.0] == pytest.approx([1.0, 1.0], abs=0.01)
    # settled: rho = 0.02 x 1.6 / (1 + 0.02 x 0.6) and 0.6 x 1.6 / (1 + 0.6 x 0.6), each over its load
    assert busy[1.0] == pytest.approx([1.6 / 1.012, 1.6 / 1.36], rel=0.03)
