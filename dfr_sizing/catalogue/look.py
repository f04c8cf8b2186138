"""Questions that a user has of the catalogue: what it says of an item, and which sizes have so much of everything."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

from dfr_sizing.catalogue.catalogue import Catalogue
from dfr_sizing.catalogue.types import SERVICE_UNITS, InstanceType, Place, Price, Role, Term


@dataclass(frozen=True, slots=True)
class Row:
    """A price with what it is of: ``kind`` (application instance, database disk, service …) and the provider's name."""

    price: Price
    kind: str
    name: str
    age_days: int


@dataclass(frozen=True, slots=True)
class Fit:
    """A size in a place, with its price per hour."""

    place: Place
    instance: InstanceType
    price: Price


@cache
def service_names() -> dict[tuple[str, str], str]:
    """What a provider calls a service, by provider and by our name for it."""
    text = (resources.files("dfr_sizing.catalogue") / "data" / "service_names.csv").read_text(encoding="utf-8")
    return {(row["provider"], row["item"]): row["name"] for row in csv.DictReader(text.splitlines())}


def rows(
    catalogue: Catalogue,
    places: Collection[Place],
    on: date,
    *,
    item: str = "",
    role: Role | None = None,
    term: Term | None = None,
    older_than_days: int = -1,
) -> tuple[Row, ...]:
    """The prices in some places, in the catalogue's order.

    ``item`` is a part of the item's name or of the provider's own name for it, in capitals or not; an item of exactly
    that name leaves out all others. ``older_than_days`` counts from ``on``; below 0 it asks nothing.
    """
    kinds = _kinds(catalogue)
    where = {(place.provider, place.region) for place in places}
    found = []
    for price in catalogue.prices:
        kind = kinds.get((price.provider, price.item), "service")
        age = (on - price.date).days
        if (
            (price.provider, price.region) in where
            and (term is None or price.term is term)
            and (role is None or str(role) in kind)
            and age > older_than_days
        ):
            name = service_names().get((price.provider, price.item), price.item)
            found.append(Row(price, kind, name, age))
    asked = item.casefold()
    exact = [row for row in found if asked in (row.price.item.casefold(), row.name.casefold())] if asked else []
    part = [row for row in found if asked in row.price.item.casefold() or asked in row.name.casefold()]
    return tuple(exact or part)


def _kinds(catalogue: Catalogue) -> dict[tuple[str, str], str]:
    """What each item is; a size or a disk that serves as both names both."""
    roles: dict[tuple[str, str], list[str]] = {}
    for size in catalogue.instances:
        roles.setdefault((size.provider, size.name), []).append(f"{size.role} instance")
    for disk in catalogue.disks:
        roles.setdefault((disk.provider, disk.name), []).append(f"{disk.role} disk")
    return {key: " and ".join(dict.fromkeys(kinds)) for key, kinds in roles.items() if key[1] not in SERVICE_UNITS}


def fits(
    catalogue: Catalogue,
    places: Collection[Place],
    role: Role,
    vcpus: float,
    memory_gib: float,
    term: Term = Term.ON_DEMAND,
) -> tuple[Fit, ...]:
    """Sizes of a role with at least so much, cheapest first; without a price at the term, at the on-demand one."""
    found = [
        Fit(place, instance, price)
        for place in places
        for instance, price in catalogue.instances_at(place, role, term)
        if instance.vcpus >= vcpus and instance.memory_gib >= memory_gib
    ]
    return tuple(sorted(found, key=lambda one: (one.price.usd, one.place.name, one.instance.name)))
