"""The compiled engine: the request path of ``reference`` as a numba event loop, laid out in the same order.

It reads the same System and the same rows of Requests, and gives the same sample path. Queues can blow a difference in
the last bit up to another order of events, so both engines do the same floating-point operations in the same order,
and their times agree to the bit (tests/simulation/test_engines_agree.py; where two unrelated events fall on one instant
by chance, which drawn numbers do not do, their order may differ). Read ``reference`` first; the names here are
the same. A request is a row that walks through the stages below. What makes it wait is a host's CPU (a heap of jobs in
attained service), a timer (a heap of rows in time), a queue for workers, or a WAL flush; what lets rows go on at one
instant lets them go on in that order, as SimPy's events do.

What the state is made of is in ``records``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dfr_sizing.simulation.records import (
    JOB,
    NONE,
    Records,
    hosts_of,
    pools_of,
    pop,
    rows_of,
    seat_users,
    sift_up,
    state_of,
)
from dfr_sizing.simulation.reference import RECONNECT_AFTER_S, TOLERANCE, last_answer
from dfr_sizing.simulation.system import FloatArray, Requests, System, Trace

_RECONNECT = np.array(RECONNECT_AFTER_S)
_WAL_WRITER = -2  # stands for the WAL writer where a timer names a row
_RELEASED = -3  # and this less a pool's number for a worker of that pool given back

# Stages of a request, in the order of its way.
_SEND, _CONNECT, _TAKEN, _PYTHON, _ASK, _STATEMENT, _ANSWERED, _NEXT, _COMMIT, _RELEASE, _RECEIVED, _GONE = range(12)


@njit(cache=True)
def _advance(host: Records, shares: FloatArray, now: float) -> None:
    elapsed = now - host.since
    if elapsed > 0.0:
        share = shares[host.runnable]
        host.attained += elapsed * share
        host.busy += elapsed * share * host.runnable / host.full
        host.since = now


@njit(cache=True)
def _next_completion(host: Records, shares: FloatArray, jobs: Records, now: float) -> float:
    if host.jobs == 0:
        return np.inf
    left = max(0.0, jobs[0].key - host.attained)
    at: float = now + left / shares[host.runnable]
    return at


@njit(cache=True)
def _work(
    s: Records, hosts: Records, shares: FloatArray, jobs: Records, due: FloatArray,
    at: int, seconds: float, threads: int, row: int,
) -> None:  # fmt: skip
    """SharedCpu.work: the row goes on when its threads have done the seconds between them."""
    host = hosts[at]
    _advance(host, shares[at], s.now)
    s.order += 1
    place = jobs[at, host.jobs]
    place.key, place.order, place.row, place.threads = host.attained + seconds / threads, s.order, row, threads
    sift_up(jobs[at], host.jobs)
    host.jobs += 1
    host.runnable += threads
    due[at] = _next_completion(host, shares[at], jobs[at], s.now)


@njit(cache=True)
def _finish_jobs(
    s: Records, hosts: Records, shares: FloatArray, jobs: Records, due: FloatArray, ready: Records, at: int
) -> None:
    """SharedCpu._wake: every job that is done lets its row go on."""
    host = hosts[at]
    _advance(host, shares[at], s.now)
    step = s.now * shares[at, host.runnable]
    reached = host.attained + TOLERANCE * (1.0 + host.attained + step)
    while host.jobs > 0 and jobs[at, 0].key <= reached:
        _let(s, ready, jobs[at, 0].row)
        host.runnable -= jobs[at, 0].threads
        pop(jobs[at], host.jobs)
        host.jobs -= 1
    due[at] = _next_completion(host, shares[at], jobs[at], s.now)


@njit(cache=True)
def _let(s: Records, ready: Records, row: int) -> None:
    """The row goes on at this instant, after those that were let before it."""
    s.order += 1
    ready[0, s.ready_to] = row
    ready[1, s.ready_to] = s.order
    s.ready_to += 1


@njit(cache=True)
def _timer(s: Records, timers: Records, seconds: float, row: int) -> None:
    """The row goes on after so many seconds."""
    s.order += 1
    place = timers[s.timers]
    place.key, place.order, place.row, place.threads = s.now + seconds, s.order, row, 0
    sift_up(timers, s.timers)
    s.timers += 1


@njit(cache=True)
def _balance(s: Records, pools: Records) -> int:
    """Least connections; ties in turn."""
    if s.nodes == 1:
        return 0
    s.turn += 1
    best, fewest = 0, np.int64(2**62)
    for i in range(s.nodes):
        node = (i + s.turn) % s.nodes
        connections = pools[node].held + pools[node].queued
        if connections < fewest:
            best, fewest = node, connections
    return best


@njit(cache=True)
def _enter(s: Records, rows: Records, pool: Records, ready: Records, row: int) -> None:
    """Take a place in the pool's queue, and a worker if one is free."""
    rows[row].behind = NONE
    if pool.queued == 0:
        pool.first = row
    else:
        rows[pool.last].behind = row
    pool.last = row
    pool.queued += 1
    _grant(s, rows, pool, ready)


