"""Runs go on until they are precise, say so when they are not, and do not depend on how they are spread."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from dfr_sizing.model import RequestCost
from dfr_sizing.simulation.controls import control_sums
from dfr_sizing.simulation.digest import ROWS
from dfr_sizing.simulation.draw import Stream, draw_open
from dfr_sizing.simulation.run import Asked, Job, grow, replications_for, run_until
from dfr_sizing.simulation.system import Cpu, Disk, System

STREAM = Stream(
    name="page",
    rate_per_s=60.0,
    cost=RequestCost(
        app_cpu_s=0.02,
        database_cpu_s=0.01,
        cv=0.5,
        statements=6,
        threads=1,
        pages=0.0,
        wal_bytes=0.0,
        tail_share=0.0,
        tail_factor=1.0,
    ),
)
SYSTEM = System((Cpu(2), Cpu(2)), (0,), 1, 8, 64, 0, Disk(3000.0, 0.001, 0.002, 1e8))
JOB = Job(SYSTEM, (STREAM,), seconds=40.0, seed=5, confidence=0.95, sync_batches=1)
P95 = Asked("page", "p95")


def test_a_run_goes_on_until_it_is_precise_and_no_longer() -> None:
    coarse, fine = run_until(JOB, [P95], 0.2, 1e6, None), run_until(JOB, [P95], 0.02, 1e6, None)
    assert coarse.stopped_by == fine.stopped_by == "precision"
    assert coarse.classes["page"].p95.half_width <= 0.2
    assert fine.classes["page"].p95.half_width <= 0.02
    assert coarse.replications < fine.replications


def test_a_limit_is_stated_with_the_estimate_that_fell_short() -> None:
    found = run_until(JOB, [P95, Asked("page", "mean")], 0.002, 20_000, None)
    assert found.stopped_by == "limit: p95 of page, mean of page"
    assert found.replications == 8  # 20,000 requests of 2,400 a replication


def test_the_same_numbers_on_one_thread_and_on_two() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert run_until(JOB, [P95], 0.03, 1e6, pool) == run_until(JOB, [P95], 0.03, 1e6, None)


def test_more_replications_keep_those_there_are() -> None:
    (few,) = grow([(JOB, ())], [2], None)
    (many,) = grow([(JOB, few)], [4], None)
    assert many[:2] == few
    ((again,),) = (grow([(replace(JOB, seed=5), ())], [4], None),)
    assert all((ours.latencies[0] == theirs.latencies[0]).all() for ours, theirs in zip(many, again, strict=True))


@pytest.mark.parametrize(
    ("have", "too_wide", "most", "total"),
    [(4, 0.9, 99, 4), (4, 1.5, 99, 10), (4, 1.01, 99, 5), (4, 9.0, 99, 16), (4, math.inf, 99, 16), (4, 9.0, 6, 6)],
)
def test_a_round_is_planned_from_the_width_seen(have: int, too_wide: float, most: int, total: int) -> None:
    assert replications_for(have, too_wide, most) == total


def test_controls_have_mean_zero() -> None:
    means = []
    for number in range(40):
        requests = draw_open([STREAM], 100.0, 3, number)
        counted = np.where(np.arange(len(requests)) >= len(requests) // 10, 0, -1)
        means.append(control_sums(requests, [STREAM], counted, 1)[:, 0, 0] / (counted == 0).sum())
    found = np.array(means)
    assert found.shape == (40, ROWS)
    # four standard errors of 40 replications: a false alarm in some 1,000 runs for six rows
    assert (abs(found.mean(axis=0)) <= 4.0 * found.std(axis=0, ddof=1) / 40**0.5).all()
