"""FAO's reference sizes held to the targets: up to how many farmers they serve, and what breaks first.

The most farmers are found by halving, first by the bounds (recommend.bounds), then by simulation near the edge: each
step is judged as a candidate of the search is (recommend.feasibility), with all nodes up, for a baseline has none to
spare. A number of farmers means a registry that has grown to it, with the data of five years. More farmers only add
requests and data, so what fails at one number fails at every larger one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache

from dfr_sizing.catalogue import Catalogue, DiskType, InstanceType, Place, Price, Role, disk_limits
from dfr_sizing.cost import YEARS, Bill
from dfr_sizing.cost_pricer import Pricer, bill
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import data_rows
from dfr_sizing.ledger import Label
from dfr_sizing.model import Model
from dfr_sizing.recommend.bounds import shortfall
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.evaluate import latency_checks, precise, recovery_of
from dfr_sizing.recommend.feasibility import Levels, Verdict, judged
from dfr_sizing.recommend.removed import left_out
from dfr_sizing.recommend.trial import checks_of, trial_of
from dfr_sizing.recommend.types import TargetCheck
from dfr_sizing.recommend.years import design_in_year
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.scenario import FARMERS_RANGE, Scenario
from dfr_sizing.topology import Topology, Volume, workers_per_node
from dfr_sizing.workers import forget

STRATEGY = Strategy.BACKUP_RESTORE
"""A baseline has one of everything."""

PRECISION = 1.05
"""The edge is known when what fails is no more than this times what serves."""

MOST_STEPS = 10
"""Simulated steps at the most: five find a factor of two, five more halve it to 2 %."""

DOUBLINGS = 1
"""Of the first round of a step, before the usual confidence interval decides."""

EDGE_REQUESTS = 1_000_000
"""Simulated of each named day at the edge at the most, for the intervals that are shown."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The sizes that are named for a provider, with their source."""

    provider: str
    application: str
    nodes: int
    database: str
    disk: str
    storage_gib: int
    services: str
    label: Label
    source: str


@cache
def baselines() -> dict[str, Baseline]:
    """By provider, in the order of data/baseline.toml."""
    rows = data_rows("baseline.toml")
    return {name: Baseline(name, **row | {"label": Label(row["label"])}) for name, row in rows.items()}


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one number of farmers: ``breaks`` is empty where every latency target is met.

    ``breaks`` is the target or the resource that gives way, ``how`` by how much, ``resource`` the fullest one then with
    its utilisation. ``targets`` are the latencies, where they were simulated.
    """

    farmers: float
    breaks: str
    how: str
    resource: tuple[str, float] | None
    targets: tuple[TargetCheck, ...]
    simulated: bool

    @property
    def serves(self) -> bool:
        """Whether every latency target is met."""
        return not self.breaks


@dataclass(frozen=True, slots=True)
class PeakHour:
    """The busiest hour that a number of farmers brings."""

    situation: Situation
    hour: int
    requests_per_s: float


@dataclass(frozen=True, slots=True)
class BaselineCheck:
    """A baseline in one place. ``serves`` is the largest number simulated that it serves, ``fails`` the smallest not.

    ``serves`` is None where not even the fewest farmers are served; ``now`` and ``later`` are the asked registry at
    go-live and in year 5, ``until`` the last year that is served (None: not even go-live). ``recovery`` are RTO, RPO
    and availability in year 5. ``why_not`` tells why a baseline could not be checked: all else is then missing.
    """

    baseline: Baseline
    place: str = ""
    serves: Judged | None = None
    fails: Judged | None = None
    peak: PeakHour | None = None
    now: Judged | None = None
    later: Judged | None = None
    until: int | None = None
    recovery: tuple[TargetCheck, ...] = ()
    bill: Bill | None = None
    steps: int = 0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class _Sized:
    """A baseline's sizes in one place, with what they are called for at the catalogue."""

    topology: Topology
    application: Price
    database: Price


