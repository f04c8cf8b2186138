"""Popularity from what PostgreSQL counted (pg_statio_user_tables, pg_statio_user_indexes) at several cache sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import least_squares

from dfr_sizing.interval import Interval
from dfr_sizing.postgres.cache import Policy, Relation, shared_buffers
from dfr_sizing.postgres.popularity import FloatArray, Popularity

START = Popularity(0.7, 0.2)
"""Where the search begins, and where a relation stays whose reads tell nothing."""
PULL = 1e-3
"""Weight of the start, against residuals in points of the hit ratio: it decides only where nothing else does."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was counted at one cache size: the relations' use (their popularity is ignored) and pages read a second.

    ``reads_per_s`` are all reads (pg_statio); ``scan_reads_per_s`` those of them by scans in a ring, where there are
    any (pg_stat_io, context bulkread). Without the latter the reads of touches drown in those of scans.
    """

    buffers: float
    relations: tuple[Relation, ...]
    reads_per_s: Mapping[str, float]
    scan_reads_per_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Popularity by relation; ``worst_points`` is the largest error of an observation's hit ratio, in points."""

    popularity: Mapping[str, Popularity]
    worst_points: float

    def applied(self, relations: Sequence[Relation]) -> tuple[Relation, ...]:
        """The relations with the popularity that was fitted; one that was not seen is taken to start from."""
        return tuple(replace(r, popularity=self.popularity.get(r.name, START)) for r in relations)


def fit(observations: Sequence[Observation], policy: Policy = Policy.CLOCK) -> Fitted:
    """Exponent and uniform share of each relation, all together, for they share one cache.

    Least squares on the hit ratio of each relation, in points of all accesses, and on its own reads relative to their
    size. Raises ValueError where there are fewer than two cache sizes: one tells the reads, but not how they fall.
    """
    sizes = {observation.buffers for observation in observations}
    if len(sizes) < 2:
        raise ValueError(f"{len(sizes)} cache size was observed, but it takes 2 or more to fit a popularity")
    names = sorted({relation.name for each in observations for relation in each.relations})
    at_start = np.tile(_to_free(START), len(names))

    def residuals(free: FloatArray) -> FloatArray:
        popularity = dict(zip(names, map(_from_free, free.reshape(-1, 2)), strict=True))
        errors = [error for each in observations for error in _errors(each, popularity, policy)]
        return np.array([*errors, *(PULL * (free - at_start))])

    found = least_squares(residuals, at_start, bounds=(-7.0, 7.0), x_scale=1.0, diff_step=[1e-4], max_nfev=200)
    popularity = dict(zip(names, map(_from_free, found.x.reshape(-1, 2)), strict=True))
    return Fitted(popularity, max(abs(_points(each, popularity, policy)) for each in observations))


def measured_range(hit_ratio: float, buffers_then: float, buffers: float, cold_share: float) -> Interval:
    """The hit ratio at another cache size where it was measured at one only: bounds, and the middle of them.

    It neither falls with more pages nor grows faster than they do: under independent references the hit ratio is
    concave in the cache's size (by Che's formula each further page brings the mean rate of the pages just outside,
    which falls). The middle takes the reads that are not to cold pages, a
    ``cold_share``, to be found at once.
    """
    if not 0.0 <= hit_ratio <= 1.0:
        raise ValueError(f"hit_ratio is {hit_ratio}, but must be from 0 to 1")
    times = buffers / buffers_then
    limit = min(1.0, hit_ratio * times)
    low, high = min(hit_ratio, limit), max(hit_ratio, limit)
    misses = 1.0 - hit_ratio
    # Cold touches are uniform: their share found is that of the pages, at most all that miss now
    middle = hit_ratio + min(misses, cold_share) * (1.0 - 1.0 / max(1.0, times))
    if times < 1.0:
        middle = hit_ratio * times ** (1.0 - START.exponent)
    return Interval(low, min(high, max(low, middle)), high)


def _errors(observation: Observation, popularity: Mapping[str, Popularity], policy: Policy) -> list[float]:
    relations = [replace(r, popularity=popularity[r.name]) for r in observation.relations]
    cache = shared_buffers(relations, observation.buffers, policy)
    accesses = sum(r.accesses_per_s for r in relations)
    errors = []
    for relation in relations:
        hits, counted = cache.of(relation.name), observation.reads_per_s[relation.name]
        missed = hits.reads_per_s - counted
        if relation.name in observation.scan_reads_per_s:
            # What touches read tells of the popularity; what a scan reads tells more of when it came
            counted -= observation.scan_reads_per_s[relation.name]
            missed = hits.reads_per_s - hits.scan_reads_per_s - counted
        errors.append(100.0 * missed / max(1e-9, accesses))
        # A relation of few reads counts too, by its own measure
        errors.append(missed / max(1e-9, np.sqrt(max(counted, 1.0) * max(relation.touches_per_s, 1.0))))
    return errors


def _points(observation: Observation, popularity: Mapping[str, Popularity], policy: Policy) -> float:
    relations = [replace(r, popularity=popularity[r.name]) for r in observation.relations]
    cache = shared_buffers(relations, observation.buffers, policy)
    accesses = sum(r.accesses_per_s for r in relations)
    measured = 1.0 - sum(observation.reads_per_s[r.name] for r in relations) / max(1e-9, accesses)
    return 100.0 * (cache.hit_ratio - measured)


def _to_free(popularity: Popularity) -> FloatArray:
    values = np.array([popularity.exponent, popularity.uniform_share])
    free: FloatArray = np.log(values / (1.0 - values))
    return free


def _from_free(free: FloatArray) -> Popularity:
    exponent, uniform = 1.0 / (1.0 + np.exp(-free))
    return Popularity(float(exponent), float(uniform))
