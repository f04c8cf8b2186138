"""The command line as a user meets it: what it prints, how it ends, what it leaves behind."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.main import get_command

from dfr_sizing import api
from dfr_sizing.cli.main import app
from dfr_sizing.errors import InputError
from dfr_sizing.model import models_folder

ONE_PLACE = ("--farmers", "5e4", "--provider", "aws", "--region", "eu-west-1")


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dfr_sizing", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (("--farmers", "-3"), "-3"),
        (("--farmers", "abc"), "abc"),
        (("--farmers", "1e12"), "1e12"),
        (("--farmers", "2e6", "--provider", "alibaba"), "alibaba"),
        (("--farmers", "2e6", "--region", "atlantis-1"), "atlantis-1"),
        (("--farmers", "2e6", "--country", "XX"), "XX"),
        (("--farmers", "2e6", "--set", "campaign.days=300,200,100"), "300"),
        (("--farmers", "2e6", "--set", "campaign.dayz=3"), "dayz"),
        (("--farmers", "2e6", "--set", "nonsense"), "nonsense"),
        (("--farmers", "2e6", "--p95-ms", "-5"), "-5"),
        (("--farmers", "2e6", "--model", "no-such-model"), "no-such-model"),
        (("--farmers", "2e6", "--scenario", "no-such-file.toml"), "no-such-file.toml"),
        (("--farmers", "2e6", "--nonsense"), "--nonsense"),
        (("model", "check", "no-such-model"), "no-such-model"),
        (("compare", "--farmers", "2e6", "tea"), "tea"),
        (("compare", "--farmers", "2e6", "aws/atlantis-1"), "atlantis-1"),
        (("compare", "aws/eu-west-1"), "--farmers"),
        (("compare", "no-such-plan.json"), "no-such-plan.json"),
        (("check-baseline",), "--farmers"),
        (("catalogue", "show", "--item", "z9.huge"), "z9.huge"),
        (("catalogue", "refresh", "--provider", "alibaba", "--into", "prices"), "alibaba"),
        (("--farmers", "2e6", "--catalogue", "no-such-folder"), "no-such-folder"),
        (("check-baseline", "--farmers", "2e6", "--provider", "alibaba"), "alibaba"),
        ((), "--farmers"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(arguments: tuple[str, ...], value: str, tmp_path: Path) -> None:
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert value in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_scenario_file_with_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "country.toml"
    file.write_text("[registry]\nfarmers = 5e5\n[campaign]\nenumeratorz = 3\n")
    ended = run("--scenario", str(file))
    assert ended.returncode == 2
    assert "campaign.enumeratorz" in ended.stderr


@pytest.mark.parametrize("out", ["file/plan", "foreign"])
def test_an_out_folder_that_cannot_be_written_is_refused_before_the_work(out: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("somebody's")
    ended = run(*ONE_PLACE, "--out", str(tmp_path / out))
    assert ended.returncode == 2
    assert "--out" in ended.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "foreign", "letter.txt"]


def test_infeasible_ends_with_status_3_and_names_the_limit() -> None:
    ended = run(*ONE_PLACE, "--set", "targets.sync_500_s=5")
    assert ended.returncode == 3
    assert "sync of 500 farmers" in ended.stdout + ended.stderr
    as_json = run(*ONE_PLACE, "--set", "targets.sync_500_s=5", "--json")
    assert as_json.returncode == 3
    assert json.loads(as_json.stdout)["feasible"] is False


def on_a_terminal(rows: int, columns: int, *arguments: str) -> str:
    """What a terminal of that size shows, colours left out."""
    screen, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    command = [sys.executable, "-m", "dfr_sizing", *arguments]
    shown = b""
    with subprocess.Popen(command, stdout=program, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as running:
        os.close(program)
        with suppress(OSError):  # Linux says EIO where the other end is closed
            while piece := os.read(screen, 65_536):
                shown += piece
        assert running.wait() == 0
    os.close(screen)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_the_answer_fits_a_screen() -> None:
    lines = on_a_terminal(48, 80, *ONE_PLACE).splitlines()
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 80
    assert any("Computed" in line for line in lines)


def test_a_pipe_gets_every_failure_and_the_plan_is_written_whole(tmp_path: Path) -> None:
    ended = run(*ONE_PLACE, "--out", str(tmp_path / "plan"))
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("ransomware") for line in lines)
    assert "pass" in ended.stdout
    assert (tmp_path / "plan" / "plan.md").is_file()
    read = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert read["feasible"] is True
    assert list((tmp_path / "plan" / "pictures").glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ((), False),
        (("--explain", "recovery"), False),
        (("--explain", "database"), True),
        (("--json",), True),
        (("--out", "plan"), True),
    ],
)
def test_the_database_is_worked_out_for_whoever_reads_of_it(
    arguments: tuple[str, ...], read: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[bool] = []

    def size(*, with_database: bool, **_others: object) -> None:
        asked.append(with_database)
        raise InputError("the answer", "none", "none", "only what is asked for is looked at")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "size", size)
    with pytest.raises(InputError):
        get_command(app)(["--farmers", "5e4", "--processes", "1", *arguments], standalone_mode=False)
    assert asked == [read]


def test_two_runs_print_the_same_json() -> None:
    first, second = (run(*ONE_PLACE, "--seed", "1", "--json") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout


def test_the_template_is_a_scenario_that_the_program_takes(tmp_path: Path) -> None:
    file = tmp_path / "country.toml"
    file.write_text(run("scenario", "--template").stdout)
    ended = run("--scenario", str(file), *ONE_PLACE, "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["scenario"]["registry"]["farmers"] == 50_000


def test_help_loads_no_numerical_library() -> None:
    code = (
        "import sys; sys.argv = ['dfr-size', '--help']\n"
        "from dfr_sizing.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'numba', 'pandas', 'matplotlib', 'simpy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ)
    assert ended.returncode == 0, ended.stderr


def test_model_check_of_a_recording_that_the_model_never_saw() -> None:
    folder = models_folder() / "odoo18-reference"
    ended = run("model", "check", str(folder), "--run", str(folder / "checks" / "w8"), "--json")
    assert ended.returncode == 0, ended.stderr
    steps = json.loads(ended.stdout)
    assert {step["workers"] for step in steps} == {8}
    for step in steps:
        assert abs(step["throughput_error"]) < 0.05
        assert {"mean_error", "p95_error", "speed_mean_error", "raw_throughput_error", "raw_p95_error"} <= step.keys()
        assert step["chance"].keys() == step["measured"].keys()


def processes_of(session: int) -> list[int]:
    """The living processes of a session, as the kernel lists them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(its_session) == session and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def wait_for(condition: Callable[[], bool], at_most_s: float) -> bool:
    until = time.monotonic() + at_most_s
    while not (held := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return held


def hear_interrupts() -> None:
    """A shell that runs the tests in the background makes them, and what they start, deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of many seconds in a session of its own, with a folder for the plan."""
    command = [sys.executable, "-m", "dfr_sizing", "--farmers", "2e6", "--out", str(tmp_path / "plan")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509  (no threads here)
    ) as process:  # fmt: skip
        yield process
        for left in processes_of(process.pid):
            os.kill(left, signal.SIGKILL)


NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@NEEDS_PROC
@pytest.mark.parametrize("send", [os.killpg, os.kill], ids=["the whole group, as a terminal does", "the parent alone"])
@pytest.mark.parametrize(
    ("processes", "later_s"),
    [(1, 0.2), (3, 0.0), (3, 0.3), (5, 0.5)],
    ids=["while it imports", "when the server starts", "while the server imports", "while workers simulate"],
)
def test_ctrl_c_ends_at_once_with_one_line_and_leaves_nothing(
    long_run: subprocess.Popen[str],
    processes: int,
    later_s: float,
    send: Callable[[int, int], None],
    tmp_path: Path,
) -> None:
    # the run itself; the server and multiprocessing's tracker of semaphores; two workers
    assert wait_for(lambda: len(processes_of(long_run.pid)) >= processes, 60)
    time.sleep(later_s)
    assert long_run.poll() is None
    pressed = time.monotonic()
    send(long_run.pid, signal.SIGINT)
    assert long_run.wait(20) == 130
    assert time.monotonic() - pressed < 1.0
    assert wait_for(lambda: not processes_of(long_run.pid), 1.0)
    assert long_run.communicate() == ("", "dfr-size: stopped; nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


@NEEDS_PROC
def test_workers_end_with_a_parent_that_was_killed(long_run: subprocess.Popen[str]) -> None:
    assert wait_for(lambda: len(processes_of(long_run.pid)) >= 5, 60)
    long_run.kill()
    long_run.wait(20)
    assert wait_for(lambda: not processes_of(long_run.pid), 10)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (ONE_PLACE, 0),
        ((*ONE_PLACE, "--json"), 0),
        ((*ONE_PLACE, "--set", "targets.sync_500_s=5"), 3),
        (("scenario", "--template"), 0),
        (("--help",), 0),
    ],
)
def test_a_reader_who_has_gone_is_no_error(arguments: tuple[str, ...], status: int) -> None:
    command = [sys.executable, "-m", "dfr_sizing", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # what `head` does when it has its lines, only sooner
        assert process.stderr.read() == ""
    assert process.returncode == status


def test_the_first_line_alone_can_be_read() -> None:
    pipeline = f"{sys.executable} -m dfr_sizing {' '.join(ONE_PLACE)} | head -1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, check=False, timeout=300)
    first, status = ended.stdout.splitlines()
    assert first.startswith("50,000 farmers")
    assert (status, ended.stderr) == ("0", "")
