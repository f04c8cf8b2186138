"""The compiled engine's state: record arrays for requests, hosts, jobs, pools and clock, and the heap they wait in.

The state lies in a few record arrays, not in many small ones: numba counts references to each array that a function
touches, and one row's fields then share a cache line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from dfr_sizing.simulation.system import FloatArray, Requests, System

Records = Any  # numba reads record arrays by attribute; NumPy's types do not know that

NONE = -1

DEMANDS = (
    "app_cpu_s",
    "database_cpu_s",
    "client_cpu_s",
    "reads",
    "wal_bytes",
    "flush_factor",
    "statements",
    "think_s",
)
TIMES = ("taken", "sent", "answered", "wait")
PLACES = ("stage", "round", "rounds", "threads", "node", "helpers", "attempt", "behind")
ROW = np.dtype(
    [(name, np.float64) for name in (*DEMANDS, *TIMES)]
    + [(name, np.int32) for name in PLACES]
    + [("background", np.bool_), ("failed", np.bool_)],
    align=True,
)
HOST = np.dtype(
    [(name, np.float64) for name in ("full", "attained", "since", "busy")]
    + [("runnable", np.int64), ("jobs", np.int64)]
)
JOB = np.dtype([("key", np.float64), ("order", np.int64), ("row", np.int32), ("threads", np.int32)])
POOL = np.dtype([(name, np.int64) for name in ("host", "free", "held", "first", "last", "queued")])
STATE = np.dtype(
    [(name, np.float64) for name in ("now", "disk_free_at", "reads", "wal_bytes", "wal_factor", "worker_busy")]
    + [(name, np.float64) for name in ("iops", "read_latency", "flush_latency", "write_bytes", "round_trip")]
    + [(name, np.int64) for name in ("order", "timers", "free_parallel", "turn", "flushes", "flushing", "next_row")]
    + [(name, np.int64) for name in ("waiting_first", "waiting_last", "flushed", "ready_from", "ready_to", "users")]
    + [(name, np.int64) for name in ("nodes", "backlog", "database", "client")]
)


@njit(cache=True)
def sift_up(heap: Records, at: int) -> None:
    """Put the heap right after a place was added at its end."""
    key, order, row, threads = heap[at].key, heap[at].order, heap[at].row, heap[at].threads
    while at > 0:
        above = (at - 1) >> 1
        if heap[above].key < key or (heap[above].key == key and heap[above].order < order):
            break
        heap[at] = heap[above]
        at = above
    place = heap[at]
    place.key, place.order, place.row, place.threads = key, order, row, threads


@njit(cache=True)
def pop(heap: Records, size: int) -> None:
    """Take the first place out of a heap of ``size``; the last one takes its place and sinks."""
    size -= 1
    key, order, row, threads = heap[size].key, heap[size].order, heap[size].row, heap[size].threads
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size:
            one, two = heap[below], heap[below + 1]
            if two.key < one.key or (two.key == one.key and two.order < one.order):
                below += 1
        if heap[below].key > key or (heap[below].key == key and heap[below].order > order):
            break
        heap[at] = heap[below]
        at = below
    place = heap[at]
    place.key, place.order, place.row, place.threads = key, order, row, threads


def rows_of(requests: Requests) -> Records:
    """One record a request: its demands, and where it is on its way."""
    rows = np.zeros(len(requests), dtype=ROW)
    for name in (*DEMANDS, "rounds", "threads", "background"):
        column = getattr(requests, name)
        if len(column):
            rows[name] = column
    for name in TIMES:
        rows[name] = np.nan
    return rows


def hosts_of(system: System, most_runnable: int) -> tuple[Records, FloatArray, FloatArray]:
    """Hosts, and by host and runnable threads: what a thread gets of a core, and what a woken one waits."""
    hosts = np.zeros(len(system.cpus), dtype=HOST)
    shares, delays = np.zeros((2, len(hosts), most_runnable + 1))
    for at, cpu in enumerate(system.cpus):
        hosts[at]["full"] = cpu.full_capacity
        shares[at, 1:] = [cpu.capacity(n) / n for n in range(1, most_runnable + 1)]
        if cpu.dispatch_s > 0.0:
            delays[at] = [cpu.dispatch_delay(n) for n in range(most_runnable + 1)]
    return hosts, shares, delays


def pools_of(system: System) -> Records:
    """The HTTP workers of each node, then the cron workers of each."""
    pools = np.zeros(2 * system.nodes, dtype=POOL)
    pools["host"] = system.node_cpu * 2
    pools["free"] = [system.workers_per_node] * system.nodes + [system.cron_per_node] * system.nodes
    return pools


def state_of(system: System, users: int) -> Records:
    """The scalars of a run: clock, disk, WAL, counters, and what does not change."""
    state = np.zeros(1, dtype=STATE)
    s, disk = state[0], system.disk
    s["iops"], s["write_bytes"], s["round_trip"] = disk.iops, disk.write_bytes_per_s, system.round_trip_s
    s["read_latency"], s["flush_latency"] = disk.read_latency_s, disk.flush_latency_s
    s["nodes"], s["backlog"], s["database"] = system.nodes, system.backlog, system.database_cpu
    s["client"] = NONE if system.client_cpu is None else system.client_cpu
    s["free_parallel"], s["users"] = system.parallel_pool, users
    s["waiting_first"] = s["flushed"] = NONE
    return state


def seat_users(s: Records, timers: Records, think_s: FloatArray) -> None:
    """Each closed user takes a row and thinks."""
    order = np.argsort(think_s, kind="stable")  # a sorted array is a heap
    first = timers[: len(order)]
    first["key"], first["order"], first["row"] = think_s[order], order + 1, order
    s["timers"] = s["order"] = s["next_row"] = len(order)
