"""Odoo's access log is read whatever stands between its lines, and however it was cut."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.calibration.access_log import LogLine, by_path, parse_log, read_log
from dfr_sizing.errors import InputError
from dfr_sizing.recording.store import LOG
from dfr_sizing.recording.types import RequestKind

requests = st.builds(
    LogLine,
    time=st.integers(1_795_000_000_000, 1_796_000_000_000).map(lambda ms: ms / 1e3),
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(["/web/health", "/web/dataset/call_kw/res.partner/read", "/web/login?a=1", "/%C3%A9"]),
    status=st.sampled_from([200, 303, 404, 500]),
    queries=st.integers(0, 9999),
    sql_s=st.integers(0, 99_999).map(lambda ms: ms / 1e3),
    python_s=st.integers(0, 99_999).map(lambda ms: ms / 1e3),
)
others = st.text(st.characters(blacklist_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=60) | (
    st.sampled_from(
        [
            "2026-11-23 09:00:00,000 12 INFO dfr odoo.modules: loaded",
            'Traceback (most recent call last):\n  File "x.py", line 1',
            '2026-11-23 09:00:00,000 12 INFO d werkzeug: ::1 - - [23/Nov/2026 09:00:00] "GET /a HTTP/1.1" 200 - - - -',
        ]
    )
)


def written(line: LogLine, process: int = 4993) -> str:
    """A request as Odoo writes it."""
    at = datetime.fromtimestamp(round(line.time, 3), UTC)
    stamp = f"{at:%Y-%m-%d %H:%M:%S},{round(line.time * 1e3) % 1000:03d}"
    return (
        f"{stamp} {process} INFO dfr werkzeug: 10.0.0.1 - - [{at:%d/%b/%Y %H:%M:%S}] "
        f'"{line.method} {line.path} HTTP/1.1" {line.status} - {line.queries} {line.sql_s:.3f} {line.python_s:.3f}'
    )


def same(found: tuple[LogLine, ...], expected: list[LogLine]) -> bool:
    def rounded(line: LogLine) -> tuple[object, ...]:
        return (round(line.time, 3), *line[1:])

    return sorted(map(rounded, found)) == sorted(map(rounded, expected))


@settings(deadline=None)
@given(st.lists(requests | others, max_size=20))
def test_every_intact_line_is_found_between_others(mixed: list[LogLine | str]) -> None:
    text = [(written(one) if isinstance(one, LogLine) else one) + "\n" for one in mixed]
    found = parse_log("".join(text).splitlines(keepends=True))
    assert same(found.lines, [one for one in mixed if isinstance(one, LogLine)])


@settings(deadline=None)
@given(st.lists(st.tuples(requests, st.integers(0, 6) | st.integers(0, 200) | st.none()), min_size=1, max_size=10))
def test_lines_that_are_cut_and_run_together_never_make_another_request(
    cut: list[tuple[LogLine, int | None]],
) -> None:
    """A process that died within a line: the next line follows on the same row."""
    text = "".join(
        written(line) + "\n" if short is None else written(line)[: max(0, len(written(line)) - 1 - short)]
        for line, short in cut
    )
    found = parse_log(text.splitlines(keepends=True)).lines
    assert same(found, [line for line, short in cut if short is None])


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_at_all_is_refused(text: str) -> None:
    assert parse_log(text.splitlines(keepends=True)).lines == ()


@settings(deadline=None)
@given(st.lists(requests, max_size=12), st.integers(0, 12))
def test_a_rotated_log_is_one_log_in_order_of_time(lines: list[LogLine], place: int) -> None:
    older, newer = lines[:place], lines[place:]
    found = parse_log(written(line, process) + "\n" for part in (newer, older) for process, line in enumerate(part))
    assert same(found.lines, lines)
    assert list(found.lines) == sorted(found.lines)


def test_what_cannot_be_read_is_counted() -> None:
    whole = written(LogLine(1_795_426_063.328, "POST", "/a", 200, 63, 0.024, 0.28))
    static = whole.rsplit(" ", 3)[0] + " - - -"
    found = parse_log([whole + "\n", static + "\n", whole[:-1] + "\n", "another line\n"])
    assert (len(found.lines), found.without_figures, found.unreadable) == (1, 1, 1)


def test_colours_are_left_out() -> None:
    line = written(LogLine(1_795_426_063.328, "POST", "/a", 200, 63, 0.024, 0.28))
    coloured = line.replace("INFO", "\x1b[1;32m\x1b[1;49mINFO\x1b[0m")
    assert len(parse_log([coloured + "\n"]).lines) == 1


def test_the_log_of_a_recording_is_read_whole(recorded: Path) -> None:
    found = read_log([recorded / LOG])
    text = gzip.decompress((recorded / LOG).read_bytes()).decode()
    assert found.unreadable == found.without_figures == 0
    assert len(found.lines) == text.count("werkzeug: ") > 1000


def test_a_gzipped_log_that_was_cut_gives_what_it_holds(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / LOG
    path.write_bytes((recorded / LOG).read_bytes()[:-2000])
    assert len(read_log([path]).lines) > 1000


@pytest.mark.parametrize("content", [None, b"no gzip"])
def test_a_log_that_is_none_is_refused_in_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odoo.log.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"the access log is .*odoo\.log\.gz"):
        read_log([path])


def test_requests_are_told_apart_by_method_and_longest_path() -> None:
    kinds = {
        "read": RequestKind("read", "POST /web/dataset/call_kw/res.partner/read"),
        "group": RequestKind("group", "/web/dataset/call_kw/res.partner/read_group"),
        "page": RequestKind("page", "GET /web/login"),
    }
    paths = ["/web/dataset/call_kw/res.partner/read", "/web/dataset/call_kw/res.partner/read_group", "/web/login"]
    lines = [LogLine(100.0 + i, "POST", path, 200, 1, 0.1, 0.1) for i, path in enumerate(paths)]
    lines += [lines[0]._replace(status=500), lines[2]._replace(method="GET")]
    found = by_path(parse_log(written(line) + "\n" for line in lines), kinds, offset_s=30.0)
    assert {path: [line.time for line in of] for path, of in found.items()} == {
        kinds["read"].path: [70.0],
        kinds["group"].path: [71.0],
        kinds["page"].path: [72.0],
    }
