"""Scenario to Demand: request classes with their rates through a day, and stored rows and bytes through the years."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dfr_sizing.drivers import data_rows, rule
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label

if TYPE_CHECKING:  # the processes that simulate need the hours and the named days, and would load Pydantic for nothing
    from dfr_sizing.scenario import Scenario

HOURS = 24
FULL_DEVICE_FARMERS = 500
"""Farmers of a full device, as in the DFR's sync target."""
IMPORT_ROWS = 10_000
IMPORT_BATCH = 100
"""Rows of an import in the DFR's target, and of one of its transactions (request class import_rows)."""


class Situation(StrEnum):
    """The named days that a deployment has to stand."""

    STEADY = "steady"
    CAMPAIGN = "campaign"
    SURGE = "deadline-surge"
    MIGRATION = "bulk-migration"
    OUTAGE = "sync-after-outage"


@dataclass(frozen=True, slots=True)
class ClassRate:
    """Requests of one class a second, for each hour of the day, and the counts its composition needs."""

    name: str
    per_s: tuple[float, ...]
    counts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a day of one situation brings at so many farmers."""

    situation: Situation
    farmers: float
    rates: tuple[ClassRate, ...]

    def at_hour(self, hour: int) -> dict[str, float]:
        """Requests a second by class."""
        return {rate.name: rate.per_s[hour] for rate in self.rates}


@dataclass(frozen=True, slots=True)
class TableSize:
    """Rows and bytes (live, with indexes) of a table in one year."""

    table: str
    year: int
    rows: float
    bytes: float


def farmers_in_year(scenario: Scenario, year: int) -> float:
    """Farmers so many years from now: growth is spread evenly over five years."""
    return scenario.registry.farmers * (1.0 + scenario.registry.growth_5y.mid * year / 5.0)


def demand(scenario: Scenario, situation: Situation, farmers: float) -> Demand:
    """The rates of a situation at ``farmers``, from the mid values of the scenario's intervals."""
    senders = rates_by_sender(scenario, situation, farmers)
    return Demand(situation, farmers, _merged([rate for rates in senders.values() for rate in rates]))


def rates_by_sender(scenario: Scenario, situation: Situation, farmers: float) -> dict[str, list[ClassRate]]:
    """The same rates, apart by who sends: office, systems, portal, field, migration."""
    surge = scenario.campaign.surge_factor.mid if situation is Situation.SURGE else 1.0
    retries = scenario.campaign.retry_factor.mid if situation is Situation.SURGE else 1.0
    senders = {
        "office": _office(scenario, farmers),
        "systems": _systems(scenario, farmers),
        "portal": _portal(scenario, farmers, surge * retries),
    }
    if situation in {Situation.CAMPAIGN, Situation.SURGE}:
        senders["field"] = _field(scenario, farmers, surge, retries)
    if situation is Situation.OUTAGE:
        senders["field"] = _catch_up(scenario, farmers)
    if situation is Situation.MIGRATION:
        per_s = IMPORT_ROWS / IMPORT_BATCH / (60.0 * scenario.targets.import_10000_min.mid)
        senders["migration"] = [ClassRate("import_rows", (per_s,) * HOURS, {})]
    return senders


def _office(scenario: Scenario, farmers: float) -> list[ClassRate]:
    users = scenario.users
    officers = users.officers_at_once_per_100k.mid * farmers / 1e5
    mix = {name: share for name, share in day_data()["mix"]["officer"].items() if isinstance(share, float)}
    hourly = {"report": users.reports_per_officer_h.mid, "dashboard": users.dashboards_per_officer_h.mid}
    hourly["login"] = 1.0 / users.officer_session_h.mid
    counts = {"report_rows": users.report_rows.mid, "fields_per_form": scenario.registry.fields_per_form.mid}
    per_s = {name: share * officers / users.officer_think_s.mid for name, share in mix.items()}
    per_s |= {name: officers * rate / 3600.0 for name, rate in hourly.items()}
    return [ClassRate(name, _through_day("office", rate), counts) for name, rate in per_s.items()]


