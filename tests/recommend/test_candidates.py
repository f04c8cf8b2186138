"""The order of the search, and the bounds that drop candidates before it."""

from collections import Counter

import pytest

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.model import load_model
from dfr_sizing.recommend import candidates
from dfr_sizing.recommend.bounds import strength
from dfr_sizing.recommend.candidates import PlaceOptions, Way, in_order_of_cost, place_options
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.evaluate import latency_checks
from dfr_sizing.recommend.least_times import LeastTimes
from dfr_sizing.recommend.rare import Hour
from dfr_sizing.recommend.trial import checks_of, trial_of
from dfr_sizing.recovery import Strategy
from dfr_sizing.scenario import load_scenario

WAY = Way(standby=False, strategy=Strategy.PILOT_LIGHT)


@pytest.fixture(scope="module")
def design() -> Design:
    return design_for(load_scenario(None, {"registry.farmers": 5e5}), load_model())


@pytest.fixture(scope="module")
def places(design: Design) -> list[PlaceOptions]:
    catalogue = load_catalogue()
    found = [
        place_options(catalogue, catalogue.place(provider, region), design, (WAY,), 1, Counter())
        for provider, region in (("aws", "eu-west-1"), ("azure", "westeurope"), ("gcp", "europe-west1"))
    ]
    return [options for options in found if options is not None]


def test_every_pair_of_every_place_comes_once_and_cheapest_first(places: list[PlaceOptions]) -> None:
    pairs = list(in_order_of_cost(places))
    assert len(pairs) == sum(len(options.applications) * len(options.databases) for options in places)
    assert len({(options.place.name, i, j) for _, options, i, j in pairs}) == len(pairs)
    costs = [cost for cost, *_ in pairs]
    assert costs == sorted(costs)


def test_the_cost_in_the_order_is_the_bill_of_the_pair(places: list[PlaceOptions]) -> None:
    for number, (cost, options, i, j) in enumerate(in_order_of_cost(places)):
        if number % 97 == 0:
            assert options.candidate(i, j).bill.five_year_usd == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp", "on-premises"])
@pytest.mark.parametrize("way", [Way(standby, strategy) for standby in (False, True) for strategy in Strategy])
def test_an_option_costs_to_the_last_bit_what_its_bill_says(provider: str, way: Way, design: Design) -> None:
    """Options of one price are common, and a rounding error apart they would change places."""
    catalogue = load_catalogue()
    place = next(place for place in catalogue.places if place.provider == provider)
    options = place_options(catalogue, place, design, (way,), 1, Counter())
    assert options is not None
    assert options.application_cost == tuple(
        options.candidate(i, 0).bill.five_year_usd for i in range(len(options.applications))
    )
    assert options.database_cost == tuple(
        options.candidate(0, j).bill.five_year_usd for j in range(len(options.databases))
    )


def test_no_bill_is_written_to_put_candidates_in_order(design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("a bill was written")

    monkeypatch.setattr(candidates, "bill", fail)
    catalogue = load_catalogue()
    options = place_options(catalogue, catalogue.place("aws", "eu-west-1"), design, (WAY,), 1, Counter())
    assert options is not None
    ordered = list(in_order_of_cost([options]))
    found = ordered[0][1].candidate(*ordered[0][2:])
    with pytest.raises(AssertionError, match="a bill was written"):
        _ = found.bill


def test_more_nodes_of_a_size_break_no_bound_that_fewer_keep(places: list[PlaceOptions], design: Design) -> None:
    least = LeastTimes(design, 1)
    for options in places:
        for i in range(len(options.applications) - 1):
            few, many = options.applications[i], options.applications[i + 1]
            if few.instance == many.instance:
                kept = least.broken(options.candidate(i, 0).topology) == (None, 0.0)
                if kept:
                    assert least.broken(options.candidate(i + 1, 0).topology) == (None, 0.0)


def test_what_a_bound_drops_fails_when_simulated(places: list[PlaceOptions], design: Design) -> None:
    tight = design_for(load_scenario(None, {"registry.farmers": 5e5, "targets.sync_500_s": 62.0}), design.model)
    least = LeastTimes(tight, 1)
    dropped = [
        options.candidate(i, j).topology
        for _, options, i, j in in_order_of_cost(places)
        if least.broken(options.candidate(i, j).topology)[0] is not None
    ]
    assert dropped
    for topology in dropped[:: max(1, len(dropped) // 3)][:3]:
        trial = trial_of(topology, tight, 1, seed=1)
        trial = trial.grown({Hour(tight.worst, rare): 4 for rare in (False, True)}, None)
        assert not all(check.passed for check in latency_checks(trial, checks_of(tight), 0.95))


def test_a_database_that_is_larger_in_everything_is_stronger(places: list[PlaceOptions], design: Design) -> None:
    options = next(found for found in places if found.place.provider == "aws")
    names = [database.instance.name for database in options.databases]
    small = options.candidate(0, names.index("db.m7g.2xlarge")).topology
    large = options.candidate(0, names.index("db.m7g.4xlarge")).topology
    assert all(a <= b for a, b in zip(strength(small, design.model, 1), strength(large, design.model, 1), strict=True))
