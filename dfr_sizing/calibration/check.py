"""Holds a Model against a load test: simulate the run's users on the run's hosts, compare what was measured.

Three comparisons. *Raw*: the model's own demands. *By speed*: the demands times the CPU time that a fixed loop took
during the run over what it took at calibration, as far as demands follow it (``Model.speed_share``): what the model
says once the host's own drift is known. *By CPU*: the
demands times what this run measured per request over what the model says, for Odoo and for PostgreSQL apart; what
remains is the error of the simulation itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from dfr_sizing.calibration.runs import Run
from dfr_sizing.drivers import rule
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model, RequestCost
from dfr_sizing.simulation.compiled import simulate_closed
from dfr_sizing.simulation.draw import Stream, draw_closed
from dfr_sizing.simulation.system import Cpu, Disk, System

REQUESTS = 200_000
TESTS = 40
"""Tests that are simulated to tell the chance in one: the second least and the second largest hold 95 of 100."""
ROOM = 2.0
"""Rows drawn for a test that ends by the clock, for each request measured: a model that is too fast sends more."""
WARM_UP = 0.05
"""Share of a run that is cut: the users start together, and queues of a closed system settle within seconds."""
LIMITS = {"throughput": 0.05, "mean": 0.10, "p95": 0.20}
"""What the simulation has to keep once demands are those of the run (ARCHITECTURE.md, calibration)."""
HELD_OUT_LIMITS = {name: rule(f"calibration.held_out_{name}") for name in LIMITS}
"""What a model has to keep on a load that it was not fitted on, by speed."""
RUN_DISK = Disk(iops=10_000.0, read_latency_s=2e-4, flush_latency_s=1.6e-4, write_bytes_per_s=5e8)
"""The runs' disk: fdatasync 160 microseconds, as measured; the table was in memory, so the rest counts for nothing."""


class Prediction(NamedTuple):
    """What the simulation says of a run. Seconds; utilisation of Odoo's and of PostgreSQL's host."""

    throughput: float
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    app_utilisation: float = 1.0
    database_utilisation: float = 1.0


class Chance(NamedTuple):
    """Where 95 of 100 tests of a run's length lie by the simulation, by speed. Requests a second; seconds."""

    throughput: tuple[float, float]
    mean_s: tuple[float, float]
    p95_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class StepCheck:
    """One run beside its simulation; errors are fractions, predicted over measured less one.

    ``chance`` is None where nobody asked for it.
    """

    run: Run
    by_cpu: Prediction
    by_speed: Prediction
    raw: Prediction
    chance: Chance | None = None

    def errors(self, prediction: Prediction) -> dict[str, float]:
        """Errors of throughput, mean and p95."""
        return {
            "throughput": prediction.throughput / self.run.throughput - 1.0,
            "mean": prediction.mean_s / self.run.mean_s - 1.0,
            "p95": prediction.p95_s / self.run.p95_s - 1.0,
        }

    @property
    def missed(self) -> tuple[str, ...]:
        """The limits of the simulation that it misses with the run's own CPU."""
        errors = self.errors(self.by_cpu)
        return tuple(name for name, limit in LIMITS.items() if not abs(errors[name]) <= limit)

    @property
    def missed_held_out(self) -> tuple[str, ...]:
        """The limits for a held-out load that the model misses, by speed."""
        errors = self.errors(self.by_speed)
        return tuple(name for name, limit in HELD_OUT_LIMITS.items() if not abs(errors[name]) <= limit)

    @property
    def beyond_chance(self) -> tuple[str, ...]:
        """The figures that were measured outside of what chance alone makes of the simulation; none if not asked."""
        if self.chance is None:
            return ()
        measured = (self.run.throughput, self.run.mean_s, self.run.p95_s)
        return tuple(
            name
            for name, value, (low, high) in zip(LIMITS, measured, self.chance, strict=True)
            if not low <= value <= high
        )

    def as_json(self) -> dict[str, object]:
        """The step as plain values; errors are fractions, by CPU, by speed (``speed_``) and raw (``raw_``)."""
        ways = {"": self.by_cpu, "speed_": self.by_speed, "raw_": self.raw}
        return {
            "run": self.run.tag,
            "users": self.run.users,
            "workers": self.run.workers,
            "think_s": self.run.think_s,
            "held_out": self.run.held_out,
            **{
                f"{way}{name}_error": round(value, 4)
                for way, said in ways.items()
                for name, value in self.errors(said).items()
            },
            "measured": {"throughput": self.run.throughput, "mean_s": self.run.mean_s, "p95_s": self.run.p95_s},
            "predicted": {
                "throughput": round(self.by_cpu.throughput, 3),
                "mean_s": round(self.by_cpu.mean_s, 5),
                "p95_s": round(self.by_cpu.p95_s, 5),
            },
            "chance": None if self.chance is None else {k: list(v) for k, v in self.chance._asdict().items()},
            "beyond_chance": list(self.beyond_chance),
            "missed": list(self.missed),
            "missed_held_out": list(self.missed_held_out),
        }


