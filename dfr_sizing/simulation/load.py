"""Demand at an hour, on a deployment, as streams of requests for the simulation; and the same as utilisations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dfr_sizing.demand import HOURS, Demand
from dfr_sizing.drivers import rule
from dfr_sizing.model import Model, RequestCost, request_classes
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.system import System


@dataclass(frozen=True)
class HourLoad:
    """Requests of one hour: rate and cost by class, on the model's CPU, contention not yet counted.

    The sums are worked out when first asked for, and kept: thousands of candidates are held against one hour.
    """

    rates: Mapping[str, float]
    costs: Mapping[str, RequestCost]

    @cached_property
    def app_cpu(self) -> float:
        """Seconds of Python CPU asked for per second."""
        return sum(rate * self.costs[name].app_cpu_s for name, rate in self.rates.items())

    @cached_property
    def database_cpu(self) -> float:
        """Seconds of PostgreSQL CPU asked for per second."""
        return sum(rate * self.costs[name].database_cpu_s for name, rate in self.rates.items())

    @cached_property
    def http_app_cpu(self) -> float:
        """Seconds of Python CPU asked for per second in HTTP workers: background jobs have workers of their own."""
        classes = request_classes()
        return sum(
            rate * self.costs[name].app_cpu_s for name, rate in self.rates.items() if not classes[name].background
        )

    @cached_property
    def app_cpu_reached(self) -> float:
        """The part of ``app_cpu`` to which the surcharge of an idle host applies."""
        return sum(rate * self.costs[name].app_cpu_s * self.reach(name) for name, rate in self.rates.items())

    @cached_property
    def database_cpu_reached(self) -> float:
        """The part of ``database_cpu`` to which the surcharge of an idle host applies."""
        return sum(rate * self.costs[name].database_cpu_s * self.reach(name) for name, rate in self.rates.items())

    @cached_property
    def requests_per_s(self) -> float:
        """Requests a second, background jobs included."""
        return sum(self.rates.values())

    @cached_property
    def commits_per_s(self) -> float:
        """Requests a second that write."""
        return sum(rate for name, rate in self.rates.items() if self.costs[name].wal_bytes > 0)

    @cached_property
    def wal_bytes_per_s(self) -> float:
        """WAL written a second."""
        return sum(rate * self.costs[name].wal_bytes for name, rate in self.rates.items())

    @cached_property
    def pages_per_s(self) -> float:
        """Pages touched a second outside scans."""
        return sum(rate * self.costs[name].pages for name, rate in self.rates.items())

    @cached_property
    def pages_written_per_s(self) -> float:
        """Pages touched a second by requests that write: what a checkpoint may have to write."""
        return sum(rate * self.costs[name].pages for name, rate in self.rates.items() if self.costs[name].wal_bytes > 0)

    def reach(self, name: str) -> float:
        """The share of a request's CPU time to which the surcharge of an idle host applies."""
        cost = self.costs[name]
        return min(1.0, rule("model.idle_reach_ms") / 1e3 / (cost.app_cpu_s + cost.database_cpu_s))


def hour_load(demand: Demand, hour: int, model: Model, switches: Mapping[str, bool]) -> HourLoad:
    """The load of one hour of a demand."""
    return _at_hour(demand, hour, _costs(demand, model, switches))


def day_loads(demand: Demand, model: Model, switches: Mapping[str, bool]) -> tuple[HourLoad, ...]:
    """The load of each hour of a demand's day."""
    costs = _costs(demand, model, switches)
    return tuple(_at_hour(demand, hour, costs) for hour in range(HOURS))


def busiest_load(demand: Demand, model: Model, switches: Mapping[str, bool]) -> tuple[int, HourLoad]:
    """The hour with the most CPU time asked for, and its load."""
    costs = _costs(demand, model, switches)
    cpu_s = {name: cost.app_cpu_s + cost.database_cpu_s for name, cost in costs.items()}
    asked = [sum(rate.per_s[hour] * cpu_s[rate.name] for rate in demand.rates) for hour in range(HOURS)]
    busiest = asked.index(max(asked))
    return busiest, _at_hour(demand, busiest, costs)


def _costs(demand: Demand, model: Model, switches: Mapping[str, bool]) -> dict[str, RequestCost]:
    """What a request of each class costs: the same at any hour."""
    at = model, demand.farmers, tuple(switches.items())
    return {rate.name: _cost(rate.name, tuple(rate.counts.items()), *at) for rate in demand.rates}


@lru_cache(maxsize=4096)
def _cost(
    name: str,
    counts: tuple[tuple[str, float], ...],
    model: Model,
    farmers: float,
    switches: tuple[tuple[str, bool], ...],
) -> RequestCost:
    """Kept: the named days of a design differ in few of them, and so do designs that differ in one input."""
    return model.cost(request_classes()[name], dict(counts), farmers, dict(switches))


def _at_hour(demand: Demand, hour: int, costs: Mapping[str, RequestCost]) -> HourLoad:
    return HourLoad({name: rate for name, rate in demand.at_hour(hour).items() if rate > 0.0}, costs)


def utilisations(load: HourLoad, system: System, model: Model) -> tuple[float, float]:
    """Utilisation of the application hosts and of the database host, contention counted; may pass 1."""
    contention = model.contention
    found = []
    for asked, reached, cpus, busy_factor in (
        (load.app_cpu, load.app_cpu_reached, sorted(set(system.node_cpu)), contention.app_busy_factor),
        (load.database_cpu, load.database_cpu_reached, (system.database_cpu,), contention.database_busy_factor),
    ):
        capacity = sum(system.cpus[index].full_capacity for index in cpus)
        reach = reached / asked if asked > 0 else 1.0
        found.append(contention.settled(busy_factor, asked / capacity, reach))
    return found[0], found[1]


def streams(load: HourLoad, system: System, model: Model, miss_ratio: float) -> list[Stream]:
    """The hour's requests for the simulation, their demands multiplied by what contention makes of them."""
    classes, contention = request_classes(), model.contention
    app, database = utilisations(load, system, model)
    return [
        Stream(
            name=name,
            rate_per_s=rate,
            cost=load.costs[name],
            background=classes[name].background,
            app_factor=contention.factor(contention.app_busy_factor, app, load.reach(name)),
            database_factor=contention.factor(contention.database_busy_factor, database, load.reach(name)),
            miss_ratio=miss_ratio,
        )
        for name, rate in sorted(load.rates.items())
    ]
