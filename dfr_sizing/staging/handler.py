"""One connection, one request, one response, one line in the access log: HTTP/1.0 without keep-alive, like Odoo.

The line is Odoo 18's to the letter; its last three figures are SQL statements, seconds in SQL, other seconds, counted
from the moment that the request's head is read. So the wait to be accepted is not in it.
"""

from __future__ import annotations

import logging
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dfr_sizing.staging.application import Application
from dfr_sizing.staging.database import Spent
from dfr_sizing.staging.web import NOT_ODOO, Request, Response, page

LOG_FORMAT = "%(asctime)s %(process)d %(levelname)s %(database)s %(name)s: %(message)s %(spent)s"
"""Odoo's, with its names for the figures."""
LATE_S = 2.0
"""Seconds that a worker waits for a client who says nothing; measured on a real Odoo 18 (lesson 6 of the runs)."""
_ACCESS, _OWN = logging.getLogger("werkzeug"), logging.getLogger("dfr_sizing.staging")


def open_log(path: Path, database: str) -> None:
    """Log to a file that several processes append to, a line at a time. Its first line says what this is not."""
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.setFormatter(logging.Formatter(LOG_FORMAT, defaults={"database": database, "spent": "- - -"}))
    for logger in (_ACCESS, _OWN):
        logger.handlers = [to_file]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    _OWN.warning(NOT_ODOO)


class Handler(BaseHTTPRequestHandler):
    """Reads a request from a connection, has it answered, and logs it."""

    protocol_version = "HTTP/1.0"
    server_version = "dfr-size-stand-in (NOT Odoo)"
    timeout = LATE_S
    application: Application
    """Set by the worker before it takes its first request."""

    def do_GET(self) -> None:
        """Answer."""
        self._serve()

    def do_POST(self) -> None:
        """Answer."""
        self._serve()

    def _serve(self) -> None:
        started, spent = time.perf_counter(), Spent()
        try:
            response = self.application.answer(self._request(), spent)
        except TimeoutError:
            self.log_error("Request timed out: the client was late with its body")
            return
        except Exception:  # noqa: BLE001  (a fault in one request is not to end the worker)
            _OWN.exception("Exception during request handling.")
            response = page("Internal Server Error", "", 500)
        other = time.perf_counter() - started - spent.seconds
        figures = f"{spent.queries} {spent.seconds:.3f} {other:.3f}"
        self._log('"%s" %s -', self.requestline, response.status, spent=figures)
        self._send(response)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        # Header names are looked up as they are written here; clients differ in their capitals.
        headers = {name.title(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, self.rfile.read(length))

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Server", self.version_string())
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", response.kind)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    def version_string(self) -> str:
        """The ``Server:`` header."""
        return f"{self.server_version} Python/{sys.version.split()[0]}"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """What the base class has to say, of clients that speak no HTTP."""
        self._log(format, *args)

    def _log(self, text: str, *values: object, spent: str = "- - -") -> None:
        line = f"{self.client_address[0]} - - [{self.log_date_time_string()}] {text % values}"
        _ACCESS.info("%s", line, extra={"spent": spent})
