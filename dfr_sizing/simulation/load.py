"""Demand at an hour, on a deployment, as streams of requests for the simulation; and the same as utilisations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dfr_sizing.demand import HOURS, Demand
from dfr_sizing.drivers import rule
from dfr_sizing.model import Model, RequestCost, request_classes
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.system import System


@dataclass(frozen=True, slots=True)
class HourLoad:
    """Requests of one hour: rate and cost by class, on the model's CPU, contention not yet counted."""

    rates: Mapping[str, float]
    costs: Mapping[str, RequestCost]

    @property
    def app_cpu(self) -> float:
        """Seconds of Python CPU asked for per second."""
        return sum(rate * self.costs[name].app_cpu_s for name, rate in self.rates.items())

    @property
    def database_cpu(self) -> float:
        """Seconds of PostgreSQL CPU asked for per second."""
        return sum(rate * self.costs[name].database_cpu_s for name, rate in self.rates.items())

    @property
    def requests_per_s(self) -> float:
        """Requests a second, background jobs included."""
        return sum(self.rates.values())

    @property
    def commits_per_s(self) -> float:
        """Requests a second that write."""
        return sum(rate for name, rate in self.rates.items() if self.costs[name].wal_bytes > 0)

    @property
    def wal_bytes_per_s(self) -> float:
        """WAL written a second."""
        return sum(rate * self.costs[name].wal_bytes for name, rate in self.rates.items())

    @property
    def pages_per_s(self) -> float:
        """Pages touched a second outside scans."""
        return sum(rate * self.costs[name].pages for name, rate in self.rates.items())

    @property
    def pages_written_per_s(self) -> float:
        """Pages touched a second by requests that write: what a checkpoint may have to write."""
        return sum(rate * self.costs[name].pages for name, rate in self.rates.items() if self.costs[name].wal_bytes > 0)

    def reach(self, name: str) -> float:
        """The share of a request's CPU time to which the surcharge of an idle host applies."""
        cost = self.costs[name]
        return min(1.0, rule("model.idle_reach_ms") / 1e3 / (cost.app_cpu_s + cost.database_cpu_s))


def hour_load(demand: Demand, hour: int, model: Model, switches: Mapping[str, bool]) -> HourLoad:
    """The load of one hour of a demand."""
    classes = request_classes()
    costs = {rate.name: model.cost(classes[rate.name], rate.counts, demand.farmers, switches) for rate in demand.rates}
    return HourLoad({name: rate for name, rate in demand.at_hour(hour).items() if rate > 0.0}, costs)


def busiest_hour(demand: Demand, model: Model, switches: Mapping[str, bool]) -> int:
    """The hour with the most CPU time asked for."""
    loads = [hour_load(demand, hour, model, switches) for hour in range(HOURS)]
    return max(range(HOURS), key=lambda hour: loads[hour].app_cpu + loads[hour].database_cpu)


def utilisations(load: HourLoad, system: System, model: Model) -> tuple[float, float]:
    """Utilisation of the application hosts and of the database host, contention counted; may pass 1."""
    contention = model.contention
    found = []
    for asked, cpus, busy_factor, of in (
        (load.app_cpu, sorted(set(system.node_cpu)), contention.app_busy_factor, "app_cpu_s"),
        (load.database_cpu, (system.database_cpu,), contention.database_busy_factor, "database_cpu_s"),
    ):
        capacity = sum(system.cpus[index].full_capacity for index in cpus)
        reached = sum(rate * getattr(load.costs[name], of) * load.reach(name) for name, rate in load.rates.items())
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