def _portal(scenario: Scenario, farmers: float, factor: float) -> list[ClassRate]:
    users = scenario.users
    visitors = users.portal_at_once_per_100k.mid * farmers / 1e5 * factor
    per_s = visitors / users.portal_think_s.mid
    registrations = per_s * users.portal_registration_share.mid
    logins = visitors / (60.0 * users.portal_session_min.mid) * users.portal_login_share.mid
    counts = {"plots_per_farmer": scenario.registry.plots_per_farmer.mid}
    rates = {
        "portal_page": per_s - registrations,
        "portal_registration": registrations,
        "login": logins,
        "notification": registrations * users.notifications_per_registration.mid,
    }
    return [ClassRate(name, _through_day("portal", rate), counts) for name, rate in rates.items()]


def _systems(scenario: Scenario, farmers: float) -> list[ClassRate]:
    """Look-ups: between the two stated sizes on a power law through both."""
    small, large = scenario.users.lookups_per_s_small.mid, scenario.users.lookups_per_s_large.mid
    if small > 0.0 and large > 0.0:
        peak_per_s = small * (farmers / 1e5) ** math.log10(large / small)
    else:
        peak_per_s = large * farmers / 1e6  # no power law goes through zero: in proportion
    return [ClassRate("external_lookup", _through_day("systems", peak_per_s), {})]


def _enumerators(scenario: Scenario, farmers: float) -> float:
    return scenario.campaign.enumerators_per_million.mid * farmers / 1e6


def _sync_counts(scenario: Scenario, day_farmers: float) -> dict[str, float]:
    campaign, registry = scenario.campaign, scenario.registry
    return {
        "day_farmers": day_farmers,
        "batch_farmers": campaign.batch_farmers.mid,
        "plots_per_farmer": registry.plots_per_farmer.mid,
        "photos_per_farmer": campaign.photos_per_farmer.mid,
        "forms_per_registration": campaign.forms_per_registration.mid,
        "fields_per_form": registry.fields_per_form.mid,
    }


def _field(scenario: Scenario, farmers: float, surge: float, retries: float) -> list[ClassRate]:
    """A day's syncs: some in the sync hour, the rest by the field profile; a few devices bring 500 farmers."""
    campaign = scenario.campaign
    enumerators = _enumerators(scenario, farmers)
    in_hour, profile = campaign.share_in_sync_hour.mid, day_data()["field"]["weights"]
    shares = [(1.0 - in_hour) * weight / sum(profile) for weight in profile]
    shares[int(campaign.sync_hour.mid) % HOURS] += in_hour
    full = campaign.full_device_share.mid * FULL_DEVICE_FARMERS / campaign.batch_farmers.mid
    day = campaign.farmers_per_enumerator_per_day.mid * surge
    per_day = {"mobile_sync": retries, "mobile_sync_full": full * retries, "login": 1.0}
    per_day["notification"] = day * scenario.users.notifications_per_registration.mid
    counts = _sync_counts(scenario, min(day, campaign.batch_farmers.mid))
    # A day's records beyond one batch make further requests.
    per_day["mobile_sync"] *= max(1.0, day / campaign.batch_farmers.mid)
    return [
        ClassRate(name, tuple(enumerators * count * share / 3600.0 for share in shares), counts)
        for name, count in per_day.items()
    ]


def _catch_up(scenario: Scenario, farmers: float) -> list[ClassRate]:
    """All devices send the records of the outage's days within the hours of catching up, from 8 in the morning."""
    campaign = scenario.campaign
    enumerators = _enumerators(scenario, farmers)
    records = campaign.farmers_per_enumerator_per_day.mid * campaign.outage_days.mid
    batch = min(records, campaign.batch_farmers.mid)
    hours = max(1, round(campaign.outage_catch_up_h.mid))
    active = {(8 + hour) % HOURS for hour in range(min(hours, HOURS))}
    full = campaign.full_device_share.mid * FULL_DEVICE_FARMERS / campaign.batch_farmers.mid
    per_device = {"mobile_sync": records / batch, "mobile_sync_full": full, "login": 1.0}
    per_device["notification"] = records * scenario.users.notifications_per_registration.mid
    counts = _sync_counts(scenario, batch)
    return [
        ClassRate(
            name,
            tuple(enumerators * count / (3600.0 * hours) if hour in active else 0.0 for hour in range(HOURS)),
            counts,
        )
        for name, count in per_device.items()
    ]


