"""The compiled engine: the request path of ``reference`` as a numba event loop, laid out in the same order.

It reads the same System and the same Requests, and gives the same sample path. Queues can blow a difference in the last
bit up to another order of events, so both engines do the same floating-point operations in the same order, and their
times agree to the bit (tests/simulation/test_engines_agree.py). Read ``reference`` first; the names here are the same.

An attempt of a request is a row that walks through stages: its rounds of Python and SQL here, what is around them in
``passage``, the hosts, disk and timers that make it wait in ``machinery``, what the state is made of in ``records``.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.simulation.jit import borrowed, compiled, inlined
from dfr_sizing.simulation.machinery import (
    advance,
    arm,
    finish_jobs,
    pop_timer,
    reached_by,
    read_pages,
    share_at,
    timer,
    timer_inlined,
    work_inlined,
)
from dfr_sizing.simulation.passage import (
    begin,
    commit,
    count_present,
    end_flush,
    finish,
    grant,
    lose_patience,
    next_user,
    send,
    set_free,
)
from dfr_sizing.simulation.rare import fall_due
from dfr_sizing.simulation.records import (
    ASK,
    CHECKPOINT,
    CONNECT,
    FLUSHED,
    GO,
    GRANTED,
    IN_STATEMENT,
    KINDS,
    LOST_IN_STATEMENT,
    MARK,
    NEXT,
    NONE,
    PATIENCE,
    PYTHON,
    READY,
    RECEIVED,
    RELEASE,
    RELEASED,
    ROW,
    SEND,
    START,
    STATEMENT,
    STOP,
    TIMER,
    Columns,
    Records,
    books_of,
    columns_of,
    hosts_of,
    outages_of,
    pipes_of,
    pools_of,
    state_of,
)
from dfr_sizing.simulation.reference import NO_MARKS, last_end
from dfr_sizing.simulation.system import CHECKPOINT_STEP_S, FloatArray, Requests, System, Trace

_ARRIVAL, _TIMER = -2, -1  # where the next event comes from; or a host's number
_WITH_CLIENT = 64  # at first: requests that the load generator's own host works on at once


@inlined
def _rounds(
    s: Records, rows: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray, timers: Records,
    pipes: Records, row: int,
) -> bool:  # fmt: skip
    """Deployment._rounds: Python and SQL in turns. False: the row waits; True: its last piece of Python is done."""
    r = rows[row]
    stage, delay = r.stage, 0.0
    if stage == ASK:
        if r.round == r.rounds:
            return True
        stage = STATEMENT
        delay = r.wire + r.wakeups * share_at(hosts[s.database], shares).delay
    elif stage == IN_STATEMENT:
        s.free_parallel += r.helpers
        stage = NEXT
        if r.pages > 0.0:
            delay = read_pages(s, pipes, r.pages, r.read_factor)
    if stage == NEXT and delay == 0.0:
        r.round += 1
        stage = PYTHON
        if r.round < r.rounds:
            delay = r.wakeups * share_at(hosts[r.host], shares).delay
    if delay > 0.0:
        r.stage = stage
        timer_inlined(s, timers, delay, row, GO)
    elif stage == PYTHON:
        r.stage = ASK
        work_inlined(s, hosts, r.host, shares, jobs, due, r.python, 1, row)
    else:
        r.stage = IN_STATEMENT
        r.helpers = min(r.threads - 1, s.free_parallel)
        s.free_parallel -= r.helpers
        work_inlined(s, hosts, s.database, shares, jobs, due, r.sql, 1 + r.helpers, row)
    return False


@inlined
def _go_on(
    s: Records, rows: Records, books: Records, hosts: Records, shares: Records, jobs: Records, due: FloatArray,
    pools: Records, workers: Records, timers: Records, ready: Records, pipes: Records, think_s: FloatArray, row: int,
) -> None:  # fmt: skip
    """Deployment._attempt: walk a row on until it has to wait."""
    r = rows[row]
    if CONNECT <= r.stage <= START and not begin(
        s, rows, books, hosts, shares, jobs, due, pools, workers, timers, ready, think_s, row
    ):
        return
    if r.stage <= PYTHON:
        if not _rounds(s, rows, hosts, shares, jobs, due, timers, pipes, row):
            return
        r.stage = RELEASE
        if r.wal_bytes > 0.0:
            commit(s, rows, timers, pipes, row)
            return
    if r.stage in (RELEASE, RECEIVED):
        finish(s, rows, books, hosts, shares, jobs, due, pools, workers, timers, ready, think_s, row)
    else:  # its worker was lost under way
        if r.stage == LOST_IN_STATEMENT:
            s.free_parallel += r.helpers
        set_free(s, rows, row)


@compiled
def _first(s: Records, timers: Records, hosts: Records, due: FloatArray, at: float) -> int:
    """Of several events at one instant, where the one that was set first comes from."""
    source, order = _ARRIVAL, s.arrival_order if s.arrival == at else np.int64(2**62)
    if s.timers > 0 and timers[0].key == at and timers[0].order < order:
        source, order = _TIMER, timers[0].order
    for i in range(s.hosts):
        if due[i] == at and hosts[i].order < order:
            source, order = i, hosts[i].order
    return int(source)


@inlined
def _next(s: Records, timers: Records, hosts: Records, due: FloatArray) -> tuple[float, int, bool]:
    """When the next event is, where it comes from, and whether it is alone at its instant."""
    at, source, alone = s.arrival, _ARRIVAL, True
    if s.timers > 0 and timers[0].key <= at:
        alone = timers[0].key < at
        at, source = timers[0].key, _TIMER
    for i in range(s.hosts):
        if due[i] <= at:
            alone = due[i] < at
            at, source = due[i], i
    if not alone:
        source = _first(s, timers, hosts, due, at)
    return at, source, alone


@compiled
def _let_before(s: Records, timers: Records, hosts: Records, ready: Records, source: int) -> bool:
    """Whether what was let first was so before the next event at this instant was set."""
    mine = ready[s.ready_from].order
    if source == _TIMER:
        return bool(mine < timers[0].order)
    return bool(mine < (s.arrival_order if source == _ARRIVAL else hosts[source].order))


@inlined
def _pop_ready(s: Records, rows: Records, pools: Records, ready: Records, at: float) -> int:
    """The row that goes on at this instant; NONE where a pool was told that it has a free worker, and all have seen it.

    ``at``: when the next event is. If that is later, and the pool's next row is all that was let, it goes on at once.
    """
    s.alone = 0
    row = ready[s.ready_from].what
    s.ready_from = (s.ready_from + 1) & s.ready_mask
    s.ready -= 1
    if row <= RELEASED:
        grant(s, rows, pools, ready, RELEASED - row)
        row = ready[s.ready_from].what
        if s.ready != 1 or row <= RELEASED or at <= s.now:
            return NONE
        s.ready_from = (s.ready_from + 1) & s.ready_mask
        s.ready = 0
    return int(row)


@inlined
def _complete(
    s: Records, hosts: Records, at: int, shares: Records, jobs: Records, due: FloatArray, ready: Records
) -> int:
    """SharedCpu._wake. The row whose job is done, if it is all that goes on at this instant; else they are let: NONE.

    The first is by far the most frequent.
    """
    host = hosts[at]
    advance(host, shares, s.now)
    reached = reached_by(host, shares, s.now)
    job = jobs[host.head]
    last_of_them = host.head + 1 == host.tail or jobs[host.head + 1].key > reached
    if not (s.alone and last_of_them and s.ready == 0 and job.key <= reached and host.exhausts == 0):
        finish_jobs(s, hosts, at, shares, jobs, due, ready, reached)
        return NONE
    host.runnable -= job.threads
    host.head += 1
    arm(s, hosts, at, shares, jobs, due)
    return int(job.row)


@inlined
def _arrive(s: Records, arrival: FloatArray) -> int:
    """The request that arrives; and when the next one will."""
    number = s.arrived
    s.arrived += 1
    s.order += 1
    s.arrival_order, s.arrival = s.order, np.inf
    if s.arrived < s.requests:
        # SimPy waits for the difference to the last arrival: the sum may be a bit off the time drawn, and so here.
        s.arrival = s.now + max(0.0, arrival[s.arrived] - s.now)
    return int(number)


@inlined
def _borrowed_columns(c: Columns) -> Columns:
    return Columns(
        borrowed(c.app_cpu_s),
        borrowed(c.database_cpu_s),
        borrowed(c.client_cpu_s),
        borrowed(c.rounds),
        borrowed(c.threads),
        borrowed(c.reads),
        borrowed(c.wal_bytes),
        borrowed(c.flush_factor),
        borrowed(c.statements),
        borrowed(c.background),
        borrowed(c.think_s),
        borrowed(c.late_s),
        borrowed(c.reach),
        borrowed(c.read_factor),
    )


@compiled
def _run(
    state: Records, rows: Records, books: Records, columns: Columns, hosts: Records, shares: Records, jobs: Records,
    due: FloatArray, pools: Records, workers: Records, timers: Records, ready: Records, pipes: Records,
    arrival: FloatArray, until: float,
) -> bool:  # fmt: skip
    """The event loop: the next of arrivals, timers, completions and what was let, until the end or nothing is left.

    True where it stopped for something rare: whoever called has to deal with it, and call again. So only those runs
    that need it compile what is rare.
    """
    rows, books, hosts, shares = borrowed(rows), borrowed(books), borrowed(hosts), borrowed(shares)
    jobs, due, pools, workers = borrowed(jobs), borrowed(due), borrowed(pools), borrowed(workers)
    timers, ready, pipes = borrowed(timers), borrowed(ready), borrowed(pipes)
    arrival = borrowed(arrival)
    columns = _borrowed_columns(columns)
    s, think_s = borrowed(state)[0], columns.think_s
    while not s.no_room:  # looked at after each event: one of them fits beyond the room, not two
        row, number, attempt = NONE, NONE, 0
        at, source, alone = _next(s, timers, hosts, due)
        if s.ready > 0 and (at > s.now or _let_before(s, timers, hosts, ready, source)):
            row = _pop_ready(s, rows, pools, ready, at)
        elif at >= until or at == np.inf:
            break
        elif source >= 0:
            s.now, s.alone = at, alone
            row = _complete(s, hosts, source, shares, jobs, due, ready)
        elif source == _TIMER:
            s.now, s.alone = at, alone
            row, kind, which = timers[0].row, timers[0].kind % KINDS, timers[0].kind // KINDS
            pop_timer(s, timers)
            if kind == SEND:
                number, attempt, row = row, which, NONE
            elif kind == FLUSHED:
                end_flush(s, rows, timers, ready, pipes)
            elif kind == PATIENCE:
                lose_patience(s, books, timers, think_s, row, which)
                row = NONE
            elif kind != GO:
                s.rare_kind, s.rare_row, s.rare_which = kind, row, which
                return True
        else:
            s.now, s.alone = at, alone
            number = _arrive(s, arrival)
        if number != NONE:
            row = send(s, rows, books, columns, hosts, shares, jobs, due, timers, number, attempt)
        if row != NONE:
            _go_on(s, rows, books, hosts, shares, jobs, due, pools, workers, timers, ready, pipes, think_s, row)
    return False


@compiled
def _close_books(state: Records, hosts: Records, shares: Records, until: float) -> None:
    """Bring all books up to the end of the run."""
    s = state[0]
    if until < np.inf:
        s.now = until
    for i in range(len(hosts)):
        advance(hosts[i], shares, s.now)
    count_present(s, 0)


@compiled
def _set_up(
    state: Records, timers: Records, think_s: FloatArray, arrival: FloatArray, outage_at: FloatArray,
    marks_s: FloatArray,
) -> None:  # fmt: skip
    """What is set to happen before the first event, in reference's order."""
    s = state[0]
    s.arrival = np.inf
    for _ in range(s.users):
        next_user(s, timers, think_s)
    if len(arrival) > 0:
        s.order += 1
        s.arrival, s.arrival_order = max(0.0, arrival[0]), s.order
    for i in range(len(outage_at)):
        timer(s, timers, outage_at[i], i, STOP)
    if s.checkpoint_steps > 0 and s.to_end > 0:
        timer(s, timers, CHECKPOINT_STEP_S, NONE, CHECKPOINT)
    for i in range(len(marks_s)):
        timer(s, timers, marks_s[i], i, MARK)


