"""Windows of load steps made from known demands, without a simulation: cheap enough for a hundred fits.

And the recorded steps that the shipped model came from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dfr_sizing.calibration.runs import Run
from dfr_sizing.calibration.store import steps_of
from dfr_sizing.calibration.utilisation_law import Prior, Shared
from dfr_sizing.calibration.windows import Windows
from dfr_sizing.model import Model
from dfr_sizing.simulation.system import FloatArray

CV = np.array([0.2, 0.2, 0.3, 0.2])
APP = np.array([3.3e-3, 5.3e-3, 9.5e-3, 12.0e-3])
DATABASE = np.array([1.1e-3, 11.0e-3, 139e-3, 3.7e-3])
TRUTH = Shared(1.10, 1.04, 0.40)
BACKGROUND = (0.01, 0.02)
DRIFT = 0.02
"""Common error of a window, as calibration.drift."""
MIXES = np.array([[0.55, 0.25, 0.05, 0.15], [0.2, 0.5, 0.15, 0.15], [0.3, 0.2, 0.1, 0.4], [0.3, 0.3, 0.3, 0.1]])


class Level(NamedTuple):
    """A load step: requests a second, idle share, whether one user was alone."""

    rate: float
    idle: float
    lone: bool


LEVELS = (
    Level(30.0, 0.35, lone=True),
    Level(8.0, 0.75, lone=False),
    Level(18.0, 0.45, lone=False),
    Level(30.0, 0.1, lone=False),
    Level(40.0, 0.02, lone=False),
)


def windows(seed: int, mixes: FloatArray = MIXES, sizes: tuple[float, ...] = (1.0,)) -> tuple[Windows, Windows]:
    """Windows of Odoo and of PostgreSQL: every mix at every level, 12 windows of 5 s each."""
    rng = np.random.default_rng(seed)
    tables = ([], [])  # type: tuple[list[tuple[FloatArray, float, float, bool, float, int]], ...]
    steps = [(mix, level, size) for mix in mixes for level in LEVELS for size in sizes]
    for step, (mix, level, size) in enumerate(steps):
        for _ in range(12):
            counts = rng.poisson(5.0 * level.rate * mix).astype(float)
            idle = float(np.clip(level.idle + 0.05 * rng.standard_normal(), 0.0, 1.0))
            for place, demand in enumerate((APP, DATABASE)):
                grown = demand * (np.array([1.0, 1.0, size, 1.0]) if place else 1.0)
                busy = (TRUTH.app_busy, TRUTH.database_busy)[place]
                factor = 1.0 if level.lone else busy + TRUTH.slope * idle
                work = float((counts * grown + np.sqrt(counts) * CV * grown * rng.standard_normal(4)).sum())
                cpu = work * factor * (1.0 + DRIFT * float(rng.standard_normal())) + 5.0 * BACKGROUND[place]
                tables[place].append((counts, round(cpu, 2), idle, level.lone, size, step))
    found = [
        Windows(
            counts=np.array([row[0] for row in rows]),
            cpu_s=np.array([row[1] for row in rows]),
            seconds=np.full(len(rows), 5.0),
            idle=np.array([row[2] for row in rows]),
            lone=np.array([row[3] for row in rows]),
            size=np.array([row[4] for row in rows]),
            step=np.array([row[5] for row in rows]),
        )
        for rows in tables
    ]
    return found[0], found[1]


def priors(seed: int, error: float = 0.3) -> tuple[Prior, Prior]:
    """What a log would say: the demands, each off by its own factor, and all by a common one."""
    rng = np.random.default_rng((seed, 1))
    growth = np.array([0.0, 0.0, 1.0, 0.0])
    return (
        Prior(0.8 * APP * np.exp(error * rng.standard_normal(4)), CV, np.zeros(4)),
        Prior(DATABASE * np.exp(error * rng.standard_normal(4)), CV, growth),
    )


def first_recording(model: Model) -> dict[str, Run]:
    """The steps of the first recording that a model came from, by name."""
    return {run.tag.split("/")[1]: run for run in steps_of(model) if run.rows == model.table_rows}
