"""The engineer's whole chain on the stand-in: filled, loaded by Locust, calibrated, and sized with the result."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import stand_in_process
from stand_in_process import PASSWORD, Running

from dfr_sizing.calibration.access_log import by_path
from dfr_sizing.calibration.steps import load
from dfr_sizing.model import load_model
from dfr_sizing.recording.store import read_recording, read_requests, read_seconds, read_snapshots

ROOT = Path(__file__).parents[2]
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
ALL_CORES = str(os.cpu_count())
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


@pytest.fixture(scope="module")
def model(recording: Path) -> Path:
    """What calibration makes of it. The machine may be busy: strangers and error are accepted, and told."""
    folder = recording.parent / "models" / "stand-in"
    accepting = ("--strangers", ALL_CORES, "--accept-error")
    calibrated = _run("dfr_sizing", "calibrate", recording, "-o", folder, *accepting)
    assert calibrated.returncode == 0, calibrated.stdout + calibrated.stderr
    assert f"took up to {ALL_CORES} cores count" in calibrated.stdout
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
    assert 10_000 <= told.server.rows < 30_000  # those of the partners, though there is an empty table of farmers


def test_the_model_serves_and_shows_its_error(model: Path) -> None:
    found = load_model(model)
    assert found.check_error["strangers_cores"] == float(ALL_CORES)
    assert f"-o . --strangers {ALL_CORES}`" in (model / "CARD.md").read_text(encoding="utf-8")
    assert {"overhead", "list", "read", "search", "scan", "create", "write", "login"} <= set(found.operations)
    assert found.check_error["throughput"] >= 0.0
    sized = _run("dfr_sizing", "--farmers", "2e6", "--model", model, "--json")
    assert sized.returncode in {0, 3}, sized.stderr
    answer = json.loads(sized.stdout)
    assert answer["model"]["name"] == "stand-in" if isinstance(answer["model"], dict) else answer["model"] == "stand-in"


def test_the_stand_in_spends_what_was_measured_of_odoo(recording: Path) -> None:
    """Its Python is that of the reference model's operations: dear ones are dear here as well, in their order.

    As its own log says: 90 s of load do not tell the CPU of the few records that are made, and the model says so.
    """
    loaded = load(recording)
    assert loaded.log is not None
    kinds = loaded.recording.kinds
    logged = by_path(loaded.log, kinds, 0.0)
    read, create, login = (
        statistics.median(line.python_s for line in logged[kinds[name].path]) for name in ("read", "create", "relogin")
    )
    assert read < create < login


def test_no_password_anywhere(recording: Path, model: Path) -> None:
    for folder in (recording, model):
        for path in folder.rglob("*"):
            if path.is_file():
                assert PASSWORD.encode() not in path.read_bytes(), path


def test_nothing_is_left_running(staging: Running, recording: Path) -> None:
    left = [each for each in psutil.process_iter(["cmdline"]) if "locust" in " ".join(each.info["cmdline"] or [])]
    assert not [each for each in left if str(recording) in " ".join(each.info["cmdline"])]
    assert staging.parent.is_running()
