"""A recording: the folder that a load test fills and that calibration reads.

``recording.json`` holds what is here; ``requests.parquet`` every request, ``seconds.parquet`` what each host did in
each second, ``postgresql.json.gz`` the server's statistics at the edges of each step, ``odoo.log.gz`` the lines of
Odoo's access log from the time of the run. All but the first may be missing, and ``sources`` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FORMAT = 1
"""Version of the folder's layout."""

REQUEST_COLUMNS = ("started", "name", "latency_s", "bytes", "outcome", "user")
"""``started`` in seconds since the epoch, on the load generator's clock; ``name`` the request class; ``outcome`` is
``ok``, ``refused``, ``time-out``, ``status 500`` and the like; ``user`` numbers the simulated user."""

SECOND_COLUMNS = ("time", "host", "odoo", "postgresql", "generator", "other", "idle", "speed_ms", "queue")
"""A row a second and host: ``time`` its start, on that host's clock; cores used by each group of processes, and idle;
``speed_ms`` CPU time of a fixed loop; ``queue`` connections that wait to be accepted. NaN where not known."""


@dataclass(frozen=True, slots=True)
class Step:
    """One level of load. Times are seconds since the epoch on the load generator's clock.

    ``think_s`` is the mean of an exponential think time (0: none), ``mix`` the share of requests of each class that was
    asked for. What was sent before ``measured_from`` is warm-up. ``held_out``: not to be fitted on.
    """

    name: str
    users: int
    think_s: float
    mix: Mapping[str, float]
    started: float
    measured_from: float
    ended: float
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the system under test, or of the load generator.

    ``groups`` says what runs on it (odoo, postgresql, generator). ``speed_ms`` is the CPU time of a fixed loop when
    nothing else ran; ``clock_offset_s`` its clock less that of the load generator.
    """

    name: str
    groups: tuple[str, ...]
    cpu: str
    cores: int
    threads_per_core: int
    memory_bytes: int
    disk: str
    speed_ms: float
    clock_offset_s: float


@dataclass(frozen=True, slots=True)
class Server:
    """The system under test. ``rows`` of the table that farmers lie in; ``settings`` PostgreSQL's that matter."""

    odoo: str
    postgresql: str
    workers: int
    cron_workers: int
    rows: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestKind:
    """What a request class of the load test stands for.

    ``operation`` is the model's name for it; ``path`` how it is told in Odoo's access log (a prefix); ``counts`` how
    many of what one request holds, as batch_farmers = 50.
    """

    operation: str
    path: str
    counts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """PostgreSQL's statistics at one moment: counters that only grow, and sizes.

    ``statements`` by query id, without their text, which may hold secrets. ``edge`` is ``begin`` or ``end`` of a step's
    measured part.
    """

    time: float
    step: str
    edge: str
    statements: Mapping[str, Mapping[str, float]]
    database: Mapping[str, float]
    wal: Mapping[str, float]
    io: Mapping[str, float]
    sizes: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A load test. ``complete`` is written last: a test cut short lacks it.

    ``sources`` names, for requests, cpu, postgresql and log, where each came from, or why it is missing.
    ``generator_processes``: over how many processes the load generator was spread.
    """

    name: str
    started: float
    ended: float
    complete: bool
    mapping: str
    seed: int
    generator: str
    kinds: Mapping[str, RequestKind]
    steps: tuple[Step, ...]
    hosts: tuple[Host, ...]
    server: Server
    sources: Mapping[str, str]
    generator_processes: int = 1
