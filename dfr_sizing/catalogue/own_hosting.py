"""Prices of a data centre of one's own, computed from what the machines, the power and the people cost.

The inputs lie in ``data/own_hosting.toml`` as ranges; prices are computed from the mid values. A user's own figures
replace them by the same keys.

====================  =================================================================================
unit cost             formula
====================  =================================================================================
yearly share          1 / depreciation_years + maintenance_share_per_year
core, per hour        core_usd x spare_factor x yearly share / 8,760 h
                      + core_watts / 1000 x pue x power_usd_per_kwh x spare_factor
                      + (rack_usd_per_month + staff_usd_per_month) / pool_cores / 730 h
memory, GiB-hour      memory_usd_per_gib x spare_factor x yearly share / 8,760 h
storage, GiB-month    usd per raw GiB x copies x yearly share / 12
shared filestore      as storage, on SSD; snapshots as object storage
egress, GB            link_usd_per_month / link_gb_per_month; also between sites and through NAT
load balancer, month  load_balancer_vms x (cores x core hour + GiB x memory hour) x 730 h
its traffic, GB       the same / load_balancer_gb_per_month: beyond that a second pair
NAT gateway, month    one machine of the load balancer's size, as a firewall
orchestration, month  k3s_vms x (cores x core hour + GiB x memory hour) x 730 h
logs, GB              log_cores and log_gib for a month / log_gb_per_month, and log_months of object storage
private cloud         each of these x private_cloud_markup
FAO-managed           as on premises with fao_pool_cores for pool_cores, since more countries share rack and staff;
                      orchestration is fao_platform_usd_per_month x fao_platform_share, the country's part of what
                      runs the platform
====================  =================================================================================
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from dfr_sizing.catalogue.types import (
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
    DiskType,
    InstanceType,
    Place,
    Price,
    PriceLabel,
    Term,
)
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label

HOURS_PER_MONTH = 730.0
HOURS_PER_YEAR = 8760.0
FAO_MANAGED = "fao-managed"
OWN_PROVIDERS = ("on-premises", "private-cloud", FAO_MANAGED)
PREFIX = "own_hosting."

PriceEnd = dict[tuple[str, str], float]
"""USD by item and unit."""


@dataclass(frozen=True, slots=True)
class OwnHosting:
    """The inputs of own hosting: ledger lines named ``own_hosting.<key>``, and which keys the user gave."""

    assumptions: tuple[Assumption, ...]
    given: tuple[str, ...]
    date: date

    def mid(self, key: str) -> float:
        """Tell the value that prices are computed from."""
        value = next(line.value for line in self.assumptions if line.name == PREFIX + key)
        return value.mid if isinstance(value, Interval) else float(value)


def with_overrides(hosting: OwnHosting, overrides: Mapping[str, float]) -> OwnHosting:
    """Put the user's own figures in place; InputError for an unknown key or a figure not above 0."""
    keys = [line.name.removeprefix(PREFIX) for line in hosting.assumptions]
    for key, value in overrides.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise InputError(
                "own hosting input", key, "one of " + ", ".join(keys), f"did you mean {near[0] if near else keys[0]}"
            )
        if not (math.isfinite(value) and value > 0):
            raise InputError(
                f"own hosting input {key}", value, "a number above 0", "write a small one for what comes free"
            )
    lines = []
    for line in hosting.assumptions:
        key = line.name.removeprefix(PREFIX)
        given = overrides.get(key)
        lines.append(
            line if given is None else Assumption(line.name, float(given), line.unit, "given by the user", Label.STATED)
        )
    return OwnHosting(tuple(lines), tuple(sorted(overrides)), hosting.date)


