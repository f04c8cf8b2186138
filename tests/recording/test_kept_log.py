"""Of Odoo's log a recording keeps the requests of its time, and no secret."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.model import BUNDLED, models_folder
from dfr_sizing.recording.access_log import read_log, redacted

RUNS = models_folder() / BUNDLED / "runs"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC).timestamp()


def line(second: int, path: str = "/web/login", status: int = 200) -> str:
    when = datetime.fromtimestamp(START + second, UTC)
    return (
        f"{when:%Y-%m-%d %H:%M:%S},000 4711 INFO dfr werkzeug: 10.1.2.3 - - [{when:%d/%b/%Y %H:%M:%S}] "
        f'"GET {path} HTTP/1.1" {status} - 5 0.002 0.011'
    )


def seconds_of(lines: list[str]) -> list[int]:
    stamps = [datetime.strptime(one[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for one in lines]
    return [round(stamp.timestamp() - START) for stamp in stamps]


def logged(*seconds: int) -> bytes:
    """Requests, each with a traceback behind it."""
    behind = 'Traceback (most recent call last):\n  File "x.py", line 1\npsycopg2.Error: password=hunter2\n'
    return "".join(f"{line(second)}\n{behind}" for second in seconds).encode()


def test_all_that_was_kept_of_a_real_odoo_is_kept_again() -> None:
    logs = sorted(RUNS.glob("*/odoo.log.gz"))
    assert logs
    for log in logs:
        for real in gzip.decompress(log.read_bytes()).decode().splitlines()[::50]:
            assert redacted(real) == real


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from("?#;&"))
def test_no_query_survives(query: str, mark: str) -> None:
    kept = redacted(line(0, f"/web/login{mark}{query}"))
    assert kept in {None, redacted(line(0))}


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=", min_size=20))
def test_no_token_in_a_path_survives(token: str) -> None:
    kept = redacted(line(0, f"/survey/start/{token}1/page"))
    assert kept == redacted(line(0, "/survey/start/-/page"))


def test_no_mail_address_survives() -> None:
    assert redacted(line(0, "/mail/a@example.org/x")) == redacted(line(0, "/mail/-/x"))


@pytest.mark.parametrize(
    "path", ["/web/dataset/call_kw/res.partner/web_search_read", "/web/assets/1/0a1b2c3/web.assets_web.min.js", "/"]
)
def test_a_path_of_odoo_survives(path: str) -> None:
    kept = redacted(line(0, path))
    assert kept is not None
    assert f'"GET {path} HTTP/1.1" 200 - 5 0.002 0.011' in kept


@pytest.mark.parametrize(
    "other",
    [
        "",
        "Traceback (most recent call last):",
        "2026-11-23 09:00:00,000 1 ERROR dfr odoo.sql_db: bad query: UPDATE res_users SET password = 'hunter2'",
        "2026-11-23 09:00:00,000 1 INFO dfr odoo.modules.loading: 42 modules loaded in 0.31s",
        f"{line(0)} and more",
    ],
)
def test_what_is_not_a_request_is_dropped(other: str) -> None:
    assert redacted(other) is None


@pytest.mark.parametrize("behind", ["", " rw", " ro->rw", " -"])
def test_the_kind_of_cursor_may_follow(behind: str) -> None:
    assert redacted(line(0) + behind) == redacted(line(0))


def test_a_request_without_times_is_kept() -> None:
    kept = redacted(line(0).replace(" 5 0.002 0.011", " - - -"))
    assert kept is not None
    assert kept.endswith("- - - -")


def test_only_the_time_of_the_run_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "odoo.log"
    log.write_bytes(logged(*range(100)))
    kept = read_log(log, START + 20, START + 29)
    assert seconds_of(kept) == list(range(20, 30))
    assert "hunter2" not in "".join(kept)


def test_a_long_log_is_not_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "odoo.log"
    log.write_bytes(logged(*range(20_000)))
    assert seconds_of(read_log(log, START + 17_000, START + 17_003)) == [17_000, 17_001, 17_002, 17_003]
    assert seconds_of(read_log(log, START - 5, START + 1)) == [0, 1]
    assert read_log(log, START + 30_000, START + 40_000) == []


@pytest.mark.parametrize("rotated", ["odoo.log.1", "odoo.log.2026-11-23", "odoo.log-20261123", "odoo.log.2.gz"])
def test_rotation_in_the_run_loses_nothing(tmp_path: Path, rotated: str) -> None:
    log, before = tmp_path / "odoo.log", tmp_path / rotated
    before.write_bytes(gzip.compress(logged(*range(5))) if rotated.endswith(".gz") else logged(*range(5)))
    log.write_bytes(logged(*range(5, 10)))
    other = tmp_path / "odoo.log.9"
    other.write_bytes(logged(3))
    os.utime(other, (START - 86_400, START - 86_400))  # of another day
    assert seconds_of(read_log(log, START + 2, START + 7)) == [2, 3, 4, 5, 6, 7]


def test_a_file_of_two_names_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "odoo.log"
    log.write_bytes(logged(1, 2))
    (tmp_path / "odoo.log.1").hardlink_to(log)
    assert seconds_of(read_log(log, START, START + 9)) == [1, 2]


def test_a_request_that_begins_within_a_line_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "odoo.log"
    log.write_text(f"{line(1)[:60]}{line(2)}{line(3)}\n\x1b[32m{line(4)}\x1b[0m\n")
    assert seconds_of(read_log(log, START, START + 5)) == [2, 3, 4]


def test_workers_may_write_out_of_order(tmp_path: Path) -> None:
    log = tmp_path / "odoo.log"
    log.write_bytes(logged(1, 3, 2, 9, 4))
    assert seconds_of(read_log(log, START, START + 5)) == [1, 2, 3, 4]
