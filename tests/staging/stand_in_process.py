"""The stand-in, started for real in a process of its own, and a client that speaks to it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from dfr_sizing.staging.target import Staging, read_staging

PASSWORD = "a-password-to-be-found-nowhere"  # noqa: S105
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 2**30  # noqa: S108  (a folder of one's own is made in it)
PATIENCE_S = 120.0
"""Whoever waits for something that must happen gives up after it; nothing is asserted of how long it took."""


def wait_until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def dfr_size(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dfr_sizing", *map(str, arguments)]
    whole = {**os.environ, "DFR_STAGING_PASSWORD": PASSWORD, **environment}
    return subprocess.Popen(command, env=whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Client:
    """Remembers its cookie and its token, as a browser or a device does."""

    url: str
    cookie: str = ""
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, str]:
        sent = {"Cookie": self.cookie, "Authorization": f"Bearer {self.token}", "Content-Type": kind}
        request = urllib.request.Request(self.url + path, body, sent, method=method)  # noqa: S310
        try:
            answer = urllib.request.build_opener(_NoRedirects).open(request, timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.headers = dict(answer.headers)
            self.cookie = (answer.headers.get("Set-Cookie") or self.cookie).split(";")[0]
            return answer.status, answer.read().decode()

    def get(self, path: str) -> tuple[int, str]:
        return self.ask("GET", path)

    def post(self, path: str, told: object) -> tuple[int, Any]:
        status, text = self.ask("POST", path, json.dumps(told).encode(), "application/json")
        return status, json.loads(text)

    def form(self, path: str, **fields: str) -> tuple[int, str]:
        return self.ask("POST", path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def log_in(self, login: str = "officer01", password: str = PASSWORD) -> Any:
        told = {"params": {"db": "staging", "login": login, "password": password}}
        return self.post("/web/session/authenticate", told)[1]

    def call(self, model: str, method: str, *args: object, **kwargs: object) -> Any:
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        answer = self.post(f"/web/dataset/call_kw/{model}/{method}", {"id": 1, "params": params})[1]
        return answer.get("result", answer.get("error"))

    def authorise(self, login: str = "enumerator01") -> None:
        _, text = self.form("/api/dfr/v1/auth/token", grant_type="password", username=login, password=PASSWORD)
        self.token = json.loads(text)["data"]["access_token"]


@dataclass(frozen=True)
class Running:
    """A stand-in that answers. ``processes`` are all that it consists of, PostgreSQL's too."""

    parent: psutil.Process
    staging: Staging
    folder: Path

    @property
    def client(self) -> Client:
        return Client(self.staging.url)

    @property
    def processes(self) -> list[psutil.Process]:
        return [self.parent, *self.parent.children(recursive=True)]

    @property
    def master(self) -> psutil.Process:
        return next(child for child in self.parent.children() if "dfr_sizing.staging.serve" in child.cmdline())


@contextmanager
def reachable_folder(*, in_memory: bool = False) -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter where root runs the tests: pytest's own is closed to others.

    In memory, if there is a place: for what would spend most of its time waiting for the disk.
    """
    quick = in_memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    folder = Path(tempfile.mkdtemp(prefix="dfr-size-test-", dir=MEMORY if quick else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def stand_in(folder: Path, workers: int = 2, mapping: str = "dfr") -> Iterator[Running]:
    ready = folder / "staging.toml"
    options = (
        "--workers",
        str(workers),
        "--port",
        "0",
        "--folder",
        folder,
        "--once-ready",
        ready,
        "--mapping",
        mapping,
    )
    process = dfr_size("staging", "up", *options)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield Running(psutil.Process(process.pid), read_staging(ready), folder)
    finally:
        process.terminate()
        process.communicate()
