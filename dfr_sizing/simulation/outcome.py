"""Traces to an Outcome: latency per class with intervals, utilisation of every resource, the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dfr_sizing.simulation.statistics import Estimate, mean_estimate, mser5, quantile_estimate
from dfr_sizing.simulation.system import FloatArray, IntArray, Requests, System, Trace

QUANTILES = (0.5, 0.95, 0.99)
BATCHES = 8
"""Batches of each run: with two runs, 15 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class ClassOutcome:
    """Latency of one request class in seconds, as the client sees it, and the share that failed to connect."""

    name: str
    requests: int
    mean: Estimate
    p50: Estimate
    p95: Estimate
    p99: Estimate
    failed_share: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulated hour says. ``utilisation`` is by resource, 0 to 1; ``sums`` the latencies of requests in a row.

    ``finished_share`` is below 1 where the run ended with requests under way, as in an overload.
    """

    classes: Mapping[str, ClassOutcome]
    throughput: float
    utilisation: Mapping[str, float]
    worker_wait: Estimate
    sync_500: Estimate
    finished_share: float
    confidence: float
    simulated_s: float
    simulated_requests: int

    @property
    def failed_share(self) -> float:
        """The share of the class that fails most often."""
        return max((found.failed_share for found in self.classes.values()), default=0.0)

    @property
    def ranked_resources(self) -> tuple[tuple[str, float], ...]:
        """Resources from the fullest on: the bottleneck, then the next one."""
        return tuple(sorted(self.utilisation.items(), key=lambda item: -item[1]))


def counted_latency(trace: Trace, requests: Requests) -> FloatArray:
    """Latency of each request, NaN where it does not count.

    A request sent shortly before the end is left out if its class mostly takes longer than what was left, or long
    requests would be cut off and look short; one sent before that and still unanswered counts with its age.
    """
    sent, until = trace.sent_s, trace.until_s
    latency = np.where(np.isfinite(trace.answered_s), trace.answered_s, until) - sent
    latency[trace.failed] = np.nan
    for index in range(len(requests.class_names)):
        rows = requests.class_index == index
        answered = rows & np.isfinite(trace.answered_s)
        if answered.any():
            usual = 1.5 * float(np.quantile(latency[answered], 0.95))
            latency[rows & (sent > until - min(usual, until / 2))] = np.nan
    return latency


def in_batches(trace: Trace, latency: FloatArray) -> list[IntArray]:
    """Rows of a run's batches: the warm-up cut, then equal spans of sending time."""
    rows = np.flatnonzero(np.isfinite(latency))
    if len(rows) == 0:
        return [rows] * BATCHES
    sent = trace.sent_s[rows]
    edges = np.linspace(sent[mser5(latency[rows])], sent[-1], BATCHES + 1)[1:-1]
    which = np.searchsorted(edges, sent, side="right")
    which[: mser5(latency[rows])] = BATCHES
    return [rows[which == batch] for batch in range(BATCHES)]


def outcome(
    system: System, runs: Sequence[tuple[Requests, Trace]], confidence: float, sync_batches: int, seed: int
) -> Outcome:
    """One Outcome of several runs of the same system (replications).

    ``sync_batches`` requests of class mobile_sync_full, one after the other, make a sync of 500 farmers.
    """
    batches: list[FloatArray] = []
    waits: list[FloatArray] = []
    classes: list[IntArray] = []
    for requests, trace in runs:
        latency = counted_latency(trace, requests)
        for rows in in_batches(trace, latency):
            batches.append(latency[rows])
            waits.append(trace.worker_wait_s[rows[np.isfinite(trace.worker_wait_s[rows])]])
            classes.append(requests.class_index[rows])
    names = runs[0][0].class_names
    by_class = {}
    for index, name in enumerate(names):
        of_class = [latency[which == index] for latency, which in zip(batches, classes, strict=True)]
        if sum(map(len, of_class)):
            by_class[name] = _class_outcome(name, index, of_class, runs, confidence)
    seconds = sum(trace.until_s for _, trace in runs)
    sent = sum(int(np.isfinite(trace.sent_s).sum()) for _, trace in runs)
    finished = sum(int(np.isfinite(trace.answered_s).sum()) for _, trace in runs)
    return Outcome(
        classes=by_class,
        throughput=finished / seconds,
        utilisation=_utilisation(system, [trace for _, trace in runs]),
        worker_wait=mean_estimate(waits, confidence),
        sync_500=_sum_in_a_row(names, batches, classes, sync_batches, confidence, seed),
        finished_share=finished / max(1, sent),
        confidence=confidence,
        simulated_s=seconds,
        simulated_requests=finished,
    )


def _class_outcome(
    name: str,
    index: int,
    latencies: list[FloatArray],
    runs: Sequence[tuple[Requests, Trace]],
    confidence: float,
) -> ClassOutcome:
    quantiles = [quantile_estimate(latencies, q, confidence) for q in QUANTILES]
    sent = sum(int((requests.class_index == index).sum()) for requests, _ in runs)
    failed = sum(int(trace.failed[requests.class_index == index].sum()) for requests, trace in runs)
    return ClassOutcome(
        name=name,
        requests=sum(map(len, latencies)),
        mean=mean_estimate(latencies, confidence),
        p50=quantiles[0],
        p95=quantiles[1],
        p99=quantiles[2],
        failed_share=failed / max(1, sent),
    )


def _utilisation(system: System, traces: Sequence[Trace]) -> dict[str, float]:
    seconds = sum(trace.until_s for trace in traces)
    busy = sum((trace.cpu_busy_s for trace in traces), np.zeros(len(system.cpus))) / seconds
    reads = sum(trace.disk_reads + trace.wal_flushes for trace in traces) / seconds
    workers = sum(trace.worker_busy_s for trace in traces) / seconds / (system.workers_per_node * system.nodes)
    return {
        "application CPU": float(busy[list(system.node_cpu)].mean()),
        "database CPU": float(busy[system.database_cpu]),
        "HTTP workers": workers,
        "database disk": reads / system.disk.iops,
    }


def _sum_in_a_row(
    names: Sequence[str],
    batches: list[FloatArray],
    classes: list[IntArray],
    count: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """95 % quantile of ``count`` full-batch syncs in a row, from the simulated ones drawn with replacement.

    The interval is by bootstrap (Efron 1979) over the simulated syncs.
    """
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    if "mobile_sync_full" not in names:
        return nothing
    index = list(names).index("mobile_sync_full")
    pool = np.concatenate([latency[which == index] for latency, which in zip(batches, classes, strict=True)])
    if len(pool) < 2:
        return nothing
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(count,)))
    sums = rng.choice(pool, (400, count)).sum(axis=1)
    resampled = [
        float(np.quantile(rng.choice(rng.choice(pool, len(pool)), (100, count)).sum(axis=1), 0.95)) for _ in range(60)
    ]
    value = float(np.quantile(sums, 0.95))
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, min(value, float(low)), max(value, float(high)), len(pool))
