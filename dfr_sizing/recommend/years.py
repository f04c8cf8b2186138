"""A deployment through the years: what an hour touches against what memory holds, reads, the disk, p95.

The hour is the busiest of the worst named day at the farmers of that year. Its working set is Denning's (The Working
Set Model for Program Behavior, CACM 11(5), 1968): the pages that it touches at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from dfr_sizing.catalogue import InstanceType
from dfr_sizing.cost import YEARS, Volumes
from dfr_sizing.demand import Situation, database_bytes, farmers_in_year
from dfr_sizing.growth import Growth, total_bytes
from dfr_sizing.model import Model
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.postgres.settings import PAGE
from dfr_sizing.recommend.bounds import iops_needed
from dfr_sizing.recommend.bursts import as_carried
from dfr_sizing.recommend.database_types import Held, Year
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.evaluate import DISPLAY_SHORTEST_S, Effort
from dfr_sizing.recommend.trial import job
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.load import HourLoad
from dfr_sizing.simulation.run import Job, run_all
from dfr_sizing.topology import GIB, Topology, cache_bytes, miss_ratio

HOUR_S = 3600.0


def design_in_year(scenario: Scenario, model: Model, year: int) -> Design:
    """The design at the farmers and with the stored bytes of one year."""
    design = design_for(scenario, model, farmers_in_year(scenario, year))
    gib = database_bytes(scenario, year) / GIB
    volumes: Volumes = replace(design.volumes, database_gib=(*design.volumes.database_gib[:-1], gib))
    return replace(design, volumes=volumes)


def years(
    topology: Topology,
    scenario: Scenario,
    model: Model,
    growth: tuple[Growth, ...],
    situation: Situation,
    nodes_down: int = 1,
    effort: Effort | None = None,
    seed: int = 1,
    executor: Executor | None = None,
) -> Callable[[], tuple[Year, ...]]:
    """Begin a deployment through the years 0 to 5, in the busiest hour of a named day.

    What is returned waits for the simulations. Without an ``effort`` nothing is simulated, and p95 is left out.
    """
    designs = [design_in_year(scenario, model, year) for year in range(YEARS + 1)]
    loads = [design.peaks[situation].load for design in designs]
    runs = None
    if effort is not None:
        runs = run_all(_jobs(topology, designs, loads, nodes_down, effort, seed), 1, executor)

    def found() -> tuple[Year, ...]:
        latencies: Sequence[Mapping[str, float]] = [{}] * len(designs)
        if runs is not None:
            latencies = [found.p95_s(scenario.targets.confidence.mid) for found in runs()]
        return tuple(
            _year(topology, design, load, year, total_bytes(growth, year), p95)
            for year, (design, load, p95) in enumerate(zip(designs, loads, latencies, strict=True))
        )

    return found


def _jobs(
    topology: Topology, designs: Sequence[Design], loads: Sequence[HourLoad], down: int, effort: Effort, seed: int
) -> list[Job]:
    """One short replication a year."""
    return [
        job(topology, design, load, down, effort.point, seed, DISPLAY_SHORTEST_S)
        for design, load in zip(designs, loads, strict=True)
    ]


def _year(
    topology: Topology, design: Design, load: HourLoad, year: int, table_bytes: float, p95_s: Mapping[str, float]
) -> Year:
    stored = design.database_bytes
    held = held_of(topology.database, load, stored, design.touched)
    most = min(as_carried(topology, design).busy_iops)
    asked = iops_needed(topology.database, design).total
    return Year(year, design.farmers, stored, table_bytes, held, asked / most, p95_s)


def hit_ratios(
    instance: InstanceType, load: HourLoad, stored_bytes: float, memory_gib: Sequence[float], touched: Popularity
) -> tuple[Held, ...]:
    """The same hour with other sizes of memory: hit ratio against RAM."""
    return tuple(held_of(replace(instance, memory_gib=gib), load, stored_bytes, touched) for gib in memory_gib)


def held_of(instance: InstanceType, load: HourLoad, stored_bytes: float, touched: Popularity) -> Held:
    """What an instance's memory holds in one hour of a load, on a database of so many bytes."""
    missed = miss_ratio(instance, stored_bytes, touched) if load.pages_per_s > 0.0 else 0.0
    counts, shares = touched.groups(stored_bytes / PAGE)
    in_an_hour = float(counts @ -np.expm1(-shares * load.pages_per_s * HOUR_S)) * PAGE
    reads = missed * load.pages_per_s
    return Held(instance.memory_gib * GIB, in_an_hour, cache_bytes(instance), 1.0 - missed, reads)
