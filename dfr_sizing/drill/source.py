"""The database that a drill seeds itself: the stand-in's tables filled with made-up farmers, and a filestore."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
from psycopg.sql import SQL

from dfr_sizing.drill import filestore
from dfr_sizing.drill.cluster import Cluster, Connection
from dfr_sizing.drivers import drill_rule
from dfr_sizing.staging.database import prepare
from dfr_sizing.staging.seeding.bulk import Seeding, seed_by_sql
from dfr_sizing.staging.seeding.plan import default_amounts

DATABASE = "drill"
SETTINGS = {"fsync": "off", "archive_mode": "off", "autovacuum": "off", "max_wal_size": "2GB"}
"""While it is seeded; afterwards everything is flushed to the disk once."""
FIRST_FARMERS, BATCH_FARMERS = 100, 100
"""The first batch tells how many bytes a farmer takes."""
CLOSE = 0.02
"""Of the farmers: nearer than this to the size that was asked for is near enough."""

_SIZE = SQL(
    "SELECT sum(pg_database_size(oid))::bigint, pg_database_size('drill') - pg_database_size('template0')"
    " FROM pg_database"
)
_SEEDED = SQL("SELECT coalesce(max(last), 0) FROM dfr_sizing_seed")
_CREATE = SQL("CREATE DATABASE drill")
# Rows refer to each other as they should, being made so: looking each reference up takes most of the time.
_TRUST = SQL("SET session_replication_role = replica")
_ATTACH = SQL(
    "COPY ir_attachment (name, res_model, res_id, type, store_fname, checksum, file_size, mimetype) FROM STDIN"
)


def prepare_database(cluster: Cluster) -> None:
    """An empty database with the tables of the stand-in and of the drill."""
    with cluster.connect("postgres") as connection:
        connection.execute(_CREATE)
    prepare(cluster.url(DATABASE))
    with cluster.connect(DATABASE) as connection:
        text = resources.files("dfr_sizing.drill").joinpath("schema.sql").read_text(encoding="utf-8")
        connection.execute(text.encode())


def grow(cluster: Cluster, size_bytes: int, seed: int, told: Callable[[str, float], None] | None) -> None:
    """Add farmers until the cluster is that large, to a few per cent."""
    with cluster.connect(DATABASE) as connection:
        connection.execute(_TRUST)
        farmers = _farmers(connection)
        if farmers == 0:
            farmers = FIRST_FARMERS
            _seed(connection, farmers, seed, told)
        while (missing := _missing(connection, farmers, size_bytes)) > CLOSE * farmers:
            farmers += missing
            _seed(connection, farmers, seed, told)


def _missing(connection: Connection, farmers: int, size_bytes: int) -> int:
    """Farmers that are missing, as large as those there are: the first ones look larger, so it is asked again."""
    size, own = connection.execute(_SIZE).fetchone() or (0, 1)
    return int((size_bytes - size) / (own / farmers))


def _seed(connection: Connection, farmers: int, seed: int, told: Callable[[str, float], None] | None) -> None:
    connection.autocommit = False
    connection.commit()
    seed_by_sql(connection, Seeding("dfr", farmers, seed, default_amounts(), BATCH_FARMERS), told)


def _farmers(connection: Connection) -> int:
    there = connection.execute(SQL("SELECT to_regclass('dfr_sizing_seed') IS NOT NULL")).fetchone()
    return int((connection.execute(_SEEDED).fetchone() or (0,))[0]) if there and there[0] else 0


def add_photos(cluster: Cluster, store: Path, size_bytes: int, seed: int) -> None:
    """Photos, and the rows that point to them, until the filestore is as large as it should be beside the database."""
    wanted = drill_rule("files.share").mid * size_bytes
    held = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(held),)))
    with cluster.connect(DATABASE) as connection, connection.cursor().copy(_ATTACH) as rows:
        while held < wanted:
            content = filestore.photo(draw)
            name = filestore.put(store, content)
            row = ("photo.jpg", "dfr.farmer", 1, "binary", name, Path(name).name, len(content), "image/jpeg")
            rows.write_row(row)
            held += len(content)
