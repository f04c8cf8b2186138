"""Bytes of tables and indexes by arithmetic against a real PostgreSQL, within 5 %, and what must hold of any."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import psycopg
import pytest
import real_postgres as real
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.drivers import constant, data_rows
from dfr_sizing.postgres.relation_size import (
    btree_bytes,
    heap_bytes,
    toast_bytes,
    trigram_index_bytes,
    trigram_shares,
    trigrams,
)
from dfr_sizing.staging.seeding import names

ROWS = 100_000
NEAR = 0.05
Connection = psycopg.Connection[tuple[object, ...]]

rows_of = st.floats(0.0, 1e9)
keys = st.floats(1.0, 200.0)


@cache
def people(rows: int) -> tuple[str, ...]:
    """Names as the seeding makes them."""
    draw = np.random.default_rng(1)
    given_names, families = (names.drawn(draw, kinds, rows) for kinds in (names.GIVEN_NAMES, names.FAMILY_NAMES))
    return tuple(
        f"{names.given_name(int(first))} {names.family_name(int(last))}"
        for first, last in zip(given_names, families, strict=True)
    )


@pytest.fixture(scope="module")
def filled() -> Iterator[Connection]:
    """A table as loaded: an id, a random key of 32 characters, a name; 20 rows to each ``owner``."""
    draw = np.random.default_rng(2)
    with real.running({"maintenance_work_mem": "128MB"}) as server, psycopg.connect(server.url, autocommit=True) as on:
        on.execute("CREATE EXTENSION pg_trgm; CREATE TABLE t (id int, owner int, uid text, name text)")
        with on.cursor().copy("COPY t FROM STDIN") as rows:
            for number, name in enumerate(people(ROWS)):
                rows.write_row((number, number // 20, f"{draw.integers(1 << 60):032x}", name))
        yield on


def size(on: Connection, relation: str) -> float:
    found = on.execute("SELECT pg_relation_size(%s)", (relation,)).fetchone()
    assert found is not None
    return float(str(found[0]))


def built(on: Connection, what: str) -> float:
    on.execute("DROP INDEX IF EXISTS made")
    on.execute(f"CREATE INDEX made ON t {what}")
    return size(on, "made")


@pytest.mark.parametrize(
    ("columns", "key_bytes", "rows_a_key"),
    [("(id)", 4, 1), ("(uid)", 33, 1), ("(owner)", 4, 20), ("((owner % 50))", 4, ROWS / 50), ("(id, uid)", 37, 1)],
)
def test_a_b_tree_as_built(filled: Connection, columns: str, key_bytes: float, rows_a_key: float) -> None:
    measured = built(filled, columns)
    assert btree_bytes(ROWS, key_bytes, rows_a_key=rows_a_key) == pytest.approx(measured, rel=NEAR)


def test_a_b_tree_that_rows_came_to_in_any_order_and_in_order(filled: Connection) -> None:
    filled.execute("CREATE TABLE later (id int, uid text); CREATE INDEX by_uid ON later (uid)")
    filled.execute("CREATE INDEX by_id ON later (id); INSERT INTO later SELECT id, uid FROM t ORDER BY id")
    random = btree_bytes(ROWS, 33, constant("btree.random_fill"))
    assert random == pytest.approx(size(filled, "by_uid"), rel=NEAR)
    assert btree_bytes(ROWS, 4) == pytest.approx(size(filled, "by_id"), rel=NEAR)


def test_the_reference_runs_indexes() -> None:
    """models/odoo18-reference/runs/sizes.csv: res_partner's primary key, 200,070 rows."""
    assert btree_bytes(200_070, 4) == pytest.approx(4_513_792, rel=NEAR)


