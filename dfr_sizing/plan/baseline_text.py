"""The check of the reference sizes on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from dfr_sizing.plan.as_json import SCHEMA_VERSION, plain_json, target_json
from dfr_sizing.plan.money import Money
from dfr_sizing.plan.recovery_terminal import WIDEST, table
from dfr_sizing.plan.words import about, number, quantity, share, spread, verdict
from dfr_sizing.recommend.baseline import BaselineCheck, Judged
from dfr_sizing.recommend.types import TargetCheck
from dfr_sizing.scenario import FARMERS_RANGE, Scenario

_OF_RECOVERY = frozenset({"rto_h", "rpo_min", "availability"})


def show_baselines(checks: Sequence[BaselineCheck], asked: Scenario, console: Console) -> None:
    """Print each baseline: its edge, what breaks first, the farmers that were asked for, what it costs."""
    width = min(console.width, WIDEST)
    for number_of, check in enumerate(checks):
        if number_of:
            console.print()
        for block in _blocks(check, asked):
            console.print(block, width=width)


def _blocks(check: BaselineCheck, asked: Scenario) -> Iterable[RenderableType]:
    sizes = check.baseline
    title = f"{sizes.nodes} x {sizes.application} + {sizes.database}, {sizes.storage_gib} GiB ({sizes.services})"
    yield Text(f"{check.place or sizes.provider}: {title}", style="bold")
    yield Text(f"{sizes.label}: {sizes.source}", style="dim")
    if check.why_not or check.fails is None or check.later is None or check.now is None:
        yield Text(f"Not checked: {check.why_not}.")
        return
    yield Text(_edge(check))
    yield Text(f"Breaks first: {_break(check.fails)}.")
    yield Text(_asked(check, asked))
    if check.serves is not None:
        yield _figures((*check.serves.targets, *check.recovery))
    late = [one.title for one in check.recovery if not one.passed]
    if late:
        yield Text(f"Recovery by backups alone misses: {', '.join(late)} (in year 5).")
    if check.bill is not None:
        money = Money.of(asked)
        month, five = money.text(check.bill.monthly_usd), money.text(check.bill.five_year_usd)
        yield Text(f"Cost there: {month} a month, {five} in five years.")


def _edge(check: BaselineCheck) -> str:
    failing = check.fails.farmers if check.fails else 0.0
    if check.serves is None:
        return f"Serves not even {about(failing)} farmers."
    until = f"fails at {about(failing)}" if failing < FARMERS_RANGE[1] else "no limit found"
    peak = check.peak
    hour = f", at {number(peak.requests_per_s)} requests/s ({peak.situation}, {peak.hour} h)" if peak else ""
    return (
        f"Serves every latency target up to {about(check.serves.farmers)} farmers with five years of data{hour}; "
        f"{until}. All nodes up: none can be spared. {check.steps} steps simulated."
    )


def _break(failed: Judged) -> str:
    full = f"; fullest: {failed.resource[0]} {share(failed.resource[1])}" if failed.resource else ""
    by = "simulated" if failed.simulated else "by the bounds"
    return f"{failed.breaks}, {failed.how}{full} ({by})"


def _asked(check: BaselineCheck, asked: Scenario) -> str:
    """What becomes of the farmers that were asked for."""
    farmers = asked.registry.farmers
    if check.later is None or check.now is None:
        return ""
    if check.later.serves:
        return f"{farmers:,} farmers: served, to year 5 ({about(check.later.farmers)})."
    if check.until is None:
        return f"{farmers:,} farmers: NOT served, not even at go-live: {_break(check.now)}."
    last = "at go-live only" if check.until == 0 else f"to year {check.until}"
    return f"{farmers:,} farmers: served {last}; in year 5 ({about(check.later.farmers)}): {_break(check.later)}."


def _figures(checks: Iterable[TargetCheck]) -> RenderableType:
    rows = table("target, at the most that is served; recovery in year 5", "promised", "predicted", "range", "")
    for one in checks:
        said = _said(one)
        rows.add_row(
            one.title,
            quantity(one.target, one.unit),
            quantity(one.predicted, one.unit),
            spread(one.low, one.high, one.unit),
            Text(said, style="bold red" if said == "FAIL" else "green"),
        )
    return rows


def _said(check: TargetCheck) -> str:
    """The verdict; at the edge a latency may be too close to tell, or too few requests have come: not a miss."""
    if check.passed or check.name in _OF_RECOVERY or check.predicted > check.target:
        return verdict(check)
    return "close" if check.told else "few"


def baseline_json(checks: Sequence[BaselineCheck], asked: Scenario) -> dict[str, Any]:
    """The check for programs, see schema.md."""
    return plain_json(
        {
            "schema_version": SCHEMA_VERSION,
            "farmers": asked.registry.farmers,
            "baselines": [_check(check) for check in checks],
        }
    )


def _check(check: BaselineCheck) -> dict[str, Any]:
    sizes, peak = check.baseline, check.peak
    return {
        "provider": sizes.provider,
        "place": check.place,
        "application": sizes.application,
        "nodes": sizes.nodes,
        "database": sizes.database,
        "storage_gib": sizes.storage_gib,
        "services": sizes.services,
        "label": sizes.label,
        "source": sizes.source,
        "why_not": check.why_not,
        "serves": _judged(check.serves),
        "fails": _judged(check.fails),
        "peak": None
        if peak is None
        else {"situation": peak.situation, "hour": peak.hour, "requests_per_s": peak.requests_per_s},
        "at_go_live": _judged(check.now),
        "in_year_5": _judged(check.later),
        "served_to_year": check.until,
        "recovery": [target_json(one) for one in check.recovery],
        "monthly_usd": check.bill and check.bill.monthly_usd,
        "five_year_usd": check.bill and check.bill.five_year_usd,
        "steps": check.steps,
    }


def _judged(found: Judged | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "farmers": found.farmers,
        "serves": found.serves,
        "breaks": found.breaks,
        "how": found.how,
        "resource": found.resource and {"name": found.resource[0], "utilisation": found.resource[1]},
        "simulated": found.simulated,
        "targets": [target_json(one) for one in found.targets],
    }
