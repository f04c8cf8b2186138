"""The choice explained on the terminal: the Pareto front and what filters removed; regret and commitments."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Console, RenderableType
from rich.text import Text

from dfr_sizing.plan.choice_words import (
    FORMULA,
    commitment_sentence,
    front_sentence,
    futures_sentence,
    no_commitment,
    regret_sentence,
    removed_saving,
    stretch,
    upgrades_sentence,
    way_of,
)
from dfr_sizing.plan.money import Money
from dfr_sizing.plan.recovery_terminal import WIDEST, table
from dfr_sizing.plan.words import NO_DATA, minutes, number, share
from dfr_sizing.recommend.choice_types import Choice, ParetoFront, ParetoPoint, Regret, RemovedPlace, Upgrades
from dfr_sizing.recommend.types import Recommendation

Told = Callable[[Choice, Money], Iterable[RenderableType]]


def show_choice(r: Recommendation, console: Console) -> None:
    """Print the Pareto front, and the places that were left out."""
    _show(r, console, lambda choice, money: [*_front(choice.front, money), "", *_removed(choice.removed, money)])


def show_regret(r: Recommendation, console: Console) -> None:
    """Print what a wrong guess of demand costs in both directions, and how much to commit to."""
    _show(r, console, lambda choice, money: _regret(choice.regret, money))


def show_upgrades(r: Recommendation, console: Console) -> None:
    """Print which machines serve to which month, and what buying them one after the other saves."""
    _show(r, console, lambda choice, money: _upgrades(choice.upgrades, money))


def _upgrades(found: Upgrades | None, money: Money) -> Iterable[RenderableType]:
    if found is None:
        yield Text(f"Growth: {NO_DATA}")
        return
    yield Text("Machines through five years of growth", style="bold")
    rows = table("machines", "from, to", "farmers then", f"{money.currency} a month")
    for stage in found.stages:
        rows.add_row(stage.machines.title, stretch(stage), f"{stage.farmers:,.0f}", money.figure(stage.monthly_usd))
    yield rows
    yield Text(upgrades_sentence(found, money))


def _show(r: Recommendation, console: Console, told: Told) -> None:
    width = min(console.width, WIDEST)
    if r.choice is None:
        console.print(Text(f"Choice: {NO_DATA}"), width=width)
        return
    for block in told(r.choice, Money.of(r.scenario)):
        console.print(block, width=width)


def _front(front: ParetoFront, money: Money) -> Iterable[RenderableType]:
    yield Text("Pareto front", style="bold")
    yield Text(front_sentence(front))
    rows = table("", money.currency, "RTO", "RPO", "a year, 5 %", "")
    by_deployment: dict[str, list[ParetoPoint]] = {}
    for point in front.points:
        by_deployment.setdefault(point.topology.title, []).append(point)
    for title, points in by_deployment.items():
        rows.add_row(Text.assemble((title, "bold"), f": {_p95(points[0])} {front.unit}"))
        for point in points:
            rows.add_row(
                f"  {way_of(point)}{' *' if point.chosen else ''}",
                money.figure(point.five_year_usd),
                minutes(point.rto_minutes[1]),
                minutes(point.rpo_minutes[1]),
                share(point.availability[0], 2),
                Text("FAIL", style="bold red") if point.missed else Text("pass", style="green"),
            )
    yield rows
    yield Text("* recommended; FAIL: misses a target, shown as it is cheaper or better in another way", style="dim")


def _p95(point: ParetoPoint) -> str:
    return f"{number(point.p95.value)} ({number(point.p95.low)} to {number(point.p95.high)})"


def _removed(removed: Iterable[RemovedPlace], money: Money) -> Iterable[RenderableType]:
    kept = list(removed)
    if not kept:
        yield Text("No place was left out.")
        return
    yield Text("Places left out; by the bounds, against the cheapest that is allowed", style="bold")
    rows = table("place", f"{money.currency} five years", "", "reason")
    for place in kept:
        rows.add_row(place.place, money.figure(place.five_year_usd), removed_saving(place, money), place.reason)
    yield rows


def _regret(regret: Regret, money: Money) -> Iterable[RenderableType]:
    yield Text("What a wrong guess of the demand costs", style="bold")
    yield Text(futures_sentence(regret))
    rows = table("machines", "serves", f"{money.currency}, mean", "in vain", "to move up", "months", "worst regret")
    for guess in regret.guesses:
        rows.add_row(
            f"{guess.machines.title}{' *' if guess.recommended else ''}",
            share(guess.serves),
            money.figure(guess.spent),
            money.figure(guess.in_vain) if guess.serves else "",
            money.figure(guess.to_move_up) if guess.serves < 1.0 else "",
            number(guess.months) if guess.serves < 1.0 else "",
            money.figure(guess.worst),
        )
    yield rows
    yield Text(
        "* recommended. In vain: where it serves. To move up, months of missed targets: where it does not.", "dim"
    )
    yield Text(regret_sentence(regret, money))
    yield ""
    yield Text("How much to commit to", style="bold")
    yield Text(FORMULA)
    for one in regret.commitments:
        yield Text(f"- {commitment_sentence(one, money)}")
    if not regret.commitments:
        yield Text(no_commitment(regret))
