"""Small drills on a real PostgreSQL: what was committed comes back, and what is damaged on the way is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drill_process import everything_in, start

from dfr_sizing.drill import verify
from dfr_sizing.drill.cluster import Cluster
from dfr_sizing.drill.run import run_drill
from dfr_sizing.drill.types import Asked, Outcome, Phase
from dfr_sizing.errors import InputError
from dfr_sizing.recovery.profile import read_profile

SIZE = 40_000_000


def small(quick_place: Path, **changed: object) -> Asked:
    told = {
        "folder": quick_place / "drill",
        "size_bytes": SIZE,
        "archive_timeout_s": 1,
        "smaller": False,
        "at_most_s": 300.0,
    }
    return Asked(**{**told, **changed})  # type: ignore[arg-type]


def drill(quick_place: Path, sabotage: Callable[[Phase, Path], None], **changed: object) -> Outcome:
    """A drill that is tampered with as a phase begins; it leaves nothing, however it ends."""
    asked = small(quick_place, **changed)
    outcome = run_drill(asked, lambda phase, _round: sabotage(phase, asked.folder))
    assert list(quick_place.iterdir()) == []
    assert everything_in(quick_place) == []
    return outcome


def test_the_command_restores_what_was_committed_and_tells_each_phase(quick_place: Path) -> None:
    process = start(quick_place / "drill", "--size", "50MB", "--output", quick_place / "profile.toml")
    out, error = process.communicate()
    assert process.returncode == 0, (out, error)
    told = json.loads(out)
    assert told["verdict"] == "passed"
    assert told["rows_lost_before_archived"] == 0
    assert told["rpo_s"] <= told["rpo_bound_s"]
    assert [one["full_size"] for one in told["rounds"]] == [False, False, True]
    sizes = [one["database_bytes"] for one in told["rounds"]]
    assert sizes == sorted(sizes)
    last = told["rounds"][-1]
    phases = {"backup", "fetch", "restore", "check", "replay", "start", "files", "verify"}
    assert set(last["measured_s"]) == phases | {"seed", "write"}
    assert set(last["predicted_s"]) == phases
    assert all(seconds >= 0 for seconds in (*last["measured_s"].values(), *last["predicted_s"].values()))
    assert last["point_in_time"]["commits_found"] == last["point_in_time"]["commits_expected"] > 0
    assert last["commits"] > last["commits_lost"] >= 0
    assert read_profile(quick_place / "profile.toml").database_bytes == tuple(sizes)
    assert [path.name for path in quick_place.iterdir()] == ["profile.toml"]
    assert everything_in(quick_place) == []


def _lose_a_segment(phase: Phase, folder: Path) -> None:
    if phase is Phase.FETCH:
        segments = sorted(path for path in (folder / "remote" / "wal-1").iterdir() if len(path.name) == 24)
        segments[-1].unlink()


def test_a_lost_segment_of_the_archive_is_told(quick_place: Path) -> None:
    outcome = drill(quick_place, _lose_a_segment)
    assert outcome.failed_in is Phase.REPLAY
    assert "the archive has lost segment 0000000100000000" in outcome.reason


def _damage_base(phase: Phase, folder: Path) -> None:
    if phase is Phase.FETCH:
        (kept,) = (folder / "remote" / "backup-1").glob("base.tar*")
        with kept.open("r+b") as file:
            file.seek(kept.stat().st_size // 2)
            page = file.read(64)
            file.seek(-64, os.SEEK_CUR)
            file.write(bytes(byte ^ 0xFF for byte in page))


@pytest.mark.parametrize("compress", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_damaged_page_of_the_backup_is_told(quick_place: Path, compress: bool) -> None:
    """Plain, the manifest's checksum finds it; compressed, gzip's, tar, or the manifest: as the damage falls."""
    outcome = drill(quick_place, _damage_base, compress=compress)
    assert outcome.failed_in in ((Phase.RESTORE, Phase.CHECK) if compress else (Phase.CHECK,))
    assert "the backup is damaged" in outcome.reason


def _lose_a_file(phase: Phase, folder: Path) -> None:
    if phase is Phase.FILES:
        # The oldest was seeded; the row of a newer one may be lost itself, and then nothing speaks of its file.
        min((folder / "remote" / "filestore").glob("??/*"), key=lambda path: path.stat().st_mtime_ns).unlink()


@pytest.mark.slow
def test_a_file_that_a_row_speaks_of_and_is_gone_is_told(quick_place: Path) -> None:
    outcome = drill(quick_place, _lose_a_file)
    assert outcome.failed_in is Phase.VERIFY
    assert "1 files that rows speak of are missing" in outcome.reason


def test_a_row_that_is_not_as_it_was_committed_is_told(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed behind the server's back, it would be found by its page; changed by SQL, by the sums."""
    check_pages = verify.check_pages

    def and_tamper(cluster: Cluster, database: str) -> None:
        check_pages(cluster, database)
        with cluster.connect(database) as connection:
            connection.execute("UPDATE dfr_plot SET size = size + 1 WHERE id = (SELECT min(id) FROM dfr_plot)")

    monkeypatch.setattr(verify, "check_pages", and_tamper)
    outcome = drill(quick_place, lambda _phase, _folder: None)
    assert outcome.failed_in is Phase.VERIFY
    assert outcome.reason == "table dfr_plot holds other rows than were committed"


