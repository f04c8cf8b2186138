"""Fits the reference model to its runs: demands from the one-class runs, contention from the mixed ones.

Demand per class is CPU per request with one user and one class (the utilisation law needs no regression there). The
contention factors are a least-squares fit over the load steps with several users; the dispatch delay is the grid
point whose simulated latencies are nearest to the measured ones, demands scaled to each step's own CPU.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dfr_sizing.calibration.check import LIMITS, costs_of_mix, mean_demand, predict
from dfr_sizing.calibration.runs import Run, read_runs
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import Contention, Model, Operation
from dfr_sizing.toml_text import toml_value

DISPATCH_GRID = tuple(itertools.product((0.2, 0.3, 0.4, 0.5, 0.6, 0.7), (0.0, 0.25, 0.5, 0.75, 1.0)))
"""Dispatch delays (ms) and misplaced shares that are tried."""
FIT_REQUESTS = 100_000


def fit_operations(folder: Path, runs: Mapping[str, Run], recipe: Mapping[str, Any]) -> dict[str, Operation]:
    """The operations of a recipe: from a one-class run, or derived from another operation by a stated rule."""
    wal = json.loads((folder / "runs" / "wal_per_op.json").read_text(encoding="utf-8"))
    light = json.loads((folder / "runs" / "light_operations.json").read_text(encoding="utf-8"))["operations"]
    operations: dict[str, Operation] = {}
    for name, row in recipe.items():
        if "run" in row:
            operations[name] = _measured(name, row, runs[row["run"]], wal)
        elif "ratio_of" in row:
            base, floor = operations[row["base"]], operations["overhead"]
            operations[name] = _by_ratio(name, row, base, floor, light)
        else:
            operations[name] = _derived(name, row, operations[row["base"]], operations["overhead"])
    return operations


def _by_ratio(
    name: str, row: Mapping[str, Any], base: Operation, floor: Operation, light: Mapping[str, Any]
) -> Operation:
    """An operation measured without HTTP beside ``base``, in one session: base's own work times the ratio of CPU."""
    of, to = light[row["ratio_of"]], light[row["ratio_to"]]
    shares = {key: of[key][1] / to[key][1] for key in ("python_cpu_ms", "postgresql_cpu_ms")}
    shared = {"app_share": shares["python_cpu_ms"], "database_share": shares["postgresql_cpu_ms"]}
    source = (
        f"{row['ratio_of']} over {row['ratio_to']}, measured without HTTP in one session: "
        f"{shared['app_share']:.3f} of the Python and {shared['database_share']:.3f} of the SQL of {base.name} "
        "(runs/light_operations.json)"
    )
    derived = _derived(name, {**row, **shared, "source": source}, base, floor)
    return replace(derived, statements=round(floor.statements + of["statements"], 2), wal_bytes=float(of["wal_bytes"]))


def _measured(name: str, row: Mapping[str, Any], run: Run, wal: Mapping[str, Any]) -> Operation:
    measured_as = next(iter(run.mix))
    return Operation(
        name=name,
        measured_as=measured_as,
        app_cpu_s=run.app_cpu_s,
        database_cpu_s=run.database_cpu_s,
        cv=round(run.sd_by_class_s[measured_as] / run.mean_by_class_s[measured_as], 3),
        statements=round(run.statements, 1),
        threads=int(row.get("threads", 1)),
        pages=float(row["pages"]),
        wal_bytes=wal_per_operation(wal, row["wal"]) if "wal" in row else 0.0,
        tail_share=float(row.get("tail_share", 0.0)),
        tail_factor=float(row.get("tail_factor", 1.0)),
        grows_with_rows=bool(row.get("grows_with_rows", False)),
        label=Label.MEASURED,
        source=f"run {row['run']}: {run.requests} requests of one user",
    )


def _derived(name: str, row: Mapping[str, Any], base: Operation, floor: Operation) -> Operation:
    """The overhead of a request, with a share of another operation's own Python and of its database work."""
    return replace(
        floor,
        name=name,
        measured_as=f"({name})",
        app_cpu_s=floor.app_cpu_s + (base.app_cpu_s - floor.app_cpu_s) * row["app_share"],
        database_cpu_s=floor.database_cpu_s + (base.database_cpu_s - floor.database_cpu_s) * row["database_share"],
        cv=base.cv,
        pages=float(row["pages"]),
        grows_with_rows=bool(row.get("grows_with_rows", False)),
        label=Label.DERIVED,
        source=row["source"],
    )


def wal_per_operation(wal: Mapping[str, Any], name: str) -> float:
    """Bytes of WAL: the mean of just after a checkpoint (full pages) and long after it."""
    return float(np.mean([wal[f"{name}_{when}"]["wal_bytes_per_op"] for when in ("after_checkpoint", "no_checkpoint")]))


