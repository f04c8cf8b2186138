"""What holds of every bill: its parts add up, nothing is free, more never costs less, a missing price is never zero."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from dfr_sizing.catalogue import (
    SERVICE_UNITS,
    Catalogue,
    MissingPrice,
    Place,
    Role,
    Term,
    disk_ceiling,
    disk_limits,
    load_catalogue,
)
from dfr_sizing.cost import YEARS, Bill, CostItem, Terms, Tier, Volumes
from dfr_sizing.cost_pricer import Pricer, bill
from dfr_sizing.model import load_model
from dfr_sizing.recommend.candidates import ALL_WAYS, place_options
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.scenario import load_scenario
from dfr_sizing.topology import Topology, Volume

PLACES = (
    ("aws", "ap-southeast-2"),
    ("azure", "westeurope"),
    ("gcp", "europe-west1"),
    ("on-premises", "national-data-centre"),
    ("private-cloud", "national-cloud"),
    ("fao-managed", "shared-platform"),
)


def deployment(
    place: tuple[str, str] = PLACES[0],
    nodes: int = 3,
    standby: bool = False,
    strategy: Strategy = Strategy.PILOT_LIGHT,
    gib: int = 500,
    more_iops: float = 0.0,
    disk_number: int = 0,
    terms: Terms | None = None,
    catalogue: Catalogue | None = None,
    sold: tuple[int, int] = (0, 0),
    least_gib: int = 0,
) -> Bill:
    """A bill of the sizes numbered ``sold``; ``more_iops`` is a share of what the disk could be sold on top."""
    known = catalogue or load_catalogue()
    at = known.place(*place)
    application = known.instances_at(at, Role.APPLICATION)
    databases = known.instances_at(at, Role.DATABASE)
    disks = known.disks_at(at, Role.DATABASE)
    disk = disks[disk_number % len(disks)][0]
    size = max(gib, disk.min_gib)
    if size > disk.max_gib:
        reject()
    included, mb_per_s = disk_limits(disk, size)
    most = disk_ceiling(disk, size)[0] if known.has_price(at, disk.name, "iops-month") else included
    volume = Volume(disk, size, least_gib or size, included + int(more_iops * (most - included)), mb_per_s)
    node, database = application[sold[0] % len(application)], databases[sold[1] % len(databases)]
    topology = Topology(at, node[0], nodes, 9, database[0], volume, standby)
    year = [(number + 1) / YEARS for number in range(YEARS)]
    volumes = Volumes(
        tuple(0.7 * gib * share for share in year),
        tuple(max(20, int(gib * share)) for share in year),
        tuple(0.1 * gib * share for share in year),
        tuple(2.0 * gib * share for share in year),
        tuple(0.5 * gib * share for share in year),
    )
    pricer = Pricer(known, at, terms or Terms(Term.ON_DEMAND, 1.0, 0.25), volumes)
    return bill(topology, pricer, node[1], database[1], replicas_needed(strategy))


shares = st.floats(0.0, 1.0)
deployments = st.fixed_dictionaries(
    {
        "place": st.sampled_from(PLACES),
        "nodes": st.integers(1, 40),
        "standby": st.booleans(),
        "strategy": st.sampled_from(list(Strategy)),
        "gib": st.integers(20, 10_000),
        "more_iops": shares,
        "disk_number": st.integers(0, 20),
        "terms": st.builds(
            Terms,
            st.sampled_from(list(Term)),
            st.floats(0.0, 2.0),
            st.floats(0.01, 1.0),
            shares,
            shares,
            support=st.booleans(),
            kubernetes=st.booleans(),
        ),
        "sold": st.tuples(st.integers(0, 60), st.integers(0, 60)),
    }
)


@given(deployments)
@settings(max_examples=150, deadline=None)
def test_a_bill_is_positive_and_the_sum_of_its_items_its_tiers_and_its_years(how: dict) -> None:  # type: ignore[type-arg]
    found = deployment(**how)
    assert all(item.monthly_usd > 0 and math.isfinite(item.monthly_usd) for item in found.items)
    assert sum(item.five_year_usd for item in found.items) == pytest.approx(found.five_year_usd, rel=1e-12)
    assert 60 * sum(found.of_tier(tier) for tier in Tier) == pytest.approx(found.five_year_usd, rel=1e-12)
    assert sum(found.by_year_usd) == pytest.approx(found.five_year_usd, rel=1e-12)
    assert all(usd > 0 for usd in found.by_year_usd)
    for item in found.items:
        assert sum(item.by_year_usd) == pytest.approx(item.five_year_usd, rel=1e-12)
    for tier in Tier:
        assert sum(found.tier_by_year_usd(tier)) == pytest.approx(60 * found.of_tier(tier), rel=1e-12)


@given(deployments, st.integers(1, 10), st.integers(1, 5000), st.floats(0.01, 1.0))
@settings(max_examples=100, deadline=None)
def test_more_never_costs_less(how: dict, nodes: int, gib: int, iops: float) -> None:  # type: ignore[type-arg]
    base = deployment(**how).five_year_usd * (1 - 1e-12)
    assert deployment(**how | {"nodes": how["nodes"] + nodes}).five_year_usd > base
    assert deployment(**how | {"standby": True}).five_year_usd >= base
    assert deployment(**how | {"more_iops": min(1.0, how["more_iops"] + iops)}).five_year_usd >= base
    assert deployment(**how | {"strategy": Strategy.HOT_STANDBY}).five_year_usd >= base
    # The same IOPS bought of a larger volume: more of them come with it, so the share on top is set to nothing.
    plain = how | {"more_iops": 0.0}
    assert deployment(**plain | {"gib": how["gib"] + gib}).five_year_usd >= deployment(**plain).five_year_usd


def test_storage_backups_and_what_is_sent_grow_from_year_to_year_and_hosts_do_not() -> None:
    found = deployment(gib=1000, least_gib=20)
    courses = {item.name: item.by_year_usd for item in found.items if item.tier is Tier.PRODUCTION}
    for name in ("database storage", "filestore", "backups", "egress"):
        assert list(courses[name]) == sorted(courses[name])
        assert courses[name][4] == pytest.approx(5 * courses[name][0])
    for name in ("application nodes", "application disks", "database", "load balancer"):
        assert len({round(usd, 6) for usd in courses[name]}) == 1
    assert list(found.run_by_year_usd) == sorted(found.run_by_year_usd)


def test_overheads_and_taxes_are_lines_of_the_bill_and_taxes_are_on_the_overheads_too() -> None:
    net = deployment()
    found = deployment(terms=Terms(Term.ON_DEMAND, 1.0, 0.25, overhead_share=0.07, tax_share=0.15))
    charges = {item.name: item.five_year_usd for item in found.items if item.tier is Tier.CHARGES}
    assert charges["overheads"] == pytest.approx(0.07 * net.five_year_usd)
    assert charges["taxes"] == pytest.approx(0.15 * 1.07 * net.five_year_usd)
    assert found.five_year_usd == pytest.approx(1.07 * 1.15 * net.five_year_usd)
    assert [usd / of for usd, of in zip(found.by_year_usd, net.by_year_usd, strict=True)] == pytest.approx(
        [1.07 * 1.15] * YEARS
    )
    assert not [item for item in net.items if item.tier is Tier.CHARGES]


@cache
def design(farmers: float = 3e5, overhead: float = 0.0, tax: float = 0.0) -> Design:
    asked = {"registry.farmers": farmers, "prices.overhead_share": overhead, "prices.tax_share": tax}
    return design_for(load_scenario(None, asked), load_model())


def _net(found: Bill) -> list[CostItem]:
    return [item for item in found.items if item.tier is not Tier.CHARGES]


@pytest.mark.parametrize("provider", ["aws", "azure", "on-premises"])
def test_the_search_counts_overheads_and_taxes_to_the_last_bit(provider: str) -> None:
    catalogue = load_catalogue()
    place = next(place for place in catalogue.places if place.provider == provider)
    for way in ALL_WAYS:
        options = place_options(catalogue, place, design(3e5, 0.07, 0.15), (way,), 1, Counter())
        assert options is not None
        for i, cost in enumerate(options.application_cost):
            assert options.candidate(i, 0).bill.five_year_usd == pytest.approx(options.cost(i, 0), rel=1e-12)
            assert sum(item.five_year_usd for item in _net(options.candidate(i, 0).bill)) == cost


def small_catalogue(place: tuple[str, str]) -> tuple[Catalogue, Place]:
    """One place with one size of each role, the disks, the services: every price is needed or its disk not taken."""
    whole = load_catalogue()
    at = whole.place(*place)
    sizes = {
        instance.name
        for role in Role
        for instance, _ in whole.instances_at(at, role)
        if instance.vcpus == 16 and 32 <= instance.memory_gib <= 128 and not instance.burstable
    }
    kept = tuple(
        price
        for price in whole.prices
        if (price.provider, price.region) == place
        and price.term is Term.ON_DEMAND
        and (price.unit != "hour" or price.item in sizes)
    )
    return replace(whole, places=(at,), prices=kept), at


@pytest.mark.parametrize("place", [*PLACES, ("azure", "eastus"), ("aws", "us-east-1")])
def test_a_missing_price_never_counts_as_zero(place: tuple[str, str]) -> None:
    """Each row taken away makes the place dear, drop out with a reason, or MissingPrice: never cheaper."""
    catalogue, at = small_catalogue(place)
    assert len(catalogue.prices) >= 7
    options = place_options(catalogue, at, design(), ALL_WAYS, 1, Counter())
    assert options is not None
    whole, dropped = options.least_cost, 0
    for price in catalogue.prices:
        without = replace(catalogue, prices=tuple(other for other in catalogue.prices if other != price))
        complete, incomplete = without.complete_places()
        if not complete:
            assert incomplete[0].reason.startswith(f"no price in {at.name} of: ")
            if price.item in SERVICE_UNITS:
                assert price.item in incomplete[0].reason
            dropped += 1
            continue
        left = place_options(without, at, design(), ALL_WAYS, 1, Counter())
        assert left is None or left.least_cost >= whole * (1 - 1e-12), price
    assert dropped >= 4  # each of the four services at least


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("service", SERVICE_UNITS)
def test_nothing_is_billed_without_the_price_of_a_service(place: tuple[str, str], service: str) -> None:
    catalogue = load_catalogue()
    without = replace(catalogue, prices=tuple(price for price in catalogue.prices if price.item != service))
    with pytest.raises(MissingPrice, match=service):
        deployment(place, gib=20, catalogue=without)


def test_iops_that_no_list_prices_are_not_given_away() -> None:
    catalogue = load_catalogue()
    at = catalogue.place("aws", "us-east-1")
    disk = next(disk for disk, _ in catalogue.disks_at(at, Role.DATABASE) if disk.name == "rds-gp3")
    without = replace(
        catalogue, prices=tuple(p for p in catalogue.prices if (p.item, p.unit) != ("rds-gp3", "iops-month"))
    )
    pricer = Pricer(without, at, Terms(Term.ON_DEMAND, 1.0, 0.25), Volumes((1.0,), (450,), (1.0,), (1.0,), (1.0,)))
    size, price = catalogue.instances_at(at, Role.DATABASE)[0]
    pricer.database(size, Volume(disk, 450, 450, 12_000, 500.0), 1, price)
    with pytest.raises(MissingPrice, match="iops-month of 'rds-gp3'"):
        pricer.database(size, Volume(disk, 450, 450, 12_001, 500.0), 1, price)


def test_iops_that_come_with_the_later_size_are_not_bought_for_the_early_years() -> None:
    """RDS gp3 has 3,000 IOPS under 400 GiB and sells none on top; it has 12,000 from there on."""
    catalogue = load_catalogue()
    at = catalogue.place("aws", "us-east-1")
    disk = next(disk for disk, _ in catalogue.disks_at(at, Role.DATABASE) if disk.name == "rds-gp3")
    volumes = Volumes((1.0,) * 2, (130, 450), (1.0,) * 2, (1.0,) * 2, (1.0,) * 2)
    pricer = Pricer(catalogue, at, Terms(Term.ON_DEMAND, 1.0, 0.25), volumes)
    size, price = catalogue.instances_at(at, Role.DATABASE)[0]
    items = pricer.database(size, Volume(disk, 450, 130, 12_000, 500.0), 1, price)
    assert [item.name for item in items] == ["database", "database storage"]
