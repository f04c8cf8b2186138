"""Recovery as people read it: the explanation on the terminal, the plan for the day itself."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.console import Console

from dfr_sizing.cli.explain import EXPLAINERS, check_explain
from dfr_sizing.errors import InputError
from dfr_sizing.plan.dr_plan import STEPS, dr_plan_markdown
from dfr_sizing.plan.pictures import _cheapest_for_rto
from dfr_sizing.plan.recovery_terminal import show_recovery
from dfr_sizing.plan.words import minutes, share
from dfr_sizing.recommend.candidates import ALL_WAYS
from dfr_sizing.recommend.recovery import unkept_warning, years_warning
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.recovery import Failure, Step, Strategy, kinds
from dfr_sizing.recovery.types import Bounded


def explained(r: Recommendation, width: int) -> str:
    console = Console(width=width)
    with console.capture() as shown:
        show_recovery(r, console)
    return shown.get()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_every_failure_strategy_and_step_is_explained_within_the_screen(answer: Recommendation, width: int) -> None:
    text = explained(answer, width)
    assert max(map(len, text.splitlines())) <= min(width, 100)
    flat = re.sub(r"\s+", " ", text)
    assert answer.recovery is not None
    for told in answer.recovery.estimates:
        assert kinds()[told.failure].title in flat
        assert minutes(told.rto_minutes.p95) in flat
        for phase in told.phases:
            if phase.minutes.p95 > 0.0:
                assert f"{phase.name} {minutes(phase.minutes.p50)}" in flat
    assert all(str(strategy) in flat for strategy in Strategy)
    assert share(answer.recovery.years.available.value, 1) in flat
    assert "a cut of 35 days" in flat


def test_an_answer_without_recovery_says_so(silent: Recommendation) -> None:
    assert explained(silent, 80) == "Recovery: no data\n"
    assert dr_plan_markdown(silent) == ""


def test_what_nobody_explains_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"--explain is tea, but must be one of .*recovery"):
        check_explain("tea")
    assert "recovery" in EXPLAINERS


def test_the_plan_for_the_day_holds_every_failure_with_its_minutes(answer: Recommendation) -> None:
    text = dr_plan_markdown(answer)
    for told in answer.recommended.recovery:
        section = text.split(f"### {kinds()[told.failure].title.capitalize()}\n")[1].split("\n### ")[0]
        assert minutes(told.rto_minutes.p95) in section
        for phase in told.phases:
            if phase.minutes.p95 > 0.0:
                assert f"| {phase.name} | {STEPS[phase.name]} | {minutes(phase.minutes.p50)} " in section
    assert set(STEPS) == set(Step)
    assert text.count("- [ ]") >= 15
    assert not re.search(r"\n{3,}|\{\{|None", text)


def test_the_plan_says_where_no_strategy_keeps_the_promise(answer: Recommendation) -> None:
    assert answer.recovery is not None
    unkept = answer.recovery.unkept
    assert Failure.RANSOMWARE in unkept
    assert unkept_warning(answer.recovery)[0].endswith(", ".join(unkept))
    promises = answer.recovery.promises
    for failure, least in answer.recovery.cheapest.items():
        passing = [
            told.strategy
            for told in answer.recovery.estimates
            if told.failure is failure and told.meets(promises.rto_minutes, promises.rpo_minutes)
        ]
        assert least == (passing[0] if passing else None)


def test_a_share_of_years_that_is_not_sure_is_warned_of(answer: Recommendation) -> None:
    assert answer.recovery is not None
    years = answer.recovery.years
    for low, warned in ((0.94, True), (0.96, False)):
        told = replace(answer.recovery, years=replace(years, available=Bounded(0.97, low, 0.98)))
        assert any("94.0 to 98.0 %" in text for text in years_warning(told)) is warned


def test_one_way_is_chosen_and_every_copy_more_costs(answer: Recommendation) -> None:
    assert answer.recovery is not None
    ways = {(way.standby, way.strategy): way.five_year_usd for way in answer.recovery.ways}
    assert len(ways) == len(ALL_WAYS) == 7
    assert (False, Strategy.HOT_STANDBY) not in ways
    assert [way.chosen for way in answer.recovery.ways].count(True) == 1
    for strategy in (Strategy.BACKUP_RESTORE, Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY):
        assert ways[True, strategy] > ways[False, strategy]
    beside = [ways[True, strategy] for strategy in Strategy]
    assert beside == sorted(set(beside))


def test_the_curve_falls_as_more_time_is_allowed(answer: Recommendation) -> None:
    assert answer.recovery is not None
    best = _cheapest_for_rto(answer.recovery.ways)
    late = [way.headline.rto_minutes.p95 for way in best]
    cost = [way.five_year_usd for way in best]
    assert late == sorted(late)
    assert cost == sorted(cost, reverse=True)
    for way in answer.recovery.ways:
        assert any(
            one.headline.rto_minutes.p95 <= way.headline.rto_minutes.p95 and one.five_year_usd <= way.five_year_usd
            for one in best
        )


def test_each_way_to_make_backups_is_told_with_what_it_stores_and_takes(answer: Recommendation) -> None:
    assert answer.recovery is not None
    text = explained(answer, 120)
    for one in answer.recovery.backups_by:
        assert minutes(one.restored.rto_minutes.sure) in text
        assert one.way.name in text
    assert "pg_basebackup *" in text
