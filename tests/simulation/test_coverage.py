"""Intervals hold the truth about as often as they say: the study of benchmarks/interval_coverage.py on few seeds.

Of SEEDS intervals of 95 %, fewer than FEWEST hold the truth by chance once in some 7,700 tests. The full study, held to
93 to 97 %, is kept in benchmarks/README.md.
"""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
from scipy import special

SEEDS = 40
FEWEST = 32
ODOO_TRUTH = (0.066657, 0.12970, 0.17893)
"""Mean, p95 and p99 in seconds by the long run of the last full study (benchmarks/README.md)."""


@pytest.fixture(scope="module")
def study() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_study", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_study"] = module
    spec.loader.exec_module(module)
    return module


def test_limit_has_the_stated_chance_of_a_false_alarm() -> None:
    chance = float(special.bdtr(FEWEST - 1, SEEDS, 0.95))
    assert 1 / 10_000 < chance < 1 / 1_000


@pytest.mark.parametrize("key", ["M/M/1", "M/M/3", "Odoo"])
def test_intervals_of_a_fixed_and_of_a_sequential_run_hold_the_truth(study: ModuleType, key: str) -> None:
    truth = ODOO_TRUTH if key == "Odoo" else study.STUDIES[key].truth
    found = [study.one_seed(key, seed, most=16) for seed in range(5000, 5000 + SEEDS)]
    for procedure in (0, 1):
        for place, figure in enumerate(study.FIGURES):
            held = sum(one[procedure][place][0] <= truth[place] <= one[procedure][place][2] for one in found)
            assert held >= FEWEST, (figure, procedure)


def test_closed_form_of_several_servers_is_that_of_one_for_one(study: ModuleType) -> None:
    mean, p95, p99 = study.multi_server_truth(1, 0.7)
    assert mean == pytest.approx(1 / 0.3)
    assert p95 == pytest.approx(-math.log(0.05) / 0.3)
    assert p99 == pytest.approx(-math.log(0.01) / 0.3)
