"""The choice on the terminal: everything found is told, within the screen, and nothing where nobody asked."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from dfr_sizing.cli.explain import EXPLAINERS, OF_CHOICE
from dfr_sizing.recommend.types import Recommendation


def told(name: str, r: Recommendation, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as shown:
        EXPLAINERS[name](r, console)
    return shown.get()


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", sorted(OF_CHOICE))
def test_the_choice_stays_within_the_screen(name: str, width: int, answer: Recommendation) -> None:
    assert max(map(len, told(name, answer, width).splitlines())) <= min(width, 100)


def test_every_point_and_every_removed_place_is_told(answer: Recommendation) -> None:
    text = told("choice", answer)
    assert answer.choice is not None
    for point in answer.choice.front.points:
        assert f"{point.five_year_usd:,.0f}" in text
        assert str(point.strategy) in text
    for place in answer.choice.removed:
        assert place.place in text
    assert "saves 40,000" in text
    assert "costs 50,000 more" in text
    assert "not priced" in text


def test_regret_says_what_a_month_has_to_be_worth(answer: Recommendation) -> None:
    text = " ".join(told("regret", answer).split())
    assert "serve 60 % of the futures" in text
    assert "USD 16,000 less, unless a month of missed targets is worth more than USD 13,333" in text
    assert "nothing simulated" in text
    assert "commit to what is needed with a probability of 63 % or more" in text
    assert answer.choice is not None
    regret = replace(answer.choice.regret, commitments=())
    without = replace(answer, choice=replace(answer.choice, regret=regret))
    assert "nothing to commit to" in " ".join(told("regret", without).split())


def test_upgrades_are_told_with_their_dates_and_what_they_save(answer: Recommendation) -> None:
    text = " ".join(told("growth", answer).split())
    assert "go-live to month 27" in text
    assert "month 28 to month 60" in text
    assert "Move up after month 27, begun 1 months before, and pay USD 212,000 in five years, 28,000 less" in text
    assert answer.choice is not None
    assert answer.choice.upgrades is not None
    last = replace(answer.choice.upgrades.stages[-1], from_month=0)
    at_once = replace(answer.choice.upgrades, stages=(last,))
    only = " ".join(told("growth", replace(answer, choice=replace(answer.choice, upgrades=at_once))).split())
    assert "Buy year 5's machines at once" in only
    none = replace(answer, choice=replace(answer.choice, upgrades=None))
    assert "Growth: no data" in told("growth", none)


@pytest.mark.parametrize("name", sorted(OF_CHOICE))
def test_what_nobody_asked_for_is_no_data(name: str, silent: Recommendation) -> None:
    assert told(name, silent) == "Choice: no data\n"
