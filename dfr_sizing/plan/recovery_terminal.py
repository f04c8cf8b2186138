"""Recovery explained on the terminal: each failure under each strategy step by step, the years, the ways, the cable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dfr_sizing.plan.money import Money
from dfr_sizing.plan.recovery_words import backups_sentence, cable_sentence
from dfr_sizing.plan.words import NO_DATA, minutes, number, share, unit_of_minutes
from dfr_sizing.recommend.recovery_types import RecoveryFacts
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.recovery import Quantiles, RecoveryEstimate, Strategy, kinds
from dfr_sizing.recovery.types import Bounded
from dfr_sizing.recovery.years import Years

WIDEST = 100
_MOST_CAUSES = 6
_INDENT = 2


def show_recovery(r: Recommendation, console: Console) -> None:
    """Print how each strategy recovers from each failure, and what was chosen."""
    width = min(console.width, WIDEST)
    for block in _blocks(r):
        console.print(block, width=width)


def _blocks(r: Recommendation) -> Iterable[RenderableType]:
    facts = r.recovery
    if facts is None:
        yield Text(f"Recovery: {NO_DATA}")
        return
    asked = facts.promises
    yield Text(
        f"Recovery of {r.recommended.topology.title}: {r.recommended.strategy}; RTO {asked.rto_minutes / 60.0:g} h, "
        f"RPO {asked.rpo_minutes:g} min, {share(asked.availability, 2)} of a year",
        style="bold",
    )
    said = f"Medians to {100.0 * asked.confidence:g} % points; below each the steps (medians) and the way."
    yield Text(f"{said} Passes with: the cheapest.")
    yield from _by_failure(facts, r.recommended.strategy)
    yield ""
    yield from _years(facts.years, asked.availability)
    yield ""
    yield _ways(facts, Money.of(r.scenario))
    yield ""
    yield from _rest(facts, Money.of(r.scenario))


def _by_failure(facts: RecoveryFacts, chosen: Strategy) -> Iterable[RenderableType]:
    for failure, told in groupby(sorted(facts.estimates, key=_order), key=lambda one: one.failure):
        yield Text.assemble((kinds()[failure].title, "bold"), f": {_passes(facts.cheapest[failure])}")
        for group in _alike(list(told)):
            first = group[0]
            named = (
                "every strategy" if len(group) == len(Strategy) else ", ".join(_marked(one, chosen) for one in group)
            )
            ranges = f" RTO {_range(first.rto_minutes):<22} RPO {_range(first.rpo_minutes):<22} "
            yield Padding(Text.assemble(_kept(first, facts), ranges, named), (0, 0, 0, _INDENT))
            yield Padding(Text(_steps(first), style="dim"), (0, 0, 0, 2 * _INDENT))


def every_failure(facts: RecoveryFacts, chosen: Strategy) -> RenderableType:
    """RTO and RPO of every failure under every strategy: a line for those strategies that recover alike."""
    legend = ", ".join(f"{_letter(one)} {one}{' (chosen)' if one is chosen else ''}" for one in Strategy)
    rows, level = table("after", "by", "RTO", "RPO", "", compact=True), 100.0 * facts.promises.confidence
    rows.caption, rows.caption_justify, rows.caption_style = f"median to {level:g} %, by {legend}", "left", "dim"
    for failure, told in groupby(sorted(facts.estimates, key=_order), key=lambda one: one.failure):
        title = kinds()[failure].title
        for group in _alike(list(told)):
            first = group[0]
            letters = "".join(_letter(one.strategy) for one in group)
            rows.add_row(
                title, letters, _in_one_unit(first.rto_minutes), _in_one_unit(first.rpo_minutes), _kept(first, facts)
            )
            title = ""
    return rows


def _in_one_unit(found: Quantiles) -> str:
    """From the median to what is surely kept, in the unit of the latter, which is short."""
    if found.sure <= 0.0:
        return "none"
    per_unit, unit = unit_of_minutes(found.sure)
    low, high = number(found.p50 / per_unit), number(found.sure / per_unit)
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"


def _letter(strategy: Strategy) -> str:
    return str(strategy)[0].upper()


def _kept(told: RecoveryEstimate, facts: RecoveryFacts) -> Text:
    """Whether a recovery keeps RTO and RPO as surely as was asked."""
    kept = told.meets(facts.promises.rto_minutes, facts.promises.rpo_minutes)
    return Text("pass", style="green") if kept else Text("FAIL", style="bold red")


def _passes(least: Strategy | None) -> str:
    return "no strategy passes" if least is None else f"passes with {least}"


def _order(one: RecoveryEstimate) -> tuple[int, int]:
    return list(kinds()).index(one.failure), list(Strategy).index(one.strategy)


def _alike(told: Sequence[RecoveryEstimate]) -> list[list[RecoveryEstimate]]:
    """Strategies that recover alike, side by side."""
    return [list(group) for _, group in groupby(told, key=lambda one: (one.rto_minutes, one.rpo_minutes, one.note))]


def _marked(one: RecoveryEstimate, chosen: Strategy) -> str:
    return f"{one.strategy}*" if one.strategy is chosen else str(one.strategy)


def _range(found: Quantiles) -> str:
    low, high = minutes(found.p50), minutes(found.sure)
    return low if low == high else f"{low} to {high}"


def _steps(told: RecoveryEstimate) -> str:
    """The steps that take time, and the way."""
    steps = [f"{phase.name} {minutes(phase.minutes.p50)}" for phase in told.phases if phase.minutes.p95 > 0.0]
    way, _, _ = told.note.partition(";")
    return f"{', '.join(steps)}. {way.rstrip('.')}."


def _years(years: Years, target: float) -> Iterable[RenderableType]:
    sure = share(years.confidence)
    yield Text(f"{years.simulated:,} simulated years of {years.strategy} ({sure} intervals)", style="bold")
    rows = table("", "value", "from", "to")
    for title, found, decimals in (
        ("availability of a year, 5 of 100 are worse", years.p05, 3),
        ("availability of a year, median", years.p50, 3),
        ("availability in a long run", years.mean, 3),
        (f"years with {share(target, 2)} or more", years.available, 1),
        ("years in which every recovery keeps the RTO", years.back_in_time, 1),
        ("years in which every recovery keeps the RPO", years.nothing_more_lost, 1),
    ):
        rows.add_row(title, *_shares(found, decimals))
    yield rows
    causes = [
        f"{kinds()[cause.failure].title} {number(cause.hours_per_year.value)} h ({share(cause.share)})"
        for cause in years.causes[:_MOST_CAUSES]
    ]
    yield Text(f"Hours a year that users wait, by cause: {'; '.join(causes)}")
    rare = [f"{one.name} {share(one.probability, 1)}" for one in years.strata]
    yield Text(f"Years by what rare failures bring, each simulated on its own: {', '.join(rare)}", style="dim")


def _shares(found: Bounded, decimals: int) -> list[str]:
    return [share(value, decimals) for value in (found.value, found.low, found.high)]


def _ways(facts: RecoveryFacts, money: Money) -> RenderableType:
    rows = table("way, on the recommended sizes", f"{money.currency} five years", "RTO p95", "RPO p95", "p05", "")
    for way in facts.ways:
        rows.add_row(
            f"{way.strategy}{', standby in another zone' if way.standby else ''}{' *' if way.chosen else ''}",
            money.figure(way.five_year_usd),
            minutes(way.headline.rto_minutes.p95),
            minutes(way.headline.rpo_minutes.p95),
            share(way.availability.p05, 2),
            Text("pass" if way.passed else "FAIL", style="green" if way.passed else "bold red"),
        )
    return rows


def _rest(facts: RecoveryFacts, money: Money) -> Iterable[RenderableType]:
    if facts.cable is not None:
        yield Text(cable_sentence(facts.cable))
    yield Text(backups_sentence(facts))
    if facts.backups_by:
        yield ""
        yield _backup_ways(facts, money)


def _backup_ways(facts: RecoveryFacts, money: Money) -> RenderableType:
    """What each way to make backups stores, takes and gives back."""
    rows = table("backups made by", "GiB year 5", f"{money.currency} five years", "window h", "RTO p95", "RPO p95")
    for one in facts.backups_by:
        window, others = one.window, one.window.other_days
        hours = number(window.hours or 0.0) + ("" if others is None else f", {number(others)} else")
        rows.add_row(
            f"{one.way.name}{' *' if one.chosen else ''}",
            number(one.stored.total_gib[-1]),
            money.figure(one.five_year_usd),
            hours,
            minutes(one.restored.rto_minutes.sure),
            minutes(one.restored.rpo_minutes.sure),
        )
    rows.caption = "a restore of the database after the loss of its disk; recovery.backups chooses one"
    rows.caption_justify, rows.caption_style = "left", "dim"
    return rows


def table(*columns: str, compact: bool = False) -> Table:
    """An empty table as all explanations have it; ``compact``: of which only the first column wraps."""
    empty = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in columns:
        empty.add_column(name, overflow="fold", no_wrap=compact and bool(empty.columns))
    return empty
