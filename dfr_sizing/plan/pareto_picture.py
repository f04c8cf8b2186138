"""The Pareto front as a picture: p95, RTO and availability, each against five-year cost."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from dfr_sizing.house_style import BLUE, DPI, GREEN, ORANGE, PINK, WIDTH_IN, house_style
from dfr_sizing.plan.money import Money
from dfr_sizing.recommend.choice_types import ParetoPoint
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.recovery import Strategy

_COLOURS = {
    Strategy.BACKUP_RESTORE: ORANGE,
    Strategy.PILOT_LIGHT: BLUE,
    Strategy.WARM_STANDBY: GREEN,
    Strategy.HOT_STANDBY: PINK,
}
_MARKER, _STANDBY_MARKER = "o", "s"
_HOURS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0, 72.0)


def pareto(r: Recommendation) -> Figure:
    """Points that no other dominates: colour by strategy, squares with a standby, hollow where a target is missed."""
    money, front = Money.of(r.scenario), r.choice.front if r.choice else None
    points = front.points if front else ()
    cost = [money.amount(point.five_year_usd) for point in points]
    with house_style():
        figure = Figure(figsize=(WIDTH_IN, 8.4), dpi=DPI)
        FigureCanvasAgg(figure)
        fast, soon, up = figure.subplots(3, 1, sharex=True, height_ratios=(1.3, 1.0, 1.0))
        _drawn(fast, points, cost, [(point.p95.low, point.p95.value, point.p95.high) for point in points])
        rto = [(point.rto_minutes[0] / 60.0, point.rto_minutes[1] / 60.0) for point in points]
        _drawn(soon, points, cost, [(median, late, late) for median, late in rto])
        years = [tuple(100.0 * share for share in point.availability) for point in points]
        _drawn(up, points, cost, [(low, low, median) for low, median, _ in years])
        _limits(r, fast, soon, up)
        fast.set(title="Cost against speed and recovery: no other point simulated is as good in all")
        if front:
            fast.set_ylabel(f"p95, {front.unit}\n{front.title.removesuffix(', p95')}")
        soon.set(ylabel="RTO, h\nmedian to 95 %", yscale="log")
        soon.yaxis.set_minor_locator(NullLocator())
        soon.set_yticks([hours for hours in _HOURS if _within(hours, [late for pair in rto for late in pair])])
        soon.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        up.set(ylabel="availability of a year, %\n5 % point to median", xlabel=f"{money.currency} in five years")
        up.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        up.xaxis.set_major_locator(MaxNLocator(6))
        up.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2f}"))
        figure.legend(handles=_legend(points), loc="outside lower center", ncols=3)
        return figure


def _within(hours: float, values: Sequence[float]) -> bool:
    return bool(values) and min(values) / 2.0 <= hours <= 2.0 * max(values)


def _drawn(
    axes: Axes, points: Sequence[ParetoPoint], cost: Sequence[float], figures: Sequence[tuple[float, ...]]
) -> None:
    """Each point at its figure, the middle of three, with a line over the interval."""
    for point, at, (low, value, high) in zip(points, cost, figures, strict=True):
        colour = _COLOURS[point.strategy]
        axes.vlines(at, low, high, color=colour, linewidth=1)
        axes.plot(
            at, value, linestyle="none", marker=_STANDBY_MARKER if point.topology.standby else _MARKER, color=colour,
            markerfacecolor="white" if point.missed else colour, markersize=7,
        )  # fmt: skip
        if point.chosen:
            axes.plot(at, value, linestyle="none", marker="o", color="black", markerfacecolor="none", markersize=14)


def _limits(r: Recommendation, fast: Axes, soon: Axes, up: Axes) -> None:
    """The targets, dashed."""
    if r.choice:
        fast.axhline(r.choice.front.limit, color="black", linestyle="--", linewidth=1)
    soon.axhline(r.scenario.recovery.rto_hours.mid, color="black", linestyle="--", linewidth=1)
    up.axhline(100.0 * r.scenario.targets.availability.mid, color="black", linestyle="--", linewidth=1)


def _legend(points: Sequence[ParetoPoint]) -> list[Line2D]:
    def mark(colour: str, marker: str, label: str, face: str = "", size: float = 7.0) -> Line2D:
        return Line2D(
            [], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face or colour, markersize=size,
            label=label,
        )  # fmt: skip

    used = {point.strategy for point in points}
    return [
        *(mark(colour, _MARKER, str(strategy)) for strategy, colour in _COLOURS.items() if strategy in used),
        mark("grey", _STANDBY_MARKER, "standby in another zone"),
        mark("grey", _MARKER, "misses a target", "white"),
        mark("black", _MARKER, "recommended", "none", 12.0),
        Line2D([], [], color="black", linestyle="--", linewidth=1, label="target"),
    ]
