"""PostgreSQL's statistics at the edges of a step, over an ordinary connection that only reads.

What this server lacks (a release, an extension, a privilege) is left out, and ``missing`` says why. Never asked for:
the text of statements, which may hold secrets. Statements and the place in the WAL are exact at once; the other
counters reach the view up to a second late, when the backends hand them in (PostgreSQL manual, 27.2).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dfr_sizing.recording import postgresql_columns as columns
from dfr_sizing.recording.types import Snapshot

if TYPE_CHECKING:
    import psycopg

CONNECT_S, STATEMENT_MS, LOCK_MS, COUNT_MS = 5, 5_000, 500, 2_000
"""No question of ours waits longer, to connect, to be answered, for a lock, to count farmers. Stated."""

TABLES = 30
"""Tables whose sizes are kept, the largest first. Stated: a registry's growth is in fewer."""

FARMER_TABLES = ("dfr_farmer", "res_partner")
"""Where farmers lie: in the DFR's own table, or in plain Odoo among its partners."""

APPLICATION = "dfr-size recording"
"""What the server's own views call this connection."""

Row = Mapping[str, float]


class Statistics:
    """One server's statistics. Nothing raises: what cannot be had is named in ``missing``, by part.

    >>> statistics = Statistics("postgresql://dfr@127.0.0.1/staging")
    >>> statistics.connect()
    >>> begin = statistics.snapshot("w4_n20", "begin")
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.missing: dict[str, str] = {}
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def connect(self) -> bool:
        """Whether the server answers; connects anew where it had to be started again."""
        if self._connection is not None and not self._connection.broken:
            return True
        self.missing.pop("connection", None)
        if not self.url:
            self.missing["connection"] = "no postgresql named in the staging file"
            return False
        try:
            import psycopg  # noqa: PLC0415 - comes with the extra `loadtest`
            from psycopg.rows import dict_row  # noqa: PLC0415 - as psycopg

            self._connection = psycopg.connect(
                self.url,
                row_factory=dict_row,
                connect_timeout=CONNECT_S,
                application_name=APPLICATION,
                autocommit=True,
                prepare_threshold=None,  # a prepared statement would be lost behind a pool of connections
            )
        except ImportError:
            self.missing["connection"] = "psycopg is not installed: pip install 'dfr-size[loadtest]'"
        except psycopg.Error as error:
            self.missing["connection"] = _reason(error)
        return self._connection is not None and not self._connection.broken

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def snapshot(self, step: str, edge: str) -> Snapshot | None:
        """The statistics now, or None where there is no connection."""
        if not self.connect():
            return None
        now = time.time()
        return Snapshot(
            time=now,
            step=step,
            edge=edge,
            statements=self._statements(),
            wal=self._wal(),
            io=self._io(),
            database=self._database(),
            sizes=self._sizes(),
        )

    def version(self) -> str:
        """The server's version, as 18.6."""
        rows = self._asked("version", "SELECT current_setting('server_version') AS version")
        return str(rows[0]["version"]).split(" ", 1)[0] if rows else "unknown"

    def settings(self) -> dict[str, str]:
        """Settings that matter, as SHOW tells them, with their units."""
        rows = self._asked(
            "settings",
            "SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY(%(names)s) ORDER BY name",
            {"names": list(columns.SETTINGS)},
        )
        return {str(row["name"]): str(row["value"]) for row in rows}

    def farmers(self) -> int:
        """Rows of the table that farmers lie in: the first of those that may hold them that is not empty."""
        return next((rows for rows in map(self._rows_of, FARMER_TABLES) if rows), 0)

    def _rows_of(self, table: str) -> int:
        """Rows of a table: counted, or where that takes too long as the planner estimates; 0 where it is not there."""
        found = self._asked("rows", "SELECT to_regclass(%(table)s) AS oid", {"table": table})
        if not found or found[0]["oid"] is None:
            return 0
        named = f"SELECT count(*) AS rows FROM {table}"  # noqa: S608 - one of FARMER_TABLES
        # A table that was never analyzed has -1 reltuples; the counters know of its rows before.
        estimate = """
            SELECT greatest(c.reltuples, s.n_live_tup) AS rows FROM pg_class c
            LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE c.oid = to_regclass(%(table)s)
        """
        rows = self._asked("count of rows", named, limit_ms=COUNT_MS)
        rows = rows or self._asked("rows", estimate, {"table": table})
        return max(0, int(rows[0]["rows"])) if rows else 0

    def _statements(self) -> dict[str, Row]:
        schema = self._schema_of_statements()
        if not schema:
            self.missing.setdefault("statements", "no pg_stat_statements here: CREATE EXTENSION pg_stat_statements")
            return {}
        wanted = columns.chosen(columns.STATEMENTS, self._columns(f"{schema}.pg_stat_statements"))
        sums = ", ".join(f"sum({expression})::float8 AS {name}" for name, expression in wanted.items())
        rows = self._asked(
            "statements",
            # (false): without the texts, which would also have to be read from a file
            f"SELECT queryid, {sums} FROM {schema}.pg_stat_statements(false)"  # noqa: S608 - quoted above
            " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY queryid",
        )
        if any(row["queryid"] is None for row in rows):
            self.missing["statements"] = "those of other users are hidden: GRANT pg_read_all_stats to this user"
        return {str(row["queryid"]): _numbers(row, "queryid") for row in rows if row["queryid"] is not None}

    def _schema_of_statements(self) -> str:
        """Where the extension is, quoted; empty where it is not."""
        found = self._asked(
            "statements",
            "SELECT quote_ident(nspname) AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
            " WHERE extname = 'pg_stat_statements'",
        )
        return str(found[0]["schema"]) if found else ""

    def _database(self) -> Row:
        """Of pg_stat_database, and from 14 on how often statements were thrown out of pg_stat_statements."""
        wanted = columns.chosen(columns.DATABASE, self._columns("pg_stat_database"))
        rows = self._asked("database", _select(wanted, "pg_stat_database", "WHERE datname = current_database()"))
        found = _numbers(rows[0]) if rows else {}
        schema = self._schema_of_statements()
        about = f"{schema}.pg_stat_statements_info"
        if schema and self._columns(about):
            for row in self._asked("statements", _select({"statements_thrown_out": "dealloc"}, about)):
                found |= _numbers(row)
        return found

    def _wal(self) -> Row:
        """Of pg_stat_wal, and the place in the WAL in bytes, which every release has and which is never late."""
        found: dict[str, float] = {}
        place = self._asked(
            "place in the WAL", "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS lsn"
        )
        wanted = columns.chosen(columns.WAL, self._columns("pg_stat_wal"))
        rows = self._asked("wal", _select(wanted, "pg_stat_wal")) if wanted else []
        for row in (*place, *rows):
            found |= _numbers(row)
        if not wanted:
            self.missing["pg_stat_wal"] = "came with PostgreSQL 14; bytes are those of the place in the WAL"
            found["wal_bytes"] = found.get("lsn", 0.0)
        return found

    def _io(self) -> Row:
        """Checkpoints and the background writer, and of pg_stat_io each count as who/what/how/count."""
        found: dict[str, float] = {}
        for view, wanted in (
            ("pg_stat_bgwriter", columns.BACKGROUND_WRITER),
            ("pg_stat_checkpointer", columns.CHECKPOINTER),
        ):
            here = columns.chosen(wanted, self._columns(view))
            for row in self._asked("io", _select(here, view)) if here else []:
                found |= _numbers(row)
        here = columns.chosen(columns.IO, self._columns("pg_stat_io"))
        if not here:
            self.missing["pg_stat_io"] = "came with PostgreSQL 16"
            return found
        where = {"who": "backend_type", "what": "object", "how": "context"}
        for row in self._asked("io", _select(where | here, "pg_stat_io")):
            place = f"{row['who']}/{row['what']}/{row['how']}"
            found |= {f"{place}/{name}": value for name, value in _numbers(row, *where).items() if value}
        return found

    def _sizes(self) -> dict[str, Row]:
        rows = self._asked(
            "sizes",
            """
            SELECT c.oid::regclass::text AS name, greatest(c.reltuples, 0)::float8 AS rows,
                   pg_relation_size(c.oid)::float8 AS bytes, pg_indexes_size(c.oid)::float8 AS index_bytes,
                   pg_total_relation_size(c.oid)::float8 AS total_bytes,
                   coalesce(s.n_live_tup, 0)::float8 AS live_rows, coalesce(s.n_dead_tup, 0)::float8 AS dead_rows,
                   coalesce(s.seq_scan, 0)::float8 AS seq_scans, coalesce(s.idx_scan, 0)::float8 AS index_scans
            FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
            WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
              AND n.nspname NOT LIKE 'pg\\_%%' AND c.relpersistence <> 't'
            ORDER BY pg_total_relation_size(c.oid) DESC LIMIT %(tables)s
            """,
            {"tables": TABLES},
        )
        return {str(row["name"]): _numbers(row, "name") for row in rows}

    def _columns(self, view: str) -> Collection[str]:
        """Names of a view's columns, none where this release has no such view."""
        rows = self._asked(
            "columns",
            "SELECT attname::text AS name FROM pg_attribute"
            " WHERE attrelid = to_regclass(%(view)s) AND attnum > 0 AND NOT attisdropped",
            {"view": view},
        )
        return {str(row["name"]) for row in rows}

    def _asked(
        self,
        part: str,
        query: str,
        values: Mapping[str, object] | None = None,
        *,
        limit_ms: int = STATEMENT_MS,
    ) -> list[dict[str, Any]]:
        """A question's rows, in a transaction of its own that only reads; none, and the reason kept, if it fails.

        The limits hold for the transaction alone: behind a pool of connections they would reach others.
        """
        import psycopg  # noqa: PLC0415 - as in connect

        if self._connection is None:
            return []
        try:
            with self._connection.transaction():
                limits = f"SET LOCAL statement_timeout = {limit_ms}; SET LOCAL lock_timeout = {LOCK_MS}"
                self._connection.execute(f"SET TRANSACTION READ ONLY; {limits}")
                return self._connection.execute(query, values).fetchall()
        except psycopg.Error as error:
            self.missing[part] = _reason(error)
            return []


def _select(wanted: Mapping[str, str], view: str, condition: str = "") -> str:
    """A query of our own names for columns; they come from postgresql_columns, never from outside."""
    listed = ", ".join(f"{expression} AS {name}" for name, expression in wanted.items())
    return f"SELECT {listed} FROM {view} {condition}"  # noqa: S608 - as the docstring says


def _numbers(row: Mapping[str, Any], *but: str) -> dict[str, float]:
    """A row's counters; a counter that PostgreSQL does not keep here (NULL) is left out."""
    found = {}
    for name, value in row.items():
        if name not in but and value is not None:
            with suppress(TypeError, ValueError):
                found[name] = float(value)
    return found


def _reason(error: Exception) -> str:
    """The first line of PostgreSQL's own words: the rest may tell of the statement."""
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__
