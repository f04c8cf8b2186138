"""Sentences about the choice that the terminal and the plan share."""

from __future__ import annotations

import math

from dfr_sizing.plan.money import Money
from dfr_sizing.plan.words import number, share
from dfr_sizing.recommend.choice_types import (
    Commitment,
    Guess,
    ParetoFront,
    ParetoPoint,
    Regret,
    RemovedPlace,
    Stage,
    Upgrades,
)


def front_sentence(front: ParetoFront) -> str:
    """What the front was found among."""
    return (
        f"{len(front.points)} of {front.looked_at} points: {front.deployments} deployments, each simulated with one "
        f"application node down (p95 with its interval), each with every way to recover (RTO and availability "
        f"computed, not simulated with the requests). No other point is as good in cost, p95, RTO and availability. "
        f"p95 is that of the target that binds: {front.title}, at most {number(front.limit)} {front.unit}."
    )


def way_of(point: ParetoPoint) -> str:
    """The way to recover."""
    return f"{point.strategy}{', standby' if point.topology.standby else ''}"


def futures_sentence(regret: Regret) -> str:
    """What the guesses were held against, and how."""
    none = f"; in {regret.unserved} of them nothing there serves" if regret.unserved else ""
    return (
        f"{regret.futures} futures of the demand: {len(regret.drivers)} inputs drawn from their low, mid and high "
        f"(5 %, median, 95 %; each on its own){none}. By the bounds in {regret.place}, nothing simulated; the disk "
        f"follows the data."
    )


def regret_sentence(regret: Regret, money: Money) -> str:
    """What a wrong guess costs in both directions, for the recommended machines and the cheapest in expectation."""
    if not regret.guesses:
        return "In none of them anything serves."
    ours = next(guess for guess in regret.guesses if guess.recommended)
    best = regret.cheapest
    said = (
        f"The recommended machines serve {share(ours.serves)} of the futures to the end. "
        f"{_vain(ours, money)}{_late(ours, money)}"
    )
    if best is ours:
        return said + "They are the cheapest in expectation, too."
    gap = money.figure(ours.spent - best.spent)
    said += f"Cheapest in expectation: {best.machines.title}, {money.currency} {gap} less"
    if math.isfinite(regret.worth_usd_month):
        month = money.figure(regret.worth_usd_month)
        return said + f", unless a month of missed targets is worth more than {money.currency} {month}."
    return said + ", and no more months of missed targets."


def _vain(guess: Guess, money: Money) -> str:
    if not guess.serves:
        return ""
    return f"Where they do, {money.currency} {money.figure(guess.in_vain)} of five years are paid in vain on the mean. "


def _late(guess: Guess, money: Money) -> str:
    if guess.serves == 1.0:
        return ""
    return (
        f"Where they do not, moving up costs {money.currency} {money.figure(guess.to_move_up)} on the mean, after "
        f"{number(guess.months)} months of missed targets. "
    )


def no_commitment(regret: Regret) -> str:
    """Where the catalogue has no term price."""
    return f"The catalogue has no 1- or 3-year price of the recommended sizes in {regret.place}: nothing to commit to."


def commitment_sentence(one: Commitment, money: Money) -> str:
    """How much to commit to, and why."""
    return (
        f"{one.what}, {one.term} at {share(one.price_ratio)} of the on-demand price ({one.label}): commit to what is "
        f"needed with a probability of {share(one.price_ratio)} or more, {share(one.share)} of the recommended, "
        f"{one.whole} x {one.instance}; it saves {money.text(one.saved_monthly_usd)} a month on the mean"
    )


FORMULA = (
    "Committed machines cost the term's share r of the on-demand price, used or not; so commit up to the need that is "
    "exceeded with probability r (newsvendor: Arrow, Harris & Marschak 1951; Littlewood 1972)."
)


def stretch(stage: Stage) -> str:
    """``months 28 to 60``, or ``go-live to month 27``."""
    start = "go-live" if stage.from_month == 0 else f"month {stage.from_month + 1}"
    return f"{start} to month {stage.to_month}"


def upgrades_sentence(found: Upgrades, money: Money) -> str:
    """Whether to buy step by step, and what that saves."""
    if len(found.stages) == 1:
        return (
            f"Buy year 5's machines at once: smaller ones for the first years save less than moving up costs "
            f"({found.steps} steps simulated)."
        )
    dates = " and ".join(f"after month {stage.to_month}" for stage in found.stages[:-1])
    saved = money.figure(found.at_once_usd - found.five_year_usd)
    return (
        f"Move up {dates}, begun {number(found.order_months)} months before, and pay {money.currency} "
        f"{money.figure(found.five_year_usd)} in five years, {saved} less than with year 5's machines from the first "
        f"day. The dates are those to which the simulation finds every target met with one application node down "
        f"({found.steps} steps simulated), if farmers grow evenly: move when the registry has so many, not by the "
        f"calendar."
    )


def removed_saving(place: RemovedPlace, money: Money) -> str:
    """What a place that was left out would have saved."""
    if math.isnan(place.five_year_usd):
        return "not priced"
    if not math.isfinite(place.saved_usd):
        return "nothing serves"
    word = "saves" if place.saved_usd > 0.0 else "costs"
    return f"{word} {money.figure(abs(place.saved_usd))}{'' if place.saved_usd > 0.0 else ' more'}"
