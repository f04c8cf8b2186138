"""The compiled engine's passage of an attempt before and after its rounds: clients, nodes, workers, commits.

``reference.Deployment``, in numba and under the same names; the rounds themselves are in ``compiled``.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.simulation.jit import compiled, inlined
from dfr_sizing.simulation.machinery import busyness, flush_seconds, let, share_at, timer, work
from dfr_sizing.simulation.records import (
    CONNECT,
    FLUSHED,
    GO,
    GRANTED,
    KINDS,
    LATE,
    LIMIT,
    NEW_WORKER,
    NONE,
    PATIENCE,
    PYTHON,
    QUEUED,
    RECEIVED,
    RELEASE,
    RELEASED,
    SEND,
    START,
    Columns,
    Records,
)
from dfr_sizing.simulation.reference import LATE_CLIENT_S, RECONNECT_AFTER_S
from dfr_sizing.simulation.system import FloatArray

_RECONNECT = np.array(RECONNECT_AFTER_S)


# --- clients


@inlined
def count_present(s: Records, change: int) -> None:
    """How many requests clients wait for, and its integral."""
    s.present_s += s.present * (s.now - s.present_since)
    s.present_since = s.now
    s.present += change


@compiled
def next_user(s: Records, timers: Records, think_s: FloatArray) -> None:
    """A closed user takes the next request, thinks and sends."""
    if s.next_request < s.requests:
        timer(s, timers, think_s[s.next_request], s.next_request, SEND)
        s.next_request += 1


@inlined
def set_free(s: Records, rows: Records, row: int) -> None:
    """Nothing refers to the row any more."""
    rows[row].stage, rows[row].number = NONE, NONE
    rows[row].behind = s.free_row
    s.free_row = row


@inlined
def send(
    s: Records, rows: Records, books: Records, columns: Columns, hosts: Records, shares: Records, jobs: Records,
    due: FloatArray, timers: Records, number: int, attempt: int,
) -> int:  # fmt: skip
    """A client sends a request, or tries once more. The row that goes on at once, or NONE if it waits."""
    row = s.free_row
    if row == NONE:
        row = s.next_row
        s.next_row += 1
    else:
        s.free_row = rows[row].behind
    r = rows[row]
    rounds = columns.rounds[number]
    asked = max(rounds, 1)
    r.number, r.attempt, r.rounds, r.round, r.stage = number, attempt, rounds, 0, CONNECT
    r.python, r.sql = columns.app_cpu_s[number] / (rounds + 1), columns.database_cpu_s[number] / asked
    r.pages, r.wakeups = columns.reads[number] / asked, columns.statements[number] / asked
    r.wire, r.threads, r.background = r.wakeups * s.round_trip, columns.threads[number], columns.background[number]
    r.wal_bytes, r.flush_factor = columns.wal_bytes[number], columns.flush_factor[number]
    r.late = columns.late_s[number] if s.has_late else 0.0
    r.reach = columns.reach[number] if s.has_reach else 1.0
    r.read_factor = columns.read_factor[number] if s.has_read_factor else 1.0
    r.node, r.is_new, r.reconnects, r.worker = NONE, 0, 0, 0
    r.tenure += 1
    book = books[number]
    if attempt == 0:
        book.sent, book.waited_for = s.now, 0
        count_present(s, +1)
    if s.has_patience and not r.background:
        timer(s, timers, s.timeout, number, PATIENCE + KINDS * attempt)
    if s.client >= 0:
        r.client = columns.client_cpu_s[number] / 2
        work(s, hosts, s.client, shares, jobs, due, r.client, 1, row)
        return NONE
    return int(row)


@inlined
def end(s: Records, books: Records, timers: Records, think_s: FloatArray, number: int) -> None:
    """The client has its answer or gives up for good."""
    books[number].waited_for, books[number].ended = NONE, s.now
    s.to_end -= 1
    count_present(s, -1)
    if s.users > 0:
        next_user(s, timers, think_s)


@compiled
def drop(s: Records, books: Records, timers: Records, think_s: FloatArray, number: int, attempt: int) -> None:
    """The attempt has failed: the client, if it still waits for it, tries again or has failed."""
    if books[number].waited_for != attempt:
        return
    if attempt + 1 < s.attempts:
        books[number].waited_for = attempt + 1
        timer(s, timers, s.retry_after, number, SEND + KINDS * (attempt + 1))
    else:
        books[number].failed = 1
        end(s, books, timers, think_s, number)


# --- nodes and workers


@compiled
def balance(s: Records, pools: Records) -> int:
    """The node for a new connection: least connections or in turn; NONE if all are left out."""
    best, fewest, last = NONE, np.int64(2**62), s.turn
    for i in range(1, s.nodes + 1):
        node = (last + i) % s.nodes
        pool = pools[node]
        if pool.left_out:
            continue
        if best == NONE:
            s.turn = node
        if s.round_robin:
            return int(node)
        if pool.held + pool.queued < fewest:
            best, fewest = node, pool.held + pool.queued
    return int(best)


@inlined
def connect(
    s: Records, rows: Records, books: Records, pools: Records, timers: Records, ready: Records,
    think_s: FloatArray, row: int,
) -> bool:  # fmt: skip
    """Find room in the node's accept queue, and wait there for a worker. Whether one is free and takes it at once."""
    r = rows[row]
    if r.reconnects > 0 and books[r.number].waited_for != r.attempt:
        set_free(s, rows, row)
        return False
    if r.node == NONE:
        r.node = balance(s, pools)
    is_up = r.node != NONE and pools[r.node].is_up == 1
    if is_up and (r.background or pools[r.node].queued <= s.backlog):
        return enter(s, rows, pools, ready, r.node + s.nodes * r.background, row)
    if is_up and r.reconnects < len(_RECONNECT):
        timer(s, timers, _RECONNECT[r.reconnects], row, GO)
        r.reconnects += 1
    else:
        number, attempt = r.number, r.attempt
        set_free(s, rows, row)
        drop(s, books, timers, think_s, number, attempt)
    return False


