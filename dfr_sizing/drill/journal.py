"""What was committed and when, kept outside of the database by the one who wrote it; and the sums of a table's rows.

A table's sum is that of a 64-bit hash of each row as text. Sums add up, so what a commit changed is known by itself,
and a restored table must have the sum it had before plus those of the commits that survived.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg.sql import SQL, Identifier

from dfr_sizing.drill.archive import position
from dfr_sizing.drill.cluster import Connection

Sums = Mapping[str, tuple[int, int]]
"""Rows and sum by table."""

TABLES = SQL("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
COMMITS = SQL("SELECT number FROM drill_commit ORDER BY number")
SUM = SQL("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} AS t")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. ``lsn`` is at or behind its end in WAL; both are None where no answer came before the failure."""

    number: int
    begun: float
    changed: Sums
    acked: float | None = None
    lsn: int | None = None

    @property
    def rows(self) -> int:
        """Rows that it added."""
        return sum(rows for rows, _ in self.changed.values())


@dataclass(frozen=True, slots=True)
class Journal:
    """The commits of one round, in their order."""

    commits: tuple[Commit, ...]

    @property
    def acked(self) -> tuple[Commit, ...]:
        """Those that PostgreSQL has answered for."""
        return tuple(commit for commit in self.commits if commit.acked is not None)


def steady_mark(journal: Path) -> Path:
    """A file that the writer makes when its rush is over."""
    return journal.with_name(f"{journal.name}.steady")


def read_journal(path: Path) -> Journal:
    """The journal as far as it got; a last line that was cut off is no entry."""
    commits: dict[int, Commit] = {}
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
        if not line.endswith("\n"):
            break
        told = json.loads(line)
        if "begun" in told:
            changed = {table: (int(rows), int(total)) for table, (rows, total) in told["changed"].items()}
            commits[told["number"]] = Commit(told["number"], told["begun"], changed)
        else:
            known = commits[told["number"]]
            lsn = position(told["lsn"])
            commits[told["number"]] = Commit(known.number, known.begun, known.changed, told["acked"], lsn)
    return Journal(tuple(commits[number] for number in sorted(commits)))


def sums_of(connection: Connection, tables: Iterable[str] | None = None) -> dict[str, tuple[int, int]]:
    """Rows and sums of the tables in schema public, every page of which is read for it."""
    names = [row[0] for row in connection.execute(TABLES)] if tables is None else list(tables)
    found = {}
    for table in names:
        rows, total = connection.execute(SUM.format(Identifier(table))).fetchone() or (0, "0")
        found[table] = (int(rows), int(total))
    return found


def expected(before: Sums, commits: Iterable[Commit]) -> dict[str, tuple[int, int]]:
    """Rows and sums after these commits."""
    found = dict(before)
    for commit in commits:
        for table, (rows, total) in commit.changed.items():
            old_rows, old_total = found.get(table, (0, 0))
            found[table] = (old_rows + rows, old_total + total)
    return found