class Checker:
    """Checks baselines for one scenario; counts the steps that it simulates."""

    def __init__(
        self, scenario: Scenario, model: Model, catalogue: Catalogue, seed: int = 1, executor: Executor | None = None
    ) -> None:
        self.scenario = scenario
        self.model = model
        self.catalogue = catalogue
        self.seed = seed
        self.executor = executor
        self.steps = 0

    def check(self, provider: str) -> BaselineCheck:
        """The edge of a provider's baseline, and what becomes of the scenario's own farmers on it."""
        baseline = baselines()[provider]
        sized, why_not = self._cheapest(baseline)
        if sized is None:
            return BaselineCheck(baseline, why_not=why_not)
        self.steps = 0
        topology = sized.topology
        serves, fails = self.edge(topology)
        last = design_for(self.scenario, self.model)
        later = self.judge(topology, last)
        now = later if later.serves else self.judge(topology, design_in_year(self.scenario, self.model, 0))
        _, _, recovery = recovery_of(topology.place, topology.nodes, topology.standby, STRATEGY, last, self.seed)
        at_edge = self.grown_to(serves.farmers if serves else FARMERS_RANGE[0])
        return BaselineCheck(
            baseline=baseline,
            place=topology.place.name,
            serves=serves,
            fails=fails,
            peak=_peak(at_edge),
            now=now,
            later=later,
            until=self._until(topology, now, later),
            recovery=recovery,
            bill=self._bill(sized, at_edge),
            steps=self.steps,
        )

    def grown_to(self, farmers: float) -> Design:
        """The design of a registry that has so many farmers in year 5."""
        growth = 1.0 + self.scenario.registry.growth_5y.mid
        registry = self.scenario.registry.model_copy(update={"farmers": farmers / growth})
        return design_for(self.scenario.model_copy(update={"registry": registry}), self.model)

    def edge(self, topology: Topology) -> tuple[Judged | None, Judged | None]:
        """The most farmers simulated that a deployment serves, and the fewest found that it does not."""
        few, many = self._by_bounds(topology)
        found: dict[float, Judged] = {}

        def at(farmers: float) -> bool:
            found[farmers] = self.judge(topology, self.grown_to(farmers))
            return found[farmers].serves

        if few is not None:
            few, many = _bisected(at, few, many)
        broken = found.get(many) or self.judge(topology, self.grown_to(many))
        return (None if few is None else self._precisely(topology, found[few])), broken

    def _precisely(self, topology: Topology, served: Judged) -> Judged:
        """The same with its figures simulated as precisely as those of a plan."""
        design = self.grown_to(served.farmers)
        checks = checks_of(design)
        trial = trial_of(topology, design, 0, self.seed)
        more, _ = precise(trial, design, checks, EDGE_REQUESTS, self.executor)()
        return replace(served, targets=latency_checks(more, checks, design.scenario.targets.confidence.mid))

    def _by_bounds(self, topology: Topology) -> tuple[float | None, float]:
        """The most farmers that the bounds let through, to two in a hundred; and the fewest that they do not."""
        few, many = map(float, FARMERS_RANGE)
        if shortfall(topology, self.grown_to(few), 0) is not None:
            return None, few
        while many / few > 1.02:
            middle = math.sqrt(few * many)
            if shortfall(topology, self.grown_to(middle), 0) is None:
                few = middle
            else:
                many = middle
        return few, many

    def judge(self, topology: Topology, design: Design) -> Judged:
        """A deployment with all nodes up under one design: by the bounds, and where those let it, by simulation."""
        short = shortfall(topology, design, 0)
        if short is not None:
            return Judged(design.farmers, short.resource, short.words, None, (), simulated=False)
        self.steps += 1
        checks, usual = checks_of(design), design.scenario.targets.confidence.mid
        trial = trial_of(topology, design, 0, self.seed)
        verdict = judged(trial, checks, Levels(usual, usual, DOUBLINGS), self.executor)
        forget(self.executor)
        told = latency_checks(verdict.trial, checks, usual)
        breaks, how = _broken(verdict, usual)
        return Judged(design.farmers, breaks, how, _fullest(verdict, design), told, simulated=True)

    def _until(self, topology: Topology, now: Judged, later: Judged) -> int | None:
        """The last year that is served, by halving."""
        if later.serves:
            return YEARS
        if not now.serves:
            return None
        served, failed = 0, YEARS
        while failed - served > 1:
            middle = (served + failed) // 2
            if self.judge(topology, design_in_year(self.scenario, self.model, middle)).serves:
                served = middle
            else:
                failed = middle
        return served

    def _cheapest(self, baseline: Baseline) -> tuple[_Sized | None, str]:
        """The baseline in the provider's cheapest place that is allowed; or why there is none."""
        hosting = self.scenario.hosting
        if "providers" not in hosting.model_fields_set:
            hosting = hosting.model_copy(update={"providers": (baseline.provider,)})
        costed, reasons = [], []
        for number, place in enumerate(one for one in self.catalogue.places if one.provider == baseline.provider):
            reason = left_out(place, hosting, self.catalogue)
            sized = None if reason else self._sized(baseline, place)
            if sized is None:
                reasons.append(reason or f"not all of it has a price in {place.name}")
            else:
                costed.append((self._bill(sized, self.grown_to(FARMERS_RANGE[0])).five_year_usd, number, sized))
        return (min(costed)[2], "") if costed else (None, "; ".join(dict.fromkeys(reasons)) or "no place is known")

    def _sized(self, baseline: Baseline, place: Place) -> _Sized | None:
        application = _offered(self.catalogue, place, Role.APPLICATION, baseline.application)
        database = _offered(self.catalogue, place, Role.DATABASE, baseline.database)
        disks: dict[str, DiskType] = {disk.name: disk for disk, _ in self.catalogue.disks_at(place, Role.DATABASE)}
        if application is None or database is None or baseline.disk not in disks:
            return None
        gib = baseline.storage_gib
        iops, mb_per_s = disk_limits(disks[baseline.disk], gib)
        volume = Volume(disks[baseline.disk], gib, gib, iops, mb_per_s)
        nodes, workers = baseline.nodes, workers_per_node(application[0])
        topology = Topology(place, application[0], nodes, workers, database[0], volume)
        return _Sized(topology, application[1], database[1])

    def _bill(self, sized: _Sized, design: Design) -> Bill:
        pricer = Pricer(self.catalogue, sized.topology.place, design.terms, design.volumes)
        return bill(sized.topology, pricer, sized.application, sized.database, replicas_needed(STRATEGY))


