"""What is asked: farmers, campaign, users, targets, hosting. A TOML file or options; numbers may be intervals."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from dfr_sizing.drivers import Driver, drivers
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.toml_text import toml_value

FARMERS_RANGE = (1_000, 200_000_000)
_FARMERS_ALLOWED = f"a count from {FARMERS_RANGE[0]:,} to {FARMERS_RANGE[1]:,}"
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|[\d_]*\.?\d+"
"""Digits with commas between groups of three, or with underscores anywhere: a decimal comma is refused."""
_SUFFIX = {"": 1.0, "k": 1e3, "m": 1e6}


def parse_count(text: object) -> float:
    """A count as people write it: 2e6, 2M, 500k, 2_000_000, 2,000,000. Raises ValueError."""
    match = re.fullmatch(rf"\s*([-+]?(?:{_DIGITS})(?:e[-+]?\d+)?)\s*([km]?)\s*", str(text).lower())
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    return float(match[1].replace("_", "").replace(",", "")) * _SUFFIX[match[2]]


def _interval(value: object) -> object:
    """A number or [low, mid, high] as an Interval; anything else is left for Pydantic to refuse."""
    if isinstance(value, Mapping) and set(value) == {"low", "mid", "high"}:
        value = [value["low"], value["mid"], value["high"]]
    if isinstance(value, (list, tuple)) and len(value) == 3:
        return Interval(*(parse_count(part) for part in value))
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return Interval.exactly(parse_count(value))
    return value


def _several(value: object) -> object:
    """One text as a list of one."""
    return (value,) if isinstance(value, str) else value


def _currency(value: str) -> str:
    if not re.fullmatch("[A-Z]{3}", value):
        raise ValueError("three capital letters, an ISO 4217 code")
    return value


Range = Annotated[Interval, BeforeValidator(_interval)]
PositiveFinite = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _default(name: str) -> Any:
    """The driver's default as a Pydantic field."""
    driver = drivers()[name]
    return Field(default=driver.value, description=driver.help)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Registry(_Section):
    """Who is registered."""

    farmers: int = Field(description="farmers now")
    growth_5y: Range = _default("registry.growth_5y")
    plots_per_farmer: Range = _default("registry.plots_per_farmer")
    members_per_household: Range = _default("registry.members_per_household")
    forms_per_farmer_5y: Range = _default("registry.forms_per_farmer_5y")
    fields_per_form: Range = _default("registry.fields_per_form")
    cold_access_share: Range = _default("registry.cold_access_share")
    popularity_exponent: Range = _default("registry.popularity_exponent")

    @field_validator("farmers", mode="before")
    @classmethod
    def _count(cls, value: object) -> int:
        count = parse_count(value)
        if not math.isfinite(count) or not FARMERS_RANGE[0] <= count <= FARMERS_RANGE[1]:
            raise ValueError(f"{value} is out of range")
        return round(count)


class Campaign(_Section):
    """How they are registered."""

    days: Range = _default("campaign.days")
    enumerators_per_million: Range = _default("campaign.enumerators_per_million")
    farmers_per_enumerator_per_day: Range = _default("campaign.farmers_per_enumerator_per_day")
    forms_per_registration: Range = _default("campaign.forms_per_registration")
    sync_hour: Range = _default("campaign.sync_hour")
    share_in_sync_hour: Range = _default("campaign.share_in_sync_hour")
    batch_farmers: Range = _default("campaign.batch_farmers")
    full_device_share: Range = _default("campaign.full_device_share")
    photos_per_farmer: Range = _default("campaign.photos_per_farmer")
    photo_kb: Range = _default("campaign.photo_kb")
    record_kb: Range = _default("campaign.record_kb")
    uplink_kbit_s: Range = _default("campaign.uplink_kbit_s")
    surge_factor: Range = _default("campaign.surge_factor")
    retry_factor: Range = _default("campaign.retry_factor")
    outage_days: Range = _default("campaign.outage_days")
    outage_catch_up_h: Range = _default("campaign.outage_catch_up_h")


class Users(_Section):
    """Who else uses the system, and how."""

    officers_at_once_per_100k: Range = _default("users.officers_at_once_per_100k")
    officer_think_s: Range = _default("users.officer_think_s")
    officer_session_h: Range = _default("users.officer_session_h")
    reports_per_officer_h: Range = _default("users.reports_per_officer_h")
    report_rows: Range = _default("users.report_rows")
    dashboards_per_officer_h: Range = _default("users.dashboards_per_officer_h")
    portal_at_once_per_100k: Range = _default("users.portal_at_once_per_100k")
    portal_think_s: Range = _default("users.portal_think_s")
    portal_session_min: Range = _default("users.portal_session_min")
    portal_login_share: Range = _default("users.portal_login_share")
    portal_registration_share: Range = _default("users.portal_registration_share")
    lookups_per_s_small: Range = _default("users.lookups_per_s_small")
    lookups_per_s_large: Range = _default("users.lookups_per_s_large")
    notifications_per_registration: Range = _default("users.notifications_per_registration")


