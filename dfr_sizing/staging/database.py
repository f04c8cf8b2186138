"""The stand-in's way to PostgreSQL: transactions as Odoo makes them, counted as Odoo's access log counts them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

import psycopg

from dfr_sizing.drivers import drivers
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.staging import statements
from dfr_sizing.staging.statements import Statement

T = TypeVar("T")
Row = tuple[Any, ...]

TRIES = 5
"""Odoo 18 tries a request at most so often when PostgreSQL refuses to serialise it; it waits uniform(0, 2**n) seconds
before the next time (domain knowledge read in Odoo's code)."""
SCHEMA = "1"
"""Version of schema.sql, kept in the database under ``dfr_sizing.stand_in``."""

_AGAIN = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable)


@dataclass(slots=True)
class Spent:
    """What a request has asked of the database so far: the log's first two figures.

    Statements that begin and end transactions are not counted, as in Odoo.
    """

    queries: int = 0
    seconds: float = 0.0


class Transaction:
    """One transaction of one request."""

    def __init__(self, connection: psycopg.Connection[Row], spent: Spent) -> None:
        self._connection = connection
        self._spent = spent

    def rows(self, statement: Statement, values: Sequence[object] = ()) -> list[Row]:
        """What a statement returns; nothing for one that returns no rows."""
        started = time.perf_counter()
        try:
            # Without values nothing is looked for to put them in at: the % of a pattern stays as it is.
            cursor = self._connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []
        finally:
            self._spent.queries += 1
            self._spent.seconds += time.perf_counter() - started

    def value(self, statement: Statement, values: Sequence[object] = ()) -> Any:
        """The first column of the first row, or None."""
        rows = self.rows(statement, values)
        return rows[0][0] if rows else None


class Database:
    """One worker's connection. It is made when first used, and made again when PostgreSQL has closed it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Row] | None = None

    def run(self, work: Callable[[Transaction], T], spent: Spent) -> T:
        """Do a request's work in a transaction of its own; again, from the start, where it could not be serialised."""
        for number in range(1, TRIES + 1):
            try:
                return self._once(work, spent)
            except _AGAIN:
                if number == TRIES:
                    raise
                time.sleep(random.uniform(0.0, 2.0**number))  # noqa: S311  (spreads the tries, no secret)
        raise AssertionError

    def _once(self, work: Callable[[Transaction], T], spent: Spent) -> T:
        connection = self._open()
        try:
            connection.execute(statements.BEGIN)
            done = work(Transaction(connection, spent))
            connection.execute(statements.COMMIT)
        except BaseException:
            if not connection.broken:
                connection.execute(statements.ROLLBACK)
            raise
        finally:
            if not connection.broken:
                connection.execute(statements.DISCARD)
        return done

    def _open(self) -> psycopg.Connection[Row]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            # Values are put in at this end and nothing is prepared, as psycopg 2 does for Odoo.
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                prepare_threshold=None,
                cursor_factory=psycopg.ClientCursor,
                application_name="dfr_sizing.staging",
            )
        return self._connection


def prepare(url: str) -> None:
    """Make the stand-in's tables in an empty database; leave them be where they are. Raises InputError."""
    allowed = "an empty database, or one that the stand-in made"
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            (tables,) = connection.execute(statements.COUNT_TABLES).fetchone() or (0,)
            if tables == 0:
                _fill(connection)
            elif _version(connection) != SCHEMA:
                raise InputError("--postgresql", url, allowed, "create a database for it: nothing was touched")
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError("--postgresql", url, allowed, f"{reason}; its password is read from PGPASSWORD") from None


def _version(connection: psycopg.Connection[Row]) -> str:
    try:
        with connection.transaction():
            found = connection.execute(statements.CONFIG, ("dfr_sizing.stand_in",)).fetchone()
    except psycopg.errors.UndefinedTable:
        return ""
    return str(found[0]) if found else ""


def _fill(connection: psycopg.Connection[Row]) -> None:
    text = resources.files("dfr_sizing.staging").joinpath("schema.sql").read_text(encoding="utf-8")
    connection.execute(text.encode())
    fields = drivers()["registry.fields_per_form"].value
    if not isinstance(fields, Interval):
        raise TypeError(fields)
    connection.execute(statements.ADD_FORM_FIELDS, (round(fields.mid),))
