"""The rates of recovery as lines of the ledger, each with unit, source, date and label.

``data/rates.toml`` holds what a recovery takes, ``data/failures.toml`` what fails how often.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.recovery.failures import rate_rows

PREFIX = "recovery."


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates by name, as ``wal.replay_mb_per_s``. The unit is part of each name or of its line."""

    lines: Mapping[str, Assumption]

    def interval(self, name: str) -> Interval:
        """The low, mid and high of one rate, in the unit of its line.

        Raises ``InputError`` if there is no rate of that name.
        """
        value = self._line(name).value
        if not isinstance(value, Interval):
            raise TypeError(f"{name} must hold an interval, not {value!r}")
        return value

    def exact(self, name: str) -> float:
        """A setting or share that is one number: the mid of its line."""
        return self.interval(name).mid

    def replaced(self, name: str, value: Interval, source: str, label: Label) -> Rates:
        """The same rates with one known better: by the user, or measured in a restore drill.

        Raises ``InputError`` if there is no rate of that name, or the value is not positive.
        """
        line = replace(self._line(name), value=_positive(name, value), source=source, label=label)
        return Rates(MappingProxyType({**self.lines, name: line}))

    def ledger(self) -> tuple[Assumption, ...]:
        """Every rate as a line of the ledger, its name begun with ``recovery.``."""
        return tuple(self.lines[name] for name in sorted(self.lines))

    def __hash__(self) -> int:
        return hash(frozenset(self.lines.items()))

    def __reduce__(self) -> tuple[Callable[..., Rates], tuple[dict[str, Assumption]]]:
        """A read-only mapping cannot be sent to another process: its lines can."""
        return _of_lines, (dict(self.lines),)

    def _line(self, name: str) -> Assumption:
        if name not in self.lines:
            raise InputError("rate", name, f"one of {', '.join(sorted(self.lines))}", "see recovery/data")
        return self.lines[name]


@cache
def shipped_rates() -> Rates:
    """The rates that come with the package.

    Raises ``InputError`` if a rate is not positive, ``ValueError`` if low, mid and high are out of order, a label is
    unknown, or a name occurs twice.
    """
    text = files("dfr_sizing.recovery").joinpath("data/rates.toml").read_text(encoding="utf-8")
    lines: dict[str, Assumption] = {}
    for name, row in (*((str(row["name"]), row) for row in tomllib.loads(text)["rate"]), *rate_rows()):
        if name in lines:
            raise ValueError(f"{name} occurs twice in the data of recovery")
        lines[name] = _line_of(name, row)
    return _of_lines(lines)


def _line_of(name: str, row: Mapping[str, Any]) -> Assumption:
    value = Interval(*row["value"]) if isinstance(row["value"], list) else Interval.exactly(row["value"])
    source = f"{row['source']} ({row['date']})"
    return Assumption(PREFIX + name, _positive(name, value), row["unit"], source, Label(row["label"]))


def _of_lines(lines: dict[str, Assumption]) -> Rates:
    return Rates(MappingProxyType(lines))


def ledger(rates: Rates | None = None) -> tuple[Assumption, ...]:
    """Every rate that recovery uses, as lines of the ledger."""
    return (rates or shipped_rates()).ledger()


def _positive(name: str, value: Interval) -> Interval:
    if value.low <= 0:
        raise InputError(name, value, "positive at its low end", "give a small number instead of 0")
    return value
