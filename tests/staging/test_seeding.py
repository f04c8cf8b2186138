"""Seeding fills what is marked as staging, with exactly what was asked for, however often it is interrupted."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from stand_in_process import PATIENCE_S, Running, dfr_size, reachable_folder, wait_until

from dfr_sizing.errors import InputError
from dfr_sizing.staging import database, postgres
from dfr_sizing.staging.seeding import names
from dfr_sizing.staging.seeding.bulk import Seeding, seed_by_sql
from dfr_sizing.staging.seeding.guard import SET_THE_MARK, connect
from dfr_sizing.staging.seeding.plan import Amounts, Part, default_amounts, rows_upto
from dfr_sizing.staging.seeding.rows import COLUMNS
from dfr_sizing.staging.target import Staging

Connection = psycopg.Connection[tuple[Any, ...]]
FEW = Amounts(members=1.5, plots=2.5, forms=0.5, fields=3)
SMALL = Seeding("dfr", farmers=330, seed=7, amounts=FEW, batch_farmers=100)
TABLES = tuple(COLUMNS)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL with an empty database ``staging``; what the stand-in starts, without its web server."""
    with reachable_folder() as folder, postgres.running(folder, settings={"fsync": "off"}) as url:
        yield url


@pytest.fixture
def staging(server: str) -> Staging:
    """That database as the stand-in leaves it at its first start."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP OWNED BY odoo")
    database.prepare(server)
    return Staging(
        url="http://127.0.0.1:1", database="staging", is_staging=True, users=("a",), workers=1, postgresql=server
    )


def seeded(staging: Staging, asked: Seeding) -> dict[str, int]:
    with connect(staging) as connection:
        return seed_by_sql(connection, asked)


def content(url: str) -> dict[str, str]:
    """A checksum of every table's rows, ids included."""
    one = SQL("SELECT coalesce(md5(string_agg(t::text, E'\\n' ORDER BY id)), '') FROM {} AS t")
    with psycopg.connect(url) as connection:
        return {table: scalar(connection, one.format(Identifier(table))) for table in TABLES}


def scalar(connection: Connection, statement: Any) -> Any:
    return (connection.execute(statement).fetchone() or (None,))[0]


def test_exactly_what_was_asked_for_and_again_nothing(staging: Staging) -> None:
    rows = seeded(staging, SMALL)
    assert rows == {"dfr_farmer": 330, "dfr_household": 330, "dfr_household_member": 495, "dfr_farm": 330} | {
        "dfr_plot": 825,
        "dfr_form_submission": 165,
        "dfr_form_response": 495,
    }
    with psycopg.connect(staging.postgresql) as connection:
        for table, count in rows.items():
            assert scalar(connection, SQL("SELECT count(*) FROM {}").format(Identifier(table))) == count
    before = content(staging.postgresql)
    assert seeded(staging, SMALL) == rows
    assert content(staging.postgresql) == before


def test_every_row_belongs_to_its_farmer(staging: Staging) -> None:
    """Foreign keys hold by the schema's constraints; this is what they do not say."""
    seeded(staging, SMALL)
    belongs = (
        "SELECT count(*) FROM dfr_farmer f JOIN dfr_household h ON h.head_of_household_id = f.id"
        " JOIN dfr_farm a ON a.farmer_id = f.id WHERE a.administrative_area_id = f.administrative_area_id"
        " AND h.uid = f.uid AND f.uid LIKE '5eed%' AND a.total_area ="
        " (SELECT sum(size) FROM dfr_plot WHERE farm_id = a.id)"
    )
    heads = "SELECT count(*) FROM dfr_household_member WHERE is_farmer_record_linked = (farmer_id IS NOT NULL)"
    answered = "SELECT count(*) FROM (SELECT submission_id FROM dfr_form_response GROUP BY 1 HAVING count(*) = 3) AS s"
    with psycopg.connect(staging.postgresql) as connection:
        assert scalar(connection, belongs) == 330
        assert scalar(connection, heads) == 495
        assert scalar(connection, answered) == 165
        for table in rows_upto("dfr", 1, FEW):
            last, next_id = SQL("SELECT max(id) FROM {}"), SQL("SELECT nextval(pg_get_serial_sequence({}, 'id'))")
            highest = scalar(connection, last.format(Identifier(table)))
            assert scalar(connection, next_id.format(table)) == highest + 1


