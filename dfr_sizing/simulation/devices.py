"""What requests wait for, as the reference engine sees it: a host's CPU, the disk, the WAL writer, a node's workers."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator
from typing import Any

import simpy

from dfr_sizing.simulation.jit import in_python
from dfr_sizing.simulation.system import PAGE_BYTES, Burst, Cpu, Disk, WorkerLife
from dfr_sizing.simulation.token_bucket import serve

TOLERANCE = 1e-12
"""A job counts as done when it is this near to its end, relative to what the host attained and to the clock: both are
sums of many floats, and the clock's own step may be coarser than a short job."""

Process = Generator[simpy.Event, Any, Any]


class SharedCpu:
    """A host's CPU: ``yield cpu.work(0.004)`` takes 4 ms of reference CPU at an equal share of the host.

    Processor sharing is kept in attained service: each runnable thread has attained the same, so that a completion
    costs O(log n); see Kleinrock, Queueing Systems II (1976), section 4.4.
    """

    def __init__(self, env: simpy.Environment, cpu: Cpu) -> None:
        self.env = env
        self.cpu = cpu
        self.runnable = 0
        self.busy_s = 0.0
        self.throttled = False
        self.credits = cpu.credits.at_start if cpu.credits else 0.0
        self._attained = 0.0
        self._since = env.now
        self._shares: dict[bool, list[tuple[float, float, float, float, float]]] = {False: [], True: []}
        self._jobs: list[tuple[float, int, int, simpy.Event]] = []
        self._count = 0
        self._timer: simpy.Timeout | None = None
        self._timer_is_exhaustion = False
        self._window = (env.now, 0.0, 0.0)

    def work(self, seconds: float, threads: int = 1) -> simpy.Event:
        """An event that succeeds when ``threads`` processes have done ``seconds`` of work between them."""
        done = self.env.event()
        self._advance()
        self._count += 1
        heapq.heappush(self._jobs, (self._attained + seconds / threads, self._count, threads, done))
        self.runnable += threads
        self._arm()
        return done

    def stop(self, work: simpy.Event | None) -> None:
        """The process that did this work was killed: what is left of it is not done."""
        for at, (_, _, threads, done) in enumerate(self._jobs):
            if done is work:
                self._advance()
                del self._jobs[at]
                heapq.heapify(self._jobs)
                self.runnable -= threads
                self._arm()
                return

    def dispatch(self, wakeups: float) -> float:
        """Seconds that a process which wakes ``wakeups`` times from here on waits for its time slices."""
        return wakeups * self._share()[4]

    def busyness(self, window_s: float) -> float:
        """Occupied share of the host over the last ``window_s`` seconds or more, as it was when last looked at."""
        self._advance()
        since, busy_s, _ = self._window
        if self.env.now - since >= window_s:
            self._window = (self.env.now, self.busy_s, (self.busy_s - busy_s) / (self.env.now - since))
        return self._window[2]

    def settle(self) -> None:
        """Bring the books up to the present."""
        self._advance()

    def _share(self) -> tuple[float, float, float, float, float]:
        known = self._shares[self.throttled]
        while len(known) <= self.runnable:
            known.append(self.cpu.share(len(known), throttled=self.throttled))
        return known[self.runnable]

    def _advance(self) -> None:
        elapsed = self.env.now - self._since
        if elapsed > 0.0:
            share, _, busy, gained, _ = self._share()
            self._attained += elapsed * share
            self.busy_s += elapsed * busy
            self._since = self.env.now
            if self.cpu.credits is not None:
                # What is used up at this instant may round to less than nothing.
                self.credits = max(0.0, min(self.cpu.credits.most, self.credits + elapsed * gained))
                if self.credits > 0.0:
                    self.throttled = False

    def _arm(self) -> None:
        """Wake at the next completion, or when the credits run out; a timer set before counts no more."""
        self._timer = None
        if not self._jobs:
            return
        _, seconds, _, gained, _ = self._share()
        wait = max(0.0, self._jobs[0][0] - self._attained) * seconds
        self._timer_is_exhaustion = gained < 0.0 and self.credits / -gained < wait
        if self._timer_is_exhaustion:
            wait = self.credits / -gained
        self._timer = self.env.timeout(wait)
        self._timer.callbacks.append(self._wake)

    def _wake(self, timer: simpy.Event) -> None:
        if timer is not self._timer:
            return
        self._advance()
        if self._timer_is_exhaustion:
            self.credits, self.throttled = 0.0, True
        else:
            reached = self._attained + TOLERANCE * (1.0 + self._attained + self.env.now * self._share()[0])
            while self._jobs and self._jobs[0][0] <= reached:
                _, _, threads, done = heapq.heappop(self._jobs)
                self.runnable -= threads
                done.succeed()
        self._arm()


class Pipe:
    """What a volume gives in turn: ``rate`` units a second, or more while a token bucket lasts."""

    def __init__(self, rate: float, burst: Burst | None) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst.at_start if burst else 0.0
        self.free_at = 0.0

    def take(self, now: float, amount: float) -> float:
        """Reserve the pipe for ``amount`` units; when that begins. ``free_at`` is when it ends."""
        start = max(now, self.free_at)
        if self.burst is None:
            self.free_at = start + amount / self.rate
        else:
            self._fill(start)
            self.free_at, self.tokens = in_python(serve)(amount, start, self.rate, self.burst.rate, self.tokens)
        return start

    def spend(self, now: float, amount: float) -> None:
        """Take tokens for what does not wait its turn."""
        if self.burst is not None:
            self._fill(max(now, self.free_at))
            self.tokens = max(0.0, self.tokens - amount)

    def _fill(self, until: float) -> None:
        """The tokens that have come in while the pipe was free."""
        if self.burst is not None:
            self.tokens = min(self.burst.most, self.tokens + (until - self.free_at) * self.rate)
            self.free_at = until


