"""A base backup: taken over the replication protocol, fetched from where it is kept, unpacked, checked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfr_sizing.drill.archive import SEGMENT_BYTES, position
from dfr_sizing.drill.filestore import flush
from dfr_sizing.drill.programs import Programs
from dfr_sizing.drill.types import DrillFailed
from dfr_sizing.drill.workspace import Workspace

MANIFEST = "backup_manifest"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as it is kept: tar files and a manifest. ``first_segment`` is where its WAL begins."""

    folder: Path
    database_bytes: int
    stored_bytes: int
    first_segment: int


def base_backup(
    url: str, folder: Path, programs: Programs, *, compress: bool, environment: Mapping[str, str] | None = None
) -> Backup:
    """Back a server up by pg_basebackup, with the WAL that the backup itself needs. Raises DrillFailed."""
    told = ["--format=tar", "--wal-method=stream", "--checkpoint=fast", "--no-password"]
    if compress:
        told.append("--compress=client-gzip:1" if _knows_where(programs) else "--compress=1")
    programs.run("pg_basebackup", "--dbname", url, "--pgdata", folder, *told, environment=environment)
    stored = 0
    for path in folder.iterdir():
        stored += path.stat().st_size
        flush(path)
    return _told_by_manifest(folder, stored)


def _knows_where(programs: Programs) -> bool:
    """Whether pg_basebackup can be told on which side to compress: from PostgreSQL 15 on."""
    version = programs.run("pg_basebackup", "--version").split()[2]
    return int(version.split(".", maxsplit=1)[0]) >= 15


def _told_by_manifest(folder: Path, stored: int) -> Backup:
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        first = position(told["WAL-Ranges"][0]["Start-LSN"]) // SEGMENT_BYTES
        return Backup(folder, sum(int(file["Size"]) for file in told["Files"]), stored, first)
    except (ValueError, KeyError, IndexError) as error:
        raise DrillFailed(f"the backup's manifest cannot be read ({error})") from None


def fetch(backup: Backup, place: Workspace) -> Path:
    """Copy a backup from where it is kept, down to the disk of the new host."""
    there = place.make("fetched")
    for path in sorted(backup.folder.iterdir()):
        copy = there / path.name
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        place.give(copy)
        flush(copy)
    return there


def unpack(fetched: Path, data: Path, place: Workspace, programs: Programs) -> None:
    """Make a data folder of what was fetched, down to the disk. Raises DrillFailed where it does not unpack."""
    place.own(data)
    parts = sorted(fetched.glob("*.tar*"))
    if any(path.name.split(".")[0] not in ("base", "pg_wal") for path in parts):
        raise DrillFailed("the database has tablespaces, which a drill does not restore")
    for path in parts:
        target = data if path.name.startswith("base.") else data / "pg_wal"
        try:
            programs.run("tar", "--extract", "--numeric-owner", "--file", path, "--directory", target)
        except DrillFailed as failed:
            raise DrillFailed(programs.why(f"the backup is damaged, {path.name} does not unpack: {failed}")) from None
    shutil.copyfile(fetched / MANIFEST, data / MANIFEST)
    place.give(data / MANIFEST)
    flush_all(data)


def flush_all(folder: Path) -> None:
    """Every file of a folder onto the disk and out of memory."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            flush(path)


def check(data: Path, programs: Programs) -> None:
    """Hold every restored file against the backup's manifest. Raises DrillFailed. WAL is looked at elsewhere."""
    try:
        programs.run("pg_verifybackup", "--no-parse-wal", "--exit-on-error", data)
    except DrillFailed as failed:
        raise DrillFailed(programs.why(f"the backup is damaged: {failed}")) from None
