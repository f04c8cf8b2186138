"""The stand-in as a whole: PostgreSQL, the server's master, and a staging file once it answers. All or nothing.

This process only watches over the two: it ends them when it is told to stop (Ctrl-C, SIGTERM, a closed terminal), when
the master ends by itself, and, through the kernel, when it is killed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit

from dfr_sizing.errors import InputError
from dfr_sizing.staging.database import prepare
from dfr_sizing.staging.postgres import running
from dfr_sizing.staging.target import Staging, password
from dfr_sizing.staging.web import NOT_ODOO
from dfr_sizing.toml_text import toml_value

HOST = "127.0.0.1"
OFFICERS = 20
"""Users that the staging file names; there are 99 officers and as many enumerators."""
ANSWER_AT_MOST_S, STOP_AT_MOST_S = 60.0, 15.0
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class StandIn:
    """What is to be started. ``postgresql`` is the URL of a server's empty database; empty: one of its own."""

    workers: int
    port: int
    folder: Path
    database: str
    mapping: str
    postgresql: str = ""
    once_ready: Path | None = None


class Told(BaseException):
    """A signal that ends the stand-in."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(asked: StandIn, say: Callable[[str], None]) -> int:
    """Run the stand-in until a signal ends it; the exit status is 128 and the signal's number. Raises InputError."""
    password()  # a start that is bound to fail had better fail before anything runs
    _check(asked)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _tell)
    try:
        with _listener(asked.port) as listener, _postgresql(asked) as url:
            prepare(url)
            staging = _staging(asked, listener.getsockname()[1], url)
            with _serving(asked, listener, url) as master:
                listener.close()  # the master has it; here it would keep the port taken
                _wait(master, staging.url)
                with _told_of(staging, asked.once_ready):
                    say(
                        f"{staging.url} answers: {NOT_ODOO}.\nPostgreSQL: {url}\nLog: {staging.log}\nCtrl-C stops it.\n"
                    )
                    _watch(master)
    except Told as told:
        say("The stand-in has stopped; nothing of it runs any more.\n")
        return 128 + told.number


def _tell(number: int, _frame: FrameType | None) -> NoReturn:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # once is enough: what follows is the clearing up
    raise Told(number)


def _check(asked: StandIn) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", asked.database):
        raise InputError("--database", asked.database, "letters, digits, _ and -", "choose another name")
    if asked.once_ready is not None and not asked.once_ready.parent.is_dir():
        raise InputError("--once-ready", asked.once_ready, "a file in a folder that is there", "make the folder first")
    try:
        asked.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--folder", asked.folder, "a folder", f"{error.strerror}: choose another") from None
    if asked.postgresql:
        parts = urlsplit(asked.postgresql)
        if parts.password:
            raise InputError("--postgresql", "a URL with a password", "one without", "set PGPASSWORD instead")
        if parts.path.lstrip("/") != asked.database:
            told = f"a URL that ends in the database's name, /{asked.database}"
            raise InputError("--postgresql", asked.postgresql, told, "add it, or give --database the URL's")


def _listener(port: int) -> socket.socket:
    """The socket, bound but not yet listening: so a port that is taken is known before anything is started."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise InputError("--port", port, "a free port", f"{error.strerror}: choose another, or 0 for any") from None
    return listener


@contextmanager
def _postgresql(asked: StandIn) -> Iterator[str]:
    own = running(asked.folder, database=asked.database)
    with nullcontext(asked.postgresql) if asked.postgresql else own as url:
        yield url


@contextmanager
def _serving(asked: StandIn, listener: socket.socket, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The master, in a session of its own, so that the terminal's Ctrl-C reaches this process alone."""
    told = {"parent": os.getpid(), "socket": listener.fileno(), "workers": asked.workers, "database": asked.database}
    options = {**told, "postgresql": url, "folder": asked.folder.resolve()}
    command = [sys.executable, "-m", "dfr_sizing.staging.serve"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    master = subprocess.Popen(command, pass_fds=[listener.fileno()], start_new_session=True)  # noqa: S603
    try:
        yield master
    finally:
        master.terminate()
        try:
            master.wait(STOP_AT_MOST_S)
        except subprocess.TimeoutExpired:
            master.kill()
            master.wait()


def _staging(asked: StandIn, port: int, url: str) -> Staging:
    return Staging(
        url=f"http://{HOST}:{port}",
        database=asked.database,
        is_staging=True,
        mapping=asked.mapping,
        users=tuple(f"officer{number:02}" for number in range(1, OFFICERS + 1)),
        workers=asked.workers,
        cron_workers=0,
        postgresql=url,
        log=str(asked.folder.resolve() / "odoo.log"),
    )


def _wait(master: subprocess.Popen[bytes], url: str) -> None:
    """Until the stand-in itself answers, which another server at that port would not."""
    give_up = time.monotonic() + ANSWER_AT_MOST_S
    while master.poll() is None and time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(f"{url}/web/health", timeout=5.0) as answer:  # noqa: S310  (ours)
                if json.load(answer).get("server") == NOT_ODOO:
                    return
        except (OSError, ValueError):
            time.sleep(0.05)
    raise InputError("the stand-in", "not answering", "up within a minute", "see odoo.log in its folder")


def _watch(master: subprocess.Popen[bytes]) -> NoReturn:
    while master.poll() is None:
        time.sleep(LOOK_S)
    raise InputError("the stand-in's server", "gone", "there until it is stopped", "see odoo.log in its folder")


@contextmanager
def _told_of(staging: Staging, path: Path | None) -> Iterator[None]:
    """A staging file for as long as it is true; whole as soon as it is there, for somebody waits for it."""
    if path is None:
        yield
        return
    lines = [f"# {NOT_ODOO}.", *(f"{name} = {toml_value(value)}" for name, value in staging.model_dump().items())]
    part = path.with_name(path.name + ".part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        part.replace(path)
        yield
    finally:
        path.unlink(missing_ok=True)
