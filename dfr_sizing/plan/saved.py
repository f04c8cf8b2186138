"""A plan that was saved (plan.json), read back as far as a comparison needs it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.plan.as_json import SCHEMA_VERSION
from dfr_sizing.recommend.compare import Offer
from dfr_sizing.recommend.types import TargetCheck

PLAN_JSON = "plan.json"
_ALLOWED = f"the {PLAN_JSON} of a plan, schema version {SCHEMA_VERSION}"


def is_saved(name: str) -> bool:
    """Whether a name means a saved plan: a .json file, or a folder that holds one."""
    return name.endswith(".json") or (Path(name) / PLAN_JSON).is_file()


def read_offer(path: Path) -> Offer:
    """A saved plan as a column of a comparison. Raises InputError for what is no plan."""
    file = path / PLAN_JSON if path.is_dir() else path
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return _offer(str(path), values)
    except OSError as error:
        raise InputError("a plan", path, _ALLOWED, f"{error.strerror}: check the path") from None
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError("a plan", path, _ALLOWED, f"{reason}: write it anew with dfr-size --out") from None


def _offer(name: str, values: dict[str, Any]) -> Offer:
    if values["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema version {values['schema_version']}")
    if not values["feasible"]:
        return Offer(name, math.nan, why_not=f"{values['limit']}; nearest change: {values['change']}")
    bought = values["recommendation"]
    nodes, database, place, cost = (bought[key] for key in ("application", "database", "place", "cost"))
    return Offer(
        name=name,
        farmers=float(values["scenario"]["registry"]["farmers"]),
        deployment=(
            f"{nodes['count']} x {nodes['instance']} + {database['instance']} in {place['provider']}/{place['region']}"
        ),
        recovery=f"{values['recovery']['strategy']}, {'with' if database['standby'] else 'no'} standby",
        monthly_usd=float(cost["monthly_usd"]),
        five_year_usd=float(cost["five_year_usd"]),
        targets=tuple(_target(row) for row in values["targets"]),
    )


def _target(row: dict[str, Any]) -> TargetCheck:
    """What is null in a plan was not finite: nothing known, or no upper bound."""
    predicted, low = (math.nan if row[key] is None else float(row[key]) for key in ("predicted", "low"))
    high = math.inf if row["high"] is None else float(row["high"])
    better = row["unit"] == "fraction"
    return TargetCheck(
        row["name"], row["title"], float(row["target"]), predicted, low, high, row["unit"], row["where"], better
    )
