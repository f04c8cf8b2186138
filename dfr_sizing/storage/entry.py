"""The entry file of a measured disk: written whole or not at all, read as a row of the catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from dfr_sizing.catalogue.types import DiskType
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.storage.fio import Run, Spread
from dfr_sizing.storage.measure import Measurement
from dfr_sizing.storage.own import own_disk
from dfr_sizing.whole import write_whole

FORMAT = "dfr-size disk 1"
_REMEDY = "write it with dfr-size probe disk"


def disk_entry(measured: Measurement, name: str, gib: int) -> DiskType:
    """A measurement as a disk of one's own that holds ``gib`` GiB.

    Its operations are the fewer of random reads and writes at depth 32, its MB/s the fewer of sequential ones, a read's
    latency that at depth 1, and a flush's that of a write and its fdatasync. ``low`` and ``high`` are 5 % and 95 %.
    """
    runs = measured.runs
    iops = min(runs["random-read-32"].iops, runs["random-write-32"].iops)
    mb_per_s = min(runs["sequential-read-32"].mb_per_s, runs["sequential-write-32"].mb_per_s)
    return own_disk(
        name,
        gib,
        int(iops),
        round(mb_per_s, 1),
        _interval(runs["random-read-1"].latency_ms),
        _flush(runs["wal-write-1"]),
        f"measured with {measured.fio}, {measured.mib} MiB, {measured.seconds} s a run",
        measured.on,
    )


def _interval(spread: Spread) -> Interval:
    """Mean between the 5 % and the 95 % points; a long tail may lift the mean over the latter, and then it is both."""
    low, mid, high = spread.p5, spread.mean, max(spread.p95, spread.mean)
    return Interval(*(round(value, 4) for value in (min(low, mid), mid, high)))


def _flush(run: Run) -> Interval:
    """A write and then its fdatasync; their percentiles are added, which is a little wide unless they go together."""
    write, sync = run.latency_ms, run.sync_ms
    assert sync is not None  # the job asks for it  # noqa: S101
    both = (getattr(write, part) + getattr(sync, part) for part in ("mean", "p5", "p50", "p95", "p99"))
    return _interval(Spread(*both))


def check_entry(out: Path) -> None:
    """Refuse a place for the entry file before anything is measured. Raises InputError."""
    folder = out.absolute().parent
    if out.is_dir() or not folder.is_dir():
        raise InputError("--out", out, "a file in an existing folder", "choose another name")


def write_disk(out: Path, disk: DiskType, measured: Measurement) -> None:
    """Write the entry file, whole or not at all. Raises InputError."""
    check_entry(out)
    try:
        write_whole(out, ("\n".join(_lines(disk, measured)) + "\n").encode())
    except OSError as error:
        raise InputError("--out", out, "a file that can be written", f"{error.strerror}: choose another") from None


def _lines(disk: DiskType, measured: Measurement) -> Iterator[str]:
    yield f'format = "{FORMAT}"'
    yield ""
    yield "[disk]"
    yield "# What dfr-size reads. Latencies in ms: 5 %, mean, 95 %; a write's is until it is durable."
    yield f'name = "{disk.name}"'
    yield f"gib = {disk.max_gib}"
    yield f"iops = {disk.base_iops}"
    yield f"mb_per_s = {disk.base_mb_per_s}"
    for name, interval in (("read", disk.read_latency_ms), ("write", disk.write_latency_ms)):
        yield f"{name}_latency_ms = [{', '.join(f'{bound:g}' for bound in interval.bounds)}]"
    yield f'source = "{disk.source}"'
    yield f"date = {disk.date.isoformat()}"
    yield ""
    yield "[measured]"
    yield f'fio = "{measured.fio}"'
    yield f"size_mib = {measured.mib}"
    yield f"seconds_a_run = {measured.seconds}"
    for run in measured.runs.values():
        yield ""
        yield f"[measured.runs.{run.name}]"
        yield f"iops = {run.iops:.1f}"
        yield f"mb_per_s = {run.mb_per_s:.2f}"
        yield f"latency_ms = {_table(run.latency_ms)}"
        if run.sync_ms is not None:
            yield f"fdatasync_ms = {_table(run.sync_ms)}"


def _table(spread: Spread) -> str:
    parts = (f"{part} = {getattr(spread, part):.4f}" for part in ("mean", "p5", "p50", "p95", "p99"))
    return "{ " + ", ".join(parts) + " }"


def read_disk(path: Path) -> DiskType:
    """The disk of an entry file, for ``load_catalogue(disks=...)``. InputError where it is not sound."""
    try:
        return _row(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError("the disk's file", path, "a file that can be read", f"{error.strerror}: check it") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("the disk's file", path, f"one of format {FORMAT}", f"{_REMEDY} ({error})") from None


def _row(told: dict[str, Any]) -> DiskType:
    """The row that an entry file's values are; KeyError, TypeError or ValueError where they are not sound."""
    if told["format"] != FORMAT:
        raise ValueError(f"its format is {told['format']!r}")
    row = told["disk"]
    if type(row["date"]) is not date:
        raise TypeError("date is not a date like 2026-07-30")
    reads, writes = (Interval(*map(float, row[f"{name}_latency_ms"])) for name in ("read", "write"))
    gib, iops, mb_per_s = int(row["gib"]), int(row["iops"]), float(row["mb_per_s"])
    if not min(gib, iops, mb_per_s, reads.low, writes.low) > 0:
        raise ValueError("gib, iops, mb_per_s and latencies must be above 0")
    return own_disk(str(row["name"]), gib, iops, mb_per_s, reads, writes, str(row["source"]), row["date"])
