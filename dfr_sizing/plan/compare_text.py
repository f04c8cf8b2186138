"""A comparison on the terminal and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from dfr_sizing.plan.as_json import SCHEMA_VERSION, plain_json, target_json
from dfr_sizing.plan.recovery_terminal import WIDEST, table
from dfr_sizing.plan.words import number, quantity, spread, verdict
from dfr_sizing.recommend.compare import Offer

_TITLES, _COLUMN = 25, 24
"""Widths on the screen: of the rows' names, and of an offer at least; offers that find no room come below."""


def show_offers(offers: Sequence[Offer], console: Console) -> None:
    """Print the offers side by side, and below why some have no figures."""
    width = min(console.width, WIDEST)
    beside = max(1, (width - _TITLES) // _COLUMN)
    for first in range(0, len(offers), beside):
        console.print(_side_by_side(offers[first : first + beside]), width=width)
        console.print()
    for offer in offers:
        if offer.why_not:
            console.print(Text.assemble((offer.name, "bold"), f": {_none(offer)}: {_why(offer)}"), width=width)
    console.print(Text(_cheapest(offers)), width=width)


def _side_by_side(offers: Sequence[Offer]) -> Any:
    rows = table("", *(offer.name for offer in offers))
    rows.add_row("farmers", *(number(offer.farmers) for offer in offers))
    rows.add_row("deployment", *(offer.deployment or _none(offer) for offer in offers))
    rows.add_row("recovery", *(offer.recovery for offer in offers))
    rows.add_row("USD a month", *(_usd(offer, offer.monthly_usd) for offer in offers))
    rows.add_row("USD five years", *(_usd(offer, offer.five_year_usd) for offer in offers))
    for title in dict.fromkeys(check.title for offer in offers for check in offer.targets):
        rows.add_row(title, *(_figure(offer, title) for offer in offers))
    rows.add_row("targets missed", *("" if offer.why_not else _missed(offer) for offer in offers))
    return rows


def _none(offer: Offer) -> str:
    return "left out" if offer.left_out else "nothing serves"


def _why(offer: Offer) -> str:
    if not math.isfinite(offer.bounds_usd):
        return f"{offer.why_not}."
    return f"{offer.why_not}. By the bounds alone USD {offer.bounds_usd:,.0f} in five years would serve there."


def _usd(offer: Offer, usd: float) -> str:
    return "" if offer.why_not else f"{usd:,.0f}"


def _figure(offer: Offer, title: str) -> Text:
    check = next((one for one in offer.targets if one.title == title), None)
    if check is None:
        return Text("")
    figure = f"{quantity(check.predicted, check.unit)}\n{spread(check.low, check.high, check.unit)}"
    return Text(figure, style="" if verdict(check) == "pass" else "bold red")


def _missed(offer: Offer) -> str:
    return ", ".join(offer.missed) or "none"


def _cheapest(offers: Sequence[Offer]) -> str:
    serving = [offer for offer in offers if offer.serves]
    if not serving:
        return "None of them meets every target."
    best = min(serving, key=lambda offer: offer.five_year_usd)
    return f"Cheapest that meets every target: {best.name}, USD {best.five_year_usd:,.0f} in five years."


def offers_json(offers: Sequence[Offer]) -> dict[str, Any]:
    """The comparison for programs; keys as in plan.json, see schema.md."""
    return plain_json({"schema_version": SCHEMA_VERSION, "offers": [_offer(offer) for offer in offers]})


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "name": offer.name,
        "farmers": offer.farmers,
        "serves": offer.serves,
        "left_out": offer.left_out,
        "why_not": offer.why_not,
        "bounds_usd": offer.bounds_usd,
        "deployment": offer.deployment,
        "recovery": offer.recovery,
        "monthly_usd": offer.monthly_usd,
        "five_year_usd": offer.five_year_usd,
        "targets": [target_json(check) for check in offer.targets],
    }
