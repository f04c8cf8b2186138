"""What the second site and staging copy of the first site: shares of its items, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from dfr_sizing.cost import (
    BACKUPS,
    BESIDE_HOSTS,
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
    SHARED,
    Amounts,
    CostItem,
    Terms,
    Tier,
)
from dfr_sizing.drivers import rule
from dfr_sizing.recovery import StandbyShape


@dataclass(frozen=True)
class Copies:
    """What the recovery site and staging copy of the first site: a share of its cost for each item, by name.

    Where the second site is elsewhere, its items are what the same costs there (``elsewhere``).
    """

    shape: StandbyShape
    terms: Terms
    own: bool
    own_second: bool

    @cached_property
    def recovery(self) -> Mapping[str, float]:
        """The second site: shares of what all of the first one costs at its prices."""
        shape = self.shape
        storage = 1.0 if shape.dr_storage else 0.0
        nodes = shape.dr_application_share
        if self.own_second and shape.dr_storage:
            nodes = max(nodes, rule("cost.own_pilot_application_share"))
        return {
            NODES: nodes,
            NODE_DISKS: nodes,
            DATABASE: shape.dr_database_share,
            DATABASE_STORAGE: storage,
            DATABASE_IOPS: storage,
            DATABASE_THROUGHPUT: storage,
            FILESTORE: storage,
            SHARED: storage,
            BACKUPS: 1.0 if shape.offsite_backup else 0.0,
            **dict.fromkeys(BESIDE_HOSTS, 1.0 if nodes > 0 else 0.0),
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

    def amounts(
        self, items: Iterable[CostItem], production: int = 1, elsewhere: Iterable[CostItem] | None = None
    ) -> Amounts:
        """Five years of a part's items, of which the first site has ``production`` copies."""
        items = tuple(items)
        second = items if elsewhere is None else elsewhere
        recovery, staging = self.recovery, self.staging
        costs = [(item.name, item.monthly_usd, self._part_time(item)) for item in items]
        return Amounts(
            tuple(MONTHS * (production * usd) for _, usd, _ in costs),
            tuple(MONTHS * (recovery.get(item.name, 0.0) * item.monthly_usd) for item in second),
            tuple(MONTHS * (staging.get(name, 0.0) * dearer * usd) for name, usd, dearer in costs),
        )

    def _part_time(self, item: CostItem) -> float:
        """An hour in working hours has no discount of sustained use."""
        return item.part_time if self.in_hours and item.name in IN_HOURS else 1.0

    def items(self, first_site: Iterable[CostItem], elsewhere: Iterable[CostItem] | None = None) -> list[CostItem]:
        """The copies as lines of the bill."""
        kept = list(first_site)
        second = kept if elsewhere is None else elsewhere
        off_site = {BACKUPS: "off site"}
        found = [
            _copied(item, Tier.RECOVERY, self.recovery.get(item.name, 0.0), off_site.get(item.name, "second site"))
            for item in second
        ]
        for item in kept:
            why = "switched on in working hours" if self.in_hours and item.name in IN_HOURS else "kept all the time"
            share = self.staging.get(item.name, 0.0)
            found.append(_copied(item, Tier.STAGING, share, why, self._part_time(item)))
        return [item for item in found if item.monthly_usd > 0]


def _copied(item: CostItem, tier: Tier, share: float, why: str, dearer: float = 1.0) -> CostItem:
    """The same item for another tier, at a share of its cost."""
    at = f" at {dearer:.4g} times the price of sustained use" if dearer != 1.0 else ""
    basis = f"{share:.0%}{at} of: {item.basis} ({why})"
    return CostItem(tier, f"{tier}: {item.name}", share * dearer * item.monthly_usd, basis, item.price, item.course)
