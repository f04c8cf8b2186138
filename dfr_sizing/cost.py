"""Topology and recovery to cost items: what is paid in an average month, in each year and in five years, by tier.

Storage, backups and what is sent grow through the five years; machines are those of year 5 from the first day. Every
item carries its basis in words, so that a bill can be checked by hand. US dollars; a currency is applied by the reader
of the bill. Overheads and taxes are what the user states (Terms), and items of their own.

What a bill consists of, and how its parts add up, is in ``cost_items``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Protocol

from dfr_sizing.catalogue import (
    BACKUP_STORAGE,
    EGRESS,
    LOAD_BALANCER,
    OBJECT_STORAGE,
    Catalogue,
    DiskType,
    InstanceType,
    MissingPrice,
    Place,
    Price,
    PriceLabel,
    Role,
    Term,
    billed_gib,
    disk_limits,
)
from dfr_sizing.catalogue.own_hosting import OwnHosting, PriceEnd, own_price_ends
from dfr_sizing.cost_items import (
    BACKUPS,
    BALANCER,
    DATABASE,
    DATABASE_IOPS,
    DATABASE_STORAGE,
    DATABASE_THROUGHPUT,
    FILESTORE,
    IN_HOURS,
    MONTHS,
    NODE_DISKS,
    NODES,
    ON_STAGING,
    OVERHEADS,
    SENT,
    TAXES,
    YEARS,
    Amounts,
    Bill,
    Copies,
    CostItem,
    Terms,
    Tier,
    Volumes,
    total,
)
from dfr_sizing.drivers import rule
from dfr_sizing.recovery import StandbyShape
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.topology import Topology, Volume

__all__ = [
    "BACKUPS",
    "BALANCER",
    "DATABASE",
    "DATABASE_IOPS",
    "DATABASE_STORAGE",
    "DATABASE_THROUGHPUT",
    "FILESTORE",
    "IN_HOURS",
    "MONTHS",
    "NODES",
    "NODE_DISKS",
    "ON_STAGING",
    "OVERHEADS",
    "SENT",
    "TAXES",
    "YEARS",
    "Amounts",
    "Bill",
    "Copies",
    "CostItem",
    "Pricer",
    "SecondSite",
    "Terms",
    "Tier",
    "Volumes",
    "bill",
    "total",
]


class SecondSite(Protocol):
    """What the first site's items are at a second one that lies elsewhere (second_site.CloudSite)."""

    def application(self, instance: InstanceType, nodes: int) -> Sequence[CostItem]:
        """Hosts like these."""
        ...

    def database(self, instance: InstanceType, volume: Volume, copies: int) -> Sequence[CostItem]:
        """A database like this."""
        ...

    def rest(self) -> Sequence[CostItem]:
        """Files and backups."""
        ...

    def beside(self, here: Iterable[CostItem], there: Iterable[CostItem]) -> list[CostItem]:
        """The first site's items with those of the second."""
        ...


