"""The drill on a database that it seeds itself: rounds of growing size, each a failure with its recovery.

The database of a round is the one that the round before restored, as after a real failure. The smaller sizes tell what
of a phase is fixed and what grows; the full size is drilled as often as asked.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psycopg

from dfr_sizing.drill import source, verify
from dfr_sizing.drill.archive import Archive
from dfr_sizing.drill.backup import Backup, flush_all
from dfr_sizing.drill.cluster import Cluster
from dfr_sizing.drill.filestore import copy_all
from dfr_sizing.drill.journal import Journal, Sums, read_journal, steady_mark, sums_of
from dfr_sizing.drill.programs import Programs, told_in_short
from dfr_sizing.drill.recover import check_archive, recover
from dfr_sizing.drill.tool import DEFAULT_TOOL, TOOLS, Tool
from dfr_sizing.drill.types import RECOVERY, Asked, DrillFailed, Loss, Outcome, Phase, PointInTime, Round, Sizes
from dfr_sizing.drill.workspace import Workspace, workspace
from dfr_sizing.drivers import drill_rule
from dfr_sizing.errors import InputError
from dfr_sizing.recording.host import cores, cpu_name, waited_for_cpu_s
from dfr_sizing.staging import postgres

MB, MIB = 1e6, 2**20
EMPTY_BYTES, LEAST_BYTES = int(32 * MB), int(40 * MB)
"""A cluster with the stand-in's tables and a hundred farmers takes the first; below the second all sizes are one."""
LOOK_S = 0.1

Entered = Callable[[Phase, int], None]
"""Told of each phase as it begins, with the number of its round."""


def run_drill(asked: Asked, entered: Entered | None = None) -> Outcome:
    """Seed, back up, write, fail, recover, verify; nothing is left of it. Raises InputError before anything is made."""
    check_linux()
    check_asked(asked)
    binaries = asked.postgresql or postgres.reachable_binaries()
    account = postgres.account_for(asked.folder.resolve().parent, binaries)
    with workspace(asked.folder, asked.remote, account) as place:
        check_disk(asked, place)
        programs = Programs(binaries, account, time.monotonic() + asked.at_most_s, place.folder)
        drill = Drill(asked, place, programs, entered or (lambda _phase, _round: None))
        return drill.run(drill.rounds_of_own)


def check_linux() -> None:
    """Raises InputError elsewhere than on Linux: the kernel is asked to end what a killed drill leaves."""
    if not sys.platform.startswith("linux"):
        raise InputError("the system", platform.system(), "Linux", "drill on a Linux host, or in a container of one")


def check_asked(asked: Asked) -> None:
    """Raises InputError for what cannot be drilled."""
    if asked.tool not in TOOLS:
        raise InputError("--tool", asked.tool, " or ".join(TOOLS), "give one of them")
    if asked.tool != DEFAULT_TOOL and shutil.which(asked.tool) is None:
        raise InputError("--tool", f"{asked.tool}, not installed here", DEFAULT_TOOL, f"apt install {asked.tool}")
    if asked.postgresql is not None and not (asked.postgresql / "postgres").exists():
        remedy = "give for instance /usr/lib/postgresql/15/bin"
        raise InputError("--postgresql", asked.postgresql, "a folder with PostgreSQL's programs", remedy)
    if asked.size_bytes < LEAST_BYTES:
        raise InputError("--size", f"{asked.size_bytes:,} B", f"{LEAST_BYTES:,} B or more", "write for instance 50MB")
    for option, value in (("--kills", asked.kills), ("--archive-timeout", asked.archive_timeout_s)):
        if value < 1:
            raise InputError(option, value, "1 or more", "give another")


def check_disk(asked: Asked, place: Workspace) -> None:
    """Raises InputError where the drill would not fit."""
    needed = asked.size_bytes * drill_rule("size.disk").mid + drill_rule("size.spare_mib").mid * MIB
    free = min(shutil.disk_usage(path).free for path in (place.folder, place.remote))
    if free < needed:
        told = f"{needed / MB:,.0f} MB or more for --size {asked.size_bytes / MB:,.0f}MB"
        raise InputError("free disk", f"{free / MB:,.0f} MB", told, "lower --size, or choose another --folder")


