"""A model as the text of its file, model.toml."""

from __future__ import annotations

from collections.abc import Mapping

from dfr_sizing.model import Model, Operation
from dfr_sizing.toml_text import toml_value


def model_text(model: Model, check_error: Mapping[str, float], remark: str) -> str:
    """The model as TOML, below one line of ``remark``."""
    shared = model.contention
    tables: dict[str, dict[str, object]] = {
        "model": {
            "name": model.name,
            "measured_on": model.measured_on,
            "odoo": model.odoo,
            "postgresql": model.postgresql,
            "table_rows": model.table_rows,
        },
        "cpu": {
            "name": model.cpu_name,
            "speed": list(model.cpu_speed.bounds),
            "speed_ms": model.speed_ms,
            "speed_share": model.speed_share,
            "label": str(model.cpu_speed_label),
            "source": model.cpu_speed_source,
        },
        "contention": {
            "app_busy_factor": shared.app_busy_factor,
            "database_busy_factor": shared.database_busy_factor,
            "idle_slope": shared.idle_slope,
            "dispatch_ms": shared.dispatch_s * 1e3,
            "misplaced_ms": shared.misplaced_s * 1e3,
            "think_stretch": shared.think_stretch,
            "app_background": shared.app_background,
            "database_background": shared.database_background,
        },
        "check": dict(check_error),
    }
    tables |= {f"operation.{operation.name}": _operation(operation) for operation in model.operations.values()}
    lines = [f"# {remark}"]
    for title, table in tables.items():
        lines += ["", f"[{title}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _operation(operation: Operation) -> dict[str, object]:
    told: dict[str, object] = {
        "measured_as": operation.measured_as,
        "app_cpu_ms": operation.app_cpu.scaled(1e3),
        "database_cpu_ms": operation.database_cpu.scaled(1e3),
        "cv": operation.cv,
        "statements": operation.statements,
        "threads": operation.threads,
        "pages": operation.pages,
        "wal_bytes": operation.wal_bytes,
        "tail_share": operation.tail_share,
        "tail_factor": operation.tail_factor,
        "growth": operation.growth,
        "label": str(operation.label),
        "source": operation.source,
    }
    return told | ({"counts": dict(operation.counts)} if operation.counts else {})
