"""Controls: what of the requests is known without simulating, so that its chance can be taken out of the estimates.

Two things of a replication have a known mean, and the latencies go along with both: how large the requests of a class
happened to be (their sizes are drawn from a stated law), and how much work happened to come close together, as the
workload of a plain single server that takes the same requests (its mean by Pollaczek and Khinchine). The regression on
them is in ``statistics`` (Lavenberg & Welch 1981; for quantiles Hesterberg & Nelson 1998). Nothing is assumed of how
the deployment answers: a control that tells nothing only widens an interval by a degree of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.system import FloatArray, IntArray, Requests

QUANTILES = (0.5, 0.95, 0.99)
SIZE, WITHIN, WORKLOADS = 0, 1, 1 + len(QUANTILES)
ROWS = WORKLOADS + 2
"""Rows: the size less its mean; for each quantile, whether the size is within its own, less that share; two workloads,
of Python and of all CPU work, less their means."""


SERVER_LOADS = (0.86, 0.93)
"""Load of the single servers whose workloads are the controls. Any value is right; with these they go along best with
the latencies of the default deployment (squared correlation 0.6 to 0.7 over batches of 20 to 80 s)."""


def controls(requests: Requests, streams: Sequence[Stream], of_class: Sequence[IntArray]) -> FloatArray:
    """One row a control, one column a request; each of mean zero. ``of_class`` are the requests of each stream."""
    found = np.zeros((ROWS, len(requests)))
    for number, stream in enumerate(streams):
        variance = math.log1p(stream.cost.cv**2)
        mean = stream.cost.app_cpu_s * stream.app_factor
        if variance <= 0.0 or mean <= 0.0:
            continue
        rows = of_class[number]
        size = requests.app_cpu_s[rows] / mean
        found[SIZE, rows] = size - 1.0
        for place, q in enumerate(QUANTILES):
            largest = math.exp(float(special.ndtri(q)) * math.sqrt(variance) - variance / 2)
            found[WITHIN + place, rows] = (size <= largest) - q
    if all(stream.cost.tail_share == 0.0 for stream in streams):
        for place, load in enumerate(SERVER_LOADS):
            sql = float(place)
            work = requests.app_cpu_s + sql * requests.database_cpu_s
            found[WORKLOADS + place] = _workload(requests.arrival_s, work, [_work(of, sql) for of in streams], load)
    return found


def _work(stream: Stream, sql: float) -> tuple[float, float, float]:
    """Rate, mean and coefficient of variation of a class's work, that in the database times ``sql``."""
    cost = stream.cost
    mean = cost.app_cpu_s * stream.app_factor + sql * cost.database_cpu_s * stream.database_factor
    return stream.rate_per_s, mean, cost.cv


def _workload(
    arrival_s: FloatArray, work_s: FloatArray, classes: Sequence[tuple[float, float, float]], load: float
) -> FloatArray:
    """The work that each arrival finds at a single server loaded so, less its mean (Pollaczek, Khinchine).

    Arrivals are Poisson and see the mean over time (Wolff 1982).
    """
    asked = sum(rate * mean for rate, mean, _ in classes)
    if asked <= 0.0 or len(work_s) == 0:
        return np.zeros(len(work_s))
    speed = asked / load
    second = sum(rate * mean**2 * (1.0 + cv**2) for rate, mean, cv in classes)
    steps = np.concatenate(([0.0], work_s[:-1])) - speed * np.diff(arrival_s, prepend=arrival_s[0])
    walk = np.cumsum(steps)
    found: FloatArray = walk - np.minimum.accumulate(np.minimum(walk, 0.0)) - second / (2.0 * (speed - asked))
    return found
