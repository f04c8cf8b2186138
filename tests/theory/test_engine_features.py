"""Each feature of hosts and disk means what it says: CPU credits, bursts, byte limits, checkpoints, idle cost.

Hand-calculated times of small cases, in both engines. What goes wrong in life is in test_engine_failures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from classical import FREE_DISK, REPLICATIONS, SHARED, OpenEngine, interval, one_host, poisson_arrivals, requests

from dfr_sizing.model import Contention
from dfr_sizing.simulation import compiled, reference
from dfr_sizing.simulation.system import (
    PAGE_BYTES,
    Burst,
    Checkpoints,
    Cpu,
    Credits,
    Disk,
    FloatArray,
    IdleCost,
    System,
)

both_engines = pytest.mark.parametrize(
    "simulate", [reference.simulate_open, compiled.simulate_open], ids=["reference", "compiled"]
)

# AWS EC2 User Guide, burstable-credits-baseline-concepts: a t3.medium earns 24 credits an hour, holds 576, has 2 vCPUs
# and a baseline of 20 % of each; a credit is a vCPU minute.
T3_MEDIUM = Credits(baseline=24 * 60 / 3600, most=576 * 60.0, at_start=576 * 60.0)
HOUR = 3600.0


# --- CPU credits


@both_engines
@pytest.mark.parametrize(
    ("cpu", "threads", "full_for", "rate", "baseline_rate"),
    [
        (Cpu(2), 2, 34560 / 1.6, 1.0, 0.2),
        (Cpu(2), 1, 34560 / 0.6, 1.0, 0.4),
        # the two vCPUs of one core: they use credits as two, whatever little the second brings
        (Cpu(1, threads_per_core=2, smt_gain=1.25), 2, 34560 / 1.6, 0.625, 0.125),
        (Cpu(2, speed=1.5), 2, 34560 / 1.6, 1.5, 0.3),
    ],
    ids=["two vCPUs", "one vCPU", "one core", "fast"],
)
def test_burstable_host_is_fast_while_its_credits_last_and_at_its_baseline_after(
    simulate: OpenEngine, cpu: Cpu, threads: int, full_for: float, rate: float, baseline_rate: float
) -> None:
    demand = full_for * rate + 1000.0
    stream = requests(threads, arrival_s=np.zeros(threads), app_cpu_s=np.full(threads, demand))
    trace = simulate(one_host(replace(cpu, credits=T3_MEDIUM), 4), stream, 1e6)
    assert trace.answered_s == pytest.approx(np.full(threads, full_for + 1000.0 / baseline_rate), rel=1e-9)
    assert trace.cpu_busy_s[0] * cpu.full_capacity == pytest.approx(threads * demand, rel=1e-9)


@both_engines
@pytest.mark.parametrize(("idle_h", "burst_s"), [(1, 900.0), (12, 10_800.0), (24, 21_600.0), (30, 21_600.0)])
def test_credits_come_back_while_the_host_is_idle_up_to_what_it_holds(
    simulate: OpenEngine, idle_h: int, burst_s: float
) -> None:
    # 24 credits an hour are 1440 vCPU seconds; both vCPUs use 1.6 a second beyond the baseline; 24 h fill it
    stream = requests(2, arrival_s=np.full(2, idle_h * HOUR), app_cpu_s=np.full(2, burst_s + 100.0))
    trace = simulate(one_host(Cpu(2, credits=replace(T3_MEDIUM, at_start=0.0)), 4), stream, 1e6)
    assert trace.answered_s == pytest.approx(np.full(2, idle_h * HOUR + burst_s + 100.0 / 0.2), rel=1e-9)


@both_engines
def test_load_below_the_baseline_never_meets_the_throttle(simulate: OpenEngine) -> None:
    # 0.3 s of CPU a second, baseline 0.4; and one of 0.5 s does in the end
    at = np.arange(1.0, 2001.0)
    system = one_host(Cpu(2, credits=replace(T3_MEDIUM, at_start=0.0)), 40)
    below = simulate(system, requests(2000, arrival_s=at, app_cpu_s=np.full(2000, 0.3)), 3000.0)
    assert below.answered_s == pytest.approx(at + 0.3)
    above = simulate(system, requests(2000, arrival_s=at, app_cpu_s=np.full(2000, 0.5)), 3000.0)
    assert above.answered_s[-1] > at[-1] + 100.0


@both_engines
def test_work_that_comes_as_the_credits_end_finds_none_less_than_none(simulate: OpenEngine) -> None:
    # from 0.8831196235318542 to 1.0 the credits are used up, but for rounding: there were 2e-17 too few
    just = Credits(0.3, 0.08181626352770201, 0.08181626352770201)
    stream = requests(2, arrival_s=[0.0, 0.8831196235318542], app_cpu_s=[0.6, 6.0])
    trace = simulate(one_host(Cpu(1, credits=just), 4), replace(stream, late_s=np.array([1.0, 0.0])), 1e3)
    # 6.6 s of work, of which 0.11688 at full speed and the rest at 0.3; the shorter has half of it
    assert trace.answered_s == pytest.approx([1.0 + 2 * 0.6 / 0.3, 1.0 + (6.6 - 0.1168803764681458) / 0.3])


# --- disk


@both_engines
@pytest.mark.parametrize(
    ("baseline", "burst_s", "refill_s"),
    [(100.0, 1862, 54_000), (300.0, 2000, 18_000), (1002.0, 2703, 5389), (2250.0, 7200, 2400)],
)
def test_gp2_bursts_as_long_as_documented(
    simulate: OpenEngine, baseline: float, burst_s: float, refill_s: float
) -> None:
    # AWS EC2 User Guide, general-purpose (gp2 volume performance): 5.4 M credits, 3,000 IOPS, and this table
    volume = replace(FREE_DISK, iops=baseline, iops_burst=Burst(3000.0, 5.4e6, 5.4e6))
    lasts, fills = 5.4e6 / (3000.0 - baseline), 5.4e6 / baseline
    assert (round(lasts), round(fills)) == (burst_s, refill_s)
    emptied = lasts + 10.0
    again = emptied + fills / 2
    stream = requests(
        3, arrival_s=[0.0, 0.0, again], reads=[3000.0 * lasts, 10.0 * baseline, 1500.0 * lasts + 5.0 * baseline]
    )
    trace = simulate(one_host(Cpu(1), 4, disk=volume), stream, 1e6)
    # the full bucket, ten seconds without any, and the half that has come in by then
    assert trace.answered_s == pytest.approx([lasts, emptied, again + lasts / 2 + 5.0], rel=1e-9)


@both_engines
def test_disk_at_its_own_rate_keeps_its_tokens(simulate: OpenEngine) -> None:
    # 500 s at its own 10 IOPS leave the 90 tokens: then 100 pages in 1 s, the rest at 10 a second
    volume = replace(FREE_DISK, iops=10.0, iops_burst=Burst(100.0, 90.0, 90.0))
    at = np.arange(501.0)
    reads = np.full(501, 10.0)
    reads[-1] = 150.0
    trace = simulate(one_host(Cpu(1), 4, disk=volume), requests(501, arrival_s=at, reads=reads), 1e4)
    assert trace.answered_s[:-1] == pytest.approx(at[:-1] + 0.1)
    assert trace.answered_s[-1] == pytest.approx(500.0 + 1.0 + 5.0)


@both_engines
def test_flushes_take_tokens_that_came_in_since_the_last_read(simulate: OpenEngine) -> None:
    # empty at 10 s; by 60 s 500 have come in, and 50 commits took one each
    volume = replace(FREE_DISK, iops=10.0, iops_burst=Burst(100.0, 1000.0, 900.0))
    at = [0.0, *(10.5 + np.arange(50.0)), 60.0]
    stream = requests(52, arrival_s=at, reads=[1000.0, *np.zeros(50), 600.0], wal_bytes=[0.0, *np.ones(50), 0.0])
    trace = simulate(one_host(Cpu(1), 4, disk=volume), stream, 1e4)
    assert trace.answered_s[[0, -1]] == pytest.approx([10.0, 60.0 + 5.0 + 10.0])


@both_engines
def test_bytes_limit_large_reads_and_operations_small_ones(simulate: OpenEngine) -> None:
    # AWS EC2 User Guide, ebs-optimized: an m5.large has 593.75 MB/s for 30 min a day, and 81.25 MB/s after
    most = (593.75e6 - 81.25e6) * 1800
    fast, usual = 593.75e6 / PAGE_BYTES, 81.25e6 / PAGE_BYTES
    bucket = Burst(593.75e6, most, most)
    instance = replace(FREE_DISK, bytes_per_s=81.25e6, bytes_burst=bucket)
    stream = requests(2, arrival_s=[0.0, 0.0], reads=[1800 * fast, 60 * usual])
    trace = simulate(one_host(Cpu(1), 4, disk=instance), stream, 1e4)
    assert trace.answered_s == pytest.approx([1800.0, 1860.0], rel=1e-9)
    # a volume of 16,000 IOPS: 131 MB/s of pages; within the burst its operations limit, after it the instance's bytes
    volume = replace(instance, iops=16_000.0)
    spent = replace(volume, bytes_burst=replace(bucket, at_start=0.0))
    for disk, seconds in ((volume, 1.0), (spent, 16_000 / usual)):
        trace = simulate(one_host(Cpu(1), 4, disk=disk), requests(1, arrival_s=[0.0], reads=[16_000.0]), 1e4)
        assert trace.answered_s == pytest.approx([seconds])


# --- checkpoints


@both_engines
def test_checkpoint_writes_its_pages_and_holds_the_disk_for_its_fsync(simulate: OpenEngine) -> None:
    # 25 steps of 10 pages to 5.0 s, then the fsync: reads behind the last step and it, a flush to its end
    disk = Disk(iops=1000.0, read_latency_s=0.0, flush_latency_s=0.1, write_bytes_per_s=1e15)
    every = Checkpoints(every_s=10.0, spread=0.5, writes=250.0, sync_s=2.0)
    stream = requests(
        6,
        arrival_s=[4.0, 4.5, 5.5, 6.0, 8.0, 1e4],
        reads=[100.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        wal_bytes=[0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
    )
    trace = simulate(replace(one_host(Cpu(1), 4, disk=disk), checkpoints=every), stream, 38.0)
    # the read of 4.0 s comes just after that step or just before it: its ten pages are 0.01 s
    assert trace.answered_s[0] == pytest.approx(4.105, abs=0.006)
    assert trace.answered_s[1:5] == pytest.approx([4.6, 7.011, 7.1, 8.001])
    assert trace.disk_writes == pytest.approx(4 * 250.0)
    without = simulate(one_host(Cpu(1), 4, disk=disk), stream, 38.0)
    assert without.disk_writes == 0.0
    assert without.answered_s[:5] == pytest.approx([4.1, 4.6, 5.501, 6.1, 8.001])


# --- CPU demand that depends on how busy the host is


@both_engines
def test_idle_host_costs_more_by_what_the_last_window_showed(simulate: OpenEngine) -> None:
    # idle to 10 s: twice the 4 s. Busy 8 of the next 10 s: 1.2 times, for those of 20 s and of 25 s, which share the
    # core for a while. Busy 7.2 of the 20 s to 40 s: 1.64 times, but half of the last one's demand is out of reach.
    stream = requests(5, arrival_s=[10.0, 20.0, 25.0, 40.0, 45.0], app_cpu_s=[4.0, 5.0, 1.0, 1.0, 1.0])
    stream = replace(stream, reach=np.array([1.0, 1.0, 1.0, 1.0, 0.5]))
    system = replace(one_host(Cpu(1), 4), idle_cost=IdleCost(1.0, 1.0, 1.0, 10.0))
    trace = simulate(system, stream, 100.0)
    assert trace.answered_s == pytest.approx([18.0, 27.0, 27.2, 41.64, 46.32])


@pytest.mark.parametrize("load", [0.15, 0.4, 0.65])
def test_utilisation_settles_where_it_brings_about_its_own_demand(load: float) -> None:
    # Open M/G/1-PS twice, application and database; model.Contention has the fixed point in closed form. A window of
    # 100 demands: one of a single demand begins and ends with an arrival, and sees 3 % too much.
    model, window_s, n, share = Contention(1.05, 1.15, 0.6, 0.0, 0.0, 1.0), 100.0, 20_000, 0.8
    idle = IdleCost(model.app_busy_factor, model.database_busy_factor, model.idle_slope, window_s)
    system = replace(one_host(Cpu(1), SHARED), cpus=(Cpu(1), Cpu(2)), idle_cost=idle)
    found: list[FloatArray] = []
    controls: list[tuple[float, ...]] = []
    for seed in range(REPLICATIONS):
        rng = np.random.default_rng([seed, round(100 * load)])
        at, app, sql = poisson_arrivals(rng, load, n), rng.exponential(1.0, n), 2 * rng.lognormal(-0.32, 0.8, n)
        stream = replace(requests(n, arrival_s=at, app_cpu_s=app, database_cpu_s=sql), reach=np.full(n, share))
        found.append(compiled.simulate_open(system, stream, at[-1]).cpu_busy_s / at[-1])
        controls.append((float(app.sum() / at[-1]), float(sql.sum() / at[-1] / 2)))
    for host, factor in enumerate((model.app_busy_factor, model.database_busy_factor)):
        expected = model.settled(factor, load, share)
        settled = interval([float(busy[host]) for busy in found], controls, (load, load))
        # the first window of a run takes its host for idle
        at_first = load * model.idle_slope * share * expected * window_s * load / n
        assert -settled.half_width <= settled.mean - expected <= settled.half_width + at_first, (settled, expected)
        assert settled.half_width < 1e-3 * expected
        assert load * factor * 1.03 < expected  # far from what it is without the surcharge


# --- requests that ask the database nothing


@both_engines
def test_request_without_rounds_never_asks_the_database(simulate: OpenEngine) -> None:
    system = System(
        cpus=(Cpu(1), Cpu(1, dispatch_s=1.0)),
        node_cpu=(0,),
        database_cpu=1,
        workers_per_node=2,
        backlog=8,
        parallel_pool=0,
        disk=Disk(iops=10.0, read_latency_s=0.1, flush_latency_s=0.25, write_bytes_per_s=1e15),
        round_trip_s=0.5,
    )
    columns = {"app_cpu_s": [2.0], "database_cpu_s": [5.0], "reads": [20.0], "statements": [4.0], "wal_bytes": [1.0]}
    without = simulate(system, requests(1, arrival_s=[1.0], rounds=[0.0], **columns), 100.0)
    assert without.answered_s == pytest.approx([1.0 + 2.0 + 0.25])
    assert without.cpu_busy_s[1] == without.disk_reads == 0.0
    asked = simulate(system, requests(1, arrival_s=[1.0], rounds=[1.0], **columns), 100.0)
    assert asked.answered_s == pytest.approx([1.0 + 2.0 + 4 * 0.5 + 5.0 + 2.0 + 0.25])
