"""Each thing that can be wrong with a recording is detected and named, and has the consequence that it should."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import made
import numpy as np
import pandas as pd
import pytest
from first_model import first_model
from made import quick

from dfr_sizing.calibration.calibrate import calibrate
from dfr_sizing.calibration.defects import Consequence, Defect, refuse
from dfr_sizing.calibration.inspect import class_defects, clock_difference, defects_of, step_defects
from dfr_sizing.calibration.steps import Loaded, classes_of, load, read_steps, shares
from dfr_sizing.errors import InputError
from dfr_sizing.recording.store import LOG, POSTGRESQL, SECONDS, read_recording, write_log, write_recording


@pytest.fixture
def loaded(recorded: Path) -> Loaded:
    return load(recorded)


@pytest.fixture
def copy(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "copy"))


def within(loaded: Loaded, step: int) -> pd.Series:
    """Which requests were sent in the measured part of a step."""
    of = loaded.recording.steps[step]
    found: pd.Series = loaded.requests["started"].between(of.measured_from, of.ended)
    return found


def dropped(loaded: Loaded) -> list[Defect]:
    return step_defects(loaded, read_steps(loaded, classes_of([loaded.recording])))


def shifted(log: str, later: timedelta) -> str:
    """A log whose lines were all written so much later."""
    found = []
    for line in log.splitlines():
        at = datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC) + later
        found.append(f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d}{line[23:]}")
    return "\n".join(found)


def with_log(folder: Path, change: Callable[[str], str]) -> Loaded:
    text = gzip.decompress((folder / LOG).read_bytes()).decode()
    write_log(folder, change(text).splitlines())
    return load(folder)


def refused(loaded: Loaded, reason: str) -> None:
    (found,) = (defect for defect in defects_of(loaded) if defect.consequence is Consequence.REFUSED)
    assert reason in found.what
    with pytest.raises(InputError, match=f"the recording is {loaded.recording.name}, but must be one that can be"):
        refuse([found])


def test_a_whole_recording_has_no_defect(loaded: Loaded) -> None:
    assert defects_of(loaded) == []
    assert dropped(loaded) == []


def test_a_load_test_that_was_cut_short_is_refused(loaded: Loaded) -> None:
    refused(replace(loaded, recording=replace(loaded.recording, complete=False)), "cut short")


def test_a_step_that_was_cut_short_is_dropped(loaded: Loaded) -> None:
    last = loaded.recording.steps[-1]
    half = (last.measured_from + last.ended) / 2
    (found,) = dropped(replace(loaded, requests=loaded.requests[loaded.requests["started"] < half]))
    assert found == Defect("cut short: no requests until its end", "night/n08", Consequence.DROPPED)


@pytest.mark.parametrize("days", [-1, 1, 30])
def test_a_log_of_another_day_is_refused(copy: Path, days: int) -> None:
    refused(with_log(copy, lambda text: shifted(text, timedelta(days=days))), "a log of another day")


def test_a_log_of_another_system_is_refused(copy: Path) -> None:
    """Its requests take longer than anybody waited for them."""
    refused(with_log(copy, lambda text: text.replace(" 0.0", " 1.0")), "the log of another system")


def test_lines_that_were_cut_are_named(copy: Path) -> None:
    def cut(text: str) -> str:
        lines = text.splitlines()
        return "\n".join(line[:-2] if place % 10 == 0 and "HTTP" in line else line for place, line in enumerate(lines))

    (found,) = defects_of(with_log(copy, cut))
    assert "lines of its log could not be read" in found.what
    assert found.consequence is Consequence.WIDENED


@pytest.mark.parametrize("seconds", [-7.0, 1.2, 20.0])
def test_clocks_that_disagree_are_refused_and_told_by_how_much(copy: Path, seconds: float) -> None:
    moved = with_log(copy, lambda text: shifted(text, timedelta(seconds=seconds)))
    refused(moved, f"the log runs {seconds:+.1f} s beside the load generator")
    host = replace(moved.recording.hosts[0], clock_offset_s=seconds)
    corrected = replace(moved, recording=replace(moved.recording, hosts=(host,)))
    assert defects_of(corrected) == []


def test_a_small_difference_of_clocks_is_allowed(copy: Path) -> None:
    assert defects_of(with_log(copy, lambda text: shifted(text, timedelta(seconds=0.2)))) == []


def test_series_that_have_nothing_in_common_tell_no_difference() -> None:
    rng = np.random.default_rng(1)
    one, other = np.sort(rng.uniform(0.0, 600.0, 3000)), np.sort(rng.uniform(0.0, 600.0, 3000))
    assert clock_difference(one, other) == 0.0
    assert clock_difference(one, one + 3.0) == pytest.approx(3.0, abs=0.11)
    assert clock_difference(one, np.empty(0)) == 0.0


@pytest.mark.parametrize(("share", "bad"), [(0.005, False), (0.02, True)])
def test_a_step_with_errors_is_dropped_and_they_are_named(loaded: Loaded, share: float, bad: bool) -> None:
    sent = np.flatnonzero(within(loaded, 4))
    outcome = loaded.requests["outcome"].to_numpy(dtype=object).copy()
    outcome[sent[: int(share * len(sent)) + 1]] = "status 500"
    found = dropped(replace(loaded, requests=loaded.requests.assign(outcome=outcome)))
    assert [defect.where for defect in found] == ["night/t20"] * bad
    assert all("x status 500), more than 1%" in defect.what for defect in found)


def test_a_step_with_a_saturated_generator_is_dropped(loaded: Loaded) -> None:
    assert loaded.seconds is not None
    step = loaded.recording.steps[7]
    inside = loaded.seconds["time"].between(step.started, step.ended)
    full = loaded.seconds.assign(generator=loaded.seconds["generator"].where(~inside, 0.93))
    (found,) = dropped(replace(loaded, seconds=full))
    assert found.where == "night/n04"
    assert "the load generator was full (0.93 cores" in found.what
    two = replace(loaded.recording, generator_processes=2)
    assert dropped(replace(loaded, seconds=full, recording=two)) == []


def test_seconds_with_strangers_are_left_out_and_a_step_without_others_is_dropped(loaded: Loaded) -> None:
    assert loaded.seconds is not None
    step = loaded.recording.steps[3]
    classes = classes_of([loaded.recording])
    for until, kept in ((step.measured_from + 20.0, 40.0), (step.ended - 5.0, 5.0), (step.ended, 0.0)):
        noisy = loaded.seconds["time"].between(step.measured_from, until - 0.5)
        table = loaded.seconds.assign(other=loaded.seconds["other"].where(~noisy, 0.4))
        changed = replace(loaded, seconds=table)
        read = read_steps(changed, classes)[3]
        assert read.run.seconds == pytest.approx(kept, abs=1.0)
        assert read.run.hosts[0].strangers < 0.05  # also where no second is left: NaN is nothing
        assert read.run.throughput == pytest.approx(7.4 if kept else 0.0, rel=0.25)
        assert {defect.where for defect in dropped(changed)} == ({"night/t08"} if kept < 10.0 else set())


def test_strangers_that_are_accepted_count_and_are_told(loaded: Loaded) -> None:
    assert loaded.seconds is not None
    noisy = replace(loaded, seconds=loaded.seconds.assign(other=0.4))
    assert {defect.where for defect in dropped(noisy)} == {f"night/{step.name}" for step in loaded.recording.steps}
    accepting = replace(noisy, strangers_cores=0.5)
    assert dropped(accepting) == []
    read = read_steps(accepting, classes_of([loaded.recording]))[3]
    assert read.run.seconds == pytest.approx(60.0, abs=1.0)
    assert read.run.hosts[0].strangers == pytest.approx(0.4)
    (told,) = defects_of(accepting)
    assert told.sentence == "night: seconds in which other processes took up to 0.5 cores count (else 0.15); widened"


def test_requests_of_no_known_kind_drop_their_step(loaded: Loaded) -> None:
    named = loaded.requests["name"].where(~within(loaded, 2), "report")
    found = dropped(replace(loaded, requests=loaded.requests.assign(name=named)))[0]
    assert "no known kind (report)" in found.what


def test_missing_sources_are_named_and_widen_the_intervals(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    (copy / SECONDS).unlink()
    told = [defect for defect in defects_of(load(copy)) if defect.consequence is Consequence.WIDENED]
    assert len(told) == 2
    assert all("no CPU seconds of" in defect.what for defect in told)
    found = calibrate([copy], "found", first_model(), None, 1, 1).model.operations
    truth = made.known_model().operations
    for name in made.MIX:
        for demand, known in (
            (found[name].app_cpu, truth[name].app_cpu_s),
            (found[name].database_cpu, truth[name].database_cpu_s),
        ):
            assert demand.low <= known <= demand.high
            assert demand.high > 1.5 * demand.low


def test_without_any_trace_of_the_database_nothing_is_calibrated(copy: Path) -> None:
    for name in (SECONDS, POSTGRESQL):
        (copy / name).unlink()
    with pytest.raises(InputError, match="what postgresql took is not in the recording"):
        calibrate([copy], "found", first_model(), None, 1, 1)


def test_a_table_of_unknown_size_is_named_and_taken_as_the_base_s(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    recording = read_recording(copy)
    write_recording(copy, replace(recording, server=replace(recording.server, rows=0)))
    found = calibrate([copy], "found", first_model(), None, 1, 1)
    assert found.model.table_rows == first_model().table_rows
    assert any("rows its farmers' table has is not known" in defect.what for defect in found.defects)


def test_without_a_log_the_base_tells_what_a_scan_is_like(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    (copy / LOG).unlink()
    found = calibrate([copy], "found", first_model(), None, 1, 1)
    assert any("no access log" in defect.what for defect in found.defects)
    assert found.model.operations["search"].threads == 3


def test_too_few_steps_are_refused_with_the_reasons(copy: Path) -> None:
    recording = read_recording(copy)
    write_recording(copy, replace(recording, steps=recording.steps[:2]))
    with pytest.raises(InputError, match="usable load steps is 2, but must be 3 or more"):
        calibrate([copy], "found", first_model(), None, 1, 1)


def test_a_class_with_few_requests_is_named(loaded: Loaded) -> None:
    steps = read_steps(loaded, classes_of([loaded.recording]))
    found = class_defects(steps, np.array([500.0, 29.0, 500.0, 30.0, 500.0, 500.0]))
    assert [defect.sentence for defect in found] == [
        f"class {steps[0].classes[1]}: 29 requests, fewer than 30; widened"
    ]


def test_a_request_is_shared_among_the_seconds_in_which_it_was_under_way() -> None:
    begin = np.arange(5.0)
    found = shares(np.array([0.5, 1.0]), np.array([2.5, 1.5]), begin, begin + 1.0)
    assert found == pytest.approx([0.25, 1.5, 0.25, 0.0, 0.0])
