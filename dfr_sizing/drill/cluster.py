"""A PostgreSQL of the drill's own: reachable by a Unix socket in its folder alone, which is closed to others."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from dfr_sizing.drill.programs import Programs, told_in_short
from dfr_sizing.drill.types import DrillFailed
from dfr_sizing.staging import postgres

PORT = "5432"
"""Of the socket's name only."""
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "log_line_prefix": "%n ",  # seconds since 1970, to the millisecond
    "lc_messages": "C",
    "logging_collector": "off",
    "log_destination": "stderr",
    "shared_preload_libraries": "",
    "max_wal_senders": "4",
    "wal_level": "replica",
    "ssl": "off",
}
SESSION = "-c timezone=UTC -c datestyle=ISO -c extra_float_digits=1 -c bytea_output=hex -c intervalstyle=postgres"
"""Rows as text must read the same in every session: their checksums are compared."""

_LOGGED = re.compile(r"^(\d+\.\d+) (?:\[\d+\] )?(LOG|FATAL|PANIC|ERROR):\s+(.*)$", re.MULTILINE)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(slots=True)
class Cluster:
    """One cluster: its folder, and its server while it runs."""

    folder: Path
    programs: Programs
    user: str = "postgres"
    process: subprocess.Popen[bytes] | None = field(default=None)
    _logged_before: int = 0

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    def url(self, database: str) -> str:
        """The way in, for who may enter the folder."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}&port={PORT}"

    def connect(self, database: str) -> Connection:
        """A connection in which rows read as text the same as in every other."""
        return psycopg.connect(self.url(database), autocommit=True, options=SESSION, connect_timeout=10)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server without waiting for it."""
        told = {**SETTINGS, "unix_socket_directories": str(self.folder), **settings}
        log = self.folder / "postgresql.log"
        self._logged_before = log.stat().st_size if log.exists() else 0
        self.process = postgres.start(
            self.programs.binaries, self.data, self.programs.account, told, orphaned=signal.SIGQUIT
        )

    def wait(self, database: str) -> float:
        """Until it takes connections; that moment (``time.time``). Raises DrillFailed where it does not come up."""
        while self.process is not None and self.process.poll() is None:
            _ = self.programs.left_s
            try:
                self.connect(database).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return time.time()
        raise DrillFailed(self.why("PostgreSQL ended"))

    def logged(self) -> list[tuple[float, str, str]]:
        """Time, level and text of what the server has logged since its start."""
        with (self.folder / "postgresql.log").open("rb") as log:
            log.seek(self._logged_before)
            text = log.read().decode(errors="replace")
        return [(float(at), level, said) for at, level, said in _LOGGED.findall(text)]

    def why(self, reason: str) -> str:
        """The reason of a failure, with what the server said itself: first what it died of."""
        said = [
            line
            for _, level, line in self.logged()
            if level in ("PANIC", "FATAL") and "the database system" not in line
        ]
        return self.programs.why(f"{reason}: {told_in_short(said)}" if said else reason)

    def stop(self) -> None:
        """In order: what was committed is in the data."""
        if self.process is not None:
            postgres.stop(self.process)
            self.process = None

    def kill(self) -> float:
        """Kill all of it at once, as a power cut does; that moment (``time.time``)."""
        if self.process is None:
            return time.time()
        children: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children(recursive=True)
        at = time.time()
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.wait()
        psutil.wait_procs(children, timeout=10.0)
        self.process = None
        return at

    def lose(self) -> float:
        """Kill it, and its disk with it: nothing of it is used again."""
        at = self.kill()
        shutil.rmtree(self.folder)
        return at
