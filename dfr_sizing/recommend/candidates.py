"""All candidates of all places in order of cost, cheapest first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.cost import Bill, Pricer, bill
from dfr_sizing.recommend.bounds import (
    ApplicationOption,
    DatabaseOption,
    Excuses,
    application_options,
    database_options,
)
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.evaluate import recovery_of
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.topology import Topology


@dataclass(frozen=True, slots=True)
class Way:
    """A way to recover: with or without a synchronous standby beside the database, and the strategy for the site."""

    standby: bool
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment with its whole cost."""

    topology: Topology
    way: Way
    bill: Bill


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """What the bounds leave of a place; cost of application i with database j is a[i] + b[j] - base."""

    place: Place
    pricer: Pricer
    way: Way
    applications: tuple[ApplicationOption, ...]
    databases: tuple[DatabaseOption, ...]
    application_cost: tuple[float, ...]
    database_cost: tuple[float, ...]
    base: float

    def candidate(self, i: int, j: int) -> Candidate:
        """Application option i with database option j."""
        topology = topology_of(self.place, self.applications[i], self.databases[j], self.way.standby)
        return Candidate(topology, self.way, _bill(self, topology, i, j))


def topology_of(place: Place, application: ApplicationOption, database: DatabaseOption, standby: bool) -> Topology:
    """Two options as a deployment."""
    return Topology(
        place=place,
        application=application.instance,
        nodes=application.nodes,
        workers_per_node=application.workers,
        database=database.instance,
        volume=database.volume,
        standby=standby,
    )


def ways_allowed(design: Design) -> tuple[Way, ...]:
    """The ways to recover that the scenario leaves open."""
    named = design.scenario.recovery.strategy
    strategies = tuple(Strategy) if named == "auto" else (Strategy(named),)
    return tuple(Way(standby, strategy) for standby in (False, True) for strategy in strategies)


def place_options(
    catalogue: Catalogue, place: Place, design: Design, ways: Iterable[Way], spare: int, excuses: Excuses
) -> PlaceOptions | None:
    """The options of a place, costed with the cheapest of the ways; None where nothing is left."""
    applications = application_options(catalogue, place, design, spare, excuses)
    databases = database_options(catalogue, place, design, excuses)
    if not applications or not databases:
        return None
    pricer = Pricer(catalogue, place, design.terms, design.volumes)
    costed = [_costed(place, pricer, way, applications, databases) for way in ways]
    return min(costed, key=lambda options: min(options.application_cost) + min(options.database_cost) - options.base)


def _costed(
    place: Place,
    pricer: Pricer,
    way: Way,
    applications: Sequence[ApplicationOption],
    databases: Sequence[DatabaseOption],
) -> PlaceOptions:
    """Bills add up over items, so a row and a column of the table of all pairs give the whole of it."""

    def total(application: ApplicationOption, database: DatabaseOption) -> float:
        topology = topology_of(place, application, database, way.standby)
        shape = replicas_needed(way.strategy)
        return bill(topology, pricer, application.price, database.price, shape).five_year_usd

    application_cost = [total(application, databases[0]) for application in applications]
    database_cost = [total(applications[0], database) for database in databases]
    return PlaceOptions(
        place=place,
        pricer=pricer,
        way=way,
        applications=tuple(applications),
        databases=tuple(databases),
        application_cost=tuple(application_cost),
        database_cost=tuple(database_cost),
        base=application_cost[0],
    )


def _bill(options: PlaceOptions, topology: Topology, i: int, j: int) -> Bill:
    return bill(
        topology,
        options.pricer,
        options.applications[i].price,
        options.databases[j].price,
        replicas_needed(options.way.strategy),
    )


def in_order_of_cost(places: Sequence[PlaceOptions]) -> Iterator[tuple[float, PlaceOptions, int, int]]:
    """Every pair of every place, cheapest first; ties by place and size, so that the order is always the same."""
    heap: list[tuple[float, int, int, int]] = []
    orders = []
    for number, options in enumerate(places):
        by_application = sorted(range(len(options.applications)), key=lambda i: (options.application_cost[i], i))
        by_database = sorted(range(len(options.databases)), key=lambda j: (options.database_cost[j], j))
        orders.append((by_application, by_database))
        heapq.heappush(heap, (_pair_cost(options, by_application[0], by_database[0]), number, 0, 0))
    while heap:
        cost, number, a, d = heapq.heappop(heap)
        options, (by_application, by_database) = places[number], orders[number]
        yield cost, options, by_application[a], by_database[d]
        if d + 1 < len(by_database):
            following = _pair_cost(options, by_application[a], by_database[d + 1])
            heapq.heappush(heap, (following, number, a, d + 1))
        # Each first database of a row opens the next row: every pair is pushed once.
        if d == 0 and a + 1 < len(by_application):
            following = _pair_cost(options, by_application[a + 1], by_database[0])
            heapq.heappush(heap, (following, number, a + 1, 0))


def _pair_cost(options: PlaceOptions, i: int, j: int) -> float:
    return options.application_cost[i] + options.database_cost[j] - options.base


def ways_that_recover(
    place: Place, nodes: int, ways: Iterable[Way], design: Design, seed: int, excuses: Counter[str]
) -> tuple[Way, ...]:
    """The ways that meet RTO, RPO and availability in a place."""
    kept = []
    for way in ways:
        _, _, checks = recovery_of(place, nodes, way.standby, way.strategy, design, seed)
        missed = [check.title for check in checks if not check.passed]
        if missed:
            excuses[f"recovery in {place.provider}: {way.strategy} misses {missed[0]}"] += 1
        else:
            kept.append(way)
    return tuple(kept)
