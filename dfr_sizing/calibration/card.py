"""The model card: what was measured, and how far the model is from it at each load step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dfr_sizing.calibration.check import HELD_OUT_LIMITS, LIMITS, Chance, StepCheck
from dfr_sizing.interval import Interval
from dfr_sizing.model import Model

_COLUMNS = ("throughput", "mean", "p95")


_HEAD = [
    *("run", "users", "workers", "think s", "req/s", "mean ms", "p95 ms"),
    *("X", "mean", "p95"),
    *("speed X", "speed mean", "speed p95"),
    *("raw X", "raw mean", "raw p95"),
    "limits",
]
_LEFT = {0, len(_HEAD) - 1}
"""Columns of text."""


def _row(step: StepCheck) -> list[str]:
    run = step.run
    said = [step.errors(way) for way in (step.by_cpu, step.by_speed, step.raw)]
    missed = step.missed_held_out if run.held_out else step.missed
    return [
        f"{run.tag} (held out)" if run.held_out else run.tag,
        f"{run.users}",
        f"{run.workers}",
        f"{run.think_s:g}",
        f"{run.throughput:.1f}",
        f"{1e3 * run.mean_s:.0f}",
        f"{1e3 * run.p95_s:.0f}",
        *(f"{errors[name]:+.1%}" for errors in said for name in _COLUMNS),
        "misses " + ", ".join(missed) if missed else "met",
    ]


def _limits(limits: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {limit:.0%}" for name, limit in limits.items())


def check_text(model: Model, steps: Sequence[StepCheck]) -> str:
    """The check as a table for a terminal."""
    table = [_HEAD, *map(_row, steps)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    lines = [
        (
            f"{model.name}: measured, and predicted over measured less one: demands scaled by the run's own CPU per "
            "request, by its speed score (speed), and as the model has them (raw)"
        )
    ]
    for row in table:
        cells = [
            cell.ljust(width) if at in _LEFT else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    met = sum(1 for step in steps if not (step.missed_held_out if step.run.held_out else step.missed))
    lines.append(
        f"Limits by CPU: {_limits(LIMITS)}; of a held-out load, by speed: {_limits(HELD_OUT_LIMITS)}. "
        f"{met} of {len(steps)} steps meet them."
    )
    lines += [_chance_line(step.run.tag, step.chance, step.beyond_chance) for step in steps if step.chance is not None]
    return "\n".join(lines) + "\n"


def _chance_line(tag: str, chance: Chance, beyond: Sequence[str]) -> str:
    """What tests of this length differ by among themselves."""
    units = ((1.0, "req/s"), (1e3, "ms mean"), (1e3, "ms p95"))
    parts = [f"{low * by:.1f} to {high * by:.1f} {unit}" for (low, high), (by, unit) in zip(chance, units, strict=True)]
    verdict = f"measured beyond it: {', '.join(beyond)}" if beyond else "what was measured lies within"
    return f"{tag}: of 100 tests of its length 95 lie, by speed, at {', '.join(parts)}; {verdict}."


def model_lines(model: Model) -> list[str]:
    """What the model is, as a table in Markdown."""
    shared = model.contention
    speed = f"one core is {model.cpu_speed.mid:.4g} of an AWS m5 core"
    lines = [
        "| | |",
        "|---|---|",
        f"| measured on | {model.measured_on} |",
        f"| Odoo | {model.odoo} |",
        f"| PostgreSQL | {model.postgresql} |",
        (
            f"| CPU | {model.cpu_name}; {speed} ({model.cpu_speed.low:.4g} to {model.cpu_speed.high:.4g}), "
            f"{model.cpu_speed_label}: {model.cpu_speed_source} |"
        ),
        f"| table | {model.table_rows:,} rows |",
        (
            f"| CPU demand beside other processes | Odoo x {shared.app_busy_factor:g}, "
            f"PostgreSQL x {shared.database_busy_factor:g} |"
        ),
        f"| surcharge of an idle host | + {shared.idle_slope:g} x (1 - utilisation) |",
        (
            f"| wait for a time slice | {1e3 * shared.dispatch_s:g} ms for each process too many per core; "
            f"{1e3 * shared.misplaced_s:g} ms where an idle core is overlooked |"
        ),
        f"| load generator | keeps {shared.think_stretch:g} times the think time it is told |",
    ]
    if shared.app_background or shared.database_background:
        took = f"Odoo {shared.app_background:g}, PostgreSQL {shared.database_background:g} cores; left out of sizing"
        lines.append(f"| without any request | {took} |")
    if model.speed_ms:
        follows = f"demands follow its changes to {model.speed_share:.0%}"
        lines.append(f"| fixed loop | {model.speed_ms:.4g} ms of CPU; {follows} |")
    return lines


def operation_lines(model: Model) -> list[str]:
    """The operations as a table in Markdown; intervals where there are any."""
    lines = [
        "## Operations",
        "",
        "| operation | Odoo CPU ms | PostgreSQL CPU ms | cv | statements | WAL bytes | growth | label | source |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {op.name} | {_milliseconds(op.app_cpu)} | {_milliseconds(op.database_cpu)} | {op.cv:g} "
        f"| {op.statements:g} | {op.wal_bytes:,.0f} | {_range(op.growth, '.2g')} | {op.label} | {op.source} |"
        for op in model.operations.values()
    ]


def _milliseconds(value: Interval) -> str:
    return _range(value.scaled(1e3), ".2f")


def _range(value: Interval, form: str) -> str:
    return f"{value.mid:{form}}" + ("" if value.is_exact else f" ({value.low:{form}} to {value.high:{form}})")


def check_lines(steps: Sequence[StepCheck]) -> list[str]:
    """The error at every load step as a table in Markdown."""
    return [
        "## Error against measurement",
        "",
        (
            "Predicted over measured less one. First: demands times the CPU per request that this step measured "
            f"over what the model says; limits {_limits(LIMITS)}. *speed*: demands times the step's speed score over "
            f"the model's; limits of a held-out step {_limits(HELD_OUT_LIMITS)}. *raw*: the model's own demands."
        ),
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|" + "---|" * len(_HEAD),
        *("| " + " | ".join(_row(step)) + " |" for step in steps),
        "",
    ]
