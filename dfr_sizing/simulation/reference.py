"""The reference engine: the request path of an Odoo deployment as SimPy processes, written to be read.

A request reaches an application node, waits in its accept queue for a free HTTP worker and holds the worker to the
end. The worker computes in Python and asks PostgreSQL in turns; a statement takes database CPU (a scan on several
processes at once) and reads the pages that are not cached; a commit waits for a WAL flush that it shares with the
commits beside it. Then the answer goes out and the worker takes the next request.

Everything random was drawn before (``Requests``): this module is a function of its input alone. Processor sharing is
kept in attained service (each runnable thread has attained the same), so that a completion costs O(log n); see
Kleinrock, Queueing Systems II (1976), section 4.4.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from dfr_sizing.simulation.system import Cpu, Disk, FloatArray, Requests, System, Trace

RECONNECT_AFTER_S = (1.0, 2.0, 4.0)
"""Waits before a dropped connection is tried again: TCP SYN retransmission (RFC 6298; seen on the reference server)."""

TOLERANCE = 1e-12
"""A job counts as done when it is this near to its end, relative to what the host attained and to the clock: both are
sums of many floats, and the clock's own step may be coarser than a short job."""

Process = Generator[simpy.Event, Any, None]


class SharedCpu:
    """A host's CPU: ``yield cpu.work(0.004)`` takes 4 ms of reference CPU at an equal share of the host."""

    def __init__(self, env: simpy.Environment, cpu: Cpu) -> None:
        self.env = env
        self.cpu = cpu
        self.runnable = 0
        self.busy_s = 0.0
        self._attained = 0.0
        self._share = 0.0
        self._since = env.now
        self._full = cpu.full_capacity
        self._shares = [0.0]
        self._jobs: list[tuple[float, int, int, simpy.Event]] = []
        self._count = 0
        self._timer: simpy.Timeout | None = None

    def work(self, seconds: float, threads: int = 1) -> simpy.Event:
        """An event that succeeds when ``threads`` processes have done ``seconds`` of work between them."""
        done = self.env.event()
        self._advance()
        self._count += 1
        heapq.heappush(self._jobs, (self._attained + seconds / threads, self._count, threads, done))
        self._set_runnable(self.runnable + threads)
        self._arm()
        return done

    def dispatch(self, wakeups: float) -> float:
        """Seconds that a process which wakes ``wakeups`` times from here on waits for its time slices."""
        return wakeups * self.cpu.dispatch_delay(self.runnable) if self.cpu.dispatch_s else 0.0

    def settle(self) -> None:
        """Bring the books up to the present."""
        self._advance()

    def _set_runnable(self, runnable: int) -> None:
        while len(self._shares) <= runnable:
            n = len(self._shares)
            self._shares.append(self.cpu.capacity(n) / n)
        self.runnable = runnable
        self._share = self._shares[runnable]

    def _advance(self) -> None:
        elapsed = self.env.now - self._since
        if elapsed > 0.0:
            self._attained += elapsed * self._share
            self.busy_s += elapsed * self._share * self.runnable / self._full
            self._since = self.env.now

    def _arm(self) -> None:
        """Wake at the next completion; a timer set before counts no more."""
        self._timer = None
        if self._jobs:
            left = max(0.0, self._jobs[0][0] - self._attained)
            self._timer = self.env.timeout(left / self._share)
            self._timer.callbacks.append(self._wake)

    def _wake(self, timer: simpy.Event) -> None:
        if timer is not self._timer:
            return
        self._advance()
        reached = self._attained + TOLERANCE * (1.0 + self._attained + self.env.now * self._share)
        while self._jobs and self._jobs[0][0] <= reached:
            _, _, threads, done = heapq.heappop(self._jobs)
            self._set_runnable(self.runnable - threads)
            done.succeed()
        self._arm()


