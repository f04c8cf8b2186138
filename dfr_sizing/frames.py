"""A Recommendation as pandas tables, for notebooks: one row a target, an item of the bill, an assumption."""

from __future__ import annotations

import pandas as pd

from dfr_sizing.ledger import Assumption
from dfr_sizing.recommend.types import Plan, Recommendation


def plans(found: Recommendation) -> pd.DataFrame:
    """The recommended plan and its alternatives, a column each. US dollars."""
    columns = {plan.name: _plan(plan) for plan in (found.recommended, *found.alternatives)}
    return pd.DataFrame(columns)


def _plan(plan: Plan) -> dict[str, object]:
    topology = plan.topology
    return {
        "place": topology.place.name,
        "application nodes": f"{topology.nodes} x {topology.application.name}",
        "HTTP workers a node": topology.workers_per_node,
        "database": topology.database.name + (" with standby" if topology.standby else ""),
        "storage": f"{topology.storage_gib:,} GiB {topology.disk.name}, {topology.iops:,} IOPS",
        "recovery": str(plan.strategy),
        "USD a month": round(plan.bill.monthly_usd),
        "USD in five years": round(plan.bill.five_year_usd),
        "meets every target": plan.passed,
    }


def targets(plan: Plan) -> pd.DataFrame:
    """Each target beside its prediction and interval."""
    return pd.DataFrame(
        {
            "target": check.target,
            "predicted": check.predicted,
            "low": check.low,
            "high": check.high,
            "unit": check.unit,
            "pass": check.passed,
            "decided by": check.where,
        }
        for check in plan.targets
    ).set_index(pd.Index([check.title for check in plan.targets], name="promise"))


def bill(plan: Plan) -> pd.DataFrame:
    """Each item of the bill with its basis and the age of its price."""
    return pd.DataFrame(
        {
            "tier": str(item.tier),
            "item": item.name,
            "USD a month": item.monthly_usd,
            "USD in five years": item.five_year_usd,
            **{f"USD in year {year}": usd for year, usd in enumerate(item.by_year_usd, 1)},
            "basis": item.basis,
            "price": str(item.price.label),
            "price date": item.price.date,
        }
        for item in plan.bill.items
    )


def latencies(plan: Plan) -> pd.DataFrame:
    """Mean, p50, p95 and p99 in seconds by named day and request class."""
    return pd.DataFrame(
        {
            "day": str(result.situation),
            "class": name,
            "requests": of_class.requests,
            "mean": of_class.mean.value,
            "p50": of_class.p50.value,
            "p95": of_class.p95.value,
            "p95 low": of_class.p95.low,
            "p95 high": of_class.p95.high,
            "p99": of_class.p99.value,
        }
        for result in plan.situations
        for name, of_class in result.outcome.classes.items()
    )


def ledger(lines: tuple[Assumption, ...]) -> pd.DataFrame:
    """The ledger of assumptions."""
    return pd.DataFrame(line.as_json() for line in lines)
