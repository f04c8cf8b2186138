"""The answer on one screen: at most 100 columns, readable at 80, with or without colour.

On a terminal it takes 48 lines, or as many as the screen has; what has no room is told to be elsewhere. In a pipe or a
file there is no screen: everything is printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dfr_sizing.catalogue import InstanceType
from dfr_sizing.cost import Tier
from dfr_sizing.cost_interval import bill_interval
from dfr_sizing.plan.as_json import by_size
from dfr_sizing.plan.latency import break_point, class_title
from dfr_sizing.plan.money import Money
from dfr_sizing.plan.recovery_terminal import every_failure
from dfr_sizing.plan.words import (
    crosscheck,
    minutes,
    model_error,
    number,
    price_range,
    quantity,
    share,
    signed_share,
    spread,
    targets_missed,
    verdict,
)
from dfr_sizing.recommend.types import Infeasible, Plan, Recommendation, Rejection, Swing, TargetCheck

WIDEST = 100
LINES = 48
_BIGGEST = 3
"""Assumptions shown: those whose swing moves the cost most."""
_ELSEWHERE = "; by failure: --explain recovery"
_NAME_WIDTH = 14
_INDENT = 2


def show(r: Recommendation, console: Console) -> None:
    """Print the answer."""
    width = min(console.width, WIDEST)
    last, room = _provenance(r), _lines(console)
    lists = [_listed("Warning", r.warnings), _listed("Holds only if", r.conditions)]
    tables: list[RenderableType] = [] if r.recovery is None else [every_failure(r.recovery, r.recommended.strategy)]
    blocks = _blocks(r, "")
    fitted = _fitted(lists, room - _height([*blocks, last], console, width), console, width)
    if tables and _height([*blocks, *tables, *fitted, last], console, width) > room:
        tables, blocks = [], _blocks(r, _ELSEWHERE)
        fitted = _fitted(lists, room - _height([*blocks, last], console, width), console, width)
    for block in _aired([*blocks[:3], *tables], [*blocks[3:], *fitted, last], room, console, width):
        console.print(block, width=width)


def _blocks(r: Recommendation, elsewhere: str) -> list[RenderableType]:
    """What is printed in any case; ``elsewhere`` says where recovery has more."""
    money = Money.of(r.scenario)
    return [_title(r), _options(r), _targets(r.recommended.targets), *_facts(r, money, elsewhere), *_assumptions(r)]


def _lines(console: Console) -> float:
    """Lines that there is room for."""
    return max(LINES, console.height) if console.is_terminal else math.inf


def _aired(
    tables: list[RenderableType], rest: list[RenderableType], room: float, console: Console, width: int
) -> list[RenderableType]:
    """An empty line above each table and below the last, where the screen has room for all of them."""
    if _height([*tables, *rest], console, width) + len(tables) > room:
        return [*tables, *rest]
    return [line for block in tables for line in (block, "")] + rest


def show_infeasible(error: Infeasible, console: Console) -> None:
    """Print what stands in the way, and the nearest change that helps."""
    width = min(console.width, WIDEST)
    blocks: list[RenderableType] = [
        Text("No deployment meets every target.", style="bold red"),
        _fact("What binds", error.limit),
        _fact("Nearest change", error.change),
    ]
    turned_down = [_rejection(rejection) for rejection in error.rejected]
    room = _lines(console) - _height(blocks, console, width)
    for block in [*blocks, *_fitted([turned_down], room, console, width)]:
        console.print(block, width=width)


def _rejection(rejection: Rejection) -> RenderableType:
    return _fact("Turned down", f"{rejection.count:,} x {rejection.reason}")


def _title(r: Recommendation) -> RenderableType:
    asked, place = r.scenario.registry.farmers, r.recommended.topology.place
    where = ", ".join(part for part in (place.city, place.country) if part)
    text = f"{asked:,} farmers, {number(r.farmers_design)} in year 5: {place.name}"
    return Text(text + (f" ({where})" if where else ""), style="bold")


def _table(*columns: tuple[str, bool]) -> Table:
    """A table of wrapped columns: a name, and whether it holds numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name, numeric in columns:
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    return table


