"""Rare classes: sent more often within what is idle, alike, and never less often; their first round holds enough."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.model import RequestCost
from dfr_sizing.recommend.promises import Promise
from dfr_sizing.recommend.rare import (
    ENOUGH,
    FEWEST,
    FOR_A_P95,
    FOR_A_SUM,
    KEPT_SHARE,
    LENGTHS,
    first_round,
    more_often,
    rare_run,
    wanted,
    with_more,
)
from dfr_sizing.recommend.trial import Check, Trial
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.outcome import Runs
from dfr_sizing.simulation.run import Job
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.simulation.system import Cpu, Disk, System

LIGHT = RequestCost(0.01, 0.005, 0.3, 4.0, 1, 0.0, 0.0, 0.0, 1.0)
HEAVY = replace(LIGHT, app_cpu_s=0.5, database_cpu_s=1.5)
SYSTEM = System((Cpu(8), Cpu(8)), (0,), 1, 20, 160, 4, Disk(1e9, 0.0, 0.0, 1e12))
RARE = frozenset({"report", "dashboard"})


def drawn(pages: float, reports: float = 0.01, dashboards: float = 0.02) -> list[Stream]:
    return [
        Stream("portal_page", pages, LIGHT, background=False),
        Stream("report", reports, HEAVY, background=False),
        Stream("dashboard", dashboards, HEAVY, background=False),
    ]


def used(streams: list[Stream] | tuple[Stream, ...], share: str) -> float:
    return float(sum(of.rate_per_s * getattr(of, share) for of in streams))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(pages=st.floats(0.0, 900.0), reports=st.floats(1e-4, 2.0), fastest=st.floats(0.05, 500.0))
def test_rare_classes_take_a_share_of_what_is_idle_and_no_more(pages: float, reports: float, fastest: float) -> None:
    before, many = drawn(pages, reports), {"report": 400.0, "dashboard": 240.0}
    after, extra = more_often(before, SYSTEM, many, fastest)
    for cpu in ("app_cpu_s", "database_cpu_s"):
        room = rule("search.rare_class_share") * max(0.0, 8.0 - used(before, cpu))
        assert used(after, cpu) - used(before, cpu) <= room + 1e-9
        assert used(after, cpu) - used(before, cpu) <= 8.0 * extra + 1e-9
    assert after[0] == before[0]
    assert all(one.rate_per_s >= other.rate_per_s for one, other in zip(after, before, strict=True))
    seconds = {
        many[one.name] / one.rate_per_s
        for one, other in zip(after, before, strict=True)
        if one.rate_per_s > other.rate_per_s
    }
    assert not seconds or max(seconds) == pytest.approx(min(seconds), rel=1e-9)  # as many as are wanted, all at once
    assert all(found >= fastest * (1.0 - 1e-9) for found in seconds)


def test_what_is_shown_is_wanted_most_and_of_sums_least() -> None:
    streams = [*drawn(100.0), Stream("mobile_sync_full", 0.01, LIGHT), Stream("form_submission", 0.01, LIGHT)]
    streams[2] = replace(streams[2], cost=LIGHT)
    rare = frozenset({"report", "dashboard", "mobile_sync_full", "form_submission"})
    # A portal page has the same target as a form and as much work: it comes first, and is not rare.
    assert wanted(streams, rare) == {
        "report": ENOUGH,
        "dashboard": FOR_A_P95,
        "mobile_sync_full": FOR_A_SUM,
        "form_submission": FOR_A_P95,
    }


def test_where_there_is_room_the_fewest_replications_hold_enough() -> None:
    job = Job(SYSTEM, tuple(drawn(100.0)), 2000.0, 1, 0.95, 5)
    run = rare_run(job, RARE)
    assert run.job == with_more(job, RARE, LENGTHS[-1])
    assert run.job.seconds == job.seconds
    rates = {of.name: of.rate_per_s for of in run.job.streams}
    # A warm-up is at most what it may be of the job as it is.
    for name, many in wanted(job.streams, RARE).items():
        assert rates[name] * KEPT_SHARE * job.seconds * FEWEST == pytest.approx(many, rel=1e-6)
    assert run.first == run.compared == FEWEST


def test_where_there_is_none_they_are_longer_and_more() -> None:
    job = Job(SYSTEM, tuple(drawn(790.0)), 200.0, 1, 0.95, 5)
    run = rare_run(job, RARE)
    assert run.job == with_more(job, RARE, LENGTHS[0])
    assert run.first > FEWEST
    rates = {of.name: of.rate_per_s for of in run.job.streams}
    kept_s = run.first * (run.job.seconds - (1.0 - KEPT_SHARE) * job.seconds)
    enough = all(rates[name] * kept_s >= many for name, many in wanted(job.streams, RARE).items())
    assert enough or (run.first + 1) * run.job.requests > rule("run.most_requests")


@settings(max_examples=50, deadline=None, derandomize=True)
@given(pages=st.floats(0.0, 900.0), seconds=st.floats(50.0, 3000.0))
def test_a_first_round_is_never_of_fewer(pages: float, seconds: float) -> None:
    run = rare_run(Job(SYSTEM, tuple(drawn(pages)), seconds, 1, 0.95, 5), RARE)
    assert run.first >= FEWEST
    assert run.first == first_round(run.job, RARE, seconds) or run.first == FEWEST
    assert 1 <= run.compared <= FEWEST


def test_two_ways_to_meet_a_target_err_by_half_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def unbounded(_trial: Trial, _check: Check, confidence: float) -> Estimate:
        asked.append(confidence)
        return Estimate(1.0, 0.5, float("inf"), 100)

    def within(_runs: Runs, _name: str, _limit_s: float, confidence: float) -> bool:
        asked.append(confidence)
        return True

    monkeypatch.setattr(Trial, "estimate", unbounded)
    monkeypatch.setattr(Runs, "surely_within", within)
    promise = Promise("report_p95_s", "reports", ("report",), 1, 0.0, 15.0, "s")
    check = Check(Situation.SURGE, promise, "report", rare=True)
    assert Trial({}, {check.hour: ()}, 0).surely_met(check, 0.98)
    assert asked == pytest.approx([0.99, 0.99])
    slow = replace(check, promise=replace(promise, times=100))
    assert not Trial({}, {slow.hour: ()}, 0).surely_met(slow, 0.98)  # a mean is told by its interval alone
