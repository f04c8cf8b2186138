"""Rows for the utilisation law: what a group of processes took in some seconds, beside the requests done in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dfr_sizing.calibration.steps import LoadStep, Slices
from dfr_sizing.drivers import rule
from dfr_sizing.simulation.system import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Windows:
    """One row a window. CPU is that of the reference speed.

    ``counts`` of requests by class, ``idle`` the idle share of the group's host, ``lone`` whether one user was alone,
    ``size`` the table's rows over those of the smallest table, ``step`` a number for each load step.
    """

    counts: FloatArray
    cpu_s: FloatArray
    seconds: FloatArray
    idle: FloatArray
    lone: npt.NDArray[np.bool_]
    size: FloatArray
    step: IntArray

    def __len__(self) -> int:
        return len(self.cpu_s)


def smallest(steps: Sequence[LoadStep]) -> int:
    """Rows of the smallest table that was measured: a model does not shrink below it."""
    return min(step.rows for step in steps)


def reference_speed_ms(steps: Sequence[LoadStep]) -> float:
    """The median over the steps of the speed score of Odoo's host; 0 where nobody took it."""
    known = [step.run.host("odoo").speed_ms for step in steps if step.run.host("odoo").speed_ms > 0.0]
    return float(np.median(known)) if known else 0.0


def to_reference(step: LoadStep, group: str, speed_ms: float, share: float = 1.0) -> float:
    """What CPU time of a step is multiplied by to be that of the reference speed: a slower host takes longer.

    ``share`` (0 to 1) is how far requests follow the fixed loop: what bounds them may be memory, not the core.
    """
    own = step.run.host(group).speed_ms
    return float((speed_ms / own) ** share) if own > 0.0 and speed_ms > 0.0 else 1.0


def windows_of(steps: Sequence[LoadStep], group: str, speed_ms: float, share: float = 1.0) -> Windows | None:
    """The windows of all steps; None where the group's CPU is not known in any of them. ``share`` as to_reference."""
    rows = [
        _windowed(step, step.slices[group], number, to_reference(step, group, speed_ms, share), smallest(steps))
        for number, step in enumerate(steps)
        if group in step.slices
    ]
    return joined(rows) if rows else None


def joined(rows: Sequence[Windows]) -> Windows:
    """Several tables of windows as one."""
    return Windows(
        counts=np.concatenate([row.counts for row in rows]),
        cpu_s=np.concatenate([row.cpu_s for row in rows]),
        seconds=np.concatenate([row.seconds for row in rows]),
        idle=np.concatenate([row.idle for row in rows]),
        lone=np.concatenate([row.lone for row in rows]),
        size=np.concatenate([row.size for row in rows]),
        step=np.concatenate([row.step for row in rows]),
    )


def _windowed(step: LoadStep, slices: Slices, number: int, speed: float, rows_0: int) -> Windows:
    count = max(1, int(slices.seconds.sum() / rule("calibration.window_s")))
    place = np.minimum(np.arange(len(slices.seconds)) * count // len(slices.seconds), count - 1)

    def summed(values: FloatArray) -> FloatArray:
        return np.bincount(place, weights=values, minlength=count).astype(np.float64)

    seconds = summed(slices.seconds)
    return Windows(
        counts=np.array([summed(column) for column in slices.counts.T]).T.reshape(count, len(step.classes)),
        cpu_s=summed(slices.cpu_s) * speed,
        seconds=seconds,
        # Of the whole step: a window's own CPU would stand on both sides of the equation.
        idle=np.full(count, 1.0 - float((slices.utilisation * slices.seconds).sum() / slices.seconds.sum())),
        lone=np.full(count, step.run.lone),
        size=np.full(count, step.rows / rows_0),
        step=np.full(count, number, dtype=np.int64),
    )


def without_cpu(steps: Sequence[LoadStep], group: str) -> Windows | None:
    """A row a class or a step in place of CPU: Odoo's logged Python seconds, or PostgreSQL's execution time.

    Both are wall times, so only the steps with the fewest users serve. None where there is neither.
    """
    fewest = min(step.run.users for step in steps)
    rows = [
        row
        for number, step in enumerate(steps)
        if step.run.users == fewest
        for row in (_logged(step, number) if group == "odoo" else _executed(step, number))
    ]
    return joined([replace(row, size=row.size / smallest(steps)) for row in rows]) if rows else None


def _logged(step: LoadStep, number: int) -> list[Windows]:
    found = []
    for place, name in enumerate(step.classes):
        lines = step.log.get(name, ())
        if lines:
            counts = np.zeros(len(step.classes))
            counts[place] = len(lines)
            found.append(_whole_step(step, number, counts, math.fsum(line.python_s for line in lines)))
    return found


def _executed(step: LoadStep, number: int) -> list[Windows]:
    if step.counters is None or not step.counters.exec_s > 0.0:
        return []
    return [_whole_step(step, number, step.counters.requests, step.counters.exec_s)]


def _whole_step(step: LoadStep, number: int, counts: FloatArray, cpu_s: float) -> Windows:
    return Windows(
        counts=counts[None, :],
        cpu_s=np.array([cpu_s]),
        seconds=np.zeros(1),
        idle=np.zeros(1),
        lone=np.ones(1, dtype=bool),
        size=np.array([float(step.rows)]),
        step=np.array([number], dtype=np.int64),
    )
