"""The charts of a plan. Each function returns a Figure; nothing is shown and no state is shared with other plots.

The same Recommendation gives the same bytes: matplotlib's own defaults, its own font, no metadata.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from dfr_sizing.cost import Tier
from dfr_sizing.drivers import rule
from dfr_sizing.house_style import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    RED,
    SKY,
    WIDTH_IN,
    YELLOW,
    house_style,
)
from dfr_sizing.plan.as_json import by_size, storage_years
from dfr_sizing.plan.latency import TITLES, limit_s, worst_by_target
from dfr_sizing.plan.money import Money
from dfr_sizing.plan.pareto_picture import pareto
from dfr_sizing.plan.words import number, year
from dfr_sizing.recommend.recovery_types import WayCost
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.topology import GIB

_STYLE = {
    "page_p95_s": (BLUE, "o"),
    "search_p95_s": (ORANGE, "s"),
    "report_p95_s": (GREEN, "^"),
    "api_p95_ms": (RED, "D"),
}
_TIERS = {
    Tier.SETUP: YELLOW,
    Tier.PRODUCTION: BLUE,
    Tier.RECOVERY: ORANGE,
    Tier.STAGING: GREEN,
    Tier.DEVELOPMENT: GREY,
    Tier.CHARGES: PINK,
}
_TABLES = (BLUE, ORANGE, GREEN, RED, SKY, PINK, YELLOW, GREY)
_RESOURCES = (BLUE, ORANGE, GREEN, PINK, SKY, GREY)
_MOST_SWINGS = 10


def _figure(height_in: float) -> Figure:
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def _legend_below(figure: Figure, axes: Axes, columns: int) -> None:
    """A legend under the chart hides no data, however full the chart is."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def latency_growth(r: Recommendation) -> Figure:
    """p95 of the slowest class of each target against farmers, beside the target."""
    with house_style():
        figure = _figure(5.0)
        axes = figure.add_subplot()
        points = sorted(r.growth_curve, key=lambda point: point.farmers)
        _lines_by_target(axes, r, [point.farmers for point in points], [point.p95_s for point in points])
        axes.axvline(r.farmers_design, color="black", linewidth=1, linestyle=":")
        refused = [point.farmers for point in points if point.failed_share > rule("search.most_failed")]
        if refused:  # who gets through there may even be quicker: it says nothing of those who do not
            axes.axvspan(refused[0], points[-1].farmers, color=GREY, alpha=0.2)
            axes.annotate(
                " connections\n refused", (refused[0], 0.03), xycoords=("data", "axes fraction"), fontsize="small"
            )
        axes.set(
            xscale="log",
            yscale="log",
            title="Latency as farmers grow, on the recommended deployment",
            xlabel="farmers, one application node down (dotted: designed for, year 5)",
            ylabel="p95 of the slowest class, s",
        )
        ticks = [point.farmers for point in points]
        axes.set_xticks(_far_enough_apart(ticks))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        _legend_below(figure, axes, 4)
        return figure


def _far_enough_apart(values: Sequence[float]) -> list[float]:
    """Of rising values those that differ by a fifth at least, so that their labels do not run into each other."""
    kept: list[float] = []
    for value in values:
        if not kept or value >= 1.2 * kept[-1]:
            kept.append(value)
    return kept


def _lines_by_target(axes: Axes, r: Recommendation, x: Sequence[float], p95_s: Sequence[Mapping[str, float]]) -> None:
    """A line for each target that has data, its target dashed in the same colour; no data leaves a gap."""
    worst = [worst_by_target(each) for each in p95_s]
    for target, title in TITLES.items():
        y = [each[target][1] if target in each else math.nan for each in worst]
        if all(math.isnan(value) for value in y):
            continue
        colour, marker = _STYLE[target]
        limit = limit_s(r.scenario, target)
        axes.plot(x, y, color=colour, marker=marker, markersize=5, label=title)
        axes.axhline(limit, color=colour, linestyle="--", linewidth=1.2, label=f"target: {number(limit)} s")


