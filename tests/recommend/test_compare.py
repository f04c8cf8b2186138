"""Places and plans side by side: limits hold and are told, a saved plan comes back as it was, statuses as elsewhere."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.cli.compare import NONE_SERVES, compare
from dfr_sizing.errors import InputError
from dfr_sizing.model import load_model
from dfr_sizing.plan.as_json import dump, infeasible_json, recommendation_json
from dfr_sizing.plan.compare_text import offers_json, show_offers
from dfr_sizing.plan.saved import is_saved, read_offer
from dfr_sizing.recommend.compare import Comparer, Offer, offer_of, places_named
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.types import Infeasible, Recommendation
from dfr_sizing.scenario import Scenario, load_scenario


def asked(**settings: object) -> Scenario:
    return load_scenario(None, {"registry.farmers": 2e4, **settings})


@pytest.fixture(scope="module")
def comparer() -> Comparer:
    return Comparer(load_model(), load_catalogue(), effort=Effort(glance=2_000, situation=10_000, point=1_000))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("aws/eu-west-1", {"hosting.countries": ["ZA"]}, "country IE is not among hosting.countries (ZA)"),
        ("gcp", {"hosting.countries": ["TO"]}, "country US is not among hosting.countries (TO)"),
        ("on-premises", {"hosting.providers": ["aws"]}, "on-premises is not among hosting.providers (aws)"),
        ("azure", {"hosting.regions": ["aws/eu-west-1"]}, "is not among hosting.regions"),
    ],
)
def test_what_a_limit_excludes_comes_with_its_reason(
    name: str, settings: dict[str, object], said: str, comparer: Comparer
) -> None:
    found = comparer.at(asked(**settings), name)
    assert found.left_out
    assert not found.serves
    assert said in found.why_not
    assert found.bounds_usd > 0.0


def test_a_provider_is_let_in_by_naming_it_where_none_was_stated(comparer: Comparer) -> None:
    found = comparer.at(asked(**{"recovery.rto_hours": 48}), "on-premises")
    assert found.deployment.endswith("on-premises/national-data-centre")
    assert found.five_year_usd == pytest.approx(60 * found.monthly_usd)
    assert {"page_p95_s", "rto_h", "rpo_min", "availability"} <= {check.name for check in found.targets}


def test_what_cannot_be_served_names_the_limit(comparer: Comparer) -> None:
    found = comparer.at(asked(**{"targets.sync_500_s": 5.0}), "aws/eu-west-1")
    assert not found.left_out
    assert "sync of 500 farmers" in found.why_not
    assert "targets.sync_500_s" in found.why_not


def test_a_name_means_a_place_or_all_of_a_provider() -> None:
    catalogue = load_catalogue()
    assert [place.name for place in places_named("aws/eu-west-1", catalogue)] == ["aws/eu-west-1"]
    assert {place.provider for place in places_named("gcp", catalogue)} == {"gcp"}
    for name in ("tea", "aws/eu-west-9", "tea/eu-west-1"):
        with pytest.raises(InputError, match=name.split("/")[-1] if name.startswith("aws") else "tea"):
            places_named(name, catalogue)


def saved(answer: Recommendation, folder: Path) -> Path:
    (folder / "plan.json").write_text(dump(recommendation_json(answer)), encoding="utf-8")
    return folder


def test_a_saved_plan_comes_back_as_it_was(answer: Recommendation, tmp_path: Path) -> None:
    expected = offer_of("it", answer.scenario.registry.farmers, answer.recommended)
    folder = saved(answer, tmp_path)
    assert is_saved(str(folder))
    for path in (folder, folder / "plan.json"):
        found = read_offer(path)
        assert found.deployment == expected.deployment
        assert found.recovery == expected.recovery
        assert found.five_year_usd == pytest.approx(expected.five_year_usd, rel=1e-5)
        assert found.missed == expected.missed
        for ours, theirs in zip(found.targets, expected.targets, strict=True):
            assert replace(ours, predicted=0, low=0, high=0) == replace(theirs, predicted=0, low=0, high=0)
            assert (ours.predicted, ours.low, ours.high) == pytest.approx(
                (theirs.predicted, theirs.low, theirs.high), rel=1e-5
            )


def test_what_is_not_known_in_a_saved_plan_is_not_met(silent: Recommendation, tmp_path: Path) -> None:
    found = read_offer(saved(silent, tmp_path))
    assert all(math.isnan(check.predicted) and check.high == math.inf for check in found.targets)
    assert not found.serves


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 9, "feasible": true}', '{"schema_version": 1}'])
def test_what_is_no_plan_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"must be the plan\.json of a plan, schema version 1") as found:
        read_offer(file)
    assert "\n" not in str(found.value)


def called(capsys: pytest.CaptureFixture[str], *what: str, as_json: bool = False) -> tuple[int, str]:
    status = 0
    try:
        compare([*what], as_json=as_json)
    except typer.Exit as end:
        status = end.exit_code
    return status, capsys.readouterr().out


def test_saved_plans_alone_need_no_farmers(
    answer: Recommendation, infeasible: Infeasible, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = saved(answer, tmp_path) / "plan.json", tmp_path / "none.json"
    bad.write_text(dump(infeasible_json(infeasible, 1, "m")), encoding="utf-8")
    serves = answer.recommended.passed
    status, text = called(capsys, str(good), str(bad))
    assert status == (0 if serves else NONE_SERVES)
    assert "nothing serves: reports, p95: 21 s against 15" in " ".join(text.split())
    assert called(capsys, str(bad))[0] == NONE_SERVES
    _, text = called(capsys, str(good), str(bad), as_json=True)
    read = json.loads(text)
    assert [offer["name"] for offer in read["offers"]] == [str(good), str(bad)]
    assert read["offers"][1]["five_year_usd"] is None


@pytest.mark.parametrize("width", [80, 100, 60])
def test_offers_stay_within_the_screen_and_in_their_order(answer: Recommendation, width: int) -> None:
    one = offer_of("aws/eu-west-1", 2e6, answer.recommended)
    offers = [replace(one, name=f"place-{number}", five_year_usd=1e5 + number) for number in range(5)]
    offers.append(Offer("gcp", 2e6, why_not="the law", left_out=True))
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as shown:
        show_offers(offers, console)
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= width
    places = [shown.get().index(f"place-{number}") for number in range(5)]
    assert places == sorted(places)
    assert "gcp: left out: the law" in shown.get()
    assert len(offers_json(offers)["offers"]) == 6
