"""Simulates a deployment on the named days and holds it to the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from dfr_sizing.catalogue import Place
from dfr_sizing.demand import HOURS, Situation, demand
from dfr_sizing.drivers import rule
from dfr_sizing.ledger import Label
from dfr_sizing.recommend.bounds import PER_SECOND, Promise, promises
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.types import DayHour, FarmersPoint, SituationResult, TargetCheck
from dfr_sizing.recovery import (
    Availability,
    Headline,
    RecoveryInput,
    Strategy,
    availability,
    headline,
)
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.load import HourLoad, hour_load, streams
from dfr_sizing.simulation.outcome import Outcome
from dfr_sizing.simulation.run import Job, run_all, seconds_for
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.simulation.system import System
from dfr_sizing.topology import Topology, miss_ratio, system_of

ENOUGH = 120
"""Requests of a class that a run aims at: 95 % quantiles of fewer have no upper bound to speak of."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is simulated: requests for each named day, each hour of the day."""

    glance: int = 30_000
    situation: int = 200_000
    hour: int = 30_000


def job(topology: Topology, design: Design, load: HourLoad, nodes_down: int, requests: int, seed: int) -> Job:
    """A deployment under one hour's load, ready to run."""
    system = system_of(topology, design.model, nodes_down)
    drawn = streams(load, system, design.model, miss_ratio(topology.database, design.database_bytes))
    seconds = seconds_for(drawn, requests)
    return Job(
        system=system,
        streams=tuple(_with_enough(stream, system, seconds) for stream in drawn),
        seconds=seconds,
        seed=seed,
        confidence=design.scenario.targets.confidence.mid,
        sync_batches=design.sync_batches,
    )


def _with_enough(stream: Stream, system: System, seconds: float) -> Stream:
    """Send a rare class a little more often, so that its quantile can be told; the load only rises."""
    cost = stream.cost
    application = sum(system.cpus[index].full_capacity for index in system.node_cpu)
    database = system.cpus[system.database_cpu].full_capacity
    affordable = rule("search.rare_class_share") * min(
        application / max(cost.app_cpu_s, 1e-9), database / max(cost.database_cpu_s, 1e-9)
    )
    wanted = ENOUGH / (2.0 * seconds)
    return replace(stream, rate_per_s=max(stream.rate_per_s, min(wanted, stream.rate_per_s + affordable)))


def simulate_situations(
    topology: Topology,
    design: Design,
    situations: Iterable[Situation],
    nodes_down: int,
    requests: int,
    seed: int,
    executor: Executor | None,
) -> tuple[SituationResult, ...]:
    """The busiest hour of each named day."""
    named = tuple(situations)
    jobs = [job(topology, design, design.peaks[name].load, nodes_down, requests, seed) for name in named]
    return tuple(
        SituationResult(name, design.peaks[name].hour, nodes_down, design.peaks[name].load.requests_per_s, found)
        for name, found in zip(named, run_all(jobs, executor), strict=True)
    )


def latency_checks(results: Sequence[SituationResult], design: Design) -> tuple[TargetCheck, ...]:
    """Each latency target with the situation and class that come nearest to breaking it."""
    checks = []
    for promise in promises(design):
        found = [
            (estimate, f"{result.situation}: {name}")
            for result in results
            for name, estimate in _promised(promise, result.outcome)
            if estimate.n > 0
        ]
        if found:
            estimate, where = max(found, key=lambda pair: pair[0].high)
            checks.append(_check(promise, estimate, where))
    return tuple(checks)


def _promised(promise: Promise, outcome: Outcome) -> Iterable[tuple[str, Estimate]]:
    """The promised figure of each class of an outcome: p95, or the sum of several in a row."""
    if promise.name == "sync_500_s":
        yield promise.classes[0], outcome.sync_500.scaled(1.0, promise.plus_s)
        return
    for name in promise.classes:
        if name in outcome.classes:
            found = outcome.classes[name]
            # A hundred in a row take a hundred means, nearly without spread.
            yield name, found.p95 if promise.times == 1 else found.mean.scaled(promise.times, promise.plus_s)


def _check(promise: Promise, estimate: Estimate, where: str) -> TargetCheck:
    factor = PER_SECOND[promise.unit]
    shown = estimate.scaled(factor)
    return TargetCheck(
        name=promise.name,
        title=promise.title,
        target=promise.limit_s * factor,
        predicted=shown.value,
        low=shown.low,
        high=shown.high,
        unit=promise.unit,
        where=where,
    )


def overload(results: Sequence[SituationResult]) -> str:
    """What shows that a deployment cannot keep up, or nothing."""
    for result in results:
        if result.outcome.failed_share > rule("search.most_failed"):
            return f"simulated: connections dropped ({result.situation})"
    return ""