def day_profile(r: Recommendation) -> Figure:
    """Requests a second and p95 through the hours of the campaign's worst day."""
    with house_style():
        figure = _figure(6.2)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
        hours = sorted(r.day.hours if r.day else (), key=lambda hour: hour.hour)
        at = [hour.hour for hour in hours]
        above.bar(at, [hour.requests_per_s for hour in hours], color=SKY, width=0.8)
        above.set(title="The worst day, hour by hour, all nodes up", ylabel="requests/s")
        _lines_by_target(below, r, at, [hour.p95_s for hour in hours])
        below.set(yscale="log", xlabel="hour of the day", ylabel="p95 of the slowest class, s", xlim=(-0.7, 23.7))
        below.set_xticks(range(0, 24, 2))
        below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        _legend_below(figure, below, 4)
        return figure


def utilisation(r: Recommendation) -> Figure:
    """How full each resource is in each named day's busiest hour."""
    with house_style():
        results = r.recommended.situations
        resources = list(dict.fromkeys(name for result in results for name in result.outcome.utilisation))
        figure = _figure(1.8 + 0.75 * max(1, len(results)))
        axes = figure.add_subplot()
        thick = 0.8 / max(1, len(resources))
        for index, resource in enumerate(resources):
            y = [row + (index - (len(resources) - 1) / 2) * thick for row in range(len(results))]
            x = [100.0 * result.outcome.utilisation.get(resource, 0.0) for result in results]
            axes.barh(y, x, height=0.9 * thick, color=_RESOURCES[index % len(_RESOURCES)], label=resource)
        most = 100.0 * rule("search.most_utilisation")
        axes.axvline(most, color="black", linestyle="--", linewidth=1, label=f"the search stops at {most:g} %")
        axes.set(title="Utilisation in the busiest hour", xlabel="utilisation, %", xlim=(0, 100))
        axes.set_yticks(
            range(len(results)),
            [f"{result.situation}\n{result.hour} h, {_down(result.nodes_down)}" for result in results],
        )
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        _legend_below(figure, axes, 3)
        return figure


def _down(nodes: int) -> str:
    return f"{nodes} node{'' if nodes == 1 else 's'} down" if nodes else "all nodes up"


