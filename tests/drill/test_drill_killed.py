"""A drill that is stopped at any phase leaves nothing running, and what it leaves on the disk goes with the next."""

from __future__ import annotations

import fcntl
import signal
import threading
from pathlib import Path

import psutil
import pytest
from drill_process import everything_in, reached, start, wait_for
from stand_in_process import PATIENCE_S, wait_until

from dfr_sizing.drill.types import Phase
from dfr_sizing.drill.workspace import MARK, clean
from dfr_sizing.errors import InputError

OFTEN = {Phase.WRITE, Phase.REPLAY}
"""What is tried in each run of the tests; the other phases take minutes together."""


@pytest.mark.parametrize(
    "phase", [phase if phase in OFTEN else pytest.param(phase, marks=pytest.mark.slow) for phase in Phase]
)
def test_killed_at_any_phase_nothing_runs_on_and_the_rest_can_be_cleared(quick_place: Path, phase: Phase) -> None:
    folder = quick_place / "drill"
    process = start(folder)
    wait_for(process, folder, phase)
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(below, timeout=PATIENCE_S)[1]
    wait_until(lambda: not everything_in(folder))
    assert (folder / MARK).exists()
    assert f"stopped in {reached(folder)}" in clean(folder)
    assert list(quick_place.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "phase"),
    [
        (signal.SIGINT, Phase.WRITE),
        (signal.SIGTERM, Phase.BACKUP),
        *(pytest.param(signal.SIGINT, phase, marks=pytest.mark.slow) for phase in Phase if phase is not Phase.WRITE),
        *(pytest.param(signal.SIGTERM, phase, marks=pytest.mark.slow) for phase in Phase if phase is not Phase.BACKUP),
    ],
)
def test_stopped_by_a_signal_it_clears_up_itself(quick_place: Path, how: signal.Signals, phase: Phase) -> None:
    folder = quick_place / "drill"
    process = start(folder)
    wait_for(process, folder, phase)
    process.send_signal(how)
    out, error = process.communicate()
    assert (process.returncode, out) == (130, "")
    # A signal that falls into a fork is told of by Python, too, before it is acted upon.
    assert error.endswith("dfr-size: stopped; nothing of the drill is left.\n")
    assert list(quick_place.iterdir()) == []
    assert everything_in(folder) == []


@pytest.mark.slow
def test_a_new_drill_clears_what_a_killed_one_left_also_where_backups_are_kept(quick_place: Path) -> None:
    folder, remote = quick_place / "drill", quick_place / "remote"
    remote.mkdir()
    (remote / "theirs").write_text("kept")
    first = start(folder, "--remote", remote)
    wait_for(first, folder, Phase.WRITE)
    first.kill()
    first.communicate()
    assert len(list(remote.iterdir())) == 2
    second = start(folder, "--remote", remote)
    out, error = second.communicate()
    assert second.returncode == 0, (out, error)
    assert [path.name for path in remote.iterdir()] == ["theirs"]
    assert not folder.exists()


def test_a_lock_that_a_killed_drill_leaves_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "drill"
    folder.mkdir()
    (folder / MARK).write_text("{}")
    held = (folder / MARK).open()
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(0.3, held.close).start()
    assert "its start" in clean(folder)
    assert not folder.exists()


def test_a_folder_in_use_or_of_somebody_else_is_not_touched(quick_place: Path) -> None:
    folder = quick_place / "drill"
    process = start(folder)
    try:
        wait_for(process, folder, Phase.SEED)
        with pytest.raises(InputError, match="in which no drill runs"):
            clean(folder)
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate()
    theirs = quick_place / "theirs"
    theirs.mkdir()
    (theirs / "letter").write_text("dear")
    with pytest.raises(InputError, match="not touched"):
        clean(theirs)
    other = start(theirs)
    assert "not touched" in other.communicate()[1]
    assert (theirs / "letter").read_text() == "dear"
