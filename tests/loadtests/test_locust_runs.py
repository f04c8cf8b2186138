"""Locust itself, in processes of its own, against a small server: what the server saw is what was recorded."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tiny_server import PASSWORD, TinyServer, tiny_server

from dfr_sizing.recording.store import read_recording, read_requests
from loadtests.mapping import read_mapping

HERE = Path(__file__).parent
LONGEST_S = 120.0
STEPS = """
[day]
farmers = 2e6
situation = "campaign"
hour = 18
[[step]]
name = "alike"
users = 3
think_s = 0.05
emphasis = { read = 0.3, name_search = 0.1, write = 0.1, login = 0.05 }
seconds = 2
warm_up_s = 1.5
[[step]]
name = "field"
users = 8
pace = 40
seconds = 2
warm_up_s = 1.5
held_out = true
"""


@contextmanager
def locust(
    folder: Path, url: str, *options: str, steps: str = STEPS, mapping: str = "odoo"
) -> Iterator[subprocess.Popen[str]]:
    """Locust on the steps; whatever happens, nothing of it stays."""
    staging = f'url = "{url}"\nmapping = "{mapping}"\ndatabase = "x"\nis_staging = true\nworkers = 2\n'
    (folder / "staging.toml").write_text(staging + 'users = ["ana", "sina"]\n', encoding="utf-8")
    (folder / "steps.toml").write_text(steps, encoding="utf-8")
    command = [sys.executable, str(HERE / "locust_with_fake_collector.py")]
    command += ["-f", str(HERE.parents[1] / "loadtests" / "locustfile.py"), "--headless", "--only-summary"]
    command += ["--staging", "staging.toml", "--steps", "steps.toml", "--record", "recording", *options]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "DFR_STAGING_PASSWORD": PASSWORD, "PYTHONPATH": str(HERE.parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def distributed() -> list[str]:
    """Options for two processes, on a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return ["--processes", "2", "--master-bind-port", port, "--master-port", port]


def run(folder: Path, url: str, *options: str, **what: str) -> tuple[int, str]:
    with locust(folder, url, *options, **what) as process:
        told, _ = process.communicate(timeout=LONGEST_S)
        return process.returncode, told


def recorded(folder: Path) -> Counter[str]:
    """Requests by path, as the recording tells."""
    kinds = read_mapping("odoo").kinds
    return Counter(kinds[name].path for name in read_requests(folder / "recording")["name"])


def seen_without_preparation(tiny: TinyServer, processes: int) -> Counter[str]:
    """What each process asks before the first step is not recorded: two logins, the newest id, known records."""
    prepared = {"/web/session/authenticate": 2, **dict.fromkeys(paths("search", "search_read"), 1)}
    return tiny.seen - Counter({path: times * processes for path, times in prepared.items()})


def paths(*methods: str) -> list[str]:
    return [f"/web/dataset/call_kw/res.partner/{method}" for method in methods]


