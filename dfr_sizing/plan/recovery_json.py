"""Recovery as JSON values, for as_json; the keys are described in schema.md."""

from __future__ import annotations

from typing import Any

from dfr_sizing.recommend.recovery_types import BackupsBy, CableCut, Felt, RecoveryFacts, WayCost
from dfr_sizing.recommend.types import Plan
from dfr_sizing.recovery import Quantiles, RecoveryEstimate
from dfr_sizing.recovery.backups import Stored, Window
from dfr_sizing.recovery.types import Bounded, Promises
from dfr_sizing.recovery.years import Years

Json = dict[str, Any]


def recovery_json(plan: Plan, facts: RecoveryFacts | None) -> Json:
    """Recovery of the recommended plan."""
    up = plan.availability
    found: Json = {
        "strategy": plan.strategy,
        "rto_minutes": _quantiles(plan.headline.rto_minutes),
        "rpo_minutes": _quantiles(plan.headline.rpo_minutes),
        "by_failure": [_failure(told) for told in plan.recovery],
        "availability": {
            "p05": up.p05,
            "p50": up.p50,
            "p95": up.p95,
            "mean": up.mean,
            "single_points": up.single_points,
            "refund_threshold": up.refund_threshold,
        },
    }
    if facts is None:
        none: Json = {"by_strategy": [], "cheapest": [], "ways": [], "years": None, "cable": None, "backups": None}
        return {**found, **none, "backups_by": []}
    return {
        **found,
        "by_strategy": [_of_strategy(told, facts.promises) for told in facts.estimates],
        "cheapest": [{"failure": failure, "strategy": strategy} for failure, strategy in facts.cheapest.items()],
        "ways": [_way(way) for way in facts.ways],
        "years": _years(facts.years),
        "cable": None if facts.cable is None else _cable(facts.cable),
        "backups": _backups(facts.backups, facts.window, facts.felt),
        "backups_by": [_made_by(one) for one in facts.backups_by],
    }


def _quantiles(minutes: Quantiles) -> Json:
    return {"p50": minutes.p50, "p95": minutes.p95}


def _failure(told: RecoveryEstimate) -> Json:
    return {
        "failure": told.failure,
        "rto_minutes": _quantiles(told.rto_minutes),
        "rpo_minutes": _quantiles(told.rpo_minutes),
        "phases": [{"name": phase.name, "minutes": _quantiles(phase.minutes)} for phase in told.phases],
        "note": told.note,
    }


def _of_strategy(told: RecoveryEstimate, promises: Promises) -> Json:
    kept = told.meets(promises.rto_minutes, promises.rpo_minutes)
    return {"strategy": told.strategy, **_failure(told), "pass": kept}


def _way(way: WayCost) -> Json:
    return {
        "standby": way.standby,
        "strategy": way.strategy,
        "monthly_usd": way.monthly_usd,
        "five_year_usd": way.five_year_usd,
        "rto_minutes": _quantiles(way.headline.rto_minutes),
        "rpo_minutes": _quantiles(way.headline.rpo_minutes),
        "availability_p05": way.availability.p05,
        "pass": way.passed,
        "chosen": way.chosen,
    }


def _bounded(figure: Bounded) -> Json:
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _years(years: Years) -> Json:
    """The simulated years: each figure with its confidence interval."""
    return {
        "strategy": years.strategy,
        "simulated": years.simulated,
        "confidence": years.confidence,
        "p05": _bounded(years.p05),
        "p50": _bounded(years.p50),
        "p95": _bounded(years.p95),
        "mean": _bounded(years.mean),
        "available": _bounded(years.available),
        "back_in_time": _bounded(years.back_in_time),
        "nothing_more_lost": _bounded(years.nothing_more_lost),
        "causes": [
            {
                "failure": cause.failure,
                "per_year": cause.per_year,
                "hours_per_year": _bounded(cause.hours_per_year),
                "share": cause.share,
            }
            for cause in years.causes
        ],
        "strata": [
            {
                "name": stratum.name,
                "probability": stratum.probability,
                "years": stratum.years,
                "kept_share": stratum.kept_share,
            }
            for stratum in years.strata
        ],
    }


def _cable(cut: CableCut) -> Json:
    return {
        "country": cut.country,
        "days": cut.days,
        "year_availability": cut.year_availability,
        "mean_availability": cut.availability.mean,
        "p05_availability": cut.availability.p05,
        "records": cut.records,
    }


def _made_by(one: BackupsBy) -> Json:
    return {
        "way": one.way.name,
        "title": one.way.title,
        "chosen": one.chosen,
        "copies": one.stored.copies,
        "total_gib": one.stored.total_gib,
        "five_year_usd": one.five_year_usd,
        "window_hours": one.window.hours,
        "other_days_hours": one.window.other_days,
        "rto_minutes": _quantiles(one.restored.rto_minutes),
        "rpo_minutes": _quantiles(one.restored.rpo_minutes),
    }


def _backups(stored: Stored, window: Window, felt: Felt | None) -> Json:
    return {
        "schedule": stored.schedule,
        "way": stored.way,
        "copies": stored.copies,
        "backups_gib": stored.backups_gib,
        "wal_gib": stored.wal_gib,
        "window_hours": window.hours,
        "other_days_hours": window.other_days,
        "disk_share": window.disk_share,
        "from_standby": window.from_standby,
        "note": window.note,
        "felt": None if felt is None else _felt(felt),
    }


def _felt(felt: Felt) -> Json:
    return {
        "situation": felt.situation,
        "hour": felt.hour,
        "class": felt.class_name,
        "p95_s": felt.beside.value,
        "low_s": felt.beside.low,
        "high_s": felt.beside.high,
        "without_p95_s": felt.without.value,
    }
