"""What a drill is asked and what it found. Plain values; seconds and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Phase(StrEnum):
    """The phases of a drill, in their order."""

    SEED = "seed"
    BACKUP = "backup"
    WRITE = "write"  # work goes on, until the failure
    FETCH = "fetch"  # the backup, from where it is kept
    RESTORE = "restore"  # unpacked, and on the disk
    CHECK = "check"  # the backup against its manifest
    REPLAY = "replay"  # WAL
    START = "start"  # what a server takes to open besides
    FILES = "files"  # the filestore, from where it is kept
    VERIFY = "verify"  # pages, indexes, rows, files


RECOVERY = (Phase.FETCH, Phase.RESTORE, Phase.CHECK, Phase.REPLAY, Phase.START, Phase.FILES, Phase.VERIFY)
"""What lies between the failure and the opening: their seconds together are the restore time."""


class DrillFailed(Exception):  # noqa: N818  (it is an answer, not an error)
    """The drill has its answer early, and it is no: what went wrong, in a sentence without its full stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A drill on a database that it seeds itself.

    ``remote`` is where backups, WAL and files are kept, such as a mounted store; None: a folder beside the rest.
    ``kills`` is how often the full size is drilled, ``smaller`` whether smaller sizes are drilled before it, to tell
    what is fixed from what grows. ``tool`` makes the backups; ``postgresql`` is a folder of PostgreSQL's programs,
    None: those that are installed with dfr-size. ``at_most_s`` bounds the whole.
    """

    folder: Path
    size_bytes: int
    seed: int = 1
    kills: int = 1
    smaller: bool = True
    archive_timeout_s: int = 10
    compress: bool = True
    tool: str = "pg_basebackup"
    postgresql: Path | None = None
    remote: Path | None = None
    at_most_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a round's phases had to carry. ``database_bytes`` are those of the files in the backup's manifest.

    ``stored_bytes`` are the backup's as it is kept; ``wal_bytes`` those of WAL's pages in use; ``files`` are counted.
    """

    database_bytes: int = 0
    stored_bytes: int = 0
    wal_bytes: int = 0
    files_bytes: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """What a failure took, by the journal that was kept outside of the database.

    ``seconds`` run from the first commit that is gone until the failure. ``bound_s`` is archive_timeout, the longest
    upload of a segment and what the checkpointer's clock is coarse. ``archived_rows`` counts rows that are gone though
    their commit was before the end of the last archived segment: there must be none.
    """

    commits: int
    lost_commits: int
    lost_rows: int
    seconds: float
    bound_s: float
    upload_s: float
    archived_rows: int


@dataclass(frozen=True, slots=True)
class PointInTime:
    """A restore to a moment between two commits: how many should be there, how many were, and what it took."""

    commits_expected: int
    commits_found: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """One failure and its recovery.

    ``waited_share`` is the share of the recovery in which some process waited for a CPU: beyond a few per cent others
    were at work on the host, and its seconds are not the host's own. None where the kernel does not tell.
    """

    number: int
    sizes: Sizes
    seconds: Mapping[Phase, float]
    loss: Loss
    full_size: bool
    archive_timeout_s: float
    waited_share: float | None = None
    point_in_time: PointInTime | None = None

    @property
    def restore_s(self) -> float:
        """From the failure until the database and its files are back and verified."""
        return sum(self.seconds.get(phase, 0.0) for phase in RECOVERY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a drill came to. ``failed_in`` and ``reason`` are set where it did not pass."""

    rounds: tuple[Round, ...]
    facts: Mapping[str, str]
    failed_in: Phase | None = None
    reason: str = ""
    not_compared: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether everything that was committed before the last archived segment came back, in the time promised."""
        return not self.reason
