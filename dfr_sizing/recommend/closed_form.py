"""Mean latency of each request class by closed form: the request path of the engines, part by part.

==================  ==================================================================================================
Python, SQL         processor sharing with every distribution of the demand (Cohen 1979): on each application node at
                    its even part of the arrivals, on the database with a scan's processes as so many threads
dispatch            ``Cpu.dispatch_delay`` at the number of runnable threads that an arrival finds, once a statement
network, disk       a round trip a statement; pages at the disk's latency, behind the pages of others (Pollaczek and
                    Khinchine for the pipe that its IOPS are)
commit              the flush that a commit shares with those beside it (Bailey 1954)
wait for a worker   M/G/c with the time that a request holds a worker as its service (Allen and Cunneen)
==================  ==================================================================================================

The workers of all nodes are taken as one pool: the balancer sends to the node with the fewest connections, so nobody
waits while any node has a free worker, as in one pool; per node, every other node's free workers would be denied to
who waits. Cron workers are not balanced for, and so queue node by node.

Left out, so that the simulation may differ: better than even balancing, workers that limit how many run at once, scans
that do not get their helpers, dispatch delays that put off who finds a host full and so even out its load, reconnects,
and the start and the end of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dfr_sizing.analytic import GroupServiceResult, group_service, mgc_mean_wait, ps_average, ps_slowdown
from dfr_sizing.drivers import rule
from dfr_sizing.simulation.draw import Stream, rounds_of
from dfr_sizing.simulation.system import Cpu, Disk, System

PARTS = ("Python", "SQL", "dispatch", "network", "disk", "commit", "wait for a worker")
HERMITE_POINTS = 32
"""Points of the quadrature over a lognormal flush: exact to rounding for so smooth a function."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host under its mean load: utilisation, response over work, and the delay of a process that wakes, in s."""

    utilisation: float
    slowdown: float
    dispatch_s: float


@dataclass(frozen=True, slots=True)
class Hosts:
    """The shared hosts of a deployment: one of the application nodes, all alike, and the database's."""

    application: Host
    database: Host


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """Seconds of each part of each class's mean latency (the keys of the inner mapping are PARTS), and what is held.

    ``held_workers`` is the share of HTTP workers held, ``helpers`` the parallel processes that scans want on average.
    """

    parts: Mapping[str, Mapping[str, float]]
    hosts: Hosts
    held_workers: float
    held_squared_cv: float
    helpers: float

    def latency_s(self, name: str) -> float:
        """The mean latency of a class."""
        return sum(self.parts[name].values())


def hosts_of(system: System, streams: Sequence[Stream]) -> Hosts:
    """The hosts under the streams; every application node is alike and has a host of its own."""
    node, database = system.cpus[system.node_cpu[0]], system.cpus[system.database_cpu]
    python = sum(stream.rate_per_s * stream.app_cpu_s for stream in streams)
    sql = sum(stream.rate_per_s * stream.database_cpu_s for stream in streams)
    return Hosts(host_under(node, python / system.nodes), host_under(database, sql))


def host_under(cpu: Cpu, work_per_s: float) -> Host:
    """A host that is asked for so many seconds of work a second; slowdown and delay are ``inf`` from full load on."""
    threads = math.ceil(cpu.cores * cpu.threads_per_core)
    return Host(
        utilisation=work_per_s / cpu.full_capacity,
        slowdown=ps_slowdown(work_per_s, 1.0, cpu.capacity, full_at=threads),
        dispatch_s=ps_average(work_per_s, 1.0, cpu.capacity, cpu.dispatch_delay, full_at=threads),
    )


def pooled(system: System, hosts: Hosts) -> Hosts:
    """The hosts as if all application nodes were one: what the best balancing would come to."""
    node = system.cpus[system.node_cpu[0]]
    together = replace(node, cores=node.cores * system.nodes)
    work = hosts.application.utilisation * together.full_capacity
    return replace(hosts, application=host_under(together, work))


def limited(system: System, hosts: Hosts) -> Hosts:
    """The hosts as if a node had no more on its processors than it has workers, the others turned away."""
    node = system.cpus[system.node_cpu[0]]
    most = system.workers_per_node + system.cron_per_node
    work = hosts.application.utilisation * node.full_capacity
    # P(n) up to the limit keeps its proportions (Kelly 1979, section 1.6), so ratios of sums up to it are means
    present = ps_average(work, 1.0, node.capacity, lambda n: n if n <= most else 0.0)
    done = ps_average(work, 1.0, node.capacity, lambda n: node.capacity(n) if n <= most else 0.0)
    slowdown = present / done if done > 0.0 else hosts.application.slowdown
    return replace(hosts, application=replace(hosts.application, slowdown=slowdown))


def at_utilisation(system: System, application: float, database: float) -> Hosts:
    """The hosts at utilisations given."""
    node, database_cpu = system.cpus[system.node_cpu[0]], system.cpus[system.database_cpu]
    return Hosts(
        host_under(node, application * node.full_capacity),
        host_under(database_cpu, database * database_cpu.full_capacity),
    )


