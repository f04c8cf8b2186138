"""What a planner asks of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from dfr_sizing.catalogue import (
    OBJECT_STORAGE,
    SERVICE_UNITS,
    Catalogue,
    DiskType,
    MissingPrice,
    Role,
    Term,
    billed_gib,
    disk_ceiling,
    disk_limits,
    load_catalogue,
)
from dfr_sizing.errors import InputError


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def disk(catalogue: Catalogue, name: str) -> DiskType:
    return next(disk for disk in catalogue.disks if disk.name == name)


def test_unknown_region_names_the_value_and_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match=r"region is ap-southest-2.*eu-west-1.*did you mean ap-southeast-2"):
        catalogue.place("aws", "ap-southest-2")


def test_unknown_provider_names_the_value_and_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match=r"provider is gpc.*on-premises.*did you mean gcp"):
        catalogue.place("gpc", "us-central1")


def test_six_providers_are_known(catalogue: Catalogue) -> None:
    assert catalogue.providers() == ("aws", "azure", "gcp", "on-premises", "private-cloud", "fao-managed")


@pytest.mark.parametrize("role", list(Role))
def test_instances_come_cheapest_first_and_of_one_role(catalogue: Catalogue, role: Role) -> None:
    found = catalogue.instances_at(catalogue.place("gcp", "africa-south1"), role)
    assert [price.usd for _, price in found] == sorted(price.usd for _, price in found)
    assert {size.role for size, _ in found} == {role}
    assert all(price.item == size.name and price.region == "africa-south1" for size, price in found)


def test_a_size_not_sold_in_a_place_is_not_offered(catalogue: Catalogue) -> None:
    virginia, auckland = catalogue.place("aws", "us-east-1"), catalogue.place("aws", "ap-southeast-6")
    assert "m5.xlarge" in {size.name for size, _ in catalogue.instances_at(virginia, Role.APPLICATION)}
    offered = {size.name for size, _ in catalogue.instances_at(auckland, Role.APPLICATION)}
    assert "m5.xlarge" not in offered
    assert "m6i.xlarge" in offered


def test_term_falls_back_to_on_demand_and_says_so(catalogue: Catalogue) -> None:
    committed = catalogue.instances_at(catalogue.place("gcp", "us-central1"), Role.APPLICATION, Term.ONE_YEAR)
    assert {price.term for _, price in committed} == {Term.ONE_YEAR}
    uncommitted = catalogue.instances_at(catalogue.place("azure", "eastus"), Role.APPLICATION, Term.ONE_YEAR)
    assert {price.term for _, price in uncommitted} == {Term.ON_DEMAND}


def test_one_year_commitment_is_the_month_price_over_730_hours(catalogue: Catalogue) -> None:
    iowa = catalogue.place("gcp", "us-central1")
    assert catalogue.price(iowa, "n2-standard-4", "hour", Term.ONE_YEAR).usd == pytest.approx(89.325720 / 730, rel=1e-5)


def test_missing_price_names_item_unit_and_place(catalogue: Catalogue) -> None:
    virginia = catalogue.place("azure", "eastus")
    name = "Standard_D4s_v3"
    assert not catalogue.has_price(virginia, name, "hour", Term.THREE_YEARS)
    with pytest.raises(MissingPrice, match=rf"3-year price per hour of '{name}' is known in azure/eastus") as caught:
        catalogue.price(virginia, name, "hour", Term.THREE_YEARS)
    assert isinstance(caught.value, LookupError)


def test_disks_are_those_of_the_role(catalogue: Catalogue) -> None:
    place = catalogue.place("aws", "af-south-1")
    assert {found.name for found, _ in catalogue.disks_at(place, Role.APPLICATION)} == {"gp2", "gp3", "io2"}
    assert {found.name for found, _ in catalogue.disks_at(place, Role.DATABASE)} == {"rds-gp3", "rds-io1"}


def test_residence_lets_in_the_country_and_the_users_own(catalogue: Catalogue) -> None:
    names = {place.name for place in catalogue.places_allowed(countries=["nz"])}
    assert names == {
        "aws/ap-southeast-6",
        "azure/newzealandnorth",
        "on-premises/national-data-centre",
        "private-cloud/national-cloud",
    }


def test_a_country_without_a_cloud_is_left_with_its_own_places(catalogue: Catalogue) -> None:
    assert {place.provider for place in catalogue.places_allowed(countries=["TO"])} == {"on-premises", "private-cloud"}


def test_provider_and_region_limits_combine(catalogue: Catalogue) -> None:
    assert catalogue.places_allowed() == catalogue.places
    found = catalogue.places_allowed(providers=["aws", "gcp"], regions=["aws/eu-west-1", "europe-west1", "eastus"])
    assert {place.name for place in found} == {"aws/eu-west-1", "gcp/europe-west1"}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"providers": ["awz"]}, "provider is awz.*did you mean aws"),
        ({"regions": ["eu-west-11"]}, "region is eu-west-11.*did you mean eu-west-1"),
        ({"countries": ["Tonga"]}, "country is TONGA.*alpha-2"),
    ],
)
def test_limits_that_name_nothing_are_refused(catalogue: Catalogue, limits: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        catalogue.places_allowed(**limits)


def test_a_place_that_lacks_something_is_dropped_with_the_reason(catalogue: Catalogue) -> None:
    kept = tuple(p for p in catalogue.prices if (p.region, p.item) != ("eastus", OBJECT_STORAGE))
    poorer = replace(catalogue, prices=kept)
    complete, dropped = poorer.complete_places()
    assert len(complete) == len(catalogue.places) - 1
    assert [(entry.place.name, entry.reason) for entry in dropped] == [
        ("azure/eastus", "no price in azure/eastus of: object storage")
    ]


def test_missing_kinds_are_all_listed(catalogue: Catalogue) -> None:
    dublin = catalogue.place("aws", "eu-west-1")
    bare = replace(catalogue, prices=())
    assert bare.missing_at(dublin) == (
        "application instance",
        "database instance",
        "application disk",
        "database disk",
        *SERVICE_UNITS,
    )


def test_stale_prices_are_those_older_than_the_days_given(catalogue: Catalogue) -> None:
    first = replace(catalogue.prices[0], date=date(2026, 7, 1))
    one = replace(catalogue, prices=(first,))
    assert one.stale_prices(date(2026, 12, 28)) == ()
    assert one.stale_prices(date(2026, 12, 29)) == (first,)
    assert one.stale_prices(date(2026, 7, 12), days=10) == (first,)


@pytest.mark.parametrize(
    ("gib", "limits", "ceiling"),
    [
        (20, (3000, 125.0), (3000, 125.0)),
        (399, (3000, 125.0), (3000, 125.0)),
        (400, (12000, 500.0), (64000, 4000.0)),
        (65536, (12000, 500.0), (64000, 4000.0)),
    ],
)
def test_rds_gp3_stripes_from_400_gib(
    catalogue: Catalogue, gib: int, limits: tuple[int, float], ceiling: tuple[int, float]
) -> None:
    rds = disk(catalogue, "rds-gp3")
    assert disk_limits(rds, gib) == limits
    assert disk_ceiling(rds, gib) == ceiling


def test_cloud_sql_ssd_gains_with_size_up_to_its_cap(catalogue: Catalogue) -> None:
    ssd = disk(catalogue, "cloud-sql-ssd")
    assert disk_limits(ssd, 100) == (3000, 48.0)
    assert disk_limits(ssd, 5000) == (30000, 400.0)


@pytest.mark.parametrize(
    ("gib", "limits"),
    [(1, (100, 128.0)), (33, (100, 128.0)), (100, (300, 128.0)), (170, (510, 128.0)), (334, (1002, 250.0)),
     (750, (2250, 250.0)), (1000, (3000, 250.0)), (5334, (16000, 250.0)), (16384, (16000, 250.0))],
)  # fmt: skip
def test_gp2_has_three_iops_a_gib(catalogue: Catalogue, gib: int, limits: tuple[int, float]) -> None:
    # AWS EC2 User Guide, gp2 volume performance: "3 IOPS per GiB", "minimum of 100", 128 and 250 MiB/s
    assert disk_limits(disk(catalogue, "gp2"), gib) == limits


def test_a_tier_is_billed_whole_and_refuses_more_than_it_holds(catalogue: Catalogue) -> None:
    tier = disk(catalogue, "pg-flex-ssd-p10")
    assert billed_gib(tier, 65) == 128
    assert disk_limits(tier, 65) == (500, 100.0)
    with pytest.raises(ValueError, match="pg-flex-ssd-p10 holds at most 128 GiB, not 129"):
        disk_limits(tier, 129)
