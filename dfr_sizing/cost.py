"""Topology and recovery to cost items: what is paid in an average month and in five years, by tier.

Storage grows through the five years; machines are those of year 5 from the first day. Every item carries its basis in
words, so that a bill can be checked by hand. US dollars; a currency is applied by the reader of the bill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dfr_sizing.catalogue import (
    BACKUP_STORAGE,
    EGRESS,
    LOAD_BALANCER,
    OBJECT_STORAGE,
    Catalogue,
    InstanceType,
    Place,
    Price,
    Role,
    Term,
    billed_gib,
    disk_limits,
)
from dfr_sizing.drivers import rule
from dfr_sizing.recovery import StandbyShape
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.topology import Topology, Volume

YEARS = 5
MONTHS = 12 * YEARS


class Tier(StrEnum):
    """What an item is paid for."""

    PRODUCTION = "production"
    RECOVERY = "recovery"
    STAGING = "staging"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line of the bill. ``monthly_usd`` is the average month over five years."""

    tier: Tier
    name: str
    monthly_usd: float
    basis: str
    price: Price

    @property
    def five_year_usd(self) -> float:
        """Sixty average months."""
        return MONTHS * self.monthly_usd


@dataclass(frozen=True, slots=True)
class Bill:
    """All items of a deployment."""

    items: tuple[CostItem, ...]

    @property
    def monthly_usd(self) -> float:
        """The average month over five years."""
        return sum(item.monthly_usd for item in self.items)

    @property
    def five_year_usd(self) -> float:
        """All five years."""
        return sum(item.five_year_usd for item in self.items)

    def of_tier(self, tier: Tier) -> float:
        """The average month of one tier."""
        return sum(item.monthly_usd for item in self.items if item.tier is tier)

    def stale(self, on: date, days: int = 180) -> tuple[Price, ...]:
        """Prices in the bill that are older than so many days."""
        return tuple({item.price: None for item in self.items if (on - item.price.date).days > days})


@dataclass(frozen=True, slots=True)
class Volumes:
    """What is stored and sent, in the years 1 to 5: GiB at the end of each year, and GB sent a month."""

    database_gib: tuple[float, ...]
    storage_gib: tuple[int, ...]
    filestore_gib: tuple[float, ...]
    egress_gb_month: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """How things are paid for: commitment, and the shares of staging."""

    term: Term
    staging_share: float
    staging_hours_share: float


class Pricer:
    """Prices of one place, turned into items."""

    def __init__(self, catalogue: Catalogue, place: Place, terms: Terms, volumes: Volumes) -> None:
        self.catalogue = catalogue
        self.place = place
        self.terms = terms
        self.volumes = volumes
        self.hours = rule("cost.hours_per_month")

    def application(self, instance: InstanceType, nodes: int, price: Price) -> list[CostItem]:
        """Application nodes with their disks."""
        gib = rule("cost.application_disk_gib")
        disk, disk_price = self.catalogue.disks_at(self.place, Role.APPLICATION)[0]
        billed = billed_gib(disk, gib)
        return [
            self._hours("application nodes", f"{nodes} x {instance.name}", nodes, price),
            CostItem(
                Tier.PRODUCTION,
                "application disks",
                nodes * billed * disk_price.usd,
                f"{nodes} x {billed:g} GiB {disk.name} x {disk_price.usd:.4g} USD/GiB-month",
                disk_price,
            ),
        ]

    def database(self, instance: InstanceType, volume: Volume, copies: int, price: Price) -> list[CostItem]:
        """The database with its storage, ``copies`` of it (2 with a standby)."""
        disk = volume.disk
        items = [self._hours("database", f"{copies} x {instance.name}", copies, price)]
        per_gib = self.catalogue.price(self.place, disk.name, "gib-month")
        sizes = [billed_gib(disk, max(gib, volume.least_gib)) for gib in self.volumes.storage_gib]
        billed = [copies * gib for gib in sizes]
        items.append(self._yearly("database storage", billed, per_gib, f"{copies} x {disk.name}"))
        for unit, bought, included in (("iops-month", volume.iops, 0), ("mb_per_s-month", volume.mb_per_s, 1)):
            extra = [copies * max(0.0, bought - disk_limits(disk, gib)[included]) for gib in sizes]
            if max(extra) > 0 and self.catalogue.has_price(self.place, disk.name, unit):
                name = "database IOPS" if included == 0 else "database throughput"
                items.append(self._yearly(name, extra, self.catalogue.price(self.place, disk.name, unit), disk.name))
        return items

    def rest(self) -> list[CostItem]:
        """What every deployment of a place pays alike: load balancer, files, backups, egress."""
        balancer = self.catalogue.price(self.place, LOAD_BALANCER, "month")
        files = self.catalogue.price(self.place, OBJECT_STORAGE, "gib-month")
        backups = self.catalogue.price(self.place, BACKUP_STORAGE, "gib-month")
        copies = rule("cost.backup_copies")
        volumes = self.volumes
        kept = [
            copies * gib + files_gib for gib, files_gib in zip(volumes.database_gib, volumes.filestore_gib, strict=True)
        ]
        return [
            CostItem(Tier.PRODUCTION, "load balancer", balancer.usd, f"1 x {balancer.usd:.4g} USD/month", balancer),
            self._yearly("filestore", volumes.filestore_gib, files, "object storage"),
            self._yearly("backups", kept, backups, f"{copies:g} copies of the database, one of the files"),
            self._yearly(
                "egress", volumes.egress_gb_month, self.catalogue.price(self.place, EGRESS, "gb"), "sent to clients"
            ),
        ]

    def smallest(self, role: Role) -> tuple[InstanceType, Price]:
        """The cheapest size of a role that has 2 vCPUs and 4 GiB or more: for development."""
        fits = (pair for pair in self.catalogue.instances_at(self.place, role, Term.ON_DEMAND))
        return next((item, price) for item, price in fits if item.memory_gib >= 4 and item.vcpus >= 2)

    def _hours(self, name: str, what: str, count: float, price: Price, tier: Tier = Tier.PRODUCTION) -> CostItem:
        basis = f"{what} x {price.usd:.4g} USD/h x {self.hours:g} h ({price.term})"
        return CostItem(tier, name, count * price.usd * self.hours, basis, price)

    def _yearly(self, name: str, amounts: Iterable[float], price: Price, what: str) -> CostItem:
        """An item whose amount differs from year to year: the average month of the five."""
        amounts = list(amounts)
        basis = (
            f"{what}: {amounts[0]:,.0f} in year 1 to {amounts[-1]:,.0f} in year 5 x {price.usd:.4g} USD/{price.unit}"
        )
        return CostItem(Tier.PRODUCTION, name, sum(amounts) / len(amounts) * price.usd, basis, price)