class Volume:
    """The database's disk: operations leave at its IOPS and bytes, one after the other; each read has its latency."""

    def __init__(self, env: simpy.Environment, disk: Disk) -> None:
        self.env = env
        self.disk = disk
        self.reads = 0.0
        self.writes = 0.0
        self.stalled_until = 0.0
        self._operations = Pipe(disk.iops, disk.iops_burst)
        self._bytes = Pipe(disk.bytes_per_s, disk.bytes_burst)

    def read(self, pages: float, factor: float = 1.0) -> simpy.Event:
        """An event that succeeds when a backend has read ``pages`` pages, one after the other.

        ``factor`` is their latency over the disk's mean.
        """
        self.reads += pages
        start = self._take(pages)
        end = max(self._operations.free_at, start + pages * self.disk.read_latency_s * factor)
        return self.env.timeout(max(end, self._bytes.free_at) - self.env.now)

    def write(self, pages: float) -> None:
        """The checkpointer writes so many pages: nobody waits for them, but they take their turn."""
        self.writes += pages
        self._take(pages)

    def flush(self, wal_bytes: float) -> float:
        """Seconds that a flush of WAL takes, but for the disk's own spread: writes go beside the reads."""
        self._operations.spend(self.env.now, 1.0)
        self._bytes.spend(self.env.now, wal_bytes)
        return wal_bytes / self.disk.write_bytes_per_s + max(0.0, self.stalled_until - self.env.now)

    def sync(self, seconds: float) -> None:
        """A checkpoint's fsync keeps the disk to itself."""
        for pipe in (self._operations, self._bytes):
            pipe.free_at = max(self.env.now, pipe.free_at) + seconds
        self.stalled_until = self.env.now + seconds

    def _take(self, pages: float) -> float:
        self._bytes.take(self.env.now, pages * PAGE_BYTES)
        return self._operations.take(self.env.now, pages)


class WalWriter:
    """Group commit: commits that come during a flush wait and share the next one."""

    def __init__(self, env: simpy.Environment, volume: Volume) -> None:
        self.env = env
        self.volume = volume
        self.flushes = 0
        self._flushing = False
        self._waiting: list[simpy.Event] = []
        self._bytes = 0.0
        self._factor = 1.0

    def commit(self, wal_bytes: float, flush_factor: float) -> simpy.Event:
        """An event that succeeds when this commit's WAL is on disk."""
        if not self._waiting:
            self._factor = flush_factor
        durable = self.env.event()
        self._waiting.append(durable)
        self._bytes += wal_bytes
        if not self._flushing:
            self.env.process(self._flush())
            self._flushing = True
        return durable

    def _flush(self) -> Process:
        while self._waiting:
            group, seconds = self._waiting, self.volume.flush(self._bytes)
            seconds += self.volume.disk.flush_latency_s * self._factor
            self._waiting, self._bytes = [], 0.0
            self.flushes += 1
            yield self.env.timeout(seconds)
            for durable in group:
                durable.succeed()
        self._flushing = False


class WorkerPool:
    """A node's HTTP workers: each serves one request at a time, ends now and then, and the next one starts cold."""

    def __init__(self, env: simpy.Environment, workers: int, life: WorkerLife, all_new: bool = False) -> None:
        self.env = env
        self.life = life
        self.recycled = 0
        self._places = simpy.Resource(env, workers)
        self._idle = deque(range(workers))
        self._served = [0 if all_new else life.served_at_start] * workers
        self._new = set(range(workers)) if all_new else set()

    @property
    def queued(self) -> int:
        """Connections in the accept queue."""
        return len(self._places.queue)

    @property
    def connections(self) -> int:
        """Connections in the accept queue and at workers."""
        return self.queued + self._places.count

    def enter(self) -> simpy.resources.resource.Request:
        """An event that succeeds when a worker is free for this connection."""
        return self._places.request()

    def start(self) -> tuple[int, bool]:
        """The worker that takes the connection, the one that was idle longest; and whether it is its first."""
        worker = self._idle.popleft()
        is_new = worker in self._new
        self._new.discard(worker)
        return worker, is_new

    def leave(self, worker: int, place: simpy.resources.resource.Request) -> None:
        """The worker is idle again, or ends because it has served its number of requests."""
        self._served[worker] += 1
        if self.life.recycle_after and self._served[worker] >= self.life.recycle_after:
            self.recycled += 1
            self.replace(worker, place)
        else:
            self._idle.append(worker)
            self._places.release(place)

    def replace(self, worker: int, place: simpy.resources.resource.Request) -> None:
        """The worker has ended; a new one comes in its place."""

        def begin(_: simpy.Event) -> None:
            self._served[worker] = 0
            self._new.add(worker)
            self._idle.append(worker)
            self._places.release(place)

        self.env.timeout(self.life.respawn_s).callbacks.append(begin)
