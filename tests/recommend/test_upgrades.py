"""Upgrades: the dates are edges, the path is the cheapest of all, and buying all at once is one of the choices."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.catalogue import PriceLabel, Term, load_catalogue
from dfr_sizing.catalogue.types import Price
from dfr_sizing.cost import Bill, CostItem, Tier
from dfr_sizing.drivers import rule
from dfr_sizing.model import load_model
from dfr_sizing.recommend.answer import decided
from dfr_sizing.recommend.bounds import shortfall
from dfr_sizing.recommend.candidates import Candidate
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.upgrades import STEP_MONTHS, _last, _Lasting, cheapest_path, cost_of, design_at, upgrades
from dfr_sizing.recommend.years import design_in_year
from dfr_sizing.scenario import load_scenario

PRICE = Price(
    "aws",
    "us-east-1",
    "any",
    "month",
    Term.ON_DEMAND,
    1.0,
    "a test",
    load_catalogue().places[0].date,
    PriceLabel.STATED,
)


def lasting(monthly: float, until: int) -> _Lasting:
    item = CostItem(Tier.PRODUCTION, "hosts", monthly, "by hand", PRICE)
    return _Lasting(None, Bill((item,)), until)  # type: ignore[arg-type]  # the path is of bills and months alone


def test_a_move_is_worth_it_where_it_saves_more_than_it_costs() -> None:
    small, large = lasting(100.0, 30), lasting(200.0, 60)
    # 30 months at 100 USD less, for a move of a tenth of 12 x 200 USD
    assert rule("regret.move_share") == 0.1
    assert cheapest_path([small], large) == (small, large)
    assert cost_of((small, large)) == pytest.approx(30 * 100 + 30 * 200 + 240)
    assert cheapest_path([lasting(195.0, 30)], large) == (large,)


@given(st.lists(st.tuples(st.floats(10.0, 1000.0), st.integers(4, 20).map(lambda step: 3 * step)), max_size=4))
def test_no_order_of_machines_is_cheaper_than_the_path(known: list[tuple[float, int]]) -> None:
    some, last = [lasting(*one) for one in known], lasting(500.0, 60)
    path = cheapest_path(some, last)
    assert path[-1] is last
    assert all(before.until < after.until for before, after in pairwise(path))
    assert cost_of(path) <= cost_of((last,))
    for one in some:
        if one.until < 60:
            assert cost_of(path) <= cost_of((one, last)) + 1e-9


@given(st.integers(0, 60), st.integers(1, 20).map(lambda step: 3 * step))
def test_halving_finds_the_last_month(edge: int, most: int) -> None:
    found = _last(lambda month: month <= edge, most)
    assert found == min(edge // STEP_MONTHS * STEP_MONTHS, most)


def test_a_month_has_the_farmers_and_the_bytes_between_two_years() -> None:
    scenario, model = load_scenario(None, {"registry.farmers": 3e5}), load_model()
    last = design_in_year(scenario, model, 5)
    for year in (1, 3, 5):
        whole, found = design_in_year(scenario, model, year), design_at(last, 12 * year)
        assert found.farmers == pytest.approx(whole.farmers)
        assert found.database_bytes == pytest.approx(whole.database_bytes)
    assert design_at(last, 18).farmers == pytest.approx(1.3 * 3e5)


@pytest.fixture(scope="module")
def searched() -> tuple[Search, Candidate]:
    asked = {"registry.farmers": 1.5e5, "registry.growth_5y": 7.0, "hosting.regions": ["aws/ap-southeast-2"]}
    search = Search(load_scenario(None, asked), load_model(), load_catalogue(), 1, Effort(), None)
    return search, decided(search, lambda _stage, _share: None)[0]


def test_machines_follow_one_another_without_a_gap_and_end_with_the_recommended(
    searched: tuple[Search, Candidate],
) -> None:
    search, chosen = searched
    found = upgrades(search, chosen)
    assert [stage.from_month for stage in found.stages] == [0, *(stage.to_month for stage in found.stages[:-1])]
    assert found.stages[-1].to_month == 60
    assert found.stages[-1].machines.database == chosen.topology.database.name
    assert found.at_once_usd == pytest.approx(chosen.bill.five_year_usd)
    assert found.five_year_usd <= found.at_once_usd
    assert len(found.stages) > 1  # eight times the farmers in five years: smaller machines serve at first
    paid = sum((stage.to_month - stage.from_month) * stage.monthly_usd for stage in found.stages)
    assert paid < found.five_year_usd  # the moves are paid for too


def test_a_stage_breaks_no_bound_at_its_end(searched: tuple[Search, Candidate]) -> None:
    search, chosen = searched
    assert shortfall(chosen.topology, design_at(search.design, 60), 1) is None
