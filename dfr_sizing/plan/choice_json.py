"""The choice as plain JSON values; the keys are described in schema.md."""

from __future__ import annotations

from typing import Any

from dfr_sizing.recommend.choice_types import Choice, Commitment, Guess, ParetoFront, ParetoPoint, Regret, Upgrades

Json = dict[str, Any]


def choice_json(choice: Choice | None) -> Json | None:
    """The Pareto front, regret and the places left out; null where nobody asked for them."""
    if choice is None:
        return None
    return {
        "pareto": _front(choice.front),
        "regret": _regret(choice.regret),
        "removed": [
            {
                "place": place.place,
                "reason": place.reason,
                "five_year_usd": place.five_year_usd,
                "saved_usd": place.saved_usd,
            }
            for place in choice.removed
        ],
        "upgrades": None if choice.upgrades is None else _upgrades(choice.upgrades),
    }


def _upgrades(found: Upgrades) -> Json:
    return {
        "stages": [
            {
                "application": stage.machines.application,
                "nodes": stage.machines.nodes,
                "database": stage.machines.database,
                "from_month": stage.from_month,
                "to_month": stage.to_month,
                "farmers": stage.farmers,
                "monthly_usd": stage.monthly_usd,
            }
            for stage in found.stages
        ],
        "five_year_usd": found.five_year_usd,
        "at_once_usd": found.at_once_usd,
        "order_months": found.order_months,
        "simulated_steps": found.steps,
    }


def _front(front: ParetoFront) -> Json:
    return {
        "target": front.target,
        "title": front.title,
        "unit": front.unit,
        "limit": front.limit,
        "deployments": front.deployments,
        "looked_at": front.looked_at,
        "points": [_point(point) for point in front.points],
    }


def _point(point: ParetoPoint) -> Json:
    topology = point.topology
    return {
        "place": topology.place.name,
        "application": topology.application.name,
        "nodes": topology.nodes,
        "database": topology.database.name,
        "standby": topology.standby,
        "strategy": point.strategy,
        "five_year_usd": point.five_year_usd,
        "p95": {"value": point.p95.value, "low": point.p95.low, "high": point.p95.high},
        "rto_minutes": {"p50": point.rto_minutes[0], "p95": point.rto_minutes[1]},
        "rpo_minutes": {"p50": point.rpo_minutes[0], "p95": point.rpo_minutes[1]},
        "availability": dict(zip(("p05", "p50", "p95"), point.availability, strict=True)),
        "missed": list(point.missed),
        "chosen": point.chosen,
    }


def _regret(regret: Regret) -> Json:
    return {
        "place": regret.place,
        "futures": regret.futures,
        "unserved": regret.unserved,
        "drivers": list(regret.drivers),
        "worth_usd_month": regret.worth_usd_month,
        "guesses": [_guess(guess) for guess in regret.guesses],
        "commitments": [_commitment(one) for one in regret.commitments],
    }


def _guess(guess: Guess) -> Json:
    return {
        "application": guess.machines.application,
        "nodes": guess.machines.nodes,
        "database": guess.machines.database,
        "serves": guess.serves,
        "mean_usd": guess.spent,
        "in_vain_usd": guess.in_vain,
        "to_move_up_usd": guess.to_move_up,
        "missed_months": guess.months,
        "worst_regret_usd": guess.worst,
        "recommended": guess.recommended,
    }


def _commitment(one: Commitment) -> Json:
    return {
        "what": one.what,
        "term": one.term,
        "instance": one.instance,
        "price_ratio": one.price_ratio,
        "hourly_usd": one.hourly_usd,
        "share": one.share,
        "whole": one.whole,
        "saved_monthly_usd": one.saved_monthly_usd,
        "label": one.label,
    }