def _damage_a_heap(phase: Phase, folder: Path) -> None:
    """One page of the largest table, after the backup was checked: as a failing disk of the new host would."""
    if phase is Phase.REPLAY:
        heap = max((folder / "server-1" / "data" / "base").rglob("*"), key=lambda path: path.stat().st_size)
        with heap.open("r+b") as file:
            file.seek(8192 * 3 + 4000)
            file.write(b"\xff" * 64)


@pytest.mark.slow
def test_a_damaged_page_of_the_restored_database_is_told(quick_place: Path) -> None:
    outcome = drill(quick_place, _damage_a_heap)
    assert outcome.failed_in in (Phase.REPLAY, Phase.VERIFY)
    assert "damaged" in outcome.reason or "invalid page" in outcome.reason or "checksum" in outcome.reason


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A disk of its own that can be filled."""
    folder = Path(tempfile.mkdtemp(prefix="dfr-size-test-"))
    told = ["mount", "-t", "tmpfs", "-o", "size=700m,mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(told, capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@pytest.mark.parametrize(
    "phase",
    [Phase.WRITE, *(pytest.param(one, marks=pytest.mark.slow) for one in (Phase.BACKUP, Phase.RESTORE, Phase.REPLAY))],
)
def test_a_disk_that_fills_up_is_told(tiny_disk: Path, phase: Phase) -> None:
    def fill(now: Phase, folder: Path) -> None:
        if now is phase:
            left = shutil.disk_usage(folder).free - 2**20
            with (folder / "ballast").open("wb") as ballast:
                os.posix_fallocate(ballast.fileno(), 0, left)

    outcome = drill(tiny_disk, fill)
    assert outcome.failed_in is not None
    assert f"the disk of {tiny_disk / 'drill'} is full" in outcome.reason


def test_too_little_disk_is_told_before_anything_is_made(quick_place: Path) -> None:
    with pytest.raises(InputError, match="free disk"):
        run_drill(small(quick_place, size_bytes=10**15))
    assert list(quick_place.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--size", "1MB"), "--size is 1,000,000 B"),
        (("--size", "big"), "--size is big"),
        (("--kills", "0"), "kills"),
        (("--remote", "/no/such/folder"), "--remote is /no/such/folder"),
        (("--link", "wet"), "--link is wet"),
        (("--profile", "/no/such/file"), "the recovery profile is /no/such/file"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_made(quick_place: Path, options: tuple[str, ...], told: str) -> None:
    process = start(quick_place / "drill", *options)
    out, error = process.communicate()
    assert (process.returncode, out, error.count("\n")) == (2, "", 1)
    assert told in error
    assert list(quick_place.iterdir()) == []


def test_a_drill_that_is_out_of_time_says_so(quick_place: Path) -> None:
    outcome = drill(quick_place, lambda _phase, _folder: None, at_most_s=2.0)
    assert outcome.failed_in is not None
    assert "time allowed" in outcome.reason
