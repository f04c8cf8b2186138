"""From a backup and an archive to a server that is up: to the newest that is kept, or to a point in time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dfr_sizing.drill.archive import Archive
from dfr_sizing.drill.cluster import Cluster
from dfr_sizing.drill.types import DrillFailed

_BEGINS, _DONE = "redo starts at ", "redo done at "
_NONE = "redo is not required"


@dataclass(frozen=True, slots=True)
class Recovered:
    """Seconds of replay, and of everything else until connections are taken; where in WAL the last record ended."""

    replay_s: float
    start_s: float
    until: str


def check_archive(archive: Archive, first: int) -> None:
    """Raises DrillFailed where a segment is missing: PostgreSQL would stop there and open without a word."""
    missing = archive.missing(first)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DrillFailed(
            f"the archive has lost segment {missing[0]}{more}: what was committed from there on cannot be restored"
        )


def recover(
    cluster: Cluster,
    database: str,
    archive: Archive,
    *,
    to: float | None = None,
    settings: Mapping[str, str] | None = None,
) -> Recovered:
    """Replay and open. ``to`` is a moment (``time.time``); None: all there is. Raises DrillFailed."""
    (cluster.data / "recovery.signal").touch()
    told = {"archive_mode": "off", "hot_standby": "off", "restore_command": archive.restore_command}
    told["recovery_target_timeline"] = "latest" if to is None else "current"
    if to is not None:
        moment = datetime.fromtimestamp(to, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        told |= {"recovery_target_time": moment, "recovery_target_action": "promote"}
    begun = time.time()
    cluster.start({**told, **(settings or {})})
    ready = cluster.wait(database)
    logged = cluster.logged()
    starts = next((at for at, _, said in logged if said.startswith(_BEGINS)), None)
    done = next(((at, said) for at, _, said in logged if said.startswith(_DONE)), None)
    if starts is None or done is None:
        if any(said.startswith(_NONE) for _, _, said in logged):
            return Recovered(0.0, ready - begun, "")
        raise DrillFailed(cluster.why("PostgreSQL opened without a word of its replay"))
    replay_s = done[0] - starts
    return Recovered(replay_s, max(0.0, ready - begun - replay_s), done[1].removeprefix(_DONE).split()[0])