def test_grown_in_steps_is_the_same_as_at_once(staging: Staging, place: Path) -> None:
    for farmers in (30, 150, 330):
        seeded(staging, replace(SMALL, farmers=farmers))
    named = "SELECT string_agg(concat(uid, name, national_id_number, date_of_birth), ',' ORDER BY id) FROM dfr_farmer"
    with psycopg.connect(staging.postgresql) as connection:
        grown = scalar(connection, named)
    with postgres.running(place) as url:
        database.prepare(url)
        seeded(staging.model_copy(update={"postgresql": url}), SMALL)
        with psycopg.connect(url) as connection:
            assert scalar(connection, named) == grown


def test_killed_in_the_middle_it_ends_with_what_an_uninterrupted_one_does(staging: Staging, place: Path) -> None:
    asked = replace(SMALL, farmers=4000, amounts=Amounts(members=0, plots=1, forms=0, fields=20), batch_farmers=20)
    file = place / "staging.toml"
    told = staging.model_dump(include={"url", "database", "is_staging", "users", "workers", "postgresql"})
    file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in told.items()))
    options = ("--farmers", "4000", "--kind", "dfr", "--seed", "7", "--no-households", "--plots-per-farmer", "1")
    command = ("seed-staging", "--staging", file, *options, "--forms-per-farmer", "0", "--batch-farmers", "20")
    process = dfr_size(*command)
    with psycopg.connect(staging.postgresql, autocommit=True) as connection:
        there = "SELECT to_regclass('dfr_sizing_seed') IS NOT NULL"
        done = "SELECT coalesce(sum(done), 0)::int FROM dfr_sizing_seed"
        wait_until(lambda: scalar(connection, there) and scalar(connection, done) >= 200)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        # The server may still be at the statement that it was sent last.
        wait_until(
            lambda: (
                scalar(connection, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dfr-size%'") == 0
            )
        )
        assert 200 <= scalar(connection, done) < 4000
        assert scalar(connection, "SELECT count(*) FROM dfr_farmer") == scalar(connection, done)
    again = dfr_size(*command)
    out, error = again.communicate(timeout=PATIENCE_S)
    assert (again.returncode, error) == (0, "")
    assert "dfr_farmer: 4,000 seeded rows" in out
    interrupted = content(staging.postgresql)
    with postgres.running(place) as url:
        database.prepare(url)
        seeded(staging.model_copy(update={"postgresql": url}), asked)
        assert content(url) == interrupted


def test_partners_are_filled_as_odoo_fills_them(staging: Staging) -> None:
    seeded(staging, Seeding("odoo", 10_000, 1, FEW))
    whole = (
        "SELECT count(*) FROM res_partner WHERE ref LIKE 'DFR-%' AND complete_name = name AND email = email_normalized"
        " AND commercial_partner_id = id AND active AND type = 'contact' AND lang = 'en_US' AND city IS NOT NULL"
        " AND create_uid = write_uid AND create_date <= write_date AND phone IS NOT NULL"
    )
    common = "SELECT count(*) FROM res_partner WHERE name ILIKE %s"
    with psycopg.connect(staging.postgresql) as connection:
        assert scalar(connection, whole) == 10_000
        found = [
            (connection.execute(common, (f"%{names.family_name(rank)}%",)).fetchone() or (0,))[0]
            for rank in (0, 1, 2, 500, 19_999)
        ]
        assert scalar(connection, "SELECT count(*) FROM pg_stat_user_tables WHERE last_vacuum IS NOT NULL") >= 1
    assert all(3 <= count <= 100 for count in found[:3])
    assert sum(found[:3]) > 3 * sum(found[3:])


def test_names_are_all_different() -> None:
    assert len({names.family_name(rank) for rank in range(names.FAMILY_NAMES)}) == names.FAMILY_NAMES
    assert len({names.given_name(rank) for rank in range(names.GIVEN_NAMES)}) == names.GIVEN_NAMES
    assert len({names.village(rank) for rank in range(names.VILLAGES)}) == names.VILLAGES


def test_default_amounts_are_the_scenarios() -> None:
    assert default_amounts() == Amounts(members=5.0, plots=2.0, forms=10.0, fields=20)


def test_parts_meet_without_gap_or_overlap() -> None:
    """Ids of farmers' rows, in three parts: each table's are counted on from part to part."""
    bases = dict.fromkeys(rows_upto("dfr", 1, FEW), 0)
    for first, last in ((0, 30), (30, 31), (31, 330)):
        part = Part("dfr", FEW, first, last, bases)
        for table, count in part.rows.items():
            before = rows_upto("dfr", first, FEW)[table]
            assert part.id(table, before) == bases[table] + 1
            bases[table] += count
    assert bases == rows_upto("dfr", 330, FEW)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM ir_config_parameter WHERE key = 'dfr_sizing.is_staging'", SET_THE_MARK),
        ("UPDATE ir_config_parameter SET value = 'false' WHERE key = 'dfr_sizing.is_staging'", SET_THE_MARK),
        ("DROP TABLE ir_config_parameter", "one of Odoo's"),
    ],
)
def test_a_database_that_is_not_marked_is_not_touched(staging: Staging, statement: str, told: str) -> None:
    with psycopg.connect(staging.postgresql) as connection:
        connection.execute(statement.encode())
    before = content(staging.postgresql)
    with pytest.raises(InputError) as raised:
        seeded(staging, SMALL)
    assert told in str(raised.value)
    assert content(staging.postgresql) == before


