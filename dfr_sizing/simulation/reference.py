"""The reference engine: the request path of an Odoo deployment as SimPy processes, written to be read.

A request reaches an application node, waits in its accept queue for a free HTTP worker and holds the worker to the
end. The worker computes in Python and asks PostgreSQL in turns; a statement takes database CPU (a scan on several
processes at once) and reads the pages that are not cached; a commit waits for a WAL flush that it shares with the
commits beside it. Then the answer goes out and the worker takes the next request.

Things go wrong as they do in life: connections are dropped when the queue is full, clients come late or lose patience
and try again, workers end and start cold, a node stops and comes back. What hosts, disk and workers do is in
``devices``. Everything random was drawn before (``Requests``): this module is a function of its input alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial

import numpy as np
import simpy

from dfr_sizing.simulation.devices import Process, SharedCpu, Volume, WalWriter, WorkerPool
from dfr_sizing.simulation.system import (
    CHECKPOINT_STEP_S,
    Balancing,
    Checkpoints,
    FloatArray,
    Outage,
    Requests,
    System,
    Trace,
    WorkerLife,
)

RECONNECT_AFTER_S = (1.0, 2.0, 4.0)
"""Waits before a dropped connection is tried again: TCP SYN retransmission (RFC 6298; seen on the reference server)."""

LATE_CLIENT_S = 2.0
"""How long a worker waits for the request of a connection that it took (socket time-out of odoo/service/server.py)."""

NOBODY = -1
NO_MARKS: FloatArray = np.empty(0)


class Deployment:
    """The hosts, workers and database of one System, and the requests that pass through them.

    A request is a row of Requests. Its attempts are numbered apart: attempt k of request i is ``i + k x requests``, and
    ``waited_for[i]`` is the one that its client waits for.
    """

    def __init__(self, env: simpy.Environment, system: System, requests: Requests) -> None:
        self.env = env
        self.system = system
        self.life = system.worker_life
        self.cpus = [SharedCpu(env, cpu) for cpu in system.cpus]
        self.node_cpus = [self.cpus[i] for i in system.node_cpu]
        self.database_cpu = self.cpus[system.database_cpu]
        self.client_cpu = None if system.client_cpu is None else self.cpus[system.client_cpu]
        self.volume = Volume(env, system.disk)
        self.wal = WalWriter(env, self.volume)
        self.free_parallel = system.parallel_pool
        self.pools = [self._http_workers() for _ in system.node_cpu]
        self.cron = [self._cron_workers() for _ in system.node_cpu]
        self.is_up = [True] * system.nodes
        self.left_out = [False] * system.nodes
        self.on_node: list[set[int]] = [set() for _ in system.node_cpu]
        self.held_since: dict[int, float] = {}
        self.computing: dict[int, simpy.Event] = {}
        self._turn = 0
        self._read(requests)
        self._open_books(len(requests))

    def _read(self, requests: Requests) -> None:
        """Plain lists: a NumPy scalar costs several times a Python float, and there is one access a step."""
        n = len(requests)
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
        self.think_s = requests.think_s.tolist()
        self.late_s = requests.late_s.tolist() or [0.0] * n
        self.reach = requests.reach.tolist() or [1.0] * n
        self.read_factor = requests.read_factor.tolist() or [1.0] * n

    def _open_books(self, n: int) -> None:
        self.requests = n
        self.to_end = n
        self.next_rows: Iterator[int] = iter(())
        self.sent = [np.nan] * n
        self.ended = [np.nan] * n
        self.failed = [False] * n
        self.worker_wait = [np.nan] * n
        self.waited_for = [NOBODY] * n
        self.wait_of_attempt = [np.nan] * (n * self.system.attempts)
        self.is_lost = [False] * (n * self.system.attempts)
        self.worker_busy_s = self.present_s = self._present_since = 0.0
        self._present = self.timeouts = self.killed = self.recycled = self.lost = 0

    def _http_workers(self, all_new: bool = False) -> WorkerPool:
        return WorkerPool(self.env, self.system.workers_per_node, self.life, all_new)

    def _cron_workers(self) -> WorkerPool:
        return WorkerPool(self.env, self.system.cron_per_node, WorkerLife())

    def mark(self, busy_s: FloatArray, _: simpy.Event) -> None:
        """Note how much each host has done up to now."""
        for host, cpu in enumerate(self.cpus):
            cpu.settle()
            busy_s[host] = cpu.busy_s

    # --- clients

    def send(self, row: int) -> None:
        """A client sends a request, or tries once more."""
        self.env.process(self._attempt(row))

    def next_user(self) -> None:
        """A closed user takes the next row, thinks and sends."""
        row = next(self.next_rows, None)
        if row is not None:
            self.env.timeout(self.think_s[row]).callbacks.append(lambda _: self.send(row))

    def _attempt(self, row: int) -> Process:
        """One attempt from the client's first byte to its answer."""
        number = row % self.requests
        if row == number:
            self.sent[number] = self.env.now
            self.waited_for[number] = row
            self._count_present(+1)
        if self.system.patience is not None and not self.background[number]:
            patience = self.env.timeout(self.system.patience.timeout_s)
            patience.callbacks.append(lambda _: self._give_up(row))
        if self.client_cpu is not None:
            yield self.client_cpu.work(self.client_cpu_s[number] / 2)
        served = yield from self._through_worker(row, self._balance())
        if served and self.waited_for[number] == row:
            if self.client_cpu is not None:
                yield self.client_cpu.work(self.client_cpu_s[number] / 2)
            if self.waited_for[number] == row:
                self.worker_wait[number] = self.wait_of_attempt[row]
                self._end(number)

    def _give_up(self, row: int) -> None:
        """The client's patience is at an end, if it still waits for this attempt."""
        if self.waited_for[row % self.requests] == row:
            self.timeouts += 1
            self._drop(row)

    def _drop(self, row: int) -> None:
        """The attempt has failed: the client, if it still waits for it, tries again or has failed."""
        number = row % self.requests
        if self.waited_for[number] != row:
            return
        if self.system.patience is not None and row + self.requests < len(self.is_lost):
            self.waited_for[number] = row + self.requests
            again = self.env.timeout(self.system.patience.retry_after_s)
            again.callbacks.append(lambda _: self.send(row + self.requests))
        else:
            self.failed[number] = True
            self._end(number)

    def _end(self, number: int) -> None:
        """The client has its answer or gives up for good."""
        self.waited_for[number] = NOBODY
        self.ended[number] = self.env.now
        self.to_end -= 1
        self._count_present(-1)
        self.next_user()

    def _count_present(self, change: int) -> None:
        self.present_s += self._present * (self.env.now - self._present_since)
        self._present_since = self.env.now
        self._present += change

    # --- nodes and workers

    def _balance(self) -> int:
        """The node for a new connection; ties in turn, as HAProxy's leastconn does. NOBODY if all are left out."""
        n = self.system.nodes
        open_nodes = [node for i in range(1, n + 1) if not self.left_out[node := (self._turn + i) % n]]
        if not open_nodes:
            return NOBODY
        self._turn = open_nodes[0]
        if self.system.balancing is Balancing.ROUND_ROBIN:
            return open_nodes[0]
        return min(open_nodes, key=lambda node: self.pools[node].connections)

    def _through_worker(self, row: int, node: int) -> Process:
        """Connect, wait in the accept queue, and be served by a worker; whether it was."""
        is_cron = self.background[row % self.requests]
        if not (yield from self._connect(row, node, is_cron)):
            return False
        pool = (self.cron if is_cron else self.pools)[node]
        self.on_node[node].add(row)
        place = pool.enter()
        yield place
        if self.is_lost[row]:
            return False
        worker, is_new = pool.start()
        self.wait_of_attempt[row] = self.env.now - self.sent[row % self.requests]
        if not is_cron:
            self.held_since[row] = self.env.now
            if self.life.limit_time_real_s < float("inf"):
                limit = self.env.timeout(self.life.limit_time_real_s)
                limit.callbacks.append(lambda _: self._kill(row, node, pool, worker, place))
        served = True
        with closing(self._hold(row, node, is_new)) as steps:
            for event in steps:
                if served := event is not None:
                    yield event
                if self.is_lost[row]:
                    return False
        self.on_node[node].remove(row)
        self.computing.pop(row, None)
        self._stop_clock(row)
        pool.leave(worker, place)
        if not served:
            self._drop(row)
        return served

    def _connect(self, row: int, node: int, is_cron: bool) -> Process:
        """Find room in the node's accept queue; whether there was any."""
        for reconnect in (*RECONNECT_AFTER_S, None):
            if node == NOBODY or not self.is_up[node]:
                break
            # The kernel completes one connection more than the backlog (Linux: sk_acceptq_is_full).
            if is_cron or self.pools[node].queued <= self.system.backlog:
                return True
            if reconnect is not None:
                yield self.env.timeout(reconnect)
                if self.waited_for[row % self.requests] != row:
                    return False
        self._drop(row)
        return False

    def _stop_clock(self, row: int) -> None:
        if row in self.held_since:
            self.worker_busy_s += self.env.now - self.held_since.pop(row)

    def _kill(
        self, row: int, node: int, pool: WorkerPool, worker: int, place: simpy.resources.resource.Request
    ) -> None:
        """The request has held its worker for limit_time_real: Odoo kills the worker."""
        if row in self.held_since:
            self.killed += 1
            self.is_lost[row] = True
            self.on_node[node].remove(row)
            self._stop_clock(row)
            pool.replace(worker, place)
            self.node_cpus[node].stop(self.computing.pop(row, None))
            self._drop(row)

    def outage(self, outage: Outage) -> Process:
        """A node stops, the balancer sees it, the node comes back with new workers."""
        node, seen_after, back_after = outage.node, outage.seen_after_s, outage.back_after_s
        yield self.env.timeout(outage.at_s)
        self._stop(node)
        if seen_after < back_after:
            yield self.env.timeout(seen_after)
            self.left_out[node] = True
            back_after -= seen_after
        yield self.env.timeout(back_after)
        self.is_up[node], self.left_out[node] = True, False

    def _stop(self, node: int) -> None:
        """All that is under way on a node is lost; its clients see the connection break."""
        self.is_up[node] = False
        rows, self.on_node[node] = sorted(self.on_node[node]), set()
        self.recycled += self.pools[node].recycled
        self.pools[node], self.cron[node] = self._http_workers(all_new=True), self._cron_workers()
        for row in rows:
            self.lost += 1
            self.is_lost[row] = True
            self._stop_clock(row)
            self.node_cpus[node].stop(self.computing.pop(row, None))
            self._drop(row)

    # --- what a worker does

    def _hold(self, row: int, node: int, is_new: bool) -> Generator[simpy.Event | None]:
        """All that a worker waits for while it has a request; None if the client did not send it in time.

        An iterator, not a process: whoever runs it stops where the request is lost under way.
        """
        number, cpu = row % self.requests, self.node_cpus[node]
        if not self.background[number] and (late := self.late_s[number]) > 0.0:
            yield self.env.timeout(min(late, LATE_CLIENT_S))
            if late > LATE_CLIENT_S:
                yield None
                return
        python, sql = self._demand(number, cpu)
        if is_new and self.life.first_extra_s > 0.0:
            yield self._compute(row, cpu, self.life.first_extra_s)
        if self.rounds[number]:
            yield from self._rounds(row, cpu, python, sql)
        yield self._compute(row, cpu, python)
        if self.wal_bytes[number] > 0.0:
            yield self.wal.commit(self.wal_bytes[number], self.flush_factor[number])

    def _compute(self, row: int, cpu: SharedCpu, seconds: float) -> simpy.Event:
        """Work of the worker itself, which ends with it."""
        self.computing[row] = cpu.work(seconds)
        return self.computing[row]

    def _demand(self, number: int, cpu: SharedCpu) -> tuple[float, float]:
        """Seconds of Python and of SQL in one round, as they cost on hosts so busy."""
        rounds, idle = self.rounds[number], self.system.idle_cost
        python, sql = self.app_cpu_s[number] / (rounds + 1), self.database_cpu_s[number] / max(rounds, 1)
        if idle is not None:
            slope = idle.slope * self.reach[number]
            python *= idle.app_factor + slope * (1.0 - min(1.0, cpu.busyness(idle.window_s)))
            sql *= idle.database_factor + slope * (1.0 - min(1.0, self.database_cpu.busyness(idle.window_s)))
        return python, sql

    def _rounds(self, row: int, cpu: SharedCpu, python: float, sql: float) -> Iterator[simpy.Event]:
        """Python and SQL in turns."""
        number = row % self.requests
        rounds = self.rounds[number]
        pages = self.reads[number] / rounds
        wakeups = self.statements[number] / rounds
        on_the_wire = wakeups * self.system.round_trip_s
        for _ in range(rounds):
            if (delay := cpu.dispatch(wakeups)) > 0.0:
                yield self.env.timeout(delay)
            yield self._compute(row, cpu, python)
            if (delay := on_the_wire + self.database_cpu.dispatch(wakeups)) > 0.0:
                yield self.env.timeout(delay)
            helpers = min(self.threads[number] - 1, self.free_parallel)
            self.free_parallel -= helpers
            try:
                yield self.database_cpu.work(sql, 1 + helpers)
            finally:  # a statement whose worker is lost goes on to its end
                self.free_parallel += helpers
            if pages > 0.0:
                yield self.volume.read(pages, self.read_factor[number])

    def checkpoints(self, checkpoints: Checkpoints) -> Process:
        """The checkpointer: writes in even steps, then the fsync, and again, as long as requests come."""
        while self.to_end > 0:
            for _ in range(checkpoints.steps):
                yield self.env.timeout(CHECKPOINT_STEP_S)
                self.volume.write(checkpoints.writes / checkpoints.steps)
            self.volume.sync(checkpoints.sync_s)
            yield self.env.timeout(checkpoints.rest_s)


