"""What a source says against what a catalogue holds: changed, new, not found; and what is not to be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dfr_sizing.catalogue.types import Price, Term

MOST_TIMES = 4.0
"""A price that is more than so many times the old one, or less than its part, is an error until somebody says not."""

Key = tuple[str, str, str, Term]


@dataclass(frozen=True, slots=True)
class Changes:
    """Pairs of old and new prices that differ; confirmed ones that do not; new ones; old ones that were not found.

    ``not_asked`` are those of other regions.
    """

    changed: tuple[tuple[Price, Price], ...]
    confirmed: tuple[Price, ...]
    new: tuple[Price, ...]
    not_found: tuple[Price, ...]
    not_asked: tuple[Price, ...]

    @property
    def jumps(self) -> tuple[tuple[Price, Price], ...]:
        """Changes that are too large to be believed unasked."""
        return tuple((old, now) for old, now in self.changed if not 1.0 / MOST_TIMES <= now.usd / old.usd <= MOST_TIMES)

    @property
    def prices(self) -> tuple[Price, ...]:
        """All prices of the provider as they are afterwards: what was not found keeps its price, and its age."""
        return (*(now for _, now in self.changed), *self.confirmed, *self.new, *self.not_found, *self.not_asked)


def changes(before: Iterable[Price], told: Iterable[Price], regions: Iterable[str]) -> Changes:
    """Compare the prices of one provider with what its source says of some regions."""
    asked, held = set(regions), {_key(price): price for price in before}
    now = {_key(price): price for price in told}
    both = [(held[key], price) for key, price in now.items() if key in held]
    changed = tuple((old, price) for old, price in both if _rounded(old.usd) != _rounded(price.usd))
    confirmed = tuple(price for old, price in both if _rounded(old.usd) == _rounded(price.usd))
    new = tuple(price for key, price in now.items() if key not in held)
    left = [price for key, price in held.items() if key not in now]
    not_found = tuple(price for price in left if price.region in asked)
    return Changes(changed, confirmed, new, not_found, tuple(price for price in left if price.region not in asked))


def _key(price: Price) -> Key:
    return price.region, price.item, price.unit, price.term


def _rounded(usd: float) -> float:
    """As it is written: six digits."""
    return float(f"{usd:.6g}")
