"""The Recommendation and what it is made of. Plain values; seconds, US dollars, shares of 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dfr_sizing.cost import Bill
from dfr_sizing.demand import Situation, TableSize
from dfr_sizing.ledger import Assumption
from dfr_sizing.recommend.choice_types import Choice
from dfr_sizing.recommend.database_types import DatabaseAdvice
from dfr_sizing.recommend.recovery_types import RecoveryFacts
from dfr_sizing.recovery import Availability, Headline, RecoveryEstimate, Strategy
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.outcome import Outcome
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.topology import Topology


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """One service target beside its prediction. ``passed`` looks at the worse end of the interval.

    ``unit`` is s, ms, min, h or fraction; ``higher_is_better`` for availability; ``where`` names the situation and the
    request class that decide.
    """

    name: str
    title: str
    target: float
    predicted: float
    low: float
    high: float
    unit: str
    where: str
    higher_is_better: bool = False

    @property
    def passed(self) -> bool:
        """Whether the whole interval meets the target."""
        return self.low >= self.target if self.higher_is_better else self.high <= self.target

    @property
    def told(self) -> bool:
        """Whether enough was simulated to say: missed by the figure itself, or an interval with two ends."""
        return self.high < math.inf or self.predicted > self.target

    @property
    def margin(self) -> float:
        """What is left of the target: 0.3 means 30 % under it (over it, where higher is better); negative: missed."""
        if self.higher_is_better:
            return (self.predicted - self.target) / max(1e-9, 1.0 - self.target)
        return 1.0 - self.predicted / self.target if self.target > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why candidates were turned down, and how many."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class SituationResult:
    """One named day's busiest hour, simulated."""

    situation: Situation
    hour: int
    nodes_down: int
    requests_per_s: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DayHour:
    """One hour of the campaign's worst day, simulated with all nodes up. Latency in seconds by request class."""

    hour: int
    requests_per_s: float
    application_utilisation: float
    database_utilisation: float
    p95_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PeakDay:
    """The campaign's worst day from midnight to midnight. ``requests`` come on it, ``share`` of them are simulated."""

    situation: Situation
    hours: tuple[DayHour, ...]
    requests: float
    share: float
    simulated_requests: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One costed option: what to buy, how fast, how it recovers, what it costs."""

    name: str  # recommended, minimum, resilient
    topology: Topology
    strategy: Strategy
    targets: tuple[TargetCheck, ...]
    headline: Headline
    recovery: tuple[RecoveryEstimate, ...]
    availability: Availability
    bill: Bill
    situations: tuple[SituationResult, ...]
    bottleneck: tuple[tuple[str, float], ...]  # resources from the fullest on, in the worst hour

    @property
    def passed(self) -> bool:
        """Whether every target is met."""
        return all(check.passed for check in self.targets)


@dataclass(frozen=True, slots=True)
class IopsSplit:
    """Operations a second on the database's disk in the worst hour, and what is bought."""

    reads: float
    wal_flushes: float
    checkpoint_writes: float
    bought: int
    miss_ratio: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.reads + self.wal_flushes + self.checkpoint_writes


@dataclass(frozen=True, slots=True)
class Swing:
    """What one uncertain input does to the cost: five-year US dollars at its low and high end, all else at mid."""

    name: str
    low: float
    mid: float
    high: float
    unit: str
    cost_at_low: float
    cost_at_high: float

    @property
    def size(self) -> float:
        """How far the cost moves."""
        return abs(self.cost_at_high - self.cost_at_low)


@dataclass(frozen=True, slots=True)
class FarmersPoint:
    """Latency at another number of farmers on the recommended deployment (one node down). p95 by class, seconds.

    ``failed_share`` of the class that fails most often could not connect: those have no latency.
    """

    farmers: float
    p95_s: Mapping[str, float]
    application_utilisation: float
    database_utilisation: float
    failed_share: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleOfThumb:
    """What Odoo's rule would have said: users at once over 6 a worker, (workers - 1) / 2 CPUs, 325 MB a worker."""

    users_at_once: float
    workers: int
    vcpus: int
    memory_gib: float


