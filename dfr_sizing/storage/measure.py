"""Measures the disk under a folder with fio, and makes a disk of one's own of the figures.

What is bounded: the file's size, the seconds of each run, and room that stays free. Nothing is left in the folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from dfr_sizing.errors import InputError
from dfr_sizing.storage.fio import JOBS, Job, Run, run_job, version

MIB = 2**20
MOST_FILL_S = 120.0
IN_MEMORY = {"tmpfs", "ramfs"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What fio measured on a day: its version, the size and seconds it had, and its runs by name."""

    on: date
    fio: str
    mib: int
    seconds: int
    free_gib: int
    runs: dict[str, Run]


def measure(
    folder: Path,
    mib: int,
    seconds: int,
    on: date,
    tell: Callable[[str], None] = lambda _: None,
    jobs: tuple[Job, ...] = JOBS,
) -> Measurement:
    """Measure the disk under ``folder`` with a file of ``mib`` MiB, ``seconds`` for each run.

    InputError where fio is missing, the folder cannot be written, is in memory, or has less than twice the file free.
    """
    installed = version()
    free = _checked(folder, mib)
    runs: dict[str, Run] = {}
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            _fill(file, mib)
            for job in jobs:
                tell(f"{job.name} for {seconds} s\n")
                runs[job.name] = run_job(job, f"/proc/{os.getpid()}/fd/{file.fileno()}", mib, seconds)
    except OSError as error:
        raise InputError("PATH", folder, "a folder that can be written", f"{error.strerror}: choose another") from None
    return Measurement(on, installed, mib, seconds, free // 2**30, runs)


def _checked(folder: Path, mib: int) -> int:
    """Bytes that are free in the folder, if it can be measured there."""
    if not folder.is_dir():
        raise InputError("PATH", folder, "an existing folder", "name a folder on the disk to be measured")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError("PATH", folder, "a folder that can be written", "choose another or change its rights")
    kind = _file_system(folder)
    if kind in IN_MEMORY:
        raise InputError("PATH", folder, "a folder on a disk", f"it is in memory ({kind}): choose another")
    free = shutil.disk_usage(folder).free
    if free < 2 * mib * MIB:
        raise InputError(
            "PATH", f"{folder} with {free // MIB:,} MiB free", f"one with {2 * mib:,} MiB free, twice the file",
            "make room or take a smaller --size-mib",
        )  # fmt: skip
    return free


def _file_system(folder: Path) -> str:
    """The type of the file system that a folder is in, by the longest mount point above it; "" where nobody says."""
    at, best, kind = str(folder.resolve()), "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, point, found, *_ = line.split(" ")
        inside = point == "/" or at == point or at.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _fill(file: IO[bytes], mib: int) -> None:
    """Write the whole file with what does not compress: blocks never written may be read without the disk."""
    until = time.monotonic() + MOST_FILL_S
    for _ in range(mib):
        file.write(os.urandom(MIB))
        if time.monotonic() > until:
            raise InputError("--size-mib", mib, f"what the disk takes in {MOST_FILL_S:g} s", "take a smaller one")
    file.flush()
    os.fsync(file.fileno())