@njit(cache=True)
def _grant(s: Records, rows: Records, pool: Records, ready: Records) -> None:
    """A free worker takes the request that waits longest: one at a time, as SimPy's Resource does."""
    if pool.free > 0 and pool.queued > 0:
        pool.free -= 1
        pool.held += 1
        _let(s, ready, pool.first)
        pool.first = rows[pool.first].behind
        pool.queued -= 1


@njit(cache=True)
def _leave(s: Records, pools: Records, ready: Records, pool: int) -> None:
    """Give the worker back. As in SimPy, the queue sees it when what is let before has gone on."""
    pools[pool].free += 1
    pools[pool].held -= 1
    _let(s, ready, _RELEASED - pool)


@njit(cache=True)
def _connect(s: Records, rows: Records, pools: Records, timers: Records, ready: Records, row: int) -> None:
    """Connect to the node and wait for a worker."""
    r = rows[row]
    if r.node == NONE:
        r.node = _balance(s, pools)
    if r.background:
        r.stage = _TAKEN
        _enter(s, rows, pools[s.nodes + r.node], ready, row)
    elif pools[r.node].queued <= s.backlog:
        r.stage = _TAKEN
        _enter(s, rows, pools[r.node], ready, row)
    elif r.attempt == len(_RECONNECT):
        r.failed, r.stage = True, _GONE
        _next_user(s, rows, timers, ready)
    else:
        _timer(s, timers, _RECONNECT[r.attempt], row)
        r.attempt += 1


@njit(cache=True)
def _commit(s: Records, rows: Records, timers: Records, row: int) -> None:
    """WalWriter.commit: join the commits that wait; start a flush if none is under way."""
    rows[row].behind = NONE
    if s.waiting_first == NONE:
        s.wal_factor = rows[row].flush_factor
        s.waiting_first = row
    else:
        rows[s.waiting_last].behind = row
    s.waiting_last = row
    s.wal_bytes += rows[row].wal_bytes
    if not s.flushing:
        s.flushing = 1
        _flush(s, timers)


@njit(cache=True)
def _flush(s: Records, timers: Records) -> None:
    s.flushed, s.waiting_first = s.waiting_first, NONE
    s.flushes += 1
    seconds = s.wal_bytes / s.write_bytes + s.flush_latency * s.wal_factor
    s.wal_bytes = 0.0
    _timer(s, timers, seconds, _WAL_WRITER)


@njit(cache=True)
def _end_flush(s: Records, rows: Records, timers: Records, ready: Records) -> None:
    """A flush has ended: its rows go on, and the next begins if commits wait."""
    row = s.flushed
    while row != NONE:
        _let(s, ready, row)
        row = rows[row].behind
    if s.waiting_first == NONE:
        s.flushing = 0
    else:
        _flush(s, timers)


@njit(cache=True)
def _read(s: Records, timers: Records, pages: float, row: int) -> None:
    """Volume.read: the disk gives its IOPS in turn, each read takes its latency."""
    start = max(s.now, s.disk_free_at)
    s.disk_free_at = start + pages / s.iops
    s.reads += pages
    _timer(s, timers, max(s.disk_free_at, start + pages * s.read_latency) - s.now, row)


