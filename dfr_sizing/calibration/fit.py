"""Fits a model to runs of the older format by a recipe (fit.toml): `dfr-size model fit`.

Demand per class is CPU per request with one user and one class (the utilisation law needs no regression there). The
contention factors are a least-squares fit over the load steps with several users. Recordings are calibrated by
``calibrate``, which needs no recipe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dfr_sizing.calibration.check import costs_of_mix, mean_demand
from dfr_sizing.calibration.dispatch import fit_dispatch
from dfr_sizing.calibration.runs import Run, read_runs, think_stretch
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import Contention, Model, Operation


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
        app_cpu=Interval.exactly(run.app_cpu_s),
        database_cpu=Interval.exactly(run.database_cpu_s),
        cv=round(run.sd_by_class_s[measured_as] / run.mean_by_class_s[measured_as], 3),
        statements=round(run.statements, 1),
        threads=int(row.get("threads", 1)),
        pages=float(row["pages"]),
        wal_bytes=wal_per_operation(wal, row["wal"]) if "wal" in row else 0.0,
        tail_share=float(row.get("tail_share", 0.0)),
        tail_factor=float(row.get("tail_factor", 1.0)),
        growth=Interval.exactly(float(row.get("growth", 0.0))),
        label=Label.MEASURED,
        source=f"run {row['run']}: {run.requests} requests of one user",
    )


def _derived(name: str, row: Mapping[str, Any], base: Operation, floor: Operation) -> Operation:
    """The overhead of a request, with a share of another operation's own Python and of its database work."""
    return replace(
        floor,
        name=name,
        measured_as=f"({name})",
        app_cpu=Interval.exactly(floor.app_cpu_s + (base.app_cpu_s - floor.app_cpu_s) * row["app_share"]),
        database_cpu=Interval.exactly(
            floor.database_cpu_s + (base.database_cpu_s - floor.database_cpu_s) * row["database_share"]
        ),
        cv=base.cv,
        pages=float(row["pages"]),
        growth=Interval.exactly(float(row.get("growth", 0.0))),
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
        idle = 1.0 - run.host("odoo").utilisation
        rows += [[1.0, 0.0, idle], [0.0, 1.0, idle]]
        target += [run.app_cpu_s / app, run.database_cpu_s / database]
    solution = np.linalg.lstsq(np.array(rows), np.array(target), rcond=None)[0]
    return replace(
        model.contention,
        app_busy_factor=round(float(solution[0]), 3),
        database_busy_factor=round(float(solution[1]), 3),
        idle_slope=round(float(solution[2]), 3),
        think_stretch=round(think_stretch(steps), 3),
    )


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
