"""Reads and writes the folder of a recording. Each file appears whole, by rename."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfr_sizing.errors import InputError
from dfr_sizing.recording.types import (
    FORMAT,
    REQUEST_COLUMNS,
    SECOND_COLUMNS,
    Host,
    Recording,
    RequestKind,
    Server,
    Snapshot,
    Step,
)
from dfr_sizing.whole import write_whole

if TYPE_CHECKING:
    import pandas as pd

ABOUT, REQUESTS, SECONDS = "recording.json", "requests.parquet", "seconds.parquet"
POSTGRESQL, LOG = "postgresql.json.gz", "odoo.log.gz"


def write_recording(folder: Path, recording: Recording) -> None:
    """Write recording.json."""
    told = {"format": FORMAT, **asdict(recording)}
    write_whole(folder / ABOUT, (json.dumps(told, indent=1) + "\n").encode())


def read_recording(folder: Path) -> Recording:
    """What recording.json says. Raises InputError."""
    path = folder / ABOUT
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT:
            raise InputError("the recording", folder, f"of format {FORMAT}", "record it again with this dfr-size")
        return Recording(
            **{
                **told,
                "kinds": {name: RequestKind(**row) for name, row in told["kinds"].items()},
                "steps": tuple(Step(**row) for row in told["steps"]),
                "hosts": tuple(Host(**{**row, "groups": tuple(row["groups"])}) for row in told["hosts"]),
                "server": Server(**told["server"]),
            }
        )
    except OSError as error:
        raise InputError("the recording", folder, f"a folder with {ABOUT}", f"{error.strerror}: check it") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "the recording", folder, f"one with a complete {ABOUT}", f"record it again ({error})"
        ) from None


def write_requests(folder: Path, requests: pd.DataFrame) -> None:
    """Write every request, in order of sending; the columns are REQUEST_COLUMNS."""
    _write_table(folder / REQUESTS, requests.loc[:, list(REQUEST_COLUMNS)].sort_values("started"))


def read_requests(folder: Path) -> pd.DataFrame:
    """Every request. Raises InputError."""
    return _read_table(folder / REQUESTS, REQUEST_COLUMNS)


def write_seconds(folder: Path, seconds: pd.DataFrame) -> None:
    """Write what each host did in each second; the columns are SECOND_COLUMNS."""
    _write_table(folder / SECONDS, seconds.loc[:, list(SECOND_COLUMNS)].sort_values(["host", "time"]))


def read_seconds(folder: Path) -> pd.DataFrame | None:
    """What each host did in each second, or None where nobody watched."""
    return _read_table(folder / SECONDS, SECOND_COLUMNS) if (folder / SECONDS).exists() else None


def write_snapshots(folder: Path, snapshots: Sequence[Snapshot]) -> None:
    """Write PostgreSQL's statistics at the edges of the steps."""
    write_whole(folder / POSTGRESQL, gzip.compress(json.dumps([asdict(one) for one in snapshots]).encode(), mtime=0))


def read_snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """PostgreSQL's statistics, none where nobody asked. Raises InputError."""
    path = folder / POSTGRESQL
    if not path.exists():
        return ()
    try:
        rows: list[Mapping[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
        return tuple(Snapshot(**row) for row in rows)
    except (OSError, EOFError, zlib.error, TypeError, ValueError) as error:
        raise InputError("the recording", path, "a complete file", f"record it again ({error})") from None


def write_log(folder: Path, lines: Iterable[str]) -> None:
    """Keep the lines of Odoo's access log from the time of the run."""
    write_whole(folder / LOG, gzip.compress("".join(line.rstrip("\n") + "\n" for line in lines).encode(), mtime=0))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(path.suffix + ".part")
    table.to_parquet(beside, index=False, compression="zstd")
    beside.replace(path)


def _read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - it takes longer to import than what most commands do

    try:
        from pyarrow import ArrowException  # noqa: PLC0415 - as pandas, and comes with the extra `loadtest`
    except ImportError:
        raise InputError(
            "pyarrow", "not installed", "there to read recordings", "pip install 'dfr-size[loadtest]'"
        ) from None

    try:
        return pd.read_parquet(path, columns=list(columns))
    except (OSError, ValueError, ArrowException) as error:
        raise InputError(
            "the recording", path, f"a file with {', '.join(columns)}", f"record it again ({error})"
        ) from None