def nothing_holds_the_password(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize("processes", [1, 2])
def test_every_request_that_the_server_saw_is_recorded_with_its_outcome(tmp_path: Path, processes: int) -> None:
    with tiny_server() as elsewhere, tiny_server() as tiny:
        tiny.redirect_to = f"{elsewhere.url}/elsewhere"
        status, told = run(tmp_path, tiny.url, *(distributed() if processes > 1 else []))
        seen = seen_without_preparation(tiny, processes)

    recording, requests = read_recording(tmp_path / "recording"), read_requests(tmp_path / "recording")
    outcomes = requests.groupby("name")["outcome"].unique()
    assert status == 0, told
    assert recording.complete
    assert recorded(tmp_path) == seen
    assert outcomes["read"] == ["ok"]
    assert outcomes["name_search"] == ["status 500"]
    assert outcomes["write"] == ["error AccessError"]
    assert outcomes["weblogin"] == ["status 303"]
    assert not elsewhere.seen
    assert [step.name for step in recording.steps] == ["alike", "field"]
    assert [step.users for step in recording.steps] == [3, 8]
    assert all(step.started < step.measured_from < step.ended for step in recording.steps)
    assert recording.steps[1].held_out
    assert "lost" not in recording.sources["requests"]
    assert (tmp_path / "recording" / "edges.txt").read_text().split("\n")[:2] == ["alike begin", "alike end"]
    assert nothing_holds_the_password(tmp_path)
    assert PASSWORD not in told


def test_dfr_gets_tokens_where_it_asks_for_them(tmp_path: Path) -> None:
    rest = "external_lookup = 0.2, sync_full = 0.1, portal_registration = 0.3, report = 0.1"
    steps = STEPS.replace("read = 0.3, name_search = 0.1, write = 0.1, login = 0.05", rest)
    with tiny_server() as tiny:
        status, told = run(tmp_path, tiny.url, steps=steps, mapping="dfr")

    requests = read_requests(tmp_path / "recording")
    assert status == 0, told
    assert set(requests["outcome"]) == {"ok"}
    assert {"external_lookup", "sync_full", "portal_registration", "report"} <= set(requests["name"])
    assert tiny.strangers == 0
    assert len(requests) == sum(tiny.seen.values()) - 4
    assert (requests["name"] == "auth_token").sum() == 2  # one for each login
    assert nothing_holds_the_password(tmp_path)


def test_requests_to_a_server_that_went_away_are_refused(tmp_path: Path) -> None:
    with tiny_server() as tiny:
        tiny.gone_after = 40
        status, told = run(tmp_path, tiny.url)

    outcomes = Counter(read_requests(tmp_path / "recording")["outcome"])
    assert status == 0, told
    assert outcomes["ok"] > 0
    assert outcomes["refused"] > 0
    assert recorded(tmp_path).total() >= seen_without_preparation(tiny, 1).total()


@pytest.mark.parametrize("processes", [1, 2])
def test_load_stops_when_another_database_is_served_at_the_address(tmp_path: Path, processes: int) -> None:
    long = STEPS.replace("seconds = 2", "seconds = 100").replace("0.05", "0.2", 1)
    with tiny_server() as tiny:
        tiny.other_database_after = 60
        status, told = run(tmp_path, tiny.url, *(distributed() if processes > 1 else []), steps=long)
        sent_after = tiny.seen.total() - tiny.other_database_after

    assert status == 1, told
    assert "is error AccessError, but must be let into x" in told
    assert sent_after < 20  # what was under way, and one login for each of the users
    assert not read_recording(tmp_path / "recording").complete
    assert recorded(tmp_path).total() > 40


def test_test_that_is_interrupted_leaves_what_it_has_and_says_so(tmp_path: Path) -> None:
    long = STEPS.replace("seconds = 2", "seconds = 100")
    with tiny_server() as tiny, locust(tmp_path, tiny.url, steps=long) as process:
        end = time.monotonic() + LONGEST_S
        while tiny.seen.total() < 60 and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=LONGEST_S)

    assert process.returncode == 1, told
    assert not read_recording(tmp_path / "recording").complete
    assert recorded(tmp_path).total() > 40


@pytest.mark.parametrize("options", [[], distributed()])
def test_another_host_is_refused_before_anything_is_sent(tmp_path: Path, options: list[str]) -> None:
    with tiny_server() as other, tiny_server() as tiny:
        status, told = run(tmp_path, tiny.url, "--host", other.url, *options)

    assert status == 2
    assert told.strip() == (
        f"--host is {other.url}, but must be {tiny.url}, which the staging file names: nothing else may be loaded."
    )
    assert not tiny.seen
    assert not other.seen
    assert not (tmp_path / "recording").exists()


def test_user_who_may_not_log_in_ends_the_test_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_locust_runs.PASSWORD", "wrong")
    with tiny_server() as tiny:
        status, told = run(tmp_path, tiny.url)

    assert status == 2
    assert "the user ana is error AccessDenied, but must be let into x" in told
    assert not read_recording(tmp_path / "recording").complete


def test_complete_recording_is_not_written_over(tmp_path: Path) -> None:
    short = STEPS.replace("seconds = 2", "seconds = 1").replace("1.5", "0.1")
    with tiny_server() as tiny:
        first, told = run(tmp_path, tiny.url, steps=short)
        again, refused = run(tmp_path, tiny.url, steps=short)

    assert first == 0, told
    assert again == 2
    assert "--record is recording" in refused
