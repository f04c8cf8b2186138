"""Simulates a deployment on the named days and holds it to the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from dfr_sizing.catalogue import Place
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.ledger import Label
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.promises import PER_SECOND, Promise
from dfr_sizing.recommend.rare import Hour, rare_classes, with_more
from dfr_sizing.recommend.trial import Check, Trial, job, short_of
from dfr_sizing.recommend.types import FarmersPoint, TargetCheck
from dfr_sizing.recovery import (
    Availability,
    Headline,
    RecoveryInput,
    Strategy,
    availability,
    headline,
)
from dfr_sizing.recovery.backup_ways import beside_the_full
from dfr_sizing.recovery.backups import older_backup_days
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.retention import schedules
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.run import replications_for, run_all
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.topology import Topology


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is simulated, in requests: at a first glance, at most for a named day's busiest hour, for a point.

    A named day always has its first round (run.pilot_replications); ``situation`` limits what precision may add to it.
    ``whole_day``: every request of the campaign's worst day, not only some passes through it.
    """

    glance: int = 30_000
    situation: float = float("inf")
    point: int = 20_000
    whole_day: bool = False


DISPLAY_SHORTEST_S = 40.0
"""A replication for a picture or a first glance: several times the longest usual request, about 10 s."""


GLANCE = 2
"""Short replications of the worst of the named days: enough to turn down what is far from serving."""


def glance_at(topology: Topology, design: Design, nodes_down: int, effort: Effort, seed: int) -> Trial:
    """A trial of the worst of the named days in short, without replications yet."""
    load = design.peaks[design.worst].load
    short = job(topology, design, load, nodes_down, effort.glance / GLANCE, seed, DISPLAY_SHORTEST_S)
    return Trial({Hour(design.worst): short}, {}, nodes_down)


def precise(
    trial: Trial, design: Design, checks: Sequence[Check], most: float, executor: Executor | None
) -> Callable[[], tuple[Trial, dict[Hour, str]]]:
    """Begin to simulate on until the check that decides each target is as precise as run.precision.

    What is returned waits until it is, and says why it ended.
    The rounds are planned from the spread of those before them. ``most`` requests are simulated of a named day, and
    run.most_requests at any rate; what is then short is named.
    """
    confidence, precision = design.scenario.targets.confidence.mid, rule("run.precision")
    most = min(most, rule("run.most_requests"))
    limits = {name: max(trial.least(name), int(most / max(1.0, trial.jobs[name].requests))) for name in trial.jobs}
    trial = trial.grown({check.hour: trial.least(check.hour) for check in checks}, executor)

    def planned(trial: Trial, told: dict[Check, Estimate]) -> _Round:
        wide = short_of(trial, checks, confidence, precision, told)
        widest = {of.hour: 0.0 for of in wide}
        for of, by in wide.items():
            widest[of.hour] = max(widest[of.hour], by)
        totals = {name: replications_for(trial.replications(name), by, limits[name]) for name, by in widest.items()}
        return _Round(trial, wide, told, totals)

    first = planned(trial, {})
    following = trial.growing(first.totals, executor)

    def finished() -> tuple[Trial, dict[Hour, str]]:
        now, wait = first, following
        while not now.is_last:
            now = planned(wait(), now.narrow)
            wait = now.trial.growing(now.totals, executor)
        return now.trial, {name: _stopped_by(now.wide, name) for name in now.totals}

    return finished


@dataclass(frozen=True, slots=True)
class _Round:
    """A trial, by how much its checks are too wide, their estimates, and how many replications the next round needs."""

    trial: Trial
    wide: Mapping[Check, float]
    told: Mapping[Check, Estimate]
    totals: Mapping[Hour, int]

    @property
    def is_last(self) -> bool:
        return all(total <= self.trial.replications(name) for name, total in self.totals.items())

    @property
    def narrow(self) -> dict[Check, Estimate]:
        """More replications make what was narrow enough narrower: it need not be looked at again for each round."""
        return {check: estimate for check, estimate in self.told.items() if self.wide.get(check, 0.0) <= 1.0}


def _stopped_by(wide: Mapping[Check, float], hour: Hour) -> str:
    short = [f"{of.promise.name} of {of.class_name}" for of, by in wide.items() if of.hour == hour and by > 1.0]
    return f"limit: {', '.join(short)}" if short else "precision"


def latency_checks(trial: Trial, checks: Sequence[Check], confidence: float) -> tuple[TargetCheck, ...]:
    """Each latency target with the named day and class that come nearest to breaking it.

    The upper end is that of all its classes: of one that too few came of, nobody knows how slow it is.
    """
    told: dict[str, list[tuple[Estimate, Check]]] = {}
    for check in checks:
        if trial.replications(check.hour):
            estimate = trial.estimate(check, confidence)
            if estimate.n > 0:
                told.setdefault(check.promise.name, []).append((estimate, check))
    found = []
    for each in told.values():
        slowest, check = max(each, key=lambda one: one[0].value)
        high = max(estimate.high for estimate, _ in each)
        found.append(_check(check.promise, replace(slowest, high=high), check.where))
    return tuple(found)


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


