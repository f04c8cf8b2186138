"""Holds a Model against a load test: simulate the run's users on the run's host, compare what was measured.

Two comparisons. *Raw*: the model's own demands. *Scaled*: the demands times what this run measured per request over
what the model says, for Odoo and for PostgreSQL apart, because the host drifted from run to run; what remains is the
error of the simulation itself.
"""

from __future__ import annotations

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
WARM_UP = 0.05
"""Share of a run that is cut: the users start together, and queues of a closed system settle within seconds."""
LIMITS = {"throughput": 0.05, "mean": 0.10, "p95": 0.20}
"""What a model has to keep after scaling (ARCHITECTURE.md, calibration)."""
PARALLEL_POOL = 8
"""max_parallel_workers of the runs: PostgreSQL's default."""
RUN_DISK = Disk(iops=10_000.0, read_latency_s=2e-4, flush_latency_s=1.6e-4, write_bytes_per_s=5e8)
"""The runs' disk: fdatasync 160 microseconds, as measured; the table was in memory, so the rest counts for nothing."""


class Prediction(NamedTuple):
    """What the simulation says of a run. Seconds."""

    throughput: float
    mean_s: float
    p95_s: float
    utilisation: float


@dataclass(frozen=True, slots=True)
class StepCheck:
    """One run beside its simulation; errors are fractions, predicted over measured less one."""

    run: Run
    scaled: Prediction
    raw: Prediction

    def errors(self, prediction: Prediction) -> dict[str, float]:
        """Errors of throughput, mean and p95."""
        return {
            "throughput": prediction.throughput / self.run.throughput - 1.0,
            "mean": prediction.mean_s / self.run.mean_s - 1.0,
            "p95": prediction.p95_s / self.run.p95_s - 1.0,
        }

    @property
    def missed(self) -> tuple[str, ...]:
        """The limits that the scaled prediction misses."""
        errors = self.errors(self.scaled)
        return tuple(name for name, limit in LIMITS.items() if not abs(errors[name]) <= limit)

    def as_json(self) -> dict[str, object]:
        """The step as plain values, errors as fractions."""
        scaled, raw = self.errors(self.scaled), self.errors(self.raw)
        return {
            "run": self.run.tag,
            "users": self.run.users,
            "workers": self.run.workers,
            "think_s": self.run.think_s,
            **{f"{name}_error": round(value, 4) for name, value in scaled.items()},
            **{f"raw_{name}_error": round(value, 4) for name, value in raw.items()},
            "measured": {"throughput": self.run.throughput, "mean_s": self.run.mean_s, "p95_s": self.run.p95_s},
            "predicted": {
                "throughput": round(self.scaled.throughput, 3),
                "mean_s": round(self.scaled.mean_s, 5),
                "p95_s": round(self.scaled.p95_s, 5),
            },
            "missed": list(self.missed),
        }


def costs_of_mix(model: Model, run: Run) -> dict[str, RequestCost]:
    """The model's cost of each request name of a run. Raises InputError for a name it was never calibrated for."""
    by_name = {operation.measured_as: operation for operation in model.operations.values()}
    costs = {}
    for name in run.mix:
        if name not in by_name:
            known = ", ".join(sorted(by_name))
            raise InputError("--run", f"one with requests named {name}", f"one of {known}", "calibrate that class too")
        operation = by_name[name]
        costs[name] = RequestCost(
            app_cpu_s=operation.app_cpu_s,
            database_cpu_s=operation.database_cpu_s,
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


def predict(
    model: Model, run: Run, app_factor: float, database_factor: float, seed: int, requests: int = REQUESTS
) -> Prediction:
    """Simulate a run's users on its host with demands multiplied by the two factors."""
    costs = costs_of_mix(model, run)
    streams = [
        Stream(
            name=name,
            rate_per_s=run.mix[name],
            cost=cost,
            app_factor=app_factor,
            database_factor=database_factor,
            client_cpu_s=run.client_cpu_s,
        )
        for name, cost in costs.items()
    ]
    host = Cpu(
        cores=run.cores - run.strangers, dispatch_s=model.contention.dispatch_s, misplaced=model.contention.misplaced
    )
    system = System(
        cpus=(host,),
        node_cpu=(0,),
        database_cpu=0,
        workers_per_node=run.workers,
        backlog=int(rule("odoo.backlog_per_worker")) * run.workers,
        parallel_pool=PARALLEL_POOL,
        disk=RUN_DISK,
        client_cpu=0,
    )
    drawn = draw_closed(streams, requests, run.think_s * model.contention.think_stretch, seed)
    trace = simulate_closed(system, drawn, run.users)
    finished = np.sort(trace.answered_s[np.isfinite(trace.answered_s)])
    # From the end of the warm-up until the first user finds no more rows to send.
    begin, end = finished[int(WARM_UP * len(finished))], float(np.nanmax(trace.sent_s))
    counted = (trace.answered_s > begin) & (trace.answered_s <= end)
    latency = (trace.answered_s - trace.sent_s)[counted]
    return Prediction(
        throughput=float(counted.sum() / (end - begin)),
        mean_s=float(latency.mean()),
        p95_s=float(np.quantile(latency, 0.95)),
        utilisation=min(1.0, float(trace.cpu_busy_s[0] / trace.until_s)),
    )


def check_step(model: Model, run: Run, seed: int) -> StepCheck:
    """One run, scaled and raw."""
    app, database = mean_demand(run, costs_of_mix(model, run))
    scaled = predict(model, run, run.app_cpu_s / app, run.database_cpu_s / database, seed)
    shared = model.contention
    raw = Prediction(0.0, 0.0, 0.0, 1.0)
    # The raw factors depend on the utilisation that they bring about: three short runs settle it.
    for requests in (REQUESTS // 10, REQUESTS // 10, REQUESTS // 10, REQUESTS):
        app_factor = shared.factor(shared.app_busy_factor, raw.utilisation)
        database_factor = shared.factor(shared.database_busy_factor, raw.utilisation)
        raw = predict(model, run, app_factor, database_factor, seed, requests)
    return StepCheck(run, scaled, raw)


def check_steps(model: Model, runs: Sequence[Run], seed: int, processes: int = 2) -> list[StepCheck]:
    """Several runs, over processes; the same on any number of them."""
    if processes <= 1 or len(runs) == 1:
        return [check_step(model, run, seed) for run in runs]
    portable = replace(model, operations=dict(model.operations), check_error=dict(model.check_error))
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(check_step, [portable] * len(runs), runs, [seed] * len(runs)))