def test_another_database_than_the_files_is_refused(staging: Staging) -> None:
    with pytest.raises(InputError, match="elsewhere"):
        connect(staging.model_copy(update={"database": "elsewhere"}))
    with pytest.raises(InputError, match="missing"):
        connect(staging.model_copy(update={"postgresql": ""}))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE dfr_farmer RENAME national_id_number TO nid", "dfr_farmer has no column national_id_number"),
        ("ALTER TABLE dfr_plot ADD company_id int NOT NULL", "dfr_plot needs a value for company_id"),
        ("DROP TABLE dfr_form_response", "there is no table dfr_form_response"),
        ("DELETE FROM dfr_administrative_area", "without an administrative area"),
    ],
)
def test_tables_that_differ_are_refused_and_nothing_is_written(staging: Staging, statement: str, told: str) -> None:
    with psycopg.connect(staging.postgresql) as connection:
        connection.execute(statement.encode())
    with pytest.raises(InputError, match=told):
        seeded(staging, SMALL)
    with psycopg.connect(staging.postgresql) as connection:
        assert scalar(connection, "SELECT count(*) FROM dfr_farmer") == 0


def test_another_seeding_than_the_one_begun_is_refused(staging: Staging) -> None:
    seeded(staging, SMALL)
    with pytest.raises(InputError, match="seed 7"):
        seeded(staging, replace(SMALL, seed=8))
    with pytest.raises(InputError, match="330 or more"):
        seeded(staging, replace(SMALL, farmers=329))


def test_two_seedings_at_once_are_refused(staging: Staging) -> None:
    with connect(staging) as first:
        seed_by_sql(first, SMALL)
        with pytest.raises(InputError, match="wait for its end"):
            seeded(staging, SMALL)


@pytest.mark.parametrize(
    ("change", "told"),
    [("is_staging = false", "is_staging"), ("is_staging = true\nfoo = 1", "foo"), ("is_staging = true", "postgresql")],
)
def test_command_line_refuses_in_one_sentence(tmp_path: Path, change: str, told: str) -> None:
    file = tmp_path / "staging.toml"
    file.write_text(f'url = "http://127.0.0.1:1"\ndatabase = "staging"\nusers = ["a"]\nworkers = 1\n{change}\n')
    process = dfr_size("seed-staging", "--staging", file, "--farmers", "1e4")
    out, error = process.communicate()
    assert (process.returncode, out, error.count("\n")) == (2, "", 1)
    assert told in error


@pytest.mark.parametrize("kind", ["dfr", "odoo"])
def test_through_the_api_it_ends_with_exactly_as_many(running: Running, kind: str) -> None:
    file = running.folder / "staging.toml"
    for farmers in ("7", "12"):
        process = dfr_size("seed-staging", "--staging", file, "--farmers", farmers, "--kind", kind, "--via", "api")
        out, error = process.communicate()
        assert (process.returncode, out, error) == (0, f"farmers: {farmers} seeded rows\n", "")
    table, column, mark = ("res_partner", "ref", "DFR-%") if kind == "odoo" else ("dfr_farmer", "uid", "5eed%")
    count = SQL("SELECT count(DISTINCT {}) FROM {} WHERE {} LIKE {}")
    with psycopg.connect(running.staging.postgresql) as connection:
        assert scalar(connection, count.format(Identifier(column), Identifier(table), Identifier(column), mark)) == 12