def simulate_open(system: System, requests: Requests, until_s: float, marks_s: FloatArray = NO_MARKS) -> Trace:
    """As reference.simulate_open."""
    return _simulate(system, requests, 0, until_s, marks_s)


def simulate_closed(system: System, requests: Requests, users: int, until_s: float = float("inf")) -> Trace:
    """As reference.simulate_closed."""
    return _simulate(system, requests, users, until_s, NO_MARKS)


def _simulate(system: System, requests: Requests, users: int, until_s: float, marks_s: FloatArray) -> Trace:
    columns = columns_of(requests)
    held = system.nodes * (system.workers_per_node + system.cron_per_node)
    at_once = held + min(users, len(requests)) + (_WITH_CLIENT if system.client_cpu is not None else 0)
    while (trace := _try(system, requests, columns, users, until_s, marks_s, at_once)) is None:
        at_once *= 2
    return trace


def _try(
    system: System, requests: Requests, columns: Columns, users: int, until_s: float, marks_s: FloatArray, at_once: int
) -> Trace | None:
    """Run with room for so many requests at a host or let go on at once; None if that was too little."""
    attempts = len(requests) * system.attempts
    hosts, shares, jobs = hosts_of(system, at_once, int(requests.threads.max(initial=1)))
    pools, workers = pools_of(system)
    # np.zeros is given page by page as it is touched: rows and timers have room for the worst case at no cost.
    per_attempt = 1 + (system.patience is not None) + (system.worker_life.limit_time_real_s < float("inf"))
    timers = np.zeros(per_attempt * attempts + len(workers) + len(system.outages) + len(marks_s) + 4, dtype=TIMER)
    rows, due = np.zeros(attempts + 1, dtype=ROW), np.full(len(hosts), np.inf)
    ready = np.zeros(1 << (2 * at_once + 4).bit_length(), dtype=READY)
    state, books = state_of(system, requests, users), books_of(requests)
    state[0]["ready_mask"] = len(ready) - 1
    arrival = np.ascontiguousarray(requests.arrival_s)
    outage_at = np.array([outage.at_s for outage in system.outages], dtype=np.float64)
    _set_up(state, timers, columns.think_s, arrival, outage_at, marks_s)
    pipes, outages, marked = pipes_of(system), outages_of(system), np.full((len(marks_s), len(hosts)), np.nan)
    while _run(
        state, rows, books, columns, hosts, shares, jobs, due, pools, workers, timers, ready, pipes,
        arrival, float(until_s),
    ):  # fmt: skip
        fall_due(
            state, rows, books, hosts, shares, jobs, due, pools, workers, timers, ready, pipes, outages,
            columns.think_s, marked,
        )  # fmt: skip
    _close_books(state, hosts, shares, float(until_s))
    return None if state[0]["no_room"] else _trace(state[0], rows, books, hosts, marked, until_s)


