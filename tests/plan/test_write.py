"""The plan's folder: complete, or not there; an older plan whole until the new one is."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import plan_fixtures
import pytest

from dfr_sizing.cost import Tier
from dfr_sizing.cost_interval import bill_interval
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.plan import latency, markdown, pictures, words
from dfr_sizing.plan.as_json import dump, recommendation_json
from dfr_sizing.plan.write import CONFIGURATION, check_out, write_plan
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.recovery import kinds
from dfr_sizing.scenario import Prices


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def plan(answer: Recommendation, on: date, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written") / "plan"
    assert {path.relative_to(out) for path in write_plan(answer, out, on)} == set(map(Path, files(out)))
    return out


@pytest.fixture
def text(plan: Path) -> str:
    return (plan / "plan.md").read_text(encoding="utf-8")


def test_every_link_resolves(plan: Path, text: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(links) == 15
    for link in links:
        assert (plan / link).is_file()
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.*)", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_no_file_beside_the_plan(plan: Path) -> None:
    assert [path.name for path in plan.parent.iterdir()] == ["plan"]


def test_every_target_is_in_the_plan(answer: Recommendation, text: str) -> None:
    for option in (answer.recommended, *answer.alternatives):
        for check in option.targets:
            assert f"| {check.title} |" in text
            assert words.quantity(check.predicted, check.unit) in text


def test_every_assumption_is_in_the_plan_with_label_and_source(answer: Recommendation, text: str) -> None:
    rows = set(text.splitlines())
    for line in answer.assumptions:
        cells = (line.name, words.assumed_value(line.value), line.unit, line.label, line.source)
        assert f"| {' | '.join(map(markdown.cell, cells))} |" in rows


def test_bill_rejections_conditions_and_failures_are_in_the_plan(answer: Recommendation, text: str) -> None:
    for item in answer.recommended.bill.items:
        assert markdown.cell(item.basis) in text
    for rejection in answer.rejected:
        assert f"| {rejection.reason} | {rejection.count} |" in text
    for told in answer.recommended.recovery:
        assert f"| {kinds()[told.failure].title} |" in text
    for sentence in (*answer.conditions, *answer.warnings):
        assert f"- {sentence}" in text


def test_the_bill_is_in_the_plan_by_year_with_its_range(answer: Recommendation, text: str) -> None:
    bill = answer.recommended.bill
    years = [f"**{usd:,.0f}**" for usd in (*bill.by_year_usd, bill.five_year_usd)]
    assert f"| **all** | {' | '.join(years)} |" in text
    known = bill_interval(bill)
    assert f"USD {known.five_year_usd.low:,.0f} to {known.five_year_usd.high:,.0f} in five years" in text
    assert len(known.largest) == 3
    for each in known.largest:
        assert f"| {each.name} | {each.known_as} | {each.less_usd:,.0f} | {each.more_usd:,.0f} |" in text


def test_what_the_bill_leaves_out_is_in_the_plan_and_taxes_only_while_none_are_stated(
    answer: Recommendation, text: str
) -> None:
    said = text.partition("Not included in the bill:")[2].partition("Prices more than")[0]
    for name in ("taxes", "overheads", "support plan", "people"):
        assert f"- {name}: " in said
    assert "prices.tax_share" in said
    stated = answer.scenario.model_copy(update={"prices": Prices(tax_share=Interval.exactly(0.15))})
    names = {name for name, _ in markdown.not_billed(replace(answer, scenario=stated))}
    assert "taxes" not in names
    assert {"overheads", "support plan"} <= names
    bought = answer.scenario.model_copy(update={"prices": Prices(support=True)})
    assert "support plan" not in {name for name, _ in markdown.not_billed(replace(answer, scenario=bought))}


def test_own_hosting_leaves_out_other_things(answer: Recommendation) -> None:
    place = replace(answer.recommended.topology.place, provider="on-premises")
    at_home = replace(answer.recommended, topology=replace(answer.recommended.topology, place=place))
    names = {name for name, _ in markdown.not_billed(replace(answer, recommended=at_home))}
    assert "building, land and the link of the offices" in names
    assert "support plan" not in names


def test_taxes_are_in_the_bill_where_they_are_stated(on: date, tmp_path: Path) -> None:
    taxed = plan_fixtures.recommendation(tax_share=0.15)
    write_plan(taxed, tmp_path / "plan", on)
    text = (tmp_path / "plan" / "plan.md").read_text(encoding="utf-8")
    assert "| charges | taxes | " in text
    assert "- taxes: " not in text
    net = plan_fixtures.recommendation().recommended.bill.five_year_usd
    assert taxed.recommended.bill.five_year_usd == pytest.approx(1.15 * net)
    assert taxed.recommended.bill.stale(on, 0) == plan_fixtures.recommendation().recommended.bill.stale(on, 0)


def test_closed_form_is_in_the_plan_by_class(answer: Recommendation, text: str) -> None:
    assert answer.crosscheck is not None
    assert "steady peak hour: mean 93 ms simulated, 90 ms by formula (-3 %)" in text
    for found in answer.crosscheck.classes:
        cells = [words.milliseconds(found.simulated.value), words.milliseconds(found.formula_s), "-3 %"]
        assert f"| {latency.class_title(found.name)} | {' | '.join(cells)} | " in text


def test_sections_are_the_fifteen_points(text: str) -> None:
    assert [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)] == list(range(1, 16))


def test_tables_have_as_many_cells_in_each_row(text: str) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row.rstrip())) for row in block.splitlines()}
        assert len(cells) == 1, block[:200]


def test_a_pipe_or_newline_in_a_source_breaks_no_table(answer: Recommendation, on: date) -> None:
    line = Assumption("a.b", "x | y", "c", "one\ntwo | three", Label.STATED)
    text = markdown.plan_markdown(replace(answer, assumptions=(line,)), on, {})
    assert "| a.b | x \\| y | c | stated | one two \\| three |" in text


def test_age_of_prices_is_counted_from_the_day_given(answer: Recommendation) -> None:
    prices = [item.price for item in answer.recommended.bill.items if item.tier is not Tier.SETUP]
    newest = max(price.date for price in prices)
    assert "days old on" not in markdown.plan_markdown(answer, min(price.date for price in prices), {})
    late = date(newest.year + 2, 1, 1)
    assert {price for price, _ in markdown.stale_prices(answer, late)} >= set(prices)
    assert f"days old on {late.isoformat()}" in markdown.plan_markdown(answer, late, {})


@pytest.mark.parametrize("which", ["silent", "in_paanga"])
def test_renders_whatever_is_missing(which: str, request: pytest.FixtureRequest, on: date, tmp_path: Path) -> None:
    r: Recommendation = request.getfixturevalue(which)
    write_plan(r, tmp_path / "plan", on)
    text = (tmp_path / "plan" / "plan.md").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inf|None|Undefined)\b", text)
    assert r.scenario.prices.currency in text


def test_plan_json_is_the_answer(answer: Recommendation, plan: Path) -> None:
    assert (plan / "plan.json").read_text(encoding="utf-8") == dump(recommendation_json(answer))


def test_same_answer_same_bytes(answer: Recommendation, plan: Path, on: date, tmp_path: Path) -> None:
    write_plan(answer, tmp_path / "again", on)
    assert files(tmp_path / "again") == files(plan)


def test_a_new_plan_replaces_the_old_and_keeps_the_users_notes(
    answer: Recommendation, silent: Recommendation, on: date, tmp_path: Path
) -> None:
    write_plan(answer, tmp_path, on)
    (tmp_path / "notes.txt").write_text("ours")
    write_plan(silent, tmp_path, on)
    assert set(files(tmp_path)) == {"notes.txt", "plan.json", "plan.md", "pictures/cost.png", *CONFIGURATION}


def test_missing_parents_are_made(answer: Recommendation, on: date, tmp_path: Path) -> None:
    write_plan(answer, tmp_path / "a" / "b", on)
    assert (tmp_path / "a" / "b" / "plan.md").is_file()


def test_a_relative_folder_will_do(
    answer: Recommendation, on: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_plan(answer, Path("plan"), on)[0] == Path("plan/plan.md")
    monkeypatch.chdir(tmp_path / "plan")
    write_plan(answer, Path(), on)
    assert Path("plan.md").is_file()


def refused(answer: Recommendation, out: Path, on: date) -> InputError:
    """Both the check and the writing refuse, with the same words."""
    with pytest.raises(InputError) as checked:
        check_out(out)
    with pytest.raises(InputError) as written:
        write_plan(answer, out, on)
    assert str(checked.value) == str(written.value)
    assert checked.value.name == "--out"
    assert checked.value.allowed == "a folder that can be written"
    return checked.value


def test_a_foreign_folder_is_left_alone(answer: Recommendation, on: date, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    assert "plan.json" in refused(answer, tmp_path, on).remedy
    assert files(tmp_path) == {"thesis.txt": b"three years of work"}


@pytest.mark.parametrize("below", ["", "plan", "deeper/plan"])
def test_a_file_in_the_way_is_left_alone(answer: Recommendation, on: date, tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    refused(answer, file / below, on)
    assert files(tmp_path) == {"file": b"x"}


def test_a_folder_where_a_file_should_be_is_left_alone(answer: Recommendation, on: date, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "plan.md").mkdir()
    refused(answer, tmp_path, on)
    assert files(tmp_path) == {"plan.json": b"{}"}


def test_no_right_to_write(answer: Recommendation, on: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_args, **_kwargs: False)
    assert "not writable" in refused(answer, tmp_path / "plan", on).remedy
    assert files(tmp_path) == {}


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("a bug")])
def test_an_interrupted_write_leaves_the_old_plan_whole(
    answer: Recommendation,
    silent: Recommendation,
    on: date,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
) -> None:
    old, new = tmp_path / "old", tmp_path / "not" / "yet"
    write_plan(silent, old, on)
    before = files(old)

    def fail(_r: Recommendation) -> None:
        raise failure

    title, _, has_data = pictures.PICTURES["sensitivity"]
    monkeypatch.setitem(pictures.PICTURES, "sensitivity", (title, fail, has_data))  # the last picture
    wanted = InputError if isinstance(failure, OSError) else type(failure)
    for out in (old, new):
        with pytest.raises(wanted):
            write_plan(answer, out, on)
    assert files(old) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert sorted(path.name for path in old.iterdir()) == sorted(["pictures", "plan.json", "plan.md", *CONFIGURATION])