def simulate_open(system: System, requests: Requests, until_s: float, marks_s: FloatArray = NO_MARKS) -> Trace:
    """Run open arrivals (``requests.arrival_s``, sorted) until ``until_s`` seconds.

    At ``marks_s`` (seconds, sorted) it is noted how much each host has done.
    """
    env = simpy.Environment()
    deployment = Deployment(env, system, requests)

    def arrivals() -> Process:
        for row, at in enumerate(requests.arrival_s.tolist()):
            yield env.timeout(max(0.0, at - env.now))
            deployment.send(row)

    env.process(arrivals())
    return _run(env, deployment, until_s, marks_s)


def simulate_closed(system: System, requests: Requests, users: int, until_s: float = float("inf")) -> Trace:
    """Run ``users`` who think, send and wait for the answer, until ``until_s`` or, by default, the rows' end."""
    env = simpy.Environment()
    deployment = Deployment(env, system, requests)
    deployment.next_rows = iter(range(len(requests)))
    for _ in range(users):
        deployment.next_user()
    return _run(env, deployment, until_s, NO_MARKS)


def _run(env: simpy.Environment, deployment: Deployment, until_s: float, marks_s: FloatArray) -> Trace:
    for outage in deployment.system.outages:
        env.process(deployment.outage(outage))
    if deployment.system.checkpoints is not None:
        env.process(deployment.checkpoints(deployment.system.checkpoints))
    marked = np.full((len(marks_s), len(deployment.cpus)), np.nan)
    for at, busy_s in zip(marks_s.tolist(), marked, strict=True):
        env.timeout(at).callbacks.append(partial(deployment.mark, busy_s))
    env.run(until=None if until_s == float("inf") else until_s)
    for cpu in deployment.cpus:
        cpu.settle()
    deployment._count_present(0)  # noqa: SLF001
    ended, failed = np.array(deployment.ended), np.array(deployment.failed, dtype=bool)
    return Trace(
        sent_s=np.array(deployment.sent),
        answered_s=np.where(failed, np.nan, ended),
        ended_s=ended,
        worker_wait_s=np.array(deployment.worker_wait),
        failed=failed,
        worker_busy_s=deployment.worker_busy_s + sum(env.now - taken for taken in deployment.held_since.values()),
        cpu_busy_s=np.array([cpu.busy_s for cpu in deployment.cpus]),
        cpu_busy_at_marks_s=marked,
        disk_reads=deployment.volume.reads,
        disk_writes=deployment.volume.writes,
        wal_flushes=deployment.wal.flushes,
        present_s=deployment.present_s,
        timeouts=deployment.timeouts,
        killed=deployment.killed,
        recycled=deployment.recycled + sum(pool.recycled for pool in deployment.pools),
        lost=deployment.lost,
        until_s=until_s if until_s < float("inf") else last_end(ended),
    )


def last_end(ended_s: FloatArray) -> float:
    """When the last request ended: the end of a run that lasts until nothing is left to do; 0 if none came."""
    return float(np.nanmax(ended_s, initial=0.0))
