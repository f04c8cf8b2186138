"""The two pictures of a model card: latencies measured and simulated at each step, and CPU against utilisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dfr_sizing.calibration.calibrate import Calibration
from dfr_sizing.calibration.check import StepCheck, costs_of_mix, mean_demand, speed_factors
from dfr_sizing.house_style import BLUE, GREEN, GREY, ORANGE, WIDTH_IN, house_style
from dfr_sizing.model import Model

HEIGHT_IN = 4.2


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN))
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def latencies(checks: Sequence[StepCheck]) -> Figure:
    """p50, p95 and p99 of each step in order of throughput: measured as points, simulated as lines, by speed."""
    ordered = sorted(checks, key=lambda check: check.run.mean_s)
    with house_style():
        figure, axes = _figure()
        at = np.arange(len(ordered))
        for name, colour, marker in (("p50", GREEN, "o"), ("p95", BLUE, "s"), ("p99", ORANGE, "^")):
            measured = [1e3 * getattr(check.run, f"{name}_s") for check in ordered]
            said = [1e3 * getattr(check.by_speed, f"{name}_s") for check in ordered]
            axes.plot(at, measured, marker, color=colour, label=f"{name} measured")
            axes.plot(at, said, "-", color=colour, label=f"{name} simulated")
        for place, check in enumerate(ordered):
            if check.run.held_out:
                axes.axvspan(place - 0.4, place + 0.4, color=GREY, alpha=0.2, linewidth=0, label="held out")
        axes.set_yscale("log")
        axes.set_ylabel("ms")
        axes.set_xticks(at, [check.run.tag.rsplit("/", 1)[-1] for check in ordered], rotation=30, ha="right")
        axes.set_title("Latency at each load step")
        axes.legend(ncols=2)
    return figure


def cpu_of_requests(model: Model, checks: Sequence[StepCheck]) -> Figure:
    """CPU of a request over the model's demand of that step's mix, by speed, and the line that was fitted to it."""
    shared = model.contention
    with house_style():
        figure, axes = _figure()
        told = (("odoo", "Odoo", BLUE, "o"), ("postgresql", "PostgreSQL", ORANGE, "s"))
        busy_factors = (shared.app_busy_factor, shared.database_busy_factor)
        for place, (group, title, colour, marker) in enumerate(told):
            points = []
            for check in checks:
                run = check.run
                demand = mean_demand(run, costs_of_mix(model, run))[place] * speed_factors(model, run)[place]
                measured = (run.app_cpu_s, run.database_cpu_s)[place]
                points.append((100.0 * run.host(group).utilisation, measured / demand, run.lone))
            for lone, fill in ((False, colour), (True, "none")):
                chosen = [point for point in points if point[2] == lone]
                label = f"{title}, one user alone" if lone else title
                axes.plot(
                    [x for x, _, _ in chosen], [y for _, y, _ in chosen], marker, color=colour, mfc=fill, label=label
                )
            line = np.array([0.0, 1.0])
            axes.plot(100.0 * line, [shared.factor(busy_factors[place], u) for u in line], "-", color=colour)
        axes.set_xlabel("utilisation of the host, %")
        axes.set_ylabel("CPU of a request over the model's demand")
        axes.set_title("What an idle or a busy host adds")
        axes.legend()
    return figure


def pictures(found: Calibration) -> dict[str, Figure]:
    """The pictures by file name."""
    return {"latency.png": latencies(found.checks), "cpu.png": cpu_of_requests(found.model, found.checks)}
