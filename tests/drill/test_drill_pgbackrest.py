"""The drill with pgBackRest, where it is installed with a PostgreSQL that it knows: what was committed comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from drill_process import everything_in, start

from dfr_sizing.drill.run import run_drill
from dfr_sizing.drill.types import Asked, Phase
from dfr_sizing.errors import InputError
from dfr_sizing.recovery.profile import read_profile

SIZE = 40_000_000
NEWEST = {"2.45": 15}
"""The newest PostgreSQL that a release knows, for those that Debian ships; later ones know at least 16."""


def programs() -> Path:
    """PostgreSQL's programs that the pgBackRest here knows; skips where there are none."""
    if shutil.which("pgbackrest") is None:
        pytest.skip("pgBackRest is not installed")
    told = subprocess.run(["pgbackrest", "version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    for major in range(NEWEST.get(told, 16), 13, -1):
        found = Path(f"/usr/lib/postgresql/{major}/bin")
        if (found / "postgres").exists():
            return found
    pytest.skip(f"no PostgreSQL that pgBackRest {told} knows is installed")


def small(quick_place: Path, **changed: object) -> Asked:
    told = {"folder": quick_place / "drill", "size_bytes": SIZE, "archive_timeout_s": 1, "smaller": False}
    told |= {"at_most_s": 300.0, "tool": "pgbackrest", "postgresql": programs()}
    return Asked(**{**told, **changed})  # type: ignore[arg-type]


def test_the_command_restores_what_was_committed_by_pgbackrest(quick_place: Path) -> None:
    told = ("--tool", "pgbackrest", "--postgresql", programs(), "--output", quick_place / "profile.toml")
    process = start(quick_place / "drill", "--size", "50MB", *told)
    out, error = process.communicate()
    assert process.returncode == 0, (out, error)
    found = json.loads(out)
    assert found["verdict"] == "passed"
    assert found["rows_lost_before_archived"] == 0
    assert found["rpo_s"] <= found["rpo_bound_s"]
    last = found["rounds"][-1]
    assert last["point_in_time"]["commits_found"] == last["point_in_time"]["commits_expected"] > 0
    assert 0 < last["stored_bytes"] < last["database_bytes"]
    assert last["wal_bytes"] > 0
    assert "pgBackRest" in read_profile(quick_place / "profile.toml").host["backup"]
    assert [path.name for path in quick_place.iterdir()] == ["profile.toml"]
    assert everything_in(quick_place) == []


def damaged(quick_place: Path, where: str) -> str:
    """The reason of a drill whose repository lost its largest file below ``where``, or had it changed."""
    asked = small(quick_place)

    def sabotage(phase: Phase, _round: int) -> None:
        if phase is Phase.FETCH:
            kept = [path for path in (asked.folder / "remote" / "backup-1" / where).rglob("*") if path.is_file()]
            if where == "archive":
                max((path for path in kept if len(path.name.split("-")[0]) == 24), key=lambda path: path.name).unlink()
                return
            largest = max(kept, key=lambda path: path.stat().st_size)
            with largest.open("r+b") as file:
                file.seek(largest.stat().st_size // 2)
                file.write(b"\xff" * 64)

    outcome = run_drill(asked, sabotage)
    assert outcome.failed_in is not None
    assert list(quick_place.iterdir()) == []
    assert everything_in(quick_place) == []
    return outcome.reason


@pytest.mark.slow
def test_a_damaged_file_of_the_repository_is_told(quick_place: Path) -> None:
    assert "the backup is damaged" in damaged(quick_place, "backup")


@pytest.mark.slow
def test_a_lost_segment_of_the_repository_is_told(quick_place: Path) -> None:
    assert "the archive has lost segment 0000000100000000" in damaged(quick_place, "archive")


def test_a_tool_that_is_not_here_is_one_sentence(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    asked = Asked(folder=quick_place / "drill", size_bytes=SIZE, tool="pgbackrest")
    with pytest.raises(InputError, match="not installed here"):
        run_drill(asked)
    with pytest.raises(InputError, match="--tool is borg"):
        run_drill(Asked(folder=quick_place / "drill", size_bytes=SIZE, tool="borg"))
    with pytest.raises(InputError, match="--postgresql is /nowhere"):
        run_drill(Asked(folder=quick_place / "drill", size_bytes=SIZE, postgresql=Path("/nowhere")))
    assert list(quick_place.iterdir()) == []
