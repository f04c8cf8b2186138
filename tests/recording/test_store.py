"""What is written into a recording's folder is read again as it was; what is not whole is refused in a sentence."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.errors import InputError
from dfr_sizing.recording import store
from dfr_sizing.recording.types import (
    REQUEST_COLUMNS,
    SECOND_COLUMNS,
    Host,
    Recording,
    RequestKind,
    Server,
    Snapshot,
    Step,
)

RECORDING = Recording(
    name="evening",
    started=1795451583.5,
    ended=1795451999.25,
    complete=True,
    mapping="dfr",
    seed=7,
    generator="Locust 2.40",
    kinds={"sync": RequestKind("sync_batch", "/api/v1/sync", {"batch_farmers": 50.0})},
    steps=(Step("n20", 20, 1.0, {"sync": 1.0}, 1795451583.5, 1795451600.0, 1795451660.0, held_out=True),),
    hosts=(Host("db", ("postgresql",), "EPYC", 4, 2, 1 << 34, "nvme0n1", 2.5, -0.01),),
    server=Server("18.0", "17.2", 4, 1, 200_000, {"shared_buffers": "1GB"}),
    sources={"requests": "all", "cpu": "none: no probe named", "postgresql": "", "log": ""},
)
SNAPSHOT = Snapshot(1.5, "n20", "begin", {"-17": {"calls": 3.0}}, {"xact_commit": 1.0}, {"lsn": 2.0}, {}, {"t": {}})
SECONDS = pd.DataFrame(
    [(2.0, "b", 1.0, 0.5, 0.0, 0.1, 0.4, 2.5, math.nan), (1.0, "b", *[math.nan] * 7), (9.0, "a", *[0.0] * 7)],
    columns=list(SECOND_COLUMNS),
)
REQUESTS = pd.DataFrame(
    [(2.0, "sync", 0.1, 100, "ok", 1), (1.0, "sync", 0.2, 0, "time-out", 2)], columns=list(REQUEST_COLUMNS)
)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    store.write_recording(folder, RECORDING)
    assert store.read_recording(folder) == RECORDING


def test_tables_are_read_as_they_were_written_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    store.write_requests(folder, REQUESTS.assign(more=1))
    store.write_seconds(folder, SECONDS)
    pd.testing.assert_frame_equal(store.read_requests(folder), REQUESTS.iloc[[1, 0]].reset_index(drop=True))
    read = store.read_seconds(folder)
    assert read is not None
    pd.testing.assert_frame_equal(read, SECONDS.iloc[[2, 1, 0]].reset_index(drop=True))


def test_snapshots_are_read_as_they_were_written(tmp_path: Path) -> None:
    store.write_snapshots(tmp_path, [SNAPSHOT, SNAPSHOT])
    assert store.read_snapshots(tmp_path) == (SNAPSHOT, SNAPSHOT)


@given(lines=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)))
def test_log_lines_are_kept_one_by_one(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    folder = tmp_path_factory.mktemp("recording")
    store.write_log(folder, [line + "\n" for line in lines])
    assert gzip.decompress((folder / store.LOG).read_bytes()).decode().splitlines() == lines


def test_what_nobody_recorded_is_none(tmp_path: Path) -> None:
    assert store.read_seconds(tmp_path) is None
    assert store.read_snapshots(tmp_path) == ()


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    store.write_snapshots(tmp_path, [SNAPSHOT])
    with pytest.raises(KeyError):
        store.write_requests(tmp_path, REQUESTS.drop(columns="user"))
    with pytest.raises(TypeError):
        store.write_snapshots(tmp_path, [Snapshot(object(), "", "", {}, {}, {}, {}, {})])  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == [store.POSTGRESQL]
    assert store.read_snapshots(tmp_path) == (SNAPSHOT,)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format": 99}', b"\xff\xfe", b'{"format": 1, "kinds": 3}'])
def test_a_recording_that_is_not_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / store.ABOUT).write_bytes(content)
    with pytest.raises(InputError, match="the recording"):
        store.read_recording(tmp_path)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (store.ABOUT, store.read_recording),
        (store.REQUESTS, store.read_requests),
        (store.SECONDS, store.read_seconds),
        (store.POSTGRESQL, store.read_snapshots),
    ],
)
def test_a_file_that_was_cut_is_refused(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    store.write_recording(tmp_path, RECORDING)
    store.write_requests(tmp_path, REQUESTS)
    store.write_seconds(tmp_path, SECONDS)
    store.write_snapshots(tmp_path, [SNAPSHOT])
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:20] + b"\0\xff" * 40):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="the recording"):
            read(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        store.read_recording(tmp_path / "nowhere")
