"""Keeps the requests that arrive while a test runs: in parts on disk, then as one table. Knows what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfr_sizing.recording.store import write_requests
from dfr_sizing.recording.types import REQUEST_COLUMNS
from loadtests.outbox import unpacked

if TYPE_CHECKING:
    import pandas as pd

PARTS = "parts"


@dataclass(slots=True)
class Ping:
    """The quickest round trip of a message to a process, and what its clock showed, in seconds."""

    round_trip_s: float = float("inf")
    offset_s: float = 0.0

    def heard(self, asked: float, answered: float, now: float) -> None:
        """An answer: asked and heard by this clock, answered by the other, which is taken to be at half the way."""
        if now - asked < self.round_trip_s:
            self.round_trip_s, self.offset_s = now - asked, answered - (asked + now) / 2.0


@dataclass(slots=True)
class Keeper:
    """The requests of one test. ``told`` is how many each process says it sent, once it has sent its last."""

    folder: Path
    received: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    _waiting: list[pd.DataFrame] = field(default_factory=list)
    _parts: int = 0

    def clear(self) -> None:
        """Remove the parts that an earlier test left here."""
        for part in (self.folder / PARTS).glob("*.parquet"):
            part.unlink()

    def receive(self, process: str, message: dict[str, Any], clock_offset_s: float) -> None:
        """Take a message from an outbox."""
        self.received[process] = self.received.get(process, 0) + int(message["count"])
        self._waiting.append(unpacked(message, clock_offset_s))

    def write_part(self) -> None:
        """Put what came since the last part on disk, so that a test that is killed leaves it."""
        import pandas as pd  # noqa: PLC0415 - takes long to import

        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        folder = self.folder / PARTS
        folder.mkdir(parents=True, exist_ok=True)
        self._parts += 1
        part = folder / f"{self._parts:05d}.parquet"
        beside = part.with_suffix(".part")
        pd.concat(waiting).loc[:, list(REQUEST_COLUMNS)].to_parquet(beside, index=False)
        beside.replace(part)

    def merge(self) -> None:
        """Make one table of the parts, then remove them."""
        import pandas as pd  # noqa: PLC0415 - takes long to import

        self.write_part()
        parts = sorted((self.folder / PARTS).glob("*.parquet"))
        tables = [pd.read_parquet(part) for part in parts]
        write_requests(self.folder, pd.concat(tables) if tables else pd.DataFrame(columns=list(REQUEST_COLUMNS)))
        for part in parts:
            part.unlink()
        if parts:
            (self.folder / PARTS).rmdir()

    def missing(self, processes: Mapping[str, object]) -> str:
        """What is not there, in words; empty when all that was sent is."""
        silent = [process for process in processes if process not in self.told]
        lost = sum(sent - self.received.get(process, 0) for process, sent in self.told.items())
        words = [f"{lost:,} of {sum(self.told.values()):,} requests lost"] if lost else []
        words += [f"{len(silent)} of {len(processes)} processes did not report their last requests"] if silent else []
        return ", ".join(words)
