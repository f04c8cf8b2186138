"""A bill: what is paid in an average month, in each year and in five years, by tier. ``cost_pricer`` writes it.

Storage, backups and what is sent grow through the five years; machines are those of year 5 from the first day. Every
item carries its basis in words, so that a bill can be checked by hand. US dollars; a currency is applied by the reader
of the bill. Support, overheads and taxes are items of their own (Charges).

A bill has three parts: the application nodes, the database, and what is paid in any case. So the search takes the
``Amounts`` of each option of a part once, adds them up by ``total``, and has a ``bill`` written only for what it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import chain

from dfr_sizing.catalogue import Price, PriceLabel, Term
from dfr_sizing.catalogue.own_hosting import PriceEnd

YEARS = 5
MONTHS = 12 * YEARS

NODES, NODE_DISKS = "application nodes", "application disks"
DATABASE, DATABASE_STORAGE, DATABASE_IOPS, DATABASE_THROUGHPUT = (
    "database",
    "database storage",
    "database IOPS",
    "database throughput",
)
SUPPORT_PLAN, OVERHEADS, TAXES = "support plan", "overheads", "taxes"
BALANCER, FILESTORE, SHARED, BACKUPS, SENT = "load balancer", "filestore", "shared filestore", "backups", "egress"
GATEWAY, CLUSTER, SETUP = "NAT gateway", "orchestration", "installation"
"""Items of production; the other tiers copy some of them, by name."""

IN_HOURS = frozenset({NODES, DATABASE})
"""What staging switches off outside working hours, where that saves anything."""
ON_STAGING = IN_HOURS | {
    NODE_DISKS,
    DATABASE_STORAGE,
    DATABASE_IOPS,
    DATABASE_THROUGHPUT,
    BALANCER,
    FILESTORE,
    SHARED,
    GATEWAY,
    CLUSTER,
}
"""Staging mirrors production: all of it but its backups, its logs and what is sent to the public."""
BESIDE_HOSTS = frozenset({BALANCER, GATEWAY, CLUSTER})
"""What a second site needs as soon as application hosts stand there."""


class Tier(StrEnum):
    """What an item is paid for. Setup is paid once, in year 1; all others run."""

    SETUP = "setup"
    PRODUCTION = "production"
    RECOVERY = "recovery"
    STAGING = "staging"
    DEVELOPMENT = "development"
    CHARGES = "charges"


@dataclass(frozen=True, slots=True)
class CostItem:
    """One line of the bill. ``monthly_usd`` is the average month over five years.

    ``course`` is what is bought in the years 1 to 5, in any unit: the years' costs are to each other as it is.
    ``part_time`` is the price of an hour bought by itself over that of an hour of a whole month (sustained use).
    """

    tier: Tier
    name: str
    monthly_usd: float
    basis: str
    price: Price
    course: tuple[float, ...] = (1.0,) * YEARS
    part_time: float = 1.0

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

    @property
    def setup_usd(self) -> float:
        """What is paid once."""
        return MONTHS * self.of_tier(Tier.SETUP)

    @property
    def run_by_year_usd(self) -> tuple[float, ...]:
        """What is paid again and again, in each of the years 1 to 5, charges included."""
        return self._by_year(item for item in self.items if item.tier is not Tier.SETUP)

    def of_tier(self, tier: Tier) -> float:
        """The average month of one tier."""
        return sum(item.monthly_usd for item in self.items if item.tier is tier)

    def stale(self, on: date, days: int = 180) -> tuple[Price, ...]:
        """Prices in the bill that are older than so many days; what users state and people's work have no age."""
        listed = (item for item in self.items if item.tier is not Tier.SETUP)
        found = (item.price for item in listed if item.price.label is not PriceLabel.STATED)
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
    between_sites_gb_month: tuple[float, ...] = (0.0,) * YEARS
    logs_gb_month: tuple[float, ...] = (0.0,) * YEARS


@dataclass(frozen=True, slots=True)
class Terms:
    """How things are paid for: commitment, the shares of staging, and what comes on top of all of it.

    ``support``: the provider's support plan is bought; ``kubernetes``: a control plane is paid for (on hosts of one's
    own: k3s and the hosts it takes). Overheads are a share of the bill, taxes one of the bill with its overheads.
    """

    term: Term
    staging_share: float
    staging_hours_share: float
    overhead_share: float = 0.0
    tax_share: float = 0.0
    support: bool = False
    kubernetes: bool = True


@dataclass(frozen=True, slots=True)
class Charges:
    """What comes on top of all items: support (the larger of a fee a month and a share), overheads, taxes."""

    support_least_usd: float = 0.0
    support_share: float = 0.0
    overhead_share: float = 0.0
    tax_share: float = 0.0

    def on(self, net_five_year_usd: float) -> tuple[float, float, float]:
        """Support, overheads and taxes on five years, as US dollars of the average month."""
        net = net_five_year_usd / MONTHS
        support = max(self.support_least_usd, self.support_share * net)
        overheads = self.overhead_share * (net + support)
        return support, overheads, self.tax_share * (net + support + overheads)

    def with_charges(self, net_five_year_usd: float) -> float:
        """Five years with all of them: never less for more."""
        return net_five_year_usd + MONTHS * sum(self.on(net_five_year_usd))


@dataclass(frozen=True, slots=True)
class Amounts:
    """Five-year US dollars of a part of a bill, item by item, for each tier; development is in no part."""

    production: tuple[float, ...]
    recovery: tuple[float, ...]
    staging: tuple[float, ...]


def total(parts: Sequence[Amounts], development: Iterable[float]) -> float:
    """What the bill of these parts adds up to, without charges.

    Added in the order of the bill's items, so that both agree to the last bit: options of one price, which are common,
    keep their order however they are costed.
    """
    production = chain.from_iterable(part.production for part in parts)
    recovery = chain.from_iterable(part.recovery for part in parts)
    staging = chain.from_iterable(part.staging for part in parts)
    return sum(chain(production, recovery, staging, development))
