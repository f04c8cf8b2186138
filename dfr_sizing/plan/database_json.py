"""The database and the settings as plain JSON values, for ``as_json``; the keys are described in schema.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from dfr_sizing.configuration.connections import connections_of
from dfr_sizing.configuration.odoo import odoo_settings
from dfr_sizing.configuration.pgbouncer import pgbouncer_databases, pgbouncer_settings
from dfr_sizing.configuration.postgresql import TableSetting, postgresql_settings, table_settings
from dfr_sizing.configuration.replica import ReplicaAdvice
from dfr_sizing.configuration.setting import Setting, managed_as
from dfr_sizing.recommend.database_types import DatabaseAdvice, IndexSaving, Year
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.topology import GIB

Json = dict[str, Any]


def settings_json(r: Recommendation) -> Json:
    """What to write into the files of the recommended deployment, value by value."""
    topology, advice = r.recommended.topology, r.database
    found = connections_of(topology)
    _, fixed = managed_as(topology.place.provider)
    postgresql = postgresql_settings(topology, advice.wal_bytes_per_s if advice else 0.0)
    return {
        "connections": {"direct": found.direct, "server": found.server, "pooler": found.pooled},
        "postgresql": [{**asdict(each), "settable": each.name not in fixed} for each in postgresql],
        "tables": [_table(each) for each in table_settings(advice.growth if advice else ())],
        "odoo": _settings(odoo_settings(topology, replica=bool(advice and advice.replica.recommended))),
        "pgbouncer": _settings((*pgbouncer_databases(topology), *pgbouncer_settings(topology))),
    }


def database_json(advice: DatabaseAdvice | None) -> Json | None:
    """Growth, years, replica and indexes; None where they were not worked out."""
    if advice is None:
        return None
    return {
        "wal_bytes_per_s": advice.wal_bytes_per_s,
        "leaves_memory_year": advice.leaves_memory,
        "disk_fills_year": advice.disk_fills,
        "growth": [asdict(each) for each in advice.growth],
        "years": [_year(each) for each in advice.years],
        "replica": _replica(advice.replica),
        "indexes": [_index(each) for each in advice.indexes],
        "operations": [{**asdict(each), "total": each.total} for each in advice.operations],
        "limits": [asdict(each) for each in advice.limits],
        "memory": [
            {"memory_gib": each.memory_bytes / GIB, "hit_ratio": each.hit_ratio, "reads_per_s": each.reads_per_s}
            for each in advice.memory
        ],
        "backup": advice.backup_note,
    }


def _settings(settings: Iterable[Setting]) -> list[Json]:
    return [asdict(each) for each in settings]


def _table(each: TableSetting) -> Json:
    return {"table": each.table, "rows": each.rows, "parameters": each.values, "why": each.why}


def _year(each: Year) -> Json:
    return {
        "year": each.year,
        "farmers": each.farmers,
        "database_gib": each.database_bytes / GIB,
        "table_gib": each.table_bytes / GIB,
        "working_set_gib": each.held.working_set_bytes / GIB,
        "cache_gib": each.held.cache_bytes / GIB,
        "hit_ratio": each.held.hit_ratio,
        "reads_per_s": each.held.reads_per_s,
        "disk_utilisation": each.disk_utilisation,
        "p95_s": each.p95_s,
    }


def _replica(advice: ReplicaAdvice) -> Json:
    return {
        "recommended": advice.recommended,
        "classes": advice.classes,
        "requests_share": advice.requests,
        "database_cpu_share": advice.database_cpu,
        "pages_share": advice.pages,
        "cpu_by_reads": advice.cpu_by_reads,
        "disk_by_reads": advice.disk_by_reads,
    }


def _index(each: IndexSaving) -> Json:
    return {
        "indexes": each.indexes,
        "five_year_usd": each.five_year_usd,
        "database_cpu": each.database_cpu,
        "index_gib": each.index_bytes / GIB,
    }
