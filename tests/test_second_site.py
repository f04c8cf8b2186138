"""Hybrid hosting: the second site is paid for at its own place's prices, with as much of everything."""

from __future__ import annotations

from collections import Counter

import pytest

from dfr_sizing.catalogue import Role, Term, load_catalogue
from dfr_sizing.cost import Tier
from dfr_sizing.cost_second_site import as_strong
from dfr_sizing.errors import InputError
from dfr_sizing.model import load_model
from dfr_sizing.recommend.candidates import ALL_WAYS, PlaceOptions, place_options
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.evaluate import recovery_input
from dfr_sizing.recovery import Failure, Strategy, estimate
from dfr_sizing.scenario import load_scenario

HOME = ("on-premises", "national-data-centre")


def options(second: str, way: int = 1, countries: tuple[str, ...] = ()) -> PlaceOptions:
    catalogue = load_catalogue()
    asked: dict[str, object] = {
        "registry.farmers": 3e5,
        "hosting.second_site": second,
        "hosting.providers": ["on-premises"],
    }
    if countries:
        asked["hosting.countries"] = countries
    design = design_for(load_scenario(None, asked), load_model())
    found = place_options(catalogue, catalogue.place(*HOME), design, (ALL_WAYS[way],), 1, Counter())
    assert found is not None
    return found


@pytest.mark.parametrize("way", range(len(ALL_WAYS)))
def test_the_second_site_is_billed_where_it_is_and_the_search_counts_it_so(way: int) -> None:
    found = options("aws/ap-southeast-2", way)
    for i in (0, len(found.application_cost) - 1):
        billed = found.candidate(i, 0).bill
        assert billed.five_year_usd == pytest.approx(found.cost(i, 0), rel=1e-12)
        for item in billed.items:
            elsewhere = item.tier is Tier.RECOVERY and "copies between sites" not in item.name
            assert item.price.provider == ("aws" if elsewhere else "on-premises"), item.name


def test_a_pilot_light_in_a_cloud_has_no_hosts_that_stand_idle() -> None:
    here, there = (options(second).candidate(0, 0).bill for second in ("", "aws/ap-southeast-2"))
    assert any(item.name == "recovery: application nodes" for item in here.items)
    assert not any(item.name == "recovery: application nodes" for item in there.items)
    assert here.of_tier(Tier.PRODUCTION) == there.of_tier(Tier.PRODUCTION)


def test_what_stands_there_is_as_strong() -> None:
    catalogue = load_catalogue()
    sydney = catalogue.place("aws", "ap-southeast-2")
    for size in (size for size in catalogue.instances if size.provider == "on-premises"):
        found, price = as_strong(catalogue, sydney, size.role, size, Term.ON_DEMAND)
        assert found.role is size.role
        assert found.memory_gib >= size.memory_gib
        assert found.cores * found.core_speed.mid >= size.cores * size.core_speed.mid
        assert price.region == sydney.region
    assert set(Role) == {size.role for size in catalogue.instances}


def test_hosts_stand_sooner_in_a_cloud_than_where_nothing_was_prepared() -> None:
    catalogue, asked = load_catalogue(), {"registry.farmers": 2e5, "hosting.providers": ["on-premises"]}
    designs = [
        design_for(load_scenario(None, {**asked, "hosting.second_site": second}), load_model())
        for second in ("", "aws/af-south-1")
    ]
    here, away = (recovery_input(catalogue.place(*HOME), 3, standby=False, design=one) for one in designs)
    assert (here.second_in_cloud, away.second_in_cloud) == (False, True)
    for strategy in (Strategy.BACKUP_RESTORE, Strategy.PILOT_LIGHT):
        slow, fast = (estimate(strategy, Failure.SITE, one, 1) for one in (here, away))
        assert fast.rto_minutes.p95 < slow.rto_minutes.p95
        assert "the other site lies in a cloud" in fast.note
    # What is restored at the site itself is as it was.
    disk = [estimate(Strategy.BACKUP_RESTORE, Failure.DISK, one, 1) for one in (here, away)]
    assert disk[0] == disk[1]


def test_a_second_site_that_the_law_forbids_is_refused() -> None:
    with pytest.raises(InputError, match=r"hosting.second_site is aws/ap-southeast-2.*a place in TO"):
        options("aws/ap-southeast-2", countries=("TO",))
    with pytest.raises(InputError, match="did you mean"):
        options("aws/ap-southeast-22")
