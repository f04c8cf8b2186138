"""The compiled engine gives the reference engine's Trace, request by request and to the bit; and it loses nothing.

Two engines that run apart in the last bit may order two events differently, and then they are two models. So the
claim is equality, not closeness; only ``worker_busy_s`` is a sum that the engines build in different orders.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.simulation import compiled, reference
from dfr_sizing.simulation.system import (
    Balancing,
    Burst,
    Checkpoints,
    Cpu,
    Credits,
    Disk,
    FloatArray,
    IdleCost,
    Outage,
    Patience,
    Requests,
    System,
    Trace,
    WorkerLife,
)

EXACT = [field.name for field in dataclasses.fields(Trace) if field.name not in {"worker_busy_s", "present_s"}]
MEAN_DEMAND_S = 0.4
"""Long enough that a queue outlives the reconnects after 1, 2 and 4 s."""
FREE_DISK = Disk(iops=1e12, read_latency_s=0.0, flush_latency_s=0.0, write_bytes_per_s=1e15)


@dataclass(frozen=True, slots=True)
class Case:
    """A system, its requests, and how the run is started: ``users`` 0 means open arrivals."""

    system: System
    requests: Requests
    users: int
    until_s: float
    marks_s: FloatArray = dataclasses.field(default_factory=lambda: np.array([0.5, 3.0, 4.0]))

    def run(self, engine: object) -> Trace:
        """The trace of one of the two engines."""
        if self.users:
            closed: Callable[..., Trace] = engine.simulate_closed  # type: ignore[attr-defined]
            return closed(self.system, self.requests, self.users, self.until_s)
        opened: Callable[..., Trace] = engine.simulate_open  # type: ignore[attr-defined]
        return opened(self.system, self.requests, self.until_s, self.marks_s)


def stream(seed: int, n: int, **columns: FloatArray | float) -> Requests:
    """``n`` requests with exponential CPU demands; ``columns`` replaces what it names, a number for every row."""
    rng = np.random.default_rng(seed)

    def column(name: str, otherwise: FloatArray | float) -> FloatArray:
        return np.broadcast_to(np.asarray(columns.get(name, otherwise), dtype=np.float64), n).copy()

    return Requests(
        class_names=("request",),
        class_index=np.zeros(n, dtype=np.int64),
        arrival_s=np.asarray(columns.get("arrival_s", np.empty(0)), dtype=np.float64),
        think_s=column("think_s", 0.0),
        app_cpu_s=column("app_cpu_s", rng.exponential(0.6 * MEAN_DEMAND_S, n)),
        database_cpu_s=column("database_cpu_s", rng.exponential(0.4 * MEAN_DEMAND_S, n)),
        client_cpu_s=column("client_cpu_s", rng.exponential(0.05 * MEAN_DEMAND_S, n)),
        rounds=column("rounds", 1.0).astype(np.int64),
        threads=column("threads", 1.0).astype(np.int64),
        reads=column("reads", 0.0),
        wal_bytes=column("wal_bytes", 0.0),
        flush_factor=column("flush_factor", 1.0),
        statements=column("statements", 0.0),
        background=column("background", 0.0).astype(np.bool_),
        late_s=column("late_s", 0.0) if "late_s" in columns else np.empty(0),
        reach=column("reach", 1.0) if "reach" in columns else np.empty(0),
        read_factor=column("read_factor", 1.0) if "read_factor" in columns else np.empty(0),
    )


@st.composite
def processors(draw: st.DrawFn) -> Cpu:
    """A host of one to four cores, some with second threads, some that make processes wait for their turn."""
    return Cpu(
        cores=draw(st.sampled_from((1, 1.7, 2, 4))),
        speed=draw(st.sampled_from((1.0, 0.63, 1.5))),
        threads_per_core=draw(st.sampled_from((1, 2))),
        smt_gain=draw(st.sampled_from((1.0, 1.17))),
        dispatch_s=draw(st.sampled_from((0.0, 4e-4, 0.01))),
        misplaced_s=draw(st.sampled_from((0.0, 3e-4))),
        credits=draw(st.sampled_from((None, None, None, Credits(0.3, 5.0, 1.0), Credits(0.8, 2.0, 0.0)))),
    )


@st.composite
def lives(draw: st.DrawFn) -> WorkerLife:
    """Workers that end after a few requests or too long ones, and start cold; or none of it."""
    if draw(st.booleans()):
        return WorkerLife()
    return WorkerLife(
        recycle_after=draw(st.sampled_from((0, 1, 7))),
        respawn_s=draw(st.sampled_from((0.0, 0.9))),
        first_extra_s=draw(st.sampled_from((0.0, 0.5))),
        served_at_start=draw(st.sampled_from((0, 3, 6))),
        limit_time_real_s=draw(st.sampled_from((float("inf"), 0.5, 3.0))),
    )


def sometimes(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """None half of the time."""
    return st.one_of(st.none(), strategy)


@st.composite
def outages(draw: st.DrawFn, nodes: int) -> tuple[Outage, ...]:
    """Up to two outages, also of one node, also ones that the balancer does not see."""
    return tuple(
        Outage(
            node=draw(st.integers(0, nodes - 1)),
            at_s=draw(st.floats(0.1, 20.0)),
            seen_after_s=draw(st.sampled_from((0.0, 1.0, 100.0))),
            back_after_s=draw(st.sampled_from((0.5, 6.0))),
        )
        for _ in range(draw(st.sampled_from((0, 0, 1, 2))))
    )


@st.composite
def systems(draw: st.DrawFn) -> System:
    """One to four nodes on hosts of their own, on one host, or on one host with the database and the client."""
    nodes = draw(st.integers(1, 4))
    layout = draw(st.sampled_from(("apart", "nodes together", "all on one")))
    client = draw(st.booleans())
    hosts = {"apart": nodes + 1, "nodes together": 2, "all on one": 1}[layout]
    own_client = client and layout != "all on one" and draw(st.booleans())
    disk = Disk(
        iops=draw(st.sampled_from((20.0, 300.0, 1e12))),
        read_latency_s=draw(st.sampled_from((0.0, 0.002, 0.05))),
        flush_latency_s=draw(st.sampled_from((0.001, 0.08))),
        write_bytes_per_s=draw(st.sampled_from((3e4, 1e8))),
        bytes_per_s=draw(st.sampled_from((float("inf"), 4e5))),
        iops_burst=draw(sometimes(st.builds(Burst, st.sampled_from((30.0, 900.0)), st.just(200.0), st.just(100.0)))),
        bytes_burst=draw(sometimes(st.builds(Burst, st.just(3e6), st.just(1e6), st.sampled_from((0.0, 1e6))))),
    )
    return System(
        cpus=tuple(draw(processors()) for _ in range(hosts + own_client)),
        node_cpu=tuple(range(nodes)) if layout == "apart" else (0,) * nodes,
        database_cpu=hosts - 1,
        workers_per_node=draw(st.integers(1, 8)),
        backlog=draw(st.sampled_from((0, 1, 3, 64))),
        parallel_pool=draw(st.sampled_from((0, 1, 2, 16))),
        disk=disk,
        client_cpu=(hosts if own_client else 0) if client else None,
        cron_per_node=draw(st.integers(1, 2)),
        round_trip_s=draw(st.sampled_from((0.0, 3e-4))),
        balancing=draw(st.sampled_from(Balancing)),
        worker_life=draw(lives()),
        patience=draw(
            sometimes(st.builds(Patience, st.sampled_from((0.3, 4.0)), st.integers(0, 3), st.sampled_from((0.0, 1.5))))
        ),
        checkpoints=draw(
            sometimes(st.builds(Checkpoints, st.sampled_from((0.5, 5.0)), st.just(0.9), st.just(2.0), st.just(0.05)))
        ),
        idle_cost=draw(sometimes(st.builds(IdleCost, st.just(1.05), st.just(1.1), st.just(0.6), st.just(1.0)))),
        outages=draw(outages(nodes)),
    )


@st.composite
def cases(draw: st.DrawFn, calm: bool = False) -> Case:
    """Any system under too little or too much, by open arrivals or closed users, to the end or cut short.

    ``calm``: nothing goes wrong but queues, and the run lasts until the last answer.
    """
    system, seed, n = draw(systems()), draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 250))
    if calm:
        system = replace(system, worker_life=WorkerLife(), patience=None, idle_cost=None, outages=())
    rng = np.random.default_rng([seed, 1])
    columns = {
        "rounds": rng.integers(draw(st.sampled_from((0, 1))), draw(st.sampled_from((2, 6))), n).astype(np.float64),
        "threads": rng.integers(1, draw(st.sampled_from((2, 5))), n).astype(np.float64),
        "reads": rng.poisson(draw(st.sampled_from((0.0, 3.0))), n).astype(np.float64),
        "wal_bytes": rng.exponential(5e3, n) * (rng.random(n) < draw(st.sampled_from((0.0, 0.5, 1.0)))),
        "flush_factor": rng.lognormal(0.0, 0.4, n),
        "statements": rng.integers(0, draw(st.sampled_from((1, 40))), n).astype(np.float64),
        "background": (rng.random(n) < draw(st.sampled_from((0.0, 0.2)))).astype(np.float64),
        "reach": rng.random(n),
    }
    if draw(st.booleans()):
        columns["read_factor"] = rng.lognormal(0.0, 0.4, n)
    if not calm and draw(st.booleans()):
        columns["late_s"] = rng.exponential(1.0, n) * (rng.random(n) < 0.2)
    users = draw(st.sampled_from((0, 0, 1, 7, 40)))
    end = float("inf")
    if users:
        mean_think = draw(st.sampled_from((0.0, 0.3, 3.0)))
        columns["think_s"] = rng.exponential(1.0, n) * mean_think
    else:
        capacity = sum(cpu.full_capacity for cpu in system.cpus)
        rate = draw(st.sampled_from((0.1, 0.7, 3.0))) * capacity / MEAN_DEMAND_S
        columns["arrival_s"] = np.cumsum(rng.exponential(1.0 / rate, n))
        end = float(columns["arrival_s"][-1]) + 1e4
    if not calm:
        end = draw(st.sampled_from((end, rng.uniform(0.1, 30.0))))
    return Case(system, stream(seed, n, **columns), users, end)


def assert_same(case: Case) -> Trace:
    """Both engines' traces are one; it is returned."""
    found, expected = case.run(compiled), case.run(reference)
    for name in EXACT:
        ours, theirs = np.asarray(getattr(found, name)), np.asarray(getattr(expected, name))
        assert ours.shape == theirs.shape, name
        assert ours.dtype == theirs.dtype, name
        if name == "until_s" and case.until_s == float("inf"):
            assert ours == pytest.approx(theirs, rel=1e-12, abs=0.0)  # the reference may end an ulp late
            continue
        assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"), name
    assert found.worker_busy_s == pytest.approx(expected.worker_busy_s, rel=1e-12, abs=0.0)
    assert found.present_s == pytest.approx(expected.present_s, rel=1e-12, abs=0.0)
    return found