@inlined
def enter(s: Records, rows: Records, pools: Records, ready: Records, at: int, row: int) -> bool:
    """Take a place in the pool's queue, and a worker if one is free. Whether that is all that happens now."""
    pool = pools[at]
    if pool.free > 0 and pool.queued == 0 and s.alone and s.ready == 0:
        pool.free -= 1
        pool.held += 1
        rows[row].stage = GRANTED
        return True
    rows[row].stage, rows[row].behind = QUEUED, NONE
    if pool.queued == 0:
        pool.first = row
    else:
        rows[pool.last].behind = row
    pool.last = row
    pool.queued += 1
    grant(s, rows, pools, ready, at)
    return False


@inlined
def grant(s: Records, rows: Records, pools: Records, ready: Records, at: int) -> None:
    """A free worker takes the request that waits longest: one at a time, as SimPy's Resource does."""
    pool = pools[at]
    if pool.free > 0 and pool.queued > 0:
        pool.free -= 1
        pool.held += 1
        rows[pool.first].stage = GRANTED
        let(s, ready, pool.first)
        pool.first = rows[pool.first].behind
        pool.queued -= 1


@compiled
def give_back(s: Records, pools: Records, ready: Records, at: int) -> None:
    """A place is free. As in SimPy, the queue sees it when what is let before has gone on; none need look if empty."""
    pools[at].free += 1
    pools[at].held -= 1
    if pools[at].queued > 0:
        let(s, ready, RELEASED - at)


@compiled
def start_worker(s: Records, pools: Records, workers: Records, r: Records) -> None:
    """WorkerPool.start: the worker that was idle longest takes the connection."""
    pool = pools[r.node]
    r.worker = workers[r.node * s.workers + pool.idle_from].idle
    pool.idle_from = (pool.idle_from + 1) % s.workers
    pool.idle -= 1
    history = workers[r.node * s.workers + r.worker]
    r.is_new = history.is_new
    history.is_new = 0


@compiled
def put_idle(s: Records, pools: Records, workers: Records, node: int, worker: int) -> None:
    """The worker goes to the end of its pool's idle ones."""
    pool = pools[node]
    workers[node * s.workers + (pool.idle_from + pool.idle) % s.workers].idle = worker
    pool.idle += 1


@inlined
def leave(s: Records, pools: Records, workers: Records, timers: Records, ready: Records, r: Records) -> None:
    """WorkerPool.leave: the worker is idle again, or ends because it has served its number of requests."""
    if r.background:
        give_back(s, pools, ready, s.nodes + r.node)
        return
    s.worker_busy += s.now - r.taken
    if s.has_identity:
        history = workers[r.node * s.workers + r.worker]
        history.served += 1
        if s.recycle_after > 0 and history.served >= s.recycle_after:
            s.recycled += 1
            replace(s, pools, timers, r)
            return
        put_idle(s, pools, workers, r.node, r.worker)
    give_back(s, pools, ready, r.node)


