"""The catalogue as a user looks at it: the reference sizes with price and source, and what fits a need."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dfr_sizing.catalogue import SERVICE_UNITS, SUPPORT, Role, Term, load_catalogue
from dfr_sizing.catalogue.look import fits, rows, service_names
from dfr_sizing.cli.catalogue import app
from dfr_sizing.errors import InputError

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 24)


def looked_up(region: str, item: str) -> list[tuple[str, float, str, str]]:
    places = CATALOGUE.places_allowed(regions=[region])
    found = rows(CATALOGUE, places, TODAY, item=item, term=Term.ON_DEMAND)
    return [(row.price.item, row.price.usd, row.price.unit, row.price.source) for row in found]


@pytest.mark.parametrize(
    ("region", "item", "usd", "unit", "source"),
    [
        ("aws/us-east-1", "m5.xlarge", 0.192, "hour", "karpenter"),
        ("aws/us-east-1", "db.m5.xlarge", 0.356, "hour", "vantage"),
        ("aws/us-east-1", "ALB", 22.265, "month", "infracost"),
        ("aws/us-east-1", "s3", 0.023, "gib-month", "aws-price"),
        ("azure/eastus", "Standard_D4s_v3", 0.192, "hour", "karpenter"),
        ("azure/westus", "GP_Standard_D4s_v3", 0.39, "hour", "infracost"),  # General Purpose, 4 vCores
        ("azure/eastus", "application gateway", 151.84, "month", "infracost"),
        ("azure/eastus", "Blob", 0.023, "gib-month", "cloudwright"),
        ("on-premises/national-data-centre", "vm-4-16", pytest.approx(0.1141389), "hour", "own hosting"),
    ],
)
def test_the_strategys_reference_sizes_have_a_price_and_a_source(
    region: str, item: str, usd: float, unit: str, source: str
) -> None:
    [(_, found, per, of)] = looked_up(region, item)
    assert (found, per) == (usd, unit)
    assert source in of


def test_every_service_has_its_providers_name() -> None:
    assert set(service_names()) == {(of, item) for of in CATALOGUE.providers() for item in SERVICE_UNITS} | {
        (of, SUPPORT) for of in ("aws", "azure", "gcp")
    }


def test_a_part_of_a_name_finds_all_that_have_it() -> None:
    places = CATALOGUE.places_allowed(regions=["aws/eu-west-1"])
    found = {row.price.item for row in rows(CATALOGUE, places, TODAY, item="M7G")}
    assert found == {price.item for price in CATALOGUE.prices if price.provider == "aws" and "m7g" in price.item}


@pytest.mark.parametrize("days", [0, 180, 1000])
def test_old_prices_are_those_that_the_plan_names(days: int) -> None:
    found = rows(CATALOGUE, CATALOGUE.places, TODAY, older_than_days=days)
    assert tuple(row.price for row in found) == CATALOGUE.stale_prices(TODAY, days)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 64), st.integers(1, 256), st.sampled_from(Role))
def test_what_fits_is_what_has_as_much_cheapest_first(vcpus: int, memory_gib: int, role: Role) -> None:
    found = fits(CATALOGUE, CATALOGUE.places, role, vcpus, memory_gib)
    large = {(s.provider, s.name) for s in CATALOGUE.instances if s.role is role and s.vcpus >= vcpus}
    large &= {(s.provider, s.name) for s in CATALOGUE.instances if s.role is role and s.memory_gib >= memory_gib}
    priced = {
        (price.provider, price.region, price.item)
        for price in CATALOGUE.prices
        if price.unit == "hour" and price.term is Term.ON_DEMAND and (price.provider, price.item) in large
    }
    assert {(one.place.provider, one.place.region, one.instance.name) for one in found} == priced
    assert [one.price.usd for one in found] == sorted(one.price.usd for one in found)


def test_the_commands_print_tables_and_json() -> None:
    shown = CliRunner().invoke(app, ["show", "--region", "us-east-1", "--item", "ALB"]).stdout
    assert "22.265" in shown
    assert "Application Load Balancer" in shown
    assert "1: infracost" in shown
    told = json.loads(CliRunner().invoke(app, ["show", "--provider", "azure", "--old", "--json"]).stdout)
    assert told
    assert all(row["age_days"] > 180 and row["source"] and row["currency"] == "USD" for row in told)
    text = CliRunner().invoke(app, ["find", "--vcpus", "4", "--memory", "16"]).stdout
    assert "more: --all shows them" in text
    fit = json.loads(CliRunner().invoke(app, ["find", "--vcpus", "4", "--country", "AU", "--json"]).stdout)
    assert fit == sorted(fit, key=lambda one: one["usd_per_hour"])


@pytest.mark.parametrize(
    "asked",
    [
        ["show", "--item", "z9.huge"],
        ["show", "--role", "cook"],
        ["find", "--vcpus", "9999"],
        ["find", "--term", "week"],
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(asked: list[str]) -> None:
    found = CliRunner().invoke(app, asked)
    assert isinstance(found.exception, InputError)
