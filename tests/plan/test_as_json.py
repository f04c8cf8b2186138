"""plan.json: documented, stable, and free of what JSON does not know."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import plan_fixtures
import pytest

from dfr_sizing.plan.as_json import Json, dump, infeasible_json, recommendation_json, schema
from dfr_sizing.recommend.types import Infeasible, Recommendation

MAPS = ("tiers", "utilisation", "classes", "p95_s", "parts_s", "error", "parameters")
"""Keys whose own keys are names, written ``*`` in schema.md."""
LEAVES = {"scenario", "application", "database", "place", "cost", "targets"}


def documented(part: int) -> set[str]:
    """Keys in one of the two tables of schema.md."""
    return set(re.findall(r"^\| `([^`]+)` \|", schema().split("## When nothing")[part], re.MULTILINE))


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Every key of some JSON as schema.md writes it: [] for list elements, * for names, ranges and estimates whole."""
    if isinstance(value, dict) and {"low", "high"} != set(value) - {"mid", "value"}:
        for key, each in value.items():
            name = "*" if at.endswith(MAPS) else key
            path = f"{at}.{name}" if at else name
            if key in LEAVES and (at == "alternatives[]" or key == "scenario"):
                yield path
            else:
                yield from paths(each, path)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for each in value:
            yield from paths(each, f"{at}[]")
    else:
        yield at


def test_every_key_is_documented_and_every_documented_key_is_there(in_paanga: Recommendation) -> None:
    assert set(paths(recommendation_json(in_paanga))) == documented(0)


def test_dollars_need_no_second_currency(answer: Recommendation) -> None:
    missing = documented(0) - set(paths(recommendation_json(answer)))
    assert missing == {name for name in documented(0) if "_local" in name or name.endswith(("currency", "usd_rate"))}


def test_infeasible_keys_are_documented(infeasible: Infeasible) -> None:
    values = infeasible_json(infeasible, 1, "odoo18-reference")
    assert set(paths(values)) == documented(1)
    assert values["feasible"] is False
    assert values["rejected"] == [{"reason": "too slow", "count": 54}]


def test_two_calls_give_the_same_bytes(answer: Recommendation) -> None:
    plan_fixtures.recommendation.cache_clear()
    again = plan_fixtures.recommendation()
    assert dump(recommendation_json(answer)) == dump(recommendation_json(again))


def test_text_is_json_with_a_last_newline(in_paanga: Recommendation) -> None:
    text = dump(recommendation_json(in_paanga))
    assert text.endswith("}\n")
    assert json.loads(text) == recommendation_json(in_paanga)


@pytest.mark.parametrize("which", ["answer", "silent"])
def test_what_is_not_known_is_null(which: str, request: pytest.FixtureRequest) -> None:
    text = dump(recommendation_json(request.getfixturevalue(which)))
    assert not re.search(r"\b(NaN|Infinity)\b", text)


def test_estimate_without_data_is_null(answer: Recommendation) -> None:
    found = recommendation_json(answer)["situations"][0]["classes"]["notification"]
    assert found["requests"] == 0
    assert found["p95"] == {"value": None, "low": None, "high": None}


def test_floats_have_six_digits(answer: Recommendation) -> None:
    exact = replace(answer, farmers_design=4_000_123.456789)
    assert recommendation_json(exact)["recommendation"]["farmers_design"] == 4_000_120.0


def test_items_add_up_to_the_bill(answer: Recommendation) -> None:
    cost = recommendation_json(answer)["recommendation"]["cost"]
    for amounts in (cost["items"], cost["tiers"].values()):
        assert sum(row["five_year_usd"] for row in amounts) == pytest.approx(cost["five_year_usd"], rel=1e-5)
    assert cost["five_year_usd"] == pytest.approx(60 * cost["monthly_usd"], rel=1e-5)


def test_years_add_up_to_the_bill_in_every_row(answer: Recommendation) -> None:
    cost = recommendation_json(answer)["recommendation"]["cost"]
    for row in (cost, *cost["tiers"].values(), *cost["items"]):
        assert len(row["by_year_usd"]) == 5
        assert sum(row["by_year_usd"]) == pytest.approx(row["five_year_usd"], rel=1e-5)
    once = cost["tiers"]["setup"]["by_year_usd"]
    run = [usd - setup for usd, setup in zip(cost["by_year_usd"], once, strict=True)]
    assert run == sorted(run)
    assert once[1:] == [0.0] * 4


def test_the_bill_has_its_range_and_three_reasons(answer: Recommendation) -> None:
    cost = recommendation_json(answer)["recommendation"]["cost"]
    known = cost["five_year_usd_by_prices"]
    assert known["low"] < known["mid"] == cost["five_year_usd"] < known["high"]
    widths = [row["less_usd"] + row["more_usd"] for row in cost["least_known"]]
    assert len(widths) == 3
    assert widths == sorted(widths, reverse=True)


def test_currency_is_dollars_times_rate(in_paanga: Recommendation) -> None:
    cost = recommendation_json(in_paanga)["recommendation"]["cost"]
    assert cost["currency"] == "TOP"
    for end, rate in (("low", 2.2), ("mid", 2.4), ("high", 2.6)):
        assert cost["monthly_local"][end] == pytest.approx(rate * cost["monthly_usd"], rel=1e-5)


def test_biggest_swing_comes_first_and_one_without_bound_before_it(answer: Recommendation) -> None:
    swings = answer.sensitivities
    unbound = replace(swings[-1], cost_at_high=float("inf"))
    found: Json = recommendation_json(replace(answer, sensitivities=(*swings[:-1], unbound)))
    assert found["sensitivities"][0]["name"] == unbound.name
    assert found["sensitivities"][0]["swing_usd"] is None
    sizes = [row["swing_usd"] for row in found["sensitivities"][1:]]
    assert sizes == sorted(sizes, reverse=True)


def test_crosscheck_says_how_far_the_closed_form_is(answer: Recommendation) -> None:
    assert answer.crosscheck is not None
    found = recommendation_json(answer)["crosscheck"]
    assert found["difference"] == pytest.approx(0.090 / 0.093 - 1.0, rel=1e-5)
    assert found["agrees"] is True
    assert set(found["classes"]) == {each.name for each in answer.crosscheck.classes}
    endless = replace(answer.crosscheck, mean=replace(answer.crosscheck.mean, formula_s=float("inf")))
    found = recommendation_json(replace(answer, crosscheck=endless))["crosscheck"]
    assert (found["formula_s"], found["difference"], found["agrees"]) == (None, None, False)
    assert recommendation_json(replace(answer, crosscheck=None))["crosscheck"] is None


def test_break_point_is_the_first_farmers_that_miss_a_target(answer: Recommendation) -> None:
    found = recommendation_json(answer)["break_point"]
    assert found["p95_s"] > found["target_s"]
    before = [point for point in answer.growth_curve if point.farmers < found["farmers"]]
    assert recommendation_json(replace(answer, growth_curve=tuple(before)))["break_point"] is None


def test_reading_the_answer_needs_no_matplotlib() -> None:
    code = (
        "import sys, dfr_sizing.plan.as_json, dfr_sizing.plan.terminal, dfr_sizing.plan.write;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