def costs_of_mix(model: Model, run: Run) -> dict[str, RequestCost]:
    """The model's cost of each class of a run. Raises InputError for one that it was never calibrated for."""
    known = {operation.measured_as: operation for operation in model.operations.values()} | dict(model.operations)
    costs = {}
    for name in run.mix:
        if name not in known:
            names = ", ".join(sorted(known))
            raise InputError("--run", f"one with requests named {name}", f"one of {names}", "calibrate that class too")
        operation = known[name]
        costs[name] = RequestCost(
            app_cpu_s=operation.app_cpu_s,
            database_cpu_s=operation.database_cpu_s * operation.grown(run.rows, model.table_rows),
            cv=operation.cv,
            statements=operation.statements,
            threads=operation.threads,
            pages=0.0,
            wal_bytes=operation.wal_bytes,
            tail_share=operation.tail_share,
            tail_factor=operation.tail_factor,
        )
    return costs


def mean_demand(run: Run, costs: dict[str, RequestCost]) -> tuple[float, float]:
    """Seconds of CPU per request of the run's mix: Odoo, PostgreSQL."""
    app = sum(share * costs[name].app_cpu_s for name, share in run.mix.items())
    database = sum(share * costs[name].database_cpu_s for name, share in run.mix.items())
    return app, database


def speed_factors(model: Model, run: Run) -> tuple[float, float]:
    """What the loop's CPU time over the model's says of demands, for Odoo and PostgreSQL; 1 where it is not known."""
    own = (run.host("odoo").speed_ms, run.host("postgresql").speed_ms)
    known = [speed / model.speed_ms if speed > 0.0 and model.speed_ms > 0.0 else 1.0 for speed in own]
    return known[0] ** model.speed_share, known[1] ** model.speed_share


def own_factors(model: Model, run: Run) -> tuple[float, float]:
    """CPU per request that the run measured, less the idle servers', over what the model says; 1 where unmeasured."""
    shared, speed = model.contention, speed_factors(model, run)
    app, database = mean_demand(run, costs_of_mix(model, run))
    found = (
        (run.app_cpu_s - shared.app_background * speed[0] / run.throughput) / app,
        (run.database_cpu_s - shared.database_background * speed[1] / run.throughput) / database,
    )
    return (1.0 if math.isnan(found[0]) else found[0], 1.0 if math.isnan(found[1]) else found[1])


def system_of(model: Model, run: Run) -> System:
    """The run's hosts as the simulation sees them: less what strangers and idle servers took."""
    shared = model.contention
    idle_work = {"odoo": shared.app_background, "postgresql": shared.database_background}
    cpus = tuple(
        Cpu(
            cores=host.cores - host.strangers - sum(idle_work.get(group, 0.0) for group in host.groups),
            threads_per_core=host.threads_per_core,
            smt_gain=rule("calibration.smt_gain") if host.threads_per_core > 1 else 1.0,
            dispatch_s=shared.dispatch_s,
            misplaced_s=shared.misplaced_s,
        )
        for host in run.hosts
    )
    app, database = run.host_number("odoo") or 0, run.host_number("postgresql") or 0
    return System(
        cpus=cpus,
        node_cpu=(app,),
        database_cpu=database,
        workers_per_node=run.workers,
        backlog=int(rule("odoo.backlog_per_worker")) * run.workers,
        parallel_pool=run.parallel_workers,
        disk=RUN_DISK,
        client_cpu=run.host_number("generator"),
        round_trip_s=0.0 if app == database else rule("search.network_ms") / 1e3,
    )


