"""What is to be seeded, and which ids it gets: arithmetic only.

How many plots or forms the first n farmers have is n times the mean, rounded down. So every batch knows the ids of its
rows without having seen the others, and 2.5 plots a farmer are 2 and 3 in turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from dfr_sizing.drivers import drivers
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval

MOST_FARMERS = 10_000_000
MOST_ID = 2**31 - 1
"""Odoo's ids are integers of four bytes."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much there is of everything, on average for a farmer. ``members`` are those of a household; 0: none."""

    members: float
    plots: float
    forms: float
    fields: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and 0 <= value <= 1000):
                raise InputError(f"{name} of seed-staging", value, "a number from 0 to 1,000", "give another")


def default_amounts() -> Amounts:
    """Those of the scenario's drivers."""
    return Amounts(
        members=_driver("registry.members_per_household"),
        plots=_driver("registry.plots_per_farmer"),
        forms=_driver("registry.forms_per_farmer_5y"),
        fields=round(_driver("registry.fields_per_form")),
    )


def _driver(name: str) -> float:
    value = drivers()[name].value
    if not isinstance(value, Interval):
        raise TypeError(name)
    return value.mid


def upto(farmers: int, mean: float) -> int:
    """How many things the first farmers have together."""
    return math.floor(farmers * mean + 1e-9)


def rows_upto(kind: str, farmers: int, amounts: Amounts) -> dict[str, int]:
    """Rows of each table for the first farmers."""
    if kind == "odoo":
        return {"res_partner": farmers}
    forms = upto(farmers, amounts.forms)
    return {
        "dfr_farmer": farmers,
        "dfr_household": farmers if amounts.members else 0,
        "dfr_household_member": upto(farmers, amounts.members),
        "dfr_farm": farmers if amounts.plots else 0,
        "dfr_plot": upto(farmers, amounts.plots),
        "dfr_form_submission": forms,
        "dfr_form_response": forms * amounts.fields,
    }


@dataclass(frozen=True, slots=True)
class Part:
    """Farmers from ``first`` to before ``last``, in the order of the seed; ``bases`` are the ids before theirs."""

    kind: str
    amounts: Amounts
    first: int
    last: int
    bases: Mapping[str, int]

    @property
    def rows(self) -> dict[str, int]:
        """Rows that it adds to each table; only tables that get some."""
        before = rows_upto(self.kind, self.first, self.amounts)
        after = rows_upto(self.kind, self.last, self.amounts)
        return {table: after[table] - before[table] for table in after if after[table] > before[table]}

    def id(self, table: str, number: int) -> int:
        """The id of a table's number-th row, counted from the first farmer of all."""
        return self.bases[table] + 1 + number - rows_upto(self.kind, self.first, self.amounts)[table]
