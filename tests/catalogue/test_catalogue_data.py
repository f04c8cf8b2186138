"""What the shipped rows must hold."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from dfr_sizing.catalogue import (
    BACKUP_STORAGE,
    EGRESS,
    LOAD_BALANCER,
    OBJECT_STORAGE,
    SERVICE_UNITS,
    Catalogue,
    DiskType,
    InstanceType,
    Place,
    Price,
    PriceLabel,
    Role,
    Term,
    load_catalogue,
)

CLOUDS = ("aws", "azure", "gcp")
NOW = datetime.now(tz=UTC).date()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def all_rows(catalogue: Catalogue) -> list[Place | InstanceType | DiskType | Price]:
    return [*catalogue.places, *catalogue.instances, *catalogue.disks, *catalogue.prices]


def cloud_places(catalogue: Catalogue, provider: str) -> list[Place]:
    return [place for place in catalogue.places if place.provider == provider]


def test_every_row_names_its_source_and_a_date_not_in_the_future(catalogue: Catalogue) -> None:
    rows = all_rows(catalogue)
    assert len(rows) > 3000
    assert [row for row in rows if len(row.source) < 8 or not date(2020, 1, 1) <= row.date <= NOW] == []


def test_sources_are_public_and_name_no_machine(catalogue: Catalogue) -> None:
    rows = all_rows(catalogue)
    assert [row.source for row in rows if re.search(r"(^|\s)/\w|\.csv|localhost|id \d+", row.source)] == []


def test_prices_are_positive_and_cheaper_with_commitment(catalogue: Catalogue) -> None:
    assert min(price.usd for price in catalogue.prices) > 0
    committed = [price for price in catalogue.prices if price.term is not Term.ON_DEMAND]
    assert {price.term for price in committed} == {Term.SUSTAINED, Term.ONE_YEAR, Term.THREE_YEARS}
    for price in committed:
        place = catalogue.place(price.provider, price.region)
        assert price.usd < catalogue.price(place, price.item, price.unit).usd
        assert price.label is (PriceLabel.ESTIMATED if price.provider == "aws" else PriceLabel.CONVERTED)


def test_sustained_use_lowers_what_google_lists_for_n2(catalogue: Catalogue) -> None:
    """20 % for a whole month; the newer families have none."""
    iowa = catalogue.place("gcp", "us-central1")
    assert catalogue.price(iowa, "n2-standard-4", "hour", Term.SUSTAINED).usd == pytest.approx(
        113.462182456 / 730, rel=1e-5
    )
    assert {price.item.split("-")[0] for price in catalogue.prices if price.term is Term.SUSTAINED} == {"n2"}
    offered = {size.name: price for size, price in catalogue.instances_at(iowa, Role.APPLICATION)}
    assert offered["n2-standard-4"].term is Term.SUSTAINED
    assert offered["c4-standard-4"].term is Term.ON_DEMAND


def test_an_estimated_price_states_its_rule(catalogue: Catalogue) -> None:
    estimated = [price for price in catalogue.prices if price.label is PriceLabel.ESTIMATED]
    assert estimated
    unexplained = [
        price.source
        for price in estimated
        if not re.search(r" x .*ratio| per (vCPU|vCore|GiB)|two are equal| x 0\.8", price.source)
    ]
    assert unexplained == []


@pytest.mark.parametrize("provider", CLOUDS)
def test_each_cloud_has_three_complete_regions_at_least(catalogue: Catalogue, provider: str) -> None:
    complete, _ = catalogue.complete_places(cloud_places(catalogue, provider))
    assert len(complete) >= 3


@pytest.mark.parametrize("provider", CLOUDS)
def test_three_regions_of_each_cloud_offer_enough_to_choose_from(catalogue: Catalogue, provider: str) -> None:
    rich = 0
    for place in cloud_places(catalogue, provider):
        application = [size for size, _ in catalogue.instances_at(place, Role.APPLICATION)]
        database = [size for size, _ in catalogue.instances_at(place, Role.DATABASE)]
        disks = [disk for role in Role for disk, _ in catalogue.disks_at(place, role)]
        rich += (
            len(application) >= 8
            and len({size.family for size in application}) >= 3
            and len(database) >= 6
            and len(disks) >= 3
        )
    assert rich >= 3


@pytest.mark.parametrize("provider", CLOUDS)
def test_sizes_span_two_to_sixty_vcpus_and_databases_more(catalogue: Catalogue, provider: str) -> None:
    sizes = [size for size in catalogue.instances if size.provider == provider]
    application = [size.vcpus for size in sizes if size.role is Role.APPLICATION]
    database = [size.vcpus for size in sizes if size.role is Role.DATABASE]
    assert min(application) <= 4
    assert max(application) >= 64
    assert max(database) >= 64


@pytest.mark.parametrize(
    ("provider", "region", "item", "unit", "usd"),
    [
        ("aws", "us-east-1", "m5.xlarge", "hour", 0.192),
        ("aws", "us-east-1", "db.m5.xlarge", "hour", 0.356),
        ("aws", "us-east-1", LOAD_BALANCER, "month", (0.0225 + 0.008) * 730),
        ("aws", "us-east-1", OBJECT_STORAGE, "gib-month", 0.023),
        ("aws", "us-east-1", BACKUP_STORAGE, "gib-month", 0.095),
        ("aws", "ap-southeast-2", "db.m5.xlarge", "hour", 0.494),
        ("aws", "ap-southeast-2", EGRESS, "gb", 0.114),
        ("azure", "eastus", "Standard_D4s_v3", "hour", 0.192),
        ("azure", "westus", "GP_Standard_D4s_v3", "hour", 0.390),
        ("azure", "westus", "GP_Standard_D4ds_v5", "hour", 0.406),
        ("gcp", "us-central1", "n2-standard-4", "hour", 0.194236),
        ("gcp", "us-central1", "db-custom-4-16384", "hour", 4 * 0.0413 + 16 * 5.11 / 730),
        ("gcp", "us-central1", "cloud-sql-ssd", "gib-month", 0.17),
    ],
)
def test_reference_prices(catalogue: Catalogue, provider: str, region: str, item: str, unit: str, usd: float) -> None:
    found = catalogue.price(catalogue.place(provider, region), item, unit)
    assert found.usd == pytest.approx(usd, rel=1e-5)
    assert found.label in (PriceLabel.LISTED, PriceLabel.CONVERTED)


def test_regional_database_price_follows_the_m5_ratio(catalogue: Catalogue) -> None:
    sydney = catalogue.price(catalogue.place("aws", "ap-southeast-2"), "db.m7g.xlarge", "hour")
    assert sydney.usd == pytest.approx(0.337 * 0.494 / 0.356, rel=1e-5)
    assert sydney.label is PriceLabel.ESTIMATED


def test_database_price_listed_for_mysql_only_is_estimated(catalogue: Catalogue) -> None:
    found = catalogue.price(catalogue.place("aws", "us-east-1"), "db.m6i.xlarge", "hour")
    assert found.usd == pytest.approx(0.356)
    assert found.label is PriceLabel.ESTIMATED
    assert "MySQL" in found.source


def test_azure_families_with_wrong_public_prices_are_absent(catalogue: Catalogue) -> None:
    suspect = re.compile(r"Standard_(D\d+a(d)?s_v5|E\d+a(d)?s_v5|E\d+as_v4|DS\d|D\d+_v2)")
    named = [size.name for size in catalogue.instances if size.provider == "azure"]
    assert "Standard_D4s_v5" in named
    assert [name for name in named if suspect.search(name)] == []


def test_m5_is_the_yardstick_of_speed(catalogue: Catalogue) -> None:
    speed = {size.name: size.core_speed.mid for size in catalogue.instances}
    assert speed["m5.xlarge"] == 1.0
    assert speed["db.m5.xlarge"] == 1.0
    assert speed["e2-standard-4"] < speed["n2-standard-4"] < speed["c4-standard-4"]


def test_a_vcpu_is_a_core_only_where_threads_are_not_shared(catalogue: Catalogue) -> None:
    sizes = {size.name: size for size in catalogue.instances}
    assert (sizes["m5.xlarge"].cores, sizes["m7a.xlarge"].cores, sizes["m7g.xlarge"].cores) == (2, 4, 4)
    single = [size for size in catalogue.instances if size.threads_per_core == 1]
    assert all(size.smt_gain.is_exact and size.smt_gain.mid == 1.0 for size in single)
    shared = [size for size in catalogue.instances if size.threads_per_core == 2]
    assert all(1.0 <= size.smt_gain.mid <= 1.2 for size in shared)
    assert len(single) + len(shared) == len(catalogue.instances)


def test_azure_tiers_are_sold_whole_and_faster_with_size(catalogue: Catalogue) -> None:
    for role in Role:
        tiers = sorted(
            (
                disk
                for disk in catalogue.disks
                if re.fullmatch(r"(premium|pg-flex)-ssd-p\d+", disk.name) and disk.role is role
            ),
            key=lambda disk: disk.max_gib,
        )
        assert len(tiers) == (14 if role is Role.APPLICATION else 11)  # PostgreSQL begins with P4
        assert all(tier.min_gib == tier.max_gib for tier in tiers)
        assert [tier.base_iops for tier in tiers] == sorted(tier.base_iops for tier in tiers)


def test_services_are_named_alike_at_every_place(catalogue: Catalogue) -> None:
    services = set(SERVICE_UNITS)
    count = Counter((price.provider, price.region) for price in catalogue.prices if price.item in services)
    assert count == {(place.provider, place.region): len(services) for place in catalogue.places}
