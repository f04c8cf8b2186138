"""A Recommendation as plain JSON values. The keys are described in schema.md; a test holds them to it.

The bytes depend on the Recommendation alone: no time of day, floats at six significant digits, None for what is not
finite, keys in the order in which they are written here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import resources
from typing import Any

from dfr_sizing.demand import database_bytes, farmers_in_year, filestore_bytes
from dfr_sizing.interval import Interval
from dfr_sizing.plan.bill_json import amounts_json, bill_json
from dfr_sizing.plan.choice_json import choice_json
from dfr_sizing.plan.database_json import database_json, settings_json
from dfr_sizing.plan.latency import break_point
from dfr_sizing.plan.money import Money
from dfr_sizing.plan.recovery_json import recovery_json
from dfr_sizing.recommend.types import (
    Compared,
    CrossCheck,
    Infeasible,
    Plan,
    Recommendation,
    Rejection,
    Selection,
    SituationResult,
    Swing,
    TargetCheck,
)
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.outcome import ClassOutcome
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.topology import GIB, Topology

SCHEMA_VERSION = 1
DIGITS = 6
"""Significant digits of a float: fewer than the last bits that differ from one machine to the next."""

Json = dict[str, Any]


def schema() -> str:
    """The description of the keys, as Markdown."""
    return resources.files("dfr_sizing.plan").joinpath("schema.md").read_text(encoding="utf-8")


def recommendation_json(r: Recommendation) -> Json:
    """The whole answer."""
    best, money = r.recommended, Money.of(r.scenario)
    return plain_json(
        {
            "schema_version": SCHEMA_VERSION,
            "feasible": True,
            "recommendation": {
                **_bought(best),
                "farmers_design": r.farmers_design,
                "cost": bill_json(best.bill, money),
            },
            "alternatives": [_alternative(plan, money) for plan in r.alternatives],
            "targets": [target_json(check) for check in best.targets],
            "recovery": recovery_json(best, r.recovery),
            "bottleneck": _bottleneck(best.bottleneck),
            "rejected": _rejected(r.rejected),
            "assumptions": [line.as_json() for line in r.assumptions],
            "sensitivities": [_swing(swing) for swing in by_size(r.sensitivities)],
            "situations": [_situation(result) for result in best.situations],
            "crosscheck": None if r.crosscheck is None else _crosscheck(r.crosscheck),
            "day": [
                {
                    "hour": hour.hour,
                    "requests_per_s": hour.requests_per_s,
                    "application_utilisation": hour.application_utilisation,
                    "database_utilisation": hour.database_utilisation,
                    "p95_s": hour.p95_s,
                }
                for hour in (r.day.hours if r.day else ())
            ],
            "day_requests": r.day and r.day.requests,
            "day_share": r.day and r.day.share,
            "growth_curve": [
                {
                    "farmers": point.farmers,
                    "application_utilisation": point.application_utilisation,
                    "database_utilisation": point.database_utilisation,
                    "p95_s": point.p95_s,
                }
                for point in r.growth_curve
            ],
            "break_point": _break_point(r),
            **_stored_and_compared(r),
            "database": database_json(r.database),
            "choice": choice_json(r.choice),
            "settings": settings_json(r),
            "conditions": r.conditions,
            "warnings": r.warnings,
            "seed": r.seed,
            "model": {"name": r.model, "error": r.model_error},
            "simulated_requests": r.simulated_requests,
            "selection": _selection(r.selection),
            "scenario": r.scenario.model_dump(),
        }
    )


def infeasible_json(error: Infeasible, seed: int, model_name: str) -> Json:
    """The answer that nothing meets every target."""
    return plain_json(
        {
            "schema_version": SCHEMA_VERSION,
            "feasible": False,
            "limit": error.limit,
            "change": error.change,
            "rejected": _rejected(error.rejected),
            "seed": seed,
            "model": {"name": model_name},
        }
    )


def dump(values: Json) -> str:
    """The text of a JSON file."""
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def by_size(swings: Iterable[Swing]) -> list[Swing]:
    """Those that move the cost most come first; an end at which nothing can be bought moves it without bound."""
    return sorted(swings, key=lambda swing: (0.0 if math.isnan(swing.size) else -swing.size, swing.name))


def plain_json(answer: Json) -> Json:
    """The answer with all values plain."""
    return {key: _plain(value) for key, value in answer.items()}


def _plain(value: Any) -> Any:
    """Only what JSON knows: an Interval as a number or {low, mid, high}, a date as text, a float rounded or None."""
    if isinstance(value, Interval):
        value = value.mid if value.is_exact else {"low": value.low, "mid": value.mid, "high": value.high}
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return str(value)  # an enumeration's member as its text
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value]


def _bought(plan: Plan) -> Json:
    """What a plan buys and where."""
    topology = plan.topology
    return {
        "application": _application(topology),
        "database": _database(topology),
        "place": {
            "provider": topology.place.provider,
            "region": topology.place.region,
            "city": topology.place.city,
            "country": topology.place.country,
        },
    }


def _application(topology: Topology) -> Json:
    instance = topology.application
    return {
        "instance": instance.name,
        "count": topology.nodes,
        "workers": topology.workers_per_node,
        "workers_total": topology.nodes * topology.workers_per_node,
        "vcpus": instance.vcpus,
        "memory_gib": instance.memory_gib,
    }


def _database(topology: Topology) -> Json:
    return {
        "instance": topology.database.name,
        "vcpus": topology.database.vcpus,
        "memory_gib": topology.database.memory_gib,
        "disk": topology.disk.name,
        "storage_gib": topology.storage_gib,
        "iops": topology.iops,
        "mb_per_s": topology.volume.mb_per_s,
        "standby": topology.standby,
    }


def _alternative(plan: Plan, money: Money) -> Json:
    return {
        "name": plan.name,
        **_bought(plan),
        "strategy": plan.strategy,
        "cost": amounts_json(money, plan.bill.monthly_usd, plan.bill.five_year_usd),
        "passed": plan.passed,
        "targets": [target_json(check) for check in plan.targets],
    }


def target_json(check: TargetCheck) -> Json:
    """A target beside its prediction."""
    return {
        "name": check.name,
        "title": check.title,
        "target": check.target,
        "predicted": check.predicted,
        "low": check.low,
        "high": check.high,
        "unit": check.unit,
        "pass": check.passed,
        "margin": check.margin,
        "where": check.where,
    }


def _bottleneck(ranked: tuple[tuple[str, float], ...]) -> Json | None:
    places: list[Json] = [{"resource": resource, "utilisation": utilisation} for resource, utilisation in ranked[:2]]
    if not places:
        return None
    return {**places[0], "next": places[1] if len(places) > 1 else None}


def _rejected(rejections: Iterable[Rejection]) -> list[Json]:
    return [{"reason": rejection.reason, "count": rejection.count} for rejection in rejections]


def _swing(swing: Swing) -> Json:
    return {
        "name": swing.name,
        "low": swing.low,
        "mid": swing.mid,
        "high": swing.high,
        "unit": swing.unit,
        "five_year_usd_at_low": swing.cost_at_low,
        "five_year_usd_at_high": swing.cost_at_high,
        "swing_usd": swing.size,
    }


def _estimate(estimate: Estimate) -> Json:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _situation(result: SituationResult) -> Json:
    outcome = result.outcome
    return {
        "name": result.situation,
        "hour": result.hour,
        "nodes_down": result.nodes_down,
        "requests_per_s": result.requests_per_s,
        "throughput_per_s": outcome.throughput,
        "finished_share": outcome.finished_share,
        "replications": outcome.replications,
        "stopped_by": outcome.stopped_by,
        "extra_load": outcome.extra_load,
        "utilisation": outcome.utilisation,
        "worker_wait_s": _estimate(outcome.worker_wait),
        "classes": {name: _class(found) for name, found in outcome.classes.items()},
    }


def _selection(selection: Selection | None) -> Json | None:
    """How sure the choice is."""
    if selection is None:
        return None
    return {
        "probability": selection.probability,
        "indifference": selection.indifference,
        "judged": selection.judged,
        "checks": selection.checks,
        "close": selection.close,
        "replications": selection.replications,
        "simulated_s": selection.seconds,
    }


def _class(found: ClassOutcome) -> Json:
    """Latency in seconds, each with its confidence interval."""
    return {
        "requests": found.requests,
        "failed_share": found.failed_share,
        "mean": _estimate(found.mean),
        "p50": _estimate(found.p50),
        "p95": _estimate(found.p95),
        "p99": _estimate(found.p99),
    }


def _crosscheck(check: CrossCheck) -> Json:
    """An hour simulated and by closed form: the mean of all requests, then each class."""
    return {
        "situation": check.situation,
        "hour": check.hour,
        "nodes_down": check.nodes_down,
        **_compared(check.mean),
        "agrees": check.exceeding is None,
        "reason": check.reason,
        "furthest_class": None if check.furthest is None else check.furthest.name,
        "classes": {found.name: _compared(found) for found in check.classes},
    }


def _compared(found: Compared) -> Json:
    return {
        "simulated_s": _estimate(found.simulated),
        "formula_s": found.formula_s,
        "difference": found.difference,
        "allowed": found.allowed,
        "parts_s": found.parts_s,
    }


def _break_point(r: Recommendation) -> Json | None:
    found = break_point(r)
    if found is None:
        return None
    return {
        "farmers": found.farmers,
        "target": found.target,
        "class": found.request_class,
        "p95_s": found.p95_s,
        "target_s": found.target_s,
    }


def _stored_and_compared(r: Recommendation) -> Json:
    iops = r.iops
    return {
        "iops": {
            "reads": iops.reads,
            "wal_flushes": iops.wal_flushes,
            "checkpoint_writes": iops.checkpoint_writes,
            "total": iops.total,
            "bought": iops.bought,
            "miss_ratio": iops.miss_ratio,
        },
        "storage": {
            "years": storage_years(r.scenario),
            "tables": [
                {"table": size.table, "year": size.year, "rows": size.rows, "bytes": size.bytes} for size in r.tables
            ],
        },
        "places": [
            {"place": place.place, "five_year_usd": place.five_year_usd, "title": place.title} for place in r.places
        ],
        "rule_of_thumb": {
            "users_at_once": r.rule_of_thumb.users_at_once,
            "workers": r.rule_of_thumb.workers,
            "vcpus": r.rule_of_thumb.vcpus,
            "memory_gib": r.rule_of_thumb.memory_gib,
        },
    }


def storage_years(scenario: Scenario) -> list[Json]:
    """Farmers and stored GiB at go-live and after each year."""
    return [
        {
            "year": year,
            "farmers": farmers_in_year(scenario, year),
            "database_gib": database_bytes(scenario, year) / GIB,
            "filestore_gib": filestore_bytes(scenario, year) / GIB,
        }
        for year in range(6)
    ]
