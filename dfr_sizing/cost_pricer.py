"""Topology and recovery to the lines of a bill, at the prices of one place.

A bill has three parts: the application nodes, the database, and what is paid in any case. The search takes the
``Amounts`` of each option of a part once, adds them up by ``cost.total``, and has a ``bill`` written only for what it
shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from dfr_sizing.catalogue import (
    BACKUP_STORAGE,
    BALANCER_TRAFFIC,
    BETWEEN_SITES,
    EGRESS,
    LOAD_BALANCER,
    LOGS,
    NAT,
    NAT_TRAFFIC,
    OBJECT_STORAGE,
    ORCHESTRATION,
    SERVICE_UNITS,
    SHARED_FILES,
    SNAPSHOTS,
    SUPPORT,
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
from dfr_sizing.cost import (
    BACKUPS,
    BALANCER,
    CLUSTER,
    DATABASE,
    DATABASE_IOPS,
    DATABASE_STORAGE,
    DATABASE_THROUGHPUT,
    FILESTORE,
    GATEWAY,
    MONTHS,
    NODE_DISKS,
    NODES,
    OVERHEADS,
    SENT,
    SETUP,
    SHARED,
    SUPPORT_PLAN,
    TAXES,
    YEARS,
    Bill,
    Charges,
    CostItem,
    Terms,
    Tier,
    Volumes,
)
from dfr_sizing.cost_copies import Copies
from dfr_sizing.cost_second_site import as_large, as_strong
from dfr_sizing.drivers import rule, rules
from dfr_sizing.recovery import StandbyShape
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.topology import Topology, Volume


class Pricer:
    """Prices of one place, turned into items."""

    def __init__(
        self, catalogue: Catalogue, place: Place, terms: Terms, volumes: Volumes, second: Place | None = None
    ) -> None:
        self.catalogue = catalogue
        self.place = place
        self.terms = terms
        self.volumes = volumes
        self.hours = rule("cost.hours_per_month")
        self.second = None if second is None or second == place else Pricer(catalogue, second, terms, volumes)

    @cached_property
    def own_ends(self) -> Mapping[str, tuple[PriceEnd, PriceEnd]]:
        """What own hosting costs here with each of its inputs at its ends; empty in a cloud."""
        known = self.catalogue
        hosting = OwnHosting(known.own_hosting_assumptions, (), self.place.date)
        return own_price_ends(hosting, self.place, known.instances, known.disks)

    def copies(self, shape: StandbyShape) -> Copies:
        """What is copied of the first site here."""
        second = self.second.place if self.second else self.place
        return Copies(shape, self.terms, self.place.provider not in CLOUDS, second.provider not in CLOUDS)

    def application_elsewhere(self, instance: InstanceType, nodes: int) -> list[CostItem] | None:
        """Application nodes as strong at the second site, where that is another place."""
        if self.second is None:
            return None
        at = self.second
        size, price = as_strong(at.catalogue, at.place, Role.APPLICATION, instance, self.terms.term)
        return at.application(size, nodes, price)

    def database_elsewhere(self, instance: InstanceType, volume: Volume) -> list[CostItem] | None:
        """The same of one database."""
        if self.second is None:
            return None
        at = self.second
        size, price = as_strong(at.catalogue, at.place, Role.DATABASE, instance, self.terms.term)
        return at.database(size, as_large(at.catalogue, at.place, volume), 1, price)

    @property
    def rest_elsewhere(self) -> tuple[CostItem, ...] | None:
        """The same of what is paid in any case."""
        return self.second.rest if self.second else None

    def application(self, instance: InstanceType, nodes: int, price: Price) -> list[CostItem]:
        """Application nodes with their disks."""
        disk, billed, disk_price = self.application_disk
        several = [self.shared_files] if nodes > 1 else []
        return [
            self._hours(NODES, instance, nodes, price),
            CostItem(
                Tier.PRODUCTION,
                NODE_DISKS,
                nodes * billed * disk_price.usd,
                f"{nodes} x {billed:g} GiB {disk.name} x {disk_price.usd:.4g} USD/GiB-month",
                disk_price,
            ),
            *several,
        ]

    @cached_property
    def shared_files(self) -> CostItem:
        """What several application nodes mount: sessions, and what of Odoo's data folder is in no object storage."""
        gib, price = rule("cost.shared_files_gib"), self.catalogue.price(self.place, SHARED_FILES, "gib-month")
        basis = f"{gib:g} GiB for sessions and files under way x {price.usd:.4g} USD/GiB-month"
        return CostItem(Tier.PRODUCTION, SHARED, gib * price.usd, basis, price)

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
        items = [self._hours(DATABASE, instance, copies, price)]
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
        """What every deployment of a place pays alike: setup, load balancer, files, backups, network, logs, cluster."""
        volumes = self.volumes
        kept = [gib + files_gib for gib, files_gib in zip(volumes.backup_gib, volumes.filestore_gib, strict=True)]
        included = rule("cost.balancer_gb_month")
        beyond = [max(0.0, sent - included) for sent in volumes.egress_gb_month]
        gib, gb = rule("cost.snapshot_gib"), rule("cost.nat_gb_month")
        found = (
            self._setup(),
            self._monthly(BALANCER, LOAD_BALANCER),
            self._metered("load balancer traffic", BALANCER_TRAFFIC, beyond, f"GB beyond {included:g} a month"),
            self._metered(FILESTORE, OBJECT_STORAGE, volumes.filestore_gib, "object storage"),
            self._metered(
                BACKUPS, BACKUP_STORAGE, kept, "GiB of the database's kept backups and WAL, one copy of the files"
            ),
            self._metered("snapshots", SNAPSHOTS, (gib,) * YEARS, "GiB, one copy of a node's disk"),
            self._metered(SENT, EGRESS, volumes.egress_gb_month, "sent to clients"),
            self._monthly(GATEWAY, NAT),
            self._metered("NAT traffic", NAT_TRAFFIC, (gb,) * YEARS, "GB of updates, messages and look-ups"),
            self._metered("logs and metrics", LOGS, volumes.logs_gb_month, "GB taken in"),
            *((self._monthly(CLUSTER, ORCHESTRATION),) if self.terms.kubernetes else ()),
            self._metered(
                "recovery: copies between sites",
                BETWEEN_SITES,
                volumes.between_sites_gb_month,
                "GB of WAL, new files and a full backup a month",
                Tier.RECOVERY,
            ),
        )
        return tuple(item for item in found if item.monthly_usd > 0)

    def _setup(self) -> CostItem:
        """What is paid once, in year 1: people's days to install, move the data in, and train who runs it."""
        name = "cost.setup_days_cloud" if self.place.provider in CLOUDS else "cost.setup_days_own"
        days, usd, at = rule(name), rule("cost.setup_day_usd"), self.place
        source = rules()["cost.setup_day_usd"].source
        price = Price(at.provider, at.region, SETUP, "day", Term.ON_DEMAND, usd, source, at.date, PriceLabel.ASSUMED)
        once = (1.0, *(0.0,) * (YEARS - 1))
        return CostItem(
            Tier.SETUP, SETUP, days * usd / MONTHS, f"{days:g} days of people x {usd:g} USD, once", price, once
        )

    def _monthly(self, name: str, service: str) -> CostItem:
        price = self.catalogue.price(self.place, service, "month")
        return CostItem(Tier.PRODUCTION, name, price.usd, f"1 x {price.usd:.4g} USD/month", price)

    def _metered(
        self, name: str, service: str, amounts: Sequence[float], what: str, tier: Tier = Tier.PRODUCTION
    ) -> CostItem:
        return self._yearly(
            name, amounts, self.catalogue.price(self.place, service, SERVICE_UNITS[service]), what, tier
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

    def _hours(self, name: str, instance: InstanceType, count: int, price: Price) -> CostItem:
        basis = f"{count} x {instance.name} x {price.usd:.4g} USD/h x {self.hours:g} h ({price.term})"
        dearer = 1.0
        if price.term is Term.SUSTAINED:
            dearer = self.catalogue.price(self.place, instance.name, "hour").usd / price.usd
        return CostItem(Tier.PRODUCTION, name, count * price.usd * self.hours, basis, price, part_time=dearer)

    def _yearly(
        self, name: str, amounts: Iterable[float], price: Price, what: str, tier: Tier = Tier.PRODUCTION
    ) -> CostItem:
        """An item whose amount differs from year to year: the average month of the five."""
        amounts = tuple(amounts)
        basis = (
            f"{what}: {amounts[0]:,.0f} in year 1 to {amounts[-1]:,.0f} in year 5 x {price.usd:.4g} USD/{price.unit}"
        )
        return CostItem(tier, name, sum(amounts) / len(amounts) * price.usd, basis, price, amounts)

    @cached_property
    def on_top(self) -> Charges:
        """Support at the provider's price where it is asked for, overheads and taxes as the user states them."""
        terms = self.terms
        least, share = (price.usd if price else 0.0 for price in self._support)
        return Charges(least, share, terms.overhead_share, terms.tax_share)

    @cached_property
    def _support(self) -> tuple[Price | None, Price | None]:
        """The support plan's fee a month and its share of the bill: one of them at least, where it is asked for."""
        if not self.terms.support or self.place.provider not in CLOUDS:
            return None, None
        known = self.catalogue
        share = known.price(self.place, SUPPORT, "share") if known.has_price(self.place, SUPPORT, "share") else None
        has_fee = share is None or known.has_price(self.place, SUPPORT, "month")
        return (known.price(self.place, SUPPORT, "month") if has_fee else None), share

    def charges(self, items: Sequence[CostItem]) -> tuple[CostItem, ...]:
        """Support, overheads and taxes on these items, in the order of ``Charges.on``; what is nothing is left out."""
        charges, at = self.on_top, self.place
        if charges == Charges():
            return ()
        years = Bill(tuple(items)).by_year_usd
        support, *stated = charges.on(sum(item.five_year_usd for item in items))
        found = []
        price = self._support[1] or self._support[0]
        if price is not None:
            basis = f"{charges.support_share:.4g} of the bill, {charges.support_least_usd:g} USD a month at least"
            found.append(CostItem(Tier.CHARGES, SUPPORT_PLAN, support, basis, price, years))
        named = (
            (OVERHEADS, charges.overhead_share, "the bill"),
            (TAXES, charges.tax_share, "the bill with its overheads"),
        )
        for (name, share, of), usd in zip(named, stated, strict=True):
            if share > 0:
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
    elsewhere = None
    if pricer.second is not None:
        there = pricer.application_elsewhere(topology.application, topology.nodes) or ()
        storage = pricer.database_elsewhere(topology.database, topology.volume) or ()
        elsewhere = [*there, *storage, *pricer.second.rest]
    copies = pricer.copies(shape).items([*nodes, *one_database, *pricer.rest], elsewhere)
    net = (*nodes, *databases, *pricer.rest, *copies, *pricer.development)
    return Bill((*net, *pricer.charges(net)), pricer.own_ends)
