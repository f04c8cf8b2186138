"""Request classes beside the targets they are held to: what the pictures draw and where the design fails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dfr_sizing.model import request_classes
from dfr_sizing.recommend.types import FarmersPoint, Recommendation
from dfr_sizing.scenario import Scenario

TITLES = {
    "page_p95_s": "pages",
    "search_p95_s": "search by name",
    "report_p95_s": "reports and dashboards",
    "api_p95_ms": "external look-ups",
}
"""The targets that bind the p95 of a single request. Syncs and imports are promised as many requests in a row."""


@dataclass(frozen=True, slots=True)
class BreakPoint:
    """The first simulated number of farmers at which a single-request target is missed."""

    farmers: float
    target: str
    request_class: str
    p95_s: float
    target_s: float


def limit_s(scenario: Scenario, target: str) -> float:
    """The target in seconds."""
    mid = float(getattr(scenario.targets, target).mid)
    return mid / 1e3 if target.endswith("_ms") else mid


def class_title(name: str) -> str:
    """The class's name for people."""
    found = request_classes().get(name)
    return found.title if found else name


def worst_by_target(p95_s: Mapping[str, float]) -> dict[str, tuple[str, float]]:
    """For each target the slowest of the classes held to it: name and p95 in seconds. Classes without data are out."""
    worst: dict[str, tuple[str, float]] = {}
    for name, seconds in p95_s.items():
        found = request_classes().get(name)
        if found is None or found.target not in TITLES or not math.isfinite(seconds):
            continue
        if seconds > worst.get(found.target, ("", -1.0))[1]:
            worst[found.target] = (name, seconds)
    return {target: worst[target] for target in TITLES if target in worst}


def break_point(r: Recommendation) -> BreakPoint | None:
    """Where the recommended deployment first misses a target as farmers grow; None if no simulated point does."""
    for point in sorted(r.growth_curve, key=lambda point: point.farmers):
        missed = _missed(r.scenario, point)
        if missed is not None:
            return missed
    return None


def _missed(scenario: Scenario, point: FarmersPoint) -> BreakPoint | None:
    """The target that this point misses by the largest factor."""
    over = [
        BreakPoint(point.farmers, target, name, seconds, limit_s(scenario, target))
        for target, (name, seconds) in worst_by_target(point.p95_s).items()
        if seconds > limit_s(scenario, target)
    ]
    return max(over, key=lambda found: found.p95_s / found.target_s) if over else None
