"""All that a load test is told, read and checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dfr_sizing.errors import InputError
from dfr_sizing.recording.store import ABOUT, read_recording
from dfr_sizing.staging.target import Staging, check_host, password, read_staging
from loadtests.mapping import Mapping as RequestMapping
from loadtests.mapping import read_mapping
from loadtests.steps import Level, kinds_of, levels, read_steps

RECORDINGS = Path("recordings")


@dataclass(frozen=True, slots=True)
class Setup:
    """A load test before it begins. ``weights``: how many of each kind of user the field has."""

    name: str
    staging: Staging
    mapping: RequestMapping
    levels: tuple[Level, ...]
    weights: Mapping[str, float]
    folder: Path | None
    seed: int


def read_setup(staging_file: str, steps: str, host: str, record: str, seed: int, sends: bool) -> Setup:
    """Read the staging file, its mapping and the steps. Raises InputError.

    ``host`` is Locust's --host, empty for the staging file's; ``sends``: this process needs the users' password.
    """
    if not staging_file:
        raise InputError("--staging", "not given", "a staging file", "write one with dfr-size staging --template")
    staging = read_staging(Path(staging_file))
    if host:
        check_host(staging, host)
    if sends:
        password()
    mapping, told = read_mapping(staging.mapping), read_steps(steps)
    folder = Path(record) if record else None
    if folder and is_complete(folder):
        raise InputError(
            "--record", record, "a folder without a complete recording", "name another one, or move it away"
        )
    weights = {kind.name: kind.users for kind in kinds_of(told)}
    return Setup(Path(steps).stem, staging, mapping, levels(told, mapping), weights, folder, seed)


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a complete recording."""
    try:
        return (folder / ABOUT).exists() and read_recording(folder).complete
    except InputError:
        return False


def folder_for(setup: Setup, now: float) -> Path:
    """Where to record a test that begins ``now`` (seconds since the epoch): never over a complete recording."""
    time = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H%M%SZ}"
    if setup.folder is None:
        return RECORDINGS / f"{setup.name}-{time}"
    return setup.folder.with_name(f"{setup.folder.name}-{time}") if is_complete(setup.folder) else setup.folder