@dataclass(slots=True)
class Drill:
    """A drill that is under way."""

    asked: Asked
    place: Workspace
    programs: Programs
    entered: Entered
    rounds: list[Round] = field(default_factory=list)
    phase: Phase = Phase.SEED
    seconds: dict[Phase, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    next_commit: int = 1
    clusters: list[Cluster] = field(default_factory=list)
    not_compared: tuple[str, ...] = ()
    waits: list[tuple[float, float]] = field(default_factory=list)

    def run(self, rounds: Callable[[], None]) -> Outcome:
        """All rounds, or as many as there were until one failed."""
        try:
            rounds()
        except DrillFailed as failed:
            return self._outcome(failed.reason)
        except OSError as error:
            return self._outcome(self.programs.why(f"{error.strerror or error}"))
        except psycopg.Error as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            running = next((one for one in self.clusters if one.process is not None), None)
            return self._outcome(running.why(reason) if running else self.programs.why(reason))
        finally:
            for cluster in self.clusters:
                cluster.kill()
        return self._outcome("")

    def _outcome(self, reason: str) -> Outcome:
        return Outcome(tuple(self.rounds), self.facts, self.phase if reason else None, reason, self.not_compared)

    def rounds_of_own(self) -> None:
        """On a database of its own: the smaller sizes, then the full one."""
        shares = drill_rule("size.before")
        above = self.asked.size_bytes - EMPTY_BYTES
        sizes = [EMPTY_BYTES + int(above * share) for share in (shares.low, shares.high)]
        sizes = (sizes if self.asked.smaller else []) + [self.asked.size_bytes] * self.asked.kills
        cluster, store = self._first()
        before: Sums = {}
        for number, size in enumerate(sizes, 1):
            full = number > len(sizes) - self.asked.kills
            to_a_point = number == len(sizes) - self.asked.kills + 1
            one = OneRound(self, number, size, full=full, to_a_point=to_a_point)
            cluster, store, before = one.run(cluster, store, before)

    @contextmanager
    def timed(self, phase: Phase, number: int) -> Iterator[None]:
        """A phase: noted, told, timed."""
        self.phase = phase
        self.place.enter(phase)
        self.entered(phase, number)
        begun, waited = time.perf_counter(), waited_for_cpu_s()
        yield
        took, waits = time.perf_counter() - begun, waited_for_cpu_s()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + took
        if phase in RECOVERY and waited is not None and waits is not None:
            self.waits.append((took, waits - waited))

    @property
    def waited_share(self) -> float | None:
        """Of this round's recovery so far, in which some process waited for a CPU."""
        whole = sum(took for took, _ in self.waits)
        return sum(waited for _, waited in self.waits) / whole if whole > 0 else None

    def _first(self) -> tuple[Cluster, Path]:
        """A new cluster, not started, and an empty filestore."""
        with self.timed(Phase.SEED, 1):
            cluster = self.cluster()
            postgres.make_cluster(self.programs.binaries, cluster.data, self.programs.account, "trust")
            self.tell_host()
            return cluster, self.place.make("filestore-0")

    def tell_host(self) -> None:
        """Note on what it runs."""
        self.facts |= {
            "cpu": cpu_name(),
            "cpus": str(cores()),
            "postgresql": self.programs.run("postgres", "--version").split()[2],
            "backup": self.tool.title,
            "kept": str(self.asked.remote or "on the same disk"),
        }

    @property
    def tool(self) -> Tool:
        """What makes the backups."""
        return TOOLS[self.asked.tool](self.place, self.programs, self.asked.compress)

    def cluster(self) -> Cluster:
        """The place of another cluster."""
        made = Cluster(self.place.make(f"server-{len(self.clusters)}"), self.programs)
        self.clusters.append(made)
        return made


@dataclass(slots=True)
class OneRound:
    """One failure and its recovery."""

    drill: Drill
    number: int
    size: int
    full: bool
    to_a_point: bool

    def run(self, primary: Cluster, store: Path, before: Sums) -> tuple[Cluster, Path, Sums]:
        """Returns the restored cluster, stopped, its filestore, and the sums of its tables."""
        drill, place = self.drill, self.drill.place
        drill.seconds, drill.waits = {}, []
        kept = place.keep("filestore")
        before = self._seed(primary, store, kept, before)
        spool = place.make(f"spool-{self.number}")
        archive, settings = drill.tool.archiving(primary, self.number, spool, drill.asked.archive_timeout_s)
        primary.start(settings)
        primary.wait(source.DATABASE)
        with drill.timed(Phase.BACKUP, self.number):
            backup = drill.tool.back_up(primary, source.DATABASE, self.number)
        journal, failure = self._write_until_failure(primary, store, spool, archive)
        fetched, restored = self._restore(backup)
        with drill.timed(Phase.REPLAY, self.number):
            check_archive(archive, backup.first_segment)
            recovered = recover(restored, source.DATABASE, archive)
        drill.seconds |= {Phase.REPLAY: recovered.replay_s, Phase.START: recovered.start_s}
        new_store = place.make(f"filestore-{self.number}")
        with drill.timed(Phase.FILES, self.number):
            files, files_bytes = copy_all(kept, new_store)
        survived_loss, before = self._verify(restored, journal, failure, new_store, before)
        wal, stored = archive.used_bytes(backup.first_segment), backup.stored_bytes
        sizes = Sizes(backup.database_bytes, stored, wal, files_bytes, files)
        done = Round(
            self.number, sizes, dict(drill.seconds), survived_loss, self.full, drill.asked.archive_timeout_s,
            drill.waited_share,
        )  # fmt: skip
        drill.rounds.append(done)
        verify.check_loss(survived_loss)
        if self.to_a_point:
            drill.rounds[-1] = replace(done, point_in_time=self._to_a_point(fetched, archive, journal, survived_loss))
        restored.stop()
        for path in {fetched, backup.folder, archive.folder, archive.uploads.parent}:
            shutil.rmtree(path, ignore_errors=not path.exists())  # one may lie in another
        return restored, new_store, before

    def _seed(self, cluster: Cluster, store: Path, kept: Path, before: Sums) -> Sums:
        """Grow the database and its filestore, and note what is in them."""
        drill = self.drill
        with drill.timed(Phase.SEED, self.number):
            if before and self.full and not self.to_a_point:
                return before  # as large as it should be since the round before
            cluster.start(source.SETTINGS)
            cluster.wait("postgres")
            if not before:
                source.prepare_database(cluster)
            source.grow(cluster, self.size, drill.asked.seed, lambda _what, _share: in_time(drill.programs))
            source.add_photos(cluster, store, self.size, drill.asked.seed)
            copy_all(store, kept)
        with cluster.connect(source.DATABASE) as connection:
            before = sums_of(connection)
        cluster.stop()
        flush_all(cluster.data)
        return before

    def _write_until_failure(
        self, primary: Cluster, store: Path, spool: Path, archive: Archive
    ) -> tuple[Journal, verify.Failure]:
        """Work goes on until the failure, which takes the server, its disk and the filestore with it."""
        drill, timeout_s = self.drill, self.drill.asked.archive_timeout_s
        noted = drill.place.folder / f"journal-{self.number}"
        with drill.timed(Phase.WRITE, self.number), ExitStack() as ending:
            writer = ending.enter_context(self._writer(primary, store, spool, noted))
            while not steady_mark(noted).exists():
                self._still(primary, writer, LOOK_S)
            after = drill_rule("kill.after")
            draw = np.random.default_rng(np.random.SeedSequence(drill.asked.seed, spawn_key=(self.number, 1)))
            give_up = time.monotonic() + float(draw.uniform(after.low, after.high)) * timeout_s
            while (left := give_up - time.monotonic()) > 0:
                self._still(primary, writer, min(LOOK_S, left))
            self._check_archiving(primary)
            at = primary.lose()
        for path in (store, spool):
            shutil.rmtree(path)
        uploads = [ended - begun for begun, ended in archive.uploaded().values()]
        journal = read_journal(noted)
        drill.next_commit += len(journal.commits)
        return journal, verify.Failure(at, archive.end(), timeout_s, max(uploads, default=0.0))

    @contextmanager
    def _writer(self, primary: Cluster, store: Path, spool: Path, noted: Path) -> Iterator[subprocess.Popen[bytes]]:
        rush = int(self.size * drill_rule("writes.wal_share").mid)
        told = {"parent": os.getpid(), "url": primary.url(source.DATABASE), "seed": self.drill.asked.seed}
        told |= {"first": self.drill.next_commit, "rush-bytes": rush, "journal": noted}
        told |= {"filestore": store, "spool": spool}
        command = [sys.executable, "-m", "dfr_sizing.drill.writer"]
        command += [part for name, value in told.items() for part in (f"--{name}", str(value))]
        with (self.drill.place.folder / "writer.log").open("ab") as log:
            writer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)  # noqa: S603
        try:
            yield writer
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()

    def _still(self, primary: Cluster, writer: subprocess.Popen[bytes], seconds: float) -> None:
        """Wait a little, if there is something to wait for. Raises DrillFailed."""
        _ = self.drill.programs.left_s
        if primary.process is None or primary.process.poll() is not None:
            raise DrillFailed(primary.why("PostgreSQL ended by itself while it was written to"))
        if writer.poll() is not None:
            log = (self.drill.place.folder / "writer.log").read_text(encoding="utf-8").strip().splitlines()
            raise DrillFailed(primary.why(f"the writer ended: {told_in_short(log or ['it lost its connection'])}"))
        time.sleep(seconds)

    def _check_archiving(self, primary: Cluster) -> None:
        with primary.connect(source.DATABASE) as connection:
            failed = connection.execute(
                "SELECT last_failed_wal FROM pg_stat_archiver WHERE failed_count > 0"
            ).fetchone()
        if failed:
            raise DrillFailed(primary.why(f"segment {failed[0]} could not be archived"))

    def _restore(self, backup: Backup) -> tuple[Path, Cluster]:
        """Fetch, unpack, hold against the manifest."""
        drill, restored = self.drill, self.drill.cluster()
        with drill.timed(Phase.FETCH, self.number):
            fetched = drill.tool.fetch(backup)
        with drill.timed(Phase.RESTORE, self.number):
            drill.tool.restore(fetched, restored.data)
        with drill.timed(Phase.CHECK, self.number):
            drill.tool.check(backup, restored.data)
        return fetched, restored

    def _verify(
        self, restored: Cluster, journal: Journal, failure: verify.Failure, store: Path, before: Sums
    ) -> tuple[Loss, Sums]:
        with self.drill.timed(Phase.VERIFY, self.number):
            verify.check_pages(restored, source.DATABASE)
            with restored.connect(source.DATABASE) as connection:
                survived, sums = verify.check_rows(connection, before, journal)
                verify.check_page_sums(connection)
                verify.check_files(connection, store)
        return verify.loss_of(journal, survived, failure), sums

    def _to_a_point(self, fetched: Path, archive: Archive, journal: Journal, loss: Loss) -> PointInTime:
        """Restore once more, to a moment between two commits that are far from both ends."""
        drill, again = self.drill, self.drill.cluster()
        kept = journal.acked[: loss.commits - loss.lost_commits]
        at = len(kept) // 2
        last, following = kept[at - 1], kept[at]
        with drill.timed(Phase.REPLAY, self.number):
            begun = time.perf_counter()
            drill.tool.restore(fetched, again.data)
            recover(again, source.DATABASE, archive, to=((last.acked or last.begun) + following.begun) / 2)
            seconds = time.perf_counter() - begun
            with again.connect(source.DATABASE) as connection:
                (found,) = connection.execute("SELECT coalesce(max(number), 0) FROM drill_commit").fetchone() or (0,)
        again.lose()
        if found != last.number:
            raise DrillFailed(f"restored to between commits {last.number} and {following.number}, the last is {found}")
        return PointInTime(last.number, found, seconds)


def in_time(programs: Programs) -> None:
    """Raises DrillFailed when the time is over."""
    _ = programs.left_s
