"""The archive of WAL: the command that fills it, and what lies in it."""

from __future__ import annotations

import gzip
import re
import shlex
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from dfr_sizing.drill.workspace import Workspace

SEGMENT_BYTES = 2**24
"""wal_segment_size as a new cluster has it (PostgreSQL documentation); another is refused."""
PAGE_BYTES, PAGE_HEADER_BYTES = 8192, 40
"""XLOG_BLCKSZ and the longer header of a page of WAL (xlog_internal.h)."""
SEGMENTS_A_LOG = 2**32 // SEGMENT_BYTES

_NAME = re.compile(r"^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(-[0-9a-f]{40}([.]gz)?)?$")
"""A segment, as PostgreSQL names it; pgBackRest adds its sum, and the ending of what it compressed."""
_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Archive:
    """Where one server's WAL is kept, the log of when each segment was uploaded, and how one is got back (``get``)."""

    folder: Path
    uploads: Path
    get: str = ""

    def segments(self) -> dict[int, Path]:
        """Segments by their number, over all timelines; whole ones."""
        found = {}
        for path in sorted(self.folder.rglob("*"), key=lambda one: one.name):
            told = _NAME.match(path.name)
            if told:
                found[number_of(path.name)] = path
        return found

    def uploaded(self) -> dict[str, tuple[float, float]]:
        """When the upload of each segment began and ended (``time.time``)."""
        lines = self.uploads.read_text(encoding="utf-8").splitlines() if self.uploads.exists() else []
        rows = [line.split() for line in lines if len(line.split()) == len(("name", "begun", "ended"))]
        return {name: (float(begun), float(ended)) for name, begun, ended in rows if _NAME.match(name)}

    def missing(self, first: int) -> list[str]:
        """Segments that should be there and are not: between the first needed and the last, or uploaded before."""
        there = self.segments()
        last = max(there, default=first)
        kept = {path.name[:_LETTERS] for path in self.folder.rglob("*") if _NAME.match(path.name)}
        gone = set(self.uploaded()) - kept
        names = {number: path.name[:8] for number, path in there.items()}
        timeline = next(iter(names.values()), "00000001")
        gone |= {name_of(timeline, number) for number in range(first, last + 1) if number not in there}
        return sorted(gone)

    def end(self) -> int:
        """The position in WAL that the archive reaches."""
        return (max(self.segments(), default=-1) + 1) * SEGMENT_BYTES

    def used_bytes(self, first: int) -> int:
        """Bytes of WAL in pages that hold something, from a segment on: a segment that was switched early is padded."""
        return sum(_used(path) for number, path in self.segments().items() if number >= first)

    @property
    def restore_command(self) -> str:
        """PostgreSQL's restore_command; a segment that is not there is an answer, not a complaint."""
        if self.get:
            return self.get
        there = shlex.quote(str(self.folder)).replace("%", "%%")
        return f'test -f {there}/%f && cp {there}/%f "%p"'


def name_of(timeline: str, number: int) -> str:
    """A segment's file name."""
    return f"{timeline}{number // SEGMENTS_A_LOG:08X}{number % SEGMENTS_A_LOG:08X}"


def number_of(name: str) -> int:
    """A segment's number, of its file name. Raises ValueError."""
    told = _NAME.match(name)
    if told is None:
        raise ValueError(f"{name} is no segment of WAL")
    return int(told[2], 16) * SEGMENTS_A_LOG + int(told[3], 16)


def position(lsn: str) -> int:
    """PostgreSQL's pg_lsn as a number."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def archiving(
    place: Workspace, number: int, spool: Path, timeout_s: int, folder: Path, push: str = ""
) -> tuple[Archive, dict[str, str]]:
    """An empty archive for one server in a folder, and the settings that fill it; ``push``: by this command."""
    made = Archive(folder, place.make(f"archiving-{number}") / "uploads")
    script = made.uploads.with_name("archive.sh")
    script.write_text(resources.files("dfr_sizing.drill").joinpath("archive.sh").read_text("utf-8"), encoding="utf-8")
    told = {
        "spool": str(spool),
        "files": str(place.keep("filestore")),
        "archive": str(made.folder),
        "uploads": str(made.uploads),
        "push": push,
    }
    settings = "".join(f"{name}={shlex.quote(value)}\n" for name, value in told.items())
    script.with_name("archive.conf").write_text(settings, encoding="utf-8")
    for path in (script, script.with_name("archive.conf")):
        place.give(path)
    # pgBackRest backs up no server whose archive_command does not name it.
    by = f"TOOL={shlex.split(push)[0]} " if push else ""
    command = shlex.quote(str(script)).replace("%", "%%")
    return made, {
        "archive_mode": "on",
        "archive_command": f'{by}sh {command} "%p" "%f"',
        "archive_timeout": str(timeout_s),
    }


def _used(path: Path) -> int:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        pages = np.frombuffer(file.read(), dtype=np.uint8)
    pages = pages[: len(pages) // PAGE_BYTES * PAGE_BYTES].reshape(-1, PAGE_BYTES)
    return int(pages[:, PAGE_HEADER_BYTES:].any(axis=1).sum()) * PAGE_BYTES