@njit(cache=True)
def _next_user(s: Records, rows: Records, timers: Records, ready: Records) -> None:
    """A closed user has its answer: it takes the next row, thinks and sends."""
    if s.users > 0 and s.next_row < len(rows):
        row = s.next_row
        s.next_row += 1
        if rows[row].think_s > 0.0:
            _timer(s, timers, rows[row].think_s, row)
        else:
            _let(s, ready, row)


@njit(cache=True)
def _go_on(
    s: Records, rows: Records, hosts: Records, shares: FloatArray, delays: FloatArray, jobs: Records,
    due: FloatArray, pools: Records, timers: Records, ready: Records, row: int,
) -> None:  # fmt: skip
    """Deployment.request: walk a row on until it has to wait."""
    r = rows[row]
    walking = True
    while walking:
        stage = r.stage
        if stage == _SEND:
            r.sent, r.stage, r.node = s.now, _CONNECT, NONE
            if s.client >= 0:
                _work(s, hosts, shares, jobs, due, s.client, r.client_cpu_s / 2, 1, row)
                walking = False
        elif stage == _CONNECT:
            _connect(s, rows, pools, timers, ready, row)
            walking = False
        elif stage == _TAKEN:
            r.wait, r.taken, r.round, r.stage = s.now - r.sent, s.now, 0, _PYTHON
            delay = r.statements / r.rounds * delays[pools[r.node].host, hosts[pools[r.node].host].runnable]
            if delay > 0.0:
                _timer(s, timers, delay, row)
                walking = False
        elif stage <= _COMMIT:
            walking = _serve(s, rows, hosts, shares, delays, jobs, due, pools, timers, row)
        elif stage == _RELEASE:
            if r.background:
                _leave(s, pools, ready, s.nodes + r.node)
            else:
                s.worker_busy += s.now - r.taken
                _leave(s, pools, ready, r.node)
            r.stage = _RECEIVED
            if s.client >= 0:
                _work(s, hosts, shares, jobs, due, s.client, r.client_cpu_s / 2, 1, row)
                walking = False
        else:
            r.answered, r.stage = s.now, _GONE
            _next_user(s, rows, timers, ready)
            walking = False


@njit(cache=True)
def _serve(
    s: Records, rows: Records, hosts: Records, shares: FloatArray, delays: FloatArray, jobs: Records,
    due: FloatArray, pools: Records, timers: Records, row: int,
) -> bool:  # fmt: skip
    """Deployment._serve: compute, ask the database, and so on, then commit. False: the row waits."""
    r = rows[row]
    stage, rounds, delay = r.stage, r.rounds, 0.0
    wakeups = r.statements / rounds
    if stage == _PYTHON:
        r.stage = _ASK if r.round < rounds else _COMMIT
        _work(s, hosts, shares, jobs, due, pools[r.node].host, r.app_cpu_s / (rounds + 1), 1, row)
        return False
    if stage == _ASK:
        r.stage = _STATEMENT
        delay = wakeups * s.round_trip + wakeups * delays[s.database, hosts[s.database].runnable]
    elif stage == _STATEMENT:
        r.stage = _ANSWERED
        r.helpers = min(r.threads - 1, s.free_parallel)
        s.free_parallel -= r.helpers
        _work(s, hosts, shares, jobs, due, s.database, r.database_cpu_s / rounds, 1 + r.helpers, row)
        return False
    elif stage == _ANSWERED:
        r.stage = _NEXT
        s.free_parallel += r.helpers
        if r.reads > 0.0:
            _read(s, timers, r.reads / rounds, row)
            return False
    elif stage == _NEXT:
        r.stage = _PYTHON
        r.round += 1
        if r.round < rounds:
            delay = wakeups * delays[pools[r.node].host, hosts[pools[r.node].host].runnable]
    else:
        r.stage = _RELEASE
        if r.wal_bytes > 0.0:
            _commit(s, rows, timers, row)
            return False
    if delay > 0.0:
        _timer(s, timers, delay, row)
        return False
    return True


