"""Prices of own hosting against sums done by hand."""

from __future__ import annotations

import pytest

from dfr_sizing.catalogue import (
    BACKUP_STORAGE,
    BALANCER_TRAFFIC,
    BETWEEN_SITES,
    EGRESS,
    LOAD_BALANCER,
    LOGS,
    NAT,
    NAT_TRAFFIC,
    OBJECT_STORAGE,
    ORCHESTRATION,
    SERVICE_UNITS,
    SHARED_FILES,
    SNAPSHOTS,
    SUPPORT,
    Catalogue,
    PriceLabel,
    load_catalogue,
)
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label

# Round figures: a yearly share of 1/5 + 0.05 = 0.25.
ROUND = {
    "core_usd": 876.0,
    "memory_usd_per_gib": 8.76,
    "ssd_usd_per_gib": 0.24,
    "ssd_copies": 2.0,
    "object_usd_per_gib": 0.12,
    "object_copies": 3.0,
    "backup_usd_per_gib": 0.48,
    "backup_copies": 1.0,
    "depreciation_years": 5.0,
    "maintenance_share_per_year": 0.05,
    "spare_factor": 2.0,
    "core_watts": 10.0,
    "power_usd_per_kwh": 0.5,
    "pue": 2.0,
    "rack_usd_per_month": 73.0,
    "staff_usd_per_month": 657.0,
    "pool_cores": 10.0,
    "link_usd_per_month": 500.0,
    "link_gb_per_month": 2000.0,
    "load_balancer_vms": 2.0,
    "load_balancer_cores": 1.0,
    "load_balancer_gib": 4.0,
    "load_balancer_gb_per_month": 1000.0,
    "k3s_vms": 3.0,
    "k3s_cores": 2.0,
    "k3s_gib": 8.0,
    "log_cores": 1.0,
    "log_gib": 6.0,
    "log_gb_per_month": 100.0,
    "log_months": 2.0,
    "private_cloud_markup": 1.5,
    "fao_pool_cores": 40.0,
    "fao_platform_usd_per_month": 6000.0,
    "fao_platform_share": 0.05,
}
CORE_HOUR = 0.05 + 0.02 + 0.1  # 876 x 2 x 0.25 / 8760; 10 W x 2 x 0.5 USD/kWh x 2; (73 + 657) / 10 / 730
GIB_HOUR = 0.0005  # 8.76 x 2 x 0.25 / 8760


def on_premises(catalogue: Catalogue, item: str, unit: str) -> float:
    return catalogue.price(catalogue.place("on-premises", "national-data-centre"), item, unit).usd


@pytest.mark.parametrize(
    ("item", "unit", "usd"),
    [
        ("vm-4-16", "hour", 2 * CORE_HOUR + 16 * GIB_HOUR),
        ("pg-vm-64-512", "hour", 32 * CORE_HOUR + 512 * GIB_HOUR),
        (LOAD_BALANCER, "month", 2 * (CORE_HOUR + 4 * GIB_HOUR) * 730),
        (OBJECT_STORAGE, "gib-month", 0.0075),
        (BACKUP_STORAGE, "gib-month", 0.01),
        (EGRESS, "gb", 0.25),
        ("server-ssd", "gib-month", 0.01),
        (SHARED_FILES, "gib-month", 0.01),
        (SNAPSHOTS, "gib-month", 0.0075),
        (BALANCER_TRAFFIC, "gb", 2 * (CORE_HOUR + 4 * GIB_HOUR) * 730 / 1000),
        (BETWEEN_SITES, "gb", 0.25),
        (NAT, "month", (CORE_HOUR + 4 * GIB_HOUR) * 730),
        (NAT_TRAFFIC, "gb", 0.25),
        (ORCHESTRATION, "month", 3 * (2 * CORE_HOUR + 8 * GIB_HOUR) * 730),
        (LOGS, "gb", (CORE_HOUR + 6 * GIB_HOUR) * 730 / 100 + 2 * 0.0075),
    ],
)
def test_prices_equal_the_sums_done_by_hand(item: str, unit: str, usd: float) -> None:
    assert on_premises(load_catalogue(ROUND), item, unit) == pytest.approx(usd)


