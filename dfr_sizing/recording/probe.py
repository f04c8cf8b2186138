"""`dfr-size probe`: tells over HTTP what a staging host does, to a load generator elsewhere.

It reads /proc and the log that it was given, changes nothing, and forwards nothing but what is listed here:

===================================  =================================================================
``/facts``                           the host (Facts)
``/time``                            its clock, to compare with
``/seconds?after=EPOCH``             a row a second (Second), of the last two hours
``/log?after=EPOCH&before=EPOCH``    Odoo's requests between two times, redacted
===================================  =================================================================
"""

from __future__ import annotations

import json
import math
import platform
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from dfr_sizing.errors import InputError
from dfr_sizing.recording.access_log import read_log
from dfr_sizing.recording.host import Facts, read_facts
from dfr_sizing.recording.processes import PROC
from dfr_sizing.recording.seconds import Second, Watch

PORT = 9186
"""Where a probe listens unless told otherwise. Stated: none of the ports that Prometheus' exporters have by custom."""


class Probe(ThreadingHTTPServer):
    """A probe that listens; ``serve_forever`` answers. ``log`` is Odoo's, if this host has it."""

    daemon_threads = True

    def __init__(self, listen: str, port: int, watch: Watch, facts: Facts, log: Path | None = None) -> None:
        self.watch, self.facts, self.log = watch, facts, log
        try:
            super().__init__((listen, port), Answer)
        except OSError as error:
            raise InputError(
                "--listen and --port", f"{listen}:{port}", "a free port of this host", f"{error.strerror}: name another"
            ) from None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """One question and its answer."""

    server: Probe
    server_version = "dfr-size-probe"
    timeout = 10.0

    def do_GET(self) -> None:
        """Answer what is listed above; all else is not found."""
        parts = urlsplit(self.path)
        limits = _limits(parts.query)
        if limits is None:
            self._answer(400, "after and before are seconds since the epoch\n", "text/plain")
        elif parts.path == "/facts":
            self._answer(200, json.dumps(self.server.facts.as_json()))
        elif parts.path == "/time":
            self._answer(200, json.dumps({"time": time.time()}))
        elif parts.path == "/seconds":
            self._answer(200, json.dumps([_row(second) for second in self.server.watch.after(limits[0])]))
        elif parts.path == "/log" and self.server.log is not None:
            self._log(self.server.log, *limits)
        else:
            self._answer(404, "there are /facts, /time, /seconds and, with --log, /log\n", "text/plain")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: a probe may run for days."""

    def _log(self, log: Path, after: float, before: float) -> None:
        try:
            lines = read_log(log, after, before)
        except (OSError, OverflowError, ValueError):
            self._answer(503, "the log cannot be read\n", "text/plain")
        else:
            self._answer(200, "".join(f"{line}\n" for line in lines), "text/plain")

    def _answer(self, status: int, content: str, kind: str = "application/json") -> None:
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def open_probe(listen: str, port: int, log: Path | None, odoo_port: int) -> Probe:
    """A probe that watches this host and listens. Raises InputError."""
    if not PROC.exists():
        raise InputError("this host", platform.system(), "one with Linux", "name exporters in the staging file instead")
    if log is not None:
        try:
            log.open("rb").close()
        except OSError as error:
            raise InputError("--log", log, "a file that can be read", f"{error.strerror}: check it") from None
    watch = Watch(odoo_port)
    probe = Probe(listen, port, watch, read_facts(watch.speed.alone()), log)
    watch.start()
    return probe


def _limits(query: str) -> tuple[float, float] | None:
    """The times between which is asked for, by default all; None where they are no times."""
    try:
        values = {name: float(listed[0]) for name, listed in parse_qs(query).items()}
    except ValueError:
        return None
    limits = values.get("after", 0.0), values.get("before", time.time())
    return limits if all(map(math.isfinite, limits)) else None


def _row(second: Second) -> dict[str, float | None]:
    """A second as JSON, which knows no NaN."""
    return {name: None if math.isnan(value) else value for name, value in asdict(second).items()}