@settings(max_examples=300, deadline=None, derandomize=True)
@given(cases())
def test_engines_give_the_same_trace_to_the_bit(case: Case) -> None:
    assert_same(case)


def crowded(users: int, until_s: float, think_s: FloatArray | float = 0.2) -> Case:
    """Three nodes, the database and the client on one host, and more of everything than it can bear."""
    n, rng = 300, np.random.default_rng(11)
    system = System(
        cpus=(Cpu(2, dispatch_s=4e-4, misplaced_s=2e-4, threads_per_core=2, smt_gain=1.1),),
        node_cpu=(0, 0, 0),
        database_cpu=0,
        workers_per_node=2,
        backlog=1,
        parallel_pool=2,
        disk=Disk(iops=50.0, read_latency_s=0.01, flush_latency_s=0.3, write_bytes_per_s=1e5),
        client_cpu=0,
    )
    columns: dict[str, FloatArray | float] = {
        "rounds": rng.integers(1, 6, n).astype(np.float64),
        "threads": rng.integers(1, 4, n).astype(np.float64),
        "reads": rng.poisson(2.0, n).astype(np.float64),
        "wal_bytes": rng.exponential(1e3, n),
        "statements": rng.integers(0, 40, n).astype(np.float64),
        "background": (rng.random(n) < 0.1).astype(np.float64),
    }
    columns |= {"think_s": think_s} if users else {"arrival_s": np.cumsum(rng.exponential(0.05, n))}
    return Case(system, stream(11, n, **columns), users, until_s)


