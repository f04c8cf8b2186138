"""odoo.conf of every application node."""

from __future__ import annotations

from dfr_sizing.configuration.connections import connections_of
from dfr_sizing.configuration.pgbouncer import DATABASE, PORT
from dfr_sizing.configuration.setting import MIB, Setting, source_of
from dfr_sizing.drivers import configured, rule, rules
from dfr_sizing.topology import Topology

CLI = "stated: Odoo 18 command line reference"
DEPLOY = "stated: Odoo 18 deployment documentation"


def odoo_settings(topology: Topology, *, replica: bool = False) -> tuple[Setting, ...]:
    """The node's odoo.conf; passwords are left to the environment (PGPASSWORD)."""
    return (*_processes(topology), *_limits(), *_database(topology, replica=replica), *_behind_a_proxy())


def _processes(topology: Topology) -> tuple[Setting, ...]:
    vcpus, cron = topology.application.vcpus, rules()["odoo.cron_workers"]
    per_vcpu, of_cpu = rule("odoo.workers_per_vcpu"), rules()["odoo.workers_per_vcpu"]
    return (
        Setting(
            "workers", str(topology.workers_per_node), "4 (0 in the config template)",
            f"{per_vcpu:g} x {vcpus} vCPU, or what {topology.application.memory_gib:g} GiB hold; one is held while "
            "PostgreSQL works on another host",
            f"{per_vcpu:g} x vCPU, and no more than memory holds (Odoo's rule: 2 x vCPU + 1, all on one host)",
            f"{of_cpu.label}: {of_cpu.source}", per_vcpu * vcpus, "workers",
        ),
        Setting(
            "max_cron_threads", f"{rule('odoo.cron_workers'):g}", "2 (default)", "cron workers beside the HTTP workers",
            "as it is", f"{cron.label}: {cron.source}",
        ),
    )  # fmt: skip


def _limits() -> tuple[Setting, ...]:
    soft, hard = (configured(f"odoo.limit_memory_{kind}_mib") for kind in ("soft", "hard"))
    gevent = configured("odoo.gevent_soft_share") * soft
    real, cron = configured("odoo.limit_time_real_s"), configured("odoo.limit_time_cron_s")
    return (
        Setting(
            "limit_memory_soft", f"{soft * MIB:.0f}", "1610612736 (1.5 GB)", "a worker over it ends after its request",
            f"{soft:g} MiB", source_of("odoo.limit_memory_soft_mib"), soft, "MiB",
        ),
        Setting(
            "limit_memory_hard", f"{hard * MIB:.0f}", "2147483648 (2 GB)", "a worker over it is ended at once",
            f"{hard:g} MiB", source_of("odoo.limit_memory_hard_mib"), hard, "MiB",
        ),
        Setting(
            "limit_memory_soft_gevent", f"{gevent * MIB:.0f}", "as limit_memory_soft",
            "websockets alone", "half of limit_memory_soft", source_of("odoo.gevent_soft_share"), gevent, "MiB",
        ),
        Setting(
            "limit_request", f"{configured('odoo.limit_request'):.0f}", "65536 (default)",
            "a worker is made anew after so many requests", "as it is", source_of("odoo.limit_request"),
        ),
        Setting(
            "limit_time_cpu", f"{configured('odoo.limit_time_cpu_s'):.0f}", "600",
            "a full sync takes minutes of one worker", "as shipped", source_of("odoo.limit_time_cpu_s"),
        ),
        Setting(
            "limit_time_real", f"{real:.0f}", "1200", "twice the CPU's, as shipped", "as shipped",
            source_of("odoo.limit_time_real_s"),
        ),
        Setting(
            "limit_time_real_cron", f"{cron:.0f}", "as limit_time_real", "imports run as jobs",
            "twice the target for 10,000 rows", source_of("odoo.limit_time_cron_s"), cron, "s",
        ),
    )  # fmt: skip


def _database(topology: Topology, *, replica: bool) -> tuple[Setting, ...]:
    found = connections_of(topology)
    most = configured("connections.of_process_at_most")
    lines = [
        Setting("db_host", "database.internal", "localhost", "put in the host's name", "", CLI),
        Setting(
            "db_port", str(PORT if found.pooled else 5432), "5432 (default)",
            "PgBouncer's" if found.pooled else "PostgreSQL itself: no pooler is needed", "", CLI,
        ),
        Setting("db_name", DATABASE, "none", "one database for one country", "", CLI),
        Setting(
            "db_maxconn", f"{most:g}", "64 (default)",
            f"a process holds {configured('connections.of_http_worker'):g} as a rule; the bound is for what goes wrong",
            "four times that", source_of("connections.of_process_at_most"), most, "connections",
        ),
        Setting(
            "db_maxconn_gevent", str(found.of_gevent), "as db_maxconn", "one process for all websockets",
            "16, or fewer where there are many nodes", source_of("connections.of_gevent"), found.of_gevent,
            "connections",
        ),
    ]  # fmt: skip
    if replica:
        why = "routes and methods marked readonly go there; what writes after all is done again on the primary"
        lines.append(Setting("db_replica_host", "replica.internal", "none", why, "", "stated: odoo/odoo#112000"))
    return tuple(lines)


def _behind_a_proxy() -> tuple[Setting, ...]:
    return (
        Setting("list_db", "False", "True (default)", "nobody is shown or offers to drop a database", "", DEPLOY),
        Setting("dbfilter", f"^{DATABASE}$", "none", "this database and no other answers", "", DEPLOY),
        Setting("proxy_mode", "True", "False (default)", "the load balancer sets X-Forwarded-*", "", DEPLOY),
    )
