"""Futures have the law that is stated; guesses are held against them as by hand; commitments are the best there are."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.catalogue import Term, load_catalogue
from dfr_sizing.drivers import drivers, rule
from dfr_sizing.interval import Interval
from dfr_sizing.model import load_model
from dfr_sizing.recommend import regret
from dfr_sizing.recommend.candidates import Way
from dfr_sizing.recommend.choice_types import Machines, Regret
from dfr_sizing.recommend.commitment import best_commitment, commitments, mean_cost
from dfr_sizing.recommend.futures import GROWTH, drawn_evenly, futures, uncertain_inputs, with_numbers
from dfr_sizing.recommend.regret import Market, begin_regret, follow, machines_of, outcome
from dfr_sizing.recovery import Strategy
from dfr_sizing.scenario import Scenario, load_scenario
from dfr_sizing.topology import Topology
from dfr_sizing.workers import workers

FARMERS = 3e5


def asked(**settings_of: object) -> Scenario:
    return load_scenario(None, {"registry.farmers": FARMERS, **settings_of})


def market(place: str = "aws/eu-west-1") -> Market:
    catalogue = load_catalogue()
    return Market(load_model(), catalogue, catalogue.place(*place.split("/")), Way(False, Strategy.PILOT_LIGHT))


def best_of(of: Market) -> Topology:
    best = of.at(asked(), 5).best
    assert best is not None
    return best[1].topology


def told(processes: int = 1, place: str = "aws/eu-west-1") -> Regret:
    of = market(place)
    with workers(processes) as pool:
        return begin_regret(asked(), of, best_of(of), 1, pool)()


@pytest.fixture
def few_futures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen: the tests are about what is done with them."""
    monkeypatch.setattr(regret, "rule", lambda name: 16.0 if name == "regret.futures" else rule(name))


def test_an_input_is_drawn_with_its_three_points_and_once_from_each_part() -> None:
    known, name = Interval(0.3, 0.5, 2.5), "campaign.record_kb"
    values = drawn_evenly(known, name, 1000, 1)
    assert np.quantile(values, (0.05, 0.5, 0.95)) == pytest.approx(known.bounds, rel=0.02)
    finer = np.sort(drawn_evenly(known, name, 100, 2))
    edges = np.quantile(drawn_evenly(known, name, 100_000, 3), np.linspace(0, 1, 101))
    assert all(
        low <= value <= high for value, (low, high) in zip(finer[1:-1], list(pairwise(edges))[1:-1], strict=True)
    )


def test_an_input_whose_low_end_is_0_is_drawn_on_a_line() -> None:
    values = drawn_evenly(Interval(0.0, 1.0, 4.0), "registry.growth_5y", 2000, 1)
    assert np.quantile(values, (0.05, 0.5, 0.95)) == pytest.approx((0.0, 1.0, 4.0), abs=0.05)
    assert values.min() >= drivers()[GROWTH].at_least


def test_every_future_is_exact_in_its_demand_and_within_the_allowed_ranges() -> None:
    inputs = uncertain_inputs(asked())
    assert {GROWTH, "campaign.record_kb", "users.portal_think_s"} <= set(inputs)
    assert not any(name.startswith(("targets.", "recovery.", "prices.")) for name in inputs)
    for future in futures(asked(), 32, 1):
        for name in inputs:
            value = future.value(name)
            assert isinstance(value, Interval)
            assert value.is_exact
            assert drivers()[name].at_least <= value.mid <= drivers()[name].at_most


def test_one_more_uncertain_input_changes_no_other() -> None:
    before = futures(asked(), 8, 1)
    after = futures(asked(**{"campaign.days": [90, 150, 200]}), 8, 1)
    assert [one.campaign.record_kb for one in before] == [one.campaign.record_kb for one in after]
    assert [one.campaign.days for one in before] != [one.campaign.days for one in after]


def test_a_growth_stated_as_a_range_is_taken_as_stated() -> None:
    assert uncertain_inputs(asked(**{GROWTH: [0.8, 1.0, 1.1]}))[GROWTH] == Interval(0.8, 1.0, 1.1)
    assert uncertain_inputs(asked())[GROWTH] == Interval(0.5, 1.0, 1.5)


