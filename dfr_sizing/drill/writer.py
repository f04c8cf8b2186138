"""The work that goes on while a drill's database fails: numbered commits, noted in a journal before and after.

Started by the drill, not by hand. First a rush, until so much WAL is written; then so many commits a second, until
PostgreSQL or the drill ends.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psycopg
from psycopg.sql import SQL

from dfr_sizing.drill import filestore
from dfr_sizing.drill.cluster import SESSION, Connection
from dfr_sizing.drill.journal import steady_mark
from dfr_sizing.drivers import drill_rule
from dfr_sizing.staging.lifeline import end_with

CHANGED = ("dfr_form_submission", "dfr_form_response", "mail_message", "ir_attachment", "drill_commit", "dfr_farmer")
"""Tables that a commit changes, as commit.sql returns them."""
POSITION = SQL("SELECT pg_current_wal_flush_lsn()")
WRITTEN = SQL("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)")
FARMERS = SQL("SELECT min(id), max(id) FROM dfr_farmer")


def main() -> None:
    """Write until the database or the drill is gone."""
    told = _arguments()
    end_with(told.parent, signal.SIGKILL)()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with (
            psycopg.connect(told.url, options=SESSION, connect_timeout=10) as connection,
            told.journal.open("a", encoding="utf-8", buffering=1) as journal,
        ):
            connection.autocommit = True
            Writer(connection, journal, told).run()
    except psycopg.OperationalError:
        sys.exit(0)  # the failure that it was started for
    except BrokenPipeError:
        sys.exit(0)


class Writer:
    """One connection that commits and notes it."""

    def __init__(self, connection: Connection, journal: TextIO, told: argparse.Namespace) -> None:
        self._connection, self._journal, self._told = connection, journal, told
        text = resources.files("dfr_sizing.drill").joinpath("commit.sql").read_text(encoding="utf-8")
        self._statement = text.encode()
        self._draw = np.random.default_rng(np.random.SeedSequence(told.seed, spawn_key=(told.first,)))
        low, high = connection.execute(FARMERS).fetchone() or (1, 1)
        self._farmers = (int(low), int(high) + 1)
        self._number = told.first

    def run(self) -> None:
        """The rush, then the steady work."""
        (start,) = self._connection.execute(POSITION).fetchone() or ("0/0",)
        rush = int(drill_rule("writes.rush_forms").mid)
        while (self._connection.execute(WRITTEN, (start,)).fetchone() or (0,))[0] < self._told.rush_bytes:
            self.commit(rush, None)
        steady_mark(self._told.journal).touch()
        pause_s = 1.0 / drill_rule("writes.per_s").mid
        photos = drill_rule("writes.photo_share").mid
        due = time.monotonic()
        while True:
            self.commit(1, self._photo() if self._draw.random() < photos else None)
            due = max(due + pause_s, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def commit(self, forms: int, photo: tuple[str, int] | None) -> None:
        """One commit: forms of as many farmers, and a photo; noted before it is sent and when it is answered for."""
        farmers = np.unique(self._draw.integers(*self._farmers, forms)).tolist()
        name, size = photo or (None, None)
        values: dict[str, Any] = {
            "farmers": farmers,
            "photo": name,
            "bytes": size,
            "number": self._number,
            "forms": forms,
        }
        with self._connection.transaction():
            row = self._connection.execute(self._statement, values).fetchone() or ()
            changed = {table: (row[2 * at], row[2 * at + 1]) for at, table in enumerate(CHANGED)}
            self._note({"number": self._number, "begun": time.time(), "changed": changed})
        acked = time.time()
        (lsn,) = self._connection.execute(POSITION).fetchone() or ("0/0",)
        self._note({"number": self._number, "acked": acked, "lsn": lsn})
        self._number += 1

    def _photo(self) -> tuple[str, int]:
        """The file first, then the row that speaks of it, as Odoo does; and a link to it for whoever copies it."""
        content = filestore.photo(self._draw)
        name = filestore.put(self._told.filestore, content)
        link = self._told.spool / Path(name).name
        if not link.exists():
            os.link(self._told.filestore / name, link)
        return name, len(content)

    def _note(self, told: dict[str, Any]) -> None:
        self._journal.write(json.dumps(told) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dfr_sizing.drill.writer", description=__doc__)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--rush-bytes", type=int, required=True)
    for path in ("--journal", "--filestore", "--spool"):
        parser.add_argument(path, type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
