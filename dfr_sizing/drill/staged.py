"""The drill on a database that was told to be staging, which is only read.

A base backup over the replication protocol, WAL by pg_receivewal with a slot that ends with the drill, and sums of its
tables. The source is not failed: the failure is that its WAL comes no more.

Three things have to say that it is staging, as for seeding. A base backup copies the whole server, so there may be no
other database on it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import psycopg
from psycopg.sql import SQL

from dfr_sizing.drill import verify
from dfr_sizing.drill.archive import SEGMENT_BYTES, Archive, position
from dfr_sizing.drill.backup import base_backup, check, fetch, unpack
from dfr_sizing.drill.cluster import SESSION, Cluster, Connection
from dfr_sizing.drill.journal import Sums, sums_of
from dfr_sizing.drill.programs import Programs, told_in_short
from dfr_sizing.drill.recover import check_archive, recover
from dfr_sizing.drill.run import MB, Drill, Entered, check_asked, check_disk, check_linux
from dfr_sizing.drill.tool import DEFAULT_TOOL
from dfr_sizing.drill.types import Asked, DrillFailed, Loss, Outcome, Phase, Round, Sizes
from dfr_sizing.drill.workspace import Workspace, workspace
from dfr_sizing.drivers import drill_rule
from dfr_sizing.errors import InputError
from dfr_sizing.staging import postgres
from dfr_sizing.staging.seeding.guard import connect
from dfr_sizing.staging.target import Staging

LOOK_S, CONNECT_S = 0.1, 30.0

_ABOUT = SQL(
    "SELECT current_setting('server_version_num')::int / 10000,"
    " (SELECT sum(pg_database_size(oid))::bigint FROM pg_database),"
    " (SELECT count(*) FROM pg_tablespace) - 2,"
    " current_setting('wal_level'),"
    " (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'),"
    " (SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1),"
    " current_setting('max_prepared_transactions'),"
    " (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user),"
    " ARRAY(SELECT datname::text FROM pg_database WHERE NOT datistemplate"
    " AND datname NOT IN ('postgres', current_database()) ORDER BY datname)"
)
_AT = SQL("SELECT pg_current_wal_flush_lsn()::text")
_REPLAYED = SQL("SELECT pg_last_wal_replay_lsn()::text")
_HOLD = SQL("SELECT pg_create_physical_replication_slot(%s, true, true)")
_READ_ONLY = SQL("SET default_transaction_read_only = on")


@dataclass(frozen=True, slots=True)
class About:
    """What the drill has to know of the server."""

    major: int
    size_bytes: int
    superuser: str
    prepared: str


def drill_staging(staging: Staging, asked: Asked, entered: Entered | None = None) -> Outcome:
    """Back a staging up, lose it, restore it elsewhere. Raises InputError before anything is made."""
    check_linux()
    check_asked(asked)
    if (asked.tool, asked.postgresql) != (DEFAULT_TOOL, None):
        remedy = "drill one of its own with it: leave --staging out"
        raise InputError("--tool and --postgresql", asked.tool, f"{DEFAULT_TOOL} alone with --staging", remedy)
    with connect(staging) as connection:
        about = _about(connection, asked)
    _check_replication(staging)
    binaries = postgres.programs_of(about.major)
    account = postgres.account_for(asked.folder.resolve().parent, binaries)
    with workspace(asked.folder, asked.remote, account) as place:
        check_disk(replace(asked, size_bytes=about.size_bytes), place)
        programs = Programs(binaries, account, time.monotonic() + asked.at_most_s, place.folder)
        drill = Drill(asked, place, programs, entered or (lambda _phase, _round: None))
        drill.tell_host()

        def rounds() -> None:
            for number in range(1, asked.kills + 1):
                StagedRound(drill, staging, about, number).run()

        return drill.run(rounds)


def _about(connection: Connection, asked: Asked) -> About:
    row = connection.execute(_ABOUT).fetchone() or ()
    major, size, spaces, level, segment, superuser, prepared, may, others = row
    refused = (
        (not may, "the role", "without REPLICATION", "one with it, or a superuser", "ALTER ROLE ... REPLICATION"),
        (
            size > asked.size_bytes,
            "--size",
            f"{asked.size_bytes / MB:,.0f} MB",
            f"at least the staging's {size / MB:,.0f} MB",
            "raise it if there is the disk for it",
        ),
        (
            bool(others),
            "the server",
            f"also that of {', '.join(others)}",
            "the staging's alone, for a base backup copies all",
            "give the staging a server of its own",
        ),
        (spaces > 0, "tablespaces of the server", spaces, "none", "a drill does not restore them"),
        (level == "minimal", "wal_level of the server", level, "replica or logical", "set it: archiving needs it too"),
        (segment != SEGMENT_BYTES, "wal_segment_size", segment, f"{SEGMENT_BYTES}", "a drill knows no other"),
    )
    for wrong, name, value, allowed, remedy in refused:
        if wrong:
            raise InputError(name, value, allowed, remedy)
    return About(major, size, superuser, prepared)


def _check_replication(staging: Staging) -> None:
    """Raises InputError where the server takes no replication connection from here."""
    try:
        psycopg.connect(staging.postgresql, replication="true", connect_timeout=10).close()
    except psycopg.OperationalError as error:
        reason = told_in_short(str(error).strip().splitlines())
        allowed = "a server that takes replication connections from here"
        remedy = f"{reason}: allow it in pg_hba.conf and max_wal_senders"
        raise InputError("postgresql", staging.postgresql, allowed, remedy) from None


@dataclass(slots=True)
class StagedRound:
    """One loss of the staging's WAL, and the restore of what was kept."""

    drill: Drill
    staging: Staging
    about: About
    number: int

    def run(self) -> None:
        """Back up, watch, lose, restore, verify."""
        drill, place = self.drill, self.drill.place
        drill.seconds, drill.waits = {}, []
        archive = Archive(place.keep(f"wal-{self.number}"), place.folder / f"no-uploads-{self.number}")
        with self._receiving(archive):
            with drill.timed(Phase.BACKUP, self.number):
                folder = place.keep(f"backup-{self.number}")
                backup = base_backup(
                    self.staging.postgresql, folder, self._ours, compress=drill.asked.compress, environment=_secrets()
                )
            with drill.timed(Phase.WRITE, self.number):
                before, seen = self._watch()
        at = time.time()
        after = self._sums()
        _end_of_stream(archive, place)
        restored = self._restored()
        with drill.timed(Phase.FETCH, self.number):
            fetched = fetch(backup, place)
        with drill.timed(Phase.RESTORE, self.number):
            unpack(fetched, restored.data, place, drill.programs)
        with drill.timed(Phase.CHECK, self.number):
            check(restored.data, drill.programs)
        with drill.timed(Phase.REPLAY, self.number):
            check_archive(archive, backup.first_segment)
            recovered = recover(restored, self.staging.database, archive, settings=self._settings(restored))
        drill.seconds |= {Phase.REPLAY: recovered.replay_s, Phase.START: recovered.start_s}
        replayed = self._verify(restored, before, after)
        sizes = Sizes(backup.database_bytes, backup.stored_bytes, archive.used_bytes(backup.first_segment))
        timeout_s = drill.asked.archive_timeout_s
        lost_s = next((at - when for when, lsn in seen if lsn > replayed), 0.0)
        loss = Loss(0, 0, 0, max(0.0, lost_s), timeout_s + drill_rule("loss.clock_s").mid, 0.0, 0)
        seconds, waited = dict(drill.seconds), drill.waited_share
        drill.rounds.append(
            Round(self.number, sizes, seconds, loss, full_size=True, archive_timeout_s=timeout_s, waited_share=waited)
        )
        restored.lose()
        verify.check_loss(loss)

    @property
    def _ours(self) -> Programs:
        """Programs that speak to the source run as who called: password files and certificates are theirs."""
        return replace(self.drill.programs, account=None)

    @contextmanager
    def _receiving(self, archive: Archive) -> Iterator[None]:
        """pg_receivewal, until it is killed at the end of the block: as if the source were gone.

        A temporary slot keeps the source's WAL until it was sent: without one, the checkpoint that a backup begins with
        removes the segment that is on its way. The kernel ends the session with this process, and that ends the slot.
        """
        log = self.drill.place.folder / "pg_receivewal.log"
        told = ("--dbname", self.staging.postgresql, "--directory", archive.folder, "--no-loop", "--no-password")
        holder = self._connection()
        holder.execute(_HOLD, (f"dfr_size_drill_{os.getpid()}",))
        process = self._ours.start("pg_receivewal", *told, "--synchronous", environment=_secrets(), log=log)
        try:
            give_up = time.monotonic() + CONNECT_S
            while not any(archive.folder.iterdir()):
                if process.poll() is not None or time.monotonic() > give_up:
                    raise DrillFailed(f"pg_receivewal: {told_in_short(log.read_text(encoding='utf-8').splitlines())}")
                time.sleep(LOOK_S)
            yield
            if process.poll() is not None:
                said = told_in_short(log.read_text(encoding="utf-8").splitlines())
                raise DrillFailed(self.drill.programs.why(f"pg_receivewal ended by itself: {said}"))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            holder.close()

    def _watch(self) -> tuple[Sums, list[tuple[float, int]]]:
        """Sums of the tables, then where the source's WAL was and when, until the failure."""
        after = drill_rule("kill.after")
        draw = np.random.default_rng(np.random.SeedSequence(self.drill.asked.seed, spawn_key=(self.number, 1)))
        waits = float(draw.uniform(after.low, after.high)) * self.drill.asked.archive_timeout_s
        before, seen = self._sums(), []
        with self._connection() as connection:
            give_up = time.monotonic() + waits
            while time.monotonic() < give_up:
                _ = self.drill.programs.left_s
                seen.append((time.time(), position((connection.execute(_AT).fetchone() or ("0/0",))[0])))
                time.sleep(LOOK_S)
        return before, seen

    def _connection(self) -> Connection:
        connection = psycopg.connect(
            self.staging.postgresql, autocommit=True, options=SESSION, application_name="dfr-size drill"
        )
        connection.execute(_READ_ONLY)
        return connection

    def _sums(self) -> Sums:
        with self._connection() as connection:
            return sums_of(connection)

    def _restored(self) -> Cluster:
        made = self.drill.cluster()
        made.user = self.about.superuser
        return made

    def _settings(self, restored: Cluster) -> Mapping[str, str]:
        """Nothing of the source's configuration: it may name folders and libraries that are not here."""
        told = {}
        for name, text in (("config_file", ""), ("hba_file", "local all all trust\n"), ("ident_file", "")):
            path = restored.folder / name
            path.write_text(text, encoding="utf-8")
            self.drill.place.give(path)
            told[name] = str(path)
        return {**told, "max_prepared_transactions": self.about.prepared}

    def _verify(self, restored: Cluster, before: Sums, after: Sums) -> int:
        """Pages, indexes, and the sums of tables that did not change meanwhile; where in WAL it ended."""
        drill, database = self.drill, self.staging.database
        with drill.timed(Phase.VERIFY, self.number):
            verify.check_pages(restored, database)
            with restored.connect(database) as connection:
                replayed = position((connection.execute(_REPLAYED).fetchone() or ("0/0",))[0])
                found = sums_of(connection)
                verify.check_page_sums(connection)
            still = [table for table in before if before[table] == after.get(table)]
            drill.not_compared = tuple(sorted({*before, *after} - set(still)))
            for table in still:
                if found.get(table) != before[table]:
                    raise DrillFailed(f"table {table} is not as it was, though it did not change at the source")
        return replayed


def _secrets() -> dict[str, str]:
    """Libpq's own settings, for programs that speak to the source."""
    return {name: value for name, value in os.environ.items() if name.startswith("PG") or name == "HOME"}


def _end_of_stream(archive: Archive, place: Workspace) -> None:
    """The segment that was being received is whole in size, and its end is where WAL ends."""
    for path in archive.folder.iterdir():
        whole = path.with_suffix("") if path.suffix == ".partial" else path
        path.rename(whole)
        place.give(whole)
