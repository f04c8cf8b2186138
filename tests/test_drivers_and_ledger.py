"""Every number has a source, a label, a unit and a range; values survive the way through TOML."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing import demand
from dfr_sizing.drivers import Driver, constant, constants, drivers, rule, rules
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label, merged
from dfr_sizing.model import load_model, request_classes
from dfr_sizing.toml_text import toml_value

ALL = [*drivers().values(), *rules().values(), *constants().values()]

finite = st.floats(allow_nan=False, allow_infinity=False)
# A number is written with seven digits.
short = finite.map(lambda value: float(f"{value:.7g}"))
words = st.text(st.characters(blacklist_categories=("Cc", "Cs")) | st.sampled_from("\n\t"), max_size=20)
plain = st.booleans() | st.integers(-(2**62), 2**62) | short | words
intervals = st.tuples(short, short, short).map(lambda three: Interval(*sorted(three)))


def raw(file: str) -> dict[str, dict[str, Any]]:
    """The rows of a data file by dotted name."""
    text = resources.files("dfr_sizing").joinpath("data", file).read_text(encoding="utf-8")
    return {f"{section}.{name}": row for section, rows in tomllib.loads(text).items() for name, row in rows.items()}


def read_back(value: object) -> object:
    return tomllib.loads(f"key = {toml_value(value)}")["key"]


@pytest.mark.parametrize("driver", ALL, ids=lambda driver: driver.name)
def test_every_number_has_a_source_a_label_a_unit_and_help(driver: Driver) -> None:
    for text in (driver.source, driver.unit, driver.help):
        assert text == text.strip()
        assert text
    assert driver.label in Label
    assert driver.assumption == Assumption(
        driver.name,
        driver.value if isinstance(driver.value, Interval) else {True: "yes", False: "no"}[driver.value],
        driver.unit,
        driver.source,
        driver.label,
    )


@pytest.mark.parametrize("name", drivers())
def test_every_driver_states_a_range_that_contains_its_default(name: str) -> None:
    driver, row = drivers()[name], raw("drivers.toml")[name]
    if isinstance(driver.value, bool):
        assert driver.allowed == "true or false"
    else:
        assert {"at_least", "at_most"} <= row.keys()
        assert driver.at_least <= driver.value.low
        assert driver.value.high <= driver.at_most
        assert driver.at_least < driver.at_most
        assert driver.unit in driver.allowed


def test_what_no_source_was_found_for_is_an_interval() -> None:
    guesses = [driver for driver in ALL if driver.source.startswith("no DFR figure found")]
    assert len(guesses) >= 5
    for driver in guesses:
        assert driver.label is Label.ASSUMED
        assert isinstance(driver.value, Interval)
        assert not driver.value.is_exact, driver.name


@pytest.mark.parametrize("name", rules())
def test_every_rule_is_a_positive_number(name: str) -> None:
    value = rules()[name].value
    assert isinstance(value, Interval)
    assert value.low > 0.0
    assert rule(name) == value.mid
    if rules()[name].unit == "fraction":
        assert value.high <= 1.0


@pytest.mark.parametrize("name", constants())
def test_every_constant_of_postgresql_is_one_number(name: str) -> None:
    value = constants()[name].value
    assert isinstance(value, Interval)
    assert value.is_exact
    assert constant(name) == value.mid >= 0.0


def test_names_of_drivers_rules_and_the_other_ledgers_are_apart() -> None:
    names = [*drivers(), *rules(), *constants(), *(line.name for line in (*demand.ledger(), *load_model().ledger()))]
    assert len(names) == len(set(names))


def test_data_files_are_read_whole_and_in_their_order() -> None:
    assert list(drivers()) == list(raw("drivers.toml"))
    assert list(rules()) == list(raw("rules.toml"))
    assert list(constants()) == list(raw("postgres.toml"))


def test_ledgers_of_demand_and_model_give_source_unit_and_label_to_each_line() -> None:
    for line in (*demand.ledger(), *load_model().ledger()):
        assert line.source
        assert line.unit
        assert line.label in Label


def test_every_request_class_says_by_which_rule_it_was_composed() -> None:
    for request in request_classes().values():
        assert request.rule
        assert request.title
        assert request.label in {Label.MEASURED, Label.DERIVED}


def test_merged_ledgers_have_each_name_once_sorted_and_the_last_word_counts() -> None:
    first = [Assumption("b", 1.0, "s", "us", Label.ASSUMED), Assumption("a", 2.0, "s", "us", Label.ASSUMED)]
    last = [Assumption("b", 3.0, "s", "the user", Label.STATED)]
    assert merged(first, last) == (first[1], last[0])
    assert merged(last, first) == (first[1], first[0])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(Interval(1, 2, 3), {"low": 1, "mid": 2, "high": 3}), (Interval.exactly(4), 4), ("yes", "yes"), (0.5, 0.5)],
)
def test_ledger_lines_are_plain_json(value: float | str | Interval, shown: object) -> None:
    line = Assumption("a.b", value, "s", "us", Label.DERIVED).as_json()
    assert line == {"name": "a.b", "value": shown, "unit": "s", "source": "us", "label": "derived"}
    assert type(line["label"]) is str


@pytest.mark.parametrize("upside_down", [(2, 1, 3), (1, 3, 2), (3, 2, 1), (float("nan"),) * 3])
def test_an_interval_rises(upside_down: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="low <= mid <= high"):
        Interval(*upside_down)


def test_intervals_add_and_scale_bound_by_bound() -> None:
    assert Interval(1, 2, 4) + Interval(10, 20, 40) == Interval(11, 22, 44)
    assert Interval(1, 2, 4).scaled(3) == Interval(3, 6, 12)
    assert Interval.exactly(2).is_exact
    assert not Interval(1, 1, 2).is_exact


@settings(max_examples=300, deadline=None, derandomize=True)
@given(plain | st.lists(plain, max_size=4) | st.dictionaries(words, plain, max_size=4))
def test_values_come_back_through_toml(value: object) -> None:
    back = read_back(value)
    assert back == value
    if isinstance(value, bool):
        assert type(back) is bool


@settings(max_examples=200, deadline=None, derandomize=True)
@given(intervals)
def test_intervals_come_back_through_toml(interval: Interval) -> None:
    back = read_back(interval)
    assert back == (interval.mid if interval.is_exact else list(interval.bounds))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(finite)
def test_numbers_come_back_through_toml_to_seven_digits(value: float) -> None:
    assert read_back(value) == pytest.approx(value, rel=5e-7, abs=5e-324)


@pytest.mark.parametrize("text", ["a\rb", "bell\x07", "escape\x1b[0m", "delete\x7f", "\x00"])
def test_texts_with_control_characters_come_back_through_toml(text: str) -> None:
    assert read_back(text) == text
