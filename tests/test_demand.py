"""A scenario's requests and rows: what was stated comes out again, and more farmers or worse days mean more work."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.demand import (
    FULL_DEVICE_FARMERS,
    HOURS,
    IMPORT_ROWS,
    ClassRate,
    Demand,
    Situation,
    database_bytes,
    day_data,
    demand,
    farmers_in_year,
    filestore_bytes,
    tables,
)
from dfr_sizing.drivers import drivers, rule
from dfr_sizing.interval import Interval
from dfr_sizing.model import request_classes
from dfr_sizing.scenario import Scenario, load_scenario

OFFICE = {name for name in day_data()["mix"]["officer"] if name not in {"label", "source"}} | {"report", "dashboard"}
PORTAL = {"portal_page", "portal_registration"}
FIELD = {"mobile_sync", "mobile_sync_full"}


def scenario(**changes: object) -> Scenario:
    """A million farmers, with ``section__field`` changed."""
    overrides = {name.replace("__", "."): value for name, value in changes.items()}
    return load_scenario(None, {"registry.farmers": 1_000_000, **overrides})


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Any scenario: each section's numbers somewhere in their ranges."""
    overrides: dict[str, object] = {"registry.farmers": draw(st.integers(1_000, 10_000_000))}
    for name, driver in drivers().items():
        if isinstance(driver.value, Interval) and name.split(".")[0] in {"registry", "campaign", "users"}:
            overrides[name] = draw(st.sampled_from((driver.value.low, driver.value.high)) | st.just(driver.value.mid))
    overrides["campaign.surge_factor"] = draw(st.floats(1.0, 50.0))
    overrides["campaign.retry_factor"] = draw(st.floats(1.0, 10.0))
    overrides["campaign.sync_hour"] = draw(st.integers(0, 23))
    overrides["campaign.batch_farmers"] = draw(st.integers(1, 600))
    overrides["campaign.farmers_per_enumerator_per_day"] = draw(st.floats(0.1, 500.0))
    overrides["campaign.outage_days"] = draw(st.floats(0.1, 120.0))
    return load_scenario(None, overrides)


def rate_of(asked: Demand, name: str) -> ClassRate:
    (found,) = [rate for rate in asked.rates if rate.name == name]
    return found


def per_day(rate: ClassRate) -> float:
    return 3600.0 * sum(rate.per_s)


def totals(asked: Demand) -> list[float]:
    return [sum(asked.at_hour(hour).values()) for hour in range(HOURS)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scenarios())
def test_a_surge_brings_no_less_than_a_campaign_and_that_no_less_than_a_steady_day(any_scenario: Scenario) -> None:
    farmers = any_scenario.registry.farmers
    steady, campaign, surge = (
        totals(demand(any_scenario, situation, farmers))
        for situation in (Situation.STEADY, Situation.CAMPAIGN, Situation.SURGE)
    )
    for at_rest, busy, worst in zip(steady, campaign, surge, strict=True):
        assert at_rest <= busy * (1 + 1e-12)
        assert busy <= worst * (1 + 1e-12)
    assert sum(steady) < sum(campaign)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scenarios(), st.sampled_from(Situation))
def test_every_class_is_there_once_with_24_rates_and_no_negative_one(
    any_scenario: Scenario, situation: Situation
) -> None:
    asked = demand(any_scenario, situation, any_scenario.registry.farmers)
    names = [rate.name for rate in asked.rates]
    assert names == sorted(set(names))
    assert set(names) <= request_classes().keys()
    for rate in asked.rates:
        assert len(rate.per_s) == HOURS
        assert min(rate.per_s) >= 0.0
        assert max(rate.per_s) > 0.0


def test_no_enumerators_send_no_sync() -> None:
    # the range of a scenario begins at one enumerator a million: a country of a thousand farmers has a thousandth
    few = scenario(campaign__enumerators_per_million=1).with_bounds({})
    nobody = few.model_copy(
        update={"campaign": few.campaign.model_copy(update={"enumerators_per_million": Interval.exactly(0)})}
    )
    for situation in Situation:
        assert not FIELD & {rate.name for rate in demand(nobody, situation, 1e6).rates}
    assert {rate.name for rate in demand(few, Situation.CAMPAIGN, 1e6).rates} >= FIELD


