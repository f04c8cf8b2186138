"""Odoo's access log: the lines from the time of a run, and of each only what calibration needs.

Everything else stays where it is. Tracebacks and SQL may hold passwords and people's data, so a line that is not a
request is never passed on; of a request, the client's address, the query and whatever looks like a token are left out.
"""

from __future__ import annotations

import gzip
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")

RECORD = re.compile(rf"(?={STAMP.pattern}\d+ [A-Z]+ )")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

REQUEST = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<process>\d+) INFO (?P<database>[\w.?-]+) (?P<logger>[\w.]+): "
    r"\S+ - - (?P<when>\[[\w/: ]+\]) "
    r'"(?P<method>[A-Z]+) (?P<path>[^\s?#;&"]*).* HTTP/(?P<http>\d(?:\.\d)?)" '
    r"(?P<status>\d{3}) (?P<bytes>\d+|-)(?P<times> \d+ \d+\.\d+ \d+\.\d+| - - -)?(?: (?:ro|rw|ro->rw|-))?\s*"
)
"""A line of werkzeug's with Odoo's three numbers (odoo/netsvc.py, PerfFilter: queries, seconds in SQL, other seconds),
and the kind of cursor where Odoo has a replica."""

Log = BufferedReader | gzip.GzipFile

TOKEN_LENGTH = 20
"""Characters from which on a word with a digit or of both cases is taken for a token. Stated: names of Odoo's models
and methods are of small letters, ids and the hashes of assets are shorter."""

AT_A_TIME = 1 << 16
"""Bytes within which a line with a time stamp is looked for; a traceback is shorter."""


def redacted(line: str) -> str | None:
    """A request's line without client, query and tokens, or None where the line is not a request's."""
    found = REQUEST.fullmatch(line)
    if found is None:
        return None
    path = "/".join("-" if _looks_secret(part) else part for part in found["path"].split("/"))
    times = found["times"] or " - - -"
    return (
        f"{found['stamp']} {found['process']} INFO {found['database']} {found['logger']}: - - - {found['when']} "
        f'"{found["method"]} {path} HTTP/{found["http"]}" {found["status"]} {found["bytes"]}{times}'
    )


def _looks_secret(part: str) -> bool:
    """Whether a part of a path may be a token, as of a portal or a survey, or somebody's address."""
    words = [word for word in part.split(".") if len(word) >= TOKEN_LENGTH]
    return "@" in part or any(word.lower() != word or any(map(str.isdigit, word)) for word in words)


def read_log(path: Path, started: float, ended: float) -> list[str]:
    """Requests that were logged from ``started`` to ``ended``, in seconds since the epoch on Odoo's host, in order.

    Also from files that the log was rotated to (odoo.log.1, odoo.log.2.gz, odoo.log.2026-11-23). Raises OSError where
    the log itself cannot be read.
    """
    first, last = _stamp(started), _stamp(ended)
    kept = []
    with path.open("rb") as log:
        read = {os.fstat(log.fileno()).st_ino}
        kept += _requests(log, first, last, can_seek=True)
    for file in path.parent.glob(f"{path.name}[.-]*"):
        with suppress(OSError, EOFError):  # rotation goes on meanwhile: a file may be gone, or be read already
            about = file.stat()
            if about.st_mtime >= started and about.st_ino not in read:
                read.add(about.st_ino)
                is_packed = file.suffix == ".gz"
                with gzip.open(file) if is_packed else file.open("rb") as log:
                    kept += _requests(log, first, last, can_seek=not is_packed)
    return sorted(kept, key=_stamp_of)


def _requests(log: Log, first: str, last: str, *, can_seek: bool) -> list[str]:
    """Redacted requests between two stamps. Lines of several workers may be a little out of order."""
    if can_seek:
        _seek(log, first)
    lines = (COLOUR.sub("", raw.decode(errors="replace")).rstrip("\r\n") for raw in log)
    records = (record for line in lines for record in RECORD.split(line))  # two workers may have written at once
    return [kept for one in records if first <= _stamp_of(one) <= last and (kept := redacted(one)) is not None]


def _seek(file: Log, first: str) -> None:
    """Go to where lines are still before ``first``, by halving: a log of months need not be read through."""
    low, high = 0, file.seek(0, 2)
    while high - low > AT_A_TIME:
        middle = (low + high) // 2
        if _stamp_after(file, middle) < first:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()


def _stamp_after(file: Log, place: int) -> str:
    """The first time stamp behind a place; beyond every other where there is none."""
    file.seek(place)
    file.readline()
    while raw := file.readline():
        line = raw.decode(errors="replace")
        if STAMP.match(line):
            return _stamp_of(line)
    return "~"


def _stamp_of(line: str) -> str:
    """The time stamp at the beginning of a line that has one."""
    return line[: len("2026-11-23 09:04:05,302")]


def _stamp(epoch: float) -> str:
    """A time as Odoo writes it: Odoo sets its time zone to UTC (odoo/init.py)."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
