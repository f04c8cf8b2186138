"""The settings as text: postgresql.conf, postgresql-tables.sql, odoo.conf, pgbouncer.ini. None holds a secret."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from dfr_sizing.configuration.connections import connections_of
from dfr_sizing.configuration.odoo import odoo_settings
from dfr_sizing.configuration.pgbouncer import pgbouncer_databases, pgbouncer_settings
from dfr_sizing.configuration.postgresql import TableSetting, postgresql_settings, table_settings
from dfr_sizing.configuration.setting import Setting, managed_as
from dfr_sizing.growth import Growth
from dfr_sizing.topology import Topology

WIDTH = 118
POSTGRESQL, TABLES, ODOO, PGBOUNCER = "postgresql.conf", "postgresql-tables.sql", "odoo.conf", "pgbouncer.ini"


def files(
    topology: Topology, growth: Iterable[Growth] = (), wal_bytes_per_s: float = 0.0, *, replica: bool = False
) -> dict[str, str]:
    """Text by the name of the file."""
    return {
        POSTGRESQL: postgresql_conf(topology, wal_bytes_per_s),
        TABLES: tables_sql(table_settings(growth)),
        ODOO: odoo_conf(topology, replica=replica),
        PGBOUNCER: pgbouncer_ini(topology),
    }


def postgresql_conf(topology: Topology, wal_bytes_per_s: float = 0.0) -> str:
    """What differs from PostgreSQL's defaults, and what the plan rests on; to be included at the end of the file."""
    how, fixed = managed_as(topology.place.provider)
    where = f"{topology.database.name}, {topology.database.memory_gib:g} GiB, {topology.disk.name}"
    head = [f"PostgreSQL for {where}: include it from postgresql.conf, or set each by {how or 'hand'}."]
    lines = list(_comments(head))
    for setting in postgresql_settings(topology, wal_bytes_per_s):
        off = setting.name in fixed
        notes = [_why(setting), *(["Not the user's to set at this provider, as far as known."] if off else [])]
        lines += ["", *_comments(notes), f"{'#' if off else ''}{setting.name} = '{setting.value}'"]
    return "\n".join(lines) + "\n"


def tables_sql(settings: Sequence[TableSetting]) -> str:
    """Storage parameters of the large tables; a table that is not there is passed over."""
    head = ["Storage parameters of tables that become large. To be run again after a table was made anew."]
    lines = list(_comments(head, "--"))
    for each in settings:
        values = ", ".join(f"{name} = {value:g}" for name, value in each.values.items())
        lines += ["", *_comments([each.why], "--"), f"ALTER TABLE IF EXISTS {each.table} SET ({values});"]
    return "\n".join(lines) + "\n"


def odoo_conf(topology: Topology, *, replica: bool = False) -> str:
    """odoo.conf of each application node."""
    head = [f"Odoo on each {topology.application.name}. Passwords: PGPASSWORD in the environment, none here."]
    return _ini({"options": odoo_settings(topology, replica=replica)}, head, "; ")


def pgbouncer_ini(topology: Topology) -> str:
    """pgbouncer.ini, with a word on whether it is worth it."""
    found = connections_of(topology)
    worth = (
        f"Worth it here: {found.direct} connections without it, {found.server} with it."
        if found.pooled
        else f"Not needed here: {found.direct} direct connections. For a second version beside it, or more nodes."
    )
    sections = {"databases": pgbouncer_databases(topology), "pgbouncer": pgbouncer_settings(topology)}
    return _ini(sections, [worth, "LISTEN/NOTIFY needs the session pool of the database postgres."], "; ")


def _ini(sections: dict[str, tuple[Setting, ...]], head: Sequence[str], mark: str) -> str:
    lines = list(_comments(head, mark.strip()))
    for section, settings in sections.items():
        lines += ["", f"[{section}]"]
        for setting in settings:
            lines += [*_comments([_why(setting)], mark.strip()), f"{setting.name} = {setting.value}"]
    return "\n".join(lines) + "\n"


def _why(setting: Setting) -> str:
    parts = [setting.why]
    if setting.rule:
        raw = "" if setting.raw is None else f" = {setting.raw:.6g} {setting.unit}"
        parts.append(f"Rule: {setting.rule}{raw}.")
    parts.append(f"Source: {setting.source}. Shipped: {setting.shipped}.")
    first = parts[0][0].upper() + parts[0][1:]
    return " ".join([first + ("" if first.endswith(".") else "."), *parts[1:]])


def _comments(texts: Iterable[str], mark: str = "#") -> Iterator[str]:
    for text in texts:
        for line in textwrap.wrap(text, WIDTH - len(mark) - 1, break_long_words=False, break_on_hyphens=False):
            yield f"{mark} {line}"
