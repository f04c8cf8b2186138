"""How `dfr-size` ends before its time: by Ctrl-C, or because nobody reads on."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

STOPPED = 130
AT_MOST_S = 0.7
"""Time to clear up in; whoever presses Ctrl-C waits no longer."""
_at_most_s = AT_MOST_S
_last_word = "stopped; nothing was written."
_status: int | None = None


class Stopped(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt, which Typer's releases each handle in their own way."""


def listen() -> None:
    """From here on Ctrl-C raises Stopped, once; unless it is to be ignored, as under nohup."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        listener = os.getpid()

        def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
            if os.getpid() != listener:  # a process forked from this one: what it does is of no use any more
                os._exit(STOPPED)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGALRM, lambda _signal, _frame: _end_now(say_so=True))
            signal.setitimer(signal.ITIMER_REAL, _at_most_s)
            raise Stopped

        signal.signal(signal.SIGINT, stop)
        # Registered before those of multiprocessing, this is called after them: when all is cleared up.
        atexit.register(_leave_at_once)


def is_stopped() -> bool:
    """Whether Ctrl-C was pressed: a library may have turned Stopped into an exception of its own."""
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0.0


def end_stopped() -> NoReturn:
    """One line and status 130, and nothing left: exit in order gives back what processes share (semaphores)."""
    signal.signal(signal.SIGALRM, lambda _signal, _frame: _end_now(say_so=False))
    _say_stopped()
    _end_server()
    sys.exit(STOPPED)


def leave(status: int) -> NoReturn:
    """End with a status, all done."""
    global _status  # noqa: PLW0603  (as below)
    _status = status
    sys.exit(status)


def _leave_at_once() -> None:
    """Python would take the imported libraries apart one by one, which takes as long as to import them."""
    if is_stopped():
        os._exit(STOPPED)
    if _status is not None:
        with suppress(OSError):  # whoever read has gone: what was said before has told so
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(_status)


def _end_now(*, say_so: bool) -> NoReturn:
    """The last resort, when clearing up takes too long."""
    import multiprocessing

    if say_so:
        _say_stopped()
    for child in multiprocessing.active_children():
        child.kill()
    _end_server()
    os._exit(STOPPED)


def allow(seconds: float) -> None:
    """More time to clear up in, for a command that has servers to end and gigabytes to remove; SIGTERM counts too."""
    global _at_most_s  # noqa: PLW0603  (as below)
    _at_most_s = seconds
    if callable(told := signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGTERM, told)


def last_word(text: str) -> None:
    """What to say on Ctrl-C instead of that nothing was written."""
    global _last_word  # noqa: PLW0603  (a signal ends the whole process, not one call)
    _last_word = text


def _say_stopped() -> None:
    sys.stderr.write(f"dfr-size: {_last_word}\n")
    sys.stderr.flush()


def _end_server() -> None:
    """Kill the server that workers are forked from: it may be about to start one more, which would find nothing."""
    module = sys.modules.get("multiprocessing.forkserver")
    server = getattr(getattr(module, "_forkserver", None), "_forkserver_pid", None)
    if server is not None:
        with suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)


def say(text: str) -> None:
    """Write to standard output. A reader who has gone (`dfr-size | head -1`) has seen enough: that is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer would be tried again at exit: let it go nowhere.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (a device, not a path of ours)
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