@pytest.mark.parametrize("users", [0, 30])
@pytest.mark.parametrize("until_s", [12.0, 500.0])
def test_engines_agree_where_queues_overflow(users: int, until_s: float) -> None:
    case = crowded(users, until_s)
    trace = assert_same(case)
    commits = np.count_nonzero(np.isfinite(trace.answered_s) & (case.requests.wal_bytes > 0.0))
    assert np.nanmax(trace.worker_wait_s) > 1.0
    assert trace.failed.any()
    assert 0 < trace.wal_flushes < commits
    assert trace.disk_reads > 0.0
    assert np.isnan(trace.answered_s[~trace.failed]).any() == (until_s == 12.0)


@pytest.mark.parametrize("users", [0, 5])
def test_engines_agree_on_no_requests_at_all(users: int) -> None:
    case = Case(crowded(0, 1.0).system, stream(1, 0), users, 10.0)
    assert assert_same(case).until_s == 10.0


def test_engines_round_the_time_of_an_arrival_alike() -> None:
    # SimPy waits for the difference to the last arrival: 0.704 + (2.837 - 0.704) is not 2.837
    system = replace(crowded(0, 1.0).system, cpus=(Cpu(8),), client_cpu=None, disk=FREE_DISK)
    arrivals = stream(0, 2, arrival_s=np.array([0.704, 2.837]))
    assert assert_same(Case(system, arrivals, 0, 9.0)).sent_s.tolist() == [0.704, 2.8369999999999997]


