"""How often a nominal 95 % interval holds the truth: python benchmarks/interval_coverage.py --seeds 1000.

Four models are simulated with many seeds, each once with a fixed number of replications and once by the sequential
procedure: rounds until the half-widths of mean and p95 are at most 5 %; the p99 is looked at then. Counted is how often
the interval of the mean, the p95 and the p99 holds the true value. Truth is by closed form where there is one, else by
one long run, whose own error is printed.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from dfr_sizing.model import RequestCost
from dfr_sizing.simulation.compiled import simulate_open
from dfr_sizing.simulation.digest import Digest
from dfr_sizing.simulation.draw import Stream, draw_open, generator
from dfr_sizing.simulation.outcome import Runs
from dfr_sizing.simulation.replicate import digest
from dfr_sizing.simulation.run import Asked, until_precise
from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, Requests, System

CONFIDENCE = 0.95
FIXED = 8
"""Replications of the fixed-length procedure."""
MOST = 96
"""Replications at which the sequential procedure gives up."""
FIGURES = ("mean", "p95", "p99")
TRUTH_SEED = 10**6
"""Seeds of the long runs begin here, far from those of the study."""
Bounds = tuple[float, float, float]
"""Lower end, value and upper end of an interval, seconds."""

Row = dict[str, object]

FREE_DISK = Disk(iops=1e12, read_latency_s=0.0, flush_latency_s=0.0, write_bytes_per_s=1e15)


@dataclass(frozen=True, slots=True)
class Study:
    """A model to be simulated. ``seconds`` of a replication; ``truth`` of FIGURES in seconds, None where not known."""

    name: str
    system: System
    rate: float
    seconds: float
    service: Callable[[np.random.Generator, int], FloatArray] | None
    truth: tuple[float | None, ...]
    stream: Stream | None = None


def one_host(cores: float, workers: int) -> System:
    """One application node; the database is there but has nothing to do."""
    return System((Cpu(cores), Cpu(1)), (0,), 1, workers, 10**9, 0, FREE_DISK)


def multi_server_truth(servers: int, rho: float) -> tuple[float, float, float]:
    """Mean, p95 and p99 of the time in an M/M/c system, service of mean 1 s (Gross et al. 2008, 3.3)."""
    offered = servers * rho
    tail = offered**servers / math.factorial(servers) / (1 - rho)
    waits = tail / (sum(offered**k / math.factorial(k) for k in range(servers)) + tail)
    theta = servers * (1 - rho)

    def over(t: float) -> float:
        if abs(theta - 1.0) < 1e-9:
            return math.exp(-t) * (1.0 + waits * t)
        return math.exp(-t) * (1 - waits) + waits * (theta * math.exp(-t) - math.exp(-theta * t)) / (theta - 1)

    p95, p99 = (float(optimize.brentq(lambda t, q=q: over(t) - (1 - q), 0, 1e3)) for q in (0.95, 0.99))
    return 1 + waits / theta, p95, p99


def exponential(rng: np.random.Generator, n: int) -> FloatArray:
    """Service of mean 1 s."""
    return rng.exponential(1.0, n)


def lognormal(rng: np.random.Generator, n: int) -> FloatArray:
    """Service of mean 1 s and squared coefficient of variation 2."""
    return rng.lognormal(-math.log(3.0) / 2, math.sqrt(math.log(3.0)), n)


ODOO = Stream(
    name="request",
    rate_per_s=80.0,
    cost=RequestCost(
        app_cpu_s=0.048,
        database_cpu_s=0.018,
        cv=0.5,
        statements=72,
        threads=1,
        pages=0.1,
        wal_bytes=0.0,
        tail_share=0.0,
        tail_factor=1.0,
    ),
    miss_ratio=1.0,
)
"""12 rounds of 4 ms of Python and 1.5 ms of SQL; one in ten reads a page of 1 ms from disk."""

STUDIES = {
    "M/M/1": Study("M/M/1, load 0.7", one_host(1, 1), 0.7, 15_000.0, exponential, multi_server_truth(1, 0.7)),
    "M/M/3": Study("M/M/3, load 0.8", one_host(3, 3), 2.4, 5_000.0, exponential, multi_server_truth(3, 0.8)),
    "M/G/1-PS": Study("M/G/1-PS, load 0.7, cv² 2", one_host(1, 4000), 0.7, 15_000.0, lognormal, (1 / 0.3, None, None)),
    "Odoo": Study(
        "Odoo-shaped",
        System((Cpu(8), Cpu(8)), (0,), 1, 24, 192, 0, Disk(3000.0, 0.001, 0.002, 1e8)),
        80.0,
        60.0,
        None,
        (None, None, None),
        ODOO,
    ),
}


def replicate(study: Study, seed: int, number: int) -> Digest:
    """One replication of a study."""
    if study.stream is not None:
        requests = draw_open([study.stream], study.seconds, seed, number)
        trace = simulate_open(study.system, requests, study.seconds)
        return digest(study.system, requests, trace, [study.stream])
    rng = generator(seed, "coverage", study.name, number)
    count = int(study.rate * study.seconds + 6 * math.sqrt(study.rate * study.seconds))
    at = np.cumsum(rng.exponential(1 / study.rate, count))
    at = at[at < study.seconds]
    n = len(at)
    zero, one = np.zeros(n), np.ones(n)
    assert study.service is not None
    requests = Requests(
        ("request",), np.zeros(n, np.int64), at, zero, study.service(rng, n), zero, zero, np.ones(n, np.int64),
        np.ones(n, np.int64), zero, zero, one, zero, np.zeros(n, np.bool_),
    )  # fmt: skip
    return digest(study.system, requests, simulate_open(study.system, requests, study.seconds))


def one_seed(key: str, seed: int, most: int = MOST) -> tuple[list[Bounds], list[Bounds], int, bool]:
    """Intervals of FIGURES by both procedures; replications of the sequential one, and whether it gave up."""
    study, kept = STUDIES[key], list[Digest]()

    def more(_have: tuple[Digest, ...], total: int) -> tuple[Digest, ...]:
        kept.extend(replicate(study, seed, number) for number in range(len(kept), total))
        return tuple(kept[:total])

    asked = [Asked("request", what) for what in ("mean", "p95")]
    runs, said = until_precise(more, asked, 0.05, CONFIDENCE, most)
    fixed = Runs(more((), FIXED))
    return _intervals(fixed), _intervals(runs), len(runs.digests), said != "precision"


def _intervals(runs: Runs) -> list[Bounds]:
    found = [runs.estimate("request", what, CONFIDENCE) for what in FIGURES]
    return [(one.low, one.value, one.high) for one in found]


def long_run(key: str, pool: ProcessPoolExecutor, replications: int) -> tuple[list[float], list[float]]:
    """FIGURES by one very long run of seeds that the study does not use, and their relative standard errors."""
    study = STUDIES[key]
    digests = list(
        pool.map(replicate, [study] * replications, range(TRUTH_SEED, TRUTH_SEED + replications), [0] * replications)
    )
    intervals = _intervals(Runs(tuple(digests)))
    usual = float(special.ndtri((1 + CONFIDENCE) / 2))
    return [value for _, value, _ in intervals], [(high - low) / 2 / usual / value for low, value, high in intervals]


def study_of(key: str, seeds: Sequence[int], pool: ProcessPoolExecutor, long: int) -> list[Row]:
    """Rows of the table: for each figure and procedure, the share of intervals that hold the truth."""
    known = list(STUDIES[key].truth)
    errors = [0.0] * len(known)
    if None in known:
        by_run, by_run_error = long_run(key, pool, long)
        errors = [0.0 if one is not None else error for one, error in zip(known, by_run_error, strict=True)]
        known = [run if one is None else one for one, run in zip(known, by_run, strict=True)]
    found = list(pool.map(one_seed, [key] * len(seeds), seeds, chunksize=4))
    by_procedure = {"fixed": [one[0] for one in found], "sequential": [one[1] for one in found]}
    rows: list[Row] = []
    for place, figure in enumerate(FIGURES):
        truth = known[place]
        assert truth is not None
        for index, (procedure, told) in enumerate(by_procedure.items()):
            intervals = [bounds[place] for bounds in told]
            rows.append(
                {
                    "model": STUDIES[key].name,
                    "figure": figure,
                    "procedure": procedure,
                    "truth_s": truth,
                    "truth_error": errors[place],
                    "coverage": float(np.mean([low <= truth <= high for low, _, high in intervals])),
                    "too_low": float(np.mean([high < truth for _, _, high in intervals])),
                    "half_width": float(np.median([(high - low) / 2 / value for low, value, high in intervals])),
                    "replications": float(np.mean([one[2] for one in found])) if index else float(FIXED),
                    "gave_up": float(np.mean([one[3] for one in found])) if index else 0.0,
                    "seeds": len(seeds),
                }
            )
    return rows


HEAD = """| model | figure | procedure | covered | too low | half-width | replications | gave up | truth (error) |
|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="seeds of each model")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--models", nargs="*", default=list(STUDIES), choices=list(STUDIES))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--truth", type=int, default=2000, help="replications of the long runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args()
    begun = time.monotonic()
    rows: list[Row] = []
    if not asked.json:
        print(HEAD)
    with ProcessPoolExecutor(asked.processes) as pool:
        for key in asked.models:
            rows += (new := study_of(key, range(asked.first, asked.first + asked.seeds), pool, asked.truth))
            for row in new if not asked.json else ():
                print(
                    f"| {row['model']} | {row['figure']} | {row['procedure']} | {row['coverage']:.1%} | "
                    f"{row['too_low']:.1%} | {row['half_width']:.1%} | {row['replications']:.0f} | "
                    f"{row['gave_up']:.1%} | {row['truth_s']:.5g} s ({row['truth_error']:.2%}) |",
                    flush=True,
                )
    seconds = time.monotonic() - begun
    print(json.dumps({"seconds": seconds, "rows": rows}, indent=2) if asked.json else f"\n{seconds:.0f} s")


if __name__ == "__main__":
    main()
