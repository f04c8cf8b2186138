"""Fits what a woken process waits for its turn: the grid point whose simulated latencies are nearest to the measured.

Demands are scaled to each run's own CPU per request, so that only the waiting is fitted.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np

from dfr_sizing.calibration.check import LIMITS, own_factors, predict
from dfr_sizing.calibration.runs import Run
from dfr_sizing.model import Model

DISPATCH_GRID = tuple(itertools.product((0.0, 0.05, 0.1, 0.2, 0.3, 0.4), (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)))
"""Waits (ms) for each process too many on a full host, and beside an overlooked core, that are tried."""
FIT_REQUESTS = 40_000
MOST = 4.0
"""A figure that is off by twice its limit or more counts so much: what no dispatch can mend is not to decide it."""


def with_dispatch(model: Model, dispatch_ms: float, misplaced_ms: float) -> Model:
    """The model with other dispatch parameters."""
    contention = replace(model.contention, dispatch_s=dispatch_ms / 1e3, misplaced_s=misplaced_ms / 1e3)
    return replace(model, contention=contention)


def misfit(model: Model, run: Run, seed: int) -> float:
    """How far simulated figures are off, demands scaled to the run: squared errors over their limits, up to MOST."""
    found = predict(model, run, *own_factors(model, run), seed, FIT_REQUESTS)
    off = {
        "throughput": found.throughput / run.throughput - 1.0,
        "mean": found.mean_s / run.mean_s - 1.0,
        "p95": found.p95_s / run.p95_s - 1.0,
    }
    return sum(min((off[name] / limit) ** 2, MOST) for name, limit in LIMITS.items())


def fit_dispatch(model: Model, runs: Sequence[Run], seed: int, processes: int = 2) -> Model:
    """The model with the dispatch parameters, from the grid, that have the least misfit over all runs."""
    candidates = [with_dispatch(model, *point) for point in DISPATCH_GRID]
    jobs = [(candidate, run) for candidate in candidates for run in runs]
    columns = ([job[0] for job in jobs], [job[1] for job in jobs], [seed] * len(jobs))
    if processes <= 1:
        found = list(map(misfit, *columns))
    else:
        with ProcessPoolExecutor(processes) as pool:
            found = list(pool.map(misfit, *columns))
    totals = np.array(found).reshape(len(candidates), len(runs)).sum(axis=1)
    return candidates[int(np.argmin(totals))]