def test_a_guess_costs_what_is_reckoned_by_hand() -> None:
    # 100,000 in five years where 160,000 would have served, broken in year 3: from month 30 on, three months late.
    assert rule("regret.notice_months") + rule("regret.cloud_move_months") == 3.0
    by_hand = 100e3 * 33 / 60 + 160e3 * 27 / 60 + 0.1 * 160e3 / 5
    assert outcome(100e3, 160e3, 3, own=False) == pytest.approx((by_hand, 3.0))
    # At go-live: the whole time is late but for three months. In one's own hosting it takes eleven.
    assert outcome(100e3, 160e3, 0, own=False)[0] == pytest.approx(100e3 * 3 / 60 + 160e3 * 57 / 60 + 3.2e3)
    assert outcome(100e3, 160e3, 3, own=True)[1] == pytest.approx(11.0)
    # Broken so late that nothing is bought any more: no move is paid.
    assert outcome(100e3, 160e3, 5, own=True) == pytest.approx((100e3, 6.0))
    assert outcome(100e3, 80e3, None, own=True) == (100e3, 0.0)


def test_the_first_failing_year_is_that_of_a_look_at_every_year() -> None:
    of = market()
    guesses = (machines_of(best_of(of)), Machines("m7g.xlarge", 2, "db.m7g.xlarge"))
    for future in futures(asked(), 6, 3):
        if of.at(future, 5).best is None:
            continue
        found = follow(of, future, guesses, 1)
        assert len(found.application_usd) == len(found.database_usd) == 2
        for machines, fails in zip(guesses, found.fails, strict=True):
            serving = [of.at(future, year).serves(machines) for year in range(6)]
            assert serving == sorted(serving, reverse=True)
            assert fails == (serving.index(False) if not all(serving) else None)


@pytest.mark.usefixtures("few_futures")
def test_no_guess_that_serves_costs_less_than_the_cheapest_and_more_nodes_serve_as_often() -> None:
    found = told()
    assert sum(guess.recommended for guess in found.guesses) == 1
    assert [guess.spent for guess in found.guesses] == sorted(guess.spent for guess in found.guesses)
    for guess in found.guesses:
        assert 0.0 <= guess.serves <= 1.0
        assert math.isnan(guess.in_vain) if guess.serves == 0.0 else guess.in_vain >= -1e-6
        assert guess.worst >= (guess.in_vain if guess.serves else -math.inf) - 1e-6
        assert math.isnan(guess.months) if guess.serves == 1.0 else guess.months > 0.0
    for one in found.guesses:
        for other in found.guesses:
            alike = (one.machines.application, one.machines.database)
            if (
                alike == (other.machines.application, other.machines.database)
                and one.machines.nodes > other.machines.nodes
            ):
                assert one.serves >= other.serves


@pytest.mark.usefixtures("few_futures")
def test_regret_is_the_same_on_one_process_and_on_two() -> None:
    assert repr(told(1)) == repr(told(2))


@given(
    st.lists(st.floats(0.1, 100.0), min_size=1, max_size=30).map(np.array),
    st.floats(0.05, 1.5),
    st.floats(0.0, 120.0),
)
def test_no_other_commitment_costs_less_on_the_mean(need: np.ndarray, ratio: float, other: float) -> None:
    best = best_commitment(need, ratio)
    assert mean_cost(need, best, ratio) <= mean_cost(need, other, ratio) + 1e-9


@settings(max_examples=20)
@given(st.floats(0.1, 0.9))
def test_the_commitment_of_an_exponential_need_is_that_of_the_formula(ratio: float) -> None:
    need = -np.log1p(-(np.arange(20_000) + 0.5) / 20_000)  # mean 1, P(X > c) = exp(-c)
    assert best_commitment(need, ratio) == pytest.approx(-math.log(ratio), abs=1e-3)


def test_a_commitment_takes_the_terms_own_price_and_none_where_there_is_none() -> None:
    of = market("gcp/us-central1")
    chosen = best_of(of)
    need = np.full((10, 6), 2.0)
    found = commitments(of.catalogue, chosen, need, need)
    priced = [
        term for term in Term
        if term is not Term.ON_DEMAND and of.catalogue.has_price(of.place, chosen.application.name, "hour", term)
    ]  # fmt: skip
    assert [one.term for one in found if one.what == "application nodes"] == [str(term) for term in priced]
    for one in found:  # a need that is known for sure is committed to in full
        assert one.hourly_usd == 2.0
        assert one.saved_monthly_usd == pytest.approx(730.0 * 2.0 * (1.0 - one.price_ratio))


def test_with_numbers_leaves_the_rest_as_it_is() -> None:
    changed = with_numbers(asked(), {"campaign.days": 90.0, "campaign.record_kb": 1.0})
    assert changed.campaign.days == Interval.exactly(90.0)
    assert changed.campaign.model_copy(
        update={"days": asked().campaign.days, "record_kb": asked().campaign.record_kb}
    ) == (asked().campaign)
    assert changed.users == asked().users
