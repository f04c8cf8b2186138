"""The connections that Odoo's processes open, and whether PgBouncer is worth it."""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.configuration.setting import MIB
from dfr_sizing.drivers import configured, rule
from dfr_sizing.topology import GIB, Topology

STEP = 10
"""Connections are given in tens."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of all nodes, one node more counted in while a new version is rolled out.

    ``of_gevent`` is what the gevent process of a node may open. ``listening`` are those that LISTEN or serve
    websockets: they need a session of their own. ``working`` are in a transaction at once at most: an HTTP worker holds
    one transaction to the end of its request. ``direct`` is what is opened without a pooler. A pool has no more than
    ``room``, which memory holds; who finds none free waits.
    """

    nodes: int
    of_gevent: int
    room: int
    listening: int
    working: int
    direct: int

    @property
    def pooled(self) -> bool:
        """Whether PgBouncer is worth it."""
        return self.direct > min(configured("connections.pooler_from"), self.room)

    @property
    def server(self) -> int:
        """Connections that PostgreSQL sees from Odoo."""
        return self.pool + self.listening if self.pooled else self.direct

    @property
    def pool(self) -> int:
        """Connections of the pool in transaction mode."""
        return max(1, min(self.working, self.room - self.listening))

    @property
    def most(self) -> int:
        """max_connections: in tens, with others' and the reserved."""
        asked = self.server + int(configured("connections.other") + configured("connections.reserved"))
        return -(-asked // STEP) * STEP


def connections_of(topology: Topology) -> Connections:
    """The connections of a deployment."""
    nodes = topology.nodes + 1
    cron = int(rule("odoo.cron_workers"))
    gevent = min(configured("connections.of_gevent"), configured("connections.of_all_gevent") / nodes)
    gevent = max(2, int(gevent))
    listening = nodes * (cron + gevent)
    working = nodes * (topology.workers_per_node + cron)
    of_cron = cron * int(configured("connections.of_cron_worker"))
    direct = nodes * (topology.workers_per_node * int(configured("connections.of_http_worker")) + of_cron + gevent)
    each = configured("memory.backend_mib")
    each += configured("memory.hash_mem_multiplier") * configured("memory.least_work_mem_mib")
    room = int(configured("connections.memory_share") * topology.database.memory_gib * GIB / MIB / each)
    return Connections(nodes, gevent, room, listening, working, direct)
