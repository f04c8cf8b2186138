"""The steps, and the users of the field: their rates, mixes and think times are Demand's."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfr_sizing.demand import Situation, demand
from dfr_sizing.drivers import drivers
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.model import request_classes
from dfr_sizing.scenario import Scenario
from loadtests.mapping import read_mapping
from loadtests.scenarios import KINDS, Behaviour, behaviour, class_rates, field_users, mixed, together
from loadtests.steps import LONGEST_S, levels, read_steps

ODOO = read_mapping("odoo")
STEP = '[[step]]\nname = "one"\nusers = 2\nseconds = 5\nwarm_up_s = 1\n'
DAY = '[day]\nfarmers = 2e6\nsituation = "campaign"\nhour = 18\n'


def mid(driver: str) -> float:
    value = drivers()[driver].value
    assert isinstance(value, Interval)
    return value.mid


def written(folder: Path, text: str) -> str:
    path = folder / "steps.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("situation", list(Situation))
@pytest.mark.parametrize("hour", [10, 18])
def test_users_together_send_what_demand_says(situation: Situation, hour: int) -> None:
    scenario = Scenario.model_validate({"registry": {"farmers": 3e5}})
    asked = demand(scenario, situation, 3e5).at_hour(hour)
    by_users = {name for name, request in request_classes().items() if not request.background}

    sent: dict[str, float] = {}
    for kind in field_users(3e5, situation, hour):
        for name, per_s in kind.per_s.items():
            sent[name] = sent.get(name, 0.0) + per_s

    assert sent == pytest.approx({name: rate for name, rate in asked.items() if rate > 0 and name in by_users})


def test_think_times_are_the_drivers() -> None:
    kinds = {kind.name: kind for kind in field_users(2e6, Situation.CAMPAIGN, 18)}

    assert set(kinds) == set(KINDS)
    assert kinds["BackOfficeOfficer"].think_s == mid("users.officer_think_s")
    assert kinds["PortalVisitor"].think_s == mid("users.portal_think_s")


def test_pace_shortens_think_times_and_keeps_the_mix() -> None:
    officer = field_users(2e6, Situation.STEADY, 10)[0]
    slow, fast = behaviour(officer, ODOO, 1.0), behaviour(officer, ODOO, 4.0)
    assert slow is not None
    assert fast is not None

    assert slow.think_s == pytest.approx(4.0 * fast.think_s)
    assert slow.mix == fast.mix
    assert sum(slow.mix.values()) == pytest.approx(1.0)


def test_crowd_of_two_kinds_sends_their_rates_together() -> None:
    crowd = together({"a": 10, "b": 30}, {"a": Behaviour(1.0, {"x": 1.0}), "b": Behaviour(3.0, {"x": 0.5, "y": 0.5})})

    assert crowd.mix == pytest.approx({"x": 0.75, "y": 0.25})  # 10/s of x, and 10/s of both alike
    assert crowd.think_s == pytest.approx(2.0)


def test_crowd_without_think_time_behaves_as_each() -> None:
    alike = Behaviour(0.0, {"x": 1.0})

    assert together({"a": 2, "b": 1}, {"a": alike, "b": alike}) == alike


@pytest.mark.parametrize(("steps", "mapping"), [("reference", "odoo"), ("short", "odoo"), ("dfr", "dfr")])
def test_shipped_steps_lead_with_each_class_somewhere_and_hold_one_step_out(steps: str, mapping: str) -> None:
    found = levels(read_steps(steps), read_mapping(mapping))
    fitted = [level for level in found if not level.held_out]
    mixes = [next(iter(level.behaviours.values())).mix for level in fitted]

    assert [level.name for level in found if level.held_out] == ["field"]
    for name in read_mapping(mapping).classes:
        shares = [mix.get(name, 0.0) for mix in mixes]
        assert max(shares) >= 0.04, name
        assert max(shares) > 1.3 * min(shares), name


def test_short_test_takes_less_than_a_hundred_seconds() -> None:
    assert read_steps("short").seconds <= 90.0


def test_emphasis_leaves_the_rest_to_the_natural_mix(tmp_path: Path) -> None:
    steps = read_steps(written(tmp_path, DAY + STEP + "think_s = 1\nemphasis = { login = 0.4 }\n"))
    natural = mixed(class_rates(kind, ODOO) for kind in field_users(2e6, Situation.CAMPAIGN, 18))

    mix = levels(steps, ODOO)[0].behaviours["PortalVisitor"].mix

    assert mix["relogin"] == 0.4
    assert mix["read"] / mix["search_read"] == pytest.approx(natural["read"] / natural["search_read"])
    assert sum(mix.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("mix = { read = 1 }\n", "think_s"),
        ("think_s = 1\nmix = { read = 0.5 }\n", "make 1"),
        ("think_s = 1\nmix = { read = 1 }\nemphasis = { read = 1 }\n", "not both"),
        ("think_s = 1\npace = 2\n", "either think_s, or pace"),
        ("speed = 2\n", "step.0.speed"),
        (STEP, "different names"),
        (STEP.replace("one", "two").replace("= 5", "= 7200"), f"{LONGEST_S:,.0f} s together"),
        (STEP.replace("one", "two").replace("users = 2", "users = 20000"), "10000"),
    ],
)
def test_wrong_steps_are_refused_in_one_sentence(tmp_path: Path, rest: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_steps(written(tmp_path, DAY + STEP + rest))

    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_class_that_the_mapping_lacks_is_refused_with_those_it_has(tmp_path: Path) -> None:
    steps = read_steps(written(tmp_path, DAY + STEP + "think_s = 1\nemphasis = { sync_full = 0.4 }\n"))

    with pytest.raises(InputError, match="step one is sync_full, but must be a class of the mapping"):
        levels(steps, ODOO)
