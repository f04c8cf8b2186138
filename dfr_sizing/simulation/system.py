"""What is simulated: hosts, workers, database, disk, and the requests they get. Plain values, no behaviour in time.

Seconds, bytes and cores throughout. Work is given in seconds of the model's reference CPU; a host's ``speed`` says how
much of it one of its cores does in a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processors of one host, shared equally by the threads that want to run (processor sharing).

    ``smt_gain`` (g, 1.0 to about 1.17) is what all the second threads of a host bring: n runnable threads get
    ``min(n, cores) + (g - 1) x (threads beyond the cores)`` cores' worth of work, up to all hardware threads.
    ``dispatch_s`` is what a woken process waits for its turn, for each process too many per hardware thread: pure
    processor sharing leaves this out, and requests with many statements are then too fast on a full host. It also
    waits, by a share of up to ``misplaced``, because the kernel puts it on a busy core and overlooks an idle one.
    """

    cores: float
    speed: float = 1.0
    threads_per_core: int = 1
    smt_gain: float = 1.0
    dispatch_s: float = 0.0
    misplaced: float = 0.0

    def capacity(self, runnable: float) -> float:
        """Reference-CPU seconds done per second when ``runnable`` threads want to run."""
        on_own_core = min(runnable, self.cores)
        on_second_thread = min(max(runnable - self.cores, 0.0), self.cores * (self.threads_per_core - 1))
        return self.speed * (on_own_core + (self.smt_gain - 1.0) * on_second_thread)

    def dispatch_delay(self, runnable: int) -> float:
        """Seconds a process that wakes beside ``runnable`` others waits before its first time slice."""
        hardware_threads = self.cores * self.threads_per_core
        queued = max(0.0, runnable + 1 - hardware_threads) / hardware_threads
        # An idle core is overlooked as often as all would be busy if each were so by itself: rare on a large host.
        overlooked: float = (min(runnable, hardware_threads) / hardware_threads) ** hardware_threads
        return self.dispatch_s * (queued + self.misplaced * overlooked)

    @property
    def full_capacity(self) -> float:
        """Reference-CPU seconds per second with every hardware thread busy."""
        return self.capacity(self.cores * self.threads_per_core)


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume: a pipe of ``iops`` operations a second, each with its own latency; and WAL flushes beside it."""

    iops: float
    read_latency_s: float
    flush_latency_s: float
    write_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class System:
    """One deployment as the simulation sees it.

    ``cpus`` are the hosts; ``node_cpu[i]`` is the host of application node i, ``database_cpu`` that of PostgreSQL and
    ``client_cpu`` that of the load generator, or None where clients bring their own. Several may be one host.
    ``backlog`` is what a node's accept queue holds; Odoo listens with 8 x workers (odoo/service/server.py).
    ``parallel_pool`` is PostgreSQL's max_parallel_workers, ``cron_per_node`` Odoo's max_cron_threads.
    ``round_trip_s`` is the network's, between node and database, once a statement.
    """

    cpus: tuple[Cpu, ...]
    node_cpu: tuple[int, ...]
    database_cpu: int
    workers_per_node: int
    backlog: int
    parallel_pool: int
    disk: Disk
    client_cpu: int | None = None
    cron_per_node: int = 2
    round_trip_s: float = 0.0

    def __post_init__(self) -> None:
        if min(self.workers_per_node, self.cron_per_node, len(self.node_cpu)) < 1:
            raise ValueError("a system needs at least one node, one HTTP worker and one cron worker a node")

    @property
    def nodes(self) -> int:
        """Application nodes."""
        return len(self.node_cpu)


@dataclass(frozen=True, slots=True)
class Requests:
    """All that is random about a stream of requests, drawn before the simulation starts: one row a request.

    Both engines read the same rows in the same order, so one seed gives one sample path. ``arrival_s`` is empty for
    closed users, who take the next row after each answer; ``think_s`` is then how long they wait before they send it.

    ``class_index``: row of ``class_names``. ``app_cpu_s``, ``database_cpu_s``, ``client_cpu_s``: total demand.
    ``rounds``: how often Python and SQL alternate. ``threads``: processes a scan wants, the leader included.
    ``statements``: SQL statements, each of which wakes a backend and then the worker. ``reads``: pages from disk.
    ``wal_bytes``: 0 where nothing is committed. ``flush_factor``: this commit's flush latency over its mean.
    ``background``: run by a cron worker, not an HTTP worker.
    """

    class_names: tuple[str, ...]
    class_index: IntArray
    arrival_s: FloatArray
    think_s: FloatArray
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

    def __post_init__(self) -> None:
        if len(self.rounds) and self.rounds.min() < 1:
            raise ValueError(
                f"rounds must be 1 or more, not {self.rounds.min()}: a request asks the database at least once"
            )

    def __len__(self) -> int:
        return len(self.class_index)

    @property
    def is_open(self) -> bool:
        """Whether requests arrive by themselves, not from closed users."""
        return len(self.arrival_s) > 0


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened: one row a finished request in the order of ``Requests``, and the work done on each host.

    ``sent_s`` is when the client started, ``answered_s`` when it had its answer (NaN: still under way at the end),
    ``worker_wait_s`` the time before a worker took the request (reconnects included), ``failed`` whether the client
    gave up after its last reconnect. ``cpu_busy_s`` is, per host, the integral of occupied capacity over full
    capacity; ``until_s`` the end of the run.
    """

    sent_s: FloatArray
    answered_s: FloatArray
    worker_wait_s: FloatArray
    failed: npt.NDArray[np.bool_]
    worker_busy_s: float
    cpu_busy_s: FloatArray
    disk_reads: float
    wal_flushes: int
    until_s: float