def _options(r: Recommendation) -> RenderableType:
    """What to buy; the alternatives beside it."""
    plans, money = (r.recommended, *r.alternatives), Money.of(r.scenario)
    table = _table(("", False), *((plan.name, False) for plan in plans))
    rows: list[tuple[str, list[str]]] = [
        ("application", [f"{plan.topology.nodes} x {plan.topology.application.name}" for plan in plans]),
        ("", [_size(plan.topology.application) for plan in plans]),
        ("workers a node", [str(plan.topology.workers_per_node) for plan in plans]),
        ("database", [plan.topology.database.name for plan in plans]),
        ("", [_size(plan.topology.database) for plan in plans]),
        ("standby", ["another of the same" if plan.topology.standby else "none" for plan in plans]),
        ("storage, IOPS", [f"{plan.topology.storage_gib:,} GiB, {plan.topology.iops:,}" for plan in plans]),
        ("second site", [str(plan.strategy) for plan in plans]),
        (f"{money.currency} a month", [money.figure(plan.bill.monthly_usd) for plan in plans]),
        (f"{money.currency} five years", [money.figure(plan.bill.five_year_usd) for plan in plans]),
        ("targets missed", [_missed(plan) for plan in plans]),
    ]
    for name, cells in rows:
        table.add_row(Text(name, style="dim"), *(Text(cell) for cell in cells))
    return table


def _size(instance: InstanceType) -> str:
    return f"{instance.vcpus} vCPU, {instance.memory_gib:g} GiB"


def _missed(plan: Plan) -> str:
    return targets_missed(plan, lambda check: check.title.split(",")[0], ", ")


def _targets(checks: Sequence[TargetCheck]) -> RenderableType:
    table = _table(
        ("target", False), ("promised", True), ("predicted", True), ("range", True), ("margin", True), ("", False)
    )
    for check in checks:
        said = verdict(check)
        table.add_row(
            Text(check.title),
            quantity(check.target, check.unit),
            quantity(check.predicted, check.unit),
            spread(check.low, check.high, check.unit),
            signed_share(check.margin),
            Text(said, style="green" if said == "pass" else "bold red"),
        )
    return table


