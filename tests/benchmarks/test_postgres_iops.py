"""The benchmark's core on a small real PostgreSQL: what the model says of a cache size that it never saw."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "postgres_iops.py"
SEEN_BY_CHANCE = 0.05
"""Runs of a few seconds hold a few thousand reads and images; the benchmark itself is held to less."""


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARK), "--tiny", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def of_judged(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    judged = {line["figure"]: line for line in answer["lines"] if not line["fitted"]}
    assert {line["run"] for line in answer["lines"] if not line["fitted"]} == {"24 MiB, often"}
    return judged


@pytest.mark.parametrize(
    ("figure", "bound"),
    [
        ("hit_ratio", 0.03),
        ("reads_per_s", 0.15 + SEEN_BY_CHANCE),
        ("wal_bytes_per_s", 0.10 + SEEN_BY_CHANCE),
        ("images_per_s", 0.20 + SEEN_BY_CHANCE),
    ],
)
def test_predicted_and_counted_by_a_real_server(answer: dict[str, Any], figure: str, bound: float) -> None:
    line = of_judged(answer)[figure]
    assert line["measured"] > 0
    assert abs(line["error"]) <= bound, line


def test_every_figure_of_every_run_is_there(answer: dict[str, Any]) -> None:
    assert len(answer["lines"]) == 3 * 7
    assert {"seed", "seconds", "machine", "popularity", "generator"} <= set(answer)