class Volume:
    """The database's disk: reads leave at its IOPS, one after the other; each takes its latency."""

    def __init__(self, env: simpy.Environment, disk: Disk) -> None:
        self.env = env
        self.disk = disk
        self.reads = 0.0
        self._free_at = 0.0

    def read(self, pages: float) -> simpy.Event:
        """An event that succeeds when a backend has read ``pages`` pages, one after the other."""
        start = max(self.env.now, self._free_at)
        self._free_at = start + pages / self.disk.iops
        self.reads += pages
        return self.env.timeout(max(self._free_at, start + pages * self.disk.read_latency_s) - self.env.now)


class WalWriter:
    """Group commit: commits that come during a flush wait and share the next one."""

    def __init__(self, env: simpy.Environment, disk: Disk) -> None:
        self.env = env
        self.disk = disk
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
            group, seconds = self._waiting, self._bytes / self.disk.write_bytes_per_s
            seconds += self.disk.flush_latency_s * self._factor
            self._waiting, self._bytes = [], 0.0
            self.flushes += 1
            yield self.env.timeout(seconds)
            for durable in group:
                durable.succeed()
        self._flushing = False


class Deployment:
    """The hosts, workers and database of one System, and the requests that pass through them."""

    def __init__(self, env: simpy.Environment, system: System, requests: Requests) -> None:
        self.env = env
        self.system = system
        self.cpus = [SharedCpu(env, cpu) for cpu in system.cpus]
        self.workers = [simpy.Resource(env, system.workers_per_node) for _ in system.node_cpu]
        self.cron = [simpy.Resource(env, system.cron_per_node) for _ in system.node_cpu]
        self.node_cpus = [self.cpus[i] for i in system.node_cpu]
        self.database_cpu = self.cpus[system.database_cpu]
        self.client_cpu = None if system.client_cpu is None else self.cpus[system.client_cpu]
        self.volume = Volume(env, system.disk)
        self.wal = WalWriter(env, system.disk)
        self.free_parallel = system.parallel_pool
        self.worker_busy_s = 0.0
        self.held_since: dict[int, float] = {}
        self._turn = 0
        n = len(requests)
        # Plain lists: a NumPy scalar costs several times a Python float, and there is one access a step.
        self.app_cpu_s = requests.app_cpu_s.tolist()
        self.database_cpu_s = requests.database_cpu_s.tolist()
        self.client_cpu_s = requests.client_cpu_s.tolist()
        self.rounds = requests.rounds.tolist()
        self.threads = requests.threads.tolist()
        self.reads = requests.reads.tolist()
        self.wal_bytes = requests.wal_bytes.tolist()
        self.flush_factor = requests.flush_factor.tolist()
        self.statements = requests.statements.tolist()
        self.background = requests.background.tolist()
        self.sent = [np.nan] * n
        self.answered = [np.nan] * n
        self.worker_wait = [np.nan] * n
        self.failed = [False] * n

    def request(self, row: int) -> Process:
        """One request from the client's first byte to its answer."""
        self.sent[row] = self.env.now
        if self.client_cpu is not None:
            yield self.client_cpu.work(self.client_cpu_s[row] / 2)
        node = self._balance()
        if self.background[row]:
            with self.cron[node].request() as held:
                yield held
                self.worker_wait[row] = self.env.now - self.sent[row]
                yield from self._serve(row, self.node_cpus[node])
        else:
            yield from self._through_worker(row, node)
            if self.failed[row]:
                return
        if self.client_cpu is not None:
            yield self.client_cpu.work(self.client_cpu_s[row] / 2)
        self.answered[row] = self.env.now

    def _through_worker(self, row: int, node: int) -> Process:
        """Connect, wait in the accept queue, and be served by an HTTP worker."""
        workers = self.workers[node]
        for reconnect in (*RECONNECT_AFTER_S, None):
            # The kernel completes one connection more than the backlog (Linux: sk_acceptq_is_full).
            if len(workers.queue) <= self.system.backlog:
                break
            if reconnect is None:
                self.failed[row] = True
                return
            yield self.env.timeout(reconnect)
        with workers.request() as held:
            yield held
            self.held_since[row] = self.env.now
            self.worker_wait[row] = self.env.now - self.sent[row]
            yield from self._serve(row, self.node_cpus[node])
            self.worker_busy_s += self.env.now - self.held_since.pop(row)

    def _balance(self) -> int:
        """Least connections; ties in turn, as HAProxy's leastconn does."""
        n = self.system.nodes
        if n == 1:
            return 0
        self._turn += 1
        turn = ((i + self._turn) % n for i in range(n))
        return min(turn, key=lambda i: self.workers[i].count + len(self.workers[i].queue))

    def _serve(self, row: int, cpu: SharedCpu) -> Process:
        """What a worker does with a request: compute, ask the database, and so on, then commit."""
        rounds = self.rounds[row]
        python = self.app_cpu_s[row] / (rounds + 1)
        sql = self.database_cpu_s[row] / rounds
        pages = self.reads[row] / rounds
        wakeups = self.statements[row] / rounds
        on_the_wire = wakeups * self.system.round_trip_s
        for _ in range(rounds):
            if (delay := cpu.dispatch(wakeups)) > 0.0:
                yield self.env.timeout(delay)
            yield cpu.work(python)
            if (delay := on_the_wire + self.database_cpu.dispatch(wakeups)) > 0.0:
                yield self.env.timeout(delay)
            yield from self._statement(sql, self.threads[row], pages)
        yield cpu.work(python)
        if self.wal_bytes[row] > 0.0:
            yield self.wal.commit(self.wal_bytes[row], self.flush_factor[row])

    def _statement(self, seconds: float, threads: int, pages: float) -> Process:
        """A statement in PostgreSQL: CPU on as many processes as it gets, then the pages that were not cached."""
        helpers = min(threads - 1, self.free_parallel)
        self.free_parallel -= helpers
        yield self.database_cpu.work(seconds, 1 + helpers)
        self.free_parallel += helpers
        if pages > 0.0:
            yield self.volume.read(pages)