@pytest.mark.parametrize(("rows", "too_much"), [(2000, NEAR), (ROWS // 2, 0.15), (300_000, NEAR)])
def test_a_trigram_index(filled: Connection, rows: int, too_much: float) -> None:
    """Between, where the lists of most trigrams are just short enough for their entries, it is up to 15 % too much."""
    some = people(300_000)[:rows]
    filled.execute("DROP TABLE IF EXISTS named; CREATE TABLE named (name text, filler text)")
    with filled.cursor().copy("COPY named FROM STDIN") as copy:
        for name in some:
            copy.write_row((name, "x" * 250))
    filled.execute("CREATE INDEX named_trigrams ON named USING gin (name gin_trgm_ops)")
    a_page = rows / (size(filled, "named") / constant("page.bytes"))
    over = trigram_index_bytes(rows, a_page, trigram_shares(some)) / size(filled, "named_trigrams") - 1.0
    assert -NEAR < over < too_much


def test_the_trigram_bytes_that_growth_takes() -> None:
    a_row = trigram_index_bytes(1e6, 22.0, trigram_shares(people(ROWS))) / 1e6
    assert data_rows("indexes.toml")["dfr_farmer_name_trigram"]["key_bytes"] == pytest.approx(a_row, rel=NEAR)


def test_trigrams_are_pg_trgms(filled: Connection) -> None:
    for text in ("Word two", "O'Neill-Paea 2", "", "a"):
        found = filled.execute("SELECT show_trgm(%s)", (text,)).fetchone()
        assert found is not None
        assert trigrams(text) == set(found[0])  # type: ignore[call-overload]


def test_a_table(filled: Connection) -> None:
    filled.execute("CREATE TABLE wide (a bigint, b text); ALTER TABLE wide ALTER b SET STORAGE PLAIN")
    filled.execute("INSERT INTO wide SELECT n, repeat('x', 100) FROM generate_series(1, %s) n", (ROWS,))
    # Header of 23 B and its alignment, an id, 100 characters with a length of 1 B
    assert heap_bytes(ROWS, 24 + 8 + 101) == pytest.approx(size(filled, "wide"), rel=0.001)


def test_only_long_rows_lie_beside_the_table(filled: Connection) -> None:
    filled.execute("CREATE TABLE long (b text); ALTER TABLE long ALTER b SET STORAGE EXTERNAL")
    filled.execute("INSERT INTO long SELECT repeat('x', 5000) FROM generate_series(1, 1000)")
    found = filled.execute("SELECT reltoastrelid::regclass::text FROM pg_class WHERE relname = 'long'").fetchone()
    assert found is not None
    measured = size(filled, str(found[0]))
    assert toast_bytes(1000, 500) == 0.0
    # All of the value goes out, of which the arithmetic keeps a threshold in the table: it is a bound to a half.
    assert 0.5 * measured < toast_bytes(1000, 5000 + 28) < 1.5 * measured


@settings(deadline=None)
@given(rows_of, rows_of, keys, st.floats(0.5, 1.0), st.floats(1.0, 1e4))
def test_more_rows_never_take_less(few: float, more: float, key: float, fill: float, a_key: float) -> None:
    few, more = sorted((few, more))
    assert btree_bytes(few, key, fill, a_key) <= btree_bytes(more, key, fill, a_key)
    assert heap_bytes(few, key + 24) <= heap_bytes(more, key + 24)
    assert toast_bytes(few, 20 * key) <= toast_bytes(more, 20 * key)


@settings(deadline=None)
@given(st.floats(1e3, 1e8), keys, keys)
def test_longer_keys_and_emptier_leaves_never_take_less(rows: float, short: float, long: float) -> None:
    short, long = sorted((short, long))
    assert btree_bytes(rows, short) <= btree_bytes(rows, long)
    assert btree_bytes(rows, short) <= btree_bytes(rows, short, constant("btree.random_fill"))


@settings(deadline=None)
@given(st.floats(1e3, 1e8), st.floats(1e3, 1e8))
def test_a_trigram_index_never_shrinks_with_rows(few: float, more: float) -> None:
    few, more = sorted((few, more))
    shares = trigram_shares(people(1000))
    assert trigram_index_bytes(few, 60.0, shares) <= trigram_index_bytes(more, 60.0, shares)