def _offered(catalogue: Catalogue, place: Place, role: Role, name: str) -> tuple[InstanceType, Price] | None:
    return next((pair for pair in catalogue.instances_at(place, role) if pair[0].name == name), None)


def _bisected(serves: Callable[[float], bool], most: float, fails: float) -> tuple[float | None, float]:
    """The largest number found that serves and the smallest that does not; ``most`` is tried first, then down.

    A number that serves is looked for by halves, then the gap is halved until it is small; in steps that are counted.
    """
    if serves(most):
        return most, fails
    steps, fails, few = 1, most, most / 2.0
    while not serves(few):
        steps, fails, few = steps + 1, few, few / 2.0
        if steps >= MOST_STEPS or few < FARMERS_RANGE[0]:
            return None, fails
    while fails / few > PRECISION and steps < MOST_STEPS:
        middle, steps = math.sqrt(few * fails), steps + 1
        if serves(middle):
            few = middle
        else:
            fails = middle
    return few, fails


def _broken(verdict: Verdict, confidence: float) -> tuple[str, str]:
    """What gives way, and by how much; empty where nothing does."""
    if verdict.missed is not None:
        check = verdict.missed
        told = latency_checks(verdict.trial, [check], confidence)
        return check.promise.title, f"{_figures(told[0]) if told else 'too few to tell'} ({check.where})"
    return ("connections", verdict.failed.removeprefix("simulated: ")) if verdict.failed else ("", "")


def _figures(check: TargetCheck) -> str:
    """``119 s (118 to 121) against 120``."""
    high = f"to {check.high:.3g}" if math.isfinite(check.high) else "or more"
    return f"{check.predicted:.3g} {check.unit} ({check.low:.3g} {high}) against {check.target:.3g}"


def _fullest(verdict: Verdict, design: Design) -> tuple[str, float] | None:
    """The fullest resource, where a target was missed in that hour, or else in the fullest hour."""
    results = verdict.trial.results(design, {})
    there: Sequence[tuple[tuple[str, float], ...]] = [
        result.outcome.ranked_resources
        for result in results
        if verdict.missed is None or result.situation is verdict.missed.situation
    ]
    ranked = [resources[0] for resources in there if resources]
    return max(ranked, key=lambda one: one[1]) if ranked else None


def _peak(design: Design) -> PeakHour:
    peak = design.peaks[design.worst]
    return PeakHour(design.worst, peak.hour, peak.load.requests_per_s)
