"""What is simulated: hosts, workers, database, disk, and the requests they get. Plain values, no behaviour in time.

Seconds, bytes and cores throughout. Work is given in seconds of the model's reference CPU; a host's ``speed`` says how
much of it one of its cores does in a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from dfr_sizing.drivers import rule

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


PAGE_BYTES = 8192
"""A page of PostgreSQL (block_size)."""

CHECKPOINT_STEP_S = 0.2
"""A checkpoint's writes go out in steps of this length: the checkpointer naps 0.1 s at a time (PostgreSQL 15)."""

RARELY_OVERLOOKED = rule("simulation.rarely_overlooked")
"""An idle core that is overlooked in fewer wake-ups is left out: each such wait costs the simulation an event."""


@dataclass(frozen=True, slots=True)
class Credits:
    """CPU credits of a burstable host, in vCPU seconds: it earns ``baseline`` a second and holds at most ``most``.

    A host without credits runs at its baseline (AWS: T instances in standard mode; one of its credits is 60 of these).
    """

    baseline: float
    most: float
    at_start: float


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processors of one host, shared equally by the threads that want to run (processor sharing).

    ``smt_gain`` (g, 1.0 to about 1.17) is what all the second threads of a host bring: n runnable threads get
    ``min(n, cores) + (g - 1) x (threads beyond the cores)`` cores' worth of work, up to all hardware threads.
    ``dispatch_s`` is what a woken process waits for its turn, for each process too many per hardware thread: pure
    processor sharing leaves this out, and requests with many statements are then too fast on a full host. Where a core
    is idle, it may be overlooked: who is put on a busy one waits ``misplaced_s``.
    """

    cores: float
    speed: float = 1.0
    threads_per_core: int = 1
    smt_gain: float = 1.0
    dispatch_s: float = 0.0
    misplaced_s: float = 0.0
    credits: Credits | None = None

    def capacity(self, runnable: float) -> float:
        """Reference-CPU seconds done per second when ``runnable`` threads want to run."""
        on_own_core = min(runnable, self.cores)
        on_second_thread = min(max(runnable - self.cores, 0.0), self.cores * (self.threads_per_core - 1))
        return self.speed * (on_own_core + (self.smt_gain - 1.0) * on_second_thread)

    def used(self, runnable: float) -> float:
        """The vCPUs that so many runnable threads keep busy: what a burstable host pays credits for."""
        return min(runnable, self.cores * self.threads_per_core)

    def throttled(self, runnable: float) -> float:
        """What ``capacity`` is when the credits have run out: the baseline's share of it."""
        if self.credits is None or runnable <= 0.0:
            return self.capacity(runnable)
        return self.capacity(runnable) * min(1.0, self.credits.baseline / self.used(runnable))

    def dispatch_delay(self, runnable: int) -> float:
        """Seconds a process that wakes beside ``runnable`` others waits before its first time slice."""
        hardware_threads = self.cores * self.threads_per_core
        if runnable >= hardware_threads:
            return self.dispatch_s * (runnable + 1 - hardware_threads) / hardware_threads
        # An idle core is overlooked as often as all would be busy if each were so by itself: rare on a large host.
        overlooked: float = (runnable / hardware_threads) ** hardware_threads
        return self.misplaced_s * overlooked if overlooked >= RARELY_OVERLOOKED else 0.0

    @property
    def full_capacity(self) -> float:
        """Reference-CPU seconds per second with every hardware thread busy."""
        return self.capacity(self.cores * self.threads_per_core)

    def share(self, runnable: int, *, throttled: bool) -> tuple[float, float, float, float, float]:
        """What ``runnable`` threads mean for each of them and for their host.

        Work done per second by each thread; seconds that a unit of work takes each; the host's occupied share of its
        full capacity; the credits that it gains in a second; and what one more that wakes waits for its turn.
        """
        capacity = self.throttled(runnable) if throttled else self.capacity(runnable)
        share = capacity / runnable if runnable else 0.0
        gained = 0.0
        if self.credits is not None:
            used = self.used(runnable)
            gained = self.credits.baseline - (min(used, self.credits.baseline) if throttled else used)
        delay = self.dispatch_delay(runnable)
        return share, 1.0 / share if runnable else 0.0, share * runnable / self.full_capacity, gained, delay


