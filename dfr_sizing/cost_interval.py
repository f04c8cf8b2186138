"""How well a bill is known: the five-year cost as a range, from how its prices are known, and what makes it wide.

Prices only. What is uncertain in the question (farmers, users, documents) is told by the sensitivities.

A cloud's price is wrong by what its label allows (``price_error`` in data/rules.toml) and by what lists drift in a
year, times its age; age is counted to the newest price of the same bill, so that an answer does not depend on the day
it is given. Prices of one label and one source stand and fall together: their errors are added, and so is their drift
to them. All estimates of a bill do so too, for they rest on one ratio between two places. Own hosting has no such
error: its prices are computed again with each input of own_hosting.toml at its ends.

Different sources, and different inputs of own hosting, are taken as independent, for one says nothing about the other:
the half-widths below and above the bill are combined as the root of the sum of their squares (first-order propagation,
JCGM 100:2008, 5.1.2). The ranges are 5 % and 95 % points by guess, and so is the result; no shape is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from dfr_sizing.catalogue import PriceLabel
from dfr_sizing.cost import Bill, CostItem, Tier
from dfr_sizing.drivers import rules
from dfr_sizing.interval import Interval

DAYS_A_YEAR = 365.25
LARGEST = 3
"""Contributors that an answer names."""


@dataclass(frozen=True, slots=True)
class Contributor:
    """One reason why a bill may be other than told: US dollars in five years that it may take off and add.

    ``name`` tells the dearest items that it touches, or the input of own hosting; ``known_as`` the prices' label.
    """

    name: str
    known_as: str
    source: str
    less_usd: float
    more_usd: float

    @property
    def width_usd(self) -> float:
        """From one end to the other."""
        return self.less_usd + self.more_usd


@dataclass(frozen=True, slots=True)
class BillInterval:
    """Five years of a bill, US dollars, and what makes the range wide: the widest first."""

    five_year_usd: Interval
    contributors: tuple[Contributor, ...]

    @property
    def largest(self) -> tuple[Contributor, ...]:
        """Those that an answer names."""
        return self.contributors[:LARGEST]

    @property
    def below(self) -> float:
        """The low end over the middle, less one: 0 or negative."""
        return self.five_year_usd.low / self.five_year_usd.mid - 1.0 if self.five_year_usd.mid else 0.0

    @property
    def above(self) -> float:
        """The high end over the middle, less one."""
        return self.five_year_usd.high / self.five_year_usd.mid - 1.0 if self.five_year_usd.mid else 0.0


def bill_interval(bill: Bill) -> BillInterval:
    """The range of a bill's five years; what the user adds as a share (overheads, taxes) is added to both ends."""
    net = [item for item in bill.items if item.tier is not Tier.CHARGES]
    whole, paid = sum(item.five_year_usd for item in net), bill.five_year_usd
    charged = paid / whole if whole > 0 else 1.0
    found = [_charged(each, charged) for each in (*_by_source(net, _own(bill)), *_by_input(net, bill))]
    found = sorted((each for each in found if each.width_usd > 0), key=lambda each: (-each.width_usd, each.name))
    less = math.hypot(*(each.less_usd for each in found))
    more = math.hypot(*(each.more_usd for each in found))
    return BillInterval(Interval(max(0.0, paid - less), paid, paid + more), tuple(found))


def _own(bill: Bill) -> frozenset[tuple[str, str]]:
    """Items and units whose prices own hosting's inputs decide."""
    return frozenset(key for ends in bill.own_ends.values() for end in ends for key in end)


def _by_source(items: Iterable[CostItem], own: frozenset[tuple[str, str]]) -> Iterator[Contributor]:
    """The prices of each label and source, and all estimates, in step; the source told is that of the dearest item."""
    groups: dict[tuple[PriceLabel, str], list[CostItem]] = {}
    one_rule = PriceLabel.ESTIMATED
    for item in items:
        if (item.price.item, item.price.unit) not in own:
            label = item.price.label
            groups.setdefault((label, "" if label is one_rule else item.price.source), []).append(item)
    newest = max((item.price.date for group in groups.values() for item in group), default=date.min)
    for (label, _), group in groups.items():
        errors = [(item.five_year_usd, _error(item, newest)) for item in group]
        yield Contributor(
            _named(group),
            str(label),
            max(group, key=lambda item: item.monthly_usd).price.source,
            less_usd=sum(usd * -error.low for usd, error in errors),
            more_usd=sum(usd * error.high for usd, error in errors),
        )


def _error(item: CostItem, newest: date) -> Interval:
    """The share by which an item's price may be off: by its label, and by its age."""
    if item.price.label is PriceLabel.STATED:
        return Interval.exactly(0.0)
    label, drift = _rule(str(item.price.label)), _rule("drift_a_year")
    years = (newest - item.price.date).days / DAYS_A_YEAR
    return Interval(label.low - 1.0 + years * (drift.low - 1.0), 0.0, label.high - 1.0 + years * (drift.high - 1.0))


def _rule(name: str) -> Interval:
    value = rules()[f"price_error.{name}"].value
    if isinstance(value, bool):
        raise TypeError(name)
    return value


def _by_input(items: Iterable[CostItem], bill: Bill) -> Iterator[Contributor]:
    """Each input of own hosting: what the bill comes to at its ends, the other inputs at their middle."""
    kept = list(items)
    for key, ends in bill.own_ends.items():
        changes = [
            sum(
                item.five_year_usd * (end[item.price.item, item.price.unit] / item.price.usd - 1.0)
                for item in kept
                if (item.price.item, item.price.unit) in end
            )
            for end in ends
        ]
        # Some inputs make the bill less at their high end: years of depreciation, cores that share a rack.
        yield Contributor(key, "assumed", "own hosting", max(0.0, -min(changes)), max(0.0, *changes))


def _named(group: Iterable[CostItem]) -> str:
    """The two dearest kinds of item, by their name on the first site, and how many more."""
    costs: dict[str, float] = {}
    for item in group:
        name = str(item.tier) if item.tier is Tier.DEVELOPMENT else item.name.rpartition(": ")[2]
        costs[name] = costs.get(name, 0.0) + item.five_year_usd
    names = sorted(costs, key=lambda name: (-costs[name], name))
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _charged(found: Contributor, factor: float) -> Contributor:
    return Contributor(found.name, found.known_as, found.source, factor * found.less_usd, factor * found.more_usd)