def cost_by_item(r: Recommendation) -> Figure:
    """What is paid in five years, by item, the tiers side by side in one bar."""
    money = Money.of(r.scenario)
    by_item: dict[str, dict[Tier, float]] = {}
    for item in r.recommended.bill.items:
        row = by_item.setdefault(item.name.removeprefix(f"{item.tier}: "), {})
        row[item.tier] = row.get(item.tier, 0.0) + money.amount(item.five_year_usd)
    names = sorted(by_item, key=lambda name: (-sum(by_item[name].values()), name))
    with house_style():
        figure = _figure(1.8 + 0.33 * max(1, len(names)))
        axes = figure.add_subplot()
        start = [0.0] * len(names)
        for tier, colour in _TIERS.items():
            widths = [by_item[name].get(tier, 0.0) for name in names]
            if any(widths):
                axes.barh(names, widths, left=start, color=colour, label=str(tier), edgecolor="white", linewidth=0.5)
            start = [left + width for left, width in zip(start, widths, strict=True)]
        for place, total in enumerate(start):
            axes.annotate(f"{total:,.0f}", (total, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set(
            title=f"Cost in five years: {money.currency} {money.figure(r.recommended.bill.five_year_usd)}",
            xlabel=f"{money.currency} in five years",
        )
        axes.margins(x=0.14)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        _legend_below(figure, axes, 4)
        return figure


def storage_by_table(r: Recommendation) -> Figure:
    """GiB of each table from go-live to year 5, and the database with its dead space."""
    years = sorted({size.year for size in r.tables})
    gib = {(size.table, size.year): size.bytes / GIB for size in r.tables}
    last = years[-1] if years else 0
    names = sorted({size.table for size in r.tables}, key=lambda name: (-gib.get((name, last), 0.0), name))
    shown = names[: len(_TABLES) - 1]
    series = {name: [gib.get((name, at), 0.0) for at in years] for name in shown}
    if len(names) > len(shown):
        series["other tables"] = [sum(gib.get((name, at), 0.0) for name in names[len(shown) :]) for at in years]
    with house_style():
        figure = _figure(5.0)
        axes = figure.add_subplot()
        bottom = [0.0] * len(years)
        for (name, values), colour in zip(series.items(), _TABLES, strict=False):
            axes.bar(years, values, bottom=bottom, color=colour, label=name, edgecolor="white", linewidth=0.5)
            bottom = [below + value for below, value in zip(bottom, values, strict=True)]
        whole = {row["year"]: row["database_gib"] for row in storage_years(r.scenario)}
        axes.plot(years, [whole[at] for at in years], color="black", marker="o", label="with dead space")
        axes.set(title="Storage of the database by table, indexes included", ylabel="GiB")
        axes.set_xticks(years, [year(at) for at in years])
        axes.grid(visible=False, axis="x")
        _legend_below(figure, axes, 3)
        return figure


def sensitivity(r: Recommendation) -> Figure:
    """Five-year cost with one input at its low and at its high end, all else at mid."""
    money = Money.of(r.scenario)
    swings = [swing for swing in by_size(r.sensitivities) if swing.size > 0][:_MOST_SWINGS]
    base = money.amount(r.recommended.bill.five_year_usd)
    costs = [[money.amount(usd) for usd in (swing.cost_at_low, swing.cost_at_high)] for swing in swings]
    finite = [cost for pair in costs for cost in pair if math.isfinite(cost)] + [base]
    # Where nothing can be bought at all the bar runs to the right edge, and says so.
    edge = base + 1.15 * max(max(finite) - base, base - min(finite), 0.01 * base)
    with house_style():
        figure = _figure(1.9 + 0.5 * max(1, len(swings)))
        axes = figure.add_subplot()
        for end, (colour, name) in enumerate(((SKY, "input at its low end"), (RED, "input at its high end"))):
            ends = [pair[end] if math.isfinite(pair[end]) else edge for pair in costs]
            # Side by side: both ends may cost more than mid, and then one bar would hide the other.
            rows = [row + (0.2 if end else -0.2) for row in range(len(swings))]
            axes.barh(rows, [cost - base for cost in ends], height=0.38, left=base, color=colour, label=name)
            for row, cost in zip(rows, (pair[end] for pair in costs), strict=True):
                if not math.isfinite(cost):
                    _noted_at_edge(axes, edge, row)
        axes.axvline(base, color="black", linewidth=1)
        axes.set_yticks(range(len(swings)), [_swing_label(swing.name, swing.low, swing.high) for swing in swings])
        axes.set(
            title="What the cost depends on most",
            xlabel=f"{money.currency} in five years, by the bounds (the line: all inputs at mid)",
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        _legend_below(figure, axes, 2)
        return figure


def _noted_at_edge(axes: Axes, edge: float, row: float) -> None:
    axes.annotate(
        "nothing serves", (edge, row), (-4, 0), textcoords="offset points", ha="right", va="center", fontsize=9
    )


def _swing_label(name: str, low: float, high: float) -> str:
    return f"{name}\n{number(low)} to {number(high)}"


def recovery_cost(r: Recommendation) -> Figure:
    """Five-year cost of each way to recover against its RTO, median to 95 %; the line joins the cheapest for an RTO."""
    money, ways = Money.of(r.scenario), r.recovery.ways if r.recovery else ()
    with house_style():
        figure = _figure(5.0)
        axes = figure.add_subplot()
        for standby, colour, marker in ((False, BLUE, "o"), (True, ORANGE, "s")):
            shown = [way for way in ways if way.standby is standby]
            cost = [money.amount(way.five_year_usd) for way in shown]
            late = [way.headline.rto_minutes.p95 / 60.0 for way in shown]
            label = "standby in another zone" if standby else "one zone"
            axes.hlines(cost, [way.headline.rto_minutes.p50 / 60.0 for way in shown], late, color=colour, linewidth=1)
            axes.plot(late, cost, color=colour, marker=marker, linestyle="none", label=f"{label}: median to 95 %")
        best = _cheapest_for_rto(ways)
        axes.step(
            [way.headline.rto_minutes.p95 / 60.0 for way in best],
            [money.amount(way.five_year_usd) for way in best],
            where="post", color=GREY, linewidth=1, label="the cheapest for an RTO",
        )  # fmt: skip
        for way in ways:
            at = (way.headline.rto_minutes.p95 / 60.0, money.amount(way.five_year_usd))
            name = f"{way.strategy} (chosen)" if way.chosen else str(way.strategy)
            axes.annotate(name, at, (5, 3), textcoords="offset points", fontsize=8)
        axes.axvline(r.scenario.recovery.rto_hours.mid, color="black", linestyle="--", linewidth=1, label="RTO target")
        axes.set(
            xscale="log",
            title="What a shorter RTO costs, on the recommended sizes",
            xlabel="RTO of the worse of losing the disk and losing the site, h",
            ylabel=f"{money.currency} in five years",
        )
        axes.margins(x=0.2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        _legend_below(figure, axes, 2)
        return figure


def _cheapest_for_rto(ways: Sequence[WayCost]) -> list[WayCost]:
    """Ways that no other one beats in both cost and RTO, by RTO."""
    kept: list[WayCost] = []
    for way in sorted(ways, key=lambda one: (one.headline.rto_minutes.p95, one.five_year_usd)):
        if not kept or way.five_year_usd < kept[-1].five_year_usd:
            kept.append(way)
    return kept


def hit_ratio(r: Recommendation) -> Figure:
    """Hit ratio of the worst hour against the database's memory, with the reads a second that are left."""
    memory = r.database.memory if r.database else ()
    with house_style():
        figure = _figure(4.6)
        axes = figure.add_subplot()
        gib = [each.memory_bytes / GIB for each in memory]
        axes.plot(gib, [100.0 * each.hit_ratio for each in memory], color=BLUE, marker="o", label="hit ratio")
        for each, at in zip(memory, gib, strict=True):
            axes.annotate(
                f"{number(each.reads_per_s)} reads/s", (at, 100.0 * each.hit_ratio), (7, -10),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        bought = r.recommended.topology.database.memory_gib
        axes.axvline(bought, color="black", linewidth=1, linestyle=":", label=f"recommended: {bought:g} GiB")
        axes.set(
            xscale="log",
            title="What memory saves the database's disk, worst hour of year 5",
            xlabel="memory of the database, GiB",
            ylabel="pages found in memory, %",
        )
        axes.margins(x=0.12, y=0.12)
        axes.set_xticks(gib)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        _legend_below(figure, axes, 2)
        return figure


def _count(value: float) -> str:
    """Farmers as 500 k or 2 M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{number(value / size)} {letter}"
    return number(value)


Drawing = Callable[[Recommendation], Figure]
PICTURES: dict[str, tuple[str, Drawing, Callable[[Recommendation], bool]]] = {
    "latency-growth": ("Latency as farmers grow", latency_growth, lambda r: bool(r.growth_curve)),
    "day": ("The worst day, hour by hour", day_profile, lambda r: r.day is not None),
    "utilisation": (
        "Utilisation in the busiest hours",
        utilisation,
        lambda r: any(result.outcome.utilisation for result in r.recommended.situations),
    ),
    "cost": ("Cost by item", cost_by_item, lambda r: bool(r.recommended.bill.items)),
    "storage": ("Storage by table", storage_by_table, lambda r: bool(r.tables)),
    "sensitivity": (
        "What the cost depends on",
        sensitivity,
        lambda r: any(swing.size > 0 for swing in r.sensitivities),
    ),
    "hit-ratio": (
        "Hit ratio against memory",
        hit_ratio,
        lambda r: r.database is not None and len(r.database.memory) > 1,
    ),
    "recovery-cost": ("What a shorter RTO costs", recovery_cost, lambda r: r.recovery is not None),
    "pareto": (
        "Cost against speed and recovery",
        pareto,
        lambda r: r.choice is not None and bool(r.choice.front.points),
    ),
}
"""File name, title, drawing, and whether there is anything to draw."""


def drawn(r: Recommendation) -> dict[str, str]:
    """Name and title of each picture that this answer has data for."""
    return {name: title for name, (title, _, has_data) in PICTURES.items() if has_data(r)}


def save_pictures(r: Recommendation, folder: Path) -> list[Path]:
    """Write every picture that has data into the folder, which must exist."""
    paths = []
    for name in drawn(r):
        path = folder / f"{name}.png"
        figure = PICTURES[name][1](r)
        with house_style():
            figure.savefig(path, dpi=DPI, metadata={"Software": None})
        paths.append(path)
    return paths
