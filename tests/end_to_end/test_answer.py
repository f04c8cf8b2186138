"""The main way through the house, as a user goes it: from a number of farmers to an answer."""

import json
import math
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dfr_sizing import size
from dfr_sizing.drivers import rule
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.plan.as_json import dump, recommendation_json
from dfr_sizing.recommend import regret
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.types import Infeasible, Recommendation
from dfr_sizing.recovery.profile import DRIVEN_BY, PhaseSpeed, RecoveryProfile, write_profile

FAST = {"hosting.providers": ["aws"], "hosting.regions": ["eu-west-1", "ap-southeast-2"]}
LIGHT = Effort(glance=15_000, situation=400_000, point=10_000)
"""A third of the full effort: the properties hold at any."""


@cache
def answer(farmers: float, **targets: float) -> Recommendation:
    settings = FAST | {f"targets.{name}": value for name, value in targets.items()}
    return size(farmers, settings=settings, seed=1, effort=LIGHT)


def cost(found: Recommendation) -> float:
    return found.recommended.bill.five_year_usd


def test_same_seed_gives_same_bytes_on_one_process_and_on_two() -> None:
    one = size(5e4, settings=FAST, seed=1, processes=1, effort=LIGHT)
    assert dump(recommendation_json(one)) == dump(recommendation_json(answer(5e4)))


def test_without_its_database_an_answer_is_the_same_but_for_that() -> None:
    without = size(5e4, settings=FAST, seed=1, effort=LIGHT, with_database=False)
    whole = answer(5e4)
    assert without.database is None
    assert whole.database is not None
    assert dump(recommendation_json(without)) == dump(recommendation_json(replace(whole, database=None)))


def test_what_stands_beside_the_choice_is_the_same_on_one_process_and_on_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regret, "rule", lambda name: 16.0 if name == "regret.futures" else rule(name))
    effort = Effort(glance=2_000, situation=10_000, point=1_000)
    one, two = (
        size(2e4, settings=FAST, seed=1, processes=processes, effort=effort, with_choice=True) for processes in (1, 2)
    )
    assert dump(recommendation_json(one)) == dump(recommendation_json(two))
    assert one.choice is not None
    front = one.choice.front
    assert sum(point.chosen for point in front.points) == 1
    assert front.looked_at >= len(front.points) > 1
    chosen = next(point for point in front.points if point.chosen)
    assert chosen.five_year_usd == pytest.approx(cost(one))
    assert chosen.missed == ()
    left_out = {place.place for place in one.choice.removed}
    assert {"azure/eastus", "on-premises/national-data-centre"} <= left_out
    assert left_out.isdisjoint({"aws/eu-west-1", "aws/ap-southeast-2"})


def test_another_seed_gives_another_sample_of_the_same_world() -> None:
    other = size(5e4, settings=FAST, seed=2, effort=LIGHT)
    ours, theirs = answer(5e4).recommended.targets[0], other.recommended.targets[0]
    assert ours.predicted != theirs.predicted
    assert ours.predicted == pytest.approx(theirs.predicted, rel=0.2)


