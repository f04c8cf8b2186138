"""What stands beside a choice: the Pareto front, regret under uncertain demand, commitments, places left out.

Plain values; seconds, US dollars, shares of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.recovery import Strategy
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.topology import Topology


@dataclass(frozen=True, slots=True)
class Objectives:
    """What a point is judged by: the lower the better, but availability."""

    five_year_usd: float
    p95: float
    rto_minutes: float
    availability: float

    @property
    def lower_is_better(self) -> tuple[float, float, float, float]:
        """The same with availability turned round."""
        return self.five_year_usd, self.p95, self.rto_minutes, -self.availability

    def dominates(self, other: Objectives) -> bool:
        """Whether it is as good in everything and better in something."""
        ours, theirs = self.lower_is_better, other.lower_is_better
        return ours != theirs and all(mine <= its for mine, its in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A simulated deployment with a way to recover.

    ``p95`` is that of the front's target, in its unit, with its confidence interval; ``rto_minutes`` is (median, 95 %)
    of the worse of losing the disk and losing the site, ``availability`` (5 %, median, 95 %) of single years.
    ``missed`` names the targets that it misses.
    """

    topology: Topology
    strategy: Strategy
    five_year_usd: float
    p95: Estimate
    rto_minutes: tuple[float, float]
    rpo_minutes: tuple[float, float]
    availability: tuple[float, float, float]
    missed: tuple[str, ...]
    chosen: bool

    @property
    def objectives(self) -> Objectives:
        """The figures that decide: the p95 itself, RTO in 95 of 100 cases, the year that 5 of 100 are worse than.

        RTO to the minute and availability to a ten-thousandth (53 minutes a year): less is no reason to pay more.
        """
        return Objectives(
            self.five_year_usd, self.p95.value, round(self.rto_minutes[1]), round(self.availability[0], 4)
        )


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """Points that no other simulated point dominates, by cost. ``looked_at`` points were compared.

    ``target``, ``title``, ``unit`` and ``limit`` are those of the latency target that binds on the recommended
    deployment.
    """

    target: str
    title: str
    unit: str
    limit: float
    points: tuple[ParetoPoint, ...]
    deployments: int
    looked_at: int


@dataclass(frozen=True, slots=True)
class Machines:
    """What a guess of demand decides: nodes of a size and a size of database. The disk follows the data."""

    application: str
    nodes: int
    database: str

    @property
    def title(self) -> str:
        """``5 x m7g.xlarge + db.r7g.2xlarge``."""
        return f"{self.nodes} x {self.application} + {self.database}"


@dataclass(frozen=True, slots=True)
class Guess:
    """What one choice of machines comes to over all futures, in five-year US dollars.

    ``serves`` is the share of futures in which it meets the bounds to the end. ``spent`` is the mean of all that is
    paid, with the move where one is needed. ``in_vain`` is the mean paid beyond the cheapest that would have served,
    in the futures where it serves; ``to_move_up`` the mean paid beyond its own bill where it does not, ``months`` the
    months until that is noticed and put right, in which targets are missed. ``worst`` is the largest regret of one
    future. NaN where there is no such future.
    """

    machines: Machines
    serves: float
    spent: float
    in_vain: float
    to_move_up: float
    months: float
    worst: float
    recommended: bool


@dataclass(frozen=True, slots=True)
class Commitment:
    """How much of one kind of machine to commit to at a term's price, given the uncertainty of demand.

    ``price_ratio`` is the term's price over the on-demand price. ``hourly_usd`` at on-demand prices is the best
    commitment; of the recommended machines it is ``share``, and ``whole`` machines. ``saved_monthly_usd`` is the mean
    saving against on-demand.
    """

    what: str
    term: str
    instance: str
    price_ratio: float
    hourly_usd: float
    share: float
    whole: int
    saved_monthly_usd: float
    label: str


@dataclass(frozen=True, slots=True)
class Regret:
    """Guesses of demand held against many futures, by the bounds, in the recommended place.

    ``futures`` were drawn, in ``unserved`` of them nothing in the place serves: those are left out. ``drivers`` were
    drawn. ``worth_usd_month`` is what a month of missed targets has to be worth for the recommended machines to be
    cheaper in expectation than the cheapest of all; NaN where they are anyway, infinite where they never are.
    """

    place: str
    futures: int
    unserved: int
    drivers: tuple[str, ...]
    guesses: tuple[Guess, ...]
    worth_usd_month: float
    commitments: tuple[Commitment, ...]

    @property
    def cheapest(self) -> Guess:
        """The cheapest in expectation."""
        return min(self.guesses, key=lambda guess: guess.spent)


@dataclass(frozen=True, slots=True)
class RemovedPlace:
    """A place that a filter took away, and why; ``five_year_usd`` of its cheapest candidate by the bounds.

    Infinite where nothing there serves, NaN where not everything has a price. ``saved_usd`` is what it would have saved
    against the cheapest of the places that are allowed, by the same bounds; negative: it is dearer.
    """

    place: str
    reason: str
    five_year_usd: float
    saved_usd: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Machines of one stretch of the five years: from the start of a month (0: go-live) to the end of another.

    ``farmers`` is the registry at its end, ``monthly_usd`` the average month of the whole bill in it.
    """

    machines: Machines
    from_month: int
    to_month: int
    farmers: float
    monthly_usd: float


@dataclass(frozen=True, slots=True)
class Upgrades:
    """Machines that follow one another as the registry grows: ``stages`` is one where buying all at once is cheapest.

    ``five_year_usd`` with the moves, ``at_once_usd`` with year 5's machines from the first day. An upgrade is begun
    ``order_months`` before its date. ``steps`` were simulated.
    """

    stages: tuple[Stage, ...]
    five_year_usd: float
    at_once_usd: float
    order_months: float
    steps: int


@dataclass(frozen=True, slots=True)
class Choice:
    """All of it; ``upgrades`` where they were asked for."""

    front: ParetoFront
    regret: Regret
    removed: tuple[RemovedPlace, ...]
    upgrades: Upgrades | None = None