def closed_form(system: System, streams: Sequence[Stream], hosts: Hosts | None = None) -> ClosedForm:
    """Mean latency of each stream's class on a deployment; ``hosts`` in place of those that the streams load."""
    found = hosts_of(system, streams) if hosts is None else hosts
    wait_s, flush_s = _disk_wait_s(system.disk, streams), _flush(system.disk, streams).mean_response_s
    held = {
        stream.name: {
            "Python": stream.app_cpu_s * found.application.slowdown,
            "SQL": stream.database_cpu_s * found.database.slowdown / threads_of(stream, system),
            "dispatch": stream.cost.statements * (found.application.dispatch_s + found.database.dispatch_s),
            "network": stream.cost.statements * system.round_trip_s,
            "disk": _disk_s(stream, system.disk, wait_s),
            "commit": flush_s if stream.cost.wal_bytes > 0.0 else 0.0,
        }
        for stream in streams
    }
    http = [stream for stream in streams if not stream.background]
    cron = [stream for stream in streams if stream.background]
    workers = system.nodes * system.workers_per_node
    held_workers, squared_cv, wait_http = _pool(http, held, workers, 1)
    _, _, wait_cron = _pool(cron, held, system.cron_per_node, system.nodes)
    parts = {
        stream.name: held[stream.name] | {"wait for a worker": wait_cron if stream.background else wait_http}
        for stream in streams
    }
    helpers = sum(
        stream.rate_per_s * held[stream.name]["SQL"] * (threads_of(stream, system) - 1)
        for stream in streams
        if stream.cost.threads > 1
    )
    return ClosedForm(parts, found, held_workers, squared_cv, helpers)


def threads_of(stream: Stream, system: System) -> int:
    """Processes of a scan when it gets every helper it wants and there is."""
    return min(stream.cost.threads, 1 + system.parallel_pool)


def _pages(stream: Stream) -> float:
    """Mean pages that a request reads from disk; their number is Poisson (``draw``)."""
    return stream.cost.pages * stream.miss_ratio


def _disk_s(stream: Stream, disk: Disk, wait_s: float) -> float:
    """A request's pages at their latency, or at what the IOPS let through; a wait in each round that reads."""
    reads = _pages(stream)
    rounds = rounds_of(stream.cost.statements)
    own = reads * max(disk.read_latency_s, 1.0 / disk.iops)
    return own + (rounds * -math.expm1(-reads) * wait_s if reads > 0.0 else 0.0)


def _disk_wait_s(disk: Disk, streams: Sequence[Stream]) -> float:
    """Mean wait of a round's pages for those before them: M/G/1 (Pollaczek, Khinchine; Kleinrock I, section 5.6)."""
    load = sum(stream.rate_per_s * _pages(stream) for stream in streams) / disk.iops
    if load >= 1.0:
        return math.inf
    # A request's pages are Poisson and spread evenly over its rounds: E[pages^2] = mean^2 + mean
    second = sum(
        stream.rate_per_s * (_pages(stream) ** 2 + _pages(stream)) / rounds_of(stream.cost.statements)
        for stream in streams
    )
    return second / disk.iops**2 / (2.0 * (1.0 - load))


def _flush(disk: Disk, streams: Sequence[Stream]) -> GroupServiceResult:
    """The WAL writer under the commits of all streams, its latency lognormal (``draw``)."""
    commits = sum(stream.rate_per_s for stream in streams if stream.cost.wal_bytes > 0.0)
    wal_per_s = sum(stream.rate_per_s * stream.cost.wal_bytes for stream in streams)
    variance = math.log1p(rule("postgresql.flush_cv") ** 2)
    points, weights = np.polynomial.hermite_e.hermegauss(HERMITE_POINTS)
    latencies = disk.flush_latency_s * np.exp(points * math.sqrt(variance) - variance / 2.0)
    probabilities = (weights / weights.sum()).tolist()
    alone = group_service(commits, latencies.tolist(), probabilities)
    # The bytes of a group take a little time too: at the group that their latency alone makes
    transfer_s = alone.mean_group * wal_per_s / commits / disk.write_bytes_per_s if commits > 0.0 else 0.0
    return group_service(commits, (latencies + transfer_s).tolist(), probabilities)


def _pool(
    streams: Sequence[Stream], held: Mapping[str, Mapping[str, float]], workers: int, pools: int
) -> tuple[float, float, float]:
    """Share of workers held, squared coefficient of variation of the time held, and mean wait, of one of the pools."""
    rate = sum(stream.rate_per_s for stream in streams)
    if rate == 0.0:
        return 0.0, 0.0, 0.0
    seconds = {stream.name: sum(held[stream.name].values()) for stream in streams}
    mean = sum(stream.rate_per_s * seconds[stream.name] for stream in streams) / rate
    if math.isinf(mean):
        return 1.0, 0.0, math.inf
    # Within a class the time held varies about as its demand does
    second = sum(s.rate_per_s * seconds[s.name] ** 2 * (1.0 + s.cost.cv**2) for s in streams) / rate
    squared_cv = max(0.0, second / mean**2 - 1.0)
    return rate / pools * mean / workers, squared_cv, mgc_mean_wait(rate / pools, mean, squared_cv, workers)
