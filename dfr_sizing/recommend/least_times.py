"""The least mean time that requests take on a deployment: processor sharing on its hosts, its disk, the network.

What a request takes of the application hosts does not depend on the database, nor the other way round. So each option
is looked at once, and a pair of them, of which there are thousands, is a sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dfr_sizing.analytic import ps_slowdown
from dfr_sizing.demand import Situation
from dfr_sizing.model import request_classes
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.promises import Promise, promises
from dfr_sizing.simulation.load import utilisations
from dfr_sizing.simulation.system import Cpu, System
from dfr_sizing.topology import Topology, miss_ratio, system_of

FloatArray = NDArray[np.float64]


@lru_cache(maxsize=16_384)
def _slowdown(work_per_s: float, cpu: Cpu) -> float:
    """Response over work on a host that is asked for so much work a second (Cohen 1979)."""
    hardware_threads = math.ceil(cpu.cores * cpu.threads_per_core)
    return ps_slowdown(work_per_s, 1.0, cpu.capacity, full_at=hardware_threads)


def _shared(utilisation: float, cpu: Cpu, hosts: int = 1) -> float:
    """Mean response over work on hosts alike, taken as one host: no balancer does better, so it is a lower bound."""
    pooled = replace(cpu, cores=cpu.cores * hosts)
    return _slowdown(utilisation * pooled.full_capacity, pooled)


@dataclass(frozen=True, slots=True)
class _Hour:
    """The busiest hour of a named day: its classes in order; requests a second that hold an HTTP worker, by class."""

    situation: Situation
    names: tuple[str, ...]
    held_per_s: FloatArray


@dataclass(frozen=True, slots=True)
class _Figure:
    """A promise in an hour: the places of its classes among those of all hours."""

    hour: int
    promise: Promise
    places: tuple[int, ...]


class LeastTimes:
    """The least mean times of a design's classes, in each named day's busiest hour, on one deployment after another.

    ``nodes_down`` application nodes are down. Times are in seconds, one after the other for all classes of all hours.
    """

    def __init__(self, design: Design, nodes_down: int) -> None:
        self._design, self._down = design, nodes_down
        self._hours = tuple(_hours(design))
        self._edges = np.cumsum([0, *(len(hour.names) for hour in self._hours)]).tolist()
        self._figures = tuple(self._found())
        self._places = np.array([place for figure in self._figures for place in figure.places], dtype=np.int64)
        self._first = np.cumsum([0, *(len(figure.places) for figure in self._figures)])[:-1]
        self._times, self._plus_s, self._limit_s = (
            np.array([getattr(figure.promise, name) for figure in self._figures], dtype=np.float64)
            for name in ("times", "plus_s", "limit_s")
        )
        self._of_application: dict[tuple[object, ...], FloatArray] = {}
        self._of_database: dict[tuple[object, ...], FloatArray] = {}

    def broken(self, topology: Topology) -> tuple[Promise | None, float]:
        """The first promise that a deployment breaks on the mean, and the seconds that it takes.

        (None, share) with share > 1 where HTTP workers are held longer than there is time (Little's law); (None, 0)
        where no bound is broken. A p95 under its mean does not happen with these latencies, so nothing that would
        serve is dropped.
        """
        least = self._seconds(topology)
        held = [float(hour.held_per_s @ least[a:b]) for hour, a, b in self._each()]
        seconds = self._plus_s + self._times * np.maximum.reduceat(least[self._places], self._first)
        workers = max(1, topology.nodes - self._down) * topology.workers_per_node
        late = seconds > self._limit_s
        if max(held) <= workers and not late.any():
            return None, 0.0
        for number, at_once in enumerate(held):
            if at_once > workers:
                return None, at_once / workers
            for place, figure in enumerate(self._figures):
                if figure.hour == number and late[place]:
                    return figure.promise, float(seconds[place])
        return None, 0.0

    def mean_s(self, topology: Topology, promise: Promise, situation: Situation) -> float:
        """The least mean of a promised figure on a named day, in seconds; infinite where no class of it comes."""
        least = self._seconds(topology)
        number = next(place for place, hour in enumerate(self._hours) if hour.situation is situation)
        known = [
            float(least[list(figure.places)].max())
            for figure in self._figures
            if figure.hour == number and figure.promise == promise
        ]
        return promise.plus_s + promise.times * max(known, default=math.inf)

    def _seconds(self, topology: Topology) -> FloatArray:
        provider, volume = topology.place.provider, topology.volume
        nodes = (provider, topology.application.name, topology.nodes)
        database = (provider, topology.database.name, volume.disk.name, volume.storage_gib, volume.iops)
        if nodes not in self._of_application:
            self._of_application[nodes] = self._on_application(topology)
        if database not in self._of_database:
            self._of_database[database] = self._on_database(topology)
        return self._of_application[nodes] + self._of_database[database]

    def _on_application(self, topology: Topology) -> FloatArray:
        """Python of each class on the application hosts."""
        model, system = self._design.model, system_of(topology, self._design.model, self._down)
        contention, found = model.contention, []
        for hour in self._hours:
            load = self._design.peaks[hour.situation].load
            busy = utilisations(load, system, model)[0]
            slowdown = _shared(busy, system.cpus[system.node_cpu[0]], system.nodes)
            found += [
                load.costs[name].app_cpu_s
                * contention.factor(contention.app_busy_factor, busy, load.reach(name))
                * slowdown
                for name in hour.names
            ]
        return np.array(found)

    def _on_database(self, topology: Topology) -> FloatArray:
        """SQL of each class on the database, its reads and its round trips."""
        design, system = self._design, system_of(topology, self._design.model, self._down)
        contention, found = design.model.contention, []
        missed = miss_ratio(topology.database, design.database_bytes, design.touched)
        for hour in self._hours:
            load = design.peaks[hour.situation].load
            busy = utilisations(load, system, design.model)[1]
            slowdown = _shared(busy, system.cpus[system.database_cpu])
            for name in hour.names:
                cost = load.costs[name]
                factor = contention.factor(contention.database_busy_factor, busy, load.reach(name))
                sql = cost.database_cpu_s * factor * slowdown / min(cost.threads, 1 + system.parallel_pool)
                found.append(sql + _waits(cost.statements, cost.pages * missed, system))
        return np.array(found)

    def _each(self) -> Iterator[tuple[_Hour, int, int]]:
        return zip(self._hours, self._edges[:-1], self._edges[1:], strict=True)

    def _found(self) -> Iterator[_Figure]:
        kept = promises(self._design)
        for number, (hour, first, _) in enumerate(self._each()):
            for promise in kept:
                places = tuple(first + hour.names.index(name) for name in promise.classes if name in hour.names)
                if places:
                    yield _Figure(number, promise, places)


def _hours(design: Design) -> Iterator[_Hour]:
    classes = request_classes()
    for situation, peak in design.peaks.items():
        load = peak.load
        held = [0.0 if classes[name].background else load.rates.get(name, 0.0) for name in load.costs]
        yield _Hour(situation, tuple(load.costs), np.array(held))


def _waits(statements: float, reads: float, system: System) -> float:
    """Seconds for round trips and reads."""
    return statements * system.round_trip_s + reads * system.disk.read_latency_s