class Code(_Section):
    """What has been mended in the DFR's code and schema."""

    dedup_index: bool = _default("code.dedup_index")
    name_index: bool = _default("code.name_index")


class Targets(_Section):
    """What the service promises."""

    page_p95_s: Range = _default("targets.page_p95_s")
    search_p95_s: Range = _default("targets.search_p95_s")
    report_p95_s: Range = _default("targets.report_p95_s")
    api_p95_ms: Range = _default("targets.api_p95_ms")
    sync_500_s: Range = _default("targets.sync_500_s")
    import_10000_min: Range = _default("targets.import_10000_min")
    availability: Range = _default("targets.availability")
    confidence: Range = _default("targets.confidence")


class Recovery(_Section):
    """How soon the service is back, and what may be lost."""

    rto_hours: Range = _default("recovery.rto_hours")
    rpo_minutes: Range = _default("recovery.rpo_minutes")
    night_minutes: Range = _default("recovery.night_minutes")
    declare_minutes: Range = _default("recovery.declare_minutes")
    strategy: Literal["auto", "backup-restore", "pilot-light", "warm-standby", "hot-standby"] = Field(
        default="auto", description="disaster recovery strategy; auto: the cheapest that meets RTO and RPO"
    )
    retention: Literal["specification", "strategy-short", "strategy-long", "strategy-quarterly"] = Field(
        default="specification", description="which backups are kept, as the DFR's specification or its strategy says"
    )
    backups: Literal["auto", "pg_basebackup", "pg_basebackup-incremental", "pgbackrest", "barman", "pg_dump"] = Field(
        default="auto",
        description="how backups are made on hosts of one's own; auto: pg_basebackup each day, in a cloud its own",
    )
    profile: str = Field(
        default="",
        description="recovery profile that dfr-size drill wrote: measured in place of stated rates",
    )


Provider = Literal["aws", "azure", "gcp", "on-premises", "private-cloud", "fao-managed"]


class Hosting(_Section):
    """Where it may run. Data sovereignty is law in most countries: name the places that the law allows."""

    providers: Annotated[tuple[Provider, ...], BeforeValidator(_several)] = Field(
        default=("aws", "azure", "gcp"),
        min_length=1,
        description="hosting allowed: aws, azure, gcp, on-premises, private-cloud, fao-managed",
    )
    countries: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        default=(), description="ISO codes of the countries allowed; empty: all"
    )
    regions: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        default=(), description="regions allowed, as the provider names them; empty: all"
    )
    second_site: str = Field(
        default="", description="place of the second site as provider/region (hybrid); empty: a site like the first"
    )
    kubernetes: bool = Field(
        default=True,
        description="a Kubernetes cluster is paid for, as the strategy recommends; false: Docker Swarm or plain hosts",
    )
    own_disk: str = Field(
        default="", description="entry of a disk that dfr-size probe disk wrote: measured in place of own hosting's"
    )


class Prices(_Section):
    """What prices to use."""

    term: Literal["on-demand", "1-year", "3-year"] = Field(
        default="on-demand", description="commitment; where a place has no such price, its on-demand price is used"
    )
    currency: Annotated[str, AfterValidator(_currency)] = Field(default="USD", description="currency, an ISO code")
    usd_rate: Range = _default("prices.usd_rate")
    staging_share: Range = _default("prices.staging_share")
    staging_hours_share: Range = _default("prices.staging_hours_share")
    support: bool = Field(
        default=False,
        description="the provider's support plan is bought (AWS Business, Azure Standard, Google Standard)",
    )
    overhead_share: Range = _default("prices.overhead_share")
    tax_share: Range = _default("prices.tax_share")
    own: dict[str, PositiveFinite] = Field(
        default_factory=dict, description="own prices for on-premises and private cloud, by the names of the ledger"
    )
    catalogue: str = Field(
        default="",
        description="folder of a refreshed catalogue (dfr-size catalogue refresh); empty: the one that ships",
    )


