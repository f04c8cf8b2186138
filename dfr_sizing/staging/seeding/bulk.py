"""Seeding by SQL: COPY in batches, each committed by itself together with how far the seeding has come.

So it can be stopped anywhere, also by kill -9; the same command goes on after the last whole batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg

from dfr_sizing.errors import InputError
from dfr_sizing.staging.seeding import statements
from dfr_sizing.staging.seeding.plan import MOST_FARMERS, MOST_ID, Amounts, Part, rows_upto
from dfr_sizing.staging.seeding.rows import COLUMNS, Batch, Found, Writer

Connection = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[str, float], None]
BATCH_FARMERS = 500
"""Farmers that are committed together: some 100,000 rows with ten forms of 20 fields each. Assumed."""


@dataclass(frozen=True, slots=True)
class Seeding:
    """What was asked for. ``kind`` is ``dfr``, the DFR's modules, or ``odoo``, partners of a plain Odoo."""

    kind: str
    farmers: int
    seed: int
    amounts: Amounts
    batch_farmers: int = BATCH_FARMERS

    def __post_init__(self) -> None:
        if not 1 <= self.farmers <= MOST_FARMERS:
            raise InputError("--farmers", self.farmers, f"from 1 to {MOST_FARMERS:,}", "give another")

    @property
    def told(self) -> dict[str, Any]:
        """What decides the rows. Without it being the same a seeding cannot be gone on with."""
        return {"seed": self.seed, "batch_farmers": self.batch_farmers, **asdict(self.amounts)}


def seed_by_sql(connection: Connection, asked: Seeding, progress: Progress | None = None) -> dict[str, int]:
    """Fill the database to exactly so many seeded farmers; rows of each table. Raises InputError."""
    if not (connection.execute(statements.LOCK).fetchone() or (False,))[0]:
        raise InputError("the database", "being seeded", "one that no other seeding writes to", "wait for its end")
    asked, found = _look_up(connection, asked)
    for table, count in rows_upto(asked.kind, asked.farmers, asked.amounts).items():
        if count:
            _check_columns(connection, table)
    connection.execute(statements.MAKE_PARTS)
    connection.commit()
    for number, part, done in _parts(connection, asked):
        _fill(connection, asked, found, number, part, done, progress)
    _vacuum(connection, asked, progress)
    return rows_upto(asked.kind, asked.farmers, asked.amounts)


def _look_up(connection: Connection, asked: Seeding) -> tuple[Seeding, Found]:
    """What the rows refer to. The form's fields may be fewer than were asked for."""
    if asked.kind == "odoo":
        return asked, Found()
    try:
        areas = tuple(row[0] for row in connection.execute(statements.AREAS))
        hectare = connection.execute(statements.HECTARE).fetchone()
        version = connection.execute(statements.VERSION).fetchone()
        fields = connection.execute(statements.FIELDS, version).fetchall() if version else []
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise _differs(str(error).splitlines()[0]) from None
    for name, rows in (("an administrative area", areas), ("the unit 'ha'", hectare), ("a published form", fields)):
        if not rows and (name != "a published form" or asked.amounts.forms):
            raise InputError("the database", f"without {name}", "set up with it", "add it in the DFR first")
    fields = fields[: asked.amounts.fields]
    found = Found(
        areas, hectare[0] if hectare else 0, version[0] if version else 0, tuple((a, b, c) for a, b, c in fields)
    )
    return replace(asked, amounts=replace(asked.amounts, fields=len(fields))), found


def _check_columns(connection: Connection, table: str) -> None:
    """Refuse a table that is not as this version knows it, rather than guess."""
    there: dict[str, bool] = dict(connection.execute(statements.COLUMNS, (table,)).fetchall())
    missing = [column for column in COLUMNS[table] if column not in there]
    needed = sorted(column for column, needs in there.items() if needs and column not in COLUMNS[table])
    if missing:
        raise _differs(f"{table} has no column {', '.join(missing)}" if there else f"there is no table {table}")
    if needed:
        raise _differs(f"{table} needs a value for {', '.join(needed)}")


def _differs(how: str) -> InputError:
    return InputError(
        "the database",
        f"another than was expected: {how}",
        "one with the tables that dfr-size knows",
        "seed with --via api, or --kind odoo on a plain Odoo",
    )


def _parts(connection: Connection, asked: Seeding) -> list[tuple[int, Part, int]]:
    """Parts that are not done: number, part, next farmer. One is added where more farmers are asked for than before."""
    parts, last = [], 0
    for number, told, first, last, bases, done in connection.execute(statements.PARTS, (asked.kind,)).fetchall():
        if told != asked.told:
            differing = [f"{name} {told.get(name)}" for name, value in asked.told.items() if told.get(name) != value]
            told_before = "as before: " + ", ".join(differing)
            raise InputError(
                "the seeding", "not the one that was begun", told_before, "give the same, or an empty database"
            )
        parts.append((number, Part(asked.kind, asked.amounts, first, last, bases), done))
    if last > asked.farmers:
        remedy = "give at least as many, or an empty database: nothing is deleted here"
        raise InputError("--farmers", asked.farmers, f"{last:,} or more, which an earlier seeding was for", remedy)
    if last < asked.farmers:
        parts.append(_add_part(connection, asked, last))
    connection.commit()
    return [(number, part, done) for number, part, done in parts if done < part.last]


def _add_part(connection: Connection, asked: Seeding, first: int) -> tuple[int, Part, int]:
    """Set aside the ids of all its rows at once: so they do not depend on how often it is interrupted."""
    rows = Part(asked.kind, asked.amounts, first, asked.farmers, {}).rows
    bases: dict[str, int] = {}
    for table, count in rows.items():
        lock, take = statements.reserve(table)
        connection.execute(lock)
        (bases[table],) = connection.execute(take, (count, count, table)).fetchone() or (None,)
        if bases[table] is None or bases[table] + count > MOST_ID:
            raise InputError("--farmers", asked.farmers, f"few enough for {table}'s ids (2**31)", "give fewer")
    part = Part(asked.kind, asked.amounts, first, asked.farmers, bases)
    values = (asked.kind, json.dumps(asked.told), first, part.last, json.dumps(bases), first)
    (number,) = connection.execute(statements.ADD_PART, values).fetchone() or (0,)
    return number, part, first


def _fill(
    connection: Connection,
    asked: Seeding,
    found: Found,
    number: int,
    part: Part,
    done: int,
    progress: Progress | None,
) -> None:
    while done < part.last:
        batch = Batch(asked.seed, done // asked.batch_farmers, asked.batch_farmers)
        last = min(batch.start + batch.size, part.last)
        writer = Writer(part, found, batch, done, last)
        for table in part.rows:
            with connection.cursor().copy(statements.copy(table, COLUMNS[table])) as copy:
                copy.write("".join(writer.lines(table)))
        connection.execute(statements.ADVANCE, (last, number))
        connection.commit()
        done = last
        if progress is not None:
            progress(f"farmers {done:,}", done / asked.farmers)


def _vacuum(connection: Connection, asked: Seeding, progress: Progress | None) -> None:
    connection.commit()
    connection.autocommit = True
    for table, count in rows_upto(asked.kind, asked.farmers, asked.amounts).items():
        if count:
            if progress is not None:
                progress(f"vacuum {table}", 1.0)
            connection.execute(statements.vacuum(table))
