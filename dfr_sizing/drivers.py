"""Sourced numbers, read from data files: the defaults of a scenario (drivers) and the rules of sizing.

Each number has a value or an interval, a unit, a range, a source and a label, and so a line in the ledger.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label


@dataclass(frozen=True, slots=True)
class Driver:
    """One number (or interval, or switch). ``name`` is ``section.field``; a number is an exact Interval."""

    name: str
    value: bool | Interval
    unit: str
    label: Label
    source: str
    help: str
    at_least: float
    at_most: float

    @property
    def mid(self) -> float:
        """The number itself, or the middle of its interval; a switch as 0 or 1."""
        return float(self.value) if isinstance(self.value, bool) else self.value.mid

    @property
    def allowed(self) -> str:
        """The range in words."""
        if isinstance(self.value, bool):
            return "true or false"
        return f"from {self.at_least:,g} to {self.at_most:,g} {self.unit}"

    @property
    def assumption(self) -> Assumption:
        """The number's line in the ledger."""
        value = ("yes" if self.value else "no") if isinstance(self.value, bool) else self.value
        return Assumption(self.name, value, self.unit, self.source, self.label)


def drivers() -> dict[str, Driver]:
    """The numbers that a scenario may state, by name, in the order of data/drivers.toml."""
    return _read("drivers.toml")


def rules() -> dict[str, Driver]:
    """The numbers of the sizing itself, by name, in the order of data/rules.toml."""
    return _read("rules.toml")


def constants() -> dict[str, Driver]:
    """PostgreSQL's own sizes and default settings, by name, in the order of data/postgres.toml."""
    return _read("postgres.toml")


@cache
def constant(name: str) -> float:
    """A size or a default setting of PostgreSQL."""
    return constants()[name].mid


def configuration() -> dict[str, Driver]:
    """What settings are derived by, by name, in the order of data/configuration.toml."""
    return _read("configuration.toml")


@cache
def configured(name: str) -> float:
    """The mid value of a rule that settings are derived by."""
    return configuration()[name].mid


def drill_rules() -> dict[str, Driver]:
    """How a restore drill is made and judged, by name, in the order of data/drill.toml. No answer depends on them."""
    return _read("drill.toml")


@cache
def drill_rule(name: str) -> Interval:
    """One of them."""
    value = drill_rules()[name].value
    if isinstance(value, bool):
        raise TypeError(name)
    return value


@cache
def rule(name: str) -> float:
    """The mid value of a sizing rule."""
    return rules()[name].mid


@cache
def data_rows(file: str) -> dict[str, Any]:
    """A data file of the package as it stands. Not to be changed: it is read once."""
    return tomllib.loads(resources.files("dfr_sizing").joinpath("data", file).read_text(encoding="utf-8"))


@cache
def _read(file: str) -> dict[str, Driver]:
    found: dict[str, Driver] = {}
    for section, fields in data_rows(file).items():
        for field, row in fields.items():
            name, value = f"{section}.{field}", row["value"]
            if isinstance(value, list):
                value = Interval(*map(float, value))
            elif not isinstance(value, bool):
                value = Interval.exactly(float(value))
            found[name] = Driver(
                name=name,
                value=value,
                unit=row["unit"],
                label=Label(row["label"]),
                source=row["source"],
                help=row["help"],
                at_least=float(row.get("at_least", 0)),
                at_most=float(row.get("at_most", math.inf)),
            )
    return found
