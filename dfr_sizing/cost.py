"""Topology and recovery to cost items: what is paid in an average month, in each year and in five years, by tier.

Storage, backups and what is sent grow through the five years; machines are those of year 5 from the first day. Every
item carries its basis in words, so that a bill can be checked by hand. US dollars; a currency is applied by the reader
of the bill. Overheads and taxes are what the user states (Terms), and items of their own.

A bill has three parts: the application nodes, the database, and what is paid in any case. So the search takes the
``Amounts`` of each option of a part once, adds them up by ``total``, and has a ``bill`` written only for what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import chain

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
from dfr_sizing.drivers import rule
from dfr_sizing.recovery import StandbyShape
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.topology import Topology, Volume

YEARS = 5
MONTHS = 12 * YEARS

NODES, NODE_DISKS = "application nodes", "application disks"
DATABASE, DATABASE_STORAGE, DATABASE_IOPS, DATABASE_THROUGHPUT = (
    "database",
    "database storage",
    "database IOPS",
    "database throughput",
)
OVERHEADS, TAXES = "overheads", "taxes"
BALANCER, FILESTORE, BACKUPS, SENT = "load balancer", "filestore", "backups", "egress"
"""Items of production; the other tiers copy some of them, by name."""

IN_HOURS = frozenset({NODES, DATABASE})
"""What staging switches off outside working hours, where that saves anything."""
ON_STAGING = IN_HOURS | {NODE_DISKS, DATABASE_STORAGE, DATABASE_IOPS, DATABASE_THROUGHPUT}


class Tier(StrEnum):
    """What an item is paid for."""

    PRODUCTION = "production"
    RECOVERY = "recovery"
    STAGING = "staging"
    DEVELOPMENT = "development"
    CHARGES = "charges"


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line of the bill. ``monthly_usd`` is the average month over five years.

    ``course`` is what is bought in the years 1 to 5, in any unit: the years' costs are to each other as it is.
    """

    tier: Tier
    name: str
    monthly_usd: float
    basis: str
    price: Price
    course: tuple[float, ...] = (1.0,) * YEARS

    @property
    def five_year_usd(self) -> float:
        """Sixty average months."""
        return MONTHS * self.monthly_usd

    @property
    def by_year_usd(self) -> tuple[float, ...]:
        """US dollars in each of the years 1 to 5; they add up to ``five_year_usd``."""
        whole = sum(self.course)
        return tuple(self.five_year_usd * (part / whole if whole > 0 else 1.0 / YEARS) for part in self.course)


