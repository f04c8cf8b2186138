"""The answer: what the search chose, what stands beside it, why, and what it rests on; or why there is none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.catalogue.own_hosting import OWN_PROVIDERS
from dfr_sizing.demand import ledger as demand_ledger
from dfr_sizing.demand import tables
from dfr_sizing.drivers import configuration, constants, rules
from dfr_sizing.growth import ledger as growth_ledger
from dfr_sizing.ledger import Assumption, merged
from dfr_sizing.model import Model, request_ledger
from dfr_sizing.recommend.bounds import iops_needed
from dfr_sizing.recommend.candidates import (
    Candidate,
    PlaceOptions,
    Way,
    in_order_of_cost,
    place_options,
    ways_allowed,
)
from dfr_sizing.recommend.crosscheck import cross_check, crosscheck_warnings
from dfr_sizing.recommend.database_advice import database_advice
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.evaluate import (
    Effort,
    Progress,
    growth_curve,
    recovery_rates,
)
from dfr_sizing.recommend.explain import conditions, rule_of_thumb, sensitivities, warnings
from dfr_sizing.recommend.peak_day import peak_day
from dfr_sizing.recommend.recovery import (
    begin_facts,
    promises_of,
    surely_unkept,
    unkept_warning,
    years_of,
    years_warning,
)
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.types import (
    Infeasible,
    PlaceCost,
    Plan,
    Recommendation,
    Rejection,
)
from dfr_sizing.recovery import Strategy
from dfr_sizing.recovery.profile import RecoveryProfile
from dfr_sizing.recovery.retention import schedules
from dfr_sizing.scenario import FARMERS_RANGE, Scenario
from dfr_sizing.topology import Topology

CURVE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
FULL_EFFORT = Effort()


def recommend(
    scenario: Scenario,
    model: Model,
    catalogue: Catalogue,
    seed: int = 1,
    progress: Progress | None = None,
    effort: Effort = FULL_EFFORT,
    executor: Executor | None = None,
    profile: RecoveryProfile | None = None,
    *,
    with_choice: bool = False,
    with_upgrades: bool = False,
    with_database: bool = True,
) -> Recommendation:
    """The cheapest deployment that meets every target, two alternatives, and the reasons.

    ``executor`` spreads the simulations over processes; the answer is the same without it. ``profile`` is what a drill
    measured of recovery (Scenario.recovery.profile names its file). ``with_choice`` adds what stands beside the choice:
    the Pareto front, regret, the places left out; ``with_upgrades`` also when to buy more. Without
    ``with_database`` the database's years and settings are left out, which few of those who ask read. Raises
    Infeasible with the binding limit, InputError for places that do not exist.
    """
    tell = progress or (lambda _stage, _share: None)
    search = Search(scenario, model, catalogue, seed, effort, executor, profile)
    chosen, options = decided(search, tell)
    found = _explained(search, chosen, options, tell, with_database=with_database)
    while found.recovery is not None and surely_unkept(found.recovery.years, found.recovery.promises):
        search.turn_down(chosen)
        chosen, options = decided(search, tell)
        found = _explained(search, chosen, options, tell, with_database=with_database)
    if not (with_choice or with_upgrades):
        return found
    from dfr_sizing.recommend.choice import beside  # noqa: PLC0415 - seldom asked for

    tell("what stands beside the choice", 0.95)
    before = search.simulated_requests
    choice = beside(search, chosen, found.recommended, options, with_upgrades=with_upgrades)
    more = search.simulated_requests - before
    return replace(found, choice=choice, simulated_requests=found.simulated_requests + more)


def decided(search: Search, tell: Progress) -> tuple[Candidate, list[PlaceOptions]]:
    """What a search chooses, and what the bounds left of each place. Raises Infeasible."""
    tell("bounds", 0.02)
    places = search.places()
    options = search.options(places, ways_allowed(search.design), 1, search.excuses)
    tell("simulating candidates in order of cost", 0.1)
    chosen = search.first_that_serves(options, 1, search.excuses, search.levels) if options else None
    if chosen is None:
        raise _infeasible(search, places, options)
    return chosen, options


def decided_for_years(search: Search, tell: Progress) -> Candidate:
    """What a search chooses where no more than that is asked for: as ``recommend`` does. Raises Infeasible."""
    while True:
        chosen, _ = decided(search, tell)
        if not surely_unkept(years_of(chosen, search.design, search.seed), promises_of(search.design.scenario)):
            return chosen
        search.turn_down(chosen)


def _explained(
    search: Search, chosen: Candidate, options: Sequence[PlaceOptions], tell: Progress, *, with_database: bool
) -> Recommendation:
    """What was chosen with its alternatives, and all that is told beside it."""
    design, topology, catalogue = search.design, chosen.topology, search.catalogue
    seed, effort, executor = search.seed, search.effort, search.executor
    home = next(found for found in options if found.place == topology.place)
    tell("what the answer depends on", 0.35)
    # All that the other processes have to do is begun: first what may ask for more when it is looked at, then what
    # is long and in one piece.
    plan = search.plan("recommended", chosen, 1)
    recovery = begin_facts(chosen, design, seed, executor)
    day = peak_day(topology, design, design.worst, effort, seed, executor)
    minimum = _minimum(search, home.place)
    curve = growth_curve(topology, design, CURVE, 1, effort, seed, executor)
    advice = None
    if with_database:
        advice = database_advice(topology, design, catalogue, chosen.way, effort, seed, executor)
    swings = sensitivities(design.scenario, design.model, catalogue, home.place, chosen.way)
    tell("the named days", 0.5)
    recommended = plan()
    tell("alternatives", 0.7)
    plain, through_day, points = minimum(), day(), curve()
    resilient = search.plan("resilient", _resilient(search, chosen), 2)()
    tell("what it rests on", 0.9)
    checked, recovers = cross_check(recommended, design, seed), recovery()
    tell("done", 1.0)
    return replace(
        _assembled(search, recommended, (*plain, resilient), options),
        simulated_requests=search.simulated_requests + through_day.simulated_requests,
        day=through_day,
        growth_curve=points,
        selection=search.selection(search.verdict(topology, 1, search.levels), recommended),
        sensitivities=swings,
        warnings=(
            *crosscheck_warnings(checked),
            *years_warning(recovers),
            *warnings(recommended, design.model),
            *_other_prices(design.scenario),
            *unkept_warning(recovers),
        ),
        crosscheck=checked,
        recovery=recovers,
        database=advice() if advice else None,
    )


def _assembled(
    search: Search,
    recommended: Plan,
    alternatives: tuple[Plan, ...],
    options: Sequence[PlaceOptions],
) -> Recommendation:
    design, topology = search.design, recommended.topology
    dearer = sum(len(found.applications) * len(found.databases) for found in options) - 1
    considered = sum(count for reason, count in search.excuses.items() if reason.startswith(("bound", "simulated")))
    search.excuses["dearer than the one chosen, not simulated"] += max(0, dearer - considered)
    return Recommendation(
        scenario=design.scenario,
        farmers_design=design.farmers,
        recommended=recommended,
        alternatives=alternatives,
        day=None,
        growth_curve=(),
        iops=replace(iops_needed(topology.database, design), bought=topology.iops),
        tables=tables(design.scenario),
        rejected=_counted(search.excuses),
        sensitivities=(),
        places=_place_costs(options),
        rule_of_thumb=rule_of_thumb(design),
        conditions=conditions(design, recommended),
        warnings=(),
        assumptions=_ledger(search, topology),
        seed=search.seed,
        model=design.model.name,
        model_error=design.model.check_error,
        simulated_requests=search.simulated_requests,
    )


def _minimum(search: Search, place: Place) -> Callable[[], tuple[Plan, ...]]:
    """Begin the cheapest with no spare node, no standby, backups only.

    What is returned waits for its plan; it is empty where nothing serves.
    """
    way = Way(standby=False, strategy=Strategy.BACKUP_RESTORE)
    options = place_options(search.catalogue, place, search.design, (way,), 0, Counter())
    if options is None:
        return tuple
    search.begin_cheapest(options, 0)

    def plans() -> tuple[Plan, ...]:
        served = search.first_that_serves([options], 0, Counter(), search.usual)
        return (search.plan("minimum", served, 0)(),) if served is not None else ()

    return plans


def _resilient(search: Search, chosen: Candidate) -> Candidate:
    """The chosen sizes with one node more, a synchronous standby, and at least a warm second site."""
    order = list(Strategy)
    strategy = order[max(order.index(chosen.way.strategy), order.index(Strategy.WARM_STANDBY))]
    way = Way(standby=True, strategy=strategy)
    options = place_options(search.catalogue, chosen.topology.place, search.design, (way,), 2, Counter())
    if options is None:
        return chosen
    names = [option.instance.name for option in options.applications]
    databases = [option.instance.name for option in options.databases]
    i, j = names.index(chosen.topology.application.name), databases.index(chosen.topology.database.name)
    # The options of a size begin with the fewest nodes; the chosen one may have more than that.
    i += chosen.topology.nodes + 1 - options.applications[i].nodes
    return options.candidate(i, j)


def _infeasible(search: Search, places: Sequence[Place], options: Sequence[PlaceOptions]) -> Infeasible:
    """What binds, and the nearest change: a target that was nearly met, an index, or fewer farmers."""
    rejected = _counted(search.excuses)
    if search.nearest.limit:
        return Infeasible(search.nearest.limit, search.nearest.change, rejected)
    reasons = [line.reason for line in rejected]
    code = search.design.scenario.code
    if not options and reasons and all(reason.startswith("recovery") for reason in reasons):
        change = "raise recovery.rto_hours or recovery.rpo_minutes, lower targets.availability, or leave "
        change += "recovery.strategy at auto"
        return Infeasible(reasons[0], change, rejected)
    missing = [name for name, there in code.model_dump().items() if not there]
    if missing:
        change = " and ".join(f"code.{name} = true" for name in missing)
    else:
        change = f"up to about {_most_farmers(search, places):,.0f} farmers pass the bounds; or allow more places"
    reason = next((reason for reason in reasons if reason.startswith(("database: CPU", "application node: more"))), "")
    return Infeasible(reason or (reasons[0] if reasons else "no place is left"), change, rejected)


def _most_farmers(search: Search, places: Sequence[Place]) -> float:
    """The most farmers now for which the bounds leave a candidate, by halving; to about 5 %."""
    scenario, model = search.design.scenario, search.design.model
    way = Way(standby=False, strategy=Strategy.BACKUP_RESTORE)
    few, many = FARMERS_RANGE[0], scenario.registry.farmers
    while many / few > 1.05:
        middle = round(math.sqrt(few * many))
        registry = scenario.registry.model_copy(update={"farmers": middle})
        design = design_for(scenario.model_copy(update={"registry": registry}), model)
        served = any(place_options(search.catalogue, place, design, (way,), 1, Counter()) for place in places[:3])
        few, many = (middle, many) if served else (few, middle)
    return float(f"{few:.2g}")


def _counted(excuses: Mapping[str, int]) -> tuple[Rejection, ...]:
    ordered = sorted(excuses.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Rejection(reason, count) for reason, count in ordered if count > 0)


def _place_costs(options: Sequence[PlaceOptions]) -> tuple[PlaceCost, ...]:
    costs = []
    for found in options:
        cost, _, i, j = next(in_order_of_cost([found]))
        costs.append(PlaceCost(found.place.name, cost, found.candidate(i, j).topology.title))
    return tuple(sorted(costs, key=lambda place: (place.five_year_usd, place.place)))


def _ledger(search: Search, chosen: Topology) -> tuple[Assumption, ...]:
    design = search.design
    return merged(
        (rule.assumption for rule in rules().values()),
        (line.assumption for line in configuration().values()),
        (line.assumption for line in constants().values()),
        demand_ledger(),
        growth_ledger(),
        request_ledger(),
        chosen.ledger(),
        design.model.ledger(),
        recovery_rates(design).ledger(),
        (schedules()[design.scenario.recovery.retention].assumption, design.backup_way.assumption),
        search.catalogue.own_hosting_assumptions if _own(design.scenario) else (),
        design.scenario.ledger(),
    )


def _other_prices(scenario: Scenario) -> tuple[str, ...]:
    """Prices that are not those that ship."""
    folder, second = scenario.prices.catalogue, scenario.hosting.second_site
    return (
        *((f"prices are those of the catalogue in {folder}",) if folder else ()),
        *((f"the second site is in {second}: how soon hosts stand there is assumed",) if second else ()),
    )


def _own(scenario: Scenario) -> bool:
    return not set(OWN_PROVIDERS).isdisjoint(scenario.hosting.providers)
