"""All candidates of all places in order of cost, cheapest first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dfr_sizing.catalogue import Catalogue, MissingPrice, Place
from dfr_sizing.cost import Bill, total
from dfr_sizing.cost_pricer import Pricer, bill
from dfr_sizing.cost_second_site import second_place
from dfr_sizing.recommend.bounds import (
    ApplicationOption,
    DatabaseOption,
    Excuses,
    application_options,
    database_options,
)
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.evaluate import recovery_of
from dfr_sizing.recommend.least_times import LeastTimes
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.topology import Topology


@dataclass(frozen=True, slots=True)
class Way:
    """A way to recover: with or without a synchronous standby beside the database, and the strategy for the site."""

    standby: bool
    strategy: Strategy


ALL_WAYS = tuple(
    Way(standby, strategy)
    for standby in (False, True)
    for strategy in Strategy
    if standby or strategy is not Strategy.HOT_STANDBY
)
"""A hot standby has a synchronous standby beside the database too, and it is paid for."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment: an application option and a database option of a place."""

    topology: Topology
    options: PlaceOptions
    application: ApplicationOption
    database: DatabaseOption

    @property
    def way(self) -> Way:
        """How it recovers."""
        return self.options.way

    @property
    def bill(self) -> Bill:
        """Its whole cost, item by item; written when asked for, because few of the candidates are shown."""
        shape = replicas_needed(self.way.strategy)
        return bill(self.topology, self.options.pricer, self.application.price, self.database.price, shape)


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """What the bounds leave of a place; application i with database j costs a[i] + b[j] - base, and charges on that."""

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
        application, database = self.applications[i], self.databases[j]
        return Candidate(topology_of(self.place, application, database, self.way.standby), self, application, database)

    def cost(self, i: int, j: int) -> float:
        """Five years of application option i with database option j, in US dollars."""
        return self.pricer.on_top.with_charges(self.application_cost[i] + self.database_cost[j] - self.base)

    @property
    def least_cost(self) -> float:
        """The cheapest pair."""
        net = min(self.application_cost) + min(self.database_cost) - self.base
        return self.pricer.on_top.with_charges(net)


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
        bursts=database.bursts,
    )


def ways_allowed(design: Design) -> tuple[Way, ...]:
    """The ways to recover that the scenario leaves open."""
    named = design.scenario.recovery.strategy
    return tuple(way for way in ALL_WAYS if named in ("auto", way.strategy))


def place_options(
    catalogue: Catalogue, place: Place, design: Design, ways: Iterable[Way], spare: int, excuses: Excuses
) -> PlaceOptions | None:
    """The options of a place, costed with the cheapest of the ways; None where nothing is left."""
    applications = application_options(catalogue, place, design, spare, excuses)
    databases = database_options(catalogue, place, design, excuses)
    if not applications or not databases:
        return None
    hosting = design.scenario.hosting
    second = second_place(catalogue, hosting.second_site, hosting.countries)
    pricer = Pricer(catalogue, place, design.terms, design.volumes, second)
    if second is not None:
        applications = [one for one in applications if _sold(pricer.application_elsewhere, one.instance, 1)]
        databases = [one for one in databases if _sold(pricer.database_elsewhere, one.instance, one.volume)]
        if not applications or not databases:
            excuses[f"second site: nothing as strong is sold in {second.name}"] += 1
            return None
    return min(_costed(pricer, ways, applications, databases), key=lambda options: options.least_cost)


def _sold(priced: Callable[..., object], *what: object) -> bool:
    """Whether the second site has a price for it."""
    try:
        priced(*what)
    except MissingPrice:
        return False
    return True


def _costed(
    pricer: Pricer, ways: Iterable[Way], applications: Sequence[ApplicationOption], databases: Sequence[DatabaseOption]
) -> Iterator[PlaceOptions]:
    """The options with each way to recover: a way changes what is copied, never the items themselves.

    Bills add up over items, so a row and a column of the table of all pairs give the whole of it.
    """
    nodes = [
        (
            pricer.application(option.instance, option.nodes, option.price),
            pricer.application_elsewhere(option.instance, option.nodes),
        )
        for option in applications
    ]
    storage = [
        (
            pricer.database(option.instance, option.volume, 1, option.price),
            pricer.database_elsewhere(option.instance, option.volume),
        )
        for option in databases
    ]
    development = [item.five_year_usd for item in pricer.development]
    for way in ways:
        copies = pricer.copies(replicas_needed(way.strategy))
        of_applications = [copies.amounts(items, 1, there) for items, there in nodes]
        of_databases = [copies.amounts(items, 2 if way.standby else 1, there) for items, there in storage]
        rest = copies.amounts(pricer.rest, 1, pricer.rest_elsewhere)
        row = tuple(total((part, of_databases[0], rest), development) for part in of_applications)
        column = tuple(total((of_applications[0], part, rest), development) for part in of_databases)
        yield PlaceOptions(pricer.place, pricer, way, tuple(applications), tuple(databases), row, column, base=row[0])


def in_order_of_cost(places: Sequence[PlaceOptions]) -> Iterator[tuple[float, PlaceOptions, int, int]]:
    """Every pair of every place, cheapest first; ties by place and size, so that the order is always the same."""
    heap: list[tuple[float, int, int, int]] = []
    orders = []
    for number, options in enumerate(places):
        by_application = sorted(range(len(options.applications)), key=lambda i: (options.application_cost[i], i))
        by_database = sorted(range(len(options.databases)), key=lambda j: (options.database_cost[j], j))
        orders.append((by_application, by_database))
        heapq.heappush(heap, (options.cost(by_application[0], by_database[0]), number, 0, 0))
    while heap:
        cost, number, a, d = heapq.heappop(heap)
        options, (by_application, by_database) = places[number], orders[number]
        yield cost, options, by_application[a], by_database[d]
        if d + 1 < len(by_database):
            following = options.cost(by_application[a], by_database[d + 1])
            heapq.heappush(heap, (following, number, a, d + 1))
        # Each first database of a row opens the next row: every pair is pushed once.
        if d == 0 and a + 1 < len(by_application):
            following = options.cost(by_application[a + 1], by_database[0])
            heapq.heappush(heap, (following, number, a + 1, 0))


def cheapest_by_bounds(options: PlaceOptions, design: Design, down: int = 1) -> tuple[float, Candidate] | None:
    """A place's cheapest candidate that breaks no bound, and its five years in US dollars; None where none is left."""
    least = LeastTimes(design, down)
    for cost, found, i, j in in_order_of_cost([options]):
        candidate = found.candidate(i, j)
        if least.broken(candidate.topology) == (None, 0.0):
            return cost, candidate
    return None


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