@njit(cache=True)
def _next_ready(s: Records, timers: Records, ready: Records) -> int:
    """The row that goes on next; a timer of this very instant goes before what was let after it was set."""
    if s.timers > 0 and timers[0].key == s.now and timers[0].order < ready[1, s.ready_from]:
        row = timers[0].row
        pop(timers, s.timers)
        s.timers -= 1
        return int(row)
    s.ready_from += 1
    return int(ready[0, s.ready_from - 1])


@njit(cache=True)
def _run(
    state: Records, rows: Records, hosts: Records, shares: FloatArray, delays: FloatArray, jobs: Records,
    due: FloatArray, pools: Records, timers: Records, ready: Records, arrival: FloatArray, until: float,
) -> None:  # fmt: skip
    """The event loop: the next of arrivals, timers and CPU completions, until the end or nothing is left."""
    s, arrived, last = state[0], 0, 0.0
    while True:
        # SimPy waits for the difference to the last arrival: the sum may be a bit off the time drawn, and so here.
        at_arrival = last + max(0.0, arrival[arrived] - last) if arrived < len(arrival) else np.inf
        at_timer = timers[0].key if s.timers > 0 else np.inf
        host, at_cpu = 0, due[0]
        for i in range(1, len(due)):
            if due[i] < at_cpu:
                host, at_cpu = i, due[i]
        at = min(at_arrival, at_timer, at_cpu)
        if at >= until or at == np.inf:
            break
        s.now, s.ready_from, s.ready_to = at, 0, 0
        if at_cpu == at:
            _finish_jobs(s, hosts, shares, jobs, due, ready, host)
        elif at_timer == at:
            ready[0, 0], ready[1, 0], s.ready_to = timers[0].row, timers[0].order, 1
            pop(timers, s.timers)
            s.timers -= 1
        else:
            _let(s, ready, arrived)
            arrived += 1
            last = at
        while s.ready_from < s.ready_to:
            row = _next_ready(s, timers, ready)
            if row == _WAL_WRITER:
                _end_flush(s, rows, timers, ready)
            elif row <= _RELEASED:
                _grant(s, rows, pools[_RELEASED - row], ready)
            else:
                _go_on(s, rows, hosts, shares, delays, jobs, due, pools, timers, ready, row)
    if until < np.inf:
        s.now = until
    for i in range(len(due)):
        _advance(hosts[i], shares[i], s.now)


def simulate_open(system: System, requests: Requests, until_s: float) -> Trace:
    """As reference.simulate_open."""
    return _simulate(system, requests, 0, until_s)


def simulate_closed(system: System, requests: Requests, users: int, until_s: float = float("inf")) -> Trace:
    """As reference.simulate_closed."""
    return _simulate(system, requests, users, until_s)


def _simulate(system: System, requests: Requests, users: int, until_s: float) -> Trace:
    n = len(requests)
    most = n if requests.is_open else users
    if system.client_cpu is None:
        most = min(most, system.nodes * (system.workers_per_node + system.cron_per_node))
    hosts, shares, delays = hosts_of(system, most * int(requests.threads.max(initial=1)))
    rows, state, timers = rows_of(requests), state_of(system, users), np.zeros(n + 2, dtype=JOB)
    jobs, due = np.zeros((len(hosts), most + 1), dtype=JOB), np.full(len(hosts), np.inf)
    if users:
        seat_users(state[0], timers, requests.think_s[:users])
    ready = np.zeros((2, 4 * n + 4), dtype=np.int64)
    arrival = np.ascontiguousarray(requests.arrival_s)
    _run(state, rows, hosts, shares, delays, jobs, due, pools_of(system), timers, ready, arrival, float(until_s))
    s = state[0]
    still_held = (rows["stage"] >= _PYTHON) & (rows["stage"] <= _RELEASE) & ~rows["background"]
    return Trace(
        sent_s=rows["sent"].copy(),
        answered_s=rows["answered"].copy(),
        worker_wait_s=rows["wait"].copy(),
        failed=rows["failed"].copy(),
        worker_busy_s=float(s["worker_busy"] + (s["now"] - rows["taken"][still_held]).sum()),
        cpu_busy_s=hosts["busy"].copy(),
        disk_reads=float(s["reads"]),
        wal_flushes=int(s["flushes"]),
        until_s=until_s if until_s < np.inf else last_answer(rows["answered"]),
    )
