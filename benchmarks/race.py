"""Contenders that run in turn, repeat by repeat, so that a noisy machine disturbs all of them alike."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from dfr_sizing.simulation.system import FloatArray

Run = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to simulate ``requests`` requests.

    ``prepare(requests, seed)`` does what does not count and returns what is timed; a short run is timed over several
    ``calls``, as one would be lost in the clock. ``times`` reads every request's time in system from what the run
    returned, after the clock has stopped.
    """

    name: str
    prepare: Callable[[int, int], Run]
    requests: int
    times: Callable[[Any], FloatArray]
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Lap:
    """One contender in one repeat: requests a second of CPU time, and how long each was in the system."""

    per_s: float
    times: FloatArray


Laps = Mapping[str, Sequence[Lap]]

RATIOS = {"simpy": "ratio", "ciw": "ciw_ratio", "event_list": "event_list_ratio"}
"""What the ratio to a contender is called in the figures."""

WARM_UP = 500
"""Requests before the first timed run: whatever compiles, has then compiled."""


def race(contenders: Sequence[Contender], repeats: int, seed: int) -> dict[str, list[Lap]]:
    """Warm every contender up, then time them in turn (A B C A B C ...); repeat i has the seed ``seed + i``."""
    for each in contenders:
        each.prepare(WARM_UP, seed)()
    laps: dict[str, list[Lap]] = {each.name: [] for each in contenders}
    for repeat in range(repeats):
        for each in contenders:
            run = each.prepare(each.requests, seed + repeat)
            gc.collect()  # what the one before left behind is not this one's work
            start = time.process_time()
            for _ in range(each.calls):
                result = run()
            seconds = time.process_time() - start
            laps[each.name].append(Lap(each.requests * each.calls / seconds, each.times(result)))
    return laps


def figures(laps: Laps) -> dict[str, float]:
    """Requests a second of all, and how many times as fast as each of the others the compiled engine is."""
    found = {f"{name}_per_s": rate(laps, name) for name in laps}
    return found | {RATIOS[name]: ratio(laps, "compiled", name) for name in laps if name in RATIOS}


def rate(laps: Laps, name: str) -> float:
    """Median requests a second over the repeats."""
    return median(lap.per_s for lap in laps[name])


def ratio(laps: Laps, name: str, other: str) -> float:
    """Median over the repeats of how many times as fast ``name`` was as ``other`` in the same repeat."""
    return median(one.per_s / two.per_s for one, two in zip(laps[name], laps[other], strict=True))


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {"cpu": _cpu(), "python": platform.python_version(), **{name: version(name) for name in _MATTER}}


_MATTER = ("numba", "numpy", "simpy", "ciw")


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
