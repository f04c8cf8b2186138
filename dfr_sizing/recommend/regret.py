"""Regret under uncertain demand: what each choice of machines comes to over many futures.

The method is that of Netflix's service-capacity-modeling: draw futures, find the best choice in each, hold every choice
against every future, and prefer what is regretted least. Here both directions are money. Too much is what is paid
beyond the cheapest that would have served. Too little means to move up later: the dearer machines from then on, and a
share for the move (rules regret.*); until that is noticed and done, targets are missed, and those months are told
beside the money, for nobody has stated their price.

Everything here is by the bounds (recommend.bounds), in the recommended place and way to recover: nothing is simulated,
so that a choice may look a little cheaper here than the one that the simulation recommends.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import numpy as np

from dfr_sizing.catalogue import Catalogue, InstanceType, Place, Price, Role, Term
from dfr_sizing.cost import MONTHS, YEARS
from dfr_sizing.drivers import rule
from dfr_sizing.model import Model
from dfr_sizing.recommend.bounds import ApplicationOption, DatabaseOption
from dfr_sizing.recommend.candidates import Candidate, PlaceOptions, Way, cheapest_by_bounds, place_options, topology_of
from dfr_sizing.recommend.choice_types import Guess, Machines, Regret
from dfr_sizing.recommend.commitment import commitments, longest_term
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.futures import futures, uncertain_inputs
from dfr_sizing.recommend.least_times import LeastTimes
from dfr_sizing.recommend.years import design_in_year
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.scenario import Scenario
from dfr_sizing.topology import Topology, workers_per_node
from dfr_sizing.workers import begun

MOST_GUESSES = 19
"""Choices of machines that are compared: the best ones at every 5 % of the futures, by their cost."""

_PARTS = 8
"""Pieces in which the futures are given to processes; what comes of them is the same for any number."""


@dataclass(frozen=True, eq=False)
class Market:
    """What can be bought in one place for a kind of future, and by which way to recover."""

    model: Model
    catalogue: Catalogue
    place: Place
    way: Way

    def at(self, scenario: Scenario, year: int) -> Year:
        """One year of a future."""
        design = design_in_year(scenario, self.model, year)
        return Year(self, design, place_options(self.catalogue, self.place, design, (self.way,), 1, Counter()))

    def offered(self, role: Role, name: str, term: Term) -> tuple[InstanceType, Price]:
        """A size by its name, with its price."""
        return next(pair for pair in self.catalogue.instances_at(self.place, role, term) if pair[0].name == name)

    def hourly_usd(self, instance: InstanceType) -> float:
        """Without commitment, for a machine that is on all the time; MissingPrice where that is not known."""
        always = self.catalogue.always_on(self.place, instance.name)
        return (always or self.catalogue.price(self.place, instance.name, "hour")).usd


@dataclass(frozen=True)
class Year:
    """One year of a future: what the bounds leave then. ``options`` is None where that is nothing."""

    market: Market
    design: Design
    options: PlaceOptions | None

    @cached_property
    def best(self) -> tuple[float, Candidate] | None:
        """The cheapest candidate that breaks no bound, with its five years."""
        return None if self.options is None else cheapest_by_bounds(self.options, self.design)

    @cached_property
    def least_times(self) -> LeastTimes:
        """Its bounds, one node down."""
        return LeastTimes(self.design, 1)

    def serves(self, machines: Machines) -> bool:
        """Whether machines break no bound in this year."""
        found = self.options
        if found is None:
            return False
        application = next((one for one in found.applications if one.instance.name == machines.application), None)
        database = next((one for one in found.databases if one.instance.name == machines.database), None)
        if application is None or database is None or machines.nodes < application.nodes:
            return False  # a size's options begin with the fewest nodes that the bounds allow
        bought = topology_of(found.place, replace(application, nodes=machines.nodes), database, self.market.way.standby)
        return self.least_times.broken(bought) == (None, 0.0)

    def cost(self, machines: Machines) -> float:
        """Five years of machines with this future's data, whether they serve or not; on the best one's disk if not."""
        if self.options is None or self.best is None:
            return math.inf
        term = self.design.terms.term
        instance, price = self.market.offered(Role.APPLICATION, machines.application, term)
        application = ApplicationOption(instance, price, machines.nodes, workers_per_node(instance))
        database = next((one for one in self.options.databases if one.instance.name == machines.database), None)
        if database is None:
            sized = self.market.offered(Role.DATABASE, machines.database, term)
            database = DatabaseOption(*sized, self.best[1].database.volume)
        bought = topology_of(self.options.place, application, database, self.market.way.standby)
        return Candidate(bought, self.options, application, database).bill.five_year_usd


@dataclass(frozen=True, slots=True)
class Followed:
    """One future, followed through its years; ``best_usd`` is its cheapest.

    By guess, in the order they were given: ``costs`` in five years, and ``fails``, the first year whose bounds are
    broken (None: it serves to the end).
    ``application_usd`` and ``database_usd``: hourly on-demand price of the cheapest machines, by year from 0 on.
    """

    best_usd: float
    costs: tuple[float, ...]
    fails: tuple[int | None, ...]
    application_usd: tuple[float, ...]
    database_usd: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """Some futures to be looked at in another process."""

    market: Market
    scenarios: tuple[Scenario, ...]
    guesses: tuple[Machines, ...] = ()
    term_years: int = 0


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The best of one future: its five years, and the machines."""

    five_year_usd: float
    machines: Machines


