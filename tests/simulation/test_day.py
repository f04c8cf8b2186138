"""A day in passes: every hour at its own rate and load, and as many passes as make the whole day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dfr_sizing.analytic import ps_slowdown
from dfr_sizing.demand import HOURS
from dfr_sizing.model import RequestCost
from dfr_sizing.simulation.day import DayJob, compress_for, p95_of_hour, simulate_pass
from dfr_sizing.simulation.draw import Profile
from dfr_sizing.simulation.system import Cpu, Disk, IdleCost, System

COST = RequestCost(0.05, 0.02, 0.8, 6.0, 1, 0.0, 0.0, 0.0, 1.0)
RATES = tuple(2.0 if hour < 6 else 20.0 + hour for hour in range(HOURS))
SYSTEM = System((Cpu(4), Cpu(2)), (0,), 1, 400, 3200, 0, Disk(1e9, 0.0, 0.0, 1e12))
JOB = DayJob(SYSTEM, (Profile("page", COST, RATES),), 36, 1)


def test_hours_have_the_load_of_their_rates() -> None:
    found = simulate_pass(JOB, 0)
    expected = np.outer(RATES, [0.05 / 4, 0.02 / 2])
    # 100 s an hour: of some 200 to 4,300 requests, each of cv 0.8 and Poisson arrivals; five standard errors
    error = 5.0 * np.sqrt((1 + 0.8**2) / (100.0 * np.array(RATES)))[:, None]
    assert found.busy == pytest.approx(expected, rel=0.2)
    assert (abs(found.busy / expected - 1.0) <= error).all()


def test_latency_rises_with_the_load_of_the_hour_as_processor_sharing_says() -> None:
    passes = [simulate_pass(JOB, number) for number in range(4)]
    for hour in (3, 12, 23):
        mean = np.concatenate([one.latencies[hour][0] for one in passes]).mean()
        app, sql = RATES[hour] * 0.05, RATES[hour] * 0.02
        slow_app = ps_slowdown(app, 1.0, Cpu(4).capacity, full_at=4)
        slow_sql = ps_slowdown(sql, 1.0, Cpu(2).capacity, full_at=2)
        assert mean == pytest.approx(0.05 * slow_app + 0.02 * slow_sql, rel=0.08)


def test_passes_make_the_whole_day() -> None:
    assert JOB.requests == 3600.0 * sum(RATES)
    whole = replace(JOB, compress=12)
    served = sum(simulate_pass(whole, number).requests for number in range(whole.compress))
    # Poisson: five standard errors
    assert abs(served - JOB.requests) <= 5.0 * JOB.requests**0.5


@pytest.mark.parametrize(
    ("requests", "shortest_s", "compress"),
    [(1e9, 40.0, 1), (JOB.requests / 12, 40.0, 12), (1.0, 40.0, 90), (1.0, 41.0, 87)],
)
def test_a_pass_has_so_many_requests_but_no_hour_too_short(requests: float, shortest_s: float, compress: int) -> None:
    assert compress_for(JOB.profiles, requests, shortest_s) == compress


def test_an_idle_hour_costs_more_a_request() -> None:
    surcharge = replace(JOB, system=replace(SYSTEM, idle_cost=IdleCost(1.0, 1.0, 0.5, 1.0)))
    plain, dear = simulate_pass(JOB, 0), simulate_pass(surcharge, 0)
    ratio = dear.busy[:, 0] / plain.busy[:, 0]
    for hour in (3, 23):
        settled = ratio[hour]
        assert settled == pytest.approx(1.0 + 0.5 * (1.0 - dear.busy[hour, 0]), rel=0.03)
    assert ratio[3] > ratio[23] + 0.1


def test_p95_of_an_hour_is_of_what_was_sent_in_it() -> None:
    passes = [simulate_pass(JOB, 0)]
    assert p95_of_hour(passes, 23)["page"] == pytest.approx(np.quantile(passes[0].latencies[23][0], 0.95))
    nightly = replace(JOB, profiles=(replace(JOB.profiles[0], rate_by_hour=(5.0,) + (0.0,) * 23),))
    assert p95_of_hour([simulate_pass(nightly, 0)], 5) == {}
