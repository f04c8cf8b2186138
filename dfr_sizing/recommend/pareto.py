"""The Pareto front: five-year cost against p95, RTO and availability.

Every point is a deployment that was simulated, one application node down, with one of the ways to recover, whose RTO
and availability the room recovery/ computes. Simulated are those that the search judged and a few more: for each of
some budgets above the recommended cost the deployment that the closed form calls fastest. A point is dropped where
another is as good in all four and better in one. The p95 is that of the target that binds on the recommended
deployment, so that all points are measured alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dfr_sizing.recommend.candidates import ALL_WAYS, Candidate, PlaceOptions, Way, in_order_of_cost
from dfr_sizing.recommend.choice_types import Objectives, ParetoFront, ParetoPoint
from dfr_sizing.recommend.evaluate import latency_checks, recovery_of
from dfr_sizing.recommend.least_times import LeastTimes
from dfr_sizing.recommend.promises import PER_SECOND, Promise, promises
from dfr_sizing.recommend.recovery import bill_with
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.trial import Trial
from dfr_sizing.recommend.types import Plan, TargetCheck
from dfr_sizing.simulation.statistics import Estimate

T = TypeVar("T")

BUDGETS = (1.1, 1.25, 1.5, 2.0)
"""Times the recommended five-year cost: what a little more, half as much again, and twice the money would buy."""

DOWN = 1
"""Application nodes that are down in every point."""


def undominated(points: Iterable[T], of: Callable[[T], Objectives]) -> list[T]:
    """The points that no other one dominates, in the order given."""
    kept = list(points)
    return [one for one in kept if not any(of(other).dominates(of(one)) for other in kept)]


@dataclass(frozen=True, slots=True)
class _Simulated:
    """A deployment with its trial and what came of the latency targets."""

    candidate: Candidate
    trial: Trial
    checks: tuple[TargetCheck, ...]


def begin_front(
    search: Search, chosen: Candidate, recommended: Plan, options: Sequence[PlaceOptions]
) -> Callable[[], ParetoFront]:
    """Begin to simulate what the front needs; what is returned waits for it."""
    binding = binding_check(recommended)
    promise = next(one for one in promises(search.design) if one.name == binding.name)
    deployments = _one_of_a_shape([chosen, *search.simulated_candidates, *_faster(search, chosen, promise, options)])
    waiting = [(one, search.simulated(one.topology, DOWN, exactly=False)) for one in deployments]

    def found() -> ParetoFront:
        confidence = search.design.scenario.targets.confidence.mid
        points = []
        for candidate, wait in waiting:
            trial, _ = wait()
            checks = latency_checks(trial, search.checks, confidence)
            points += _points(_Simulated(candidate, trial, checks), binding.name, chosen, search)
        front = undominated(points, lambda point: point.objectives)
        return ParetoFront(
            target=binding.name,
            title=binding.title,
            unit=binding.unit,
            limit=binding.target,
            points=tuple(sorted(front, key=_by_cost)),
            deployments=len(waiting),
            looked_at=len(points),
        )

    return found


def binding_check(plan: Plan) -> TargetCheck:
    """The latency target with the least left of it."""
    latencies = [check for check in plan.targets if check.unit in PER_SECOND]
    return min(latencies, key=lambda check: check.margin)


def _by_cost(point: ParetoPoint) -> tuple[float, float, str, str]:
    return point.five_year_usd, point.p95.value, point.topology.title, str(point.strategy)


def _one_of_a_shape(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first of each place and shape."""
    return list({(one.topology.place, one.topology.shape): one for one in reversed(list(candidates))}.values())[::-1]


def _faster(search: Search, chosen: Candidate, promise: Promise, options: Sequence[PlaceOptions]) -> list[Candidate]:
    """For each budget what the closed form calls fastest within it; of equally fast ones the cheapest.

    Looked for in the chosen place and in the cheapest place of each other provider.
    """
    by_provider = {chosen.topology.place.provider: chosen.options}
    for found in sorted(options, key=lambda one: one.least_cost):
        by_provider.setdefault(found.place.provider, found)
    budgets = [times * chosen.bill.five_year_usd for times in BUDGETS]
    best: list[tuple[float, Candidate] | None] = [None] * len(budgets)
    least = LeastTimes(search.design, DOWN)
    for cost, found, i, j in in_order_of_cost(list(by_provider.values())):
        if cost > budgets[-1]:
            break
        candidate = found.candidate(i, j)
        seconds = least.mean_s(candidate.topology, promise, search.design.worst)
        for number, budget in enumerate(budgets):
            known = best[number]
            if cost <= budget and (known is None or seconds < known[0]):
                best[number] = (seconds, candidate)
    fastest = [one[1] for one in best if one is not None]
    return [one for one in fastest if least.broken(one.topology) == (None, 0.0)]


def _points(simulated: _Simulated, target: str, chosen: Candidate, search: Search) -> list[ParetoPoint]:
    """A deployment with every way to recover; none where nothing is known of the target."""
    check = next((one for one in simulated.checks if one.name == target), None)
    if check is None or not math.isfinite(check.predicted):
        return []
    slow = tuple(one.title for one in simulated.checks if not one.passed and one.told)
    return [_point(simulated.candidate, check, slow, way, chosen, search) for way in ALL_WAYS]


def _point(
    candidate: Candidate, check: TargetCheck, slow: tuple[str, ...], way: Way, chosen: Candidate, search: Search
) -> ParetoPoint:
    topology = candidate.topology
    told, available, kept = recovery_of(
        topology.place, topology.nodes, way.standby, way.strategy, search.design, search.seed
    )
    same = topology.shape == chosen.topology.shape and topology.place == chosen.topology.place
    billed, shown = bill_with(candidate, way)
    return ParetoPoint(
        topology=shown,
        strategy=way.strategy,
        five_year_usd=billed.five_year_usd,
        p95=Estimate(check.predicted, check.low, check.high, 0),
        rto_minutes=(told.rto_minutes.p50, told.rto_minutes.p95),
        rpo_minutes=(told.rpo_minutes.p50, told.rpo_minutes.p95),
        availability=(available.p05, available.p50, available.p95),
        missed=(*slow, *(one.title for one in kept if not one.passed)),
        chosen=same and way == chosen.way,
    )