@dataclass(frozen=True, slots=True)
class Bill:
    """All items of a deployment.

    ``own_ends`` are the prices of own hosting with each of its inputs at its ends (``own_price_ends``).
    """

    items: tuple[CostItem, ...]
    own_ends: Mapping[str, tuple[PriceEnd, PriceEnd]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def monthly_usd(self) -> float:
        """The average month over five years."""
        return sum(item.monthly_usd for item in self.items)

    @property
    def five_year_usd(self) -> float:
        """All five years."""
        return sum(item.five_year_usd for item in self.items)

    @property
    def by_year_usd(self) -> tuple[float, ...]:
        """US dollars in each of the years 1 to 5; they add up to ``five_year_usd``."""
        return self._by_year(self.items)

    def tier_by_year_usd(self, tier: Tier) -> tuple[float, ...]:
        """The same of one tier."""
        return self._by_year(item for item in self.items if item.tier is tier)

    @staticmethod
    def _by_year(items: Iterable[CostItem]) -> tuple[float, ...]:
        years = [item.by_year_usd for item in items]
        return tuple(sum(year[number] for year in years) for number in range(YEARS))

    def of_tier(self, tier: Tier) -> float:
        """The average month of one tier."""
        return sum(item.monthly_usd for item in self.items if item.tier is tier)

    def stale(self, on: date, days: int = 180) -> tuple[Price, ...]:
        """Prices in the bill that are older than so many days; what the user states has no age."""
        found = (item.price for item in self.items if item.price.label is not PriceLabel.STATED)
        return tuple({price: None for price in found if (on - price.date).days > days})


@dataclass(frozen=True, slots=True)
class Volumes:
    """What is stored and sent, in the years 1 to 5: GiB at the end of each year, and GB sent a month.

    ``backup_gib`` is what retention keeps of the database, with WAL: the average of each year.
    """

    database_gib: tuple[float, ...]
    storage_gib: tuple[int, ...]
    filestore_gib: tuple[float, ...]
    backup_gib: tuple[float, ...]
    egress_gb_month: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """How things are paid for: commitment, the shares of staging, and what the user adds to all of it.

    Overheads are a share of the bill, taxes a share of the bill with its overheads.
    """

    term: Term
    staging_share: float
    staging_hours_share: float
    overhead_share: float = 0.0
    tax_share: float = 0.0

    def charges(self, net_five_year_usd: float) -> tuple[float, float]:
        """Overheads and taxes on five years, as US dollars of the average month."""
        net = net_five_year_usd / MONTHS
        overheads = self.overhead_share * net
        return overheads, self.tax_share * (net + overheads)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Five-year US dollars of a part of a bill, item by item, for each tier; development is in no part."""

    production: tuple[float, ...]
    recovery: tuple[float, ...]
    staging: tuple[float, ...]


def total(parts: Sequence[Amounts], development: Iterable[float], terms: Terms) -> float:
    """What the bill of these parts adds up to, with overheads and taxes.

    Added in the order of the bill's items, so that both agree to the last bit: options of one price, which are common,
    keep their order however they are costed.
    """
    production = chain.from_iterable(part.production for part in parts)
    recovery = chain.from_iterable(part.recovery for part in parts)
    staging = chain.from_iterable(part.staging for part in parts)
    net = sum(chain(production, recovery, staging, development))
    for charge in terms.charges(net):
        net += MONTHS * charge
    return net


@dataclass(frozen=True)
class Copies:
    """What the recovery site and staging copy of the first site: a share of its cost for each item, by name."""

    shape: StandbyShape
    terms: Terms
    own: bool

    @cached_property
    def recovery(self) -> Mapping[str, float]:
        """The second site: shares of the first one's items, at the first site's prices."""
        shape = self.shape
        storage = 1.0 if shape.dr_storage else 0.0
        nodes = shape.dr_application_share
        if self.own and shape.dr_storage:
            nodes = max(nodes, rule("cost.own_pilot_application_share"))
        return {
            NODES: nodes,
            NODE_DISKS: nodes,
            DATABASE: shape.dr_database_share,
            DATABASE_STORAGE: storage,
            DATABASE_IOPS: storage,
            DATABASE_THROUGHPUT: storage,
            FILESTORE: storage,
            BACKUPS: 1.0 if shape.offsite_backup else 0.0,
        }

    @cached_property
    def staging(self) -> Mapping[str, float]:
        """A site to test on; own machines cost the same switched off."""
        in_hours = self.terms.staging_hours_share if self.in_hours else 1.0
        return {name: self.terms.staging_share * (in_hours if name in IN_HOURS else 1.0) for name in ON_STAGING}

    @property
    def in_hours(self) -> bool:
        """Whether staging is cheaper for being switched off."""
        return not self.own and self.terms.staging_hours_share < 1.0

    def amounts(self, items: Iterable[CostItem], production: int = 1) -> Amounts:
        """Five years of a part's items, of which the first site has ``production`` copies."""
        recovery, staging = self.recovery, self.staging
        costs = [(item.name, item.monthly_usd) for item in items]
        return Amounts(
            tuple(MONTHS * (production * usd) for _, usd in costs),
            tuple(MONTHS * (recovery.get(name, 0.0) * usd) for name, usd in costs),
            tuple(MONTHS * (staging.get(name, 0.0) * usd) for name, usd in costs),
        )

    def items(self, first_site: Iterable[CostItem]) -> list[CostItem]:
        """The copies as lines of the bill."""
        kept = list(first_site)
        off_site = {BACKUPS: "off site"}
        found = [
            _copied(item, Tier.RECOVERY, self.recovery.get(item.name, 0.0), off_site.get(item.name, "second site"))
            for item in kept
        ]
        for item in kept:
            why = "switched on in working hours" if self.in_hours and item.name in IN_HOURS else "kept all the time"
            found.append(_copied(item, Tier.STAGING, self.staging.get(item.name, 0.0), why))
        return [item for item in found if item.monthly_usd > 0]


def _copied(item: CostItem, tier: Tier, share: float, why: str) -> CostItem:
    """The same item for another tier, at a share of its cost."""
    basis = f"{share:.0%} of: {item.basis} ({why})"
    return CostItem(tier, f"{tier}: {item.name}", share * item.monthly_usd, basis, item.price, item.course)


class Pricer:
    """Prices of one place, turned into items."""

    def __init__(self, catalogue: Catalogue, place: Place, terms: Terms, volumes: Volumes) -> None:
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
        return Copies(shape, self.terms, self.place.provider not in CLOUDS)

    def application(self, instance: InstanceType, nodes: int, price: Price) -> list[CostItem]:
        """Application nodes with their disks."""
        disk, billed, disk_price = self.application_disk
        return [
            self._hours(NODES, f"{nodes} x {instance.name}", nodes, price),
            CostItem(
                Tier.PRODUCTION,
                NODE_DISKS,
                nodes * billed * disk_price.usd,
                f"{nodes} x {billed:g} GiB {disk.name} x {disk_price.usd:.4g} USD/GiB-month",
                disk_price,
            ),
        ]

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
        return items

    @cached_property
    def rest(self) -> tuple[CostItem, ...]:
        """What every deployment of a place pays alike: load balancer, files, backups, egress."""
        balancer = self.catalogue.price(self.place, LOAD_BALANCER, "month")
        files = self.catalogue.price(self.place, OBJECT_STORAGE, "gib-month")
        backups = self.catalogue.price(self.place, BACKUP_STORAGE, "gib-month")
        volumes = self.volumes
        kept = [gib + files_gib for gib, files_gib in zip(volumes.backup_gib, volumes.filestore_gib, strict=True)]
        return (
            CostItem(Tier.PRODUCTION, BALANCER, balancer.usd, f"1 x {balancer.usd:.4g} USD/month", balancer),
            self._yearly(FILESTORE, volumes.filestore_gib, files, "object storage"),
            self._yearly(BACKUPS, kept, backups, "GiB of the database's kept backups and WAL, one copy of the files"),
            self._yearly(
                SENT, volumes.egress_gb_month, self.catalogue.price(self.place, EGRESS, "gb"), "sent to clients"
            ),
        )

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
