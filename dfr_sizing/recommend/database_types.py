"""What is told of the database beside the answer: its years, its growth, a replica, what indexes save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dfr_sizing.configuration.replica import ReplicaAdvice
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.growth import Growth


@dataclass(frozen=True, slots=True)
class Held:
    """What memory holds of a database in one hour, in bytes. ``hit_ratio``: pages that are not read from the disk.

    ``working_set_bytes`` are the pages that the hour touches, ``cache_bytes`` the memory that caches pages.
    """

    memory_bytes: float
    working_set_bytes: float
    cache_bytes: float
    hit_ratio: float
    reads_per_s: float


@dataclass(frozen=True, slots=True)
class Year:
    """A deployment in the busiest hour of one year. ``p95_s`` by class in seconds; empty where none was simulated.

    ``table_bytes`` is what the tables come to by their growth, ``database_bytes`` what the plan buys room for.
    """

    year: int
    farmers: float
    database_bytes: float
    table_bytes: float
    held: Held
    disk_utilisation: float
    p95_s: Mapping[str, float]

    @property
    def fits(self) -> bool:
        """Whether the hour's working set is within the memory that caches pages."""
        return self.held.working_set_bytes <= self.held.cache_bytes


@dataclass(frozen=True, slots=True)
class IndexSaving:
    """One set of the two indexes: five years of the cheapest candidate that no bound drops, infinite without one.

    ``database_cpu`` are the cores of the model's speed that the worst hour asks of the database; ``index_bytes`` is
    what the indexes take in year 5.
    """

    indexes: tuple[str, ...]
    five_year_usd: float
    database_cpu: float
    index_bytes: float


@dataclass(frozen=True, slots=True)
class Operations:
    """What one named day's busiest hour asks of the database's disk, in operations a second, and in bytes a second.

    ``wal`` are flushes, as many commits to each as come while one lasts; ``vacuum`` is spread over the time between
    two; ``backup`` is what the daily backup reads where it falls into working hours.
    """

    situation: Situation
    reads: float
    wal: float
    checkpoint: float
    vacuum: float
    backup: float
    bytes_per_s: float

    @property
    def total(self) -> float:
        """All operations a second."""
        return self.reads + self.wal + self.checkpoint + self.vacuum + self.backup


@dataclass(frozen=True, slots=True)
class Limit:
    """What the worst hour takes of one limit of the database; ``full_at_farmers`` if its load grows with them."""

    name: str
    share: float
    full_at_farmers: float


@dataclass(frozen=True, slots=True)
class DatabaseAdvice:
    """All of it, for the recommended deployment. ``wal_bytes_per_s`` is of its worst hour.

    ``operations`` are those of the steady day and of the day that asks for most; ``limits`` come fullest first;
    ``memory`` is the worst hour with other sizes of memory.
    """

    wal_bytes_per_s: float
    growth: tuple[Growth, ...]
    years: tuple[Year, ...]
    replica: ReplicaAdvice
    indexes: tuple[IndexSaving, ...]
    operations: tuple[Operations, ...]
    limits: tuple[Limit, ...]
    memory: tuple[Held, ...]
    backup_note: str

    @property
    def leaves_memory(self) -> int | None:
        """The first year whose working set is more than memory holds; None where it fits throughout."""
        return next((each.year for each in self.years if not each.fits), None)

    @property
    def disk_fills(self) -> int | None:
        """The first year whose busiest hour asks more of the disk than search.most_iops_utilisation; None: no year."""
        most = rule("search.most_iops_utilisation")
        return next((each.year for each in self.years if each.disk_utilisation > most), None)
