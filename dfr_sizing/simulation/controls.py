"""Controls: what of the requests is known without simulating, so that its chance can be taken out of the estimates.

Two things of a replication have a known mean, and the latencies go along with both: how large the requests of a class
happened to be (their sizes are drawn from a stated law), and how much work happened to come close together, as the
workload of a plain single server that takes the same requests (its mean by Pollaczek and Khinchine). The regression on
them is in ``statistics`` (Lavenberg & Welch 1981; for quantiles Hesterberg & Nelson 1998). Nothing is assumed of how
the deployment answers: a control that tells nothing only widens an interval by a degree of freedom.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from dfr_sizing.simulation.digest import QUANTILES, ROWS, SIZE, WITHIN, WORKLOADS
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.jit import compiled
from dfr_sizing.simulation.system import FloatArray, IntArray, Requests

_NORMAL = np.array([statistics.NormalDist().inv_cdf(q) for q in QUANTILES])

SERVER_LOADS = (0.86, 0.93)
"""Load of the single servers whose workloads are the controls. Any value is right; with these they go along best with
the latencies of the default deployment (squared correlation 0.6 to 0.7 over batches of 20 to 80 s)."""


def control_sums(requests: Requests, streams: Sequence[Stream], bin_of: IntArray, bins: int) -> FloatArray:
    """The sums of each control over the requests of a class in a bin: rows, classes, bins. Each control has mean zero.

    ``bin_of`` is each request's bin, below 0 where it does not count.
    """
    classes = len(streams)
    inverse_mean, largest = np.zeros(classes), np.zeros((len(QUANTILES), classes))
    for number, stream in enumerate(streams):
        variance = math.log1p(stream.cost.cv**2)
        mean = stream.app_cpu_s
        if variance > 0.0 and mean > 0.0:
            inverse_mean[number] = 1.0 / mean
            largest[:, number] = np.exp(_NORMAL * math.sqrt(variance) - variance / 2)
    servers = np.zeros((len(SERVER_LOADS), 3))
    if all(stream.cost.tail_share == 0.0 for stream in streams):
        for number, load in enumerate(SERVER_LOADS):
            servers[number] = _server(streams, float(number), load)
    sums = np.zeros((ROWS, classes, bins))
    _add_up(
        requests.class_index, bin_of, requests.arrival_s, requests.app_cpu_s, requests.database_cpu_s,
        inverse_mean, largest, np.array(QUANTILES), servers, sums,
    )  # fmt: skip
    return sums


def _server(streams: Sequence[Stream], sql: float, load: float) -> tuple[float, float, float]:
    """A single server that takes the requests' Python and ``sql`` times their SQL at this load.

    How much of the SQL; its speed; and the work that arrivals find there on average (Pollaczek, Khinchine: they are
    Poisson and see the mean over time, Wolff 1982). Zeros where there is no work.
    """
    classes = [_work(stream, sql) for stream in streams]
    asked = sum(rate * mean for rate, mean, _ in classes)
    if asked <= 0.0:
        return 0.0, 0.0, 0.0
    speed = asked / load
    second = sum(rate * mean**2 * (1.0 + cv**2) for rate, mean, cv in classes)
    return sql, speed, second / (2.0 * (speed - asked))


@compiled
def _add_up(
    class_index: IntArray, bin_of: IntArray, arrival_s: FloatArray, app_s: FloatArray, database_s: FloatArray,
    inverse_mean: FloatArray, largest: FloatArray, shares: FloatArray, servers: FloatArray, sums: FloatArray,
) -> None:  # fmt: skip
    """One pass over the requests; a server's work falls with time and rises with each request (Lindley)."""
    work = np.zeros(len(servers))
    for i in range(len(class_index)):
        of, at, elapsed = class_index[i], bin_of[i], arrival_s[i] - arrival_s[max(0, i - 1)]
        if at >= 0 and inverse_mean[of] > 0.0:
            size = app_s[i] * inverse_mean[of]
            sums[SIZE, of, at] += size - 1.0
            for place in range(len(shares)):
                sums[WITHIN + place, of, at] += (1.0 if size <= largest[place, of] else 0.0) - shares[place]
        for number in range(len(servers)):
            sql, speed, mean_work = servers[number]
            if speed > 0.0:
                found = max(0.0, work[number] - speed * elapsed)
                if at >= 0:
                    sums[WORKLOADS + number, of, at] += found - mean_work
                work[number] = found + app_s[i] + sql * database_s[i]


def _work(stream: Stream, sql: float) -> tuple[float, float, float]:
    """Rate, mean and coefficient of variation of a class's work, that in the database times ``sql``."""
    return stream.rate_per_s, stream.app_cpu_s + sql * stream.database_cpu_s, stream.cost.cv
