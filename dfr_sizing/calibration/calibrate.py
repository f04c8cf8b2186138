"""Recordings of a load test to a Model: look them over, fit demands and contention, check on a load that was left out.

One load step is held out of the fit, and decides whether the model may be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dfr_sizing.calibration.check import HELD_OUT_LIMITS, StepCheck, check_steps
from dfr_sizing.calibration.defects import Consequence, Defect, refuse
from dfr_sizing.calibration.demands import Demands, fit_demands
from dfr_sizing.calibration.derive import completed
from dfr_sizing.calibration.dispatch import fit_dispatch
from dfr_sizing.calibration.inspect import class_defects, defects_of, step_defects
from dfr_sizing.calibration.operations import operations_of
from dfr_sizing.calibration.runs import think_stretch
from dfr_sizing.calibration.shapes import Shape, shape_of
from dfr_sizing.calibration.steps import Loaded, LoadStep, classes_of, load, read_steps
from dfr_sizing.calibration.utilisation_law import Prior, Shared
from dfr_sizing.calibration.windows import Windows, reference_speed_ms, smallest, windows_of, without_cpu
from dfr_sizing.drivers import rule
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import Contention, Model
from dfr_sizing.recording.types import Recording
from dfr_sizing.simulation.system import FloatArray

LEAST_STEPS = 3
"""Two to fit on, one to hold out."""
SPEED_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
AS_GOOD = 1.25
"""Requests are taken to follow the loop all the way unless another share leaves residuals smaller than by this: with
some ten steps an F test cannot tell less."""
LEAST_DRIFT = 1.03
"""Where the speed score changes by less between the steps, they cannot tell what follows it."""
STRANGERS = "strangers_cores"
"""Where a model keeps, beside its error, what was accepted in place of ``calibration.strangers_cores``."""
LEAST_LOGGED_S = 5e-4
"""Half of the log's resolution: a class that logs 0 ms takes something."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model with what it came from: the steps in use, what was wrong, the fit, and every step's check."""

    model: Model
    recordings: tuple[Recording, ...]
    steps: tuple[LoadStep, ...]
    defects: tuple[Defect, ...]
    demands: Demands
    checks: tuple[StepCheck, ...]

    @property
    def held_out(self) -> tuple[StepCheck, ...]:
        """The checks that decide."""
        return tuple(check for check in self.checks if check.run.held_out)

    @property
    def missed(self) -> tuple[str, ...]:
        """What the model misses on the load held out of the fit: ``p95 +31% at night/n40 (limit 25%)``."""
        return tuple(
            f"{name} {check.errors(check.by_speed)[name]:+.0%} at {check.run.tag} (limit {HELD_OUT_LIMITS[name]:.0%})"
            for check in self.held_out
            for name in check.missed_held_out
        )


def calibrate(
    folders: Sequence[Path],
    name: str,
    base: Model,
    cpu_speed: Interval | None,
    seed: int,
    processes: int,
    strangers_cores: float | None = None,
) -> Calibration:
    """Calibrate on recordings; ``strangers_cores`` as in ``load``. Raises InputError where they cannot be relied on."""
    loaded = [load(folder, strangers_cores) for folder in folders]
    defects = [defect for one in loaded for defect in defects_of(one)]
    loaded = [_with_rows(one, base) for one in loaded]
    recordings = tuple(one.recording for one in loaded)
    refuse(defects)
    classes = classes_of(recordings)
    steps: list[LoadStep] = []
    for one in loaded:
        read = read_steps(one, classes)
        found = step_defects(one, read)
        defects += found
        dropped = {defect.where for defect in found if defect.consequence is Consequence.DROPPED}
        steps += [step for step in read if step.run.tag not in dropped]
    used = _with_held_out(steps, defects)
    fitted = [step for step in used if not step.run.held_out]
    counts = np.array([_sent(step) for step in fitted]).sum(axis=0)
    defects += class_defects(fitted, counts)
    speed_ms = reference_speed_ms(used)
    shapes = {one: shape_of(fitted, one, speed_ms) for one in classes}
    share = speed_share(fitted, shapes, base, speed_ms)
    demands = _demands(fitted, shapes, base, speed_ms, share, seed)
    model = _model(name, recordings, fitted, demands, shapes, base, speed_ms, counts)
    model = replace(_on_cpu(model, recordings[0], base, cpu_speed), speed_share=share)
    model = fit_dispatch(model, [step.run for step in fitted], seed, processes)
    checks = tuple(check_steps(model, [step.run for step in used], seed, processes))
    accepted = {} if strangers_cores is None else {STRANGERS: strangers_cores}
    found_out = Calibration(model, recordings, tuple(used), tuple(defects), demands, checks)
    return replace(found_out, model=replace(model, check_error=check_error(found_out) | accepted))


def _with_rows(loaded: Loaded, base: Model) -> Loaded:
    """A recording with the size of its table, the base's where nobody could ask for it (inspect names that)."""
    server = loaded.recording.server
    if server.rows > 0:
        return loaded
    recording = replace(loaded.recording, server=replace(server, rows=base.table_rows))
    return replace(loaded, recording=recording)


