"""A server that answers as Odoo does, counts what it gets, and fails where it is told to."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSWORD = "correct horse battery staple"  # noqa: S105 - of this server only
CSRF, BEARER = "csrf-1", "bearer-1"
FARMERS = [
    {
        "id": number,
        "name": f"Ana Farmer{number}",
        "city": f"City{number % 7}",
        "uid": f"F{number}",
        "contact_phone": "1",
    }
    for number in range(1, 101)
]


def refused(error: str) -> tuple[int, dict[str, str], Any]:
    """As Odoo tells an error: with status 200."""
    return 200, {}, {"error": {"data": {"name": error, "message": "not to be kept"}}}


@dataclass
class TinyServer:
    url: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    strangers: int = 0
    """Requests that lacked the token they needed."""
    redirect_to: str = ""
    gone_after: int = 1_000_000
    """Requests after which it takes no more connections."""
    other_database_after: int = 1_000_000
    """Requests after which another database is served at this address: no session and no user is known."""

    def answer(self, path: str, body: str, authorisation: str) -> tuple[int, dict[str, str], Any]:
        self.seen[path] += 1
        if path.startswith(("/api/dfr/v1/", "/farmer/")):
            return self.answer_of_dfr(path, body, authorisation)
        params = json.loads(body).get("params", {}) if body.startswith("{") else {}
        headers: dict[str, str] = {}
        result: Any = True
        if self.seen.total() > self.other_database_after and body:
            return refused(
                "odoo.exceptions.AccessError" if "authenticate" in path else "odoo.http.SessionExpiredException"
            )
        if path == "/web/session/authenticate" and params["password"] != PASSWORD:
            return refused("odoo.exceptions.AccessDenied")
        if path == "/web/session/authenticate":
            headers["Set-Cookie"] = f"session_id={self.seen[path]}; Path=/"
        elif path.endswith("/search"):
            result = [100]
        elif path.endswith("/search_read"):
            result = FARMERS[: params["kwargs"]["limit"]]
        elif path == "/web/login" and self.redirect_to:
            return 303, {"Location": self.redirect_to}, ""
        failures = {"name_search": (500, headers, "broken"), "write": refused("odoo.exceptions.AccessError")}
        fine = (200, headers, {"jsonrpc": "2.0", "id": 1, "result": result})
        return failures.get(path.rpartition("/")[2], fine)

    def answer_of_dfr(self, path: str, body: str, authorisation: str) -> tuple[int, dict[str, str], Any]:
        if path.endswith("/auth/token"):
            return 200, {}, {"success": True, "data": {"access_token": BEARER, "expires_in": 3600}}
        if path == "/farmer/register":
            return 200, {}, f'<input type="hidden" name="csrf_token" value="{CSRF}"/>'
        if path.startswith("/farmer/"):
            self.strangers += f"csrf_token={CSRF}" not in body
            return 303, {"Location": "/farmer/register/thank-you"}, ""
        if not path.endswith("/health"):
            self.strangers += authorisation != f"Bearer {BEARER}"
        return 200, {}, {"success": True}


@contextmanager
def tiny_server() -> Iterator[TinyServer]:
    tiny = TinyServer()
    lock, leaving = threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            with lock:
                status, headers, told = tiny.answer(self.path, body, self.headers.get("Authorization", ""))
            content = (told if isinstance(told, str) else json.dumps(told)).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            # Others are counted while this one is answered, so the number itself may be passed unseen.
            if tiny.seen.total() >= tiny.gone_after and not leaving.is_set():
                leaving.set()
                threading.Thread(target=leave, daemon=True).start()

        do_POST = do_GET  # noqa: N815 - the handler's own way

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True

    def leave() -> None:
        server.shutdown()
        server.server_close()

    tiny.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield tiny
    finally:
        leave()
        thread.join()