def test_engines_agree_where_answers_and_the_next_requests_share_an_instant() -> None:
    # At 2.101 s one flush ends a background row (1) and the row (2) that holds the only worker; row 3 waits for it, and
    # the user of row 1 sends row 5. The reference still sees row 3 in the queue and drops row 5; compiled does not.
    system = System(
        cpus=(Cpu(8),),
        node_cpu=(0,),
        database_cpu=0,
        workers_per_node=1,
        backlog=0,
        parallel_pool=0,
        disk=replace(FREE_DISK, flush_latency_s=1.0),
    )
    requests = stream(
        0,
        6,
        app_cpu_s=np.array([0.1, 0.2, 0.3, 0.5, 0.5, 0.5]),
        database_cpu_s=1e-3,
        wal_bytes=np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
        background=np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        think_s=np.array([0.0, 0.0, 0.0, 0.0, 99.0, 0.0]),
    )
    assert_same(Case(system, requests, 4, float("inf")))


def test_engines_end_an_unbounded_run_at_the_same_bit() -> None:
    system = replace(crowded(0, 1.0).system, cpus=(Cpu(4),), disk=FREE_DISK, client_cpu=None)
    requests = stream(0, 2, arrival_s=np.array([0.0, 3.7]), app_cpu_s=np.array([4.3, 0.6]), database_cpu_s=0.1)
    case = Case(system, requests, 0, float("inf"))
    assert case.run(compiled).until_s == case.run(reference).until_s  # 4.3999999999999995 and 4.4


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases(calm=True))
def test_every_request_is_answered_or_fails_but_not_both(case: Case) -> None:
    trace = case.run(compiled)
    assert (np.isfinite(trace.answered_s) != trace.failed).all()
    assert np.isfinite(trace.sent_s).all()
    assert (np.isnan(trace.worker_wait_s) == trace.failed).all()
    assert not (trace.failed & case.requests.background).any()
    served = ~trace.failed
    assert (trace.answered_s[served] >= trace.sent_s[served] + trace.worker_wait_s[served]).all()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases(calm=True))