def simulate_open(system: System, requests: Requests, until_s: float) -> Trace:
    """Run open arrivals (``requests.arrival_s``, sorted) until ``until_s`` seconds."""
    env = simpy.Environment()
    deployment = Deployment(env, system, requests)

    def arrivals() -> Process:
        for row, at in enumerate(requests.arrival_s.tolist()):
            yield env.timeout(max(0.0, at - env.now))
            env.process(deployment.request(row))

    env.process(arrivals())
    return _run(env, deployment, until_s)


def simulate_closed(system: System, requests: Requests, users: int, until_s: float = float("inf")) -> Trace:
    """Run ``users`` who think, send and wait for the answer, until ``until_s`` or, by default, the rows' end."""
    env = simpy.Environment()
    deployment = Deployment(env, system, requests)
    rows = iter(range(len(requests)))
    think = requests.think_s.tolist()

    def user() -> Process:
        for row in rows:
            yield env.timeout(think[row])
            yield from deployment.request(row)

    for _ in range(users):
        env.process(user())
    return _run(env, deployment, until_s)


def _run(env: simpy.Environment, deployment: Deployment, until_s: float) -> Trace:
    env.run(until=None if until_s == float("inf") else until_s)
    for cpu in deployment.cpus:
        cpu.settle()
    return Trace(
        sent_s=np.array(deployment.sent),
        answered_s=np.array(deployment.answered),
        worker_wait_s=np.array(deployment.worker_wait),
        failed=np.array(deployment.failed, dtype=bool),
        worker_busy_s=deployment.worker_busy_s + sum(env.now - taken for taken in deployment.held_since.values()),
        cpu_busy_s=np.array([cpu.busy_s for cpu in deployment.cpus]),
        disk_reads=deployment.volume.reads,
        wal_flushes=deployment.wal.flushes,
        until_s=until_s if until_s < float("inf") else last_answer(np.array(deployment.answered)),
    )


def last_answer(answered_s: FloatArray) -> float:
    """When the last answer came: the end of a run that lasts until nothing is left to do; 0 if none came."""
    return float(np.nanmax(answered_s, initial=0.0))
