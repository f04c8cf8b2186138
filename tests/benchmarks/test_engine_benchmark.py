"""The benchmark runs, its contenders agree with theory, and the compiled engine is the faster by far."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "benchmarks" / "engine.py"


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    command = [sys.executable, str(ENGINE), "--repeats", "3", "--scale", "0.15", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_every_figure_is_there_and_above_zero(answer: dict[str, Any]) -> None:
    names = {"compiled_per_s", "simpy_per_s", "ratio", "event_list_per_s", "event_list_ratio"}
    assert set(answer["odoo_shaped"]) == names
    assert set(answer["mm3"]) == names | {"ciw_per_s", "ciw_ratio"}
    assert all(figure > 0 for case in ("odoo_shaped", "mm3") for figure in answer[case].values())
    assert {"cpu", "python", "numba"} <= set(answer["machine"])
    assert (answer["seed"], answer["repeats"]) == (1, 3)


def test_all_contenders_agree_with_erlang_c(answer: dict[str, Any]) -> None:
    means = dict(answer["mm3_mean_time_in_system"])
    theory = means.pop("theory")
    assert theory == pytest.approx(2.07865, abs=1e-5)
    assert set(means) == {"compiled", "simpy", "ciw", "event_list"}
    for low, _, high in means.values():
        assert low <= theory <= high
    assert answer["wrong"] == []


def test_the_compiled_engine_is_faster_by_far(answer: dict[str, Any]) -> None:
    """Bounds that only a mistake can miss, on whatever machine: some 20 and 8 when this was written."""
    assert answer["odoo_shaped"]["ratio"] > 5
    assert answer["mm3"]["ratio"] > 2
    assert answer["mm3"]["ciw_ratio"] > 2
