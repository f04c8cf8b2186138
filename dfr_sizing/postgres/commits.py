"""Group commit: who commits while the WAL is being flushed waits, and shares the next flush.

The queue in bulk of ``analytic.group_service``, with as many customers as there are connections, as in PostgreSQL's
XLogFlush: one backend holds WALWriteLock, the others wait for it (LWLockAcquireOrWait) and find themselves flushed, or
one of them flushes for all. With commit_delay the one that holds the lock waits first, if at least commit_siblings
other transactions are open (PostgreSQL manual 28.4, 19.5.1); who waits for a flush still counts as open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln, xlog1py, xlogy

from dfr_sizing.analytic import checks
from dfr_sizing.analytic.root import crossing
from dfr_sizing.postgres.popularity import FloatArray

IntArray = NDArray[np.int64]

MOST_BACKENDS = 500
"""Backends that are followed one by one; of more, a flush takes the same share as of so many (the chain is cubic)."""

RATE_WITHIN = 1e-10
"""Relative difference from the rate asked for at which a backend's own rate is found."""


@dataclass(frozen=True, slots=True)
class GroupCommit:
    """Commits that share a flush, flushes a second, mean seconds from asking for a flush to its end."""

    commits_per_flush: float
    flushes_per_s: float
    wait_s: float


@dataclass(frozen=True, slots=True)
class _Group:
    """Connections that commit: how long a transaction is open before it commits, a flush, and PostgreSQL's settings."""

    backends: int
    open_s: float
    flush_s: float
    delay_s: float
    siblings: float

    def cycle(self, each: float) -> tuple[float, float]:
        """Mean commits of a flush and mean seconds from one to the next; a free backend commits at rate ``each``."""
        free, sizes = self.backends - np.arange(self.backends + 1), np.arange(self.backends + 1)
        joins = _binomials(sizes, free, -math.expm1(-each * self.delay_s))
        comes = _binomials(np.zeros_like(sizes), free, -math.expm1(-each * self.flush_s))
        delayed = self._delayed(each, free)
        # From commits at the start of a flush to commits in it: those who join while it is delayed
        taken = delayed[:, None] * joins + np.diag(1.0 - delayed)
        first = np.maximum(sizes, 1)  # after a flush that nobody waits for, the next starts with the first to come
        step = (taken @ comes)[first]
        waiting = _stationary(step)
        groups = float(waiting @ (taken @ sizes)[first])
        idle = float(waiting[0]) / (each * self.backends)
        return groups, idle + self.flush_s + self.delay_s * float(waiting @ delayed[first])

    def _delayed(self, each: float, free: IntArray) -> FloatArray:
        """Probability that a flush of k is delayed: k - 1 others wait, and of the free ones some have begun."""
        if self.delay_s == 0.0:
            return np.zeros(self.backends + 1)
        # scipy.stats has this and the binomial below, and takes half a second to import: an answer asks for both.
        begun = min(1.0, each * self.open_s)
        others = np.arange(self.backends + 1) - 1
        missing = math.ceil(self.siblings) - others  # of the free ones so many at least
        more = bdtrc(np.clip(missing - 1, 0, free), free, begun)
        return np.where(missing <= 0, 1.0, np.where(missing > free, 0.0, more)).astype(np.float64)


def commits_per_flush(
    rate: float,
    commit_cpu_s: float,
    flush_latency_s: float,
    backends: int,
    commit_delay_s: float = 0.0,
    commit_siblings: float = 5,
) -> GroupCommit:
    """Group commit of ``backends`` connections that commit ``rate`` times a second together.

    ``commit_cpu_s`` is how long a transaction is open before it asks for its flush, ``flush_latency_s`` how long a
    flush takes. A backend that does not wait commits at a rate of its own, found so that all together have ``rate``; a
    flush of k leaves Binomial(backends - k, 1 - exp(-own rate x time)) commits that share the next: a chain at the
    ends of flushes, solved exactly. Where the rate is beyond what they can do, they commit without pause.
    """
    checks.at_least_zero("rate", rate)
    checks.at_least_zero("commit_cpu_s", commit_cpu_s)
    checks.above_zero("flush_latency_s", flush_latency_s)
    checks.whole("backends", backends, least=1)
    checks.at_least_zero("commit_delay_s", commit_delay_s)
    checks.at_least_zero("commit_siblings", commit_siblings)
    if rate == 0.0:
        return GroupCommit(1.0, 0.0, flush_latency_s)
    group = _Group(min(backends, MOST_BACKENDS), commit_cpu_s, flush_latency_s, commit_delay_s, commit_siblings)
    each = _own_rate(group, rate)
    commits, seconds = group.cycle(each)
    kept = commits / seconds
    return GroupCommit(commits, 1.0 / seconds, group.backends / kept - 1.0 / each)


def _own_rate(group: _Group, rate: float) -> float:
    """The rate of a free backend at which all together commit at ``rate``, or one that leaves no pause."""

    def excess(log_each: float) -> float:
        commits, seconds = group.cycle(math.exp(log_each))
        return commits / seconds - rate

    slowest = math.log(rate / group.backends) - 1e-6
    fastest = math.log(1e3 / (group.flush_s + group.delay_s))
    found = crossing(excess, slowest, fastest, within=RATE_WITHIN * rate) if slowest < fastest else math.inf
    return math.exp(found if found < math.inf else max(slowest, fastest))


def _binomials(first: IntArray, free: IntArray, probability: float) -> FloatArray:
    """Row k: the distribution of first[k] + Binomial(free[k], probability)."""
    more, of = np.arange(len(free))[None, :] - first[:, None], free[:, None]
    there = (more >= 0) & (more <= of)
    more = np.where(there, more, 0)
    chosen = gammaln(of + 1.0) - gammaln(more + 1.0) - gammaln(of - more + 1.0)
    chance = np.exp(chosen + xlogy(more, probability) + xlog1py(of - more, -probability))
    return np.where(there, chance, 0.0).astype(np.float64)


def _stationary(step: FloatArray) -> FloatArray:
    size = len(step)
    equations = np.vstack([step.T - np.eye(size), np.ones(size)])
    found, *_ = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)
    positive: FloatArray = np.maximum(found, 0.0)
    share: FloatArray = positive / positive.sum()
    return share
