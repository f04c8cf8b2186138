"""One replication in the engine, and its digest: what runs in the worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from dfr_sizing.simulation.compiled import simulate_open
from dfr_sizing.simulation.controls import control_sums
from dfr_sizing.simulation.digest import BINS, Digest
from dfr_sizing.simulation.draw import Stream, draw_open
from dfr_sizing.simulation.run import Job
from dfr_sizing.simulation.system import FloatArray, IntArray, Requests, System, Trace

LONGEST_OVER_P95 = 1.5
"""A request sent so many p95 of its class before the end, or later, does not count."""


def replicate(job: Job, replication: int) -> Digest:
    """One replication: draw, simulate, and keep what is needed."""
    requests = draw_open(job.streams, job.seconds, job.seed, replication)
    return digest(job.system, requests, simulate_open(job.system, requests, job.seconds), job.streams)


def digest(system: System, requests: Requests, trace: Trace, streams: Sequence[Stream] | None = None) -> Digest:
    """The digest of a replication; with the streams that it was drawn from, also its controls."""
    classes = len(requests.class_names)
    order = np.argsort(requests.class_index.astype(np.int16), kind="stable")
    edges = np.searchsorted(requests.class_index[order], np.arange(classes + 1))
    latency = counted_latency(trace, order, edges)
    counted = np.isfinite(latency)
    bin_of = np.where(counted, np.minimum(trace.sent_s / trace.until_s * BINS, BINS - 1), -1).astype(np.int64)
    slowness = np.bincount(bin_of[counted], _relative(latency, order, edges)[counted], BINS)
    of_class = [order[first:last] for first, last in pairwise(edges)]
    latencies, counts = [], np.zeros((classes, BINS), np.int64)
    for index in range(classes):
        rows = of_class[index]
        rows = rows[bin_of[rows] >= 0]  # in order of sending, and so of bins
        latencies.append(latency[rows].astype(np.float32))
        counts[index] = np.bincount(bin_of[rows], minlength=BINS)
    waiting = np.flatnonzero((bin_of >= 0) & np.isfinite(trace.worker_wait_s))
    sent = np.diff(edges)
    return Digest(
        class_names=requests.class_names,
        latencies=tuple(latencies),
        counts=counts,
        controls=control_sums(requests, streams, bin_of, BINS) if streams else np.zeros((0, classes, BINS)),
        waits=np.bincount(bin_of[waiting], trace.worker_wait_s[waiting], BINS).astype(np.float64),
        waited=np.bincount(bin_of[waiting], minlength=BINS).astype(np.float64),
        slowness=slowness.astype(np.float64),
        counted=counts.sum(axis=0).astype(np.float64),
        sent=sent,
        failed=np.bincount(requests.class_index[trace.failed], minlength=classes),
        finished=int(np.isfinite(trace.answered_s).sum()),
        begun=int(np.isfinite(trace.sent_s).sum()),
        until_s=trace.until_s,
        utilisation=_utilisation(system, trace),
    )


def counted_latency(trace: Trace, order: IntArray, edges: IntArray) -> FloatArray:
    """Latency of each request, NaN where it does not count; ``order[edges[i]:edges[i + 1]]`` are the rows of class i.

    A request sent shortly before the end is left out if its class mostly takes longer than what was left, or long
    requests would be cut off and look short; one sent before that and still unanswered counts with its age.
    """
    sent, until = trace.sent_s, trace.until_s
    answered = np.isfinite(trace.answered_s)
    latency = np.where(answered, trace.answered_s, until) - sent
    latency[trace.failed] = np.nan
    for first, last in pairwise(edges):
        rows = order[first:last]
        known = latency[rows[answered[rows] & ~trace.failed[rows]]]
        if len(known):
            place = int(0.95 * (len(known) - 1))
            usual = LONGEST_OVER_P95 * float(np.partition(known, place)[place])
            latency[rows[sent[rows] > until - min(usual, until / 2)]] = np.nan
    return latency


def _relative(latency: FloatArray, order: IntArray, edges: IntArray) -> FloatArray:
    """Latency over the p75 of its class and not above 1: how slow everything is, whatever the mix of classes.

    The few very slow requests would drown a warm-up in noise, and it shows in all the others as well.
    """
    found = np.full(len(latency), np.nan)
    for first, last in pairwise(edges):
        rows = order[first:last]
        rows = rows[np.isfinite(latency[rows])]
        if len(rows):
            place = int(0.75 * (len(rows) - 1))
            usual = max(float(np.partition(latency[rows], place)[place]), 1e-300)
            found[rows] = np.minimum(latency[rows] / usual, 1.0)
    return found


def _utilisation(system: System, trace: Trace) -> dict[str, float]:
    busy = trace.cpu_busy_s / trace.until_s
    workers = trace.worker_busy_s / trace.until_s / (system.workers_per_node * system.nodes)
    return {
        "application CPU": float(busy[list(system.node_cpu)].mean()),
        "database CPU": float(busy[system.database_cpu]),
        "HTTP workers": workers,
        "database disk": (trace.disk_reads + trace.wal_flushes) / trace.until_s / system.disk.iops,
    }
