"""What the load test is made of, without Locust: drawn data, outcomes, requests on their way, clocks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dfr_sizing.errors import InputError
from dfr_sizing.recording.store import ABOUT, read_requests
from loadtests.drawing import Known, filled, fragments
from loadtests.keeper import Keeper, Ping
from loadtests.outbox import Outbox, unpacked
from loadtests.outcomes import of_answer, of_exception
from loadtests.setup import folder_for, is_complete, read_setup

KNOWN = Known([3, 5, 7], {"city": ["Apia", "Nuku'alofa"]}, {"form": 4})
STAGING = 'url = "http://127.0.0.1:8069"\ndatabase = "staging"\nis_staging = true\nusers = ["officer01"]\nworkers = 2\n'


def chance() -> random.Random:
    return random.Random(7)  # noqa: S311 - data, no secret


def request(number: int) -> dict[str, float | str]:
    outcome = "ok" if number % 2 else "status 500"
    return {
        "started": 100.0 + number,
        "name": f"class{number % 3}",
        "latency_s": 0.5,
        "bytes": number,
        "outcome": outcome,
        "user": 1_000_000 + number,
    }


def test_same_seed_draws_the_same_data() -> None:
    template = {"args": [["{id}"], {"city": "{city}", "phone": "+0 {number}", "form": "{form}"}], "limit": 40}

    first, again = (filled(template, KNOWN, {}, chance()) for _ in range(2))

    assert first == again
    assert first["args"][0][0] in KNOWN.ids
    assert first["args"][1]["form"] == 4
    assert first["args"][1]["phone"].startswith("+0 ")
    assert first["limit"] == 40


def test_repeated_part_is_drawn_as_often_as_counted() -> None:
    drawn = filled({"repeat": "farmers", "of": {"n": "{number}"}}, KNOWN, {"farmers": 5.0}, chance())

    assert len({row["n"] for row in drawn}) == 5


def test_fragments_are_beginnings_of_last_names() -> None:
    assert fragments(["Ana Maria Leota", " ", "Sina"], 3) == ["Leo", "Sin"]


@pytest.mark.parametrize(
    ("status", "told", "may_redirect", "outcome"),
    [
        (200, {"result": 1}, False, "ok"),
        (200, {"error": {"data": {"name": "odoo.exceptions.AccessError", "message": "x"}}}, False, "error AccessError"),
        (200, {"error": "invalid_grant"}, False, "error unknown"),
        (200, "<html>", False, "ok"),
        (303, "", False, "status 303"),
        (303, "", True, "ok"),
        (429, "", True, "status 429"),
        (500, "", False, "status 500"),
    ],
)
def test_outcome_of_an_answer(status: int, told: object, may_redirect: bool, outcome: str) -> None:
    assert of_answer(status, told, may_redirect) == outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (ConnectionRefusedError(), "refused"),
        (TimeoutError(), "time-out"),
        (ConnectionResetError(), "connection lost"),
    ],
)
def test_outcome_without_an_answer(error: Exception | None, outcome: str) -> None:
    assert of_exception(error) == outcome


def test_packed_requests_come_out_as_they_went_in() -> None:
    outbox = Outbox()
    for number in range(100):
        outbox.add(**request(number))

    table = unpacked(outbox.take(), clock_offset_s=60.0)

    assert table.to_dict("records") == [{**request(number), "started": 40.0 + number} for number in range(100)]
    assert outbox.sent == 100
    assert outbox.take()["count"] == 0


def test_kept_requests_are_one_table_in_order_of_sending(tmp_path: Path) -> None:
    keeper, outboxes = Keeper(tmp_path), {"a": Outbox(), "b": Outbox()}
    for number in range(60):
        outbox = outboxes["ab"[number % 2]]
        outbox.add(**request(59 - number))
        if number % 20 > 17:
            for process, sender in outboxes.items():
                keeper.receive(process, sender.take(), 0.0)
            keeper.write_part()
    keeper.told = {process: outbox.sent for process, outbox in outboxes.items()}
    keeper.merge()

    table = read_requests(tmp_path)

    assert list(table["started"]) == [100.0 + number for number in range(60)]
    assert [path.name for path in tmp_path.iterdir()] == ["requests.parquet"]
    assert not keeper.missing(outboxes)


def test_lost_requests_and_silent_processes_are_told(tmp_path: Path) -> None:
    keeper, outbox = Keeper(tmp_path), Outbox()
    outbox.add(**request(1))
    outbox.take()  # and never arrives
    outbox.add(**request(2))
    keeper.receive("a", outbox.take(), 0.0)
    keeper.told["a"] = outbox.sent

    told = keeper.missing({"a": "", "b": ""})

    assert told == "1 of 2 requests lost, 1 of 2 processes did not report their last requests"


def test_clock_is_read_from_the_quickest_answer() -> None:
    ping = Ping()
    ping.heard(asked=10.0, answered=75.0, now=14.0)
    ping.heard(asked=20.0, answered=80.1, now=20.2)
    ping.heard(asked=30.0, answered=99.0, now=33.0)

    assert ping.offset_s == pytest.approx(60.0)
    assert ping.round_trip_s == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("staging", "host", "told"),
    [
        ("", "", "--staging is not given"),
        (STAGING, "http://127.0.0.1:8070", "nothing else may be loaded"),
        (STAGING, "http://registry.example.org", "nothing else may be loaded"),
        (STAGING.replace("true", "false"), "", "once nobody works on it"),
    ],
)
def test_what_the_staging_file_does_not_name_is_refused(tmp_path: Path, staging: str, host: str, told: str) -> None:
    path = tmp_path / "staging.toml"
    path.write_text(staging, encoding="utf-8")

    with pytest.raises(InputError, match=told):
        read_setup(str(path) if staging else "", "short", host, "", 1, sends=False)


def test_password_is_needed_by_those_who_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DFR_STAGING_PASSWORD", raising=False)
    path = tmp_path / "staging.toml"
    path.write_text(STAGING, encoding="utf-8")

    assert read_setup(str(path), "short", "http://127.0.0.1:8069/", "", 1, sends=False).name == "short"
    with pytest.raises(InputError, match="DFR_STAGING_PASSWORD is not set"):
        read_setup(str(path), "short", "", "", 1, sends=True)


def test_folder_without_a_recording_is_not_a_complete_one(tmp_path: Path) -> None:
    assert not is_complete(tmp_path)
    (tmp_path / ABOUT).write_text("{", encoding="utf-8")
    assert not is_complete(tmp_path)


def test_recordings_are_named_for_steps_and_time(tmp_path: Path) -> None:
    path = tmp_path / "staging.toml"
    path.write_text(STAGING, encoding="utf-8")
    setup = read_setup(str(path), "short", "", "", 1, sends=False)

    assert str(folder_for(setup, 1_795_452_182.6)) == "recordings/short-2026-11-23T164302Z"
