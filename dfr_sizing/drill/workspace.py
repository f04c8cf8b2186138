"""The folder of a drill: made by it, marked, locked while it runs, and gone afterwards.

A drill that was killed leaves the folder and its mark behind, but not the lock, which the kernel drops with the
process. The next drill in the same folder, or ``dfr-size drill --clean``, finds the mark, ends what still runs in the
folder, and removes it. A folder without the mark is somebody else's and is not touched.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from uuid import uuid4

import psutil

from dfr_sizing.drill.types import Phase
from dfr_sizing.errors import InputError

MARK, PHASE = ".dfr-size-drill", "phase"
LONGEST_SOCKET = 107
"""Bytes of a Unix socket's path, unix(7): sun_path holds 108 with its end."""
END_AT_MOST_S = 10.0
LOCK_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a drill that runs. ``remote`` is where backups are kept, in it or where the user said."""

    folder: Path
    remote: Path
    account: pwd.struct_passwd | None

    def make(self, *parts: str) -> Path:
        """A folder of PostgreSQL's account in it, closed to all others."""
        return self.own(self.folder.joinpath(*parts))

    def keep(self, *parts: str) -> Path:
        """The same where backups are kept."""
        return self.own(self.remote.joinpath(*parts))

    def own(self, path: Path) -> Path:
        """Make a folder, if it is not there, and give it to PostgreSQL's account."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Let PostgreSQL's account have a file or folder."""
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def enter(self, phase: Phase) -> None:
        """Note the phase, for whoever finds the folder."""
        (self.folder / PHASE).write_text(phase, encoding="utf-8")


@contextmanager
def workspace(folder: Path, remote: Path | None, account: pwd.struct_passwd | None) -> Iterator[Workspace]:
    """The folder for as long as the block lasts; leftovers of an earlier drill go first. Raises InputError."""
    folder = folder.resolve()
    if len(os.fsencode(folder)) + len("/server-99/.s.PGSQL.5432") > LONGEST_SOCKET:
        allowed = f"a path that leaves room for a socket's name in {LONGEST_SOCKET} bytes"
        raise InputError("--folder", folder, allowed, "choose a shorter one")
    if folder.exists():
        clean(folder)
    kept = folder / "remote" if remote is None else _kept_in(remote)
    try:
        folder.mkdir(mode=0o711, parents=True)
    except OSError as error:
        raise InputError("--folder", folder, "a folder that can be made", f"{error.strerror}: choose another") from None
    folder.chmod(0o711)
    with (folder / MARK).open("w", encoding="utf-8") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        json.dump({"remote": str(kept)}, mark)
        mark.flush()
        try:
            made = Workspace(folder, kept, account)
            made.own(kept)
            yield made
        finally:
            _remove(folder, kept)


def _kept_in(remote: Path) -> Path:
    if not remote.is_dir():
        raise InputError("--remote", remote, "a folder that is there", "mount the store of backups first")
    return remote.resolve() / f"dfr-size-drill-{uuid4().hex[:12]}"


def clean(folder: Path) -> str:
    """Remove what a drill left that was killed; what was found, in words. Raises InputError.

    Raises where the folder is none of a drill's, or a drill runs in it.
    """
    folder = folder.resolve()
    if not folder.exists():
        return f"nothing is left in {folder}"
    mark = folder / MARK
    if not mark.is_file():
        if not any(folder.iterdir()):
            folder.rmdir()
            return f"nothing is left in {folder}"
        raise InputError("--folder", folder, "a new one, or one that a drill made", "choose another: it is not touched")
    with mark.open(encoding="utf-8") as held:
        if not _locked(held):
            remedy = "wait for its end, or choose another"
            raise InputError("--folder", folder, "one in which no drill runs", remedy)
        with suppress(ValueError, KeyError):
            return _clear(folder, Path(json.load(held)["remote"]))
        return _clear(folder, folder / "remote")


def _locked(mark: TextIO) -> bool:
    """Whether the lock could be had, if not at once then within a moment.

    A drill that was killed while it started a program has left a copy of itself, which holds the lock until it has
    become that program or has ended.
    """
    give_up = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        else:
            return True


def _clear(folder: Path, kept: Path) -> str:
    phase = folder / PHASE
    reached = phase.read_text(encoding="utf-8") if phase.exists() else "its start"
    _remove(folder, kept)
    return f"the leftovers of a drill that was stopped in {reached} were removed from {folder}"


def _remove(folder: Path, kept: Path) -> None:
    """End what runs in the folder, then remove it: the mark last, so that this can be gone on with."""
    end_all(folder)
    inside = kept == folder / "remote"
    # The name is looked at too: a mark that was tampered with must not lead to somebody else's folder.
    if not inside and kept.name.startswith("dfr-size-drill-"):
        shutil.rmtree(kept, ignore_errors=True)
    for path in folder.iterdir():
        if path.name == MARK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def end_all(folder: Path) -> None:
    """Kill every process that works in the folder: PostgreSQL's all do, for they change to their data."""
    give_up = time.monotonic() + END_AT_MOST_S
    while (left := _inside(folder)) and time.monotonic() < give_up:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(left, timeout=1.0)


def _inside(folder: Path) -> list[psutil.Process]:
    """Processes whose working folder lies in the folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and folder in Path(process.cwd()).parents:
                found.append(process)
    return found