@dataclass(frozen=True, slots=True)
class Burst:
    """What a token bucket allows beyond a volume's own rate: up to ``rate`` a second while there are tokens.

    It holds ``most`` and starts with ``at_start``; they come in at the volume's own rate, and a unit takes one.
    """

    rate: float
    most: float
    at_start: float


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume: a pipe of ``iops`` operations a second, each with its own latency; and WAL flushes beside it.

    ``bytes_per_s`` limits reads as well. Either limit may have a burst: EBS gp2, Azure's disks up to 512 GiB.
    """

    iops: float
    read_latency_s: float
    flush_latency_s: float
    write_bytes_per_s: float
    bytes_per_s: float = float("inf")
    iops_burst: Burst | None = None
    bytes_burst: Burst | None = None


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """PostgreSQL's checkpoints: ``writes`` pages every ``every_s`` seconds (checkpoint_timeout).

    They are spread over the first ``spread`` of that time (checkpoint_completion_target); then the disk is busy with
    the fsync for ``sync_s``.
    """

    every_s: float
    spread: float
    writes: float
    sync_s: float

    @property
    def steps(self) -> int:
        """Steps in which the writes go out, CHECKPOINT_STEP_S apart."""
        return max(1, int(self.every_s * self.spread / CHECKPOINT_STEP_S))

    @property
    def rest_s(self) -> float:
        """From the last step to the next checkpoint."""
        return max(0.0, self.every_s - self.steps * CHECKPOINT_STEP_S)


@dataclass(frozen=True, slots=True)
class WorkerLife:
    """When Odoo's HTTP workers end, and what a new one costs.

    A worker ends after ``recycle_after`` requests (limit_request; 0: never), or is killed when a request holds it
    longer than ``limit_time_real_s``. The next one is there ``respawn_s`` later, and its first request takes
    ``first_extra_s`` of CPU more. ``served_at_start``: requests that each worker has behind it: they stay near
    lock-step, since all began together.
    """

    recycle_after: int = 0
    respawn_s: float = 0.0
    first_extra_s: float = 0.0
    served_at_start: int = 0
    limit_time_real_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Patience:
    """A client gives up an attempt after ``timeout_s`` and tries again ``retry_after_s`` later, ``retries`` times.

    So it does when the server drops it. Odoo does not see that a client has gone: it finishes what it began. Background
    jobs have nobody who waits for them, but are tried again where a node was lost.
    """

    timeout_s: float
    retries: int
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Outage:
    """An application node that stops at ``at_s`` and is back ``back_after_s`` later.

    What it had under way is lost; connections to it are refused until the balancer leaves it out, after
    ``seen_after_s``.
    """

    node: int
    at_s: float
    seen_after_s: float
    back_after_s: float


@dataclass(frozen=True, slots=True)
class IdleCost:
    """CPU demand that depends on how busy its host is: x (busy factor + ``slope`` x (1 - utilisation)).

    As model.Contention, but with the utilisation that the run itself has: over the last ``window_s`` seconds or more.
    """

    app_factor: float
    database_factor: float
    slope: float
    window_s: float


class Balancing(StrEnum):
    """How the load balancer chooses a node."""

    LEAST_CONNECTIONS = "least-connections"
    ROUND_ROBIN = "round-robin"


@dataclass(frozen=True, slots=True)
class System:
    """One deployment as the simulation sees it.

    ``cpus`` are the hosts; ``node_cpu[i]`` is the host of application node i, ``database_cpu`` that of PostgreSQL and
    ``client_cpu`` that of the load generator, or None where clients bring their own. Several may be one host.
    ``backlog`` is what a node's accept queue holds; Odoo listens with 8 x workers (odoo/service/server.py).
    ``parallel_pool`` is PostgreSQL's max_parallel_workers, ``cron_per_node`` Odoo's max_cron_threads.
    ``round_trip_s`` is the network's, between node and database, once a statement. What is None does not happen.
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
    balancing: Balancing = Balancing.LEAST_CONNECTIONS
    worker_life: WorkerLife = WorkerLife()
    patience: Patience | None = None
    checkpoints: Checkpoints | None = None
    idle_cost: IdleCost | None = None
    outages: tuple[Outage, ...] = ()

    def __post_init__(self) -> None:
        if min(self.workers_per_node, self.cron_per_node, len(self.node_cpu)) < 1:
            raise ValueError("a system needs at least one node, one HTTP worker and one cron worker a node")

    @property
    def nodes(self) -> int:
        """Application nodes."""
        return len(self.node_cpu)

    @property
    def attempts(self) -> int:
        """How often a client tries at most."""
        return 1 + (self.patience.retries if self.patience else 0)


