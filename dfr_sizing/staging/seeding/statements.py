"""Every SQL statement of the seeding."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.sql import SQL, Composed, Identifier

DATABASE = SQL("SELECT current_database()")
MARKED = SQL("SELECT value FROM ir_config_parameter WHERE key = 'dfr_sizing.is_staging'")
LOCK = SQL("SELECT pg_try_advisory_lock(hashtext('dfr_sizing_seed'))")
COLUMNS = SQL(
    "SELECT column_name, is_nullable = 'NO' AND column_default IS NULL FROM information_schema.columns"
    " WHERE table_schema = 'public' AND table_name = %s"
)
AREAS = SQL("SELECT id FROM dfr_administrative_area ORDER BY id")
HECTARE = SQL("SELECT id FROM uom_uom WHERE name->>'en_US' = 'ha' ORDER BY id LIMIT 1")
VERSION = SQL("SELECT id FROM dfr_form_version WHERE status = 'published' ORDER BY id LIMIT 1")
FIELDS = SQL(
    "SELECT id, label->>'en_US', field_type FROM dfr_form_field WHERE form_version_id = %s ORDER BY sequence, id"
)

# How far a seeding has come. A part is a run of farmers; a larger --farmers later adds another part.
MAKE_PARTS = SQL(
    "CREATE TABLE IF NOT EXISTS dfr_sizing_seed (part serial PRIMARY KEY, kind text NOT NULL, told jsonb NOT NULL,"
    " first int NOT NULL, last int NOT NULL, bases jsonb NOT NULL, done int NOT NULL)"
)
PARTS = SQL("SELECT part, told, first, last, bases, done FROM dfr_sizing_seed WHERE kind = %s ORDER BY part")
ADD_PART = SQL(
    "INSERT INTO dfr_sizing_seed (kind, told, first, last, bases, done) VALUES (%s, %s, %s, %s, %s, %s) RETURNING part"
)
ADVANCE = SQL("UPDATE dfr_sizing_seed SET done = %s WHERE part = %s")


def reserve(table: str) -> tuple[Composed, Composed]:
    """Two statements that set so many ids of a table aside: the first locks it, the second returns the last id before.

    Values of the second: how many, and the table's name.
    """
    name = Identifier(table)
    lock = SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name)
    take = SQL(
        "SELECT setval(s.name, base + %s) - %s FROM (SELECT pg_get_serial_sequence(%s, 'id') AS name) AS s,"
        " LATERAL (SELECT greatest(nextval(s.name), (SELECT coalesce(max(id), 0) FROM {})) AS base) AS b"
    ).format(name)
    return lock, take


def copy(table: str, columns: Sequence[str]) -> Composed:
    """Rows in bulk, as lines of PostgreSQL's text format."""
    return SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), SQL(", ").join(map(Identifier, columns)))


def vacuum(table: str) -> Composed:
    """Visibility and statistics, as a registry that has been in use has them."""
    return SQL("VACUUM (ANALYZE) {}").format(Identifier(table))
