"""The ledger of assumptions: every number that can change an answer, with its unit, source and label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dfr_sizing.interval import Interval


class Label(StrEnum):
    """How a number is known."""

    STATED = "stated"  # by a cited source, or by the user
    MEASURED = "measured"  # by a run whose raw figures are kept
    DERIVED = "derived"  # by arithmetic from stated or measured numbers
    ASSUMED = "assumed"  # a ranged guess, to be replaced by the country's own figure


@dataclass(frozen=True, slots=True)
class Assumption:
    """One line of the ledger. ``name`` is dotted: ``campaign.farmers_per_enumerator_per_day``."""

    name: str
    value: float | str | Interval
    unit: str
    source: str
    label: Label

    def as_json(self) -> dict[str, object]:
        """The line as plain JSON values; an interval as ``{low, mid, high}``, an exact one as a number."""
        value: object = self.value
        if isinstance(value, Interval):
            value = value.mid if value.is_exact else {"low": value.low, "mid": value.mid, "high": value.high}
        return {"name": self.name, "value": value, "unit": self.unit, "source": self.source, "label": str(self.label)}


def merged(*ledgers: Iterable[Assumption]) -> tuple[Assumption, ...]:
    """All lines, each name once; a later ledger overrides an earlier one, so that the user's word comes last."""
    by_name: dict[str, Assumption] = {}
    for ledger in ledgers:
        for line in ledger:
            by_name[line.name] = line
    return tuple(by_name[name] for name in sorted(by_name))
