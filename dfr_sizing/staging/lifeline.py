"""A process that ends with the one that started it, even where that one was killed and could say nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
"""Of Linux's prctl(2): the signal that a process gets when its parent dies."""


def end_with(parent: int, by: signal.Signals) -> Callable[[], None]:
    """What a child runs before anything else: the kernel sends it ``by`` when process ``parent`` ends (Linux).

    The library is loaded here, in the parent: between fork and exec a child should do little. Elsewhere than on Linux
    nothing is asked of the kernel; there the master and its workers look at ``getppid`` once a second.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, by.value)
        if os.getppid() != parent:  # it died before the kernel was asked
            os.kill(os.getpid(), by)

    return ask
