"""The card of a calibrated model: what was measured, what was wrong with it, what the numbers rest on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dfr_sizing.calibration.calibrate import STRANGERS, Calibration
from dfr_sizing.calibration.card import check_lines, model_lines, operation_lines
from dfr_sizing.calibration.steps import LoadStep
from dfr_sizing.interval import Interval
from dfr_sizing.recording.types import Recording

PICTURES = {"latency.png": "latency measured and simulated", "cpu.png": "CPU of a request against utilisation"}


def calibration_card(found: Calibration) -> str:
    """The card in Markdown."""
    strangers = found.model.check_error.get(STRANGERS)
    again = "dfr-size calibrate runs/* -o ." + ("" if strangers is None else f" --strangers {strangers:g}")
    lines = [
        f"# Model card: {found.model.name}",
        "",
        f"Written by `dfr-size calibrate`; `{again}` here fits it again.",
        "",
        *model_lines(found.model),
        "",
        *_verdict(found),
        "## What was measured",
        "",
        "| recording | on | mapping | load generator | sources | hosts |",
        "|---|---|---|---|---|---|",
        *(_recording(one) for one in found.recordings),
        "",
        *_steps(found),
        "## Defects and dropped steps",
        "",
        *([f"- {defect.sentence}" for defect in found.defects] or ["None."]),
        "",
        *_fit(found),
        *operation_lines(found.model),
        "",
        *check_lines(found.checks),
        *(f"![{title}]({name})" for name, title in PICTURES.items()),
    ]
    return "\n".join(lines) + "\n"


def _verdict(found: Calibration) -> list[str]:
    names = ", ".join(check.run.tag for check in found.held_out)
    if found.missed:
        return [f"**On the load held out of the fit ({names}) it misses: {'; '.join(found.missed)}. Accepted.**", ""]
    error = found.model.check_error
    told = ", ".join(f"{name} {error[name]:.1%}" for name in ("throughput", "mean", "p95"))
    return [f"On the load held out of the fit ({names}) its error is: {told}.", ""]


def _recording(one: Recording) -> str:
    day = datetime.fromtimestamp(one.started, UTC).date().isoformat()
    hosts = "; ".join(
        f"{', '.join(host.groups)}: {host.cores} x {host.threads_per_core} {host.cpu}, "
        f"{host.memory_bytes / 2**30:.0f} GiB, {host.disk}"
        for host in one.hosts
    )
    return f"| {one.name} | {day} | {one.mapping} | {one.generator} | {_pairs(one.sources)} | {hosts} |"


def _pairs(values: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def _steps(found: Calibration) -> list[str]:
    lines = [
        (
            "CPU of a request as measured, in ms; *speed* is the CPU time of the fixed loop, *queue* the connections "
            "that waited to be accepted. Quiet seconds only."
        ),
        "",
        "| step | users | think s | seconds | requests | mix | Odoo | PostgreSQL | client | busy | speed ms | queue |",
        "|" + "---|" * 12,
    ]
    return [*lines, *(_step(step) for step in found.steps), ""]


def _step(step: LoadStep) -> str:
    run, host = step.run, step.run.host("odoo")
    mix = ", ".join(f"{name} {share:.0%}" for name, share in run.mix.items())
    cpu = " | ".join(f"{1e3 * value:.2f}" for value in (run.app_cpu_s, run.database_cpu_s, run.client_cpu_s))
    return (
        f"| {run.tag} | {run.users} | {run.think_s:g} | {run.seconds:.0f} | {run.requests} | {mix} | {cpu} "
        f"| {host.utilisation:.0%} | {host.speed_ms:.4g} | {run.queue:.1f} |"
    )


def _fit(found: Calibration) -> list[str]:
    demands = found.demands
    told = [
        f"{name} {value.mid:.3f} ({value.low:.3f} to {value.high:.3f})"
        for name, value in zip(("Odoo busy", "PostgreSQL busy", "idle slope"), demands.shared, strict=True)
    ]
    lines = [
        "## The fit",
        "",
        (
            "Utilisation law over windows; 95 % intervals by bootstrap. Condition number of the windows: "
            f"Odoo {demands.conditions[0]:.1f}, PostgreSQL {demands.conditions[1]:.1f}. Common error of the steps: "
            f"{demands.step_sd:.1%}. Contention: {', '.join(told)}."
        ),
        "",
        "| class | rests on the log: Odoo | PostgreSQL | SQL that grows with the table |",
        "|---|---|---|---|",
    ]
    for name, demand in zip(found.steps[0].classes, demands.by_class, strict=True):
        lines.append(f"| {name} | {demand.app_rests:.0%} | {demand.database_rests:.0%} | {_growth(demand.growth)} |")
    sizes = sorted({step.rows for step in found.steps})
    note = f"Tables of {', '.join(f'{rows:,}' for rows in sizes)} rows."
    if len(sizes) == 1:
        note = f"One table size ({sizes[0]:,} rows): growth is that of the base model."
    return [*lines, "", note, ""]


def _growth(value: Interval) -> str:
    return f"{value.mid:.0%} ({value.low:.0%} to {value.high:.0%})"
