"""One replication in the engine, and its digest: what runs in the worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dfr_sizing.simulation.compiled import simulate_open
from dfr_sizing.simulation.controls import control_sums
from dfr_sizing.simulation.digest import BINS, Digest
from dfr_sizing.simulation.draw import Stream, draw_open
from dfr_sizing.simulation.run import Job
from dfr_sizing.simulation.system import FloatArray, IntArray, Requests, System, Trace

F = TypeVar("F", bound=np.floating[Any])

LONGEST_OVER_P95 = 1.5
"""A request sent so many p95 of its class before the end, or later, does not count."""


def replicate(job: Job, replication: int) -> Digest:
    """One replication: draw, simulate, and keep what is needed."""
    requests = draw_open(job.streams, job.seconds, job.seed, replication)
    return digest(job.system, requests, simulate_open(job.system, requests, job.seconds), job.streams)


def digest(system: System, requests: Requests, trace: Trace, streams: Sequence[Stream] | None = None) -> Digest:
    """The digest of a replication; with the streams that it was drawn from, also its controls."""
    of, classes = requests.class_index, len(requests.class_names)
    sent = np.bincount(of, minlength=classes)
    rows = ByClass(of, np.argsort(of.astype(np.int16), kind="stable"), np.concatenate(([0], np.cumsum(sent))))
    latency = counted_latency(trace, rows)
    counted = np.isfinite(latency)
    bin_of = np.where(counted, np.minimum(trace.sent_s / trace.until_s * BINS, BINS - 1), -1).astype(np.int64)
    place = bin_of + 1  # what does not count has the first place, which is left out
    waiting = counted & np.isfinite(trace.worker_wait_s)

    def in_bins(values: FloatArray) -> FloatArray:
        return np.bincount(place, values, BINS + 1)[1:].astype(np.float64)

    counts = np.bincount(of * (BINS + 1) + place, minlength=classes * (BINS + 1)).reshape(classes, BINS + 1)[:, 1:]
    return Digest(
        class_names=requests.class_names,
        latencies=tuple(part[np.isfinite(part)] for part in rows.split(latency.astype(np.float32))),
        counts=counts,
        controls=control_sums(requests, streams, bin_of, BINS) if streams else np.zeros((0, classes, BINS)),
        waits=in_bins(np.where(waiting, trace.worker_wait_s, 0.0)),
        waited=in_bins(waiting.astype(np.float64)),
        slowness=in_bins(np.where(counted, _relative(latency, rows), 0.0)),
        counted=counts.sum(axis=0).astype(np.float64),
        sent=sent,
        failed=np.bincount(of[trace.failed], minlength=classes),
        finished=int(np.isfinite(trace.answered_s).sum()),
        begun=int(np.isfinite(trace.sent_s).sum()),
        until_s=trace.until_s,
        utilisation=_utilisation(system, trace),
    )


@dataclass(frozen=True, slots=True)
class ByClass:
    """Requests by class: ``of`` the class of each, ``order[edges[i]:edges[i + 1]]`` the rows of class i, in order."""

    of: IntArray
    order: IntArray
    edges: IntArray

    def split(self, values: npt.NDArray[F]) -> list[npt.NDArray[F]]:
        """The values of each class."""
        return np.split(values[self.order], self.edges[1:-1])

    def quantile(self, values: FloatArray, share: float) -> FloatArray:
        """Of each class, the value that this share of its finite ones are not above; NaN where there is none."""
        found = np.full(len(self.edges) - 1, np.nan)
        for index, part in enumerate(self.split(values)):
            known = int(np.isfinite(part).sum())
            if known:
                place = int(share * (known - 1))
                found[index] = np.partition(part, place)[place]  # which puts NaN at the end
        return found


def counted_latency(trace: Trace, rows: ByClass) -> FloatArray:
    """Latency of each request, NaN where it does not count.

    A request sent shortly before the end is left out if its class mostly takes longer than what was left, or long
    requests would be cut off and look short; one sent before that and still unanswered counts with its age.
    """
    sent, until = trace.sent_s, trace.until_s
    known = np.where(trace.failed, np.nan, trace.answered_s - sent)
    usual = np.minimum(LONGEST_OVER_P95 * rows.quantile(known, 0.95), until / 2)
    latency = np.where(np.isnan(known) & ~trace.failed, until - sent, known)
    latency[sent > (until - usual)[rows.of]] = np.nan
    return latency


def _relative(latency: FloatArray, rows: ByClass) -> FloatArray:
    """Latency over the p75 of its class and not above 1: how slow everything is, whatever the mix of classes.

    The few very slow requests would drown a warm-up in noise, and it shows in all the others as well.
    """
    usual = np.maximum(rows.quantile(latency, 0.75), 1e-300)
    return np.minimum(latency / usual[rows.of], 1.0)


def _utilisation(system: System, trace: Trace) -> dict[str, float]:
    busy = trace.cpu_busy_s / trace.until_s
    workers = trace.worker_busy_s / trace.until_s / (system.workers_per_node * system.nodes)
    return {
        "application CPU": float(busy[list(system.node_cpu)].mean()),
        "database CPU": float(busy[system.database_cpu]),
        "HTTP workers": workers,
        "database disk": (trace.disk_reads + trace.wal_flushes) / trace.until_s / system.disk.iops,
    }