def recovery_rates(design: Design) -> Rates:
    """The shipped recovery rates, with what a drill measured and the scenario's own for people."""
    rates = shipped_rates()
    recovery = design.scenario.recovery
    if design.profile is not None:
        rates = design.profile.put_into(rates)
    for name, value in (
        ("decide.night_minutes", recovery.night_minutes),
        ("decide.declare_disaster_minutes", recovery.declare_minutes),
    ):
        rates = rates.replaced(name, value, "the scenario: on-call rota and activation rule", Label.ASSUMED)
    return rates


def _second_in_cloud(scenario: Scenario, place: Place) -> bool:
    """Whether the second site of own hosting lies in a cloud, where hosts stand within minutes."""
    return place.provider not in CLOUDS and scenario.hosting.second_site.partition("/")[0] in CLOUDS


def recovery_input(place: Place, nodes: int, standby: bool, design: Design) -> RecoveryInput:
    """The deployment as recovery sees it, with the data of year 5."""
    retention = schedules()[design.scenario.recovery.retention].schedule
    wal = {name: peak.load.wal_bytes_per_s for name, peak in design.peaks.items()}
    way = design.backup_way
    return RecoveryInput(
        database_bytes=design.database_bytes,
        filestore_bytes=design.volumes.filestore_gib[-1] * 2**30,
        wal_bytes_per_s_mean=wal[Situation.STEADY] * rule("recovery.mean_of_peak_wal"),
        wal_bytes_per_s_peak=max(wal.values()),
        provider=place.provider,
        managed=place.provider in CLOUDS,
        has_standby_zone=standby,
        application_nodes=nodes,
        wal_kept_days=retention.daily,
        older_backup_days=older_backup_days(retention),
        second_in_cloud=_second_in_cloud(design.scenario, place),
        archive_wal=way.wal,
        beside_full_share=beside_the_full(way, design.changing),
        written_times=way.written_times,
    )


def recovery_checks(found: Headline, available: Availability, design: Design) -> tuple[TargetCheck, ...]:
    """RTO, RPO and availability beside their targets, from the median to the asked confidence, or that to p95."""
    scenario, strategy = design.scenario, found.strategy
    level = 100.0 * scenario.targets.confidence.mid
    rto, rpo = found.rto_minutes, found.rpo_minutes
    return (
        TargetCheck(
            "rto_h", "RTO, worst loss", scenario.recovery.rto_hours.mid, rto.p50 / 60, rto.p50 / 60, rto.sure / 60,
            "h", f"{strategy}: disk or site, median to {level:g} %",
        ),
        TargetCheck(
            "rpo_min", "RPO, worst loss", scenario.recovery.rpo_minutes.mid, rpo.p50, rpo.p50, rpo.sure,
            "min", f"{strategy}: disk or site, median to {level:g} %",
        ),
        TargetCheck(
            "availability", "availability in a year", scenario.targets.availability.mid, available.p50, available.sure,
            available.p95, "fraction", f"all failures of a year, {100.0 - level:g} to 95 %", higher_is_better=True,
        ),
    )  # fmt: skip


def recovery_of(
    place: Place, nodes: int, standby: bool, strategy: Strategy, design: Design, seed: int
) -> tuple[Headline, Availability, tuple[TargetCheck, ...]]:
    """RTO, RPO and availability of a way to recover."""
    inputs, rates = recovery_input(place, nodes, standby, design), recovery_rates(design)
    level = design.scenario.targets.confidence.mid
    found = headline(strategy, inputs, seed, rates, level)
    available = availability(strategy, inputs, seed, rates, level)
    return found, available, recovery_checks(found, available, design)


def growth_curve(
    topology: Topology,
    design: Design,
    multiples: Sequence[float],
    nodes_down: int,
    effort: Effort,
    seed: int,
    executor: Executor | None,
) -> Callable[[], tuple[FarmersPoint, ...]]:
    """Begin the recommended deployment at other numbers of farmers, in the worst hour of the design."""
    designs = [design_for(design.scenario, design.model, design.farmers * multiple) for multiple in multiples]
    loads = [at.peaks[design.worst].load for at in designs]
    jobs = [
        job(topology, at, load, nodes_down, effort.point, seed, DISPLAY_SHORTEST_S)
        for at, load in zip(designs, loads, strict=True)
    ]
    rare = [rare_classes(load) for load in loads]
    runs, confidence = (
        run_all([*jobs, *(with_more(*each, longer=1) for each in zip(jobs, rare, strict=True))], 1, executor),
        design.scenario.targets.confidence.mid,
    )

    def points() -> tuple[FarmersPoint, ...]:
        found = runs()
        return tuple(
            FarmersPoint(
                farmers=at.farmers,
                p95_s={
                    **as_it_is.p95_s(confidence),
                    **{name: p95 for name, p95 in more.p95_s(confidence).items() if name in of},
                },
                application_utilisation=as_it_is.utilisation["application CPU"],
                database_utilisation=as_it_is.utilisation["database CPU"],
                failed_share=max(map(as_it_is.failed_share, as_it_is.counted()), default=0.0),
            )
            for at, of, as_it_is, more in zip(designs, rare, found[: len(jobs)], found[len(jobs) :], strict=True)
        )

    return points


Progress = Callable[[str, float], None]
