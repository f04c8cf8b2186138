"""How well a bill is known: by hand, against bills computed again with other prices, and in what makes it wider."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_bill_properties import deployment

from dfr_sizing.catalogue import BETWEEN_SITES, ORCHESTRATION, SUPPORT, Price, PriceLabel, Term, load_catalogue
from dfr_sizing.cost import SETUP, Bill, CostItem, Terms, Tier
from dfr_sizing.cost_interval import BillInterval, bill_interval
from dfr_sizing.drivers import rules
from dfr_sizing.interval import Interval

ERROR = {
    name.removeprefix("price_error."): line.value for name, line in rules().items() if name.startswith("price_error.")
}
TODAY = date(2026, 1, 1)
OWN = ("on-premises", "national-data-centre")


def error(name: str) -> Interval:
    value = ERROR[name]
    assert isinstance(value, Interval)
    return value


def item(usd: float, label: PriceLabel, source: str, read: date = TODAY, name: str = "database") -> CostItem:
    price = Price("aws", "here", name, "hour", Term.ON_DEMAND, 1.0, source, read, label)
    return CostItem(Tier.PRODUCTION, name, usd / 60, "by hand", price)


def known(items: Iterable[CostItem]) -> BillInterval:
    return bill_interval(Bill(tuple(items)))


@pytest.mark.parametrize("label", [label for label in PriceLabel if label is not PriceLabel.STATED])
def test_one_price_is_off_by_its_label(label: PriceLabel) -> None:
    found = known([item(1000.0, label, "a list")]).five_year_usd
    assert found.bounds == pytest.approx((1000 * error(label).low, 1000.0, 1000 * error(label).high))


def test_prices_of_one_source_err_together_and_of_two_sources_apart() -> None:
    low = error("listed").low
    listed = PriceLabel.LISTED
    together = known([item(300.0, listed, "a"), item(400.0, listed, "a")])
    apart = known([item(300.0, listed, "a"), item(400.0, listed, "b")])
    assert 700 - together.five_year_usd.low == pytest.approx(700 * (1 - low))
    assert 700 - apart.five_year_usd.low == pytest.approx(500 * (1 - low))  # 3, 4, 5
    assert (len(together.contributors), len(apart.contributors)) == (1, 2)


def test_all_estimates_err_together() -> None:
    high = error("estimated").high
    found = known([item(300.0, PriceLabel.ESTIMATED, "a"), item(400.0, PriceLabel.ESTIMATED, "b")])
    assert found.five_year_usd.high == pytest.approx(700 * high)


def test_a_price_drifts_with_its_age_counted_to_the_newest_of_the_bill() -> None:
    old = date(2022, 1, 1)
    years = (TODAY - old).days / 365.25
    found = known([item(1000.0, PriceLabel.LISTED, "a", old), item(1e-9, PriceLabel.LISTED, "b")])
    assert found.five_year_usd.high - 1000 == pytest.approx(
        1000 * (error("listed").high - 1 + years * (error("drift_a_year").high - 1))
    )
    alone = known([item(1000.0, PriceLabel.LISTED, "a", old)])
    assert alone.five_year_usd.high == pytest.approx(1000 * error("listed").high)


def test_the_widest_come_first_and_are_named_by_their_dearest_items() -> None:
    listed = [
        item(usd, PriceLabel.LISTED, "a", name=name)
        for name, usd in (("x", 10.0), ("staging: y", 30.0), ("z", 20.0), ("y", 1.0))
    ]
    found = known([*listed, item(900.0, PriceLabel.CONVERTED, "b", name="w")])
    assert [each.name for each in found.contributors] == ["w", "y, z and 1 more"]
    assert len(known(item(1.0, PriceLabel.LISTED, str(n)) for n in range(5)).largest) == 3


amounts = st.lists(
    st.tuples(st.floats(1.0, 1e6), st.sampled_from(list(PriceLabel)[1:]), st.sampled_from("abc")), min_size=1
)


@given(amounts)
def test_the_bill_lies_within_and_the_range_within_all_ends_at_once(parts: list[tuple[float, PriceLabel, str]]) -> None:
    found = known(item(*part) for part in parts).five_year_usd
    assert found.low <= found.mid <= found.high
    assert found.mid == pytest.approx(sum(usd for usd, *_ in parts))
    assert found.low >= sum(usd * error(label).low for usd, label, _ in parts) * (1 - 1e-12)
    assert found.high <= sum(usd * error(label).high for usd, label, _ in parts) * (1 + 1e-12)


def test_what_the_user_adds_as_a_share_is_added_to_both_ends() -> None:
    plain = bill_interval(deployment())
    charged = bill_interval(deployment(terms=Terms(Term.ON_DEMAND, 1.0, 0.25, 0.07, 0.15)))
    for end, net in zip(charged.five_year_usd.bounds, plain.five_year_usd.bounds, strict=True):
        assert end == pytest.approx(1.07 * 1.15 * net)
    assert charged.below == pytest.approx(plain.below)


def test_inputs_of_own_hosting_move_the_bill_as_a_bill_with_the_users_figure_does() -> None:
    """Brute force: the whole bill again, with a catalogue in which the user gave the low or the high end."""
    base = deployment(OWN)
    found = {each.name: each for each in bill_interval(base).contributors}
    ranges = {
        line.name.removeprefix("own_hosting."): line.value
        for line in load_catalogue().own_hosting_assumptions
        if isinstance(line.value, Interval)
    }
    assert found.keys() <= ranges.keys() | {SETUP}
    for key, value in ranges.items():
        ends = [deployment(OWN, catalogue=load_catalogue({key: end})) for end in (value.low, value.high)]
        changes = [end.five_year_usd - base.five_year_usd for end in ends]
        told = (found[key].less_usd, found[key].more_usd) if key in found else (0.0, 0.0)
        assert told == pytest.approx((max(0.0, -min(changes)), max(0.0, *changes)), abs=1e-6), key
    squares = math.hypot(*(each.more_usd for each in found.values()))
    assert bill_interval(base).five_year_usd.high == pytest.approx(base.five_year_usd + squares)


def test_an_input_that_the_user_gave_is_no_doubt_any_more() -> None:
    given_input = deployment(OWN, catalogue=load_catalogue({"staff_usd_per_month": 1500.0}))
    before, after = bill_interval(deployment(OWN)), bill_interval(given_input)
    assert after.five_year_usd.mid == pytest.approx(before.five_year_usd.mid)
    assert "staff_usd_per_month" in {each.name for each in before.largest}
    assert "staff_usd_per_month" not in {each.name for each in after.contributors}
    assert after.above < before.above


def test_worse_labels_make_it_wider() -> None:
    found = deployment()
    widths = []
    for label in (PriceLabel.LISTED, PriceLabel.CONVERTED, PriceLabel.ESTIMATED, PriceLabel.ASSUMED):
        items = tuple(replace(line, price=replace(line.price, label=label)) for line in found.items)
        known_as = bill_interval(Bill(items)).five_year_usd
        widths.append(known_as.high - known_as.low)
    assert widths == sorted(widths)


def test_the_width_of_an_estimate_is_what_the_rule_misses_prices_by_that_are_listed() -> None:
    """Each listed price of storage, network and logs, estimated from home by the ratio of a machine's prices.

    Not of what is never estimated so: clusters and support cost the same everywhere, and copies between sites are
    assumed where they are not listed.
    """
    homes = {"aws": ("us-east-1", "m6i.xlarge"), "azure": ("westus", "Standard_D4s_v3")}
    homes["gcp"] = ("us-central1", "n2-standard-4")
    listed = {
        (price.provider, price.region, price.item, price.unit): price.usd
        for price in load_catalogue().prices
        if price.term is Term.ON_DEMAND and price.label in {PriceLabel.LISTED, PriceLabel.CONVERTED}
    }
    missed = []
    for (provider, region, name, unit), usd in listed.items():
        other = name in {ORCHESTRATION, SUPPORT, BETWEEN_SITES}
        if other or unit == "hour" or provider not in homes or region == homes[provider][0]:
            continue
        home, machine = homes[provider]
        there, here, at_home = (
            listed.get((provider, *key))
            for key in ((region, machine, "hour"), (home, machine, "hour"), (home, name, unit))
        )
        if there and here and at_home:
            missed.append(usd / (at_home * there / here))
    assert len(missed) >= 100
    within = sum(error("estimated").low <= ratio <= error("estimated").high for ratio in missed) / len(missed)
    assert 0.85 <= within <= 0.97
