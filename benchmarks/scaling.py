"""What an answer takes as a country grows: ``python benchmarks/scaling.py`` measures time and memory of dfr-size.

Writes scaling.json and draws scaling.png beside this file. ``--first-run`` measures the first answer after
installation, when nothing is compiled yet, against the second.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from race import machine

from dfr_sizing import house_style

HERE = Path(__file__).resolve().parent
FARMERS = (1e5, 3e5, 1e6, 2e6, 3e6, 1e7, 3e7, 1e8)
FIRST_RUN_FARMERS = 2e6
INFEASIBLE = 3
"""Exit status of an answer that says what cannot be had."""
LOOK_EVERY_S = 0.2
MIB = 2.0**20


@dataclass(frozen=True, slots=True)
class Run:
    """One answer, and what it took.

    ``peak_rss_mib`` is the largest single process; ``peak_tree_mib`` all of them at one time, pages that they share
    counted once.
    """

    farmers: float
    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    peak_tree_mib: float
    status: int
    requests: int

    @property
    def ok(self) -> bool:
        """Whether there was an answer."""
        return self.status in {0, INFEASIBLE}


def main() -> int:
    """Measure, print, and keep the result."""
    options = _options()
    if options.first_run:
        answer: dict[str, Any] = {"first_run": {name: asdict(run) for name, run in first_run().items()}}
        runs = [Run(**run) for run in answer["first_run"].values()]
        _keep(answer)
    else:
        measure(FIRST_RUN_FARMERS)  # compiles whatever is not compiled yet
        runs = []
        for farmers in options.farmers:
            runs.append(measure(farmers))
            print(_line(runs[-1]), file=sys.stderr, flush=True)
        answer = {"runs": [asdict(run) for run in runs]}
        _keep(answer)
        draw(runs).savefig(HERE / "scaling.png", metadata={"Software": None})
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        print(f"{'farmers':>13}{'wall s':>9}{'CPU s':>9}{'MiB, one':>10}{'MiB, all':>10}{'status':>8}{'requests':>13}")
        print("\n".join(_line(run) for run in runs))
    return 0 if all(run.ok for run in runs) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--farmers", type=float, nargs="+", default=FARMERS)
    parser.add_argument("--first-run", action="store_true", help="an empty compile cache against a full one")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def first_run() -> dict[str, Run]:
    """An answer with nothing compiled, and the same again."""
    with tempfile.TemporaryDirectory() as cache:
        return {name: measure(FIRST_RUN_FARMERS, {"NUMBA_CACHE_DIR": cache}) for name in ("first", "second")}


def measure(farmers: float, environment: Mapping[str, str] | None = None) -> Run:
    """Run dfr-size for so many farmers, and watch it."""
    command = [sys.executable, "-m", "dfr_sizing", "--farmers", f"{farmers:.0f}", "--json"]
    with tempfile.TemporaryFile() as out, ThreadPoolExecutor(1) as watcher:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
        )
        seen = watcher.submit(_watch, process.pid)
        _, waited, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(waited)
        out.seek(0)
        answer, tree = json.loads(out.read() or b"{}"), seen.result()
    return Run(
        farmers=farmers,
        wall_s=round(wall_s, 2),
        # The kernel counts what was waited for, and so leaves out a pool of processes that is abandoned at the end.
        cpu_s=round(max(usage.ru_utime + usage.ru_stime, tree.cpu_s), 2),
        peak_rss_mib=round(max(usage.ru_maxrss * 1024 / MIB, tree.largest_mib), 1),
        peak_tree_mib=round(tree.together_mib, 1),
        status=process.returncode,
        requests=answer.get("simulated_requests", 0),
    )


@dataclass(frozen=True, slots=True)
class Tree:
    """What a process and its descendants took: CPU of all, MiB of the largest, most MiB at one time."""

    cpu_s: float
    largest_mib: float
    together_mib: float


def _watch(pid: int) -> Tree:
    """Look at a process and its descendants every now and then, until it ends."""
    cpu_s: dict[int, float] = {}
    largest, together = 0.0, 0.0
    with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, and been waited for
        root = psutil.Process(pid)
        while root.status() != psutil.STATUS_ZOMBIE:
            now = 0.0
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):  # ended since it was listed
                    times, memory = process.cpu_times(), process.memory_full_info()
                    cpu_s[process.pid] = times.user + times.system
                    largest, now = max(largest, memory.rss / MIB), now + memory.pss / MIB
            together = max(together, now)
            time.sleep(LOOK_EVERY_S)
    return Tree(sum(cpu_s.values()), largest, together)


def _line(run: Run) -> str:
    return (
        f"{run.farmers:>13,.0f}{run.wall_s:>9.1f}{run.cpu_s:>9.1f}{run.peak_rss_mib:>10,.0f}"
        f"{run.peak_tree_mib:>10,.0f}{run.status:>8}{run.requests:>13,}"
    )


def _keep(answer: Mapping[str, Any]) -> None:
    """Write into scaling.json what was measured now; what the other mode measured stays."""
    file = HERE / "scaling.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**kept, **answer, "machine": {**machine(), "cores": os.cpu_count()}}, indent=2) + "\n")


def draw(runs: Sequence[Run]) -> Figure:
    """Time and memory of an answer against farmers; what has no deployment is drawn hollow."""
    with house_style.house_style():
        figure = Figure(figsize=(house_style.WIDTH_IN, 5.6), dpi=house_style.DPI)
        FigureCanvasAgg(figure)
        above, below = figure.subplots(2, 1, sharex=True)
        _series(above, runs, "wall_s", house_style.BLUE, "o", "wall clock")
        _series(above, runs, "cpu_s", house_style.ORANGE, "s", "CPU, all processes")
        above.set(xscale="log", yscale="log", title="What an answer takes", ylabel="s")
        _series(below, runs, "peak_tree_mib", house_style.GREEN, "^", "memory, all processes")
        _series(below, runs, "peak_rss_mib", house_style.RED, "D", "memory, largest process")
        below.set(yscale="log", xlabel="farmers (hollow: the answer is that no deployment will do)", ylabel="MiB")
        for axis in (above.yaxis, below.xaxis, below.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        below.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        handles = [*above.get_legend_handles_labels()[0], *below.get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        return figure


def _series(axes: Axes, runs: Sequence[Run], field: str, colour: str, marker: str, label: str) -> None:
    values = [getattr(run, field) for run in runs]
    axes.plot([run.farmers for run in runs], values, color=colour, marker=marker, markersize=5, label=label)
    for run, value in zip(runs, values, strict=True):
        if run.status == INFEASIBLE:
            axes.plot(run.farmers, value, color=colour, marker=marker, markersize=5, markerfacecolor="white")


if __name__ == "__main__":
    sys.exit(main())
