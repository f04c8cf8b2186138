"""The model card: what was measured, and how far the model is from it at each load step."""

from __future__ import annotations

from collections.abc import Sequence

from dfr_sizing.calibration.check import LIMITS, StepCheck
from dfr_sizing.model import Model

_COLUMNS = ("throughput", "mean", "p95")


def worst_errors(steps: Sequence[StepCheck]) -> dict[str, float]:
    """The largest error of each kind over all steps, scaled and raw, and how many steps miss a limit."""
    worst: dict[str, float] = {"steps": len(steps), "steps_missed": sum(1 for step in steps if step.missed)}
    for name in _COLUMNS:
        worst[name] = round(max(abs(step.errors(step.scaled)[name]) for step in steps), 4)
        worst[f"raw_{name}"] = round(max(abs(step.errors(step.raw)[name]) for step in steps), 4)
    return worst


def _rows(steps: Sequence[StepCheck]) -> list[list[str]]:
    rows = []
    for step in steps:
        run, scaled, raw = step.run, step.errors(step.scaled), step.errors(step.raw)
        rows.append(
            [
                run.tag,
                f"{run.users}",
                f"{run.workers}",
                f"{run.think_s:g}",
                f"{run.throughput:.1f}",
                f"{1e3 * run.mean_s:.0f}",
                f"{1e3 * run.p95_s:.0f}",
                *(f"{scaled[name]:+.1%}" for name in _COLUMNS),
                *(f"{raw[name]:+.1%}" for name in _COLUMNS),
                "misses " + ", ".join(step.missed) if step.missed else "met",
            ]
        )
    return rows


_HEAD = [
    "run",
    "users",
    "workers",
    "think s",
    "req/s",
    "mean ms",
    "p95 ms",
    "X err",
    "mean err",
    "p95 err",
    "raw X",
    "raw mean",
    "raw p95",
    "limits",
]


def check_text(model: Model, steps: Sequence[StepCheck]) -> str:
    """The check as a table for a terminal."""
    table = [_HEAD, *_rows(steps)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    lines = [f"{model.name}: measured, and predicted over measured less one (demands scaled to the run; raw beside)"]
    for row in table:
        cells = [
            cell.ljust(width) if at in {0, 13} else cell.rjust(width) for at, (cell, width) in _numbered(row, widths)
        ]
        lines.append("  ".join(cells).rstrip())
    limits = ", ".join(f"{name} {limit:.0%}" for name, limit in LIMITS.items())
    missed = sum(1 for step in steps if step.missed)
    lines.append(f"Limits after scaling: {limits}. {len(steps) - missed} of {len(steps)} steps meet them.")
    return "\n".join(lines) + "\n"


def _numbered(row: list[str], widths: list[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(row, widths, strict=True)))


def card_text(model: Model, steps: Sequence[StepCheck]) -> str:
    """The model card in Markdown."""
    shared, worst = model.contention, worst_errors(steps)
    lines = [
        f"# Model card: {model.name}",
        "",
        "Written by `dfr-size model fit`. What the runs teach is in README.md beside this file.",
        "",
        "| | |",
        "|---|---|",
        f"| measured on | {model.measured_on} |",
        f"| Odoo | {model.odoo} |",
        f"| PostgreSQL | {model.postgresql} |",
        (
            f"| CPU | {model.cpu_name}; one core is {model.cpu_speed.mid:g} of an AWS m5 core "
            f"({model.cpu_speed.low:g} to {model.cpu_speed.high:g}) |"
        ),
        f"| table | {model.table_rows:,} rows |",
        (
            f"| CPU demand beside other processes | Odoo x {shared.app_busy_factor:g}, "
            f"PostgreSQL x {shared.database_busy_factor:g} |"
        ),
        f"| surcharge of an idle host | + {shared.idle_slope:g} x (1 - utilisation) |",
        (
            f"| wait for a time slice | {1e3 * shared.dispatch_s:g} ms for each process too many per core; "
            f"misplaced share {shared.misplaced:g} |"
        ),
        f"| load generator | keeps {shared.think_stretch:g} times the think time it is told |",
        "",
        "## Operations",
        "",
        "| operation | Odoo CPU ms | PostgreSQL CPU ms | cv | statements | WAL bytes | label | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {op.name} | {1e3 * op.app_cpu_s:.2f} | {1e3 * op.database_cpu_s:.2f} | {op.cv:g} | {op.statements:g} "
        f"| {op.wal_bytes:,.0f} | {op.label} | {op.source} |"
        for op in model.operations.values()
    ]
    lines += [
        "",
        "## Error against measurement",
        "",
        "Predicted over measured less one. *Scaled*: demands times the CPU per request that this step measured over "
        "what the model says, because the host drifted; *raw*: the model's own demands. Limits after scaling: "
        + ", ".join(f"{name} {limit:.0%}" for name, limit in LIMITS.items())
        + ".",
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|" + "---|" * len(_HEAD),
        *("| " + " | ".join(row) + " |" for row in _rows(steps)),
        "",
        (
            f"Worst after scaling: throughput {worst['throughput']:.1%}, mean {worst['mean']:.1%}, "
            f"p95 {worst['p95']:.1%}; "
            f"raw: throughput {worst['raw_throughput']:.1%}, mean {worst['raw_mean']:.1%}, p95 {worst['raw_p95']:.1%}."
        ),
    ]
    missed = [f"{step.run.tag} ({', '.join(step.missed)})" for step in steps if step.missed]
    lines += ["", f"Steps that miss a limit: {'; '.join(missed)}." if missed else "Every step meets the limits."]
    return "\n".join(lines) + "\n"
