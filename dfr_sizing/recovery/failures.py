"""What fails: ``data/failures.toml``, one table a kind, and which kinds a deployment is exposed to.

The tables hold each kind's rate and repair as lines of the ledger, named ``failure.zone.cloud.per_year``; without the
place where a cloud and own hosting do not differ. ``takes`` names the kinds that a common cause brings along.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from dfr_sizing.recovery.types import Failure, RecoveryInput

PLACES = ("cloud", "on-premises")
PER_YEAR, REPAIR_HOURS = "per_year", "repair_hours"
EACH_HOST = (Failure.POD, Failure.NODE)
"""Kinds that each application host suffers on its own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of failure: its name for people, and the kinds that it takes along."""

    failure: Failure
    title: str
    takes: tuple[Failure, ...]


@cache
def kinds() -> Mapping[Failure, Kind]:
    """Every kind, in the order of ``Failure``. Raises ``ValueError`` where the data lack one."""
    told = failure_tables()
    if set(told) != set(Failure):
        raise ValueError(f"failures.toml and Failure differ in {set(told) ^ set(Failure)}")
    found = {}
    for failure in Failure:
        row = told[failure]
        found[failure] = Kind(failure, row["title"], tuple(Failure(name) for name in row.get("takes", ())))
    return MappingProxyType(found)


@cache
def failure_tables() -> Mapping[str, Mapping[str, Any]]:
    """The data file as it is written."""
    return tomllib.loads(files("dfr_sizing.recovery").joinpath("data/failures.toml").read_text(encoding="utf-8"))


def rate_rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name and the row of every rate and repair in the data file."""
    for failure, table in failure_tables().items():
        for place in ("", *PLACES):
            within = table.get(place, {}) if place else table
            for quantity in (PER_YEAR, REPAIR_HOURS):
                if quantity in within:
                    yield rate_name(failure, quantity, place), within[quantity]


def rate_name(failure: str, quantity: str, place: str = "") -> str:
    """The name of one line: ``failure.disk.cloud.per_year``."""
    return ".".join(part for part in ("failure", failure, place, quantity) if part)


def name_at(failure: Failure, quantity: str, place: str) -> str:
    """The name of the line that holds in a cloud or on premises."""
    table = failure_tables()[failure]
    return rate_name(failure, quantity, place if quantity in table.get(place, {}) else "")


def has_repair(failure: Failure, place: str) -> bool:
    """Whether the data state how long the repair takes; else people's way back is all there is."""
    table = failure_tables()[failure]
    return REPAIR_HOURS in table or REPAIR_HOURS in table.get(place, {})


def exposed_to(inputs: RecoveryInput) -> tuple[Failure, ...]:
    """The kinds that can strike a deployment.

    A cloud's power is part of its zones' and regions' rates; the cable counts where the host lies behind one.
    """
    absent = {Failure.POWER: inputs.in_cloud, Failure.CABLE: not inputs.overseas}
    return tuple(failure for failure in Failure if not absent.get(failure, False))


@cache
def taken_along(failure: Failure) -> frozenset[Failure]:
    """What a common cause brings down, and what that brings down in turn."""
    direct = kinds()[failure].takes
    return frozenset(direct).union(*(taken_along(other) for other in direct))
