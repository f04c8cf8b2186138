"""A second site elsewhere (hybrid hosting: disaster recovery at another provider): what has as much at its place."""

from __future__ import annotations

import math

from dfr_sizing.catalogue import (
    Catalogue,
    DiskType,
    InstanceType,
    MissingPrice,
    Place,
    Price,
    Term,
    billed_gib,
    disk_ceiling,
    disk_limits,
)
from dfr_sizing.catalogue.types import Role
from dfr_sizing.errors import InputError
from dfr_sizing.topology import Volume


def second_place(catalogue: Catalogue, name: str, countries: tuple[str, ...]) -> Place | None:
    """The place that a scenario names as ``provider/region``; InputError where the law does not allow it."""
    if not name:
        return None
    provider, _, region = name.partition("/")
    place = catalogue.place(provider, region)
    if countries and place.country and place.country not in {country.upper() for country in countries}:
        allowed = f"a place in {', '.join(countries)}"
        raise InputError("hosting.second_site", name, allowed, "name another or widen hosting.countries")
    return place


def as_strong(
    catalogue: Catalogue, place: Place, role: Role, like: InstanceType, term: Term
) -> tuple[InstanceType, Price]:
    """The cheapest size with as much memory and as many cores times their speed; MissingPrice where none is sold."""
    for size, price in catalogue.instances_at(place, role, term):
        enough = size.cores * size.core_speed.mid >= like.cores * like.core_speed.mid
        if enough and size.memory_gib >= like.memory_gib and not size.burstable:
            return size, price
    raise MissingPrice(place, f"{role} instance as strong as {like.name}", "hour", term)


def as_large(catalogue: Catalogue, place: Place, like: Volume) -> Volume:
    """The cheapest volume of year 5 with as many GiB and IOPS; MissingPrice where none is sold."""
    found: list[tuple[float, str, Volume]] = []
    for disk, price in catalogue.disks_at(place, Role.DATABASE):
        volume = _of_disk(catalogue, place, disk, like)
        if volume is not None:
            more = max(0, volume.iops - disk_limits(disk, volume.storage_gib)[0])
            usd = billed_gib(disk, volume.storage_gib) * price.usd
            usd += more * catalogue.price(place, disk.name, "iops-month").usd if more else 0.0
            found.append((usd, disk.name, volume))
    if not found:
        raise MissingPrice(
            place, f"database disk of {like.storage_gib} GiB, {like.iops} IOPS", "gib-month", Term.ON_DEMAND
        )
    return min(found, key=lambda one: one[:2])[2]


def _of_disk(catalogue: Catalogue, place: Place, disk: DiskType, like: Volume) -> Volume | None:
    """The smallest size of a disk that holds as much and does as many operations: as needed, striped, or by the GiB."""
    needed = like.needed_iops or like.iops
    sold_apart = catalogue.has_price(place, disk.name, "iops-month")
    by_gib = math.ceil(needed / disk.iops_per_gib) if disk.iops_per_gib > 0 else 0
    for gib in sorted({like.storage_gib, disk.striped_from_gib, by_gib}):
        size = max(gib, like.storage_gib, disk.min_gib)
        if size > disk.max_gib:
            return None
        given, mb_per_s = disk_limits(disk, size)
        most = disk_ceiling(disk, size)[0] if sold_apart else given
        if most >= needed:
            return Volume(disk, size, size, max(given, needed), mb_per_s, needed)
    return None
