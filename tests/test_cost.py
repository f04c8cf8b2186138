"""A bill is the sum of its items, and its items can be checked by hand."""

from dataclasses import replace

import pytest

from dfr_sizing.catalogue import SERVICE_UNITS, Catalogue, MissingPrice, Role, Term, load_catalogue
from dfr_sizing.cost import Bill, Terms, Tier, Volumes
from dfr_sizing.cost_pricer import Pricer, bill
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.topology import Topology, Volume

VOLUMES = Volumes(
    database_gib=(100.0, 150.0, 200.0, 250.0, 300.0),
    storage_gib=(130, 200, 260, 330, 390),
    filestore_gib=(10.0, 20.0, 30.0, 40.0, 50.0),
    backup_gib=(60.0, 120.0, 180.0, 240.0, 300.0),
    egress_gb_month=(100.0, 100.0, 100.0, 100.0, 100.0),
)


def billed(
    strategy: Strategy = Strategy.BACKUP_RESTORE, nodes: int = 2, standby: bool = False, iops: int = 3000
) -> Bill:
    return billed_in(load_catalogue(), strategy, nodes, standby, iops)


def billed_in(
    catalogue: Catalogue,
    strategy: Strategy = Strategy.BACKUP_RESTORE,
    nodes: int = 2,
    standby: bool = False,
    iops: int = 3000,
) -> Bill:
    place = catalogue.place("aws", "us-east-1")
    sizes = {
        (role, instance.name): (instance, price)
        for role in Role
        for instance, price in catalogue.instances_at(place, role, Term.ON_DEMAND)
    }
    application, database = sizes[Role.APPLICATION, "m5.xlarge"], sizes[Role.DATABASE, "db.m5.xlarge"]
    disk = next(disk for disk, _ in catalogue.disks_at(place, Role.DATABASE) if disk.name == "rds-gp3")
    volume = Volume(disk, 390, 400 if iops > 3000 else 130, iops, 125.0)
    topology = Topology(place, application[0], nodes, 9, database[0], volume, standby)
    pricer = Pricer(catalogue, place, Terms(Term.ON_DEMAND, 1.0, 0.25), VOLUMES)
    return bill(topology, pricer, application[1], database[1], replicas_needed(strategy))


def item(of: Bill, name: str, tier: Tier = Tier.PRODUCTION) -> float:
    return sum(found.monthly_usd for found in of.items if found.name == name and found.tier is tier)


def test_reference_sizes_cost_what_the_price_lists_say_by_hand() -> None:
    found = billed()
    # m5.xlarge 0.192 USD/h and db.m5.xlarge 0.356 USD/h in us-east-1; RDS gp3 0.115 USD a GiB-month
    assert item(found, "application nodes") == pytest.approx(2 * 0.192 * 730)
    assert item(found, "database") == pytest.approx(0.356 * 730)
    assert item(found, "database storage") == pytest.approx(0.115 * (130 + 200 + 260 + 330 + 390) / 5)
    assert item(found, "filestore") == pytest.approx(0.023 * 30)
    assert item(found, "staging: database", Tier.STAGING) == pytest.approx(0.25 * 0.356 * 730)


def test_a_striped_volume_is_paid_for_at_its_least_size_from_the_first_year() -> None:
    assert item(billed(iops=12_000), "database storage") == pytest.approx(0.115 * 400)


def test_the_bill_is_the_sum_of_its_items_and_of_its_tiers() -> None:
    found = billed(Strategy.WARM_STANDBY, standby=True)
    assert found.monthly_usd == pytest.approx(sum(line.monthly_usd for line in found.items))
    assert found.monthly_usd == pytest.approx(sum(found.of_tier(tier) for tier in Tier))
    assert found.five_year_usd == pytest.approx(60 * found.monthly_usd)
    assert all(line.monthly_usd > 0 and line.basis and line.price.source for line in found.items)


def test_the_years_add_up_to_the_bill_and_what_is_stored_grows() -> None:
    found = billed(Strategy.WARM_STANDBY, standby=True)
    assert len(found.by_year_usd) == 5
    assert sum(found.by_year_usd) == pytest.approx(found.five_year_usd)
    run = found.run_by_year_usd
    assert list(run) == sorted(run)
    # GiB of RDS gp3 at the end of each year, twice for the standby, once more for the second site and for staging
    grown = 12 * 0.115 * (390 - 130) * 4 + 12 * 0.023 * (50 - 10) * 3 + 12 * 0.095 * (350 - 70) * 2
    assert run[-1] - run[0] == pytest.approx(grown)
    # what is paid once is paid in year 1: 20 days of people at 300 USD
    assert found.setup_usd == pytest.approx(20 * 300)
    assert [all_of - of for all_of, of in zip(found.by_year_usd, run, strict=True)] == pytest.approx([6000, 0, 0, 0, 0])


def test_a_price_that_is_missing_is_never_free() -> None:
    """Without any one of the prices that the bill rests on there is no bill, or a dearer one: never a cheaper one."""
    catalogue, whole = load_catalogue(), billed()
    place = catalogue.place("aws", "us-east-1")
    for price in dict.fromkeys(item.price for item in whole.items):
        without = replace(catalogue, prices=tuple(other for other in catalogue.prices if other != price))
        try:
            left = billed_in(without)
        except (MissingPrice, KeyError, StopIteration):
            continue  # no price, no bill
        assert left.monthly_usd >= whole.monthly_usd, price.item
        assert place in without.places


def test_a_place_without_a_price_is_dropped_by_name() -> None:
    catalogue = load_catalogue()
    place = catalogue.place("aws", "us-east-1")
    for item in SERVICE_UNITS:
        of_place = (place.provider, place.region, item)
        kept = tuple(price for price in catalogue.prices if (price.provider, price.region, price.item) != of_place)
        complete, dropped = replace(catalogue, prices=kept).complete_places([place])
        assert complete == ()
        assert item in dropped[0].reason


def test_every_copy_costs() -> None:
    by_strategy = [billed(strategy).monthly_usd for strategy in Strategy]
    assert by_strategy == sorted(by_strategy)
    assert len(set(by_strategy)) == len(by_strategy)
    assert billed(standby=True).monthly_usd > billed().monthly_usd
    assert billed(nodes=3).monthly_usd > billed(nodes=2).monthly_usd


def test_prices_older_than_the_limit_are_named() -> None:
    found = billed()
    dates = {line.price.date for line in found.items}
    assert found.stale(max(dates), days=0) == tuple(
        {line.price: None for line in found.items if line.price.date < max(dates) and line.tier is not Tier.SETUP}
    )
    assert replace(found, items=()).stale(max(dates)) == ()
