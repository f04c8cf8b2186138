"""A volume's latency: its law, and its rise near saturation, as theory and both engines have it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.interval import Interval
from dfr_sizing.simulation import compiled, reference
from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, Requests, System
from dfr_sizing.storage.latency import Latency, read_latency

MANY = 400


def system(disk: Disk) -> System:
    """One node with workers for everyone: only the disk is waited for."""
    return System((Cpu(1), Cpu(1)), (0,), 1, MANY, 10**9, 0, disk)


def reading(at: FloatArray, pages: FloatArray) -> Requests:
    n, nothing = len(at), np.zeros(len(at))
    return Requests(
        class_names=("read",), class_index=np.zeros(n, dtype=np.int64), arrival_s=at, think_s=nothing,
        app_cpu_s=nothing, database_cpu_s=nothing, client_cpu_s=nothing, rounds=np.ones(n, dtype=np.int64),
        threads=np.ones(n, dtype=np.int64), reads=pages, wal_bytes=nothing, flush_factor=np.ones(n),
        statements=nothing, background=np.zeros(n, dtype=bool),
    )  # fmt: skip


def waits(at: FloatArray, turns: FloatArray) -> FloatArray:
    """Lindley's recursion: how long each waits for its turn."""
    found, free = np.empty(len(at)), 0.0
    for i, (arrives, turn) in enumerate(zip(at, turns, strict=True)):
        begins = max(arrives, free)
        found[i], free = begins - arrives, begins + turn
    return found


def poisson(rng: np.random.Generator, rate: float, n: int) -> FloatArray:
    return np.cumsum(rng.exponential(1.0 / rate, n))


@pytest.mark.parametrize("simulate", [reference.simulate_open, compiled.simulate_open], ids=["reference", "compiled"])
@pytest.mark.parametrize("rho", [0.3, 0.9])
def test_engines_wait_for_the_turn_and_then_take_the_latency_once(simulate, rho: float) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    at, pages = poisson(rng, rho * 1000.0 / 2.0, 2000), rng.integers(1, 4, 2000).astype(float)
    disk = Disk(iops=1000.0, read_latency_s=0.002, flush_latency_s=0.0, write_bytes_per_s=1e12)
    spread = rng.lognormal(0.0, 0.4, 2000)
    trace = simulate(system(disk), replace(reading(at, pages), read_factor=spread), 1e6)
    expected = waits(at, pages / 1000.0) + np.maximum(pages / 1000.0, pages * 0.002 * spread)
    assert trace.answered_s - at == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("rho", "exponential"), [(0.5, False), (0.8, False), (0.9, False), (0.7, True)])
def test_the_formula_is_the_mean_of_what_the_engines_do(rho: float, exponential: bool) -> None:
    # 60 runs of 20,000 reads each, their first fifth left out; 99.9 % interval of the runs' means
    rng, iops = np.random.default_rng(11), 3000.0
    means = []
    for _ in range(60):
        turns = rng.exponential(1.0, 20_000) if exponential else np.ones(20_000)
        at = poisson(rng, rho * iops, 20_000)
        means.append(waits(at, turns / iops)[4000:].mean())
    half = 3.46 * np.std(means, ddof=1) / math.sqrt(len(means))
    found = read_latency(Latency(0.001, 0.25), iops, rho * iops, 1.0, float(exponential))
    assert abs(np.mean(means) - found.wait_s) < half
    assert half < 0.1 * found.wait_s


LOADS = st.floats(0.0, 1e5)


@given(LOADS, st.floats(10.0, 1e5), st.floats(1.0, 10.0), st.floats(1.0, 200.0), st.floats(0.0, 4.0))
def test_more_iops_never_raise_latency(load: float, iops: float, more: float, pages: float, squared_cv: float) -> None:
    law = Latency(0.001, 0.25)
    slow, fast = (read_latency(law, rate, load, pages, squared_cv) for rate in (iops, iops * more))
    assert fast.mean_s <= slow.mean_s * (1.0 + 1e-12)
    assert fast.utilisation <= slow.utilisation


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 3.0), st.floats(1.0, 4.0))
def test_more_iops_never_raise_the_latency_of_any_read(seed: int, rho: float, more: float) -> None:
    rng = np.random.default_rng(seed)
    at, pages = poisson(rng, rho * 500.0, 200), rng.integers(1, 4, 200).astype(float)
    answered = [
        compiled.simulate_open(
            system(Disk(iops=iops, read_latency_s=0.001, flush_latency_s=0.0, write_bytes_per_s=1e12)),
            reading(at, pages),
            1e6,
        ).answered_s
        for iops in (1000.0, 1000.0 * more)
    ]
    assert (answered[1] <= answered[0] + 1e-9).all()


def test_a_saturated_volume_has_no_mean() -> None:
    assert read_latency(Latency(0.001, 0.25), 1000.0, 1000.0).mean_s == math.inf


@given(st.floats(0.05, 20.0), st.floats(1.01, 5.0), st.floats(1.01, 5.0))
def test_a_law_is_as_wide_as_its_row(mid: float, below: float, above: float) -> None:
    law = Latency.of(Interval(mid / below, mid, mid * above))
    assert law.quantile_s(0.95) / law.quantile_s(0.05) == pytest.approx(below * above, rel=1e-9)
    assert law.mean_s == pytest.approx(mid / 1e3)


def test_a_law_has_its_mean_and_spread() -> None:
    law = Latency(0.002, 0.4)
    sampled = [law.quantile_s((i + 0.5) / 20_000) for i in range(20_000)]
    assert np.mean(sampled) == pytest.approx(0.002, rel=1e-3)
    assert np.std(sampled) / np.mean(sampled) == pytest.approx(0.4, rel=0.01)


def test_every_disk_of_the_catalogue_has_a_law() -> None:
    # gp3's write row is the one that the rule postgresql.flush_cv was read from
    for disk in load_catalogue().disks:
        for row in (disk.read_latency_ms, disk.write_latency_ms):
            assert 0.1 < Latency.of(row).cv < 1.2
    gp3 = next(disk for disk in load_catalogue().disks if disk.name == "rds-gp3")
    assert Latency.of(gp3.write_latency_ms).cv == pytest.approx(0.4, abs=0.03)
