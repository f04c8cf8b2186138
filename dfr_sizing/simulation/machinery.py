"""The compiled engine's machinery: hosts, disk, timers, and what goes on at this instant. ``devices``, in numba.

Both do the same floating-point operations in the same order. A host's jobs are kept in order of attained service, in
an array: a new job mostly goes near the end, the next to complete is at the front, and there are never more than
workers, so that this beats a heap. ``order`` counts what is set to happen, as SimPy's event numbers do: of two things
at one instant the one that was set first comes first.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.simulation.devices import TOLERANCE
from dfr_sizing.simulation.jit import compiled, inlined
from dfr_sizing.simulation.records import Records
from dfr_sizing.simulation.system import PAGE_BYTES, FloatArray
from dfr_sizing.simulation.token_bucket import serve


@inlined
def share_at(host: Records, shares: Records) -> Records:
    """The host's share with what runs now."""
    return shares[host.table + host.throttled * host.size + host.runnable]


@inlined
def advance(host: Records, shares: Records, now: float) -> None:
    """SharedCpu._advance: bring the host's books up to the present."""
    elapsed = now - host.since
    if elapsed > 0.0:
        share = share_at(host, shares)
        host.attained += elapsed * share.share
        host.busy += elapsed * share.busy
        host.since = now
        if host.has_credits:
            host.credits = max(0.0, min(host.most_credits, host.credits + elapsed * share.gained))
            if host.credits > 0.0:
                host.throttled = 0


@inlined
def arm(s: Records, hosts: Records, at: int, shares: Records, jobs: Records, due: FloatArray) -> None:
    """SharedCpu._arm: when the host's next job completes, or its credits run out."""
    host = hosts[at]
    if host.head == host.tail:
        due[at] = np.inf
        return
    s.order += 1
    host.order = s.order
    share = share_at(host, shares)
    wait = max(0.0, jobs[host.head].key - host.attained) * share.seconds
    if host.has_credits:
        host.exhausts = 0
        if share.gained < 0.0 and host.credits / -share.gained < wait:
            host.exhausts = 1
            wait = host.credits / -share.gained
    due[at] = s.now + wait


@inlined
def copy_job(jobs: Records, to: int, of: int) -> None:
    """Field by field: numba copies a whole record byte by byte."""
    source, target = jobs[of], jobs[to]
    target.key, target.row, target.threads = source.key, source.row, source.threads


@inlined
def copy_timer(timers: Records, to: int, of: int) -> None:
    """As copy_job."""
    source, target = timers[of], timers[to]
    target.key, target.order, target.row, target.kind = source.key, source.order, source.row, source.kind


@compiled
def move_down(s: Records, host: Records, jobs: Records) -> None:
    """The jobs have reached the end of their room: back to its beginning; or give up, if they fill more than half."""
    waiting = host.tail - host.head
    if 2 * waiting > host.last - host.first:
        s.no_room = 1
    for i in range(waiting):
        copy_job(jobs, host.first + i, host.head + i)
    host.head, host.tail = host.first, host.first + waiting


def _work(
    s: Records, hosts: Records, at: int, shares: Records, jobs: Records, due: FloatArray,
    seconds: float, threads: int, row: int,
) -> None:  # fmt: skip
    """SharedCpu.work: the row goes on when its threads have done the seconds between them."""
    host = hosts[at]
    advance(host, shares, s.now)
    key = host.attained + (seconds / threads if threads > 1 else seconds)
    if host.tail == host.last:
        move_down(s, host, jobs)
    place = host.tail
    while place > host.head and jobs[place - 1].key > key:
        copy_job(jobs, place, place - 1)
        place -= 1
    job = jobs[place]
    job.key, job.row, job.threads = key, row, threads
    host.tail += 1
    host.runnable += threads
    arm(s, hosts, at, shares, jobs, due)


work, work_inlined = compiled(_work), inlined(_work)


@compiled
def stop_work(s: Records, hosts: Records, at: int, shares: Records, jobs: Records, due: FloatArray, row: int) -> bool:
    """SharedCpu.stop: what is left of the row's work is not done. False: it has done all of it."""
    host = hosts[at]
    for place in range(host.head, host.tail):
        if jobs[place].row == row:
            advance(host, shares, s.now)
            host.runnable -= jobs[place].threads
            host.tail -= 1
            for behind in range(place, host.tail):
                copy_job(jobs, behind, behind + 1)
            arm(s, hosts, at, shares, jobs, due)
            return True
    return False


@compiled
def finish_jobs(
    s: Records, hosts: Records, at: int, shares: Records, jobs: Records, due: FloatArray, ready: Records, reached: float
) -> None:
    """The rest of SharedCpu._wake: every job that is done lets its row go on, or the credits are used up."""
    host = hosts[at]
    if host.exhausts:
        host.credits, host.throttled = 0.0, 1
    else:
        while host.head < host.tail and jobs[host.head].key <= reached:
            let(s, ready, jobs[host.head].row)
            host.runnable -= jobs[host.head].threads
            host.head += 1
    arm(s, hosts, at, shares, jobs, due)


