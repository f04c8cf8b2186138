"""A whole day through the engine: arrivals that rise and fall by the hour, demands that depend on how busy it is.

A day of a large registry is tens of millions of requests. It is simulated in passes: each goes through all 24 hours
without a break, at the day's own rates, with each hour shortened to the same part; as many passes as that part fits
into 1 have the requests of the whole day. Queues form and drain within seconds, so an hour of a minute is an hour to
them; what builds up through many hours (credits of a burstable host) would need one pass of full length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfr_sizing.demand import HOURS
from dfr_sizing.simulation.draw import HOUR_S, Profile, draw_day
from dfr_sizing.simulation.system import FloatArray, System


@dataclass(frozen=True, slots=True)
class DayJob:
    """One deployment through a day. ``compress``: by how much a pass shortens each hour.

    So many passes have the requests of the whole day between them.
    """

    system: System
    profiles: tuple[Profile, ...]
    compress: int
    seed: int

    @property
    def requests(self) -> float:
        """Requests of the whole day."""
        return requests_of_day(self.profiles)


@dataclass(frozen=True, slots=True)
class DayPass:
    """One pass: ``latencies[hour][class]`` in seconds, by hour of sending; ``busy[hour, host]`` occupied share."""

    class_names: tuple[str, ...]
    latencies: tuple[tuple[npt.NDArray[np.float32], ...], ...]
    busy: FloatArray
    requests: int


def requests_of_day(profiles: Sequence[Profile]) -> float:
    """Requests that come from midnight to midnight."""
    return HOUR_S * sum(sum(profile.rate_by_hour) for profile in profiles)


def compress_for(profiles: Sequence[Profile], requests: float, shortest_hour_s: float) -> int:
    """By how much to shorten the hours so that a pass has about so many requests, but no hour is shorter than that."""
    wanted = round(requests_of_day(profiles) / requests)
    return max(1, min(wanted, math.floor(HOUR_S / shortest_hour_s)))


def simulate_pass(job: DayJob, number: int) -> DayPass:
    """One pass: draw, simulate, and sort by hour. A request still unanswered at the end counts with its age."""
    from dfr_sizing.simulation.compiled import simulate_open  # as in run: only where it runs

    requests = draw_day(job.profiles, job.seed, number, job.compress)
    hour_s = HOUR_S / job.compress
    end = HOURS * hour_s
    # A mark on the very end would not be reached: the run stops there.
    marks = np.append(np.arange(1, HOURS) * hour_s, end * (1.0 - 1e-9))
    trace = simulate_open(job.system, requests, end, marks)
    latency = np.where(np.isfinite(trace.answered_s), trace.answered_s, end) - trace.sent_s
    latency[trace.failed] = np.nan
    hour_of = np.minimum(requests.arrival_s / hour_s, HOURS - 1).astype(np.int64)
    classes = len(requests.class_names)
    place = hour_of * classes + requests.class_index
    order = np.argsort(place, kind="stable")
    parts = np.split(latency[order].astype(np.float32), np.searchsorted(place[order], np.arange(1, HOURS * classes)))
    kept = [part[np.isfinite(part)] for part in parts]
    return DayPass(
        class_names=requests.class_names,
        latencies=tuple(tuple(kept[hour * classes : (hour + 1) * classes]) for hour in range(HOURS)),
        busy=np.diff(trace.cpu_busy_at_marks_s, axis=0, prepend=0.0) / hour_s,
        requests=int(np.isfinite(trace.answered_s).sum()),
    )


def p95_of_hour(passes: Sequence[DayPass], hour: int) -> Mapping[str, float]:
    """Seconds within which 95 % of each class are answered that are sent in that hour."""
    found = {}
    for index, name in enumerate(passes[0].class_names):
        pooled = np.concatenate([one.latencies[hour][index] for one in passes])
        if len(pooled):
            found[name] = float(np.quantile(pooled, 0.95))
    return found
