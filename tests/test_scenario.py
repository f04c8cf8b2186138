"""Scenarios: every way to write a number, every field to state, and one helpful sentence for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.drivers import Driver, drivers
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.scenario import FARMERS_RANGE, Registry, Scenario, load_scenario, parse_count, template

TWO_MILLION: dict[str, object] = {"registry.farmers": "2e6"}
NUMBERS = [name for name, driver in drivers().items() if isinstance(driver.value, Interval)]
SWITCHES = [name for name, driver in drivers().items() if isinstance(driver.value, bool)]


def bounds(driver: Driver) -> Interval:
    """The interval of a driver that is a number."""
    assert isinstance(driver.value, Interval)
    return driver.value


def stated(name: str, value: object) -> Scenario:
    return load_scenario(None, {**TWO_MILLION, name: value})


def refused(overrides: dict[str, object], path: Path | None = None) -> InputError:
    """The error of a scenario that cannot be, once it is seen to be one clean sentence."""
    with pytest.raises(InputError) as caught:
        load_scenario(path, overrides)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert " must be " in text
    for jargon in ("Traceback", "ValidationError", "pydantic", "validation error", "Error("):
        assert jargon not in text
    return caught.value


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2e6", 2e6),
        ("2E6", 2e6),
        ("2e+6", 2e6),
        ("2M", 2e6),
        ("2m", 2e6),
        ("2.5M", 2.5e6),
        (" 2 M ", 2e6),
        ("2_000_000", 2e6),
        ("2,000,000", 2e6),
        ("500k", 5e5),
        ("-3", -3.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        (2_000_000, 2e6),
        (0.25, 0.25),
    ],
)
def test_counts_are_read_as_people_write_them(text: object, count: float) -> None:
    assert parse_count(text) == pytest.approx(count, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "1e", "e6", "nan", "inf", "--3", "2MM", "2 G", "1.2.3", "k", "0x10", "2e6;", True, None]
)
def test_what_is_no_count_is_refused_by_its_value(text: object) -> None:
    with pytest.raises(ValueError, match="is not a number") as caught:
        parse_count(text)
    assert repr(text) in str(caught.value)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 10**12))
def test_counts_with_separators_are_the_counts_without(count: int) -> None:
    assert parse_count(f"{count:,}") == parse_count(f"{count:_}") == parse_count(str(count)) == count


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_python_number_is_read_as_itself(number: float) -> None:
    assert parse_count(number) == number


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789.,_eEkKmM+- xn", max_size=9))
def test_no_text_makes_parse_count_fail_but_by_value_error(text: str) -> None:
    try:
        assert isinstance(parse_count(text), float)
    except ValueError as error:
        assert "is not a number" in str(error)  # noqa: PT017


@pytest.mark.parametrize("farmers", [FARMERS_RANGE[0], 2_000_000, 123_457, FARMERS_RANGE[1]])
def test_template_round_trips_to_the_default_scenario(tmp_path: Path, farmers: int) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(template(farmers), encoding="utf-8")
    assert load_scenario(path, {}) == Scenario(registry=Registry(farmers=farmers))


def test_template_says_of_every_driver_what_it_is_and_how_it_is_known() -> None:
    text = template()
    for driver in drivers().values():
        assert f"# {driver.help}\n# {driver.allowed}; {driver.label}: {driver.source}\n" in text


def test_defaults_of_a_scenario_are_the_drivers() -> None:
    scenario = load_scenario(None, TWO_MILLION)
    for name, driver in drivers().items():
        assert scenario.value(name) == driver.value


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_can_be_stated_at_its_ends_and_as_an_interval(name: str) -> None:
    driver = drivers()[name]
    low, high = driver.at_least, driver.at_most
    middle = (low + high) / 2
    cases: list[tuple[object, Interval]] = [
        (low, Interval.exactly(low)),
        (f"{high!r}", Interval.exactly(high)),
        ([low, middle, high], Interval(low, middle, high)),
        ({"low": low, "mid": low, "high": high}, Interval(low, low, high)),
        (Interval(low, high, high), Interval(low, high, high)),
    ]
    for given_as, expected in cases:
        scenario = stated(name, given_as)
        assert scenario.value(name) == expected
        others = [other for other in drivers() if other != name]
        assert all(scenario.value(other) == drivers()[other].value for other in others)


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize(("given_as", "expected"), [(True, True), (False, False), ("false", False), ("yes", True)])
def test_every_switch_can_be_stated(name: str, given_as: object, expected: bool) -> None:
    assert stated(name, given_as).value(name) is expected


def test_overrides_replace_single_fields_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text("[registry]\nfarmers = '3M'\n[campaign]\ndays = 90\nphoto_kb = [1, 2, 3]\n", encoding="utf-8")
    scenario = load_scenario(path, {"campaign.days": "60", "hosting.providers": ["gcp"], "prices.term": "3-year"})
    assert scenario.registry.farmers == 3_000_000
    assert scenario.campaign.days == Interval.exactly(60)
    assert scenario.campaign.photo_kb == Interval(1, 2, 3)
    assert (scenario.hosting.providers, scenario.prices.term) == (("gcp",), "3-year")


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_at_either_end_is_refused(name: str) -> None:
    driver = drivers()[name]
    low, mid, high = driver.at_least, bounds(driver).mid, driver.at_most
    for wrong in (low - 1, high * 2 + 1, "1e400", [low - 1, mid, high], [low, mid, high * 2 + 1]):
        error = refused({**TWO_MILLION, name: wrong})
        assert (error.name, error.allowed) == (name, driver.allowed)
        assert driver.help in error.remedy


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("wrong", ["abc", "", "nan", [3, 2, 1], [1, 2], {"low": 1, "high": 2}, [1, float("nan"), 3]])
def test_what_is_no_number_and_no_rising_interval_is_refused_as_given(name: str, wrong: object) -> None:
    error = refused({**TWO_MILLION, name: wrong})
    assert error.name == name
    assert str(wrong) in str(error)
    assert "rising order" in error.remedy


@pytest.mark.parametrize(
    "farmers", ["", "abc", "nan", "-3", "1e400", 999, 200_000_001, True, None, [1e4, 2e4, 3e4], {}, float("inf")]
)
def test_farmers_that_cannot_be_are_refused_by_value_range_and_remedy(farmers: object) -> None:
    error = refused({"registry.farmers": farmers})
    assert str(error) == (
        f"--farmers is {farmers}, but must be a count from 1,000 to 200,000,000: write 2e6, 2M or 2_000_000."
    )


def test_a_scenario_without_farmers_says_how_to_state_them() -> None:
    assert "add --farmers 2e6" in str(refused({}))


@pytest.mark.parametrize(
    ("name", "value", "named", "remedy"),
    [
        ("registry.farmer", 1, "registry.farmer", "farmers"),
        ("campaign.dais", 1, "campaign.dais", "days"),
        ("campagne.days", 1, "campagne", "campaign"),
        ("nothing.alike", 1, "nothing", "registry, campaign, users"),
        ("code.zzz", 1, "code.zzz", "dedup_index, name_index"),
        ("registry", 1, "registry", "scenario --template"),
        ("registry.", 1, "registry.", "scenario --template"),
        ("hosting.providers", ["aws", "ibm"], "ibm", "scenario --template"),
        ("recovery.strategy", "hope", "hope", "scenario --template"),
        ("prices.term", "2-year", "2-year", "scenario --template"),
        ("prices.currency", "EURO", "EURO", "scenario --template"),
        ("prices.own", {"vcpu": "much"}, "much", "scenario --template"),
        ("code.dedup_index", "maybe", "maybe", ""),
    ],
)
def test_what_a_scenario_does_not_know_is_refused_by_its_name(
    name: str, value: object, named: str, remedy: str
) -> None:
    error = refused({**TWO_MILLION, name: value})
    assert named in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("name", "value", "one"),
    [
        ("hosting.providers", ["ibm"], "private-cloud"),
        ("recovery.strategy", "hope", "warm-standby"),
        ("prices.term", "2-year", "3-year"),
    ],
)
def test_what_is_not_one_of_a_few_is_told_the_few(name: str, value: object, one: str) -> None:
    assert one in refused({**TWO_MILLION, name: value}).allowed


@pytest.mark.parametrize(
    "text",
    [
        "[registry\n",
        "farmers = \n",
        "[registry]\nfarmers = 2e6\nfarmers = 3e6\n",
        "[registry]\nfarmers = 2e6\n[[campaign]]\ndays = 3\n",
        "campaign = 3\n[registry]\nfarmers = 2e6\n",
        "registry = 'farmers'\n",
        "[registry]\nfarmers = 2e6\n[campaign]\ndays = 2026-11-23\n",
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    refused({}, path)


def test_a_file_that_cannot_be_read_is_refused_by_its_path(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.toml", tmp_path, binary):
        assert str(path) in str(refused(TWO_MILLION, path))


def test_ledger_has_a_line_for_farmers_and_each_driver_once() -> None:
    names = [line.name for line in load_scenario(None, TWO_MILLION).ledger()]
    assert names == ["registry.farmers", *drivers()]


@pytest.mark.parametrize("name", ["campaign.days", "campaign.photo_kb", "code.dedup_index"])
def test_ledger_says_which_values_are_the_users(name: str) -> None:
    ledger = {line.name: line for line in stated(name, not SWITCHES.count(name) and 42).ledger()}
    assert (ledger[name].source, ledger[name].label) == ("the user", Label.STATED)
    assert ledger[name].value == ("no" if name in SWITCHES else Interval.exactly(42))
    assert (ledger["registry.farmers"].value, ledger["registry.farmers"].label) == (2_000_000, Label.STATED)
    for other, driver in drivers().items():
        if other != name:
            assert ledger[other] == driver.assumption


@pytest.mark.parametrize("name", NUMBERS)
def test_with_bounds_puts_an_interval_at_one_end_and_leaves_the_rest(name: str) -> None:
    scenario = stated(name, [drivers()[name].at_least, bounds(drivers()[name]).mid, drivers()[name].at_most])
    for bound, value in (("low", drivers()[name].at_least), ("high", drivers()[name].at_most)):
        found = scenario.with_bounds({name: bound})  # type: ignore[dict-item]
        assert found.value(name) == Interval.exactly(value)
        assert all(found.value(other) == scenario.value(other) for other in drivers() if other != name)
    assert scenario.with_bounds({}) == scenario


def test_with_bounds_moves_several_fields_of_a_section_and_no_switch() -> None:
    scenario = load_scenario(None, TWO_MILLION)
    found = scenario.with_bounds(
        {"campaign.photo_kb": "high", "campaign.batch_farmers": "low", "users.portal_think_s": "low"}
    )
    assert found.campaign == scenario.campaign.model_copy(update={"photo_kb": Interval.exactly(1000)})
    assert found.users.portal_think_s == Interval.exactly(10)
    assert scenario.with_bounds({"code.dedup_index": "low"}) == scenario


def test_a_scenario_cannot_be_changed_by_accident() -> None:
    scenario = load_scenario(None, TWO_MILLION)
    with pytest.raises(ValueError, match="frozen"):
        scenario.registry.farmers = 5  # type: ignore[misc]


def test_a_registry_that_is_a_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text("registry = 5\n", encoding="utf-8")
    refused({}, path)


@pytest.mark.parametrize(
    ("name", "value", "misleading"),
    [
        pytest.param("prices.currency", "usd", "[a-z]", id="asks for lower case, but wants upper"),
        pytest.param("hosting.providers", 5, "input should be", id="must be input should be"),
        pytest.param("code.dedup_index", "maybe", "write a number", id="a switch is no number"),
    ],
)
def test_errors_do_not_mislead(name: str, value: object, misleading: str) -> None:
    assert misleading not in str(refused({**TWO_MILLION, name: value}))


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_own_prices_that_cannot_be_are_refused(price: float) -> None:
    refused({**TWO_MILLION, "prices.own": {"vcpu": price}})


@pytest.mark.parametrize("text", ["2,5M", "1,5", ",,,5"])
def test_a_decimal_comma_is_not_read_as_ten_times_as_much(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_count(text)


@pytest.mark.parametrize(("name", "one"), [("hosting.providers", "aws"), ("hosting.countries", "KE")])
def test_one_text_is_a_list_of_one(name: str, one: str) -> None:
    section, field = name.split(".")
    assert getattr(getattr(stated(name, one), section), field) == (one,)
