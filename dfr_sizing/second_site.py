"""A second site that lies elsewhere: own hosting whose copies stand in a cloud, where the law lets data go there.

For each size of the first site the cheapest of the cloud's that has as many vCPUs and as much memory; for its disk the
cheapest volume that holds the data and gives the IOPS that are needed. The bill then takes a strategy's shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dfr_sizing.catalogue import (
    Catalogue,
    InstanceType,
    MissingPrice,
    Place,
    Price,
    Role,
    billed_gib,
    disk_ceiling,
    disk_limits,
)
from dfr_sizing.cost import DATABASE_STORAGE, CostItem, Pricer, Terms, Volumes
from dfr_sizing.errors import InputError
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.scenario import Hosting
from dfr_sizing.topology import Volume


def second_site(catalogue: Catalogue, hosting: Hosting) -> Place | None:
    """The place that the scenario names; None where it names none. Raises InputError for one that may not be."""
    if not hosting.second_site:
        return None
    provider, _, region = hosting.second_site.partition("/")
    place = catalogue.place(provider, region)
    if provider not in CLOUDS:
        remedy = "leave it empty for a second site like the first"
        raise InputError("hosting.second_site", hosting.second_site, "a place in a cloud", remedy)
    if hosting.countries and place.country not in hosting.countries:
        allowed = f"in one of hosting.countries ({', '.join(hosting.countries)})"
        raise InputError("hosting.second_site", f"{place.name} in {place.country}", allowed, "choose another place")
    return place


@dataclass(frozen=True)
class CloudSite:
    """Where copies stand. Raises MissingPrice where the place sells nothing that is as large.

    ``iops_needed`` by a size of database: own disks come with more than is needed, a cloud's are bought.
    """

    catalogue: Catalogue
    place: Place
    terms: Terms
    volumes: Volumes
    iops_needed: Callable[[InstanceType], int]

    @cached_property
    def pricer(self) -> Pricer:
        """Prices there."""
        return Pricer(self.catalogue, self.place, self.terms, self.volumes)

    def application(self, instance: InstanceType, nodes: int) -> Sequence[CostItem]:
        """Hosts as large as those of the first site, with their disks."""
        like, price = self.size_like(instance, Role.APPLICATION)
        return self.pricer.application(like, nodes, price)

    def database(self, instance: InstanceType, volume: Volume, copies: int) -> Sequence[CostItem]:
        """A database as large as that of the first site, with a disk that gives the same IOPS."""
        like, price = self.size_like(instance, Role.DATABASE)
        return self.pricer.database(like, self.volume_like(volume, self.iops_needed(instance)), copies, price)

    def rest(self) -> Sequence[CostItem]:
        """Files and backups there."""
        return self.pricer.rest

    def size_like(self, instance: InstanceType, role: Role) -> tuple[InstanceType, Price]:
        """The cheapest size with as many vCPUs and as much memory, that keeps its pace."""
        for like, price in self.catalogue.instances_at(self.place, role, self.terms.term):
            if not like.burstable and like.vcpus >= instance.vcpus and like.memory_gib >= instance.memory_gib:
                return like, price
        raise MissingPrice(self.place, f"{role} instance like {instance.name}", "hour", self.terms.term)

    def volume_like(self, volume: Volume, iops_needed: int) -> Volume:
        """The cheapest volume that holds as much and gives the IOPS that are needed of it."""
        needed = min(volume.iops, iops_needed)
        costed = []
        for number, (disk, per_gib) in enumerate(self.catalogue.disks_at(self.place, Role.DATABASE)):
            gib = max(volume.storage_gib, disk.min_gib)
            if gib > disk.max_gib:
                continue
            priced = self.catalogue.has_price(self.place, disk.name, "iops-month")
            (iops, mb_per_s), most = disk_limits(disk, gib), disk_ceiling(disk, gib)[0]
            if needed > (most if priced else iops):
                continue
            extra = max(0, needed - iops)
            usd = billed_gib(disk, gib) * per_gib.usd
            usd += extra * self.catalogue.price(self.place, disk.name, "iops-month").usd if extra else 0.0
            costed.append((usd, number, Volume(disk, gib, gib, max(iops, needed), mb_per_s)))
        if not costed:
            raise MissingPrice(self.place, f"database disk of {needed:,} IOPS", "gib-month", self.terms.term)
        return min(costed, key=lambda one: one[:2])[2]

    @staticmethod
    def beside(here: Iterable[CostItem], there: Iterable[CostItem]) -> list[CostItem]:
        """The first site's items, each with what it is at the second.

        What only the second site has (IOPS that are sold apart) is put to its database's storage, what only the first
        has is not paid for there.
        """
        first, found = list(here), {item.name: item for item in there}
        names = {item.name for item in first}
        for name in [name for name in found if name not in names]:
            more, storage = found.pop(name), found[DATABASE_STORAGE]
            found[DATABASE_STORAGE] = replace(
                storage, monthly_usd=storage.monthly_usd + more.monthly_usd, basis=f"{storage.basis}; {more.basis}"
            )
        return [
            replace(item, away=found.get(item.name, replace(item, monthly_usd=0.0, basis="not paid for there")))
            for item in first
        ]