def _fact(name: str, text: str, style: str = "") -> RenderableType:
    """A name and a sentence that wraps under itself."""
    table = Table.grid(padding=(0, _INDENT, 0, 0))
    table.add_column(width=_NAME_WIDTH, no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_row(Text(name, style="bold"), Text(text, style=style))
    return table


def _facts(r: Recommendation, money: Money, elsewhere: str) -> list[RenderableType]:
    plan, thumb = r.recommended, r.rule_of_thumb
    rto, rpo, weak = plan.headline.rto_minutes, plan.headline.rpo_minutes, plan.availability.single_points
    points = f"; single points: {', '.join(weak)}" if weak else ""
    run = [tier for tier in Tier if tier is not Tier.SETUP and plan.bill.of_tier(tier)]
    tiers = ", ".join(f"{tier} {money.figure(plan.bill.of_tier(tier))}" for tier in run)
    once = f" (setup {money.figure(plan.bill.setup_usd)})" if plan.bill.setup_usd else ""
    rate = f"; {money.rate_text}" if money.rate_text else ""
    five = f"{money.text(plan.bill.five_year_usd)} in five years"
    prices = price_range(bill_interval(plan.bill))
    return [
        _fact(
            "Recovery",
            f"{plan.strategy}: RTO {minutes(rto.p50)} to {minutes(rto.sure)}, "
            f"RPO {minutes(rpo.p50)} to {minutes(rpo.sure)}{points}{elsewhere}",
        ),
        _fact("Cost", f"{money.text(plan.bill.monthly_usd)} a month ({tiers}), {five}{once}{rate}; prices {prices}"),
        _fact("Bottleneck", _bottleneck(plan.bottleneck)),
        _fact("Fails at", _fails_at(r)),
        _fact("Closed form", crosscheck(r.crosscheck)),
        _fact(
            "Rule of thumb",
            f"Odoo's: {thumb.workers:,} workers, {thumb.vcpus:,} vCPU, {number(thumb.memory_gib)} GiB "
            f"for {number(thumb.users_at_once)} users at once",
        ),
    ]


def _bottleneck(ranked: Sequence[tuple[str, float]]) -> str:
    named = [f"{resource} {share(utilisation)}" for resource, utilisation in ranked[:2]]
    return ", then ".join(named) if named else "no data"


def _fails_at(r: Recommendation) -> str:
    found = break_point(r)
    if found is None:
        most = max((point.farmers for point in r.growth_curve), default=math.nan)
        return f"no number of farmers simulated (up to {number(most)})" if math.isfinite(most) else "not simulated"
    slow = f"{number(found.p95_s)} s against {number(found.target_s)} s"
    return f"{number(found.farmers)} farmers, one node down: {class_title(found.request_class)} {slow}"


def _assumptions(r: Recommendation) -> list[RenderableType]:
    """The inputs that move the cost most; nothing where none does."""
    money = Money.of(r.scenario)
    labels = {line.name: line.label for line in r.assumptions}
    biggest = [swing for swing in by_size(r.sensitivities) if swing.size > 0][:_BIGGEST]
    return [
        _fact("Rests on" if rank == 0 else "", _swing(swing, money, labels.get(swing.name)))
        for rank, swing in enumerate(biggest)
    ]


def _swing(swing: Swing, money: Money, label: str | None) -> str:
    costs = [
        f"{number(money.amount(cost) / 1e3)}k" if math.isfinite(cost) else "nothing serves"
        for cost in (swing.cost_at_low, swing.cost_at_high)
    ]
    _, _, field = swing.name.partition(".")
    values = f"{number(swing.mid)} ({number(swing.low)} to {number(swing.high)})"
    return f"{field} {values}: {money.currency} {costs[0]} to {costs[1]}{f', {label}' if label else ''}"


def _listed(name: str, texts: Iterable[str]) -> list[RenderableType]:
    return [_fact(name if index == 0 else "", text) for index, text in enumerate(texts)]


def _provenance(r: Recommendation) -> RenderableType:
    return _fact(
        "Computed",
        f"seed {r.seed}, {r.simulated_requests:,} requests simulated{_of_day(r)}{_sure(r)}, model {r.model}, "
        f"its error: {model_error(r.model_error)}",
        "dim",
    )


def _of_day(r: Recommendation) -> str:
    """How much of the worst day was simulated."""
    return "" if r.day is None else f", {share(r.day.share)} of the worst day's {r.day.requests:,.0f}"


def _sure(r: Recommendation) -> str:
    """How sure the choice is."""
    sure = r.selection
    if sure is None:
        return ""
    close = f", close: {', '.join(sure.close)}" if sure.close else ""
    return f", right choice of {sure.judged} with {share(sure.probability)} at least{close}"


def _height(blocks: Iterable[RenderableType], console: Console, width: int) -> int:
    """Lines that the blocks take."""
    options = console.options.update(width=width)
    return sum(len(console.render_lines(block, options)) for block in blocks)


def _fitted(
    groups: Sequence[Sequence[RenderableType]], room: float, console: Console, width: int
) -> list[RenderableType]:
    """As many of the blocks as fit, the first of every group before the second of any, and how many do not."""
    everything = [block for group in groups for block in group]
    if _height(everything, console, width) <= room:
        return everything
    kept = [0] * len(groups)
    room -= 1  # for the line that says what is left out
    for rank in range(max(map(len, groups))):
        for index, group in enumerate(groups):
            height = _height(group[rank : rank + 1], console, width)
            if kept[index] == rank < len(group) and height <= room:
                kept[index] += 1
                room -= height
    fitted = [block for group, count in zip(groups, kept, strict=True) for block in group[:count]]
    left = Text(f"and {len(everything) - len(fitted)} more, in the plan")
    return [*fitted, Padding(left, (0, 0, 0, _NAME_WIDTH + _INDENT))]