class Pricer:
    """Prices of one place, turned into items; ``second`` is that of a second site elsewhere, None: one like it."""

    def __init__(
        self, catalogue: Catalogue, place: Place, terms: Terms, volumes: Volumes, second: SecondSite | None = None
    ) -> None:
        self.second = second
        self.catalogue = catalogue
        self.place = place
        self.terms = terms
        self.volumes = volumes
        self.hours = rule("cost.hours_per_month")

    @cached_property
    def own_ends(self) -> Mapping[str, tuple[PriceEnd, PriceEnd]]:
        """What own hosting costs here with each of its inputs at its ends; empty in a cloud."""
        known = self.catalogue
        hosting = OwnHosting(known.own_hosting_assumptions, (), self.place.date)
        return own_price_ends(hosting, self.place, known.instances, known.disks)

    def copies(self, shape: StandbyShape) -> Copies:
        """What is copied of the first site here."""
        away = self.second is not None
        return Copies(shape, self.terms, self.place.provider not in CLOUDS, away)

    def application(self, instance: InstanceType, nodes: int, price: Price) -> list[CostItem]:
        """Application nodes with their disks."""
        disk, billed, disk_price = self.application_disk
        found = [
            self._hours(NODES, f"{nodes} x {instance.name}", nodes, price),
            CostItem(
                Tier.PRODUCTION,
                NODE_DISKS,
                nodes * billed * disk_price.usd,
                f"{nodes} x {billed:g} GiB {disk.name} x {disk_price.usd:.4g} USD/GiB-month",
                disk_price,
            ),
        ]
        return found if self.second is None else self.second.beside(found, self.second.application(instance, nodes))

    @cached_property
    def application_disk(self) -> tuple[DiskType, float, Price]:
        """The cheapest volume that holds an application node, the GiB billed of it, and its price.

        Cheapest by what is billed, not by the GiB: a tier is sold whole (Azure P30 is cheap by the GiB, and 1 TiB).
        """
        gib = rule("cost.application_disk_gib")
        offered = self.catalogue.disks_at(self.place, Role.APPLICATION)
        fits = [(disk, billed_gib(disk, gib), price) for disk, price in offered if gib <= disk.max_gib]
        if not fits:
            raise MissingPrice(self.place, f"application disk of {gib:g} GiB", "gib-month", Term.ON_DEMAND)
        return min(fits, key=lambda found: found[1] * found[2].usd)

    def database(self, instance: InstanceType, volume: Volume, copies: int, price: Price) -> list[CostItem]:
        """The database with its storage, ``copies`` of it (2 with a standby).

        IOPS and MB/s are paid for where the volume of year 5 does not come with them; MissingPrice where they are not
        sold. A volume that is still smaller in year 1 is not bought the rates that come with its later size.
        """
        disk = volume.disk
        items = [self._hours(DATABASE, f"{copies} x {instance.name}", copies, price)]
        per_gib = self.catalogue.price(self.place, disk.name, "gib-month")
        sizes = [billed_gib(disk, max(gib, volume.least_gib)) for gib in self.volumes.storage_gib]
        billed = [copies * gib for gib in sizes]
        items.append(self._yearly(DATABASE_STORAGE, billed, per_gib, f"{copies} x {disk.name}"))
        included = [disk_limits(disk, gib) for gib in sizes]
        for name, unit, bought, given in (
            (DATABASE_IOPS, "iops-month", volume.iops, [iops for iops, _ in included]),
            (DATABASE_THROUGHPUT, "mb_per_s-month", volume.mb_per_s, [mb_per_s for _, mb_per_s in included]),
        ):
            if bought > given[-1]:
                extra = [copies * max(0.0, bought - free) for free in given]
                items.append(self._yearly(name, extra, self.catalogue.price(self.place, disk.name, unit), disk.name))
        if self.second is None:
            return items
        return self.second.beside(items, self.second.database(instance, volume, copies))

    @cached_property
    def rest(self) -> tuple[CostItem, ...]:
        """What every deployment of a place pays alike: load balancer, files, backups, egress."""
        balancer = self.catalogue.price(self.place, LOAD_BALANCER, "month")
        files = self.catalogue.price(self.place, OBJECT_STORAGE, "gib-month")
        backups = self.catalogue.price(self.place, BACKUP_STORAGE, "gib-month")
        volumes = self.volumes
        kept = [gib + files_gib for gib, files_gib in zip(volumes.backup_gib, volumes.filestore_gib, strict=True)]
        found = (
            CostItem(Tier.PRODUCTION, BALANCER, balancer.usd, f"1 x {balancer.usd:.4g} USD/month", balancer),
            self._yearly(FILESTORE, volumes.filestore_gib, files, "object storage"),
            self._yearly(BACKUPS, kept, backups, "GiB of the database's kept backups and WAL, one copy of the files"),
            self._yearly(
                SENT, volumes.egress_gb_month, self.catalogue.price(self.place, EGRESS, "gb"), "sent to clients"
            ),
        )
        return found if self.second is None else tuple(self.second.beside(found, self.second.rest()))

    @cached_property
    def development(self) -> tuple[CostItem, ...]:
        """One small application node and one small database, always on."""
        count = rule("cost.development_nodes")
        found = []
        for what, role in (("application", Role.APPLICATION), ("database", Role.DATABASE)):
            instance, price = self.smallest(role)
            basis = f"{count:g} x {instance.name} x {price.usd:.4g} USD/h x {self.hours:g} h"
            cost = count * price.usd * self.hours
            found.append(CostItem(Tier.DEVELOPMENT, f"development: {what}", cost, basis, price))
        return tuple(found)

    def smallest(self, role: Role) -> tuple[InstanceType, Price]:
        """The cheapest size of a role that has 2 vCPUs and 4 GiB or more: for development."""
        fits = (pair for pair in self.catalogue.instances_at(self.place, role, Term.ON_DEMAND))
        found = next(((item, price) for item, price in fits if item.memory_gib >= 4 and item.vcpus >= 2), None)
        if found is None:
            raise MissingPrice(self.place, f"{role} instance of 2 vCPU and 4 GiB", "hour", Term.ON_DEMAND)
        return found

    def _hours(self, name: str, what: str, count: float, price: Price) -> CostItem:
        basis = f"{what} x {price.usd:.4g} USD/h x {self.hours:g} h ({price.term})"
        return CostItem(Tier.PRODUCTION, name, count * price.usd * self.hours, basis, price)

    def _yearly(self, name: str, amounts: Iterable[float], price: Price, what: str) -> CostItem:
        """An item whose amount differs from year to year: the average month of the five."""
        amounts = tuple(amounts)
        basis = (
            f"{what}: {amounts[0]:,.0f} in year 1 to {amounts[-1]:,.0f} in year 5 x {price.usd:.4g} USD/{price.unit}"
        )
        return CostItem(Tier.PRODUCTION, name, sum(amounts) / len(amounts) * price.usd, basis, price, amounts)

    def charges(self, items: Sequence[CostItem]) -> tuple[CostItem, ...]:
        """Overheads and taxes on these items, in the order of ``Terms.charges``; none where the user states none."""
        terms = self.terms
        if not (terms.overhead_share or terms.tax_share):
            return ()
        years = Bill(tuple(items)).by_year_usd
        named = ((OVERHEADS, terms.overhead_share, "the bill"), (TAXES, terms.tax_share, "the bill with its overheads"))
        found = []
        for (name, share, of), usd in zip(named, terms.charges(sum(item.five_year_usd for item in items)), strict=True):
            if share > 0:
                at = self.place
                price = Price(
                    at.provider, at.region, name, "share", Term.ON_DEMAND, share, "the user", at.date, PriceLabel.STATED
                )
                found.append(CostItem(Tier.CHARGES, name, usd, f"{share:.4g} of {of}", price, years))
        return tuple(found)


def bill(topology: Topology, pricer: Pricer, application: Price, database: Price, shape: StandbyShape) -> Bill:
    """The whole bill of a deployment: production, recovery site, staging, development, and the charges on them."""
    nodes = pricer.application(topology.application, topology.nodes, application)
    one_database = pricer.database(topology.database, topology.volume, 1, database)
    databases = pricer.database(topology.database, topology.volume, 2, database) if topology.standby else one_database
    copies = pricer.copies(shape).items([*nodes, *one_database, *pricer.rest])
    net = (*nodes, *databases, *pricer.rest, *copies, *pricer.development)
    return Bill((*net, *pricer.charges(net)), pricer.own_ends)
