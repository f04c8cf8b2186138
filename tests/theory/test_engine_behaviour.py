"""What the engine does in small cases that can be followed by hand."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import simpy
from classical import ENDLESS_BACKLOG, FREE_DISK, one_host, requests

from dfr_sizing.simulation.devices import SharedCpu
from dfr_sizing.simulation.reference import simulate_closed, simulate_open
from dfr_sizing.simulation.system import Cpu, Disk, System

SLOW_DISK = Disk(iops=10.0, read_latency_s=0.02, flush_latency_s=1.0, write_bytes_per_s=1000.0)


def database_host(cpu: Cpu, parallel_pool: int = 0, disk: Disk = FREE_DISK) -> System:
    """Workers in plenty, and a database on ``cpu``."""
    return replace(one_host(Cpu(100), 100, disk=disk), cpus=(Cpu(100), cpu), parallel_pool=parallel_pool)


def test_parallel_scan_on_idle_cores_takes_its_share_of_the_time() -> None:
    scan = requests(1, arrival_s=[1.0], database_cpu_s=[8.0], threads=[4.0])
    assert simulate_open(database_host(Cpu(8), 8), scan, 100.0).answered_s == pytest.approx([3.0])


def test_parallel_scan_makes_do_with_the_helpers_that_are_left() -> None:
    # three helpers for two scans of four processes each: the first gets all, the second none
    scans = requests(2, arrival_s=[0.0, 0.5], database_cpu_s=[8.0, 1.0], threads=[4.0, 4.0])
    assert simulate_open(database_host(Cpu(8), 3), scans, 100.0).answered_s == pytest.approx([2.0, 1.5])
    # and what the first gave back serves the next
    scans = requests(2, arrival_s=[0.0, 2.5], database_cpu_s=[8.0, 4.0], threads=[4.0, 4.0])
    assert simulate_open(database_host(Cpu(8), 3), scans, 100.0).answered_s == pytest.approx([2.0, 3.5])


def test_parallel_scan_takes_the_shares_of_its_processes() -> None:
    # five processes on two cores: 0.4 each, so the scan of four gets 1.6 cores until the other is done at 2.5 s
    both = requests(2, arrival_s=[0.0, 0.0], database_cpu_s=[8.0, 1.0], threads=[4.0, 1.0])
    assert simulate_open(database_host(Cpu(2), 8), both, 100.0).answered_s == pytest.approx([4.5, 2.5])


def test_second_threads_bring_the_gain() -> None:
    system = one_host(Cpu(1, threads_per_core=2, smt_gain=1.3), 10)
    trace = simulate_open(system, requests(2, arrival_s=[0.0, 0.0], app_cpu_s=[1.3, 1.3]), 10.0)
    assert trace.answered_s == pytest.approx([2.0, 2.0])
    assert trace.cpu_busy_s[0] == pytest.approx(2.0)


def test_work_goes_by_the_speed_of_the_host() -> None:
    trace = simulate_open(one_host(Cpu(1, speed=2.0), 1), requests(1, arrival_s=[0.0], app_cpu_s=[3.0]), 10.0)
    assert trace.answered_s == pytest.approx([1.5])


@pytest.mark.parametrize(("queue_moves_at", "waited"), [(0.5, 1.0), (2.0, 3.0), (5.0, 7.0)])
def test_full_accept_queue_drops_and_the_client_reconnects(queue_moves_at: float, waited: float) -> None:
    # one being served and backlog + 1 waiting fill the node; the last to come tries again after 1, 2 and 4 s
    stream = requests(4, arrival_s=[0.0, 0.1, 0.2, 0.3], app_cpu_s=[queue_moves_at, 0.0, 0.0, 0.0])
    trace = simulate_open(one_host(Cpu(1), 1, backlog=1), stream, 100.0)
    assert trace.worker_wait_s[3] == pytest.approx(waited)
    assert not trace.failed.any()


def test_client_fails_after_its_third_reconnect() -> None:
    stream = requests(3, arrival_s=[0.0, 0.1, 0.2], app_cpu_s=[7.5, 1.0, 1.0])
    trace = simulate_open(one_host(Cpu(1), 1, backlog=0), stream, 100.0)
    assert trace.failed.tolist() == [False, False, True]
    assert np.isnan(trace.answered_s).tolist() == [False, False, True]


def test_closed_user_who_failed_goes_on() -> None:
    # three users, one place to be served and one to wait: the third fails at 7 s and sends its next at 7 + 2 s
    stream = requests(4, think_s=[0.0, 0.0, 0.0, 2.0], app_cpu_s=[8.0, 0.5, 1.0, 1.0])
    trace = simulate_closed(one_host(Cpu(1), 1, backlog=0), stream, 3, 100.0)
    assert trace.failed.tolist() == [False, False, True, False]
    assert trace.sent_s[3] == pytest.approx(9.0)


def test_commits_that_come_during_a_flush_share_the_next() -> None:
    commits = requests(5, arrival_s=[0.0, 0.1, 0.2, 0.3, 1.5], wal_bytes=np.full(5, 1e-9))
    trace = simulate_open(database_host(Cpu(1), disk=SLOW_DISK), commits, 100.0)
    assert trace.answered_s == pytest.approx([1.0, 2.0, 2.0, 2.0, 3.0])
    assert trace.wal_flushes == 3


def test_flush_takes_the_latency_of_its_first_commit_and_the_bytes_of_all() -> None:
    commits = requests(3, arrival_s=[0.0, 0.1, 0.2], wal_bytes=[500.0, 100.0, 200.0], flush_factor=[2.0, 0.5, 9.0])
    trace = simulate_open(database_host(Cpu(1), disk=SLOW_DISK), commits, 100.0)
    assert trace.answered_s == pytest.approx([2.5, 3.3, 3.3])


def test_reads_beyond_the_iops_of_the_disk_queue() -> None:
    reads = requests(4, arrival_s=np.zeros(4), reads=np.full(4, 2.0))
    trace = simulate_open(database_host(Cpu(1), disk=SLOW_DISK), reads, 100.0)
    assert trace.answered_s == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert trace.disk_reads == 8.0


def test_reads_within_the_iops_take_their_latency_one_after_the_other() -> None:
    disk = replace(SLOW_DISK, iops=1e6, read_latency_s=0.25)
    reads = requests(2, arrival_s=np.zeros(2), reads=[1.0, 4.0])
    assert simulate_open(database_host(Cpu(1), disk=disk), reads, 10.0).answered_s == pytest.approx([0.25, 1.0])


def test_balancer_sends_to_the_node_with_fewest_connections() -> None:
    system = replace(one_host(Cpu(10), 1), node_cpu=(0, 0, 0))
    stream = requests(12, arrival_s=np.arange(12.0), app_cpu_s=[100.0, 100.0, *np.full(10, 0.5)])
    trace = simulate_open(system, stream, 300.0)
    assert trace.worker_wait_s == pytest.approx(np.zeros(12))


def test_balancer_fills_nodes_evenly() -> None:
    system = replace(one_host(Cpu(100), 2), node_cpu=(0, 0, 0))
    stream = requests(12, arrival_s=np.zeros(12), app_cpu_s=np.ones(12))
    trace = simulate_open(system, stream, 300.0)
    assert sorted(trace.worker_wait_s.round(9)) == [0.0] * 6 + [1.0] * 6


def test_background_work_takes_no_http_worker() -> None:
    stream = requests(2, arrival_s=[0.0, 1.0], app_cpu_s=[50.0, 1.0], background=[0.0, 1.0])
    trace = simulate_open(one_host(Cpu(4), 1), stream, 100.0)
    assert trace.answered_s == pytest.approx([50.0, 2.0])


def test_client_works_before_and_after() -> None:
    system = replace(one_host(Cpu(1), 1), cpus=(Cpu(1), Cpu(1), Cpu(1)), client_cpu=2)
    stream = requests(1, arrival_s=[0.0], client_cpu_s=[2.0], app_cpu_s=[1.0], database_cpu_s=[0.5])
    trace = simulate_open(system, stream, 10.0)
    assert trace.answered_s == pytest.approx([3.5])
    assert trace.worker_wait_s == pytest.approx([1.0])
    assert trace.worker_busy_s == pytest.approx(1.5)
    assert trace.cpu_busy_s == pytest.approx([1.0, 0.5, 2.0])


def test_no_dispatch_delay_without_more_processes_than_hardware_threads() -> None:
    stream = requests(2, arrival_s=[0.0, 5.0], app_cpu_s=[1.0, 1.0], statements=[100.0, 100.0])
    assert simulate_open(one_host(Cpu(1, dispatch_s=0.01), 4), stream, 10.0).answered_s == pytest.approx([1.0, 6.0])


def test_dispatch_delay_is_for_each_statement_and_each_process_too_many() -> None:
    # one process too many on the one core when the second comes: 100 statements x 0.01 s
    stream = requests(2, arrival_s=[0.0, 1.0], app_cpu_s=[10.0, 0.0], statements=[0.0, 100.0])
    trace = simulate_open(one_host(Cpu(1, dispatch_s=0.01), 4), stream, 20.0)
    assert trace.answered_s == pytest.approx([10.0, 2.0])


def test_same_input_gives_the_same_trace() -> None:
    rng = np.random.default_rng(3)
    n = 2000
    stream = requests(
        n,
        arrival_s=np.cumsum(rng.exponential(0.5, n)),
        app_cpu_s=rng.exponential(1.0, n),
        database_cpu_s=rng.exponential(0.5, n),
        rounds=rng.integers(1, 6, n).astype(np.float64),
        threads=rng.integers(1, 4, n).astype(np.float64),
        reads=rng.poisson(3.0, n).astype(np.float64),
        wal_bytes=rng.exponential(50.0, n),
    )
    disk = replace(SLOW_DISK, iops=100.0, flush_latency_s=0.01)
    system = replace(one_host(Cpu(2), 4, backlog=8, disk=disk), node_cpu=(0, 0), parallel_pool=3)
    first, second = simulate_open(system, stream, 900.0), simulate_open(system, stream, 900.0)
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


@pytest.mark.parametrize("now", [0.0, 3600.0, 86400.0, 2.6e6])
def test_work_on_a_host_long_idle_comes_to_an_end(now: float) -> None:
    # a clock far ahead of the work attained is too coarse for it: waking must not go on for ever
    env = simpy.Environment(initial_time=now)
    cpu = SharedCpu(env, Cpu(1, speed=3.0))
    jobs = [cpu.work(seconds) for seconds in np.random.default_rng(1).exponential(1e-3, 20)]
    for _ in range(1000):
        if env.peek() == float("inf"):
            break
        env.step()
    assert all(job.processed for job in jobs)


def test_endless_backlog_turns_nobody_away() -> None:
    stream = requests(500, arrival_s=np.zeros(500), app_cpu_s=np.ones(500))
    trace = simulate_open(one_host(Cpu(1), 1, backlog=ENDLESS_BACKLOG), stream, 1000.0)
    assert trace.answered_s == pytest.approx(np.arange(1.0, 501.0))
