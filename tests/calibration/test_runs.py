"""The bundled runs are read as their README tells them; a run that is not whole is refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dfr_sizing.calibration.runs import read_run, read_runs
from dfr_sizing.errors import InputError
from dfr_sizing.model import BUNDLED, models_folder

RUNS = models_folder() / BUNDLED / "runs"

MEASURED = {
    # users, think s, requests a second, mean and p95 in ms, ms of CPU in Odoo and in PostgreSQL, idle cores
    "w4_closed_n01_rerun": (1, 0.0, 39.5, 25.1, 81.3, 6.9, 27.3, 0.56),
    "w4_closed_n02": (2, 0.0, 48.7, 40.8, 135.0, 7.9, 28.7, 0.10),
    "w4_closed_n04": (4, 0.0, 54.0, 73.7, 213.0, 8.2, 26.7, 0.01),
    "w4_closed_n08": (8, 0.0, 52.3, 152.7, 314.0, 8.4, 27.7, 0.0),
    "w4_closed_n16": (16, 0.0, 56.0, 286.4, 471.0, 8.0, 25.7, 0.0),
    "w4_think_n10": (10, 1.0, 9.35, 40.4, 136.0, 9.7, 37.0, 1.49),
    "w4_think_n10_rerun": (10, 1.0, 9.21, 45.1, 167.0, 11.0, 36.5, 1.49),
    "w4_think_n20": (20, 1.0, 18.05, 47.9, 166.0, 9.0, 34.3, 1.14),
    "w4_think_n20_rerun": (20, 1.0, 18.46, 53.6, 195.0, 9.0, 34.3, 1.14),
    "w4_think_n40": (40, 1.0, 35.4, 89.5, 279.0, 8.4, 30.1, 0.54),
    "w4_think_n60": (60, 1.0, 51.3, 144.9, 419.0, 7.0, 25.3, 0.25),
}
"""The table of the measurements' README (shared/measurements); CPU of the n20 rerun is told with the first run's."""

MIX = {"search_read": 0.40, "read": 0.25, "web_search_read": 0.15, "create": 0.10, "write": 0.10}


@pytest.fixture
def summary() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RUNS / "w4_closed_n08" / "summary.json").read_text(encoding="utf-8"))
    return found


def written(folder: Path, content: object) -> Path:
    (folder / "summary.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", MEASURED)
def test_a_bundled_run_gives_the_figures_of_its_readme(name: str) -> None:
    run = read_run(RUNS / name)
    users, think_s, throughput, mean_ms, p95_ms, app_ms, database_ms, idle = MEASURED[name]
    assert (run.tag, run.users, run.think_s, run.workers, run.hosts[0].cores) == (name, users, think_s, 4, 2)
    assert run.throughput == pytest.approx(throughput, abs=0.051)
    assert 1e3 * run.mean_s == pytest.approx(mean_ms, abs=0.06)
    assert 1e3 * run.p95_s == pytest.approx(p95_ms, abs=0.6)
    assert 1e3 * run.app_cpu_s == pytest.approx(app_ms, abs=0.16)
    assert 1e3 * run.database_cpu_s == pytest.approx(database_ms, abs=0.16)
    assert (1.0 - run.hosts[0].utilisation) * run.hosts[0].cores == pytest.approx(idle, abs=0.03)


@pytest.mark.parametrize("name", MEASURED)
def test_a_run_is_consistent_in_itself(name: str) -> None:
    run = read_run(RUNS / name)
    assert sum(run.mix.values()) == pytest.approx(1.0)
    assert run.mix == pytest.approx(MIX, abs=0.05)
    assert run.mix.keys() == run.mean_by_class_s.keys() == run.sd_by_class_s.keys()
    # mean over the mix, Little's law with the think time, and the utilisation law
    assert sum(share * run.mean_by_class_s[kind] for kind, share in run.mix.items()) == pytest.approx(
        run.mean_s, rel=1e-3
    )
    assert run.requests / run.seconds == pytest.approx(run.throughput, rel=0.01)
    assert run.throughput * (run.mean_s + run.think_s) == pytest.approx(run.users, rel=0.06)
    (host,) = run.hosts
    known = run.throughput * (run.app_cpu_s + run.database_cpu_s + run.client_cpu_s) + host.strangers
    assert known == pytest.approx(host.utilisation * host.cores, abs=0.12)
    assert 11.0 < run.statements < 12.0


def test_all_runs_are_found_by_name() -> None:
    runs = read_runs(RUNS)
    assert set(MEASURED) < set(runs)
    assert len(runs) == 20
    assert {name for name in runs if name.startswith("class_")} == {
        f"class_{next(iter(run.mix))}" for name, run in runs.items() if name.startswith("class_")
    }
    assert runs["class_read"] == read_run(RUNS / "class_read")


def test_what_is_given_overrides_what_the_folder_says() -> None:
    usual, told = read_run(RUNS / "w4_think_n10"), read_run(RUNS / "w4_think_n10", users=3, workers=9, think_s=0.0)
    assert (told.users, told.workers, told.think_s) == (3, 9, 0.0)
    assert replace(told, users=10, workers=4, think_s=1.0) == usual


def test_a_mode_that_is_unknown_needs_its_think_time(tmp_path: Path, summary: dict[str, Any]) -> None:
    folder = written(tmp_path, summary | {"mode": "bursts"})
    with pytest.raises(InputError, match="bursts"):
        read_run(folder)
    assert read_run(folder, think_s=2.5).think_s == 2.5


def test_quiet_seconds_count_before_the_whole_run(tmp_path: Path, summary: dict[str, Any]) -> None:
    quiet = {
        "seconds": 20.0,
        "throughput": 50.0,
        "cpu_ms_per_req": {"odoo": 7.0},
        "cpu_cores": {"busy": 1.5, "idle": 0.5},
    }
    run = read_run(written(tmp_path, summary | {"quiet": quiet}))
    assert (run.seconds, run.throughput, run.app_cpu_s) == (20.0, 50.0, 0.007)
    assert run.hosts[0].utilisation == 0.75
    assert run.database_cpu_s == summary["cpu_ms_per_req"]["pg"] / 1e3
    assert run.mean_s == summary["latency_ms"]["all"]["mean"] / 1e3


def test_a_run_without_quiet_seconds_is_read_whole(tmp_path: Path, summary: dict[str, Any]) -> None:
    run = read_run(written(tmp_path, {key: value for key, value in summary.items() if key not in {"quiet", "pgss"}}))
    assert (run.seconds, run.throughput) == (summary["window_s"], summary["throughput"])
    assert (run.hosts[0].strangers, run.statements) == (0.0, 0.0)
    cores = summary["cpu_cores"]
    assert run.hosts[0].utilisation == pytest.approx(cores["all_busy"] / (cores["all_busy"] + cores["idle"]))


def refused(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_run(folder)
    text = str(caught.value)
    assert text.startswith(f"--run is {folder}, but must be ")
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize(
    "content",
    ["", "{", "not json", "{}", '"text"[', '{"cpu_cores": null}'],
    ids=["empty", "cut", "text", "bare", "odd", "null"],
)
def test_a_summary_that_is_no_run_is_refused(tmp_path: Path, content: str) -> None:
    refused(written(tmp_path, content))


@pytest.mark.parametrize(
    "key", ["users", "workers", "mode", "window_s", "throughput", "latency_ms", "cpu_ms_per_req", "cpu_cores"]
)
def test_a_summary_that_lacks_a_key_is_refused_by_the_key(tmp_path: Path, summary: dict[str, Any], key: str) -> None:
    without = {name: value for name, value in summary.items() if name not in {key, "quiet"}}
    refused(written(tmp_path, without))
    with pytest.raises(InputError, match=f"lacks '{key}'"):
        read_run(tmp_path)


@pytest.mark.parametrize("value", ["many", None, [1, 2]])
def test_a_summary_with_another_kind_of_value_is_refused(
    tmp_path: Path, summary: dict[str, Any], value: object
) -> None:
    refused(written(tmp_path, summary | {"users": value}))


def test_a_folder_without_a_summary_is_refused(tmp_path: Path) -> None:
    refused(tmp_path)
    refused(tmp_path / "missing")
    assert read_runs(tmp_path) == {}


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"'])
def test_a_summary_that_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    refused(written(tmp_path, content))


def test_a_summary_without_a_request_class_is_refused(tmp_path: Path, summary: dict[str, Any]) -> None:
    only_all = {"all": summary["latency_ms"]["all"]}
    refused(written(tmp_path, {**summary, "latency_ms": only_all, "quiet": {}}))
