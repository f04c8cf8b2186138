"""Own hosting with its second site in a cloud: what stands there is billed at that place's prices, and sooner there."""

from __future__ import annotations

from collections import Counter

import pytest

from dfr_sizing.catalogue import Catalogue, load_catalogue
from dfr_sizing.cost import DATABASE_STORAGE, Tier
from dfr_sizing.errors import InputError
from dfr_sizing.model import load_model
from dfr_sizing.recommend.candidates import ALL_WAYS, PlaceOptions, Way, place_options
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.evaluate import recovery_input
from dfr_sizing.recovery import Failure, Strategy, estimate
from dfr_sizing.scenario import Hosting, load_scenario
from dfr_sizing.second_site import CloudSite, second_site

OWN = {"registry.farmers": 2e5, "hosting.providers": ["on-premises"]}
AWAY = "aws/af-south-1"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def design(away: str = AWAY) -> Design:
    return design_for(load_scenario(None, {**OWN, "hosting.second_site": away}), load_model())


def options(catalogue: Catalogue, of: Design, way: Way) -> PlaceOptions:
    place = next(place for place in catalogue.places if place.provider == "on-premises")
    found = place_options(catalogue, place, of, (way,), 1, Counter())
    assert found is not None
    return found


@pytest.mark.parametrize("way", ALL_WAYS, ids=lambda way: f"{way.strategy}-{way.standby}")
def test_the_second_site_is_billed_at_its_own_prices_and_the_first_as_before(catalogue: Catalogue, way: Way) -> None:
    here, away = (options(catalogue, design(place), way) for place in ("", AWAY))
    alike = {one.instance.name for one in away.databases}
    j = next(number for number, one in enumerate(here.databases) if one.instance.name in alike)
    k = next(n for n, one in enumerate(away.databases) if one.instance.name == here.databases[j].instance.name)
    bills = (here.candidate(0, j).bill, away.candidate(0, k).bill)
    assert bills[0].of_tier(Tier.PRODUCTION) == bills[1].of_tier(Tier.PRODUCTION)
    assert bills[0].of_tier(Tier.STAGING) == bills[1].of_tier(Tier.STAGING)
    places = {(item.price.provider, item.price.region) for item in bills[1].items if item.tier is Tier.RECOVERY}
    assert places == {("aws", "af-south-1")}
    assert all(item.monthly_usd > 0.0 for item in bills[1].items)


@pytest.mark.parametrize("way", ALL_WAYS, ids=lambda way: f"{way.strategy}-{way.standby}")
def test_the_search_adds_up_what_the_bill_does(catalogue: Catalogue, way: Way) -> None:
    found = options(catalogue, design(), way)
    for i, j in ((0, 0), (len(found.applications) - 1, len(found.databases) - 1)):
        assert found.cost(i, j) == pytest.approx(found.candidate(i, j).bill.five_year_usd, rel=1e-12)


def test_every_copy_costs(catalogue: Catalogue) -> None:
    costs = [
        options(catalogue, design(), Way(standby=False, strategy=strategy)).least_cost
        for strategy in (Strategy.BACKUP_RESTORE, Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY)
    ]
    assert costs == sorted(set(costs))


def test_hosts_of_a_pilot_light_in_a_cloud_are_paid_for_once_they_start(catalogue: Catalogue) -> None:
    way = Way(standby=False, strategy=Strategy.PILOT_LIGHT)
    names = [
        {item.name for item in options(catalogue, design(away), way).candidate(0, 0).bill.items} for away in ("", AWAY)
    ]
    assert "recovery: application nodes" in names[0]
    assert "recovery: application nodes" not in names[1]
    assert "recovery: database" in names[1]


def test_hosts_stand_sooner_in_a_cloud_than_where_nothing_was_prepared(catalogue: Catalogue) -> None:
    place = next(place for place in catalogue.places if place.provider == "on-premises")
    here, away = (recovery_input(place, 3, standby=False, design=design(at)) for at in ("", AWAY))
    assert (here.second_in_cloud, away.second_in_cloud) == (False, True)
    for strategy in (Strategy.BACKUP_RESTORE, Strategy.PILOT_LIGHT):
        slow, fast = (estimate(strategy, Failure.SITE, one, 1) for one in (here, away))
        assert fast.rto_minutes.p95 < slow.rto_minutes.p95
        assert "the other site lies in a cloud" in fast.note
    # What is restored at the site itself is as it was.
    disk = [estimate(Strategy.BACKUP_RESTORE, Failure.DISK, one, 1) for one in (here, away)]
    assert disk[0] == disk[1]


def test_what_is_like_a_size_is_no_smaller_and_holds_the_disk(catalogue: Catalogue) -> None:
    of = design()
    site = CloudSite(catalogue, catalogue.place("aws", "af-south-1"), of.terms, of.volumes, lambda _size: 5000)
    found = options(catalogue, of, Way(standby=False, strategy=Strategy.PILOT_LIGHT))
    for one in found.databases:
        like, _ = site.size_like(one.instance, one.instance.role)
        assert like.vcpus >= one.instance.vcpus
        assert like.memory_gib >= one.instance.memory_gib
        volume = site.volume_like(one.volume, 5000)
        assert volume.storage_gib >= one.volume.storage_gib
        assert volume.iops >= 5000
        items = {item.name: item for item in found.pricer.database(one.instance, one.volume, 1, one.price)}
        assert items[DATABASE_STORAGE].at_second_site.price.provider == "aws"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"second_site": "aws/nowhere-1"}, "region"),
        ({"second_site": "on-premises/national-data-centre"}, "a place in a cloud"),
        ({"second_site": AWAY, "countries": ["TO"]}, "in one of hosting.countries"),
    ],
)
def test_a_place_that_may_not_be_is_refused(catalogue: Catalogue, settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        second_site(catalogue, Hosting.model_validate(settings))


def test_without_a_name_it_is_like_the_first(catalogue: Catalogue) -> None:
    assert second_site(catalogue, Hosting()) is None
