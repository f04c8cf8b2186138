"""The compiled engine's state: record arrays for requests, hosts, jobs, pools and clock, and how they are filled.

The state lies in a few record arrays, not in many small ones: one row's fields share a cache line, and a record passes
into a function without a reference count.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dfr_sizing.simulation.system import Balancing, Cpu, FloatArray, IntArray, Requests, System

Records = Any  # numba reads record arrays by attribute; NumPy's types do not know that

NONE = -1

# Stages of a row: those of a round first, which most events are.
ASK, IN_STATEMENT, STATEMENT, NEXT, PYTHON, RELEASE = range(6)
CONNECT, QUEUED, GRANTED, LATE, START, RECEIVED, LOST, LOST_IN_STATEMENT = range(6, 14)

# Kinds of timers: a row goes on; and what else can fall due. Above the kind, in units of KINDS, a timer carries which
# attempt, use of a row or life of a pool it was set for: what it meant may be gone by then.
GO, FLUSHED, SEND, PATIENCE, LIMIT, NEW_WORKER, STOP, SEEN, BACK, CHECKPOINT, MARK = range(11)
KINDS = 16

RELEASED = -2
"""And this less a pool's number: among what goes on at this instant, a place in that pool was given back."""


def _record(*fields: tuple[str, type]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


def _floats(names: str) -> list[tuple[str, type]]:
    return [(name, np.float64) for name in names.split()]


def _ints(names: str, kind: type = np.int64) -> list[tuple[str, type]]:
    return [(name, kind) for name in names.split()]


ROW = _record(
    # What each round touches comes first: one cache line.
    *_floats("python sql pages wakeups wire"),
    *_ints("stage round rounds threads helpers host", np.int32),
    *_floats("taken client wal_bytes flush_factor late reach read_factor"),
    *_ints("number attempt node worker reconnects behind tenure", np.int32),
    *_ints("background is_new", np.int8),
)
"""An attempt of a request that is under way. Rows are used again: the few that are in use stay in the cache.

``number`` is the request's, ``tenure`` how often the row was used, ``behind`` the next in a queue or of the free rows.
"""

BOOK = _record(*_floats("sent ended wait"), *_ints("waited_for", np.int16), *_ints("failed", np.int8))
"""What is kept of a request: the Trace's columns; and which attempt its client waits for, or NONE."""

SHARE = _record(*_floats("share seconds busy gained delay"))
"""What so many runnable threads mean: see Cpu.share."""

HOST = _record(
    *_floats("attained since busy"),
    *_ints("order runnable head tail first last table size"),
    *_floats("credits most_credits window_since window_busy busyness"),
    *_ints("has_credits throttled exhausts"),
)
"""A host. Its jobs lie in order in ``jobs[head:tail]``, within ``first`` to ``last``; its shares from ``table`` on."""

JOB = _record(*_floats("key"), *_ints("row threads", np.int32))
TIMER = _record(*_floats("key"), *_ints("order"), *_ints("row kind", np.int32))
POOL = _record(*_ints("host free held first last queued size is_up left_out idle_from idle life"))
WORKER = _record(*_ints("idle served is_new", np.int32))
"""A worker's history; ``idle`` is not its own but a place in its pool's ring of idle workers."""

PIPE = _record(*_floats("rate burst most tokens free_at"), *_ints("has_burst"))
OUTAGE = _record(*_ints("node"), *_floats("seen_after back_after"))
READY = _record(*_ints("order what"))
STATE = _record(
    *_floats("now read_latency flush_latency write_bytes stalled_until reads writes"),
    *_floats("wal_bytes wal_factor worker_busy present_s present_since arrival"),
    *_floats("app_factor database_factor idle_slope idle_window"),
    *_floats("limit_time_real respawn first_extra timeout retry_after"),
    *_floats("checkpoint_rest checkpoint_writes checkpoint_sync round_trip"),
    *_ints("order timers arrived arrival_order ready_from ready ready_mask free_row next_row no_room alone"),
    *_ints("rare_kind rare_row rare_which"),
    *_ints("requests attempts users next_request to_end present timeouts killed recycled lost"),
    *_ints("hosts nodes workers backlog round_robin turn client database free_parallel recycle_after"),
    *_ints("waiting_first waiting_last flushed flushing flushes checkpoint_steps step"),
    *_ints("has_idle_cost has_late has_reach has_read_factor has_identity has_patience has_byte_limit"),
)


class Columns(NamedTuple):
    """The columns of Requests that make a row."""

    app_cpu_s: FloatArray
    database_cpu_s: FloatArray
    client_cpu_s: FloatArray
    rounds: IntArray
    threads: IntArray
    reads: FloatArray
    wal_bytes: FloatArray
    flush_factor: FloatArray
    statements: FloatArray
    background: npt.NDArray[np.bool_]
    think_s: FloatArray
    late_s: FloatArray
    reach: FloatArray
    read_factor: FloatArray


def columns_of(requests: Requests) -> Columns:
    """The columns, contiguous."""
    return Columns(**{name: np.ascontiguousarray(getattr(requests, name)) for name in Columns._fields})


def books_of(requests: Requests) -> Records:
    """One empty book a request."""
    books = np.empty(len(requests), dtype=BOOK)
    books["sent"] = books["ended"] = books["wait"] = np.nan
    books["waited_for"], books["failed"] = NONE, 0
    return books


@lru_cache(maxsize=256)
def _shares(cpu: Cpu, most_runnable: int, throttled: bool) -> Records:
    """A host's SHARE by number of runnable threads; the hosts of a deployment are mostly alike."""
    return np.array([cpu.share(n, throttled=throttled) for n in range(most_runnable + 1)], dtype=SHARE)


def hosts_of(system: System, most_jobs: int, most_threads: int) -> tuple[Records, Records, Records]:
    """Hosts, the shares of all of them, and room for their jobs: twice as many as are thought to come at once."""
    hosts = np.zeros(len(system.cpus), dtype=HOST)
    tables: list[Records] = []
    room = 2 * most_jobs + 2
    most_runnable = (room + 1) * most_threads
    for at, cpu in enumerate(system.cpus):
        host = hosts[at]
        host["first"] = host["head"] = host["tail"] = at * room
        host["last"] = (at + 1) * room
        host["size"], host["table"] = most_runnable + 1, sum(len(table) for table in tables)
        tables.append(_shares(cpu, most_runnable, throttled=False))
        if cpu.credits is not None:
            host["has_credits"], host["credits"], host["most_credits"] = 1, cpu.credits.at_start, cpu.credits.most
            tables.append(_shares(cpu, most_runnable, throttled=True))
    return hosts, np.concatenate(tables), np.zeros(len(hosts) * room + 1, dtype=JOB)


def pools_of(system: System) -> tuple[Records, Records]:
    """The HTTP workers of each node, then the cron workers of each; and each HTTP worker's history."""
    nodes, workers = system.nodes, system.workers_per_node
    pools = np.zeros(2 * nodes, dtype=POOL)
    pools["host"] = system.node_cpu * 2
    pools["free"] = [workers] * nodes + [system.cron_per_node] * nodes
    pools["size"] = pools["free"]
    pools["is_up"], pools["idle"] = 1, [workers] * nodes + [0] * nodes
    pools["first"] = pools["last"] = NONE
    histories = np.zeros(nodes * workers, dtype=WORKER)
    histories["idle"] = np.tile(np.arange(workers), nodes)
    histories["served"] = system.worker_life.served_at_start
    return pools, histories


def pipes_of(system: System) -> Records:
    """The disk's operations a second, then its bytes a second."""
    pipes = np.zeros(2, dtype=PIPE)
    disk = system.disk
    rates, bursts = (disk.iops, disk.bytes_per_s), (disk.iops_burst, disk.bytes_burst)
    for pipe, rate, burst in zip(pipes, rates, bursts, strict=True):
        pipe["rate"] = rate
        if burst is not None:
            pipe["has_burst"], pipe["burst"], pipe["most"], pipe["tokens"] = 1, burst.rate, burst.most, burst.at_start
    return pipes


def outages_of(system: System) -> Records:
    """The outages, in their order."""
    outages = np.zeros(max(1, len(system.outages)), dtype=OUTAGE)
    for at, outage in enumerate(system.outages):
        outages[at]["node"] = outage.node
        outages[at]["seen_after"], outages[at]["back_after"] = outage.seen_after_s, outage.back_after_s
    return outages


def state_of(system: System, requests: Requests, users: int) -> Records:
    """The scalars of a run: clock, counters, and what does not change."""
    state = np.zeros(1, dtype=STATE)
    s, disk, life, n = state[0], system.disk, system.worker_life, len(requests)
    s["read_latency"], s["flush_latency"] = disk.read_latency_s, disk.flush_latency_s
    s["write_bytes"], s["round_trip"] = disk.write_bytes_per_s, system.round_trip_s
    s["hosts"], s["nodes"], s["workers"] = len(system.cpus), system.nodes, system.workers_per_node
    s["backlog"] = system.backlog
    s["database"], s["free_parallel"] = system.database_cpu, system.parallel_pool
    s["client"] = NONE if system.client_cpu is None else system.client_cpu
    s["requests"] = s["to_end"] = n
    s["attempts"], s["users"] = system.attempts, users
    s["waiting_first"] = s["waiting_last"] = s["flushed"] = s["free_row"] = NONE
    s["round_robin"] = system.balancing is Balancing.ROUND_ROBIN
    s["limit_time_real"], s["respawn"], s["first_extra"] = life.limit_time_real_s, life.respawn_s, life.first_extra_s
    s["recycle_after"], s["has_identity"] = life.recycle_after, life.recycle_after > 0 or life.first_extra_s > 0.0
    s["has_late"], s["has_reach"] = len(requests.late_s) > 0, len(requests.reach) > 0
    s["has_read_factor"] = len(requests.read_factor) > 0
    s["has_byte_limit"] = np.isfinite(disk.bytes_per_s)
    if (idle := system.idle_cost) is not None:
        s["has_idle_cost"], s["idle_slope"], s["idle_window"] = 1, idle.slope, idle.window_s
        s["app_factor"], s["database_factor"] = idle.app_factor, idle.database_factor
    if (patience := system.patience) is not None:
        s["has_patience"], s["timeout"], s["retry_after"] = 1, patience.timeout_s, patience.retry_after_s
    if (every := system.checkpoints) is not None:
        s["checkpoint_steps"], s["checkpoint_writes"] = every.steps, every.writes / every.steps
        s["checkpoint_sync"], s["checkpoint_rest"] = every.sync_s, every.rest_s
    return state
