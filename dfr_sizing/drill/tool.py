"""What makes backups and brings them back: pg_basebackup with a script for WAL, or pgBackRest where it is installed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dfr_sizing.drill.archive import Archive, archiving, number_of
from dfr_sizing.drill.backup import Backup, base_backup, check, fetch, flush_all, unpack
from dfr_sizing.drill.cluster import PORT, Cluster
from dfr_sizing.drill.programs import Programs
from dfr_sizing.drill.types import DrillFailed
from dfr_sizing.drill.workspace import Workspace

STANZA = "drill"


class Tool(Protocol):
    """One way to back up and to restore. Each raises DrillFailed where it cannot."""

    @property
    def title(self) -> str:
        """As the profile names it."""
        ...

    def archiving(self, cluster: Cluster, number: int, spool: Path, timeout_s: int) -> tuple[Archive, dict[str, str]]:
        """An empty archive for the server of a round, and the settings that fill it."""
        ...

    def back_up(self, cluster: Cluster, database: str, number: int) -> Backup:
        """A full backup of a server that runs."""
        ...

    def fetch(self, backup: Backup) -> Path:
        """Bring it to the new host, where that is a step of its own; where it then lies."""
        ...

    def restore(self, fetched: Path, data: Path) -> None:
        """Make a data folder of it, down to the disk."""
        ...

    def check(self, backup: Backup, data: Path) -> None:
        """Hold what was restored, or what it came from, against the tool's own sums."""
        ...


@dataclass(frozen=True, slots=True)
class PgBasebackup:
    """PostgreSQL's own: a tar over the replication protocol, WAL by the drill's script, checks by the manifest."""

    place: Workspace
    programs: Programs
    compress: bool

    @property
    def title(self) -> str:
        """As the profile names it."""
        return "pg_basebackup, tar" + (", gzip 1" if self.compress else "")

    def archiving(self, cluster: Cluster, number: int, spool: Path, timeout_s: int) -> tuple[Archive, dict[str, str]]:
        """The drill's script copies each segment, and the files that its rows speak of."""
        del cluster
        return archiving(self.place, number, spool, timeout_s, self.place.keep(f"wal-{number}"))

    def back_up(self, cluster: Cluster, database: str, number: int) -> Backup:
        """Into a folder of its own."""
        folder = self.place.keep(f"backup-{number}")
        return base_backup(cluster.url(database), folder, self.programs, compress=self.compress)

    def fetch(self, backup: Backup) -> Path:
        """Copied down."""
        return fetch(backup, self.place)

    def restore(self, fetched: Path, data: Path) -> None:
        """Unpacked."""
        unpack(fetched, data, self.place, self.programs)

    def check(self, backup: Backup, data: Path) -> None:
        """By pg_verifybackup."""
        del backup
        check(data, self.programs)


@dataclass(frozen=True, slots=True)
class PgBackRest:
    """pgBackRest with a repository on a folder, one process: it fetches, unpacks and checks sums in one step.

    Each round has a repository and a configuration of its own, so that nothing of the machine's is read or changed.
    """

    place: Workspace
    programs: Programs
    compress: bool

    @property
    def title(self) -> str:
        """As the profile names it."""
        return f"{self._run('version').strip()}{', gzip 1' if self.compress else ''}"

    def archiving(self, cluster: Cluster, number: int, spool: Path, timeout_s: int) -> tuple[Archive, dict[str, str]]:
        """The same script, which gives each segment to archive-push; pgBackRest finds segments by its own names."""
        self._configure(cluster, number)
        push = self._command(number, "archive-push")
        kept = self.place.own(self._repository(number) / "archive")
        # The server that is restored runs this in its own folder, not in that of the one that was lost.
        get = f'{self._command(number, "archive-get")} --pg1-path="$PWD" %f "%p"'
        made, settings = archiving(self.place, number, spool, timeout_s, kept, push)
        return Archive(made.folder, made.uploads, get), settings

    def back_up(self, cluster: Cluster, database: str, number: int) -> Backup:
        """A full one, and what pgBackRest says of it."""
        del cluster, database
        self._run(*self._told(number), "stanza-create")
        self._run(*self._told(number), "--type=full", "backup")
        said = self._run(*self._told(number), "--output=json", "info")
        try:
            made = json.loads(said)[0]["backup"][-1]
            size, stored = int(made["info"]["size"]), int(made["info"]["repository"]["delta"])
            first = number_of(made["archive"]["start"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DrillFailed(f"what pgBackRest says of its backup cannot be read ({error})") from None
        return Backup(self._repository(number), size, stored, first)

    def fetch(self, backup: Backup) -> Path:
        """It is fetched as it is restored."""
        flush_all(backup.folder)
        return backup.folder

    def restore(self, fetched: Path, data: Path) -> None:
        """Written and flushed by pgBackRest; how to recover is told to the server by the drill."""
        self.place.own(data)
        number = int(fetched.name.rpartition("-")[2])
        try:
            self._run(*self._told(number), f"--pg1-path={data}", "--type=preserve", "restore")
        except DrillFailed as failed:
            raise DrillFailed(self.programs.why(f"the backup is damaged: {failed}")) from None
        flush_all(data)

    def check(self, backup: Backup, data: Path) -> None:
        """Every file of the repository against its sum, WAL too."""
        del data
        number = int(backup.folder.name.rpartition("-")[2])
        said = self._run(*self._told(number), "--log-level-console=info", "verify")
        wrong = [line for line in said.splitlines() if "invalid" in line.lower() and ": 0" not in line]
        if "error" in said.lower().replace("0 errors", "") or wrong:
            raise DrillFailed(self.programs.why(f"the backup is damaged: {(wrong or said.splitlines())[0].strip()}"))

    def _repository(self, number: int) -> Path:
        return self.place.keep(f"backup-{number}")

    def _configure(self, cluster: Cluster, number: int) -> None:
        at = self.place.make(f"pgbackrest-{number}")
        told = {
            "repo1-path": self._repository(number),
            "lock-path": self.place.own(at / "lock"),
            "spool-path": self.place.own(at / "spool"),
            "log-path": at,
            "log-level-file": "off",
            "log-level-console": "warn",
            "start-fast": "y",
            "compress-type": "gz" if self.compress else "none",
            "compress-level": "1",
        }
        server = {
            "pg1-path": cluster.data,
            "pg1-socket-path": cluster.folder,
            "pg1-port": PORT,
            "pg1-user": cluster.user,
        }
        lines = [f"[global]\n{_lines(told)}\n[{STANZA}]\n{_lines(server)}\n"]
        path = at / "pgbackrest.conf"
        path.write_text("".join(lines), encoding="utf-8")
        self.place.give(path)

    def _told(self, number: int) -> tuple[str, ...]:
        return f"--config={self.place.folder / f'pgbackrest-{number}' / 'pgbackrest.conf'}", f"--stanza={STANZA}"

    def _command(self, number: int, name: str) -> str:
        return " ".join(shlex.quote(part) for part in ("pgbackrest", *self._told(number), name)).replace("%", "%%")

    def _run(self, *told: str) -> str:
        return self.programs.run("pgbackrest", *told)


def _lines(told: Mapping[str, object]) -> str:
    return "\n".join(f"{name}={value}" for name, value in told.items())


DEFAULT_TOOL = "pg_basebackup"
TOOLS: Mapping[str, Callable[[Workspace, Programs, bool], Tool]] = {
    DEFAULT_TOOL: PgBasebackup,
    "pgbackrest": PgBackRest,
}
"""By the name of --tool."""
