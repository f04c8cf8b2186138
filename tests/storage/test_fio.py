"""What fio says is understood as it is meant: recorded outputs of fio 3.33 on an NVMe disk, and a real one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dfr_sizing.errors import InputError
from dfr_sizing.storage import fio
from dfr_sizing.storage.entry import disk_entry, read_disk, write_disk
from dfr_sizing.storage.fio import JOBS, Job, Run, parse
from dfr_sizing.storage.measure import Measurement, measure

RECORDED = Path(__file__).parent / "fio"
ON = date(2026, 11, 23)
BY_NAME = {job.name: job for job in JOBS}
with_fio = pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")
PROBE = (sys.executable, "-c", "from dfr_sizing.cli import main; main()", "probe", "disk")


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.json").read_text(encoding="utf-8")


@pytest.fixture
def measured() -> Measurement:
    runs = {name: parse(job, recorded(name)) for name, job in BY_NAME.items()}
    return Measurement(ON, "fio-3.33", 256, 3, 100, runs)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_each_run_obeys_littles_law(job: Job) -> None:
    # so many operations are under way: rate x (latency and flush) is the depth, if the right figures were read
    run = parse(job, recorded(job.name))
    seconds = (run.latency_ms.mean + (run.sync_ms.mean if run.sync_ms else 0.0)) / 1e3
    assert run.iops * seconds == pytest.approx(job.depth, rel=0.05)
    block = 8192 if job.block == "8k" else 2**20
    assert run.mb_per_s * 1e6 == pytest.approx(run.iops * block, rel=1e-3)
    assert run.latency_ms.p5 <= run.latency_ms.p50 <= run.latency_ms.p95 <= run.latency_ms.p99
    assert (run.sync_ms is not None) == job.synced


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_recorded_outputs_are_of_the_jobs_that_are_run(job: Job) -> None:
    told = json.loads(recorded(job.name))["jobs"][0]["job options"]
    given = dict(
        part[2:].partition("=")[::2] for part in fio.Job.arguments(job, "/data/file", 256, 3)[1:] if "=" in part
    )
    for option in ("rw", "bs", "ioengine", "direct", "size"):
        assert told[option] == given[option]
    assert given["direct"] == "1"
    assert told.get("fdatasync") == given.get("fdatasync")


def test_warnings_before_the_json_are_passed_over() -> None:
    job = BY_NAME["random-read-1"]
    assert parse(job, "fio: this is a warning\n" + recorded(job.name)) == parse(job, recorded(job.name))


def without_operations(text: str) -> str:
    told = json.loads(text)
    told["jobs"][0]["read"]["total_ios"] = 0
    return json.dumps(told)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: "fio: out of memory", "not understood"),
        (lambda text: text[:400], "not understood"),
        (lambda text: text.replace('"iops"', '"ips"'), "not understood"),
        (without_operations, "without an operation in random-read-1"),
    ],
)
def test_what_is_no_result_is_refused_in_a_sentence(spoil: Callable[[str], str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse(BY_NAME["random-read-1"], spoil(recorded("random-read-1")))


def test_a_measurement_becomes_a_disk_of_ones_own(measured: Measurement) -> None:
    disk = disk_entry(measured, "nvme", 500)
    runs = measured.runs
    assert disk.base_iops == int(min(runs["random-read-32"].iops, runs["random-write-32"].iops))
    large = [runs[f"sequential-{way}-32"].mb_per_s for way in ("read", "write")]
    assert disk.base_mb_per_s == pytest.approx(min(large), abs=0.1)
    assert disk.read_latency_ms.mid == pytest.approx(runs["random-read-1"].latency_ms.mean, abs=1e-4)
    wal = runs["wal-write-1"]
    assert wal.sync_ms is not None
    # one process commits as often as the flush's mean allows
    assert 1e3 / disk.write_latency_ms.mid == pytest.approx(wal.iops, rel=0.05)
    assert disk.write_latency_ms.high == pytest.approx(wal.latency_ms.p95 + wal.sync_ms.p95, abs=1e-4)


def test_a_mean_beyond_its_95_percent_point_is_kept(measured: Measurement) -> None:
    def lifted(run: Run) -> Run:
        return replace(run, latency_ms=replace(run.latency_ms, mean=9.0))

    runs = {**measured.runs, "random-read-1": lifted(measured.runs["random-read-1"])}
    found = disk_entry(replace(measured, runs=runs), "nvme", 500).read_latency_ms
    assert found.mid == found.high == 9.0


def test_an_entry_reads_as_it_was_written(measured: Measurement, tmp_path: Path) -> None:
    disk, out = disk_entry(measured, "nvme", 500), tmp_path / "disk.toml"
    write_disk(out, disk, measured)
    assert read_disk(out) == disk
    assert "p99 = " in out.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dfr-size disk 1", "dfr-size disk 9", "its format is 'dfr-size disk 9'"),
        ("iops = 4", "iops = -4", "must be above 0"),
        ("gib = 500", "", "'gib'"),
        ("date = 2026-11-23", 'date = "today"', "date is not a date"),
        ("[disk]", "[disk", "one of format"),
        ("read_latency_ms = [", "read_latency_ms = [9.0, ", "write it with dfr-size probe disk"),
    ],
)
def test_an_unsound_entry_is_refused(measured: Measurement, tmp_path: Path, old: str, new: str, words: str) -> None:
    out = tmp_path / "disk.toml"
    write_disk(out, disk_entry(measured, "nvme", 500), measured)
    text = out.read_text(encoding="utf-8")
    assert old in text
    out.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_disk(out)


def test_a_failed_write_leaves_the_old_entry(
    measured: Measurement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, out = disk_entry(measured, "nvme", 500), tmp_path / "disk.toml"
    out.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_disk(out, disk, measured)
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["old"]


# --- a real fio


@with_fio
def test_a_real_disk_is_measured_and_nothing_stays(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    seen: list[list[Path]] = []
    found = measure(folder, 16, 1, ON, lambda _: seen.append(list(folder.iterdir())))
    assert found.runs.keys() == BY_NAME.keys()
    for job in JOBS:
        run = found.runs[job.name]
        seconds = (run.latency_ms.mean + (run.sync_ms.mean if run.sync_ms else 0.0)) / 1e3
        assert run.iops * seconds <= job.depth * 1.05
    assert seen == [[]] * len(JOBS)
    assert list(folder.iterdir()) == []
    assert found.fio.startswith("fio-")


@with_fio
def test_what_cannot_be_measured_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder, mib, words in (
        (tmp_path / "none", 16, "an existing folder"),
        (file, 16, "an existing folder"),
        (tmp_path, 10**9, "MiB free, twice the file: make room or take a smaller --size-mib"),
    ):
        with pytest.raises(InputError, match=words):
            measure(folder, mib, 1, ON)
    assert list(tmp_path.iterdir()) == [file]


def test_without_fio_it_says_how_to_install_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    ran = subprocess.run(
        [*PROBE, str(tmp_path)], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("dfr-size: fio is not found, but must be installed on this host: install it (apt-get")
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@with_fio
def test_ctrl_c_ends_fio_and_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROBE, str(tmp_path), "--size-mib", "16", "--seconds", "60"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True,
    ) as probe:  # fmt: skip
        try:
            assert probe.stdout is not None
            assert probe.stdout.readline() == "random-read-1 for 60 s\n"
            children = children_of(probe.pid)
            probe.send_signal(signal.SIGINT)
            _, err = probe.communicate(timeout=30)
        finally:
            probe.kill()
    assert probe.returncode == 130
    assert "nothing was written" in err
    assert list(tmp_path.iterdir()) == []
    assert children
    assert all(has_ended(pid) for pid in children)


def children_of(pid: int) -> list[int]:
    """The children of a process, as soon as there is one."""
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        if found:
            return [int(one) for one in found]
        time.sleep(0.01)
    return []


def has_ended(pid: int) -> bool:
    """Whether a process comes to its end within 10 s; one that nobody has waited for yet (Z) has ended."""
    until = time.monotonic() + 10.0
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False
