"""What cannot serve, before anything is simulated: utilisation law, memory, IOPS, Little's law, processor sharing.

Each bound is a necessary condition, so that dropping a candidate by it never changes the answer: a utilisation above
the highest that is simulated, workers held longer than there is time, a mean by closed form above the target.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from dfr_sizing.catalogue import (
    Catalogue,
    DiskType,
    InstanceType,
    Place,
    Price,
    Role,
    billed_gib,
    disk_ceiling,
    disk_limits,
)
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.model import Contention, Model
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.recommend.bursts import instance_bucket, own_bucket
from dfr_sizing.recommend.days import iops_of
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.least_times import LeastTimes
from dfr_sizing.recommend.promises import PER_SECOND
from dfr_sizing.recommend.types import IopsSplit
from dfr_sizing.simulation.load import HourLoad
from dfr_sizing.simulation.system import Cpu
from dfr_sizing.topology import Topology, Volume, host_cpu, miss_ratio, system_of, workers_per_node

Excuses = Counter[str]

MORE_NODES = 3
"""Nodes of a size that are tried over the fewest that the bounds allow."""


@dataclass(frozen=True, slots=True)
class ApplicationOption:
    """So many nodes of a size, of which ``spare`` may be down."""

    instance: InstanceType
    price: Price
    nodes: int
    workers: int


@dataclass(frozen=True, slots=True)
class DatabaseOption:
    """A database size with the cheapest disk that holds the data and gives the IOPS; ``bursts`` as in Topology."""

    instance: InstanceType
    price: Price
    volume: Volume
    bursts: bool = False


def application_options(
    catalogue: Catalogue, place: Place, design: Design, spare: int, excuses: Excuses
) -> list[ApplicationOption]:
    """Every size of application node in a place, with as few nodes as the bounds allow and with a few more."""
    options = []
    for instance, price in catalogue.instances_at(place, Role.APPLICATION, design.terms.term):
        workers = workers_per_node(instance)
        if workers < 1 or instance.vcpus < rule("odoo.smallest_vcpus"):
            excuses[f"application node: under {rule('odoo.smallest_vcpus'):g} vCPU or without memory for a worker"] += 1
            continue
        cpu = host_cpu(instance, design.model)
        nodes = spare + max(
            max(_nodes_for_cpu(cpu, design.model.contention, peak.load), _nodes_for_workers(cpu, workers, peak.load))
            for peak in design.peaks.values()
        )
        if nodes > rule("search.most_nodes"):
            excuses[f"application node: more than {rule('search.most_nodes'):g} would be needed"] += 1
            continue
        more = range(nodes, min(nodes + MORE_NODES, int(rule("search.most_nodes"))) + 1)
        options += [ApplicationOption(instance, price, count, workers) for count in more]
    return options


def _nodes_for_cpu(cpu: Cpu, contention: Contention, load: HourLoad) -> int:
    """Fewest nodes whose mean CPU utilisation stays under the highest that is simulated."""
    most = rule("search.most_utilisation")
    # At utilisation `most`, demand is multiplied by the busy factor and what is left of the idle surcharge.
    multiplied = load.app_cpu * contention.app_busy_factor + load.app_cpu_reached * contention.idle_slope * (1.0 - most)
    return max(1, math.ceil(multiplied / (cpu.full_capacity * most)))


def _nodes_for_workers(cpu: Cpu, workers: int, load: HourLoad) -> int:
    """Fewest nodes whose workers are not all held by Python alone (Little's law; SQL and waits come on top)."""
    return max(1, math.ceil(load.http_app_cpu / cpu.speed / workers))


def database_options(catalogue: Catalogue, place: Place, design: Design, excuses: Excuses) -> list[DatabaseOption]:
    """Every size of database in a place that the bounds let through, with its cheapest disk."""
    options = []
    # Few sizes differ in their memory, and so in what they need of a disk.
    volume_of = cache(partial(_cheapest_volume, catalogue, place, design))
    needed_of, touched = cache(partial(_iops_to_buy, design)), design.touched
    for instance, price in catalogue.instances_at(place, Role.DATABASE, design.terms.term):
        if instance.burstable:
            excuses["database: burstable, its CPU credits end within the peak hour"] += 1
        elif _under_baseline(instance):
            excuses["database: smaller than the DFR's hosting baseline"] += 1
        elif _database_utilisation(instance, design) > rule("search.most_utilisation"):
            excuses[f"database: CPU above {rule('search.most_utilisation'):.0%} in the busiest hour"] += 1
        elif (found := _volume_for(instance, design, touched, needed_of, volume_of)) is None:
            excuses["database: no disk gives the size and the IOPS within the instance's cap"] += 1
        else:
            options.append(DatabaseOption(instance, price, *found))
    return options


def _volume_for(
    instance: InstanceType,
    design: Design,
    touched: Popularity,
    needed_of: Callable[[float], int],
    volume_of: Callable[[int, float], tuple[Volume, bool] | None],
) -> tuple[Volume, bool] | None:
    """The cheapest volume for an instance, and whether it or the instance bursts in the busy hours."""
    missed = miss_ratio(instance, design.database_bytes, touched)
    needed = needed_of(missed)
    bursts = needed > instance.disk_iops
    if bursts and not (needed <= instance.burst_disk_iops and design.days.carried(instance_bucket(instance), missed)):
        return None
    found = volume_of(needed, missed)
    return None if found is None else (found[0], bursts or found[1])


def _under_baseline(instance: InstanceType) -> bool:
    few_vcpus = instance.vcpus < rule("postgresql.smallest_vcpus")
    return few_vcpus or instance.memory_gib < rule("postgresql.smallest_memory_gib")


def _database_utilisation(instance: InstanceType, design: Design) -> float:
    capacity = host_cpu(instance, design.model).full_capacity
    contention = design.model.contention
    found = []
    for peak in design.peaks.values():
        load = peak.load
        reach = load.database_cpu_reached / load.database_cpu if load.database_cpu else 1.0
        found.append(contention.settled(contention.database_busy_factor, load.database_cpu / capacity, reach))
    return max(found)


def iops_in(instance: InstanceType, design: Design, situation: Situation) -> IopsSplit:
    """Operations a second in the busiest hour of a named day, by kind, as they are bought; ``bought`` is 0 here."""
    missed = miss_ratio(instance, design.database_bytes, design.touched)
    return iops_of(design.peaks[situation].load, missed, design.database_bytes, design.touched)


def iops_needed(instance: InstanceType, design: Design) -> IopsSplit:
    """The same of the named day that asks for most."""
    return _iops_needed(design, miss_ratio(instance, design.database_bytes, design.touched))


def _iops_needed(design: Design, missed: float) -> IopsSplit:
    touched, size = design.touched, design.database_bytes
    splits = [iops_of(peak.load, missed, size, touched) for peak in design.peaks.values()]
    return max(splits, key=lambda split: split.total)


def iops_to_buy(instance: InstanceType, design: Design) -> int:
    """IOPS that keep the disk's utilisation at the peak under the highest that is simulated."""
    return _iops_to_buy(design, miss_ratio(instance, design.database_bytes, design.touched))


def _iops_to_buy(design: Design, missed: float) -> int:
    return math.ceil(_iops_needed(design, missed).total / rule("search.most_iops_utilisation"))


def _cheapest_volume(
    catalogue: Catalogue, place: Place, design: Design, needed: int, missed: float
) -> tuple[Volume, bool] | None:
    """The volume with the lowest monthly price in year 5 that holds the data and gives the IOPS needed.

    By its own rate, or (True) by bursts that carry every busy hour; at one price by its own rate.
    """
    costed = []
    for number, (disk, _) in enumerate(catalogue.disks_at(place, Role.DATABASE)):
        for bursts, volume in (
            (False, _volume(catalogue, place, disk, needed, design)),
            (True, _bursting_volume(disk, needed, missed, design)),
        ):
            if volume is not None:
                costed.append((_monthly(catalogue, place, volume), bursts, number, volume))
    if not costed:
        return None
    _, bursts, _, volume = min(costed, key=lambda one: one[:3])
    return volume, bursts


def _volume(catalogue: Catalogue, place: Place, disk: DiskType, needed: int, design: Design) -> Volume | None:
    """A disk with the IOPS, from the least size on: one of the years 1 to 5, striped, or with the IOPS included."""
    sold_apart = catalogue.has_price(place, disk.name, "iops-month")
    largest = design.volumes.storage_gib[-1]
    with_iops = math.ceil(needed / disk.iops_per_gib) if disk.iops_per_gib > 0 else 0
    for gib in sorted({*design.volumes.storage_gib, disk.striped_from_gib, with_iops} - {0}):
        size = int(max(gib, disk.min_gib))
        given = (disk_ceiling if sold_apart else disk_limits)(disk, size)[0] if size <= disk.max_gib else 0
        if given >= needed and max(size, largest) <= disk.max_gib:
            final = max(size, largest)
            included, mb_per_s = disk_limits(disk, final)
            return Volume(disk, final, size, max(included, needed), mb_per_s, needed)
    return None


def _bursting_volume(disk: DiskType, needed: int, missed: float, design: Design) -> Volume | None:
    """A disk of the least size whose bursts give the IOPS needed through every named day, in year 5 as well."""
    if max(disk.burst_iops * max(1, disk.stripes), 0) < needed:
        return None
    sizes = design.volumes.storage_gib
    for gib in sorted({*sizes, disk.striped_from_gib} - {0}):
        size, final = max(gib, disk.min_gib), max(gib, sizes[-1], disk.min_gib)
        if final > disk.max_gib:
            continue
        buckets = {own_bucket(disk, size), own_bucket(disk, final)}
        if all(bucket.burst_rate >= needed and design.days.carried(bucket, missed) for bucket in buckets):
            included, mb_per_s = disk_limits(disk, final)
            return Volume(disk, final, size, included, mb_per_s)
    return None


def _monthly(catalogue: Catalogue, place: Place, volume: Volume) -> float:
    """What a volume costs a month in year 5."""
    size = billed_gib(volume.disk, volume.storage_gib)
    monthly = size * catalogue.price(place, volume.disk.name, "gib-month").usd
    extra = volume.iops - disk_limits(volume.disk, size)[0]
    return monthly + (extra * catalogue.price(place, volume.disk.name, "iops-month").usd if extra > 0 else 0.0)


def strength(topology: Topology, model: Model, nodes_down: int) -> tuple[float, ...]:
    """What a deployment has of each resource: one that has no more of any than another is no faster than it."""
    system = system_of(topology, model, nodes_down)
    node, database = system.cpus[system.node_cpu[0]], system.cpus[system.database_cpu]
    return (
        node.capacity(1),
        node.full_capacity,
        node.full_capacity * system.nodes,
        float(system.workers_per_node * system.nodes),
        database.capacity(1),
        database.full_capacity,
        topology.database.memory_gib,
        system.disk.iops,
        -system.disk.read_latency_s,
        -system.disk.flush_latency_s,
    )


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A bound that a given deployment breaks: which resource or target, and in words by how much."""

    resource: str
    words: str


def shortfall(topology: Topology, design: Design, nodes_down: int) -> Shortfall | None:
    """The first bound that a deployment breaks; None where it may serve. What the options of a place are held to."""
    disk = topology.volume
    needed_gib = design.volumes.database_gib[-1] * rule("postgresql.spare_storage")
    if needed_gib > disk.storage_gib:
        return Shortfall("database disk, GiB", f"{needed_gib:,.0f} GiB are needed of {disk.storage_gib:,}")
    most, busy = rule("search.most_utilisation"), _database_utilisation(topology.database, design)
    if busy > most:
        return Shortfall("database CPU", f"{busy:.0%} busy, {most:.0%} at most")
    iops, given = iops_to_buy(topology.database, design), int(min(topology.busy_iops))
    if iops > given:
        return Shortfall("database disk, IOPS", f"{iops:,} are needed of {given:,}")
    cpu, nodes = host_cpu(topology.application, design.model), max(1, topology.nodes - nodes_down)
    loads = [peak.load for peak in design.peaks.values()]
    if any(_nodes_for_cpu(cpu, design.model.contention, load) > nodes for load in loads):
        return Shortfall("application CPU", f"more than {most:.0%} busy")
    promise, value = LeastTimes(design, nodes_down).broken(topology)
    if promise is not None:
        figures = [f"{seconds * PER_SECOND[promise.unit]:.3g}" for seconds in (value, promise.limit_s)]
        return Shortfall(promise.title, f"{figures[0]} {promise.unit} on the mean against {figures[1]}")
    return Shortfall("HTTP workers", "held all the time") if value > 1.0 else None
