"""Every SQL statement that the stand-in's requests send, in the order in which a reader meets them.

They have the shape of Odoo 18's own, as pg_stat_statements saw them on the reference system.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from psycopg.sql import SQL, Composed, Identifier, Placeholder

Statement = SQL | Composed

BEGIN = SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE")
COMMIT = SQL("COMMIT")
ROLLBACK = SQL("ROLLBACK")
DISCARD = SQL("DISCARD ALL")

# What every request asks before anything else.
SIGNALING = SQL(
    "SELECT base_registry_signaling.last_value, base_cache_signaling_default.last_value"
    " FROM base_registry_signaling, base_cache_signaling_default"
)
COMPANY = SQL("SELECT id, name, active FROM res_company WHERE id = 1")

# Who asks.
USER = SQL("SELECT id, partner_id, login FROM res_users WHERE login = {} AND active").format(Placeholder())
USER_PARTNER = SQL("SELECT id, email_normalized, lang, name, tz FROM res_partner WHERE id = {}").format(Placeholder())
USER_LOG = SQL("INSERT INTO res_users_log (create_uid, create_date) VALUES ({}, now() AT TIME ZONE 'UTC')").format(
    Placeholder()
)
COUNTRIES = SQL("SELECT id, name->>'en_US', code FROM res_country ORDER BY id")

# A record with its mail thread.
NOW = SQL("SELECT (now() AT TIME ZONE 'UTC')")
COMMERCIAL = SQL(
    "UPDATE res_partner SET commercial_partner_id = id, commercial_company_name = NULL, partner_share = true"
    " WHERE id = {}"
).format(Placeholder())
MODEL = SQL("SELECT id, name->>'en_US', model FROM ir_model WHERE model = {}").format(Placeholder())
MODEL_FIELDS = SQL("SELECT id, name FROM ir_model_fields WHERE model = {}").format(Placeholder())
MESSAGE = SQL(
    "INSERT INTO mail_message (author_id, body, create_date, create_uid, date, message_type, model, res_id,"
    " subtype_id, write_date, write_uid) SELECT {p}, {p}, t, {p}, t, 'notification', {p}, {p}, 1, t, {p}"
    " FROM (SELECT now() AT TIME ZONE 'UTC') AS clock (t) RETURNING id"
).format(p=Placeholder())
FOLLOWER = SQL("INSERT INTO mail_followers (partner_id, res_id, res_model) VALUES ({p}, {p}, {p}) RETURNING id").format(
    p=Placeholder()
)
FOLLOWER_SUBTYPE = SQL(
    "INSERT INTO mail_followers_mail_message_subtype_rel (mail_followers_id, mail_message_subtype_id) VALUES ({}, 1)"
).format(Placeholder())
FOLLOWERS = SQL("SELECT id, partner_id FROM mail_followers WHERE res_model = {p} AND res_id = {p}").format(
    p=Placeholder()
)
TRACKING = SQL(
    "INSERT INTO mail_tracking_value (create_date, create_uid, field_id, mail_message_id, new_value_char,"
    " old_value_char) SELECT now() AT TIME ZONE 'UTC', {p}, f.id, {p}, t.new, t.old"
    " FROM unnest({p}::varchar[], {p}::varchar[], {p}::varchar[]) AS t (name, old, new)"
    " JOIN ir_model_fields f ON f.model = {p} AND f.name = t.name"
).format(p=Placeholder())

# Deduplication of a farmer: by national ID; by name, birth date and area, without an index; up to 100 to compare with.
_LIVING = SQL("status NOT IN ('archived', 'deceased', 'merged_duplicate') AND active AND id <> {}").format(
    Placeholder()
)
SAME_NATIONAL_ID = SQL("SELECT id FROM dfr_farmer WHERE {living} AND national_id_number = {p}").format(
    living=_LIVING, p=Placeholder()
)
SAME_PERSON = SQL(
    "SELECT id FROM dfr_farmer WHERE {living} AND name = {p} AND date_of_birth = {p} AND administrative_area_id = {p}"
).format(living=_LIVING, p=Placeholder())
NEIGHBOURS = SQL(
    "SELECT id, name FROM dfr_farmer WHERE {living} AND administrative_area_id = {p} ORDER BY id LIMIT 100"
).format(living=_LIVING, p=Placeholder())

# Synchronisation and look-up.
FARMER_ID = SQL("SELECT id FROM dfr_farmer WHERE uid = {}").format(Placeholder())
FARMER = SQL(
    "SELECT id, uid, name, date_of_birth, sex, contact_phone, national_id_number, status, administrative_area_id,"
    " write_date FROM dfr_farmer WHERE uid = {}"
).format(Placeholder())
CHANGED_FARMERS = SQL(
    "SELECT id, uid, name, date_of_birth, sex, contact_phone, national_id_number, status, administrative_area_id"
    " FROM dfr_farmer WHERE write_date > to_timestamp({}) AT TIME ZONE 'UTC' ORDER BY id LIMIT 1000"
).format(Placeholder())
FORM_VERSIONS = SQL(
    "SELECT v.id, v.version_number, v.name, f.id, f.name, f.label->>'en_US', f.field_type FROM dfr_form_version v"
    " JOIN dfr_form_field f ON f.form_version_id = v.id WHERE v.status = 'published' ORDER BY v.id, f.sequence, f.id"
)
FORM_FIELDS = SQL(
    "SELECT f.id, f.name, f.label->>'en_US', f.field_type FROM dfr_form_field f JOIN dfr_form_version v"
    " ON v.id = f.form_version_id WHERE v.id = {} AND v.status = 'published' ORDER BY f.sequence, f.id"
).format(Placeholder())
SUBMISSIONS_OF = SQL(
    "SELECT id, name, form_version_id, submission_date, state FROM dfr_form_submission WHERE farmer_id = {p}"
    " AND form_version_id = ANY({p}) ORDER BY submission_date DESC, id DESC"
).format(p=Placeholder())
AREAS = SQL("SELECT id, name FROM dfr_administrative_area ORDER BY id")
HECTARE = SQL("SELECT id FROM uom_uom WHERE name->>'en_US' = 'ha'")
ALIVE = SQL("SELECT 1")

# Making the stand-in's database.
CONFIG = SQL("SELECT value FROM ir_config_parameter WHERE key = {}").format(Placeholder())
ADD_FORM_FIELDS = SQL(
    "INSERT INTO dfr_form_field (form_version_id, name, label, field_type, sequence) SELECT 1, 'field_' || n,"
    " jsonb_build_object('en_US', 'Question ' || n), (ARRAY['text', 'number', 'selection', 'boolean', 'date'])"
    "[1 + n %% 5], n FROM generate_series(1, {}) AS n"
).format(Placeholder())
COUNT_TABLES = SQL(
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
)


def select(
    table: str,
    columns: Sequence[str],
    where: Statement,
    order: Sequence[tuple[str, Literal["ASC", "DESC"]]] = (),
    limit: int | None = None,
    offset: int = 0,
) -> Composed:
    """Rows of a table: the search and the fetch in one, as Odoo 18 does it."""
    parts: list[Statement] = [
        SQL("SELECT {} FROM {} WHERE {}").format(_names(columns), Identifier(table), where),
    ]
    if order:
        terms = [SQL("{} " + direction).format(Identifier(column)) for column, direction in order]
        parts.append(SQL("ORDER BY ") + SQL(", ").join(terms))
    if limit is not None:
        parts.append(SQL("LIMIT {}").format(limit))
    if offset:
        parts.append(SQL("OFFSET {}").format(offset))
    return SQL(" ").join(parts)


def count(table: str, where: Statement) -> Composed:
    """How many rows a search finds."""
    return SQL("SELECT COUNT(*) FROM {} WHERE {}").format(Identifier(table), where)


def group(table: str, columns: Sequence[str], where: Statement) -> Composed:
    """How many rows there are of each combination."""
    text = SQL("SELECT {columns}, COUNT(*) FROM {table} WHERE {where} GROUP BY {columns} ORDER BY {columns}")
    return text.format(columns=_names(columns), table=Identifier(table), where=where)


def lines(table: str, column: str) -> Composed:
    """Rows that refer to some others, whose ids are the value."""
    return SQL("SELECT id, {column} FROM {table} WHERE {column} = ANY({p}) ORDER BY id").format(
        column=Identifier(column), table=Identifier(table), p=Placeholder()
    )


def insert(table: str, columns: Sequence[str]) -> Composed:
    """One row; its id comes back. The dates are the transaction's."""
    return SQL(
        "INSERT INTO {} ({}, create_date, write_date)"
        " VALUES ({}, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC') RETURNING id"
    ).format(Identifier(table), _names(columns), SQL(", ").join(Placeholder() * len(columns)))


def update(table: str, columns: Sequence[str]) -> Composed:
    """Some columns of the rows whose ids come last."""
    pairs = [SQL("{} = {}").format(Identifier(column), Placeholder()) for column in columns]
    return SQL("UPDATE {} SET {}, write_date = now() AT TIME ZONE 'UTC' WHERE id = ANY({})").format(
        Identifier(table), SQL(", ").join(pairs), Placeholder()
    )


def _names(columns: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))