def _through_day(profile: str, peak_per_s: float) -> tuple[float, ...]:
    return tuple(peak_per_s * weight for weight in day_data()[profile]["weights"])


def _merged(rates: list[ClassRate]) -> tuple[ClassRate, ...]:
    """One rate a class: classes that several kinds of users send (login, notification) are added up."""
    merged: dict[str, ClassRate] = {}
    for rate in rates:
        known = merged.get(rate.name)
        if known is not None:
            per_s = tuple(a + b for a, b in zip(known.per_s, rate.per_s, strict=True))
            rate = ClassRate(rate.name, per_s, {**known.counts, **rate.counts})  # noqa: PLW2901
        merged[rate.name] = rate
    return tuple(merged[name] for name in sorted(merged) if max(merged[name].per_s) > 0.0)


def tables(scenario: Scenario) -> tuple[TableSize, ...]:
    """Rows and live bytes of each table in the years 0 to 5."""
    return tuple(size for year in range(6) for size in _tables_in_year(scenario, year))


def counts_by_farmer(scenario: Scenario) -> dict[str, float]:
    """The counts that rows of a table are multiplied by."""
    registry = scenario.registry
    return {
        "members_per_household": registry.members_per_household.mid,
        "plots_per_farmer": registry.plots_per_farmer.mid,
        "fields_per_form": registry.fields_per_form.mid,
        "photos_per_farmer": scenario.campaign.photos_per_farmer.mid,
    }


def _tables_in_year(scenario: Scenario, year: int) -> Iterator[TableSize]:
    registry, counts = scenario.registry, counts_by_farmer(scenario)
    farmers = farmers_in_year(scenario, year)
    # One form comes with the registration; the others spread over the five years.
    later = max(0.0, registry.forms_per_farmer_5y.mid - scenario.campaign.forms_per_registration.mid)
    forms = farmers * (scenario.campaign.forms_per_registration.mid + later * year / 5.0)
    threads = farmers * (3.0 + registry.plots_per_farmer.mid) + forms
    base = {"farmer": farmers, "form": forms, "farmer and form": threads}
    for name, row in table_rows().items():
        rows = base[row["by"]] * math.prod(counts[count] for count in row["per"])
        yield TableSize(name, year, rows, rows * row["bytes"])


def database_bytes(scenario: Scenario, year: int) -> float:
    """Bytes of the database in a year, dead space included."""
    return rule("postgresql.bloat") * sum(size.bytes for size in _tables_in_year(scenario, year))


def filestore_bytes(scenario: Scenario, year: int) -> float:
    """Bytes of photos in a year."""
    campaign = scenario.campaign
    return farmers_in_year(scenario, year) * campaign.photos_per_farmer.mid * campaign.photo_kb.mid * 1e3


def ledger() -> tuple[Assumption, ...]:
    """The day's profiles, the mixes and the tables' row sizes."""
    day = day_data()
    lines = [
        Assumption(f"day.{name}", _peak_and_area(row["weights"]), "hours", row["source"], Label(row["label"]))
        for name, row in day.items()
        if name != "mix"
    ]
    for kind, row in day["mix"].items():
        mix = ", ".join(f"{name} {share:.0%}" for name, share in row.items() if isinstance(share, float))
        lines.append(Assumption(f"mix.{kind}", mix, "share of requests", row["source"], Label(row["label"])))
    for name, row in table_rows().items():
        lines.append(
            Assumption(
                f"tables.{name}.bytes", Interval.exactly(row["bytes"]), "B/row", row["source"], Label(row["label"])
            )
        )
    return tuple(lines)


def _peak_and_area(weights: list[float]) -> str:
    return f"peak at {weights.index(max(weights))} h, a day is {sum(weights) / max(weights):.1f} peak hours"


def day_data() -> dict[str, Any]:
    """Profiles and mixes (data/day.toml)."""
    return data_rows("day.toml")


def table_rows() -> dict[str, Any]:
    """What is known of each table (data/tables.toml)."""
    return data_rows("tables.toml")
