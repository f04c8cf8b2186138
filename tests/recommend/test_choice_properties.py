"""What every choice obeys, by the bounds: more of anything asked for never costs less, more places never cost more."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.model import load_model
from dfr_sizing.recommend.bounds import shortfall
from dfr_sizing.recommend.candidates import ALL_WAYS, Way, cheapest_by_bounds, in_order_of_cost, place_options
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.explain import cost_by_bounds
from dfr_sizing.recommend.removed import left_out, removed_places
from dfr_sizing.recovery import Strategy
from dfr_sizing.scenario import Scenario, load_scenario

PLACES = ("aws/eu-west-1", "azure/westeurope", "gcp/europe-west1", "on-premises/national-data-centre")
PLAIN = Way(standby=False, strategy=Strategy.BACKUP_RESTORE)
farmers = st.floats(4.0, 6.7).map(lambda power: 10.0**power)
place = st.sampled_from(PLACES)


def asked(count: float, **settings_of: object) -> Scenario:
    return load_scenario(None, {"registry.farmers": count, **settings_of})


def cost(count: float, where: str, way: Way = PLAIN, **settings_of: object) -> float:
    catalogue = load_catalogue()
    return cost_by_bounds(asked(count, **settings_of), load_model(), catalogue, catalogue.place(*where.split("/")), way)


@settings(max_examples=30, deadline=None)
@given(farmers, st.floats(1.0, 3.0), place)
def test_cost_is_positive_and_never_falls_with_more_farmers(count: float, times: float, where: str) -> None:
    assert 0.0 < cost(count, where) <= cost(count * times, where)


@settings(max_examples=20, deadline=None)
@given(farmers, st.floats(0.0, 2.0), st.floats(0.0, 2.0), place)
def test_cost_never_falls_with_more_growth(count: float, one: float, other: float, where: str) -> None:
    low, high = sorted((one, other))
    less, more = ({"registry.growth_5y": growth} for growth in (low, high))
    assert cost(count, where, PLAIN, **less) <= cost(count, where, PLAIN, **more)


@settings(max_examples=20, deadline=None)
@given(farmers, st.floats(0.2, 1.0), st.sampled_from(["page_p95_s", "sync_500_s", "api_p95_ms", "report_p95_s"]), place)
def test_a_tighter_target_never_costs_less(count: float, share: float, name: str, where: str) -> None:
    mid = getattr(asked(count).targets, name).mid
    assert cost(count, where) <= cost(count, where, PLAIN, **{f"targets.{name}": share * mid})


@pytest.mark.parametrize("where", PLACES)
def test_every_copy_costs(where: str) -> None:
    for way in ALL_WAYS:
        if not way.standby:
            assert cost(3e5, where, way) < cost(3e5, where, Way(standby=True, strategy=way.strategy))
    one_zone = [cost(3e5, where, way) for way in ALL_WAYS if not way.standby]
    assert one_zone == sorted(one_zone)


@settings(max_examples=15, deadline=None)
@given(farmers, st.sets(place, min_size=1), place)
def test_a_wider_choice_of_places_never_costs_more(count: float, some: set[str], one_more: str) -> None:
    catalogue, design = load_catalogue(), design_for(asked(count), load_model())

    def cheapest(names: set[str]) -> float:
        found = [
            place_options(catalogue, catalogue.place(*name.split("/")), design, (PLAIN,), 1, Counter())
            for name in sorted(names)
        ]
        return next((usd for usd, *_ in in_order_of_cost([options for options in found if options])), math.inf)

    assert cheapest(some | {one_more}) <= cheapest(some)


@pytest.fixture(scope="module")
def design() -> Design:
    return design_for(asked(3e5, **{"hosting.countries": ["ZA"], "hosting.providers": ["aws", "gcp"]}), load_model())


def test_every_place_is_either_allowed_or_left_out_with_its_reason(design: Design) -> None:
    catalogue = load_catalogue()
    hosting = design.scenario.hosting
    allowed = catalogue.places_allowed(hosting.providers, hosting.countries, hosting.regions)
    for one in catalogue.places:
        assert (left_out(one, hosting, catalogue) == "") is (one in allowed and not catalogue.missing_at(one))
    reasons = {one.name: left_out(one, hosting, catalogue) for one in catalogue.places}
    assert "azure is not among hosting.providers (aws, gcp)" in reasons["azure/southafricanorth"]
    assert "country US is not among hosting.countries (ZA)" in reasons["aws/us-east-1"]
    assert reasons["aws/af-south-1"] == ""
    named = hosting.model_copy(update={"regions": ("gcp/africa-south1",)})
    assert "region af-south-1 is not among hosting.regions" in left_out(
        catalogue.place("aws", "af-south-1"), named, catalogue
    )


def test_what_a_removed_place_would_have_saved_is_the_difference_of_two_searches(design: Design) -> None:
    catalogue = load_catalogue()
    home = place_options(catalogue, catalogue.place("aws", "af-south-1"), design, (PLAIN,), 1, Counter())
    assert home is not None
    kept = cheapest_by_bounds(home, design)
    assert kept is not None
    found = removed_places(catalogue, design, [home], 1)
    assert {one.place for one in found} == {one.name for one in catalogue.places} - {"aws/af-south-1"}
    known = [one for one in found if math.isfinite(one.saved_usd)]
    assert known
    assert [one.saved_usd for one in known] == sorted((one.saved_usd for one in known), reverse=True)
    for one in known:
        assert one.saved_usd == pytest.approx(kept[0] - one.five_year_usd)
        assert one.reason


@pytest.mark.parametrize("where", PLACES)
def test_a_given_deployment_is_held_to_the_bounds_of_the_options(where: str, design: Design) -> None:
    catalogue = load_catalogue()
    options = place_options(catalogue, catalogue.place(*where.split("/")), design, (PLAIN,), 1, Counter())
    assert options is not None
    best = cheapest_by_bounds(options, design)
    assert best is not None
    assert shortfall(best[1].topology, design, 1) is None
    fewest = {option.instance.name: option.nodes for option in reversed(options.applications)}
    assert best[1].topology.nodes >= fewest[best[1].topology.application.name]
    for count in (1e7, 1e8):
        assert shortfall(best[1].topology, design_for(asked(count), design.model), 1) is not None
