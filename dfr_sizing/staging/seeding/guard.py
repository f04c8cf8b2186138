"""The way into a staging's database, and nowhere else.

Three things have to say that it is one: the staging file (``is_staging = true``), the database's name, which the file
gives too, and a mark in the database itself, which somebody set there by hand.
"""

from __future__ import annotations

from typing import Any

import psycopg

from dfr_sizing.errors import InputError
from dfr_sizing.staging.seeding import statements
from dfr_sizing.staging.target import Staging

SET_THE_MARK = "INSERT INTO ir_config_parameter (key, value) VALUES ('dfr_sizing.is_staging', 'true')"


def connect(staging: Staging) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection that may write. Raises InputError where anything speaks against it."""
    if not staging.postgresql:
        raise InputError(
            "postgresql of the staging file", "missing", "the URL of the staging's database", "add it to the file"
        )
    try:
        connection = psycopg.connect(staging.postgresql, connect_timeout=10, application_name="dfr-size seed-staging")
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        told = f"{reason}; its password is read from PGPASSWORD"
        raise InputError("postgresql", staging.postgresql, "a database that can be reached", told) from None
    try:
        _check(connection, staging)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: psycopg.Connection[tuple[Any, ...]], staging: Staging) -> None:
    name = (connection.execute(statements.DATABASE).fetchone() or ("",))[0]
    if name != staging.database:
        raise InputError(
            "the database of postgresql", name, f"{staging.database}, which the staging file names", "mend the file"
        )
    try:
        row = connection.execute(statements.MARKED).fetchone()
    except psycopg.errors.UndefinedTable:
        raise InputError("the database", name, "one of Odoo's", "name the staging's in postgresql") from None
    if row is None or row[0] != "true":
        told = f"once nobody works on it, run there: {SET_THE_MARK}"
        raise InputError("the database", name, "marked as staging by dfr_sizing.is_staging = 'true'", told)
    connection.rollback()