def _trace(s: Records, rows: Records, books: Records, hosts: Records, marked: FloatArray, until_s: float) -> Trace:
    used = rows[: s["next_row"]]
    served = ((used["stage"] >= 0) & (used["stage"] <= RELEASE)) | (
        (used["stage"] > GRANTED) & (used["stage"] <= START)
    )
    still_held = served & (used["background"] == 0)
    ended, failed = books["ended"].copy(), books["failed"].astype(bool)
    answered = np.where(failed, np.nan, ended)
    return Trace(
        sent_s=books["sent"].copy(),
        answered_s=answered,
        ended_s=ended,
        worker_wait_s=np.where(np.isnan(answered), np.nan, books["wait"]),
        failed=failed,
        worker_busy_s=float(s["worker_busy"] + (s["now"] - used["taken"][still_held]).sum()),
        cpu_busy_s=hosts["busy"].copy(),
        cpu_busy_at_marks_s=marked,
        disk_reads=float(s["reads"]),
        disk_writes=float(s["writes"]),
        wal_flushes=int(s["flushes"]),
        present_s=float(s["present_s"]),
        timeouts=int(s["timeouts"]),
        killed=int(s["killed"]),
        recycled=int(s["recycled"]),
        lost=int(s["lost"]),
        until_s=until_s if until_s < np.inf else last_end(ended),
    )
