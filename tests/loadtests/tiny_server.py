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
FARMERS = [{"id": number, "name": f"Ana Farmer{number}", "city": f"City{number % 7}"} for number in range(1, 101)]


@dataclass
class TinyServer:
    url: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    bodies: list[tuple[str, str]] = field(default_factory=list)
    redirect_to: str = ""
    gone_after: int = 1_000_000
    """Requests after which it takes no more connections."""

    def answer(self, path: str, body: str) -> tuple[int, dict[str, str], Any]:
        self.seen[path] += 1
        self.bodies.append((path, body))
        params = json.loads(body)["params"] if body.startswith("{") else {}
        headers: dict[str, str] = {}
        result: Any = True
        if path == "/web/session/authenticate":
            if params["password"] != PASSWORD:
                return 200, headers, {"error": {"data": {"name": "odoo.exceptions.AccessDenied"}}}
            headers["Set-Cookie"] = f"session_id={self.seen[path]}; Path=/"
        elif path.endswith("/search"):
            result = [100]
        elif path.endswith("/search_read"):
            limit = params["kwargs"]["limit"]
            result = FARMERS[:limit]
        elif path.endswith("/name_search"):
            return 500, headers, "broken"
        elif path.endswith("/write"):
            return 200, headers, {"error": {"data": {"name": "odoo.exceptions.AccessError", "message": "secret"}}}
        elif path == "/web/login" and self.redirect_to:
            return 303, {"Location": self.redirect_to}, ""
        return 200, headers, {"jsonrpc": "2.0", "id": 1, "result": result}


@contextmanager
def tiny_server() -> Iterator[TinyServer]:
    tiny = TinyServer()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            with lock:
                status, headers, told = tiny.answer(self.path, body)
            content = json.dumps(told).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            with lock:
                if sum(tiny.seen.values()) == tiny.gone_after:
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
