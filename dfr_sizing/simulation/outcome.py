"""Digests to an Outcome: latency per class with intervals, utilisation of every resource, the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dfr_sizing.simulation.digest import BINS, QUANTILES, SIZE, WITHIN, WORKLOADS, Digest
from dfr_sizing.simulation.ordered import Ordered
from dfr_sizing.simulation.statistics import (
    NOTHING,
    Estimate,
    Sample,
    mean_estimate,
    mser,
    quantile_estimate,
    ratio,
    sum_in_a_row,
    surely_within,
)
from dfr_sizing.simulation.system import IntArray

BATCHES = 8
"""Batches of a replication, before they are merged: with the first four replications 31 degrees of freedom."""

WARM_UP_FROM = 4
"""Replications that say where the warm-up ends: those of the first round."""

LONGEST_WARM_UP = BINS // 3
"""A replication is several times as long as its warm-up; a cut beyond this is chance."""

KEPT = 256
"""Samples kept at hand: some fifteen classes of five named days, for a deployment and for one beside it."""

SYNC_CLASS = "mobile_sync_full"


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
    """What a simulated hour says. ``utilisation`` is by resource, 0 to 1; ``sync_500`` the latencies of syncs in a row.

    ``finished_share`` is below 1 where the run ended with requests under way, as in an overload. ``stopped_by`` says
    why no more was simulated: ``fixed`` (so much was asked for), ``precision``, or ``limit: `` and what fell short.
    ``extra_load`` is the share of CPU that rare classes took beyond the scenario in the runs that tell their figures.
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
    replications: int = 1
    stopped_by: str = "fixed"
    extra_load: float = 0.0

    @property
    def ranked_resources(self) -> tuple[tuple[str, float], ...]:
        """Resources from the fullest on: the bottleneck, then the next one."""
        return tuple(sorted(self.utilisation.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class Runs:
    """Replications of one system under one load, to be asked for estimates."""

    digests: tuple[Digest, ...]

    @property
    def warm_up(self) -> int:
        """Bins cut off at the start of every replication: by MSER, from the first replications together.

        A cut that each replication made for itself would leave out its busy start and keep its quiet one, a bias that
        more replications do not lessen. This one is set by the first few and known to be alike for all.
        """
        first = self.digests[:WARM_UP_FROM]
        counted = np.sum([found.counted for found in first], axis=0)
        slowness = np.sum([found.slowness for found in first], axis=0)
        return min(mser(np.where(counted > 0, slowness / np.maximum(counted, 1.0), 1.0)), LONGEST_WARM_UP)

    def estimate(self, name: str, what: str, confidence: float, in_a_row: int = 1) -> Estimate:
        """One figure of a class in seconds: ``mean``, ``p50``, ``p95``, ``p99``, ``sum`` (p95 of so many in a row)."""
        if name not in self.digests[0].class_names:
            return NOTHING
        return _estimate(self.digests, self.digests[0].class_names.index(name), what, confidence, in_a_row)

    def surely_within(self, name: str, limit_s: float, confidence: float) -> bool:
        """Whether 95 % of a class are answered within so many seconds, told by how few are not."""
        if name not in self.digests[0].class_names:
            return False
        return surely_within(_sample(self.digests, self.digests[0].class_names.index(name)), 0.95, limit_s, confidence)

    @property
    def requests(self) -> int:
        """Requests answered."""
        return sum(found.finished for found in self.digests)

    @property
    def utilisation(self) -> dict[str, float]:
        """By resource, 0 to 1, over all of the time."""
        seconds = sum(found.until_s for found in self.digests)
        return {
            name: sum(found.utilisation[name] * found.until_s for found in self.digests) / seconds
            for name in self.digests[0].utilisation
        }

    def counted(self) -> dict[str, int]:
        """The classes that came, and how many requests of each count."""
        found = {name: len(_sample(self.digests, at).values) for at, name in enumerate(self.digests[0].class_names)}
        return {name: requests for name, requests in found.items() if requests}

    def failed_share(self, name: str) -> float:
        """The share of a class that failed to connect."""
        index = self.digests[0].class_names.index(name)
        sent = sum(int(one.sent[index]) for one in self.digests)
        return sum(int(one.failed[index]) for one in self.digests) / max(1, sent)

    def p95_s(self, confidence: float) -> dict[str, float]:
        """Seconds within which 95 % of each class that came are answered."""
        return {name: self.estimate(name, "p95", confidence).value for name in self.counted()}


@dataclass(frozen=True, slots=True)
class RareRuns:
    """Replications in which the classes of these ``names`` came more often: what is told of them is read from here."""

    runs: Runs
    names: frozenset[str]


@lru_cache(maxsize=KEPT)
def _sample(digests: tuple[Digest, ...], index: int) -> Sample:
    """The latencies of the class with this index, all controls with them."""
    cut = Runs(digests).warm_up
    starts = _batch_starts(cut)
    counts = np.concatenate([np.add.reduceat(found.counts[index], starts) for found in digests])
    controls = [np.add.reduceat(found.controls[:, index], starts, axis=1) for found in digests]
    return Sample(
        values=np.concatenate([found.latencies[index][found.counts[index, :cut].sum() :] for found in digests]),
        counts=counts,
        replication=np.repeat(np.arange(len(digests)), len(starts)),
        controls=np.concatenate(controls, axis=1),
    )


@lru_cache(maxsize=KEPT)
def _ordered(digests: tuple[Digest, ...], index: int) -> Ordered:
    """The same latencies by rank."""
    return Ordered(_sample(digests, index).values)


@lru_cache(maxsize=4 * KEPT)
def _estimate(digests: tuple[Digest, ...], index: int, what: str, confidence: float, in_a_row: int) -> Estimate:
    """Kept: a plan's figures are held to the targets, and shown, and may be those of another plan."""
    sample = _sample(digests, index)
    if what == "sum":
        return sum_in_a_row(sample, in_a_row, 0.95, confidence)
    if what == "mean":
        return mean_estimate(_for_mean(sample), confidence)
    place = ("p50", "p95", "p99").index(what)
    return quantile_estimate(_for_quantile(sample, place), QUANTILES[place], confidence, _ordered(digests, index))


def _for_mean(sample: Sample) -> Sample:
    return sample.with_controls((SIZE, WORKLOADS, WORKLOADS + 1)) if len(sample.controls) else sample


def _for_quantile(sample: Sample, place: int) -> Sample:
    return sample.with_controls((WITHIN + place, WORKLOADS, WORKLOADS + 1)) if len(sample.controls) else sample


def outcome(
    runs: Runs,
    confidence: float,
    sync_batches: int,
    stopped_by: str = "fixed",
    extra: float = 0.0,
    rare: RareRuns | None = None,
) -> Outcome:
    """One Outcome of the replications of a system, and of those with ``rare`` classes sent more often, if any.

    ``sync_batches`` requests of class mobile_sync_full, one after the other, make a sync of 500 farmers.
    """
    digests = runs.digests
    seconds = sum(found.until_s for found in digests)
    finished = runs.requests
    more = rare.runs.digests if rare else ()
    return Outcome(
        classes=_ByClass(runs, rare, confidence),
        throughput=finished / seconds,
        utilisation=runs.utilisation,
        worker_wait=_waits(digests, confidence),
        sync_500=_telling(SYNC_CLASS, runs, rare).estimate(SYNC_CLASS, "sum", confidence, sync_batches),
        finished_share=finished / max(1, sum(found.begun for found in digests)),
        confidence=confidence,
        simulated_s=seconds + sum(found.until_s for found in more),
        simulated_requests=finished + (rare.runs.requests if rare else 0),
        replications=len(digests) + len(more),
        stopped_by=stopped_by,
        extra_load=extra,
    )


def _telling(name: str, runs: Runs, rare: RareRuns | None) -> Runs:
    """The replications that a class is read from."""
    return rare.runs if rare and name in rare.names else runs


class _ByClass(Mapping[str, ClassOutcome]):
    """Each class that came. Its figures are worked out when asked for: of an alternative nobody asks for most."""

    def __init__(self, runs: Runs, rare: RareRuns | None, confidence: float) -> None:
        counted = {True: rare.runs.counted() if rare else {}, False: runs.counted()}
        self._confidence = confidence
        self._telling = {name: _telling(name, runs, rare) for name in runs.digests[0].class_names}
        self._requests = {name: counted[telling is not runs].get(name, 0) for name, telling in self._telling.items()}
        self._names = tuple(name for name, requests in self._requests.items() if requests)

    def __getitem__(self, name: str) -> ClassOutcome:
        if name not in self._names:
            raise KeyError(name)
        telling = self._telling[name]
        mean, p50, p95, p99 = (telling.estimate(name, what, self._confidence) for what in ("mean", "p50", "p95", "p99"))
        return ClassOutcome(name, self._requests[name], mean, p50, p95, p99, telling.failed_share(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _waits(digests: Sequence[Digest], confidence: float) -> Estimate:
    """The mean wait for a worker over all classes, from sums by bin."""
    starts = _batch_starts(Runs(tuple(digests)).warm_up)
    sums = np.concatenate([np.add.reduceat(found.waits, starts) for found in digests])
    counts = np.concatenate([np.add.reduceat(found.waited, starts) for found in digests])
    n = int(counts.sum())
    if n == 0:
        return NOTHING
    replication = np.repeat(np.arange(len(digests)), len(starts))
    bare = Sample(np.empty(0), counts.astype(np.int64), replication, np.empty((0, len(counts))))
    value, (down, up) = float(sums.sum()) / n, ratio(sums, bare).ends(confidence)
    return Estimate(value, max(0.0, value - down), value + up, n)


def _batch_starts(cut: int) -> IntArray:
    """The bins with which the batches of a replication begin, after so many bins are cut off."""
    return np.unique(np.linspace(cut, BINS, BATCHES + 1)[:-1].astype(np.int64))