@dataclass(frozen=True, slots=True)
class PlaceCost:
    """The cheapest candidate that the bounds let through in a place; not simulated, unless it is the chosen one."""

    place: str
    five_year_usd: float
    title: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A mean latency in seconds, simulated with its interval and by closed form, ``parts_s`` being what makes it up.

    ``slack`` is the difference that is allowed beyond the simulation's own half-width, as a share of the simulated.
    """

    name: str
    simulated: Estimate
    formula_s: float
    parts_s: Mapping[str, float]
    slack: float

    @property
    def difference(self) -> float:
        """The formula's answer over the simulated one, less 1; NaN where nothing was simulated."""
        return self.formula_s / self.simulated.value - 1.0 if self.simulated.value else math.nan

    @property
    def allowed(self) -> float:
        """The largest difference that is not worth a warning."""
        return self.slack + self.simulated.half_width

    @property
    def exceeded(self) -> bool:
        """Whether they differ by more than that."""
        return abs(self.difference) > self.allowed


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The busiest hour of a named day, simulated beside its closed form: the mean of all requests, and each class.

    ``reason`` says what the closed form leaves out that accounts for a difference; empty where there is none.
    """

    situation: Situation
    hour: int
    nodes_down: int
    mean: Compared
    classes: tuple[Compared, ...]
    reason: str

    @property
    def furthest(self) -> Compared | None:
        """The class that differs most, its interval allowed for; None where no class was simulated."""
        return max(self.classes, key=lambda found: abs(found.difference) - found.allowed, default=None)

    @property
    def exceeding(self) -> Compared | None:
        """What to warn of: the mean where it differs by more than is allowed, or else a class that does."""
        return next((found for found in (self.mean, self.furthest) if found is not None and found.exceeded), None)


@dataclass(frozen=True, slots=True)
class Selection:
    """How sure the choice is, as far as chance in the simulations goes.

    ``probability`` is at least that of having judged every deployment rightly: ``judged`` of them were simulated, each
    on ``checks`` classes and days, before the cheapest was found that meets all. ``close`` names what was still within
    ``indifference`` (a share of the figure) of its target, or had no more requests to be told by, and was decided by
    the usual confidence interval: for those the probability does not vouch. ``replications`` are those of the chosen
    deployment's busiest hours, ``seconds`` what they simulate.
    """

    probability: float
    indifference: float
    judged: int
    checks: int
    close: tuple[str, ...]
    replications: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The answer, with its reasons."""

    scenario: Scenario
    farmers_design: float
    recommended: Plan
    alternatives: tuple[Plan, ...]
    day: PeakDay | None
    growth_curve: tuple[FarmersPoint, ...]
    iops: IopsSplit
    tables: tuple[TableSize, ...]
    rejected: tuple[Rejection, ...]
    sensitivities: tuple[Swing, ...]
    places: tuple[PlaceCost, ...]
    rule_of_thumb: RuleOfThumb
    conditions: tuple[str, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    seed: int
    model: str
    model_error: Mapping[str, float]
    simulated_requests: int
    crosscheck: CrossCheck | None = None  # None: the named day was not simulated
    selection: Selection | None = None
    database: DatabaseAdvice | None = None
    recovery: RecoveryFacts | None = None
    choice: Choice | None = None  # None: not asked for


class Infeasible(Exception):  # noqa: N818  (an answer, not an error)
    """No candidate meets every target: the binding limit, and the nearest change that helps."""

    def __init__(self, limit: str, change: str, rejected: tuple[Rejection, ...]) -> None:
        self.limit = limit
        self.change = change
        self.rejected = rejected
        super().__init__(f"No deployment meets every target. Binding: {limit}. Nearest change: {change}.")
