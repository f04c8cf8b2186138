"""A filestore as Odoo keeps one: files named by the SHA-1 of what is in them, in folders of its first two letters."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dfr_sizing.drivers import drivers
from dfr_sizing.interval import Interval
from dfr_sizing.recovery.draws import spread

KB = 1000


def photo(draw: np.random.Generator) -> bytes:
    """A made-up photo: noise, which cannot be compressed either; as large as the scenario's driver says."""
    size = drivers()["campaign.photo_kb"].value
    if not isinstance(size, Interval):
        raise TypeError(size)
    return draw.bytes(max(1, int(spread(size, draw.standard_normal(1))[0] * KB)))


def store_fname(content: bytes) -> str:
    """Where Odoo would keep it: ir_attachment's store_fname."""
    digest = hashlib.sha1(content).hexdigest()  # noqa: S324  (Odoo's name for it, not a secret)
    return f"{digest[:2]}/{digest}"


def put(filestore: Path, content: bytes) -> str:
    """Store a file, whole or not at all; its store_fname."""
    name = store_fname(content)
    path = filestore / name
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    beside.chmod(0o644)  # the folder above is closed; PostgreSQL's account copies it
    beside.replace(path)
    return name


def copy_all(source: Path, target: Path) -> tuple[int, int]:
    """Copy what the target lacks, down to the disk; files and bytes that were copied."""
    files, copied = 0, 0
    for path in sorted(source.rglob("*")):
        there = target / path.relative_to(source)
        if path.is_dir():
            there.mkdir(mode=0o700, exist_ok=True)
            _give_as(target, there)
        elif not there.exists() and not path.name.startswith(".") and not path.name.endswith(".part"):
            beside = there.with_suffix(".part")
            shutil.copyfile(path, beside)
            flush(beside)
            beside.chmod(0o644)
            beside.replace(there)
            files, copied = files + 1, copied + path.stat().st_size
    return files, copied


def _give_as(owned: Path, path: Path) -> None:
    """To whoever has the folder above, who adds to it later."""
    if os.geteuid() == 0:
        os.chown(path, owned.stat().st_uid, owned.stat().st_gid)


def flush(path: Path) -> None:
    """Onto the disk, and out of memory: what is read next comes from the disk, as after a failure."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bad(filestore: Path, names: Iterable[str]) -> list[str]:
    """Names whose file is missing, or holds something else than its name says."""
    return [name for name in names if not _is_whole(filestore / name)]


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha1").hexdigest() == path.name
    except FileNotFoundError:
        return False