def own_hosting_prices(
    hosting: OwnHosting,
    places: Iterable[Place],
    instances: Iterable[InstanceType],
    disks: Iterable[DiskType],
) -> Iterator[Price]:
    """Compute the prices of what is bought on one's own premises, in a private cloud or of FAO, in USD, on-demand."""
    at_home, at_fao = _unit_costs(hosting, shared=False), _unit_costs(hosting, shared=True)
    source = "computed from the own hosting inputs"
    if hosting.given:
        source += ", with the user's " + ", ".join(hosting.given)
    shapes, volumes = tuple(instances), tuple(disks)
    for place in places:
        if place.provider not in OWN_PROVIDERS:
            continue
        factor = hosting.mid("private_cloud_markup") if place.provider == "private-cloud" else 1.0
        costs = at_fao if place.provider == FAO_MANAGED else at_home
        items = [
            (shape.name, "hour", shape.cores * costs.core_hour + shape.memory_gib * costs.memory_gib_hour)
            for shape in shapes
            if shape.provider == place.provider
        ]
        names = dict.fromkeys(disk.name for disk in volumes if disk.provider == place.provider)
        items += [(name, "gib-month", costs.ssd_gib_month) for name in names]
        items += [(name, SERVICE_UNITS[name], usd) for name, usd in costs.services.items()]
        for item, unit, usd in items:
            yield Price(
                place.provider,
                place.region,
                item,
                unit,
                Term.ON_DEMAND,
                usd * factor,
                source,
                hosting.date,
                PriceLabel.ASSUMED,
            )


def own_price_ends(
    hosting: OwnHosting, place: Place, instances: Iterable[InstanceType], disks: Iterable[DiskType]
) -> dict[str, tuple[PriceEnd, PriceEnd]]:
    """Compute the prices of a place with each input that is a range at its low and its high end, the others at mid.

    By the input's key: USD by item and unit. Empty for a cloud; an input that the user gave is no range any more.
    """
    if place.provider not in OWN_PROVIDERS:
        return {}
    shapes, volumes = tuple(instances), tuple(disks)

    def at(key: str, value: float) -> PriceEnd:
        prices = own_hosting_prices(with_overrides(hosting, {key: value}), (place,), shapes, volumes)
        return {(price.item, price.unit): price.usd for price in prices}

    ranges = {line.name.removeprefix(PREFIX): line.value for line in hosting.assumptions}
    return {
        key: (at(key, value.low), at(key, value.high))
        for key, value in ranges.items()
        if isinstance(value, Interval) and not value.is_exact
    }


@dataclass(frozen=True, slots=True)
class _UnitCosts:
    """USD per unit on one's own premises."""

    core_hour: float
    memory_gib_hour: float
    ssd_gib_month: float
    services: dict[str, float]


def _unit_costs(hosting: OwnHosting, *, shared: bool) -> _UnitCosts:
    """``shared``: on FAO's platform, which several countries pay for."""
    mid = hosting.mid
    yearly = 1 / mid("depreciation_years") + mid("maintenance_share_per_year")
    spare = mid("spare_factor")
    pool = mid("fao_pool_cores" if shared else "pool_cores")
    core_hour = (
        mid("core_usd") * spare * yearly / HOURS_PER_YEAR
        + mid("core_watts") / 1000 * mid("pue") * mid("power_usd_per_kwh") * spare
        + (mid("rack_usd_per_month") + mid("staff_usd_per_month")) / pool / HOURS_PER_MONTH
    )
    memory_hour = mid("memory_usd_per_gib") * spare * yearly / HOURS_PER_YEAR

    def storage(kind: str) -> float:
        return mid(f"{kind}_usd_per_gib") * mid(f"{kind}_copies") * yearly / 12

    def machine_month(of: str) -> float:
        return (mid(f"{of}_cores") * core_hour + mid(f"{of}_gib") * memory_hour) * HOURS_PER_MONTH

    balancers = mid("load_balancer_vms") * machine_month("load_balancer")
    link = mid("link_usd_per_month") / mid("link_gb_per_month")
    platform = mid("fao_platform_usd_per_month") * mid("fao_platform_share")
    services = {
        LOAD_BALANCER: balancers,
        BALANCER_TRAFFIC: balancers / mid("load_balancer_gb_per_month"),
        OBJECT_STORAGE: storage("object"),
        SHARED_FILES: storage("ssd"),
        BACKUP_STORAGE: storage("backup"),
        SNAPSHOTS: storage("object"),
        EGRESS: link,
        BETWEEN_SITES: link,
        NAT: machine_month("load_balancer"),
        NAT_TRAFFIC: link,
        ORCHESTRATION: platform if shared else mid("k3s_vms") * machine_month("k3s"),
        LOGS: machine_month("log") / mid("log_gb_per_month") + mid("log_months") * storage("object"),
    }
    return _UnitCosts(core_hour, memory_hour, storage("ssd"), services)
