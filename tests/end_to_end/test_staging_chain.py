"""The engineer's chain on the stand-in as far as there is one: filled, loaded by Locust, recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import stand_in_process
from stand_in_process import PASSWORD, Running

from dfr_sizing.recording.store import read_recording, read_requests, read_seconds, read_snapshots

ROOT = Path(__file__).parents[2]
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
ENDS_WITHIN_S = 300.0
"""Whoever takes longer is stopped; nothing is asserted of how long it took."""


def _run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, "DFR_STAGING_PASSWORD": PASSWORD, **environment}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)], env=whole, cwd=ROOT, capture_output=True, text=True,
        timeout=ENDS_WITHIN_S, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def staging() -> Iterator[Running]:
    with stand_in_process.reachable_folder() as folder, stand_in_process.stand_in(folder, mapping="odoo") as started:
        yield started


@pytest.fixture(scope="module")
def recording(staging: Running) -> Path:
    """A load test of a stand-in with 10,000 farmers; its farmers are partners, as on a plain Odoo."""
    file, folder = staging.folder / "staging.toml", staging.folder / "run"
    seeded = _run("dfr_sizing", "seed-staging", "--staging", file, "--farmers", "10000")
    assert seeded.returncode == 0, seeded.stderr
    test = ("--staging", file, "--steps", "short", "--record", folder, "--headless", "--only-summary")
    loaded = _run("locust", "-f", LOCUSTFILE, *test)
    assert loaded.returncode == 0, loaded.stderr
    return folder


def test_the_recording_is_whole(recording: Path) -> None:
    told, requests, seconds = read_recording(recording), read_requests(recording), read_seconds(recording)
    assert told.complete
    assert not [source for source, said in told.sources.items() if said.startswith("none")]
    assert (requests.outcome == "ok").mean() > 0.99
    assert set(requests.name) == set(told.kinds)
    assert seconds is not None
    assert seconds.odoo.sum() > 0
    assert seconds.postgresql.sum() > 0
    assert len(read_snapshots(recording)) == 2 * len(told.steps)


def test_no_password_anywhere(recording: Path) -> None:
    for path in recording.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_nothing_is_left_running(staging: Running, recording: Path) -> None:
    left = [each for each in psutil.process_iter(["cmdline"]) if "locust" in " ".join(each.info["cmdline"] or [])]
    assert not [each for each in left if str(recording) in " ".join(each.info["cmdline"])]
    assert staging.parent.is_running()