@compiled
def replace(s: Records, pools: Records, timers: Records, r: Records) -> None:
    """WorkerPool.replace: the worker has ended; a new one comes in its place."""
    timer(s, timers, s.respawn, r.node * s.workers + r.worker, NEW_WORKER + KINDS * pools[r.node].life)


# --- the WAL writer


@compiled
def commit(s: Records, rows: Records, timers: Records, pipes: Records, row: int) -> None:
    """WalWriter.commit: wait for a flush, and begin one if none is under way."""
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
        flush(s, timers, pipes)


@compiled
def flush(s: Records, timers: Records, pipes: Records) -> None:
    """WalWriter._flush: all commits that wait share it."""
    s.flushed, s.waiting_first = s.waiting_first, NONE
    s.flushes += 1
    seconds = flush_seconds(s, pipes)
    s.wal_bytes = 0.0
    timer(s, timers, seconds, NONE, FLUSHED)


@compiled
def end_flush(s: Records, rows: Records, timers: Records, ready: Records, pipes: Records) -> None:
    """A flush has ended: its rows go on, and the next begins if commits wait."""
    row = s.flushed
    while row != NONE:
        let(s, ready, row)
        row = rows[row].behind
    if s.waiting_first == NONE:
        s.flushing = 0
    else:
        flush(s, timers, pipes)


# --- before and after the rounds


@compiled
def with_idle_cost(s: Records, r: Records, hosts: Records, shares: Records) -> None:
    """Deployment._demand: Python and SQL as they cost on hosts so busy."""
    slope = s.idle_slope * r.reach
    r.python *= s.app_factor + slope * (1.0 - min(1.0, busyness(s, hosts[r.host], shares)))
    r.sql *= s.database_factor + slope * (1.0 - min(1.0, busyness(s, hosts[s.database], shares)))


@inlined
def begin(
    s: Records, rows: Records, books: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray,
    pools: Records, workers: Records, timers: Records, ready: Records, think_s: FloatArray, row: int,
) -> bool:  # fmt: skip
    """From the connection to the first round. False: the row waits."""
    r = rows[row]
    if r.stage == CONNECT and not connect(s, rows, books, pools, timers, ready, think_s, row):
        return False
    late = False
    if r.stage == GRANTED:
        r.taken, r.host = s.now, pools[r.node].host
        if not r.background:
            if s.has_identity:
                start_worker(s, pools, workers, r)
            if s.limit_time_real < np.inf:
                timer(s, timers, s.limit_time_real, row, LIMIT + KINDS * r.tenure)
            late = r.late > 0.0
        if late:
            r.stage = LATE
            timer(s, timers, min(r.late, LATE_CLIENT_S), row, GO)
            return False
    elif r.stage == LATE and r.late > LATE_CLIENT_S:
        number, attempt = r.number, r.attempt
        leave(s, pools, workers, timers, ready, r)
        set_free(s, rows, row)
        drop(s, books, timers, think_s, number, attempt)
        return False
    if r.stage != START:
        r.stage = START
        if s.has_idle_cost:
            with_idle_cost(s, r, hosts, shares)
        if r.is_new and s.first_extra > 0.0:
            work(s, hosts, r.host, shares, jobs, due, s.first_extra, 1, row)
            return False
    r.stage = PYTHON
    delay = r.wakeups * share_at(hosts[r.host], shares).delay if r.rounds > 0 else 0.0
    if delay > 0.0:
        timer(s, timers, delay, row, GO)
        return False
    return True


@inlined
def finish(
    s: Records, rows: Records, books: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray,
    pools: Records, workers: Records, timers: Records, ready: Records, think_s: FloatArray, row: int,
) -> None:  # fmt: skip
    """The worker is done with the row; the client gets its answer, if it still waits for it."""
    r = rows[row]
    number = r.number
    waited_for = books[number].waited_for == r.attempt
    if r.stage == RELEASE:
        leave(s, pools, workers, timers, ready, r)
        if s.client >= 0 and waited_for:
            r.stage = RECEIVED
            work(s, hosts, s.client, shares, jobs, due, r.client, 1, row)
            return
    taken = r.taken
    set_free(s, rows, row)
    if waited_for:
        books[number].wait = taken - books[number].sent
        end(s, books, timers, think_s, number)


@compiled
def lose_patience(
    s: Records, books: Records, timers: Records, think_s: FloatArray, number: int, attempt: int
) -> None:  # fmt: skip
    """Deployment._give_up: the client's patience is at an end, if it still waits for this attempt."""
    if books[number].waited_for == attempt:
        s.timeouts += 1
        drop(s, books, timers, think_s, number, attempt)