def test_littles_law_holds_to_rounding(case: Case) -> None:
    # L = lambda W, as sums: what the engine counted from event to event is what the requests say of themselves.
    trace = case.run(compiled)
    assert trace.present_s == pytest.approx((trace.ended_s - trace.sent_s).sum(), rel=1e-9)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases(calm=True))
def test_hosts_and_disk_do_the_work_that_was_asked_for(case: Case) -> None:
    # Utilisation law: capacity occupied over a drained run is demand, whatever the order of events was.
    trace, system, requests = case.run(compiled), case.system, case.requests
    served = ~trace.failed
    asked = np.zeros(len(system.cpus))
    nodes = sorted(set(system.node_cpu))
    asked[nodes[0]] += requests.app_cpu_s[served].sum()
    asks = served & (requests.rounds > 0)
    asked[system.database_cpu] += requests.database_cpu_s[asks].sum()
    if system.client_cpu is not None:
        asked[system.client_cpu] += requests.client_cpu_s.sum() - requests.client_cpu_s[trace.failed].sum() / 2
    done = trace.cpu_busy_s * np.array([cpu.full_capacity for cpu in system.cpus])
    others = [host for host in range(len(system.cpus)) if host not in nodes]
    assert done[others] == pytest.approx(asked[others], rel=1e-9)
    assert done[nodes].sum() == pytest.approx(asked[nodes].sum(), rel=1e-9)
    assert trace.disk_reads == pytest.approx(requests.reads[asks].sum(), rel=1e-9)
    commits = int(np.count_nonzero(requests.wal_bytes[served]))
    assert min(commits, 1) <= trace.wal_flushes <= commits


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases(calm=True))
def test_no_node_serves_more_requests_than_it_has_workers(case: Case) -> None:
    system = replace(case.system, client_cpu=None, backlog=10**9)
    thinking = replace(case.requests, think_s=case.requests.think_s + 1e-3 * np.arange(len(case.requests)))
    trace = replace(case, system=system, requests=thinking).run(compiled)
    for background, each in ((False, system.workers_per_node), (True, system.cron_per_node)):
        rows = case.requests.background == background
        held = trace.answered_s[rows] - trace.sent_s[rows] - trace.worker_wait_s[rows]
        taken = np.sort(trace.sent_s[rows] + trace.worker_wait_s[rows])
        given_back = np.sort(trace.answered_s[rows])
        beside = np.arange(1, len(taken) + 1) - np.searchsorted(given_back, taken + 1e-9, side="right")
        assert (beside <= each * system.nodes).all()
        if not background:
            assert trace.worker_busy_s == pytest.approx(held.sum(), rel=1e-9)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases(calm=True))
def test_a_node_takes_requests_in_the_order_they_came(case: Case) -> None:
    system = replace(case.system, node_cpu=case.system.node_cpu[:1], client_cpu=None, backlog=10**9)
    trace = replace(case, system=system).run(compiled)
    assert not trace.failed.any()
    for background in (False, True):
        rows = case.requests.background == background
        order = np.argsort(trace.sent_s[rows], kind="stable")
        taken = (trace.sent_s + trace.worker_wait_s)[rows][order]
        assert (np.diff(taken) >= -1e-9).all()