@inlined
def reached_by(host: Records, shares: Records, now: float) -> float:
    """The attained service up to which jobs count as done."""
    reached: float = host.attained + TOLERANCE * (1.0 + host.attained + now * share_at(host, shares).share)
    return reached


@compiled
def busyness(s: Records, host: Records, shares: Records) -> float:
    """SharedCpu.busyness: occupied share over the last window."""
    advance(host, shares, s.now)
    if s.now - host.window_since >= s.idle_window:
        host.busyness = (host.busy - host.window_busy) / (s.now - host.window_since)
        host.window_since, host.window_busy = s.now, host.busy
    value: float = host.busyness
    return value


@inlined
def let(s: Records, ready: Records, what: int) -> None:
    """A row (or what is below 0: see compiled) goes on at this instant, after those that were let before it."""
    s.order += 1
    if s.ready == s.ready_mask:
        s.no_room = 1
    place = ready[(s.ready_from + s.ready) & s.ready_mask]
    place.order, place.what = s.order, what
    s.ready += 1


def _timer(s: Records, timers: Records, seconds: float, row: int, kind: int) -> None:
    """Something of a kind happens to a row after so many seconds."""
    s.order += 1
    key, at = s.now + seconds, s.timers
    while at > 0:
        above = (at - 1) >> 1
        if timers[above].key <= key:  # set before: it keeps its place
            break
        copy_timer(timers, at, above)
        at = above
    place = timers[at]
    place.key, place.order, place.row, place.kind = key, s.order, row, kind
    s.timers += 1


timer, timer_inlined = compiled(_timer), inlined(_timer)


@compiled
def pop_timer(s: Records, timers: Records) -> None:
    """Take the first timer out of the heap; the last one takes its place and sinks."""
    s.timers -= 1
    size, at = s.timers, 0
    key, order, row, kind = timers[size].key, timers[size].order, timers[size].row, timers[size].kind
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size:
            one, two = timers[below], timers[below + 1]
            if two.key < one.key or (two.key == one.key and two.order < one.order):
                below += 1
        if timers[below].key > key or (timers[below].key == key and timers[below].order > order):
            break
        copy_timer(timers, at, below)
        at = below
    place = timers[at]
    place.key, place.order, place.row, place.kind = key, order, row, kind


@compiled
def fill(pipe: Records, until: float) -> None:
    """Pipe._fill: the tokens that have come in while the pipe was free."""
    pipe.tokens = min(pipe.most, pipe.tokens + (until - pipe.free_at) * pipe.rate)
    pipe.free_at = until


@compiled
def take(pipe: Records, now: float, amount: float) -> float:
    """Pipe.take: reserve the pipe; when that begins."""
    start: float = max(now, pipe.free_at)
    if pipe.has_burst:
        fill(pipe, start)
        pipe.free_at, pipe.tokens = serve(amount, start, pipe.rate, pipe.burst, pipe.tokens)
    else:
        pipe.free_at = start + amount / pipe.rate
    return start


@compiled
def take_pages(s: Records, pipes: Records, pages: float) -> float:
    """Volume._take: pages take their turn in operations and, if they are limited, in bytes."""
    if s.has_byte_limit:
        take(pipes[1], s.now, pages * PAGE_BYTES)
    return take(pipes[0], s.now, pages)


@compiled
def read_pages(s: Records, pipes: Records, pages: float, factor: float) -> float:
    """Volume.read: seconds until a backend has its pages."""
    s.reads += pages
    start = take_pages(s, pipes, pages)
    end = max(pipes[0].free_at, start + pages * s.read_latency * factor)
    wait: float = max(end, pipes[1].free_at) - s.now
    return wait


@compiled
def flush_seconds(s: Records, pipes: Records) -> float:
    """Volume.flush and the disk's own latency: how long the WAL flush that begins now takes."""
    for pipe, amount in ((pipes[0], 1.0), (pipes[1], s.wal_bytes)):
        if pipe.has_burst:
            fill(pipe, max(s.now, pipe.free_at))
            pipe.tokens = max(0.0, pipe.tokens - amount)
    seconds: float = s.wal_bytes / s.write_bytes + max(0.0, s.stalled_until - s.now)
    seconds += s.flush_latency * s.wal_factor
    return seconds


@compiled
def sync_disk(s: Records, pipes: Records) -> None:
    """Volume.sync: a checkpoint's fsync keeps the disk to itself."""
    for i in range(2):
        pipes[i].free_at = max(s.now, pipes[i].free_at) + s.checkpoint_sync
    s.stalled_until = s.now + s.checkpoint_sync
