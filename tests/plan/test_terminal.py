"""The screen: everything on it, nothing cut off, nothing over the edge."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from dfr_sizing.cost_interval import bill_interval
from dfr_sizing.plan import terminal, words
from dfr_sizing.recommend.types import Infeasible, Recommendation, Rejection

LONG = "a sentence that goes on for longer than a line of eighty columns and says little, as warnings sometimes do"


def screen(out: io.StringIO, width: int, height: int) -> Console:
    return Console(file=out, width=width, height=height, force_terminal=True, color_system=None)


def printed(r: Recommendation, width: int, height: int = terminal.LINES) -> str:
    """What a terminal of that width shows, without colour."""
    out = io.StringIO()
    terminal.show(r, screen(out, width, height))
    return out.getvalue()


def piped(r: Recommendation) -> str:
    out = io.StringIO()
    terminal.show(r, Console(file=out, width=80))
    return out.getvalue()


def fits(text: str, width: int, height: int = terminal.LINES) -> bool:
    lines = text.splitlines()
    return len(lines) <= height and max(map(len, lines)) <= min(width, terminal.WIDEST)


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("which", ["answer", "silent", "in_paanga"])
def test_fits_one_screen(which: str, width: int, request: pytest.FixtureRequest) -> None:
    assert fits(printed(request.getfixturevalue(which), width), width)


@pytest.mark.parametrize("width", [80, 100])
def test_many_warnings_leave_room_for_the_rest(answer: Recommendation, width: int) -> None:
    text = printed(replace(answer, warnings=(LONG,) * 30), width)
    assert fits(text, width)
    assert "more, in the plan" in text
    assert "Warning" in text
    assert "Holds only if" in text
    assert "seed 1" in text


@pytest.mark.parametrize("height", [24, 48, 60, 90, 300])
def test_takes_what_the_screen_has(answer: Recommendation, height: int) -> None:
    text = printed(replace(answer, warnings=(LONG,) * 30), 80, height)
    assert fits(text, 80, max(height, terminal.LINES))
    assert ("more, in the plan" in text) == (height < 300)


def test_a_pipe_has_no_end(answer: Recommendation) -> None:
    """Whoever reads a file can scroll: every warning, and every failure."""
    text = piped(replace(answer, warnings=(LONG,) * 30))
    assert " ".join(text.split()).count(LONG) == 30
    assert max(map(len, text.splitlines())) <= 80


def test_every_failure_under_every_strategy_where_there_is_room(answer: Recommendation) -> None:
    """Read back from the page: each strategy's letter stands once for each failure, with pass or FAIL."""
    facts = answer.recovery
    assert facts is not None
    part = piped(answer).split("after  ")[1].split("median to 95 %")[0]
    rows = re.findall(r" ([BPWH]+) .* (pass|FAIL)\n", part)
    told = sorted((letter, kept) for letters, kept in rows for letter in letters)
    promises = facts.promises
    meant = [(one, one.meets(promises.rto_minutes, promises.rpo_minutes)) for one in facts.estimates]
    assert told == sorted((str(one.strategy)[0].upper(), "pass" if kept else "FAIL") for one, kept in meant)
    for height, there in ((terminal.LINES, False), (120, True)):
        text = printed(answer, 80, height)
        assert ("after  " in text) is there
        assert ("--explain recovery" in " ".join(text.split())) is not there


@pytest.mark.parametrize("width", [80, 100])
def test_numbers_are_whole(answer: Recommendation, width: int) -> None:
    """Tokens are compared, since a sentence may break anywhere between words."""
    text = printed(answer, width)
    shown = " ".join(text.split())
    assert "…" not in text
    for check in answer.recommended.targets:
        row = next(line for line in text.splitlines() if line.startswith(check.title[:10]))
        assert words.quantity(check.predicted, check.unit) in row
        assert words.quantity(check.target, check.unit) in row
        assert words.spread(check.low, check.high, check.unit) in row
        assert words.verdict(check) in row
    for plan in (answer.recommended, *answer.alternatives):
        assert f"{plan.bill.five_year_usd:,.0f}" in shown
        assert f"{plan.topology.nodes} x {plan.topology.application.name}" in shown


def test_says_what_an_architect_asks(answer: Recommendation) -> None:
    shown = " ".join(printed(answer, 100).split())
    for word in (
        "RTO",
        "RPO",
        "Bottleneck database CPU 74 %",
        "Rule of thumb",
        "400 workers",
        "create the trigram index",
    ):
        assert word in shown
    assert "officers_at_once_per_100k 10 (5 to 30)" in shown
    assert "p95 11 %" in shown


def test_the_cost_says_how_well_its_prices_are_known(answer: Recommendation) -> None:
    shown = " ".join(printed(answer, 100).split())
    known = bill_interval(answer.recommended.bill)
    assert f"prices {words.price_range(known)}" in shown
    assert all(each.name in words.price_range(known) for each in known.largest[:2])


def test_closed_form_stands_beside_the_simulation(answer: Recommendation) -> None:
    line = next(line for line in printed(answer, 100).splitlines() if line.startswith("Closed form"))
    assert line.split(maxsplit=2)[2] == "steady peak hour: mean 93 ms simulated, 90 ms by formula (-3 %)"
    assert answer.crosscheck is not None
    endless = replace(answer.crosscheck, mean=replace(answer.crosscheck.mean, formula_s=float("inf")))
    assert "simulated, no limit by formula\n" in printed(replace(answer, crosscheck=endless), 200)


def test_the_currency_is_the_one_asked_for(in_paanga: Recommendation) -> None:
    shown = " ".join(printed(in_paanga, 100).split())
    monthly = in_paanga.recommended.bill.monthly_usd
    assert f"TOP {2.4 * monthly:,.0f} ({2.2 * monthly:,.0f} to {2.6 * monthly:,.0f}) a month" in shown
    assert "1 USD = 2.4 TOP (2.2 to 2.6)" in shown
    assert "USD a month" not in shown


def test_missing_values_say_so(silent: Recommendation) -> None:
    text = printed(silent, 80)
    assert "no data" in text
    assert "nan" not in text.lower().split()


def test_a_missed_target_is_named(answer: Recommendation) -> None:
    minimum = answer.alternatives[0]
    text = printed(replace(answer, recommended=minimum), 100)
    assert "FAIL" in text
    assert len(re.findall(r"% +pass", text)) == sum(check.passed for check in minimum.targets)


def test_names_with_brackets_are_not_markup(answer: Recommendation) -> None:
    text = printed(replace(answer, warnings=("[bold]not markup[/nothing]",)), 100)
    assert "[bold]not markup[/nothing]" in text


@pytest.mark.parametrize("width", [80, 100])
def test_infeasible_says_what_binds(infeasible: Infeasible, width: int) -> None:
    out = io.StringIO()
    many = Infeasible(infeasible.limit, infeasible.change, infeasible.rejected + (Rejection(LONG, 2),) * 40)
    terminal.show_infeasible(many, screen(out, width, terminal.LINES))
    shown = " ".join(out.getvalue().split())
    assert fits(out.getvalue(), width)
    for text in (infeasible.limit, infeasible.change, "54 x too slow", "more"):
        assert text in shown
