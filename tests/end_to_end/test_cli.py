"""The command line as a user meets it: what it prints, how it ends, what it leaves behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_answer_fits_a_screen_and_the_plan_is_written_whole(tmp_path: Path) -> None:
    ended = run(*ONE_PLACE, "--out", str(tmp_path / "plan"))
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100
    assert "pass" in ended.stdout
    assert (tmp_path / "plan" / "plan.md").is_file()
    read = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert read["feasible"] is True
    assert list((tmp_path / "plan" / "pictures").glob("*.png"))


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


def test_model_check_of_a_run_by_hand_gives_one_step() -> None:
    folder = models_folder() / "odoo18-reference"
    arguments = ("--users", "8", "--workers", "4", "--think", "0", "--json")
    ended = run("model", "check", str(folder), "--run", str(folder / "runs" / "w4_closed_n08"), *arguments)
    assert ended.returncode == 0, ended.stderr
    (step,) = json.loads(ended.stdout)
    assert (step["users"], step["workers"], step["think_s"]) == (8, 4, 0.0)
    assert abs(step["throughput_error"]) < 0.05
    assert {"mean_error", "p95_error", "raw_throughput_error", "raw_mean_error", "raw_p95_error"} <= step.keys()
