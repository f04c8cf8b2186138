"""How a database host's memory is divided: nothing promises more than there is."""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.configuration.setting import MIB
from dfr_sizing.drivers import configured, rule
from dfr_sizing.topology import GIB


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. ``work_raw`` is work_mem before its bounds; ``promised`` is what is taken if all take all they may."""

    total: float
    shared_buffers: float
    effective_cache: float
    maintenance: float
    work_raw: float
    work: float
    connections: int

    @property
    def promised(self) -> float:
        """shared_buffers, a hash table of work_mem in every connection, its own memory, and all vacuums."""
        each = self.work * configured("memory.hash_mem_multiplier") + configured("memory.backend_mib")
        vacuums = configured("memory.autovacuum_workers") * self.maintenance
        return self.shared_buffers + self.connections * each + vacuums


def memory_of(memory_gib: float, connections: int) -> Memory:
    """Memory of a host of so many GiB with so many connections."""
    total = memory_gib * GIB / MIB
    buffers = rule("postgresql.shared_buffers_share") * total
    maintenance = min(
        configured("memory.maintenance_share") * total,
        configured("memory.most_maintenance_mib"),
        # Vacuums have no more than a quarter of what is there for work.
        configured("memory.work_share") * total / 4.0 / configured("memory.autovacuum_workers"),
    )
    left = configured("memory.work_share") * total - configured("memory.autovacuum_workers") * maintenance
    left -= connections * configured("memory.backend_mib")
    raw = left / connections / configured("memory.hash_mem_multiplier")
    least, most = configured("memory.least_work_mem_mib"), configured("memory.most_work_mem_mib")
    cache = rule("postgresql.cache_share") * total
    return Memory(total, buffers, cache, maintenance, raw, max(least, min(raw, most)), connections)