def begin_regret(
    scenario: Scenario, market: Market, chosen: Topology, seed: int, executor: Executor | None
) -> Callable[[], Regret]:
    """Begin to look for the cheapest of each future; what is returned waits and holds the guesses against all.

    ``chosen`` is the recommended deployment, which is always among the guesses.
    """
    drawn = futures(scenario, int(rule("regret.futures")), seed)
    wait = begun(executor, _cheapest_of_each, [_Part(market, drawn[start::_PARTS]) for start in range(_PARTS)])

    def found() -> Regret:
        best = [one for part in wait() for one in part]
        guesses = _guesses([one for one in best if one is not None], machines_of(chosen))
        ordered = [future for start in range(_PARTS) for future in drawn[start::_PARTS]]
        served = tuple(future for future, one in zip(ordered, best, strict=True) if one is not None)
        term = longest_term(market.catalogue, chosen)
        parts = [_Part(market, served[start::_PARTS], guesses, term) for start in range(_PARTS)]
        followed = [one for part in begun(executor, _followed, parts)() for one in part]
        return _regret(scenario, market, chosen, guesses, followed, len(drawn))

    return found


def _cheapest_of_each(part: _Part) -> list[Cheapest | None]:
    ends = [part.market.at(scenario, YEARS).best for scenario in part.scenarios]
    return [None if best is None else Cheapest(best[0], machines_of(best[1].topology)) for best in ends]


def _regret(
    scenario: Scenario,
    market: Market,
    chosen: Topology,
    guesses: tuple[Machines, ...],
    followed: Sequence[Followed],
    drawn: int,
) -> Regret:
    """All guesses by what is spent, and what to commit to."""
    own = market.place.provider not in CLOUDS
    told = tuple(_told(number, guesses, followed, own=own) for number in range(len(guesses))) if followed else ()
    needs = [np.array([getattr(one, of) for one in followed]) for of in ("application_usd", "database_usd")]
    return Regret(
        place=market.place.name,
        futures=drawn,
        unserved=drawn - len(followed),
        drivers=tuple(uncertain_inputs(scenario)),
        guesses=tuple(sorted(told, key=lambda guess: (guess.spent, guess.machines.title))),
        worth_usd_month=_worth(told) if told else math.nan,
        commitments=commitments(market.catalogue, chosen, *needs) if followed else (),
    )


def machines_of(topology: Topology) -> Machines:
    """What a guess of demand decides of a deployment."""
    return Machines(topology.application.name, topology.nodes, topology.database.name)


def _guesses(best: Sequence[Cheapest], chosen: Machines) -> tuple[Machines, ...]:
    """The recommended machines and the best ones of futures from the cheapest to the dearest."""
    ordered = sorted(best, key=lambda one: (one.five_year_usd, one.machines.title))
    at = [round(part * (len(ordered) - 1) / (MOST_GUESSES - 1)) for part in range(MOST_GUESSES)] if ordered else []
    return tuple(dict.fromkeys([chosen, *(ordered[number].machines for number in at)]))