@dataclass(frozen=True, slots=True)
class Requests:
    """All that is random about a stream of requests, drawn before the simulation starts: one row a request.

    Both engines read the same rows in the same order, so one seed gives one sample path. ``arrival_s`` is empty for
    closed users, who take the next row after each answer; ``think_s`` is then how long they wait before they send it.

    ``class_index``: row of ``class_names``. ``app_cpu_s``, ``database_cpu_s``, ``client_cpu_s``: total demand.
    ``rounds``: how often Python and SQL alternate. ``threads``: processes a scan wants, the leader included.
    ``rounds`` may be 0: a request that asks the database nothing.
    ``statements``: SQL statements, each of which wakes a backend and then the worker. ``reads``: pages from disk.
    ``wal_bytes``: 0 where nothing is committed. ``flush_factor``: this commit's flush latency over its mean.
    ``background``: run by a cron worker, not an HTTP worker. ``late_s``: how long after the worker took the connection
    the client sends its request (empty: at once). ``reach``: the share of its demand that IdleCost concerns (empty: 1).
    ``read_factor``: the latency of this request's reads over the disk's mean (empty: 1).
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
    late_s: FloatArray = field(default_factory=lambda: np.empty(0))
    reach: FloatArray = field(default_factory=lambda: np.empty(0))
    read_factor: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.rounds) and self.rounds.min() < 0:
            raise ValueError(f"rounds must be 0 or more, not {self.rounds.min()}")

    def __len__(self) -> int:
        return len(self.class_index)

    @property
    def is_open(self) -> bool:
        """Whether requests arrive by themselves, not from closed users."""
        return len(self.arrival_s) > 0


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened: one row a request in the order of ``Requests``, and the work done on each host.

    ``sent_s`` is when the client started, ``answered_s`` when it had its answer (NaN: it gave up, or is still under way
    at the end), ``ended_s`` when it had its answer or gave up. ``worker_wait_s`` the time before a worker took the
    request (reconnects included) in the attempt that was answered, ``failed`` whether the client gave up after its last
    attempt. ``cpu_busy_s`` is, per host, the integral of occupied capacity over full capacity, and
    ``cpu_busy_at_marks_s`` the same up to each mark (NaN: not reached); ``until_s`` the end of the run.
    ``present_s`` is the integral of the number of requests that clients wait for: what Little's law is checked with.
    ``timeouts`` attempts were given up, ``killed`` and ``recycled`` workers, ``lost`` attempts of a failing node.
    """

    sent_s: FloatArray
    answered_s: FloatArray
    ended_s: FloatArray
    worker_wait_s: FloatArray
    failed: npt.NDArray[np.bool_]
    worker_busy_s: float
    cpu_busy_s: FloatArray
    cpu_busy_at_marks_s: FloatArray
    disk_reads: float
    disk_writes: float
    wal_flushes: int
    present_s: float
    timeouts: int
    killed: int
    recycled: int
    lost: int
    until_s: float