def predict(
    model: Model,
    run: Run,
    app_factor: float,
    database_factor: float,
    seed: int,
    requests: int = REQUESTS,
    seconds: float = math.inf,
) -> Prediction:
    """Simulate a run's users on its hosts with demands multiplied by the two factors.

    So many requests, or ``seconds`` after the warm-up if they end sooner.
    """
    streams = [
        Stream(
            name=name,
            rate_per_s=run.mix[name],
            cost=cost,
            app_factor=app_factor,
            database_factor=database_factor,
            client_cpu_s=run.client_cpu_s,
        )
        for name, cost in costs_of_mix(model, run).items()
    ]
    system = system_of(model, run)
    drawn = draw_closed(streams, requests, run.think_s * model.contention.think_stretch, seed)
    until_s = seconds / (1.0 - WARM_UP)
    trace = simulate_closed(system, drawn, run.users, until_s)
    finished = np.sort(trace.answered_s[np.isfinite(trace.answered_s)])
    # From the end of the warm-up until the last row that there is has been sent.
    begin, end = finished[int(WARM_UP * len(finished))], min(until_s, float(np.nanmax(trace.sent_s)))
    counted = (trace.answered_s > begin) & (trace.answered_s <= end)
    latency = (trace.answered_s - trace.sent_s)[counted]
    p50, p95, p99 = (float(value) for value in np.quantile(latency, [0.5, 0.95, 0.99]))
    busy = np.minimum(1.0, trace.cpu_busy_s / trace.until_s)
    return Prediction(
        throughput=float(counted.sum() / (end - begin)),
        mean_s=float(latency.mean()),
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        app_utilisation=float(busy[system.node_cpu[0]]),
        database_utilisation=float(busy[system.database_cpu]),
    )


def settled(model: Model, run: Run, scale: tuple[float, float], seed: int) -> tuple[float, float]:
    """What the model's contention multiplies the run's demands by, times ``scale``.

    The factors depend on the utilisation that they bring about: three short runs settle it. One user alone meets none.
    """
    shared = model.contention
    if run.lone:
        return scale
    found = Prediction(0.0, 0.0, 0.0, 0.0, 0.0)
    factors = scale
    for last in (False, False, False, True):
        factors = (
            scale[0] * shared.factor(shared.app_busy_factor, found.app_utilisation),
            scale[1] * shared.factor(shared.database_busy_factor, found.database_utilisation),
        )
        if not last:
            found = predict(model, run, *factors, seed, REQUESTS // 10)
    return factors


def chance_of(model: Model, run: Run, factors: tuple[float, float], seed: int, tests: int = TESTS) -> Chance:
    """What tests as long as the one measured differ by among themselves: log-ins that meet, or do not."""
    enough = run.users + round(ROOM * run.requests)
    found = [predict(model, run, *factors, seed + 1 + test, enough, run.seconds) for test in range(tests)]
    figures = np.array([(said.throughput, said.mean_s, said.p95_s) for said in found])
    low, high = np.quantile(figures, [0.025, 0.975], axis=0).tolist()
    return Chance(*zip(low, high, strict=True))


def check_step(model: Model, run: Run, seed: int, tests: int = 0) -> StepCheck:
    """One run, in all three ways; with ``tests`` the chance in it as well."""
    by_cpu = predict(model, run, *own_factors(model, run), seed)
    raw = predict(model, run, *settled(model, run, (1.0, 1.0), seed), seed)
    scale = speed_factors(model, run)
    factors = settled(model, run, scale, seed)
    by_speed = raw if scale == (1.0, 1.0) else predict(model, run, *factors, seed)
    return StepCheck(run, by_cpu, by_speed, raw, chance_of(model, run, factors, seed, tests) if tests else None)


def check_steps(model: Model, runs: Sequence[Run], seed: int, processes: int = 2, tests: int = 0) -> list[StepCheck]:
    """Several runs, over processes; the same on any number of them."""
    if processes <= 1 or len(runs) == 1:
        return [check_step(model, run, seed, tests) for run in runs]
    portable = replace(model, operations=dict(model.operations), check_error=dict(model.check_error))
    n = len(runs)
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(check_step, [portable] * n, runs, [seed] * n, [tests] * n))