def _followed(part: _Part) -> list[Followed]:
    return [follow(part.market, scenario, part.guesses, part.term_years) for scenario in part.scenarios]


def follow(market: Market, scenario: Scenario, guesses: Sequence[Machines], term_years: int) -> Followed:
    """Follow one future, in which something serves, through its years; ``term_years`` of needs are told."""
    at = cache(partial(market.at, scenario))
    last = at(YEARS)
    if last.best is None:
        raise ValueError("nothing serves in this future")
    bought = [(at(year).best or last.best)[1] for year in range(term_years + 1)]
    return Followed(
        best_usd=last.best[0],
        costs=tuple(last.cost(machines) for machines in guesses),
        fails=tuple(_first_failure(at, machines) for machines in guesses),
        application_usd=tuple(one.application.nodes * market.hourly_usd(one.application.instance) for one in bought),
        database_usd=tuple(market.hourly_usd(one.database.instance) for one in bought),
    )


def _first_failure(at: Callable[[int], Year], machines: Machines) -> int | None:
    """The first year in which machines break a bound, by halving: what fails in one year fails in all later ones."""
    if at(YEARS).serves(machines):
        return None
    serves, fails = -1, YEARS
    while fails - serves > 1:
        middle = (serves + fails) // 2
        if at(middle).serves(machines):
            serves = middle
        else:
            fails = middle
    return fails


def _told(number: int, guesses: Sequence[Machines], followed: Sequence[Followed], *, own: bool) -> Guess:
    """What one guess comes to over all futures."""
    outcomes = [outcome(one.costs[number], one.best_usd, one.fails[number], own=own) for one in followed]
    vain = [spent - one.best_usd for (spent, months), one in zip(outcomes, followed, strict=True) if not months]
    moved = [
        (spent - one.costs[number], months) for (spent, months), one in zip(outcomes, followed, strict=True) if months
    ]
    return Guess(
        machines=guesses[number],
        serves=len(vain) / len(followed),
        spent=_mean([spent for spent, _ in outcomes]),
        in_vain=_mean(vain),
        to_move_up=_mean([paid for paid, _ in moved]),
        months=_mean([months for _, months in moved]),
        worst=max(spent - one.best_usd for (spent, _), one in zip(outcomes, followed, strict=True)),
        recommended=number == 0,
    )


def outcome(cost: float, best: float, fails: int | None, *, own: bool) -> tuple[float, float]:
    """Five years of a guess in one future: all that is paid, in US dollars, and the months with missed targets.

    ``cost`` and ``best`` are five-year bills of the guess and of the cheapest that serves; ``fails`` is the first year
    in which the guess does not, None where it serves to the end. It fails at go-live (year 0) or half way through its
    year; then it takes time to notice and to buy, and the rest of the five years is paid at the best one's rate.
    """
    if fails is None:
        return cost, 0.0
    begins = max(0.0, 12.0 * (fails - 0.5))
    late = rule("regret.notice_months") + rule("regret.own_move_months" if own else "regret.cloud_move_months")
    moved = min(float(MONTHS), begins + late)
    spent = (cost * moved + best * (MONTHS - moved)) / MONTHS
    if moved < MONTHS:
        spent += rule("regret.move_share") * 12.0 * best / MONTHS
    return spent, moved - begins


def _worth(told: Sequence[Guess]) -> float:
    """What a month of missed targets has to be worth for the recommended machines to be the cheapest."""
    recommended, cheapest = told[0], min(told, key=lambda guess: guess.spent)
    if recommended is cheapest:
        return math.nan
    spared = _missed_months(cheapest) - _missed_months(recommended)
    return (recommended.spent - cheapest.spent) / spared if spared > 0.0 else math.inf


def _missed_months(guess: Guess) -> float:
    """Mean over all futures."""
    return (1.0 - guess.serves) * guess.months if guess.serves < 1.0 else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
