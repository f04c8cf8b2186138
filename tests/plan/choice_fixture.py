"""A synthetic Choice beside the synthetic Recommendation: its figures are made up, its deployments are real rows."""

from __future__ import annotations

from dataclasses import replace

from dfr_sizing.recommend.choice_types import (
    Choice,
    Commitment,
    Guess,
    Machines,
    ParetoFront,
    ParetoPoint,
    Regret,
    RemovedPlace,
    Stage,
    Upgrades,
)
from dfr_sizing.recommend.types import Plan
from dfr_sizing.recovery import Strategy
from dfr_sizing.simulation.statistics import Estimate


def point(plan: Plan, strategy: Strategy, cost: float, p95: float, missed: tuple[str, ...] = ()) -> ParetoPoint:
    """A deployment of a plan with a strategy."""
    hours = {Strategy.BACKUP_RESTORE: 8.0, Strategy.WARM_STANDBY: 2.0}.get(strategy, 0.5)
    return ParetoPoint(
        topology=replace(plan.topology, standby=strategy is Strategy.HOT_STANDBY),
        strategy=strategy,
        five_year_usd=cost,
        p95=Estimate(p95, 0.97 * p95, 1.04 * p95, 400),
        rto_minutes=(30.0 * hours, 60.0 * hours),
        rpo_minutes=(5.0, 15.0),
        availability=(0.997, 0.9993, 0.9999),
        missed=missed,
        chosen=strategy is Strategy.WARM_STANDBY,
    )


def choice(plan: Plan) -> Choice:
    """Three points, three guesses, one commitment, three places left out."""
    front = ParetoFront(
        target="report_p95_s",
        title="reports, p95",
        unit="s",
        limit=15.0,
        points=(
            point(plan, Strategy.BACKUP_RESTORE, 190_000.0, 11.0, ("RTO, worst loss",)),
            point(plan, Strategy.WARM_STANDBY, 240_000.0, 10.8),
            point(plan, Strategy.HOT_STANDBY, 310_000.0, 9.9),
        ),
        deployments=2,
        looked_at=14,
    )
    regret = Regret(
        place=plan.topology.place.name,
        futures=128,
        unserved=6,
        drivers=("registry.growth_5y", "campaign.record_kb"),
        guesses=(
            Guess(Machines("m5.xlarge", 3, "db.m5.2xlarge"), 0.2, 300e3, 8e3, 120e3, 3.0, 36e3, recommended=False),
            Guess(Machines("m5.2xlarge", 4, "db.m5.4xlarge"), 0.6, 316e3, 33e3, 102e3, 3.0, 67e3, recommended=True),
            Guess(
                Machines("m5.2xlarge", 16, "db.m5.24xlarge"), 1.0, 9e5, 6e5, float("nan"), float("nan"), 8e5,
                recommended=False,
            ),
        ),
        worth_usd_month=13_333.0,
        commitments=(Commitment("database", "1-year", "db.m5.4xlarge", 0.63, 0.9, 0.8, 0, 140.0, "listed"),),
    )  # fmt: skip
    removed = (
        RemovedPlace("aws/us-east-1", "country US is not among hosting.countries (AU)", 200e3, 40e3),
        RemovedPlace("gcp/asia-south1", "country IN is not among hosting.countries (AU)", 290e3, -50e3),
        RemovedPlace("aws/ap-southeast-6", "no price in the catalogue of: egress", float("nan"), float("nan")),
    )
    upgrades = Upgrades(
        (
            Stage(Machines("m5.xlarge", 3, "db.m5.2xlarge"), 0, 27, 2.9e6, 2600.0),
            Stage(Machines("m5.2xlarge", 4, "db.m5.4xlarge"), 27, 60, 4e6, 4100.0),
        ),
        five_year_usd=212_000.0,
        at_once_usd=240_000.0,
        order_months=1.0,
        steps=7,
    )
    return Choice(front, regret, removed, upgrades)