@pytest.mark.parametrize("situation", [Situation.STEADY, Situation.MIGRATION])
def test_enumerators_stay_at_home_outside_campaigns(situation: Situation) -> None:
    assert not FIELD & {rate.name for rate in demand(scenario(), situation, 1e6).rates}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(scenarios(), st.sampled_from(Situation))
def test_twice_the_farmers_bring_twice_the_office_the_portal_and_the_field(
    any_scenario: Scenario, situation: Situation
) -> None:
    once, twice = (demand(any_scenario, situation, farmers) for farmers in (5e5, 1e6))
    for rate in once.rates:
        if rate.name in OFFICE | PORTAL | FIELD | {"login", "notification"}:
            assert rate_of(twice, rate.name).per_s == pytest.approx([2 * value for value in rate.per_s])


def test_officers_and_portal_users_are_as_many_as_stated() -> None:
    peak = {name: max(rate_of(demand(scenario(), Situation.STEADY, 1e6), name).per_s) for name in OFFICE | PORTAL}
    # 10 officers for 100,000 farmers, who think 10 s; 100 portal users, who think 30 s (at a peak weight of 1)
    mix = set(OFFICE) - {"report", "dashboard"}
    assert sum(peak[name] for name in mix) == pytest.approx(100 / 10)
    assert [peak["report"], peak["dashboard"]] == pytest.approx([100 / 3600, 50 / 3600])
    assert sum(peak[name] for name in PORTAL) == pytest.approx(1000 / 30)
    assert peak["portal_registration"] == pytest.approx(0.03 * 1000 / 30)


@pytest.mark.parametrize(("farmers", "per_s"), [(1e5, 10.0), (1e6, 50.0), (1e4, 2.0), (1e7, 250.0)])
def test_look_ups_follow_the_two_stated_points(farmers: float, per_s: float) -> None:
    assert max(rate_of(demand(scenario(), Situation.STEADY, farmers), "external_lookup").per_s) == pytest.approx(per_s)


def test_the_two_stated_points_of_look_ups_can_be_moved() -> None:
    moved = scenario(users__lookups_per_s_small=20, users__lookups_per_s_large=20)
    for farmers in (1e4, 1e5, 1e6, 1e7):
        found = rate_of(demand(moved, Situation.STEADY, farmers), "external_lookup")
        assert max(found.per_s) == pytest.approx(20.0)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scenarios())
def test_a_days_syncs_carry_what_the_enumerators_registered(any_scenario: Scenario) -> None:
    campaign, farmers = any_scenario.campaign, float(any_scenario.registry.farmers)
    enumerators = campaign.enumerators_per_million.mid * farmers / 1e6
    registered = enumerators * campaign.farmers_per_enumerator_per_day.mid
    for situation, surge, retries in (
        (Situation.CAMPAIGN, 1.0, 1.0),
        (Situation.SURGE, campaign.surge_factor.mid, campaign.retry_factor.mid),
    ):
        asked = demand(any_scenario, situation, farmers)
        sync = rate_of(asked, "mobile_sync")
        assert per_day(sync) * sync.counts["day_farmers"] == pytest.approx(registered * surge * retries, rel=1e-9)
        assert sync.counts["day_farmers"] <= campaign.batch_farmers.mid
        full = rate_of(asked, "mobile_sync_full")
        devices = enumerators * campaign.full_device_share.mid
        assert per_day(full) * full.counts["batch_farmers"] == pytest.approx(devices * FULL_DEVICE_FARMERS * retries)


def test_the_sync_hour_has_its_share_of_the_syncs() -> None:
    asked = demand(scenario(campaign__sync_hour=21, campaign__share_in_sync_hour=0.6), Situation.CAMPAIGN, 1e6)
    sync, weights = rate_of(asked, "mobile_sync"), day_data()["field"]["weights"]
    expected = 0.6 + 0.4 * weights[21] / sum(weights)
    assert 3600 * sync.per_s[21] / per_day(sync) == pytest.approx(expected)
    assert max(sync.per_s) == sync.per_s[21]