def retier(items: Iterable[CostItem], tier: Tier, share: float, why: str) -> list[CostItem]:
    """The same items for another tier, at a share of their cost."""
    return [
        CostItem(
            tier, f"{tier}: {item.name}", share * item.monthly_usd, f"{share:.0%} of: {item.basis} ({why})", item.price
        )
        for item in items
        if share * item.monthly_usd > 0
    ]


def bill(topology: Topology, pricer: Pricer, application: Price, database: Price, shape: StandbyShape) -> Bill:
    """The whole bill of a deployment: production, recovery site, staging, development."""
    own = topology.place.provider not in CLOUDS
    nodes = pricer.application(topology.application, topology.nodes, application)
    one_database = pricer.database(topology.database, topology.volume, 1, database)
    databases = pricer.database(topology.database, topology.volume, 2, database) if topology.standby else one_database
    rest = pricer.rest()
    items = [*nodes, *databases, *rest]
    items += _recovery_site(nodes, one_database, rest, shape, own)
    hours = 1.0 if own else pricer.terms.staging_hours_share
    share = pricer.terms.staging_share
    for item in [*nodes, *one_database]:
        in_hours = item.price.unit == "hour" and hours < 1.0
        why = "switched on in working hours" if in_hours else "kept all the time"
        items += retier([item], Tier.STAGING, share * (hours if in_hours else 1.0), why)
    return Bill((*items, *_development(pricer)))


def _recovery_site(
    nodes: list[CostItem], database: list[CostItem], rest: list[CostItem], shape: StandbyShape, own: bool
) -> list[CostItem]:
    """The second site: shares of the first one's items, at the first site's prices."""
    application_share = shape.dr_application_share
    if own and shape.dr_storage:
        application_share = max(application_share, rule("cost.own_pilot_application_share"))
    by_name: Callable[[str], list[CostItem]] = lambda name: [item for item in rest if item.name == name]  # noqa: E731
    items = retier(nodes, Tier.RECOVERY, application_share, "second site")
    items += retier(database[:1], Tier.RECOVERY, shape.dr_database_share, "second site")
    items += retier(database[1:], Tier.RECOVERY, 1.0 if shape.dr_storage else 0.0, "second site")
    items += retier(by_name("filestore"), Tier.RECOVERY, 1.0 if shape.dr_storage else 0.0, "second site")
    items += retier(by_name("backups"), Tier.RECOVERY, 1.0 if shape.offsite_backup else 0.0, "off site")
    return items


def _development(pricer: Pricer) -> list[CostItem]:
    """One small application node and one small database, always on."""
    count = rule("cost.development_nodes")
    application, application_price = pricer.smallest(Role.APPLICATION)
    database, database_price = pricer.smallest(Role.DATABASE)
    return [
        CostItem(
            Tier.DEVELOPMENT,
            f"development: {what}",
            count * price.usd * pricer.hours,
            f"{count:g} x {instance.name} x {price.usd:.4g} USD/h x {pricer.hours:g} h",
            price,
        )
        for what, instance, price in (
            ("application", application, application_price),
            ("database", database, database_price),
        )
    ]