class Scenario(_Section):
    """All that is asked. Only ``registry.farmers`` has no default."""

    registry: Registry
    campaign: Campaign = Campaign()
    users: Users = Users()
    code: Code = Code()
    targets: Targets = Targets()
    recovery: Recovery = Recovery()
    hosting: Hosting = Hosting()
    prices: Prices = Prices()

    def ledger(self) -> tuple[Assumption, ...]:
        """A line for each number, the user's own where it differs from the default."""
        lines = [Assumption("registry.farmers", self.registry.farmers, "farmers", "the user", Label.STATED)]
        for name, driver in drivers().items():
            value = self.value(name)
            line = replace(driver, value=value).assumption
            if value != driver.value:
                line = replace(line, source="the user", label=Label.STATED)
            lines.append(line)
        return tuple(lines)

    def value(self, name: str) -> bool | Interval:
        """The value of ``section.field``."""
        section, field = name.split(".")
        found: bool | Interval = getattr(getattr(self, section), field)
        return found

    def with_bounds(self, bounds: Mapping[str, Literal["low", "mid", "high"]]) -> Scenario:
        """The scenario with some intervals put at one of their ends: ``{"campaign.days": "low"}``."""
        changed: dict[str, _Section] = {}
        for name, bound in bounds.items():
            section, field = name.split(".")
            value = self.value(name)
            if isinstance(value, Interval):
                base = changed.get(section, getattr(self, section))
                changed[section] = base.model_copy(update={field: Interval.exactly(getattr(value, bound))})
        return self.model_copy(update=changed)


def load_scenario(path: Path | None, overrides: Mapping[str, object]) -> Scenario:
    """A scenario from a TOML file (or defaults) with single fields (``section.field``) replaced.

    Raises InputError naming the value, the range and the remedy.
    """
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError("--scenario", path, "a readable TOML file", f"{error.strerror}: check the path") from None
        except ValueError as error:
            raise InputError("--scenario", path, "a TOML file", f"{error}: mend that place") from None
    for section, values in data.items():
        if not isinstance(values, dict):
            raise InputError("the key", section, "a section", f"write [{section}] and its fields below")
    for name, value in overrides.items():
        section, _, field = name.partition(".")
        if not field or not section:
            raise InputError("a setting", name, "section.field", "see dfr-size scenario --template")
        data.setdefault(section, {})[field] = value
    if "farmers" not in data.get("registry", {}):
        raise InputError("--farmers", "missing", _FARMERS_ALLOWED, "add --farmers 2e6")
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise _first_error(error, data) from None
    _check_ranges(scenario)
    return scenario


def _check_ranges(scenario: Scenario) -> None:
    for name, driver in drivers().items():
        value = scenario.value(name)
        if isinstance(value, Interval) and not (
            driver.at_least <= value.low and value.high <= driver.at_most and math.isfinite(value.mid)
        ):
            raise InputError(name, _shown(value), driver.allowed, f"correct it ({driver.help})")


def _first_error(error: ValidationError, data: Mapping[str, Any]) -> InputError:
    """Pydantic's first complaint as one sentence."""
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    name, given = ".".join(parts[:2]), first["input"]
    if first["type"] == "extra_forbidden":
        known = [*Scenario.model_fields] if len(parts) == 1 else [*_fields_of(parts[0])]
        near = difflib.get_close_matches(parts[-1], known, 1)
        remedy = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
        return InputError("the key", ".".join(parts), "one that a scenario knows", remedy)
    if name == "registry.farmers":
        return InputError(
            "--farmers",
            given,
            f"a count from {FARMERS_RANGE[0]:,} to {FARMERS_RANGE[1]:,}",
            "write 2e6, 2M or 2_000_000",
        )
    driver = drivers().get(name)
    if driver is None:
        allowed = str(first.get("ctx", {}).get("expected", "")) or first["msg"].removeprefix("Value error, ")
        shown = ".".join(parts) if name == "prices.own" else name
        return InputError(shown, given, allowed.removeprefix("Input should be "), "see dfr-size scenario --template")
    section, _, field = name.partition(".")
    whole = data.get(section, {}).get(field, given)
    switch = isinstance(driver.value, bool)
    remedy = "write true or false" if switch else "write a number, or [low, mid, high] in rising order"
    return InputError(name, whole, driver.allowed, remedy)


def _fields_of(section: str) -> tuple[str, ...]:
    model = Scenario.model_fields[section].annotation if section in Scenario.model_fields else None
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ()


def _shown(value: object) -> str:
    return toml_value(value) if isinstance(value, (Interval, bool)) else str(value)


def template(farmers: int = 2_000_000) -> str:
    """A commented scenario file with every field at its default; loading it gives the default scenario."""
    lines = [
        "# A scenario for dfr-size. Every number may be an interval: [low, mid, high].",
        "# Remove what you do not want to state: the default then counts, and the plan says so.",
    ]
    scenario = Scenario(registry=Registry(farmers=farmers))
    for section in Scenario.model_fields:
        lines += ["", f"[{section}]"]
        values = getattr(scenario, section)
        for field, info in type(values).model_fields.items():
            driver = drivers().get(f"{section}.{field}")
            lines += ["", f"# {info.description}"] + ([_provenance(driver)] if driver else [])
            lines.append(f"{field} = {toml_value(getattr(values, field))}")
    return "\n".join(lines) + "\n"


def _provenance(driver: Driver) -> str:
    return f"# {driver.allowed}; {driver.label}: {driver.source}"