def test_cost_never_falls_with_farmers() -> None:
    costs = [cost(answer(farmers)) for farmers in (5e4, 5e5, 2e6, 1e7)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_a_tighter_target_never_costs_less() -> None:
    costs = [cost(answer(2e6, api_p95_ms=limit)) for limit in (500.0, 250.0, 60.0)]
    assert costs == sorted(costs)


def test_a_target_that_binds_costs_more() -> None:
    relaxed, tight = answer(2e6, api_p95_ms=500.0), answer(2e6, api_p95_ms=20.0)
    assert cost(tight) > cost(relaxed)
    check = next(check for check in tight.recommended.targets if check.name == "api_p95_ms")
    assert check.high <= 20.0


def test_every_target_passes_with_an_interval_and_the_plan_is_whole() -> None:
    found = answer(2e6)
    names = {check.name for check in found.recommended.targets}
    assert {"page_p95_s", "api_p95_ms", "sync_500_s", "import_10000_min", "rto_h", "rpo_min", "availability"} <= names
    for check in found.recommended.targets:
        assert check.passed
        assert check.low <= check.predicted <= check.high
    assert [plan.name for plan in found.alternatives] == ["minimum", "resilient"]
    minimum, resilient = (plan.bill.five_year_usd for plan in found.alternatives)
    assert minimum <= cost(found) < resilient
    assert len({line.name for line in found.assumptions}) == len(found.assumptions)
    assert sum(item.monthly_usd for item in found.recommended.bill.items) == pytest.approx(
        found.recommended.bill.monthly_usd
    )


def test_simulated_mean_of_pages_is_near_the_closed_form_lower_bound() -> None:
    found = answer(2e6)
    worst = max(found.recommended.situations, key=lambda result: result.requests_per_s)
    for of_class in worst.outcome.classes.values():
        assert of_class.mean.value > 0.0
        assert of_class.p50.value <= of_class.p95.value <= of_class.p99.value
    assert all(0.0 <= share <= 1.0 for share in worst.outcome.utilisation.values())


def test_steady_peak_hour_is_simulated_as_the_closed_form_says() -> None:
    check = answer(2e6).crosscheck
    assert check is not None
    assert abs(check.mean.difference) < 0.05
    assert check.exceeding is None
    assert {found.name for found in check.classes} > {"list_view", "external_lookup", "record_write"}
    assert not any("by formula" in warning for warning in answer(2e6).warnings)


def test_json_has_the_documented_keys_and_no_nan() -> None:
    text = dump(recommendation_json(answer(5e4)))
    read: dict[str, Any] = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))
    bought = read["recommendation"]
    assert {"instance", "count", "workers"} <= bought["application"].keys()
    assert {"instance", "storage_gib", "iops"} <= bought["database"].keys()
    assert {"monthly_usd", "five_year_usd", "items"} <= bought["cost"].keys()
    assert {"name", "target", "predicted", "low", "high", "pass"} <= read["targets"][0].keys()
    assert {"p50", "p95"} <= read["recovery"]["rto_minutes"].keys()
    assert {"p50", "p95"} <= read["recovery"]["rpo_minutes"].keys()
    assert {"name", "value", "unit", "source", "label"} <= read["assumptions"][0].keys()
    assert {"reason", "count"} <= read["rejected"][0].keys()
    assert {"strategy"} <= read["recovery"].keys()
    assert read["seed"] == 1
    assert math.isfinite(bought["cost"]["five_year_usd"])


def test_an_infeasible_target_names_the_limit_and_a_change_that_helps() -> None:
    settings = FAST | {"targets.sync_500_s": 5.0}
    with pytest.raises(Infeasible) as found:
        size(5e5, settings=settings, effort=LIGHT)
    assert "sync of 500 farmers" in found.value.limit
    assert "targets.sync_500_s" in found.value.change
    nearest = float(found.value.change.split("=")[1].split(",")[0])
    assert size(5e5, settings=settings | {"targets.sync_500_s": nearest}, effort=LIGHT).recommended.passed


def test_code_as_shipped_cannot_serve_millions() -> None:
    with pytest.raises(Infeasible) as found:
        size(5e6, settings=FAST | {"code.dedup_index": False, "code.name_index": False})
    assert found.value.rejected


DISK = """
format = "dfr-size disk 1"
[disk]
name = "ours"
gib = 500
iops = 9000
mb_per_s = 400
read_latency_ms = [0.1, 0.2, 0.4]
write_latency_ms = [0.2, 0.5, 1.0]
source = "fio"
date = 2026-11-23
"""


def test_what_was_measured_takes_the_place_of_what_is_stated(tmp_path: Path) -> None:
    disk, drilled = tmp_path / "disk.toml", tmp_path / "profile.toml"
    disk.write_text(DISK, encoding="utf-8")
    rate = PhaseSpeed(Interval.exactly(0.1), Interval(90.0, 100.0, 110.0))
    profile = RecoveryProfile(
        made=date(2026, 11, 23),
        host={},
        database_bytes=(10**9,),
        link="",
        compressed_share=Interval.exactly(0.2),
        upload_s=Interval.exactly(0.1),
        archive_timeout_s=10.0,
        phases=dict.fromkeys(DRIVEN_BY, rate),
    )
    write_profile(drilled, profile)
    named = {"hosting.own_disk": str(disk), "recovery.profile": str(drilled)}
    found = size(
        2e4,
        settings={"hosting.providers": ["on-premises"], "recovery.rto_hours": 48, **named},
        processes=1,
        effort=Effort(glance=2_000, situation=10_000, point=1_000),
    )
    assert found.recommended.topology.disk.name == "ours"
    ledger = {line.name: line for line in found.assumptions}
    assert ledger["recovery.wal.replay_mb_per_s"].label is Label.MEASURED
