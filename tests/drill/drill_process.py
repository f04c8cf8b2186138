"""`dfr-size drill` in a process of its own, to be stopped at any phase."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import psutil
from stand_in_process import dfr_size, wait_until

from dfr_sizing.drill.types import Phase
from dfr_sizing.drill.workspace import PHASE

SMALL = ("--size", "40MB", "--archive-timeout", "1", "--json")


def start(folder: Path, *options: str | Path, **environment: str) -> subprocess.Popen[str]:
    return dfr_size("drill", *SMALL, "--folder", folder, *options, **environment)


def reached(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / PHASE).read_text()
    return ""


def wait_for(process: subprocess.Popen[str], folder: Path, phase: Phase) -> None:
    """Until a phase has begun, or a later one: some are over within milliseconds."""
    order = list(Phase)

    def is_there() -> bool:
        assert process.poll() is None, process.communicate()
        now = reached(folder)
        return bool(now) and order.index(Phase(now)) >= order.index(phase)

    wait_until(is_there)


def everything_in(folder: Path) -> list[psutil.Process]:
    """Processes that have the folder among their words or work in it: PostgreSQL, its programs, the writer."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = " ".join(process.cmdline())
            inside = folder in Path(process.cwd()).parents
            if process.status() != psutil.STATUS_ZOMBIE and (str(folder) in words or inside):
                found.append(process)
    return found
