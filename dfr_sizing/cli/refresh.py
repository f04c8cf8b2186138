"""`dfr-size catalogue refresh`: the provider's own prices, shown first, then put in place whole or not at all."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dfr_sizing.cli.stop import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dfr_sizing.catalogue import Price
    from dfr_sizing.catalogue.refresh.changes import Changes

PROVIDERS = ("aws", "azure", "gcp")
SHOWN = 20
"""Changes shown of each kind; --all shows every one."""


def refresh(
    into: Annotated[Path, typer.Option(help="Folder of your own catalogue; made as a copy of the one that ships.")],
    provider: Annotated[
        str,
        typer.Option(help="aws (keys as boto3 takes them), azure, or gcp (GOOGLE_API_KEY)."),
    ],
    region: Annotated[list[str] | None, typer.Option(help="Only this region (repeat).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Replace without asking.")] = False,
    accept_jumps: Annotated[
        bool, typer.Option("--accept-jumps", help="Believe prices that are more than four times the old or less.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help=f"Show all changes, not the first {SHOWN}.")] = False,
    source: Annotated[str, typer.Option(help="Another address of the same interface.")] = "",
) -> None:
    """Ask the provider's own price list, show what changed, and replace the prices in one step."""
    from datetime import UTC, datetime

    from dfr_sizing.errors import InputError

    if provider not in PROVIDERS:
        raise InputError("--provider", provider, f"one of {', '.join(PROVIDERS)}", "take the others' as they ship")
    try:
        source_of = import_module(f"dfr_sizing.catalogue.refresh.{provider}")
        from dfr_sizing.catalogue.refresh.pages import Pages, SourceError
    except ModuleNotFoundError as missing:
        remedy = "pip install 'dfr-size[refresh]'"
        raise InputError(
            "catalogue refresh", f"without {missing.name}", "installed with its extra", remedy
        ) from missing
    from dfr_sizing.catalogue import read_catalogue
    from dfr_sizing.catalogue.refresh.changes import MOST_TIMES, changes
    from dfr_sizing.catalogue.refresh.write import own_copy, replace_prices

    try:
        own_copy(into)
        held = read_catalogue(into)
        places = held.places_allowed([provider], regions=region or ())
        regions = [place.region for place in places]
        pages = Pages(into.parent / f".{into.name}-{provider}-pages", headers=_key() if provider == "gcp" else {})
        told = source_of.listed(pages, held, regions, datetime.now(UTC).date(), source or source_of.SOURCE)
        listed_before = [price for price in held.prices if price.provider == provider]
        found = changes(listed_before, told, regions)
        say(_text(found, every=every))
        if found.jumps and not accept_jumps:
            old, now = found.jumps[0]
            what = f"{len(found.jumps)} prices, {now.item} in {now.region} from {old.usd:g} to {now.usd:g} USD"
            allowed = f"within {MOST_TIMES:g} times the old ones"
            raise InputError("the source's change", what, allowed, "look at them, then --accept-jumps")
        if not (yes or (sys.stdin.isatty() and typer.confirm("Replace?"))):
            say("Nothing was changed: --yes replaces them.\n")
            return
        replace_prices(into, provider, found.prices)
    except SourceError as problem:
        raise InputError("the source", f"of no use ({problem})", "reachable and sound", "try again later") from problem
    except (OSError, ValueError) as problem:
        raise InputError("--into", into, f"a folder with a sound catalogue ({problem})", "give another") from problem
    say(f"Replaced in {into}. Use them: dfr-size --catalogue {into} --farmers 2e6\n")


def _key() -> dict[str, str]:
    """The header with Google's key."""
    from dfr_sizing.catalogue.refresh.gcp import KEY_HEADER, KEY_VARIABLE
    from dfr_sizing.errors import InputError

    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise InputError(KEY_VARIABLE, "not set", "an API key of any Google Cloud project", "export it")
    return {KEY_HEADER: key}


def _text(found: Changes, *, every: bool) -> str:
    """What differs, the largest changes first."""
    ordered = sorted(found.changed, key=lambda pair: -abs(pair[1].usd / pair[0].usd - 1.0))
    lines = [
        f"  {_what(now)}: {old.usd:.6g} to {now.usd:.6g} USD/{now.unit} ({100.0 * (now.usd / old.usd - 1.0):+.1f} %)"
        for old, now in ordered
    ]
    parts = [
        *_listed("changed", lines, every=every),
        f"{len(found.confirmed)} confirmed\n",
        *_listed("new", [f"  {_what(price)}: {price.usd:.6g} USD/{price.unit}" for price in found.new], every=every),
        *_listed("not found, kept as they are", _aged(found.not_found), every=every),
        f"{len(found.not_asked)} in regions that were not asked for\n",
    ]
    return "".join(parts)


def _aged(prices: Sequence[Price]) -> list[str]:
    return [f"  {_what(price)}: of {price.date.isoformat()}" for price in prices]


def _listed(what: str, lines: Sequence[str], *, every: bool) -> list[str]:
    shown = lines if every else lines[:SHOWN]
    more = [f"  and {len(lines) - len(shown)} more: --all shows them\n"] if len(shown) < len(lines) else []
    return [f"{len(lines)} {what}\n", *(f"{line}\n" for line in shown), *more]


def _what(price: Price) -> str:
    return f"{price.region} {price.item} ({price.term})"