def check_error(found: Calibration) -> dict[str, float]:
    """The largest errors on the held-out load by speed and raw, and what the simulation itself misses elsewhere."""
    errors: dict[str, float] = {
        "steps": len(found.checks),
        "steps_missed": sum(1 for check in found.checks if check.missed),
        "held_out": len(found.held_out),
    }
    for name in ("throughput", "mean", "p95"):
        errors[name] = round(max(abs(check.errors(check.by_speed)[name]) for check in found.held_out), 4)
        errors[f"raw_{name}"] = round(max(abs(check.errors(check.raw)[name]) for check in found.held_out), 4)
    return errors | ({"accepted": 1} if found.missed else {})


def _sent(step: LoadStep) -> FloatArray:
    return np.array([step.run.mix.get(name, 0.0) * step.run.requests for name in step.classes])


def _with_held_out(steps: Sequence[LoadStep], defects: Sequence[Defect]) -> list[LoadStep]:
    """The steps, one at least held out: those that say so, or else the middle one by load of those with several users.

    Raises InputError where too few are left.
    """
    if len(steps) < LEAST_STEPS or all(step.run.held_out for step in steps):
        why = "; ".join(defect.sentence for defect in defects) or "add steps to the load test"
        raise InputError("the number of usable load steps", len(steps), f"{LEAST_STEPS} or more, not all held out", why)
    if any(step.run.held_out for step in steps):
        return list(steps)
    several = sorted((step for step in steps if not step.run.lone), key=lambda step: step.run.throughput)
    chosen = (several or list(steps))[len(several) // 2].run.tag
    return [replace(step, run=replace(step.run, held_out=step.run.tag == chosen)) for step in steps]


def speed_share(fitted: Sequence[LoadStep], shapes: Mapping[str, Shape], base: Model, speed_ms: float) -> float:
    """How far demands follow the fixed loop: the share that leaves the steps the smallest residuals."""
    speeds = [step.run.host("odoo").speed_ms for step in fitted]
    if min(speeds) <= 0.0 or max(speeds) < LEAST_DRIFT * min(speeds):
        return 1.0
    errors = {share: _demands(fitted, shapes, base, speed_ms, share, 0, samples=0).step_error for share in SPEED_SHARES}
    return max(share for share, error in errors.items() if error <= AS_GOOD * min(errors.values()))


def _demands(
    fitted: Sequence[LoadStep],
    shapes: Mapping[str, Shape],
    base: Model,
    speed_ms: float,
    share: float,
    seed: int,
    samples: int | None = None,
) -> Demands:
    classes = fitted[0].classes
    windows: list[Windows] = []
    for group in ("odoo", "postgresql"):
        found = windows_of(fitted, group, speed_ms, share) or without_cpu(fitted, group)
        if found is None:
            what = f"what {group} took"
            remedy = "record with a probe on its host, or keep Odoo's log and PostgreSQL's statistics"
            raise InputError(what, "not in the recording", "there in some form", remedy)
        windows.append(found)
    known = [base.operations.get(name) for name in classes]
    # Odoo's log begins when the request has been read: what comes before is the same for all.
    unlogged = rule("calibration.unlogged_ms") / 1e3
    log = np.array([[shapes[name].python_s + unlogged, shapes[name].sql_s] for name in classes])
    if not np.isfinite(log).any():  # the base's demands tell classes apart as well as nothing does
        log = np.array([[op.app_cpu_s, op.database_cpu_s] if op else [np.nan, np.nan] for op in known])
    log = np.maximum(log, LEAST_LOGGED_S)
    cv = np.array([shapes[name].cv for name in classes])
    growth = np.array([op.growth.mid if op else 0.0 for op in known])
    priors = (Prior(log[:, 0], cv, np.zeros(len(classes))), Prior(log[:, 1], cv, growth))
    shared = base.contention
    believed = Shared(shared.app_busy_factor, shared.database_busy_factor, shared.idle_slope)
    return fit_demands(windows[0], windows[1], priors, believed, seed, samples)


def _model(
    name: str,
    recordings: Sequence[Recording],
    fitted: Sequence[LoadStep],
    demands: Demands,
    shapes: Mapping[str, Shape],
    base: Model,
    speed_ms: float,
    counts: FloatArray,
) -> Model:
    server, fit = recordings[0].server, demands.fit
    measured = operations_of(recordings, fitted, demands, shapes, base, counts)
    return Model(
        name=name,
        measured_on=datetime.fromtimestamp(recordings[0].started, UTC).date().isoformat(),
        cpu_name=base.cpu_name,
        cpu_speed=base.cpu_speed,
        cpu_speed_source=base.cpu_speed_source,
        table_rows=smallest(fitted),
        odoo=f"{server.odoo}; {server.workers} HTTP workers",
        postgresql=server.postgresql,
        contention=Contention(
            app_busy_factor=round(fit.shared.app_busy, 3),
            database_busy_factor=round(fit.shared.database_busy, 3),
            idle_slope=round(fit.shared.slope, 3),
            dispatch_s=base.contention.dispatch_s,
            misplaced_s=base.contention.misplaced_s,
            think_stretch=round(think_stretch([step.run for step in fitted]), 3),
            app_background=round(fit.app.background, 4),
            database_background=round(fit.database.background, 4),
        ),
        operations=completed(measured, base),
        check_error={},
        speed_ms=speed_ms,
    )


def _on_cpu(model: Model, recording: Recording, base: Model, told: Interval | None) -> Model:
    """The model with its CPU's name and speed: as told, by the fixed loop beside the base's, or the base's own."""
    host = next((host for host in recording.hosts if "odoo" in host.groups), recording.hosts[0])
    if told is not None:
        speed, source, label = told, "--cpu-speed", Label.STATED
    elif base.speed_ms > 0.0 and model.speed_ms > 0.0:
        speed, label = base.cpu_speed.scaled(base.speed_ms / model.speed_ms), Label.DERIVED
        loop = f"{base.speed_ms:.4g}/{model.speed_ms:.4g} ms of the fixed loop"
        source = f"that of {base.name} x {loop}; there: {base.cpu_speed_source}"
    else:
        error, label = rule("calibration.speed_error"), Label.ASSUMED
        speed = Interval(base.cpu_speed.low * (1.0 - error), base.cpu_speed.mid, base.cpu_speed.high * (1.0 + error))
        source = f"that of {base.name}, {error:.0%} wider: no speed score joins the two hosts; give --cpu-speed"
    return replace(model, cpu_name=host.cpu, cpu_speed=speed, cpu_speed_source=source, cpu_speed_label=label)