def fit_contention(model: Model, steps: Sequence[Run]) -> Contention:
    """Busy factors and idle slope by least squares over the steps with several users; dispatch and think stretch."""
    several = [run for run in steps if run.users > 1]
    rows, target = [], []
    for run in several:
        app, database = mean_demand(run, costs_of_mix(model, run))
        idle = 1.0 - run.utilisation
        rows += [[1.0, 0.0, idle], [0.0, 1.0, idle]]
        target += [run.app_cpu_s / app, run.database_cpu_s / database]
    solution = np.linalg.lstsq(np.array(rows), np.array(target), rcond=None)[0]
    thinking = [run for run in steps if run.think_s > 0]
    stretch = [(run.users / run.throughput - run.mean_s) / run.think_s for run in thinking]
    return replace(
        model.contention,
        app_busy_factor=round(float(solution[0]), 3),
        database_busy_factor=round(float(solution[1]), 3),
        idle_slope=round(float(solution[2]), 3),
        think_stretch=round(float(np.mean(stretch)), 3),
    )


def with_dispatch(model: Model, dispatch_ms: float, misplaced: float) -> Model:
    """The model with other dispatch parameters."""
    contention = replace(model.contention, dispatch_s=dispatch_ms / 1e3, misplaced=misplaced)
    return replace(model, contention=contention)


def misfit(model: Model, run: Run, seed: int) -> float:
    """How far a run's simulated figures are off, demands scaled to the run: squared errors, each over its limit."""
    app, database = mean_demand(run, costs_of_mix(model, run))
    found = predict(model, run, run.app_cpu_s / app, run.database_cpu_s / database, seed, FIT_REQUESTS)
    throughput, mean = found.throughput / run.throughput - 1.0, found.mean_s / run.mean_s - 1.0
    p95 = found.p95_s / run.p95_s - 1.0
    return float((throughput / LIMITS["throughput"]) ** 2 + (mean / LIMITS["mean"]) ** 2 + (p95 / LIMITS["p95"]) ** 2)


def fit_dispatch(model: Model, steps: Sequence[Run], seed: int, processes: int = 2) -> Model:
    """The model with the dispatch parameters, from the grid, that have the least misfit over all steps."""
    candidates = [with_dispatch(model, *point) for point in DISPATCH_GRID]
    jobs = [(candidate, run) for candidate in candidates for run in steps]
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(misfit, [job[0] for job in jobs], [job[1] for job in jobs], [seed] * len(jobs)))
    totals = np.array(found).reshape(len(candidates), len(steps)).sum(axis=1)
    return candidates[int(np.argmin(totals))]


def fit(folder: Path, about: Mapping[str, Any], seed: int, processes: int = 2) -> Model:
    """A model from ``folder/runs`` and the recipe of ``folder/fit.toml`` (``about``)."""
    runs = read_runs(folder / "runs")
    model = Model(
        name=about["model"]["name"],
        measured_on=str(about["model"]["measured_on"]),
        cpu_name=about["cpu"]["name"],
        cpu_speed=Interval(*map(float, about["cpu"]["speed"])),
        cpu_speed_source=about["cpu"]["source"],
        table_rows=int(about["model"]["table_rows"]),
        odoo=about["model"]["odoo"],
        postgresql=about["model"]["postgresql"],
        contention=Contention(1.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        operations=fit_operations(folder, runs, about["operation"]),
        check_error={},
        folder=folder,
    )
    steps = [runs[name] for name in about["fit"]["steps"]]
    model = replace(model, contention=fit_contention(model, steps))
    return fit_dispatch(model, steps, seed, processes)


def model_text(model: Model, check_error: Mapping[str, float]) -> str:
    """The model as TOML."""
    shared = model.contention
    tables: dict[str, dict[str, object]] = {
        "model": {
            "name": model.name,
            "measured_on": model.measured_on,
            "odoo": model.odoo,
            "postgresql": model.postgresql,
            "table_rows": model.table_rows,
        },
        "cpu": {"name": model.cpu_name, "speed": list(model.cpu_speed.bounds), "source": model.cpu_speed_source},
        "contention": {
            "app_busy_factor": shared.app_busy_factor,
            "database_busy_factor": shared.database_busy_factor,
            "idle_slope": shared.idle_slope,
            "dispatch_ms": shared.dispatch_s * 1e3,
            "misplaced": shared.misplaced,
            "think_stretch": shared.think_stretch,
        },
        "check": dict(check_error),
    }
    for operation in model.operations.values():
        tables[f"operation.{operation.name}"] = {
            "measured_as": operation.measured_as,
            "app_cpu_ms": operation.app_cpu_s * 1e3,
            "database_cpu_ms": operation.database_cpu_s * 1e3,
            "cv": operation.cv,
            "statements": operation.statements,
            "threads": operation.threads,
            "pages": operation.pages,
            "wal_bytes": operation.wal_bytes,
            "tail_share": operation.tail_share,
            "tail_factor": operation.tail_factor,
            "grows_with_rows": operation.grows_with_rows,
            "label": str(operation.label),
            "source": operation.source,
        }
    lines = ["# Written by `dfr-size model fit`; edit fit.toml and fit again rather than this file."]
    for title, table in tables.items():
        lines += ["", f"[{title}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