def recovery_rates(design: Design) -> Rates:
    """The shipped recovery rates with the scenario's own for people."""
    rates = shipped_rates()
    recovery = design.scenario.recovery
    for name, value in (
        ("decide.night_minutes", recovery.night_minutes),
        ("decide.declare_disaster_minutes", recovery.declare_minutes),
    ):
        rates = rates.replaced(name, value, "the scenario: on-call rota and activation rule", Label.ASSUMED)
    return rates


def recovery_input(place: Place, nodes: int, standby: bool, design: Design) -> RecoveryInput:
    """The deployment as recovery sees it, with the data of year 5."""
    wal = {name: peak.load.wal_bytes_per_s for name, peak in design.peaks.items()}
    return RecoveryInput(
        database_bytes=design.database_bytes,
        filestore_bytes=design.volumes.filestore_gib[-1] * 2**30,
        wal_bytes_per_s_mean=wal[Situation.STEADY] / 2,
        wal_bytes_per_s_peak=max(wal.values()),
        provider=place.provider,
        managed=place.provider in CLOUDS,
        has_standby_zone=standby,
        application_nodes=nodes,
    )


def recovery_checks(found: Headline, available: Availability, design: Design) -> tuple[TargetCheck, ...]:
    """RTO, RPO and availability beside their targets; the interval is from the median (or p05) to p95."""
    scenario, strategy = design.scenario, found.strategy
    rto, rpo = found.rto_minutes, found.rpo_minutes
    return (
        TargetCheck(
            "rto_h", "RTO, worst loss", scenario.recovery.rto_hours.mid, rto.p50 / 60, rto.p50 / 60, rto.p95 / 60,
            "h", f"{strategy}: disk or site, median to 95 %",
        ),
        TargetCheck(
            "rpo_min", "RPO, worst loss", scenario.recovery.rpo_minutes.mid, rpo.p50, rpo.p50, rpo.p95,
            "min", f"{strategy}: disk or site, median to 95 %",
        ),
        TargetCheck(
            "availability", "availability in a year", scenario.targets.availability.mid, available.p50, available.p05,
            available.p95, "fraction", "all failures of a year, 5 to 95 %", higher_is_better=True,
        ),
    )  # fmt: skip


def recovery_of(
    place: Place, nodes: int, standby: bool, strategy: Strategy, design: Design, seed: int
) -> tuple[Headline, Availability, tuple[TargetCheck, ...]]:
    """RTO, RPO and availability of a way to recover."""
    inputs, rates = recovery_input(place, nodes, standby, design), recovery_rates(design)
    found = headline(strategy, inputs, seed, rates)
    available = availability(strategy, inputs, ("load-balancer",), seed, rates)
    return found, available, recovery_checks(found, available, design)


def day_profile(
    topology: Topology, design: Design, situation: Situation, effort: Effort, seed: int, executor: Executor | None
) -> tuple[DayHour, ...]:
    """The 24 hours of a named day, each simulated at its own rates with all nodes up."""
    day = demand(design.scenario, situation, design.farmers)
    loads = [hour_load(day, hour, design.model, design.switches) for hour in range(HOURS)]
    busy = [hour for hour in range(HOURS) if loads[hour].requests_per_s > 0]
    jobs = [job(topology, design, loads[hour], 0, effort.hour, seed) for hour in busy]
    hours = []
    for hour, found in zip(busy, run_all(jobs, executor), strict=True):
        hours.append(
            DayHour(
                hour=hour,
                requests_per_s=loads[hour].requests_per_s,
                application_utilisation=found.utilisation["application CPU"],
                database_utilisation=found.utilisation["database CPU"],
                p95_s=p95_by_class(found),
            )
        )
    return tuple(hours)


def growth_curve(
    topology: Topology,
    design: Design,
    multiples: Sequence[float],
    nodes_down: int,
    effort: Effort,
    seed: int,
    executor: Executor | None,
) -> tuple[FarmersPoint, ...]:
    """The recommended deployment at other numbers of farmers, in the worst hour of the design."""
    designs = [design_for(design.scenario, design.model, design.farmers * multiple) for multiple in multiples]
    jobs = [job(topology, at, at.peaks[design.worst].load, nodes_down, effort.situation, seed) for at in designs]
    return tuple(
        FarmersPoint(
            farmers=at.farmers,
            p95_s=p95_by_class(found),
            application_utilisation=found.utilisation["application CPU"],
            database_utilisation=found.utilisation["database CPU"],
            failed_share=found.failed_share,
        )
        for at, found in zip(designs, run_all(jobs, executor), strict=True)
    )


def p95_by_class(outcome: Outcome) -> Mapping[str, float]:
    """Seconds within which 95 % of each class are answered."""
    return {name: found.p95.value for name, found in outcome.classes.items()}


Progress = Callable[[str, float], None]
