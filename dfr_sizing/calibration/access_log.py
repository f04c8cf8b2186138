"""Reads Odoo's access log: per request the time, path and status, SQL queries, SQL seconds and other seconds.

Odoo's werkzeug lines end in three numbers (odoo/netsvc.py, PerfFilter): ``... "POST /path HTTP/1.1" 200 - 13 0.004
0.009``. Both times are wall times, with a resolution of 1 ms, and start when a worker takes the request. The clock is
the server's, in UTC: Odoo sets its own time zone so (odoo/__init__.py).

A line counts where it is whole, wherever it stands: after a line that was cut, between lines of others, in any of
several files of a rotation. What looks like a request and cannot be read is counted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from dfr_sizing.errors import InputError
from dfr_sizing.recording.types import RequestKind

# Exactly three decimals, and no more unless the next line begins there: a number that was cut short would pass for a
# smaller one, or take the first digits of the line behind it.
_REQUEST = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \d+ [A-Z]+ \S+ werkzeug: \S+ \S+ \S+ \[[^\]\n]{1,40}\] "
    r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d{3}) \S+ '
    r"(?P<queries>\d+) (?P<sql>\d+\.\d{3}) (?P<other>\d+\.\d{3})(?=\D|$|\d{4}-\d\d-\d\d )"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WITHOUT_FIGURES = re.compile(r'" \d{3} \S+ - - -\s*$')


class LogLine(NamedTuple):
    """A request as Odoo logged it: ``time`` in seconds since the epoch on the server's clock, when it was done."""

    time: float
    method: str
    path: str
    status: int
    queries: int
    sql_s: float
    python_s: float


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Lines in order of time; how many lines tell of a request without figures, and how many could not be read."""

    lines: tuple[LogLine, ...]
    without_figures: int = 0
    unreadable: int = 0


def parse_log(text: Iterable[str]) -> AccessLog:
    """The requests in lines of a log. Never raises, whatever the lines hold."""
    found: list[LogLine] = []
    without_figures = unreadable = 0
    for raw in text:
        line = _COLOUR.sub("", raw)
        if "werkzeug: " not in line:
            continue
        told = len(found)
        found += _requests_in(line)
        if line.count("werkzeug: ") == len(found) - told:
            continue
        if _WITHOUT_FIGURES.search(line):
            without_figures += 1
        elif "HTTP/" in line or not line.endswith("\n"):
            unreadable += 1
    return AccessLog(tuple(sorted(found)), without_figures, unreadable)


def _requests_in(line: str) -> Iterator[LogLine]:
    for match in _REQUEST.finditer(line):
        try:
            at = datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)
        except ValueError:  # as month 13, of a line that was overwritten
            continue
        yield LogLine(
            time=at.timestamp(),
            method=match["method"],
            path=match["path"],
            status=int(match["status"]),
            queries=int(match["queries"]),
            sql_s=float(match["sql"]),
            python_s=float(match["other"]),
        )


def read_log(paths: Sequence[Path]) -> AccessLog:
    """The requests in the files of one log, rotated or not, gzipped or not. Raises InputError."""
    return parse_log(line for path in paths for line in _lines_of(path))


def _lines_of(path: Path) -> Iterator[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("the access log", path, "a file that can be read", f"{error.strerror}: check it") from None
    if path.suffix == ".gz":
        try:
            # A file that was cut while it was written still gives what it holds.
            content = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(content)
        except zlib.error as error:
            raise InputError("the access log", path, "a file of gzip", f"copy it again ({error})") from None
    yield from content.decode("utf-8", errors="replace").splitlines(keepends=True)


def by_path(log: AccessLog, kinds: Mapping[str, RequestKind], offset_s: float) -> dict[str, list[LogLine]]:
    """The lines of each ``RequestKind.path``, the longest that fits; times as the load generator's clock has them.

    A path may begin with a method, as ``POST /web/dataset/call_kw/res.partner/read``. ``offset_s``: the server's clock
    less the load generator's. Requests that Odoo did not answer with a status below 400 are left out.
    """
    wanted = sorted({kind.path for kind in kinds.values() if kind.path}, key=len, reverse=True)
    found: dict[str, list[LogLine]] = {path: [] for path in wanted}
    for line in log.lines:
        if line.status >= 400:
            continue
        path = next((path for path in wanted if _fits(line, path)), None)
        if path is not None:
            found[path].append(line._replace(time=line.time - offset_s))
    return found


def _fits(line: LogLine, path: str) -> bool:
    method, space, rest = path.partition(" ")
    return line.path.startswith(path) if not space else line.method == method and line.path.startswith(rest)