@pytest.mark.parametrize(("days", "hours"), [(3.0, 8.0), (0.1, 1.0), (35.0, 24.0), (35.0, 100.0)])
def test_after_an_outage_the_records_of_all_its_days_arrive_within_the_catch_up(days: float, hours: float) -> None:
    asked = demand(scenario(campaign__outage_days=days, campaign__outage_catch_up_h=hours), Situation.OUTAGE, 1e6)
    sync = rate_of(asked, "mobile_sync")
    records = per_day(sync) * sync.counts["day_farmers"] * max(1.0, hours / HOURS)
    assert records == pytest.approx(2450 * 5 * days)
    assert sum(rate > 0.0 for rate in sync.per_s) == min(hours, HOURS)
    assert sync.per_s[8] > 0.0


def test_a_migration_imports_its_rows_in_the_time_that_is_the_target() -> None:
    imports = rate_of(demand(scenario(targets__import_10000_min=20), Situation.MIGRATION, 1e6), "import_rows")
    assert set(imports.per_s) == {imports.per_s[0]}
    assert imports.per_s[0] * 100 * 20 * 60 == pytest.approx(IMPORT_ROWS)


def test_logins_of_officers_farmers_and_enumerators_add_up() -> None:
    login = rate_of(demand(scenario(), Situation.CAMPAIGN, 1e6), "login")
    office, portal = (day_data()[kind]["weights"] for kind in ("office", "portal"))
    officers = [100 / 4 / 3600 * weight for weight in office]
    visitors = [1000 / 600 * 0.3 * weight for weight in portal]
    field = [rate / 1.0 for rate in rate_of(demand(scenario(), Situation.CAMPAIGN, 1e6), "mobile_sync").per_s]
    assert login.per_s == pytest.approx([sum(three) for three in zip(officers, visitors, field, strict=True)])


def rows(found: Scenario) -> dict[tuple[str, int], float]:
    return {(size.table, size.year): size.rows for size in tables(found)}


def test_a_million_farmers_with_ten_forms_of_twenty_fields_have_200_million_answers_in_five_years() -> None:
    found = rows(scenario(registry__growth_5y=0))
    assert found["dfr_form_response", 5] == pytest.approx(200e6)
    assert found["dfr_form_response", 0] == pytest.approx(20e6)
    assert found["dfr_form_submission", 5] == pytest.approx(10e6)
    assert found["dfr_farmer", 5] == pytest.approx(1e6)
    assert found["dfr_plot", 5] == pytest.approx(2e6)
    assert found["dfr_household_member", 5] == pytest.approx(5e6)
    # a message for each farmer, household, farm, plot and form submission
    assert found["mail_message", 5] == pytest.approx(3e6 + 2e6 + 10e6)


def test_growth_is_spread_evenly_over_five_years() -> None:
    grown = scenario(registry__growth_5y=1.5)
    assert [farmers_in_year(grown, year) for year in range(6)] == pytest.approx(
        [1e6, 1.3e6, 1.6e6, 1.9e6, 2.2e6, 2.5e6]
    )
    assert rows(grown)["dfr_farmer", 5] == pytest.approx(2.5e6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(scenarios())
def test_rows_and_bytes_never_fall_over_the_years(any_scenario: Scenario) -> None:
    found = rows(any_scenario)
    for table, year in found:
        if year:
            assert found[table, year] >= found[table, year - 1] * (1 - 1e-12)
    for year in range(5):
        assert database_bytes(any_scenario, year + 1) >= database_bytes(any_scenario, year) * (1 - 1e-12)
        assert filestore_bytes(any_scenario, year + 1) >= filestore_bytes(any_scenario, year) * (1 - 1e-12)


def test_bytes_are_rows_times_their_size_with_dead_space() -> None:
    found = scenario()
    live = sum(size.bytes for size in tables(found) if size.year == 3)
    assert database_bytes(found, 3) == pytest.approx(rule("postgresql.bloat") * live)
    farmer = next(size for size in tables(found) if (size.table, size.year) == ("dfr_farmer", 3))
    assert farmer.bytes == pytest.approx(farmer.rows * 486)
    assert filestore_bytes(scenario(registry__growth_5y=0), 5) == pytest.approx(1e6 * 1 * 200e3)
