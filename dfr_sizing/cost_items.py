"""Lines of a bill, the tiers that they are paid for, and how parts of a bill add up.

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

from dfr_sizing.catalogue import Price, PriceLabel, Term
from dfr_sizing.catalogue.own_hosting import PriceEnd
from dfr_sizing.drivers import rule
from dfr_sizing.recovery import StandbyShape

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
    ``away`` is the same item at a second site that lies elsewhere; None: it costs there what it costs here.
    """

    tier: Tier
    name: str
    monthly_usd: float
    basis: str
    price: Price
    course: tuple[float, ...] = (1.0,) * YEARS
    away: CostItem | None = field(default=None, repr=False, compare=False)

    @property
    def at_second_site(self) -> CostItem:
        """What it is at the second site."""
        return self if self.away is None else self.away

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
    away: bool = False

    @cached_property
    def recovery(self) -> Mapping[str, float]:
        """The second site: shares of the first one's items, at the first site's prices or at its own."""
        shape = self.shape
        storage = 1.0 if shape.dr_storage else 0.0
        nodes = shape.dr_application_share
        if self.own and shape.dr_storage and not self.away:
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
        costs = [(item.name, item.monthly_usd, item.at_second_site.monthly_usd) for item in items]
        return Amounts(
            tuple(MONTHS * (production * usd) for _, usd, _ in costs),
            tuple(MONTHS * (recovery.get(name, 0.0) * usd) for name, _, usd in costs),
            tuple(MONTHS * (staging.get(name, 0.0) * usd) for name, usd, _ in costs),
        )

    def items(self, first_site: Iterable[CostItem]) -> list[CostItem]:
        """The copies as lines of the bill."""
        kept = list(first_site)
        off_site = {BACKUPS: "off site"}
        found = [
            _copied(
                item.at_second_site,
                Tier.RECOVERY,
                self.recovery.get(item.name, 0.0),
                off_site.get(item.name, "second site"),
            )
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
