"""fio: the runs that a database's disk is measured with, and what it says of them.

Each run is bounded in size and time; direct I/O, so that the system's cache is not measured. The file has no name: it
is made and unlinked before the first run, and fio finds it through this process. So nothing of it is left, however this
ends.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.staging.lifeline import end_with

PAGE = "8k"
"""PostgreSQL's block size."""
INSTALL = "apt-get install fio, dnf install fio or apk add fio"


@dataclass(frozen=True, slots=True)
class Job:
    """One run: fio's rw and block size, operations under way at once, and whether fdatasync follows each write.

    Those with fdatasync are sent by so many processes, as backends commit: with libaio the flush of one write would go
    out while the write itself is under way, and neither time would be that of a commit.
    """

    name: str
    rw: str
    block: str
    depth: int
    synced: bool = False

    def arguments(self, file: str, mib: int, seconds: int) -> list[str]:
        """Fio's command line; the run ends after the time, going over the file again if need be."""
        return [
            _program(), f"--name={self.name}", f"--filename={file}", f"--size={mib}m", f"--rw={self.rw}",
            f"--bs={self.block}", "--direct=1", f"--runtime={seconds}", "--time_based", "--allow_file_create=0",
            "--thread", "--randrepeat=0", "--norandommap", "--output-format=json", *self._way(),
        ]  # fmt: skip

    def _way(self) -> list[str]:
        if self.synced:
            return ["--ioengine=psync", "--fdatasync=1", f"--numjobs={self.depth}", "--group_reporting"]
        return ["--ioengine=libaio", f"--iodepth={self.depth}"]


JOBS = (
    Job("random-read-1", "randread", PAGE, 1),
    Job("random-read-32", "randread", PAGE, 32),
    Job("random-write-32", "randwrite", PAGE, 32),
    Job("wal-write-1", "randwrite", PAGE, 1, synced=True),
    Job("wal-write-32", "randwrite", PAGE, 32, synced=True),
    Job("sequential-read-32", "read", "1m", 32),
    Job("sequential-write-32", "write", "1m", 32),
)
"""Reads and writes of pages by one process and by many, WAL (each write made durable), and large blocks."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds of single operations: mean and percentiles."""

    mean: float
    p5: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Run:
    """What a job did: operations and MB a second, latency, and that of the fdatasync after each write."""

    name: str
    iops: float
    mb_per_s: float
    latency_ms: Spread
    sync_ms: Spread | None


def _program() -> str:
    """Where fio is. InputError where it is not installed."""
    found = shutil.which("fio")
    if found is None:
        raise InputError("fio", "not found", "installed on this host", f"install it ({INSTALL})")
    return found


def version() -> str:
    """Fio's version. InputError where it is not installed or does not tell."""
    command = [_program(), "--version"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30.0)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError("fio", f"not working ({error})", "installed on this host", f"install it ({INSTALL})") from None
    return told.stdout.strip()


def run_job(job: Job, file: str, mib: int, seconds: int) -> Run:
    """Run one job over a filled file. InputError with fio's own words where it fails or does not end in its time."""
    process = subprocess.Popen(  # noqa: S603  (fio, on a file of ours)
        job.arguments(file, mib, seconds), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "LC_ALL": "C"}, preexec_fn=end_with(os.getpid(), signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=3.0 * seconds + 60.0)
    except subprocess.TimeoutExpired:
        raise InputError(
            "fio", f"without an end in {job.name}", f"done in about {seconds} s", "try a smaller --size-mib"
        ) from None
    finally:
        process.kill()  # it may be in the middle of a run, on Ctrl-C as well; its jobs are threads of it
        process.wait()
    if process.returncode != 0:
        words = " ".join((err or out).split())[:200]
        raise InputError("fio", f"failed in {job.name} ({words})", "able to do direct I/O there", "try another folder")
    return parse(job, out)


def parse(job: Job, output: str) -> Run:
    """What fio's JSON says of the job. InputError where it is not that."""
    try:
        # Warnings of fio may stand before the JSON.
        told: Mapping[str, Any] = json.loads(output[output.index("{") :])["jobs"][0]
        side = told["write" if "write" in job.rw else "read"]
        if told["error"] or side["total_ios"] < 1:
            raise InputError("fio", f"without an operation in {job.name}", "able to read and write there", "look why")
        return Run(
            name=job.name,
            iops=float(side["iops"]),
            mb_per_s=float(side["bw_bytes"]) / 1e6,
            latency_ms=_spread(side["clat_ns"], side["lat_ns"]["mean"]),
            sync_ms=_spread(told["sync"]["lat_ns"], told["sync"]["lat_ns"]["mean"]) if job.synced else None,
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError("fio", f"not understood ({error!r})", "fio 3.1 or newer", "install a newer one") from None


def _spread(completion: Mapping[str, Any], mean_ns: float) -> Spread:
    at = completion["percentile"]
    five, median, high, highest = (float(at[f"{percent}.000000"]) / 1e6 for percent in (5, 50, 95, 99))
    return Spread(float(mean_ns) / 1e6, five, median, high, highest)
