"""A Recommendation as plan.md: the Jinja2 template, and what it is given."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from dfr_sizing.catalogue import Price
from dfr_sizing.configuration.setting import managed_as
from dfr_sizing.cost import Tier
from dfr_sizing.cost_interval import bill_interval
from dfr_sizing.demand import demand
from dfr_sizing.drivers import data_rows, rule
from dfr_sizing.growth import Growth
from dfr_sizing.plan import choice_words, words
from dfr_sizing.plan.as_json import by_size, storage_years
from dfr_sizing.plan.database_json import settings_json
from dfr_sizing.plan.latency import break_point, class_title
from dfr_sizing.plan.money import Money
from dfr_sizing.plan.recovery_words import backups_sentence, cable_sentence
from dfr_sizing.recommend.types import Recommendation, SituationResult
from dfr_sizing.recovery import Strategy, kinds
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.topology import GIB

STALE_DAYS = 180
"""A price older than this is used with a warning."""


def plan_markdown(r: Recommendation, on: date, pictures: Mapping[str, str]) -> str:
    """The plan's text. ``on`` is the day against which the age of prices is counted, ``pictures`` name to title."""
    plans = (r.recommended, *r.alternatives)
    text = template("plan.md.j2").render(
        r=r,
        best=r.recommended,
        plans=plans,
        on=on,
        pictures=pictures,
        money=Money.of(r.scenario),
        tiers=[tier for tier in Tier if any(plan.bill.of_tier(tier) for plan in plans)],
        best_tiers=[tier for tier in Tier if r.recommended.bill.of_tier(tier)],
        known=bill_interval(r.recommended.bill),
        not_billed=not_billed(r),
        swings=by_size(r.sensitivities),
        fails=break_point(r),
        settings=settings_json(r),
        managed=managed_as(r.recommended.topology.place.provider)[0],
        growth=_last_year(r.database.growth) if r.database else [],
        storage=storage_years(r.scenario),
        table_rows=_table_rows(r),
        stale=stale_prices(r, on),
        stale_days=STALE_DAYS,
        deciding=_deciding(r),
        load=_load(r),
    )
    return without_gaps(text)


def without_gaps(text: str) -> str:
    """What a template leaves out where data is missing would show as empty lines."""
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def stale_prices(r: Recommendation, on: date) -> list[tuple[Price, int]]:
    """Prices of any option that are too old, oldest first, with their age in days."""
    prices = {price: None for plan in (r.recommended, *r.alternatives) for price in plan.bill.stale(on, STALE_DAYS)}
    return sorted(((price, (on - price.date).days) for price in prices), key=lambda pair: (-pair[1], pair[0].item))


def not_billed(r: Recommendation) -> list[tuple[str, str]]:
    """What no line of the bill pays for, each with a sentence why."""
    where = "cloud" if r.recommended.topology.place.provider in CLOUDS else "own"
    prices, unstated = r.scenario.prices, []
    rows = [
        (row["name"], row["why"])
        for key, row in data_rows("not_billed.toml").items()
        if where in row["where"] and not (key == "support" and prices.support)
    ]
    for name, field, share in (
        ("taxes", "tax_share", prices.tax_share),
        ("overheads", "overhead_share", prices.overhead_share),
    ):
        if share.mid == 0:
            unstated.append((name, f"Whether and what you pay is yours to state, in prices.{field}."))
    return [*unstated, *rows]


def cell(value: object) -> str:
    """Text that is safe in a table's cell."""
    return str(value).replace("|", "\\|").replace("\n", " ").strip()


@cache
def template(name: str) -> Template:
    """A template of the plan's folder, with the filters that all of them share."""
    environment = Environment(
        loader=PackageLoader("dfr_sizing.plan"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell": cell,
        "number": words.number,
        "gib": lambda size: words.number(size / GIB),
        "share": words.share,
        "signed": words.signed_share,
        "minutes": words.minutes,
        "ms": words.milliseconds,
        "year": words.year,
        "about": words.about,
        "assumed": words.assumed_value,
        "title_of": class_title,
        "kind_of": lambda failure: kinds()[failure].title,
    }
    environment.tests["finite"] = math.isfinite
    environment.globals |= {
        "quantity": words.quantity,
        "spread": words.spread,
        "verdict": words.verdict,
        "model_error": words.model_error,
        "crosscheck": words.crosscheck,
        "strategies": tuple(Strategy),
        "rule": rule,
        "front_sentence": choice_words.front_sentence,
        "way_of": choice_words.way_of,
        "futures_sentence": choice_words.futures_sentence,
        "regret_sentence": choice_words.regret_sentence,
        "commitment_sentence": choice_words.commitment_sentence,
        "no_commitment": choice_words.no_commitment,
        "removed_saving": choice_words.removed_saving,
        "stretch": choice_words.stretch,
        "upgrades_sentence": choice_words.upgrades_sentence,
        "formula": choice_words.FORMULA,
        "backups_sentence": backups_sentence,
        "cable_sentence": cable_sentence,
        "targets_missed": lambda plan: words.targets_missed(plan, lambda check: check.title, "; "),
    }
    return environment.get_template(name)


def _table_rows(r: Recommendation) -> list[dict[str, Any]]:
    """A row a table: GiB in every year and rows in the last, the largest first."""
    years = sorted({size.year for size in r.tables})
    by_table: dict[str, dict[str, Any]] = {}
    for size in r.tables:
        row = by_table.setdefault(size.table, {"table": size.table, "gib": dict.fromkeys(years, 0.0), "rows": 0.0})
        row["gib"][size.year] = size.bytes / GIB
        if size.year == years[-1]:
            row["rows"] = size.rows
    return sorted(by_table.values(), key=lambda row: (-row["gib"][years[-1]], row["table"]))


def _last_year(growth: Iterable[Growth]) -> list[Growth]:
    """Tables in the last year that is known, the largest first."""
    last = {each.table: each for each in sorted(growth, key=lambda each: each.year)}
    return sorted(last.values(), key=lambda each: (-each.bytes, each.table))


def _deciding(r: Recommendation) -> SituationResult | None:
    """The named day whose busiest hour fills a resource most: the one to repeat as a load test."""
    known = [result for result in r.recommended.situations if result.outcome.utilisation]
    return max(known, key=lambda result: max(result.outcome.utilisation.values())) if known else None


def _load(r: Recommendation) -> list[tuple[str, float]]:
    """Requests a second by class in the deciding hour, the most frequent first."""
    result = _deciding(r)
    if result is None:
        return []
    rates = demand(r.scenario, result.situation, r.farmers_design).at_hour(result.hour)
    return sorted(((name, rate) for name, rate in rates.items() if rate > 0), key=lambda pair: (-pair[1], pair[0]))
