"""The campaign's worst day on the recommended deployment: all 24 hours, one after the other, all nodes up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from dfr_sizing.demand import HOURS, Situation, demand
from dfr_sizing.drivers import rule
from dfr_sizing.model import request_classes
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.types import DayHour, PeakDay
from dfr_sizing.simulation.day import DayJob, DayPass, compress_for, p95_of_hour, simulate_pass
from dfr_sizing.simulation.draw import Profile
from dfr_sizing.simulation.load import HourLoad, day_loads
from dfr_sizing.simulation.system import IdleCost
from dfr_sizing.topology import Topology, miss_ratio, system_of
from dfr_sizing.workers import begun


def peak_day(
    topology: Topology, design: Design, situation: Situation, effort: Effort, seed: int, executor: Executor | None
) -> Callable[[], PeakDay]:
    """Begin a named day from midnight to midnight, in as many passes as ``effort`` allows (simulation.day)."""
    loads = day_loads(demand(design.scenario, situation, design.farmers), design.model, design.switches)
    job = _job(topology, design, loads, seed)
    count = job.compress if effort.whole_day else min(job.compress, int(rule("run.day_passes")))
    passes = begun(executor, simulate_pass, [job] * count, range(count))
    return lambda: _told(situation, job, loads, passes())


def _told(situation: Situation, job: DayJob, loads: Sequence[HourLoad], passes: Sequence[DayPass]) -> PeakDay:
    busy = np.mean([one.busy for one in passes], axis=0)
    system = job.system
    hours = tuple(
        DayHour(
            hour=hour,
            requests_per_s=loads[hour].requests_per_s,
            application_utilisation=float(busy[hour, list(system.node_cpu)].mean()),
            database_utilisation=float(busy[hour, system.database_cpu]),
            p95_s=p95_of_hour(passes, hour),
        )
        for hour in range(HOURS)
    )
    return PeakDay(
        situation=situation,
        hours=hours,
        requests=job.requests,
        share=len(passes) / job.compress,
        simulated_requests=sum(one.requests for one in passes),
    )


def _job(topology: Topology, design: Design, loads: tuple[HourLoad, ...], seed: int) -> DayJob:
    contention = design.model.contention
    idle = IdleCost(
        app_factor=contention.app_busy_factor,
        database_factor=contention.database_busy_factor,
        slope=contention.idle_slope,
        window_s=rule("run.busy_window_s"),
    )
    missed = miss_ratio(topology.database, design.database_bytes, design.touched)
    profiles = tuple(
        Profile(
            name=name,
            cost=loads[0].costs[name],
            rate_by_hour=tuple(load.rates.get(name, 0.0) for load in loads),
            background=request_classes()[name].background,
            reach=loads[0].reach(name),
            miss_ratio=missed,
        )
        for name in sorted(loads[0].costs)
        if any(name in load.rates for load in loads)
    )
    compress = compress_for(profiles, rule("run.day_pass_requests"), rule("run.day_shortest_hour_s"))
    return DayJob(replace(system_of(topology, design.model, 0), idle_cost=idle), profiles, compress, seed)
