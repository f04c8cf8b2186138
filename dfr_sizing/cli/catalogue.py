"""`dfr-size catalogue`: look at what can be bought, at what price, from which source and how old; ask anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dfr_sizing.cli.refresh import refresh
from dfr_sizing.cli.stop import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dfr_sizing.catalogue import Place
    from dfr_sizing.catalogue.look import Fit, Row

app = typer.Typer(rich_markup_mode=None, help="The catalogue of prices.", no_args_is_help=True)

app.command()(refresh)

MOST = 40
"""Rows shown on a terminal; --all and --json show every one."""
WIDEST = 160
"""Columns where nobody's screen ends before."""
OLD_DAYS = 180
"""Age from which the plan names a price as old."""

Providers = Annotated[
    list[str] | None, typer.Option(help="aws, azure, gcp, on-premises, private-cloud, fao-managed (repeat).")
]
Regions = Annotated[list[str] | None, typer.Option(help="Region, as eu-west-1 or aws/eu-west-1 (repeat).")]
Countries = Annotated[list[str] | None, typer.Option(help="Country, ISO code (repeat).")]
TermOption = Annotated[str | None, typer.Option(help="on-demand, 1-year or 3-year.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a list of rows.")]
Everything = Annotated[bool, typer.Option("--all", help=f"All rows, not the first {MOST}.")]


@app.callback()
def catalogue() -> None:
    """Look at what can be bought, at what price, from which source and how old."""


@app.command()
def show(
    provider: Providers = None,
    region: Regions = None,
    country: Countries = None,
    item: Annotated[str, typer.Option(help="A part of its name, ours or the provider's: m5.xlarge, ALB, blob.")] = "",
    role: Annotated[str | None, typer.Option(help="application or database.")] = None,
    term: TermOption = None,
    old: Annotated[bool, typer.Option("--old", help=f"Only prices of more than {OLD_DAYS} days ago.")] = False,
    every: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Print prices with unit, term, source, date and label."""
    from datetime import UTC, datetime

    from dfr_sizing.catalogue import Role, Term, load_catalogue
    from dfr_sizing.catalogue.look import rows
    from dfr_sizing.errors import InputError

    loaded, today = load_catalogue(), datetime.now(UTC).date()
    found = rows(
        loaded,
        loaded.places_allowed(provider or (), country or (), region or ()),
        today,
        item=item,
        role=_one_of("--role", role, Role),
        term=_one_of("--term", term, Term),
        older_than_days=OLD_DAYS if old else -1,
    )
    if not found:
        raise InputError(
            "--item", item or "any", "priced where you asked", "leave out an option, or ask for less of a name"
        )
    if as_json:
        say(json.dumps([_row_json(row) for row in found], indent=2) + "\n")
        return
    shown = found if every else found[:MOST]
    _print(_price_table(shown), len(found), every=every)
    say("".join(f"{number}: {source}\n" for source, number in _sources(shown).items()))
    aged = sum(row.age_days > OLD_DAYS for row in found)
    say(f"{len(found):,} prices in USD, {aged:,} of them more than {OLD_DAYS} days old.\n")


@app.command()
def find(
    vcpus: Annotated[float, typer.Option(help="vCPUs at least.", min=0)] = 0,
    memory: Annotated[float, typer.Option(help="GiB of memory at least.", min=0)] = 0,
    role: Annotated[str, typer.Option(help="application or database.")] = "application",
    provider: Providers = None,
    region: Regions = None,
    country: Countries = None,
    term: TermOption = None,
    every: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Print the sizes that have so much, cheapest first."""
    from dfr_sizing.catalogue import Role, Term, load_catalogue
    from dfr_sizing.catalogue.look import fits
    from dfr_sizing.errors import InputError

    loaded = load_catalogue()
    wanted, at = _one_of("--role", role, Role), _one_of("--term", term, Term)
    places = loaded.places_allowed(provider or (), country or (), region or ())
    found = fits(loaded, places, wanted or Role.APPLICATION, vcpus, memory, at or Term.ON_DEMAND)
    if not found:
        most = max((size.vcpus for size in loaded.instances), default=0)
        text = f"{vcpus:g} vCPU, {memory:g} GiB"
        raise InputError(
            "catalogue find", text, f"up to {most} vCPU where you asked", "ask for less, or in more places"
        )
    if as_json:
        say(json.dumps([_fit_json(one) for one in found], indent=2) + "\n")
        return
    _print(_fit_table(found if every else found[:MOST]), len(found), every=every)


def _one_of(option: str, value: str | None, kind: Any) -> Any:
    """The choice of that name, None where none was made. Raises InputError."""
    from dfr_sizing.errors import InputError

    if value is None:
        return None
    names = [str(one) for one in kind]
    if value not in names:
        raise InputError(option, value, f"one of {', '.join(names)}", "choose one of them")
    return kind(value)


def _row_json(row: Row) -> dict[str, object]:
    price = row.price
    return {
        "provider": price.provider,
        "region": price.region,
        "item": price.item,
        "name": row.name,
        "kind": row.kind,
        "unit": price.unit,
        "term": str(price.term),
        "usd": price.usd,
        "currency": "USD",
        "source": price.source,
        "date": price.date.isoformat(),
        "age_days": row.age_days,
        "label": str(price.label),
    }


def _fit_json(one: Fit) -> dict[str, object]:
    size = one.instance
    return {
        "place": one.place.name,
        "name": size.name,
        "vcpus": size.vcpus,
        "cores": size.cores,
        "memory_gib": size.memory_gib,
        "core_speed": size.core_speed.mid,
        "usd_per_hour": one.price.usd,
        "term": str(one.price.term),
        "source": one.price.source,
        "date": one.price.date.isoformat(),
        "label": str(one.price.label),
    }


def _price_table(found: Sequence[Row]) -> Any:
    """Prices; where they come from by a number, for a source is a sentence that many prices share."""
    from dfr_sizing.plan.recovery_terminal import table

    rows = table("item", "place", "USD", "per", "term", "of", "label", "from", compact=True)
    numbers = _sources(found)
    for row in found:
        price = row.price
        name = row.name if row.name == price.item else f"{row.name}: {price.item}"
        place, usd = f"{price.provider}/{price.region}", f"{price.usd:.6g}"
        source = str(numbers[price.source])
        rows.add_row(name, place, usd, price.unit, str(price.term), price.date.isoformat(), price.label, source)
    return rows


def _sources(found: Sequence[Row]) -> dict[str, int]:
    return {source: number for number, source in enumerate(dict.fromkeys(row.price.source for row in found), 1)}


def _fit_table(found: Sequence[Fit]) -> Any:
    from dfr_sizing.plan.recovery_terminal import table

    rows = table("place", "size", "vCPU", "cores", "GiB", "speed", "USD/h", "term", "label", compact=True)
    for one in found:
        size, price = one.instance, one.price
        place = f"{one.place.name} ({_city(one.place)})" if _city(one.place) else one.place.name
        cells = (place, size.name, str(size.vcpus), str(size.cores), f"{size.memory_gib:g}")
        rows.add_row(*cells, f"{size.core_speed.mid:.2f}", f"{price.usd:.4g}", str(price.term), price.label)
    return rows


def _city(place: Place) -> str:
    return ", ".join(part for part in (place.city, place.country) if part)


def _print(table: Any, count: int, *, every: bool) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:  # no edge to stay within
        console = Console(width=WIDEST)
    with console.capture() as shown:
        console.print(table)
    say("".join(f"{line.rstrip()}\n" for line in shown.get().splitlines()))
    if count > MOST and not every:
        say(f"and {count - MOST:,} more: --all shows them\n")
