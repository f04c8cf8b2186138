"""Plain event lists in numba: what some dozens of lines of compiled code do, the yardstick for the engine's overhead.

An event is a time and a number, in a binary heap; nothing else is general. There is no processor sharing: a host is
so many servers with one queue in order of arrival. Nothing is tuned, and nothing is made slow.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dfr_sizing.simulation.system import FloatArray, IntArray

ARRIVAL = -1
"""The number of the event that lets the next request arrive; other numbers are requests."""


@njit(cache=True)
def push(times: FloatArray, numbers: IntArray, size: int, time: float, number: int) -> int:
    """Add an event to a heap of ``size``; its new size."""
    at = size
    while at > 0 and times[(at - 1) >> 1] > time:
        times[at], numbers[at] = times[(at - 1) >> 1], numbers[(at - 1) >> 1]
        at = (at - 1) >> 1
    times[at], numbers[at] = time, number
    return size + 1


@njit(cache=True)
def pop(times: FloatArray, numbers: IntArray, size: int) -> int:
    """Take the first event out of a heap of ``size``: the last one takes its place and sinks; its new size."""
    size -= 1
    time, number, at = times[size], numbers[size], 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and times[below + 1] < times[below]:
            below += 1
        if times[below] >= time:
            break
        times[at], numbers[at] = times[below], numbers[below]
        at = below
    times[at], numbers[at] = time, number
    return size


@njit(cache=True)
def mmc(requests: int, arrival_rate: float, service_rate: float, servers: int, seed: int) -> FloatArray:
    """Time in system of each request of M/M/c, in order of arrival; it draws its own random numbers."""
    np.random.seed(seed)  # noqa: NPY002 - numba's own stream
    arrived_at, in_system = np.empty(requests), np.empty(requests)
    times, numbers = np.empty(servers + 2), np.empty(servers + 2, np.int64)
    events = push(times, numbers, 0, np.random.exponential(1.0 / arrival_rate), ARRIVAL)  # noqa: NPY002
    arrived, started, idle = 0, 0, servers
    while events > 0:
        now, number = times[0], numbers[0]
        events = pop(times, numbers, events)
        if number == ARRIVAL:
            arrived_at[arrived] = now
            arrived += 1
            if arrived < requests:
                events = push(times, numbers, events, now + np.random.exponential(1.0 / arrival_rate), ARRIVAL)  # noqa: NPY002
        else:
            in_system[number] = now - arrived_at[number]
            idle += 1
        if idle > 0 and started < arrived:
            events = push(times, numbers, events, now + np.random.exponential(1.0 / service_rate), started)  # noqa: NPY002
            started += 1
            idle -= 1
    return in_system


@njit(cache=True)
def odoo_shaped(
    arrival: FloatArray, pieces: FloatArray, turns: IntArray, read_s: FloatArray, workers: int, cores: IntArray
) -> FloatArray:
    """When each request was answered: it holds a worker while ``turns`` pieces of CPU alternate between two hosts.

    ``pieces[row, host]`` are seconds of CPU, the first and the last on host 0; ``read_s`` is the disk's after each
    piece on host 1.
    """
    n, events = len(arrival), 0
    answered, left, reading = np.empty(n), turns.copy(), np.zeros(n, np.bool_)
    times, numbers = np.empty(workers + 2), np.empty(workers + 2, np.int64)
    queue, first, last = np.empty((2, workers), np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    idle, free, arrived, taken = cores.copy(), workers, 0, 0
    events = push(times, numbers, events, arrival[0], ARRIVAL)
    while events > 0:
        now, row = times[0], numbers[0]
        events = pop(times, numbers, events)
        if row == ARRIVAL:
            arrived += 1
            if arrived < n:
                events = push(times, numbers, events, arrival[arrived], ARRIVAL)
        elif reading[row]:
            reading[row] = False
        else:
            host = (left[row] + 1) & 1
            idle[host] += 1
            left[row] -= 1
            if left[row] == 0:
                answered[row], row = now, ARRIVAL
                free += 1
            elif host == 1 and read_s[row] > 0.0:
                reading[row] = True
                events = push(times, numbers, events, now + read_s[row], row)
        if row == ARRIVAL and free > 0 and taken < arrived:
            row = taken
            taken += 1
            free -= 1
        if row != ARRIVAL and not reading[row]:
            host = (left[row] + 1) & 1
            queue[host, last[host] % workers] = row
            last[host] += 1
        for host in range(2):
            if idle[host] > 0 and first[host] < last[host]:
                row = queue[host, first[host] % workers]
                first[host] += 1
                idle[host] -= 1
                events = push(times, numbers, events, now + pieces[row, host], row)
    return answered
