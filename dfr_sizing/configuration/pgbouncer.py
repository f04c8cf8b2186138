"""PgBouncer in transaction mode, with a session pool for what LISTENs.

Odoo's bus and cron LISTEN on a connection to the database ``postgres`` (addons/bus/models/bus.py, service/server.py),
and its requests never do: so the exception is that database, in session mode (OCA/server-tools#1629, #3692).
"""

from __future__ import annotations

from dfr_sizing.configuration.connections import connections_of
from dfr_sizing.configuration.setting import Setting, source_of
from dfr_sizing.drivers import configured
from dfr_sizing.topology import Topology

PORT = 6432
DATABASE = "dfr"
FEATURES = "stated: pgbouncer.org, features: LISTEN needs session pooling"
CONFIG = "stated: pgbouncer.org, configuration"
SESSION = "stated: OCA/server-tools#1629, #3692: bus and cron LISTEN in the database postgres"


def pgbouncer_databases(topology: Topology) -> tuple[Setting, ...]:
    """The section [databases]."""
    found = connections_of(topology)
    host = "host=database.internal port=5432"
    return (
        Setting(
            DATABASE, f"{host} dbname={DATABASE} pool_mode=transaction pool_size={found.pool}", "none",
            f"{found.working} workers hold a transaction at once at most; a pool has no more than memory holds",
            "HTTP and cron workers, at most the database's room for backends", FEATURES, found.working, "connections",
        ),
        Setting(
            "postgres", f"{host} dbname=postgres pool_mode=session pool_size={found.listening}", "none",
            "who LISTENs keeps a session", "cron workers and gevent connections", SESSION, found.listening,
            "connections",
        ),
    )  # fmt: skip


def pgbouncer_settings(topology: Topology) -> tuple[Setting, ...]:
    """The section [pgbouncer]. Whether it is worth it: ``connections_of(topology).pooled``."""
    found = connections_of(topology)
    clients = found.direct + int(configured("connections.other"))
    wait = configured("odoo.limit_time_real_s")
    return (
        Setting("listen_addr", "127.0.0.1", "none", "put in the address that the nodes reach", "", CONFIG),
        Setting("listen_port", str(PORT), "6432 (default)", "db_port of odoo.conf", "", CONFIG),
        Setting("auth_type", "scram-sha-256", "md5 (default)", "as the server's", "", CONFIG),
        Setting("auth_file", "/etc/pgbouncer/userlist.txt", "none", "passwords are there, not here", "", CONFIG),
        Setting(
            "pool_mode", "transaction", "session (default)", "connections are shared between transactions", "", FEATURES
        ),
        Setting(
            "max_client_conn", str(clients), "100 (default)", "all that Odoo's processes open",
            "direct connections and others'", source_of("connections.pooler_from"), clients, "connections",
        ),
        Setting(
            "query_wait_timeout", f"{wait:.0f}", "120 (default)", "who waits for a connection gives up when Odoo does",
            "limit_time_real", source_of("odoo.limit_time_real_s"), wait, "s",
        ),
        Setting(
            "ignore_startup_parameters", "extra_float_digits", "none", "sent by some clients, and harmless", "", CONFIG
        ),
    )  # fmt: skip
