"""The simulated years have the last word on availability: where they surely miss it, the choice goes a step up."""

from __future__ import annotations

import pytest

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.model import load_model
from dfr_sizing.recommend import answer
from dfr_sizing.recommend.answer import decided, decided_for_years, recommend
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.recovery import promises_of, surely_unkept, years_of
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.types import Infeasible
from dfr_sizing.scenario import Scenario, load_scenario

BETWEEN = 0.99513
"""Availability that a warm standby keeps by the quick check, at 99.518 %, and surely not in simulated years."""
QUICK = Effort(glance=2_000, situation=10_000, point=1_000)


def on_premises(availability: float) -> Scenario:
    """Own hosting whose people are slow at night, so that a failure often finds the second site gone or undecided."""
    people = {"recovery.night_minutes": [30, 60, 180], "recovery.declare_minutes": [15, 45, 180]}
    settings = {"hosting.providers": ["on-premises"], "recovery.rto_hours": 48, "targets.availability": availability}
    return load_scenario(None, {"registry.farmers": 2e5, **people, **settings})


def search(availability: float) -> Search:
    return Search(on_premises(availability), load_model(), load_catalogue(), 1, QUICK, None)


def test_a_way_that_the_years_surely_miss_is_left_for_a_dearer_one() -> None:
    usual = search(BETWEEN)
    by_the_quick_check, _ = decided(usual, lambda _stage, _share: None)
    assert surely_unkept(years_of(by_the_quick_check, usual.design, 1), promises_of(usual.design.scenario))
    found = recommend(on_premises(BETWEEN), load_model(), load_catalogue(), effort=QUICK)
    assert found.recovery is not None
    assert not surely_unkept(found.recovery.years, found.recovery.promises)
    assert found.recommended.bill.five_year_usd > by_the_quick_check.bill.five_year_usd
    turned_down = [line.reason for line in found.rejected if "simulated years" in line.reason]
    assert turned_down == [
        f"recovery in on-premises: {by_the_quick_check.way.strategy} misses availability in simulated years"
    ]
    assert decided_for_years(search(BETWEEN), lambda _stage, _share: None).way.strategy is found.recommended.strategy


def test_where_the_years_leave_no_way_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "surely_unkept", lambda _years, _promises: True)
    with pytest.raises(Infeasible) as told:
        decided_for_years(search(0.99), lambda _stage, _share: None)
    assert any("availability in simulated years" in line.reason for line in told.value.rejected)
    assert "targets.availability" in told.value.change
