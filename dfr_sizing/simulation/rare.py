"""What is rare in the compiled engine: limits, new workers, checkpoints, nodes that stop and come back, marks.

Apart from the event loop, so that only those runs that need it compile it. ``reference.Deployment``, in numba.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.simulation.jit import compiled
from dfr_sizing.simulation.machinery import advance, stop_work, sync_disk, take_pages, timer
from dfr_sizing.simulation.passage import drop, give_back, put_idle, replace, set_free
from dfr_sizing.simulation.records import (
    ASK,
    BACK,
    CHECKPOINT,
    GRANTED,
    IN_STATEMENT,
    LIMIT,
    LOST,
    LOST_IN_STATEMENT,
    MARK,
    NEW_WORKER,
    NONE,
    QUEUED,
    RELEASE,
    SEEN,
    START,
    STOP,
    Records,
)
from dfr_sizing.simulation.system import CHECKPOINT_STEP_S, FloatArray


@compiled
def fall_due(
    state: Records, rows: Records, books: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray,
    pools: Records, workers: Records, timers: Records, ready: Records, pipes: Records, outages: Records,
    think_s: FloatArray, marked: FloatArray,
) -> None:  # fmt: skip
    """What a timer does that is rare: limits, new workers, checkpoints, nodes that stop and come back, marks."""
    s = state[0]
    row, kind, which = s.rare_row, s.rare_kind, s.rare_which
    if kind == LIMIT:
        if rows[row].tenure == which and is_held(rows[row]):
            s.killed += 1
            replace(s, pools, timers, rows[row])
            lose(s, rows, books, hosts, shares, jobs, due, timers, think_s, row)
    elif kind == NEW_WORKER:
        begin_worker(s, pools, workers, ready, row, which)
    elif kind == CHECKPOINT:
        checkpoint(s, timers, pipes)
    elif kind == MARK:
        for i in range(len(hosts)):
            advance(hosts[i], shares, s.now)
            marked[row, i] = hosts[i].busy
    elif kind == STOP:
        stop_node(s, rows, books, hosts, shares, jobs, due, pools, workers, timers, think_s, outages[row].node)
        seen_after, back_after = outages[row].seen_after, outages[row].back_after
        if seen_after < back_after:
            timer(s, timers, seen_after, row, SEEN)
        else:
            timer(s, timers, back_after, row, BACK)
    elif kind == SEEN:
        pools[outages[row].node].left_out = 1
        timer(s, timers, outages[row].back_after - outages[row].seen_after, row, BACK)
    else:
        pool = pools[outages[row].node]
        pool.is_up, pool.left_out = 1, 0


@compiled
def begin_worker(s: Records, pools: Records, workers: Records, ready: Records, at: int, life: int) -> None:
    """The new worker is there, unless its node has stopped since."""
    node = at // s.workers
    if pools[node].life == life:
        if s.has_identity:
            workers[at].served, workers[at].is_new = 0, 1
            put_idle(s, pools, workers, node, at - node * s.workers)
        give_back(s, pools, ready, node)


@compiled
def is_held(r: Records) -> bool:
    """Whether a worker has the row."""
    return bool(0 <= r.stage <= RELEASE or GRANTED <= r.stage <= START)


@compiled
def lose(
    s: Records, rows: Records, books: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray,
    timers: Records, think_s: FloatArray, row: int,
) -> None:  # fmt: skip
    """The worker of a row is gone, and its own work; a statement or a flush comes to its end, and the row with it."""
    r = rows[row]
    number, attempt = r.number, r.attempt
    if r.stage == QUEUED:
        set_free(s, rows, row)
    else:
        if r.stage != GRANTED and not r.background:
            s.worker_busy += s.now - r.taken
        computes = r.stage in (ASK, START)
        r.stage = LOST_IN_STATEMENT if r.stage == IN_STATEMENT else LOST
        if computes and stop_work(s, hosts, r.host, shares, jobs, due, row):
            set_free(s, rows, row)
    drop(s, books, timers, think_s, number, attempt)


@compiled
def stop_node(
    s: Records, rows: Records, books: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray,
    pools: Records, workers: Records, timers: Records, think_s: FloatArray, node: int,
) -> None:  # fmt: skip
    """All that is under way on a node is lost; its clients see the connection break."""
    for at in (node, s.nodes + node):
        pool = pools[at]
        pool.free, pool.held, pool.queued = pool.size, 0, 0
        pool.life += 1
    pool = pools[node]
    pool.is_up, pool.idle_from, pool.idle = 0, 0, s.workers
    for worker in range(s.workers):
        history = workers[node * s.workers + worker]
        history.idle, history.served, history.is_new = worker, 0, 1
    # In the order of attempts, as the reference engine: rows are used again and lie in any order.
    last = np.int64(NONE)
    while True:
        first, chosen = np.int64(2**62), NONE
        for row in range(s.next_row):
            if rows[row].node == node and (is_held(rows[row]) or rows[row].stage == QUEUED):
                attempt = np.int64(rows[row].number + rows[row].attempt * s.requests)
                if last < attempt < first:
                    first, chosen = attempt, row
        if chosen == NONE:
            return
        last = first
        s.lost += 1
        lose(s, rows, books, hosts, shares, jobs, due, timers, think_s, chosen)


@compiled
def checkpoint(s: Records, timers: Records, pipes: Records) -> None:
    """Deployment.checkpoints: a step of writes; after the last of them the fsync and a rest."""
    if s.step == s.checkpoint_steps:  # the rest is over
        s.step = 0
        if s.to_end == 0:
            return
    else:
        take_pages(s, pipes, s.checkpoint_writes)
        s.writes += s.checkpoint_writes
        s.step += 1
        if s.step == s.checkpoint_steps:
            sync_disk(s, pipes)
            timer(s, timers, s.checkpoint_rest, NONE, CHECKPOINT)
            return
    timer(s, timers, CHECKPOINT_STEP_S, NONE, CHECKPOINT)
