"""What to set in Odoo and PostgreSQL, as the simulation assumed it, beside what the DFR ships.

Only settings that the answer rests on are listed; whatever is not listed stays at its default.
"""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.drivers import rule
from dfr_sizing.topology import GIB, Topology, cache_bytes

GEVENT_PROCESSES = 1
RESERVED_CONNECTIONS = 3
"""superuser_reserved_connections, PostgreSQL's default."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; ``shipped`` is what the DFR's published files say, or the product's default."""

    name: str
    value: str
    shipped: str
    why: str


def odoo_settings(topology: Topology) -> tuple[Setting, ...]:
    """odoo.conf of every application node."""
    vcpus = topology.application.vcpus
    cron = int(rule("odoo.cron_workers"))
    return (
        Setting(
            "workers",
            str(topology.workers_per_node),
            "4 (0 in the config template)",
            f"2 x {vcpus} vCPU + 1, or what {topology.application.memory_gib:g} GiB hold",
        ),
        Setting("max_cron_threads", str(cron), "2 (default)", "cron workers beside the HTTP workers"),
    )


def connections(topology: Topology) -> int:
    """Database connections when every Odoo process holds one."""
    per_node = topology.workers_per_node + int(rule("odoo.cron_workers")) + GEVENT_PROCESSES
    return topology.nodes * per_node


def postgresql_settings(topology: Topology) -> tuple[Setting, ...]:
    """Parameters of the database host."""
    pool = int(rule("postgresql.parallel_pool_per_vcpu") * topology.database.vcpus)
    used = connections(topology)
    per_node = used // topology.nodes
    return (
        Setting(
            "max_connections",
            f"{used + RESERVED_CONNECTIONS} or more",
            "100 (default)",
            f"{topology.nodes} nodes x {per_node} processes (HTTP, cron, gevent), one connection each, "
            f"and {RESERVED_CONNECTIONS} reserved; the gevent process may open more",
        ),
        Setting(
            "max_parallel_workers",
            str(pool),
            "8 (default)",
            "one for each vCPU: a scan without an index runs on several cores",
        ),
        Setting(
            "effective_cache_size",
            f"{cache_bytes(topology.database) / GIB:,.0f} GiB",
            "4 GiB (default)",
            f"{rule('postgresql.cache_share'):.0%} of {topology.database.memory_gib:g} GiB cache pages",
        ),
    )
