"""Processes to simulate in: out of reach of Ctrl-C, and never left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.synchronize import Barrier
from types import ModuleType
from typing import Any, TypeVar

from dfr_sizing.errors import InputError

T = TypeVar("T")

LONGEST_GIVE_UP_S = 0.3
"""A pool whose processes were killed ends within milliseconds; whoever pressed Ctrl-C waits no longer than this."""


@contextmanager
def workers(processes: int) -> Iterator[Executor | None]:
    """Processes for simulations, stopped at the end whatever happens; None for one process: this one."""
    if processes < 1:
        raise InputError("--processes", processes, "1 or more", "give the number of cores to use")
    if processes == 1:
        yield None
        return
    start_server()
    context = multiprocessing.get_context("forkserver")
    all_there = context.Barrier(processes)
    pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(all_there,))

    def start() -> None:
        with _without_main():
            for _ in range(processes):  # each starts one, for none is idle before all are there
                pool.submit(os.getpid)

    try:
        yield Ahead(pool, start)
    finally:  # also at the end of an answer: what was begun ahead and never asked for would be waited for
        give_up(pool)
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not run the user's program anew, as multiprocessing would have them do.

    What runs in them is all in this package. A script without ``if __name__ == "__main__"`` would start itself again in
    each of them, and one that is read from standard input cannot be read twice.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def give_up(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes at once: what is under way is of no use any more, and waiting for it would take seconds.

    The pool's thread then tells all that is open that it will not be done, and before Python 3.12 fails, aloud, at work
    that was cancelled before: it is given something to tell. Where a process is killed while it sends, the thread waits
    for the rest of that, and would for ever as long as this process could send it. There is no public way to stop
    running work before 3.14.
    """
    for item in list(pool._pending_work_items.values()):  # noqa: SLF001
        if item.future.cancelled():
            item.future = Future()
    for process in list(pool._processes.values()):  # noqa: SLF001
        process.kill()
    pool._result_queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001
    thread = getattr(pool, "_executor_manager_thread", None)
    if thread is not None:  # else Python may wake it at exit in the moment in which it closes its pipe, and say so
        thread.join(LONGEST_GIVE_UP_S)


def start_server() -> None:
    """Start the server that worker processes are forked from: once, early, and deaf to Ctrl-C.

    It makes the engine ready while this process does other work; forking from it is safe beside threads, and quick.
    A terminal sends Ctrl-C to every process. The server and the workers inherit that it is blocked here: one line from
    the parent is enough, where each would print a traceback. For the parent it is only put off until they are started.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(["dfr_sizing.simulation.warm_up"])
    resource_tracker.ensure_running()  # it unblocks signals for itself, and so comes before they are blocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(all_there: Barrier) -> None:
    """In a worker: end when the parent does, even if that was killed and could not say goodbye; wait for the others."""
    gc.freeze()  # what was imported stays: looking through it for garbage, again and again, takes some per cent
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent.sentinel,), daemon=True).start()
    all_there.wait()


def _wait_and_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


class Ahead(Executor):
    """An executor that can begin what will probably be asked for: when it is, it is not begun a second time.

    What comes of work is the same whenever it is done, so that beginning early changes the time and nothing else.
    ``start`` is called before the first work is: processes are started when their server has made the engine ready, and
    not waited for before.
    """

    def __init__(self, pool: Executor, start: Callable[[], None] | None = None) -> None:
        self._pool = pool
        self._start = start
        self._begun: dict[tuple[object, ...], Future[Any]] = {}

    def begin(self, function: Callable[..., Any], *columns: Iterable[Any]) -> None:
        """Begin to map a function over columns, behind all that was begun before."""
        for row in zip(*columns, strict=True):
            if (function, *row) not in self._begun:
                self._begun[function, *row] = self._ready().submit(function, *row)

    def submit(self, function: Callable[..., T], /, *row: Any, **named: Any) -> Future[T]:
        """What was begun of it, or begin it now."""
        found = self._begun.pop((function, *row), None) if self._begun and not named else None
        return self._ready().submit(function, *row, **named) if found is None else found

    def _ready(self) -> Executor:
        if self._start is not None:
            start, self._start = self._start, None
            start()
        return self._pool

    def forget(self) -> None:
        """Give up what was begun and not asked for; what is done or under way is kept, in case it is asked for."""
        self._begun = {row: found for row, found in self._begun.items() if not found.cancel()}


def forget(executor: Executor | None) -> None:
    """Give up what an executor began ahead and nobody has asked for."""
    if isinstance(executor, Ahead):
        executor.forget()


def begun(executor: Executor | None, function: Callable[..., T], *columns: Iterable[Any]) -> Callable[[], list[T]]:
    """Begin to map a function over columns in an executor's processes; what is returned waits for what came of it.

    Without an executor it is done when it is asked for.
    """
    if executor is None:
        return lambda: [function(*row) for row in zip(*columns, strict=True)]
    found = executor.map(function, *columns)
    return lambda: list(found)
