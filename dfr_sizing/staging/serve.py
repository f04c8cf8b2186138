"""The stand-in's server: a master and its workers, as Odoo's prefork. Started by `dfr-size staging up`, not by hand.

All workers wait at one listening socket and each takes one request at a time; whoever comes when all are busy waits in
the kernel's accept queue, which holds 8 x workers. Nothing is left behind: a worker ends with the master, the master
with the process that started it, killed or not.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socketserver import BaseServer
from types import FrameType
from typing import NoReturn, cast

from dfr_sizing.drivers import rule
from dfr_sizing.errors import InputError
from dfr_sizing.staging.accounts import accounts
from dfr_sizing.staging.application import Application
from dfr_sizing.staging.database import Database
from dfr_sizing.staging.handler import Handler, open_log
from dfr_sizing.staging.lifeline import end_with
from dfr_sizing.staging.target import password
from dfr_sizing.staging.work import Work, app_cpu_ms

LOOK_S, GRACE_S = 0.2, 5.0
"""Seconds between two looks of the master at its workers; seconds they get to finish what they are at."""


class Ended(BaseException):
    """The master was asked to stop."""


def main() -> None:
    """Fork the workers, replace those that die, stop them all at the end."""
    told = _arguments()
    end_with(told.parent, signal.SIGTERM)()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(fileno=told.socket)
    listener.setblocking(False)
    listener.listen(int(rule("odoo.backlog_per_worker")) * told.workers)
    open_log(told.folder / "odoo.log", told.database)
    application = Application(Database(told.postgresql), accounts(password()), Work(app_cpu_ms()), told.database)
    workers: set[int] = set()
    signal.signal(signal.SIGTERM, _end)
    try:
        while os.getppid() == told.parent:
            while len(workers) < told.workers:
                workers.add(_fork(listener, application))
            time.sleep(LOOK_S)
            workers -= _dead(workers)
    except Ended:
        pass  # what stops it stops the workers, below
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop(workers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dfr_sizing.staging.serve", description=__doc__)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--postgresql", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    return parser.parse_args()


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Ended


def _fork(listener: socket.socket, application: Application) -> int:
    # Between fork and the worker's own handlers no signal may run those of the master.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    master = os.getpid()
    ask = end_with(master, signal.SIGTERM)
    worker = os.fork()
    if worker:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return worker
    status = 1
    try:
        _work(listener, application, master, ask)
        status = 0
    finally:
        os._exit(status)


def _work(listener: socket.socket, application: Application, master: int, ask: Callable[[], None]) -> None:
    """A worker: take a request, answer it, take the next; until it is told to stop or the master is gone."""
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)  # a signal ends the wait below
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    ask()
    Handler.application = application
    while not stopped and os.getppid() == master:
        if listener.fileno() not in select.select([listener.fileno(), woken], [], [], 1.0)[0]:
            continue
        try:
            connection, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            continue  # another worker was quicker
        _answer(connection, address)


def _answer(connection: socket.socket, address: tuple[str, int]) -> None:
    with connection:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Handler(connection, address, cast("BaseServer", None))  # it never asks for its server
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client has gone


def _dead(workers: set[int]) -> set[int]:
    """Workers that have ended. Raises where one could not go on: the next would not either."""
    gone = set()
    for worker in workers:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            gone.add(pid)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status):
                raise InputError("a worker", "failing at its start", "able to serve", "see odoo.log")
    return gone


def _stop(workers: set[int]) -> None:
    left, give_up = set(workers), time.monotonic() + GRACE_S
    _send(left, signal.SIGTERM)
    while left and time.monotonic() < give_up:
        left = {worker for worker in left if not _is_gone(worker)}
        time.sleep(0.01)
    _send(left, signal.SIGKILL)
    for worker in left:
        with suppress(ChildProcessError):
            os.waitpid(worker, 0)


def _send(workers: set[int], what: signal.Signals) -> None:
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, what)


def _is_gone(worker: int) -> bool:
    try:
        return os.waitpid(worker, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"dfr-size: {error}")
