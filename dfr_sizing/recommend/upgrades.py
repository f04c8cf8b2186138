"""When to buy more: machines for the first years, and the month from which the simulation finds them too small.

Growth is even over five years. For each of the years 1 to 4 the bounds name the cheapest machines in the recommended
place and way to recover. Each is held to the targets as candidates are (recommend.feasibility), one application node
down, at the registry of later and later months: by the bounds first, then simulated, by halving. Of all orders in which
such machines may follow one another the cheapest is taken. Each is paid for up to the month in which the next has to
serve; a move costs its share of a year of what is moved to (rule regret.move_share).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np

from dfr_sizing.cost import MONTHS, YEARS, Bill
from dfr_sizing.demand import database_bytes
from dfr_sizing.drivers import rule
from dfr_sizing.recommend.bounds import shortfall
from dfr_sizing.recommend.candidates import Candidate
from dfr_sizing.recommend.choice_types import Stage, Upgrades
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.feasibility import Levels, judged
from dfr_sizing.recommend.regret import Market, machines_of
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.trial import checks_of, trial_of
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.topology import GIB, Topology
from dfr_sizing.workers import forget

DOWN = 1
LEAST_MONTHS = 12
"""A move within the first year is not worth its trouble."""
STEP_MONTHS = 3
"""Months to which an upgrade's date is told: nobody orders more finely."""
DOUBLINGS = 1
"""Of the first round of a step, before the usual confidence interval decides."""


@dataclass(frozen=True, slots=True)
class _Lasting:
    """Machines that serve up to the end of a month, with their whole bill."""

    candidate: Candidate
    bill: Bill
    until: int

    def paid(self, start: int, end: int) -> float:
        """US dollars from one month to another."""
        of_years = self.bill.by_year_usd
        return sum(of_years[month // 12] / 12.0 for month in range(start, end))

    def move_usd(self) -> float:
        """What moving to it costs once."""
        return rule("regret.move_share") * 12.0 * self.bill.monthly_usd


def upgrades(search: Search, chosen: Candidate) -> Upgrades:
    """The cheapest way through the five years with the recommended machines at its end."""
    design, steps = search.design, 0
    market = Market(design.model, search.catalogue, chosen.topology.place, chosen.way)
    lasting: list[_Lasting] = []
    for year in range(1, YEARS):
        best = market.at(design.scenario, year).best
        if best is None or machines_of(best[1].topology) in {machines_of(one.candidate.topology) for one in lasting}:
            continue
        candidate = best[1]
        if machines_of(candidate.topology) == machines_of(chosen.topology):
            break
        until, simulated = last_month(search, candidate.topology)
        steps += simulated
        if until >= LEAST_MONTHS:
            lasting.append(_Lasting(candidate, candidate.bill, until))
    at_once = _Lasting(chosen, chosen.bill, MONTHS)
    path = cheapest_path(lasting, at_once)
    own = chosen.topology.place.provider not in CLOUDS
    return Upgrades(
        stages=tuple(_stages(design, path)),
        five_year_usd=cost_of(path),
        at_once_usd=at_once.bill.five_year_usd,
        order_months=rule("regret.own_move_months" if own else "regret.cloud_move_months"),
        steps=steps,
    )


def cheapest_path(lasting: Sequence[_Lasting], last: _Lasting) -> tuple[_Lasting, ...]:
    """Of all orders of machines that last longer and longer, with ``last`` at the end, the one that costs least."""
    earlier = (one for one in lasting if one.until < last.until)
    ordered = sorted(earlier, key=lambda one: (one.until, one.bill.five_year_usd))
    orders = [
        (*some, last)
        for count in range(len(ordered) + 1)
        for some in combinations(ordered, count)
        if all(before.until < after.until for before, after in pairwise(some))
    ]
    return min(orders, key=lambda path: (cost_of(path), len(path)))


def cost_of(path: Sequence[_Lasting]) -> float:
    """Five years of machines that follow one another, with the moves."""
    starts = [0, *(one.until for one in path[:-1])]
    paid = sum(one.paid(start, one.until) for start, one in zip(starts, path, strict=True))
    return paid + sum(one.move_usd() for one in path[1:])


def _stages(design: Design, path: Sequence[_Lasting]) -> list[Stage]:
    starts = [0, *(one.until for one in path[:-1])]
    return [
        Stage(
            machines=machines_of(one.candidate.topology),
            from_month=start,
            to_month=one.until,
            farmers=farmers_at(design, one.until),
            monthly_usd=one.paid(start, one.until) / (one.until - start),
        )
        for start, one in zip(starts, path, strict=True)
    ]


def last_month(search: Search, topology: Topology) -> tuple[int, int]:
    """The last month, in steps, at whose end a deployment meets every target (0: none), and the steps simulated."""
    scenario, steps = search.design.scenario, 0

    def bounded(month: int) -> bool:
        return shortfall(topology, design_at(search.design, month), DOWN) is None

    def simulated(month: int) -> bool:
        nonlocal steps
        steps += 1
        design = design_at(search.design, month)
        usual = scenario.targets.confidence.mid
        trial = trial_of(topology, design, DOWN, search.seed)
        verdict = judged(trial, checks_of(design), Levels(usual, usual, DOUBLINGS), search.executor)
        forget(search.executor)
        search.simulated_requests += verdict.trial.requests
        return verdict.missed is None and not verdict.failed

    most = _last(bounded, MONTHS)
    if most == 0 or simulated(most):
        return most, steps
    return _last(simulated, most - STEP_MONTHS), steps


def _last(serves: Callable[[int], bool], most: int) -> int:
    """The last month, in steps, up to ``most`` that serves, by halving; what fails in one fails in all later ones."""
    good, bad = 0, most // STEP_MONTHS + 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if serves(middle * STEP_MONTHS):
            good = middle
        else:
            bad = middle
    return good * STEP_MONTHS


def farmers_at(design: Design, month: int) -> float:
    """Farmers at the end of a month."""
    registry = design.scenario.registry
    return registry.farmers * (1.0 + registry.growth_5y.mid * month / MONTHS)


def design_at(design: Design, month: int) -> Design:
    """The design at the farmers and with the stored bytes of a month."""
    scenario = design.scenario
    found = design_for(scenario, design.model, farmers_at(design, month), design.profile)
    sizes = [database_bytes(scenario, year) / GIB for year in range(YEARS + 1)]
    gib = float(np.interp(month, 12.0 * np.arange(YEARS + 1), sizes))
    return replace(found, volumes=replace(found.volumes, database_gib=(*found.volumes.database_gib[:-1], gib)))