def test_every_input_can_be_given_and_every_one_matters() -> None:
    default = load_catalogue()
    keys = {line.name.removeprefix("own_hosting.") for line in default.own_hosting_assumptions}
    assert keys == set(ROUND)
    own = {price for price in default.prices if price.label is PriceLabel.ASSUMED and price.item != SUPPORT}
    before = {(price.provider, price.item): price.usd for price in own}
    for key in keys:
        line = next(line for line in default.own_hosting_assumptions if line.name == f"own_hosting.{key}")
        assert isinstance(line.value, Interval)
        changed = load_catalogue({key: line.value.mid * 1.1})
        after = {(p.provider, p.item): p.usd for p in changed.prices if p.label is PriceLabel.ASSUMED}
        assert after != before, key


def test_a_dearer_core_raises_the_price_by_its_yearly_share() -> None:
    before, after = load_catalogue(), load_catalogue({"core_usd": 320.0})
    change = on_premises(after, "vm-4-16", "hour") - on_premises(before, "vm-4-16", "hour")
    # 2 cores x 100 USD x 1.33 spare x (1/5 + 0.10) a year / 8,760 h
    assert change == pytest.approx(2 * 100 * 1.33 * 0.30 / 8760)


def test_private_cloud_is_own_hosting_with_a_markup() -> None:
    catalogue = load_catalogue(ROUND)
    national = catalogue.place("private-cloud", "national-cloud")
    pairs = [("vm-4-16", "hour"), *SERVICE_UNITS.items()]
    for item, unit in pairs:
        assert catalogue.price(national, item, unit).usd == pytest.approx(1.5 * on_premises(catalogue, item, unit))
    assert catalogue.price(national, "ssd-volume", "gib-month").usd == pytest.approx(0.015)


def test_fao_managed_shares_a_platform_between_countries() -> None:
    """Rack and staff fall on four times the cores; of what runs the platform a country pays its share."""
    catalogue = load_catalogue(ROUND)
    platform = catalogue.place("fao-managed", "shared-platform")
    core_hour = 0.05 + 0.02 + 0.1 / 4
    assert catalogue.price(platform, "vm-4-16", "hour").usd == pytest.approx(2 * core_hour + 16 * GIB_HOUR)
    assert catalogue.price(platform, ORCHESTRATION, "month").usd == pytest.approx(0.05 * 6000)
    assert catalogue.price(platform, EGRESS, "gb").usd == pytest.approx(0.25)


def test_the_ledger_tells_assumed_inputs_from_the_users() -> None:
    assert {line.label for line in load_catalogue().own_hosting_assumptions} == {Label.ASSUMED}
    lines = {line.name: line for line in load_catalogue({"pue": 1.6}).own_hosting_assumptions}
    assert (lines["own_hosting.pue"].value, lines["own_hosting.pue"].label) == (1.6, Label.STATED)
    assert lines["own_hosting.core_usd"].label is Label.ASSUMED


def test_prices_from_the_users_inputs_name_them() -> None:
    catalogue = load_catalogue({"pue": 1.6, "core_usd": 300.0})
    place = catalogue.place("on-premises", "national-data-centre")
    assert catalogue.price(place, "vm-4-16", "hour").source.endswith("with the user's core_usd, pue")


def test_overrides_leave_the_clouds_alone() -> None:
    clouds = [price for price in load_catalogue().prices if price.label is not PriceLabel.ASSUMED]
    assert [price for price in load_catalogue(ROUND).prices if price.label is not PriceLabel.ASSUMED] == clouds


def test_an_unknown_input_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"core_usdd.*core_usd, memory_usd_per_gib.*did you mean core_usd"):
        load_catalogue({"core_usdd": 300.0})


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_input_must_be_above_zero(value: float) -> None:
    with pytest.raises(InputError, match=r"own hosting input rack_usd_per_month is .* a number above 0"):
        load_catalogue({"rack_usd_per_month": value})
