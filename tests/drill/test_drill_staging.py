"""A staging is drilled without being changed; what does not say that it is one is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import real_postgres as own_server
from drill_process import everything_in, start

from dfr_sizing.drill.cluster import SESSION
from dfr_sizing.drill.journal import sums_of
from dfr_sizing.drill.staged import drill_staging
from dfr_sizing.drill.types import Asked, Phase
from dfr_sizing.errors import InputError
from dfr_sizing.staging import database
from dfr_sizing.staging.target import Staging

PASSWORD = "right-and-to-be-found-nowhere"  # noqa: S105
UNMARK = "DELETE FROM ir_config_parameter WHERE key = 'dfr_sizing.is_staging'"
MARK = "INSERT INTO ir_config_parameter (key, value) VALUES ('dfr_sizing.is_staging', 'true')"
STATE = (
    "SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM"
    " pg_class), (SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database), (SELECT count(*) FROM pg_roles)"
)


@dataclass(frozen=True)
class Source:
    """A server with a staging on it that asks for a password."""

    url: str
    staging: Staging

    def state(self) -> tuple[object, object]:
        """What must be the same afterwards: every table's rows, and what else a program might leave behind."""
        with psycopg.connect(self.url, autocommit=True, options=SESSION) as connection:
            return sums_of(connection), connection.execute(STATE.encode()).fetchone()

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with own_server.running({"shared_preload_libraries": ""}) as server, pytest.MonkeyPatch.context() as patch:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE staging")
            connection.execute(f"ALTER ROLE postgres PASSWORD '{PASSWORD}'".encode())
        url = server.url_of("staging")
        database.prepare(url)
        lines = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"
        (server.folder / "pg_hba.conf").write_text(lines)
        patch.setenv("PGPASSWORD", PASSWORD)
        told = Staging(
            url="http://127.0.0.1:1", database="staging", is_staging=True, users=("a",), workers=1, postgresql=url
        )
        made = Source(url, told)
        # The socket's server still trusts until it is told to look again.
        made.run("SELECT pg_reload_conf()")
        yield made


def asked(quick_place: Path, **changed: object) -> Asked:
    told = {"folder": quick_place / "drill", "size_bytes": 200_000_000, "archive_timeout_s": 1, "at_most_s": 300.0}
    return Asked(**{**told, **changed})  # type: ignore[arg-type]


def test_a_staging_is_restored_elsewhere_and_not_changed(source: Source, quick_place: Path) -> None:
    before = source.state()
    outcome = drill_staging(source.staging, asked(quick_place))
    assert outcome.reason == ""
    (one,) = outcome.rounds
    assert one.sizes.database_bytes > 20_000_000
    assert set(one.seconds) == set(Phase) - {Phase.SEED, Phase.FILES}
    assert outcome.not_compared == ()
    assert source.state() == before
    assert list(quick_place.iterdir()) == []
    assert everything_in(quick_place) == []


def test_what_is_written_meanwhile_is_not_compared_and_named(source: Source, quick_place: Path) -> None:
    over = threading.Event()

    def work() -> None:
        with psycopg.connect(source.url, autocommit=True) as connection:
            while not over.wait(0.05):
                connection.execute("INSERT INTO res_country (name) VALUES ('{}')")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        outcome = drill_staging(source.staging, asked(quick_place))
    finally:
        over.set()
        worker.join()
    assert outcome.reason == ""
    assert outcome.not_compared == ("res_country",)


def _write_to(folder: Path, staging: Staging) -> Path:
    path = folder / "staging.toml"
    path.write_text(
        f'url = "{staging.url}"\ndatabase = "staging"\nis_staging = true\nusers = ["a"]\nworkers = 1\n'
        f'postgresql = "{staging.postgresql}"\n'
    )
    return path


def test_a_wrong_password_is_one_sentence_and_nothing_is_made(source: Source, quick_place: Path) -> None:
    before, file = source.state(), _write_to(quick_place, source.staging)
    process = start(quick_place / "drill", "--staging", file, PGPASSWORD="wrong-and-not-to-be-told")
    out, error = process.communicate()
    assert (process.returncode, out, error.count("\n")) == (2, "", 1)
    assert "password authentication failed" in error
    assert "PGPASSWORD" in error
    assert "wrong-and" not in error
    assert source.state() == before
    assert [path.name for path in quick_place.iterdir()] == [file.name]


def test_a_database_without_the_mark_is_not_read(source: Source, quick_place: Path) -> None:
    source.run(UNMARK)
    try:
        with pytest.raises(InputError, match=r"dfr_sizing\.is_staging"):
            drill_staging(source.staging, asked(quick_place))
    finally:
        source.run(MARK)
    assert list(quick_place.iterdir()) == []


def test_a_server_with_another_database_is_not_copied(source: Source, quick_place: Path) -> None:
    source.run("CREATE DATABASE payroll")
    try:
        with pytest.raises(InputError, match="payroll"):
            drill_staging(source.staging, asked(quick_place))
    finally:
        source.run("DROP DATABASE payroll")
    assert list(quick_place.iterdir()) == []


def test_one_larger_than_was_allowed_is_not_copied(source: Source, quick_place: Path) -> None:
    source.run("CREATE TABLE bulk AS SELECT repeat('x', 1000) FROM generate_series(1, 30000)")
    with pytest.raises(InputError, match=r"--size is 40 MB, but must be at least the staging's"):
        drill_staging(source.staging, asked(quick_place, size_bytes=40_000_000))
    source.run("DROP TABLE bulk")


def test_a_role_that_may_not_replicate_is_refused(source: Source, quick_place: Path) -> None:
    source.run(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data")
    try:
        weak = source.staging.model_copy(update={"postgresql": source.url.replace("postgres@", "reader@")})
        with pytest.raises(InputError, match="REPLICATION"):
            drill_staging(weak, asked(quick_place))
    finally:
        source.run("DROP ROLE reader")
