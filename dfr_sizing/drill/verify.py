"""Whether what came back is what was there: pages, indexes, rows against the journal, files against their rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psycopg.sql import SQL

from dfr_sizing.drill import filestore
from dfr_sizing.drill.cluster import PORT, Cluster, Connection
from dfr_sizing.drill.journal import COMMITS, Commit, Journal, Sums, expected, sums_of
from dfr_sizing.drill.types import DrillFailed, Loss
from dfr_sizing.drivers import drill_rule

FILES = SQL("SELECT store_fname FROM ir_attachment WHERE store_fname IS NOT NULL")
DAMAGED = SQL("SELECT current_setting('data_checksums'), coalesce(sum(checksum_failures), 0) FROM pg_stat_database")


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a failure without the database: when, how far the archive reached, how long uploads took."""

    at: float
    archived_to: int
    archive_timeout_s: float
    upload_s: float


def check_pages(cluster: Cluster, database: str) -> None:
    """Every heap and every B-tree by pg_amcheck. Raises DrillFailed."""
    where = ("--host", str(cluster.folder), "--port", PORT, "--username", cluster.user)
    try:
        cluster.programs.run("pg_amcheck", *where, "--install-missing", "--no-password", database)
    except DrillFailed as failed:
        raise DrillFailed(cluster.why(f"the restored database is damaged: {failed}")) from None


def check_page_sums(connection: Connection) -> None:
    """No page that was read failed its checksum. Raises DrillFailed."""
    on, failures = connection.execute(DAMAGED).fetchone() or ("off", 0)
    if on == "on" and failures:
        raise DrillFailed(f"{failures} pages of the restored database failed their checksum")


def check_rows(connection: Connection, before: Sums, journal: Journal) -> tuple[tuple[Commit, ...], Sums]:
    """The commits that survived and the sums found; every table must be as it was plus them. Raises DrillFailed."""
    numbers = {row[0] for row in connection.execute(COMMITS)}
    survived = tuple(commit for commit in journal.commits if commit.number in numbers)
    if survived != journal.commits[: len(survived)]:
        gone = next(one.number for one, other in zip(journal.commits, survived, strict=False) if one != other)
        raise DrillFailed(f"commit {gone} is gone though a later one is there")
    should, there = expected(before, survived), sums_of(connection)
    for table in sorted({*should, *there}):
        wanted, found = should.get(table), there.get(table)
        if wanted != found:
            how = f"holds {found[0]} rows, not {wanted[0]}" if wanted and found else "is not as it was"
            same = bool(wanted and found and wanted[0] == found[0])
            raise DrillFailed(f"table {table} {'holds other rows than were committed' if same else how}")
    return survived, there


def check_files(connection: Connection, store: Path) -> int:
    """Every file that a row speaks of is there and whole; how many. Raises DrillFailed."""
    names = [row[0] for row in connection.execute(FILES)]
    bad = filestore.bad(store, names)
    if bad:
        raise DrillFailed(f"{len(bad)} files that rows speak of are missing or damaged, the first {bad[0]}")
    return len(names)


def loss_of(journal: Journal, survived: tuple[Commit, ...], failure: Failure) -> Loss:
    """What the failure took."""
    numbers = {commit.number for commit in survived}
    lost = [commit for commit in journal.acked if commit.number not in numbers]
    archived = [commit for commit in lost if commit.lsn is not None and commit.lsn <= failure.archived_to]
    first = lost[0].acked if lost else None
    return Loss(
        commits=len(journal.acked),
        lost_commits=len(lost),
        lost_rows=sum(commit.rows for commit in lost),
        seconds=0.0 if first is None else max(0.0, failure.at - first),
        bound_s=failure.archive_timeout_s + failure.upload_s + drill_rule("loss.clock_s").mid,
        upload_s=failure.upload_s,
        archived_rows=sum(commit.rows for commit in archived),
    )


def check_loss(loss: Loss) -> None:
    """Raises DrillFailed where more is gone than archiving allows."""
    if loss.archived_rows:
        raise DrillFailed(
            f"{loss.archived_rows} rows are gone that were committed before the last archived segment's end"
        )
    if loss.seconds > loss.bound_s:
        raise DrillFailed(
            f"{loss.seconds:.1f} s of work are gone, but archive_timeout and one upload are {loss.bound_s:.1f} s"
        )
