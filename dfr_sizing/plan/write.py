"""Writes the plan into a folder: plan.md, dr-plan.md, plan.json, pictures/*.png, and files of configuration.files.

Everything is drawn and written in a temporary folder first. A new plan then appears by one rename. Into a folder that
holds an older plan its files are moved one by one, each of them whole: the folder itself may be a mount point or
somebody's working directory, and may hold files of theirs, which stay.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path

from dfr_sizing.configuration.files import ODOO, PGBOUNCER, POSTGRESQL, TABLES, files
from dfr_sizing.errors import InputError
from dfr_sizing.plan.as_json import dump, recommendation_json
from dfr_sizing.plan.dr_plan import dr_plan_markdown
from dfr_sizing.plan.markdown import plan_markdown
from dfr_sizing.recommend.types import Recommendation

PLAN_JSON = "plan.json"
PLAN_MD = "plan.md"
DR_PLAN_MD = "dr-plan.md"
PICTURES = "pictures"
CONFIGURATION = (POSTGRESQL, TABLES, ODOO, PGBOUNCER)
_ALLOWED = "a folder that can be written"
_PREFIX = ".dfr-size-"


def check_out(out: Path) -> None:
    """Refuse a folder that ``write_plan`` could not write, before anything long is computed.

    Raises InputError: a file, a folder without a plan but with something else, or no permission.
    """
    try:
        if out.exists() or out.is_symlink():
            _check_existing(out)
            writable = out
        else:
            writable = next(parent for parent in out.absolute().parents if parent.exists())
    except OSError as error:
        raise _refused(out, f"{error.strerror or error}: choose another folder") from None
    if not writable.is_dir():
        raise _refused(out, f"{writable} is a file: choose another folder")
    if not os.access(writable, os.W_OK | os.X_OK):
        raise _refused(out, f"{writable} is not writable: choose another folder or change its rights")


def _check_existing(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / PLAN_JSON).is_file():
        raise _refused(out, f"it holds other files and no {PLAN_JSON}: choose a new or empty folder")
    for name, wanted in (
        *((file, Path.is_file) for file in (PLAN_MD, PLAN_JSON, *CONFIGURATION)),
        (PICTURES, Path.is_dir),
    ):
        if out.is_dir() and (out / name).exists() and not wanted(out / name):
            raise _refused(out, f"{name} in it is not what dfr-size writes: choose a new or empty folder")


def write_plan(r: Recommendation, out: Path, on: date) -> list[Path]:
    """Write the plan and list its files; ``on`` is the day against which the age of prices is counted.

    Raises InputError as ``check_out`` does, or when the disk refuses; an older plan in ``out`` is then still whole.
    """
    check_out(out)
    missing = [parent for parent in out.absolute().parents if not parent.exists()]
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        return _written(r, out, on)
    except OSError as error:
        raise _refused(out, f"{error.strerror or error}: choose another folder or make room") from None
    finally:
        if not out.exists():
            _remove_empty(missing)


def _remove_empty(folders: list[Path]) -> None:
    """Take away folders that were made for a plan that did not come to be, from the innermost on."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _written(r: Recommendation, out: Path, on: date) -> list[Path]:
    there = out.is_dir()
    beside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=out if there else out.absolute().parent))
    try:
        new = beside / "plan"
        names, absent = _fill(new, r, on)
        if there:
            _replace(new, out, names, absent)
        else:
            new.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return [out / name for name in names]


def _fill(folder: Path, r: Recommendation, on: date) -> tuple[list[Path], list[Path]]:
    """Write the plan's files into a folder of their own: their paths in it, and those without data."""
    from dfr_sizing.plan import pictures  # noqa: PLC0415  (matplotlib: only where charts are drawn)

    (folder / PICTURES).mkdir(parents=True)
    saved = pictures.save_pictures(r, folder / PICTURES)
    titles = pictures.drawn(r)
    (folder / PLAN_MD).write_text(plan_markdown(r, on, titles), encoding="utf-8")
    (folder / PLAN_JSON).write_text(dump(recommendation_json(r)), encoding="utf-8")
    for name, text in _configuration(r).items():
        (folder / name).write_text(text, encoding="utf-8")
    names = [Path(PLAN_MD), Path(PLAN_JSON), *map(Path, CONFIGURATION), *(path.relative_to(folder) for path in saved)]
    absent = [Path(PICTURES, f"{name}.png") for name in pictures.PICTURES if name not in titles]
    recovers = dr_plan_markdown(r)
    if recovers:
        (folder / DR_PLAN_MD).write_text(recovers, encoding="utf-8")
    (names if recovers else absent).append(Path(DR_PLAN_MD))
    return names, absent


def _configuration(r: Recommendation) -> dict[str, str]:
    """Text of the configuration files by name."""
    if r.database is None:
        return files(r.recommended.topology)
    replica = r.database.replica.recommended
    return files(r.recommended.topology, r.database.growth, r.database.wal_bytes_per_s, replica=replica)


def _replace(new: Path, out: Path, names: list[Path], absent: list[Path]) -> None:
    """Move the new files over the old ones, and take away what the new plan has no data for."""
    (out / PICTURES).mkdir(exist_ok=True)
    for name in names:
        (new / name).replace(out / name)
    for name in absent:
        (out / name).unlink(missing_ok=True)


def _refused(out: Path, remedy: str) -> InputError:
    return InputError("--out", out, _ALLOWED, remedy)
