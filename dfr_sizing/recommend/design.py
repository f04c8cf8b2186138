"""What a deployment is designed for: the loads of the named days at the grown registry, and what is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dfr_sizing.catalogue import Term
from dfr_sizing.cost import YEARS, Terms, Volumes
from dfr_sizing.demand import (
    FULL_DEVICE_FARMERS,
    IMPORT_BATCH,
    IMPORT_ROWS,
    Situation,
    database_bytes,
    demand,
    farmers_in_year,
    filestore_bytes,
)
from dfr_sizing.drivers import rule
from dfr_sizing.model import Model
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.recovery.backups import Stored, stored
from dfr_sizing.recovery.profile import RecoveryProfile
from dfr_sizing.recovery.rates import shipped_rates
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.load import HourLoad, busiest_load
from dfr_sizing.topology import GIB

DAYS_A_MONTH = 365.0 / 12.0
KB_A_GB = 1e6


@dataclass(frozen=True, slots=True)
class Peak:
    """The busiest hour of a named day."""

    hour: int
    load: HourLoad


@dataclass(frozen=True, slots=True)
class Design:
    """Everything about a scenario that the search needs, worked out once; ``profile`` is what a drill measured."""

    scenario: Scenario
    model: Model
    farmers: float
    peaks: Mapping[Situation, Peak]
    volumes: Volumes
    terms: Terms
    backups: Stored
    profile: RecoveryProfile | None = None

    @property
    def switches(self) -> dict[str, bool]:
        """Which indexes the database has."""
        return self.scenario.code.model_dump()

    @property
    def worst(self) -> Situation:
        """The named day with the most CPU time asked for in one hour."""
        cpu = {name: peak.load.app_cpu + peak.load.database_cpu for name, peak in self.peaks.items()}
        return max(cpu, key=lambda name: cpu[name])

    @property
    def database_bytes(self) -> float:
        """Bytes of the database in year 5."""
        return self.volumes.database_gib[-1] * GIB

    @property
    def touched(self) -> Popularity:
        """How unevenly the pages of the database are touched."""
        registry = self.scenario.registry
        return Popularity(registry.popularity_exponent.mid, registry.cold_access_share.mid)

    @property
    def sync_batches(self) -> int:
        """Requests that a sync of 500 farmers takes."""
        return max(1, math.ceil(FULL_DEVICE_FARMERS / self.scenario.campaign.batch_farmers.mid))

    @property
    def sync_upload_s(self) -> float:
        """Seconds to send 500 farmers over the device's uplink."""
        campaign = self.scenario.campaign
        return FULL_DEVICE_FARMERS * campaign.record_kb.mid * 8.0 / campaign.uplink_kbit_s.mid

    @property
    def import_batches(self) -> int:
        """Transactions of an import of 10,000 rows."""
        return IMPORT_ROWS // IMPORT_BATCH


def design_for(
    scenario: Scenario, model: Model, farmers: float | None = None, profile: RecoveryProfile | None = None
) -> Design:
    """The design of a scenario at ``farmers`` (default: the grown registry of year 5)."""
    at = farmers_in_year(scenario, YEARS) if farmers is None else farmers
    switches = scenario.code.model_dump()
    days = {situation: demand(scenario, situation, at) for situation in Situation}
    peaks = {situation: Peak(*busiest_load(day, model, switches)) for situation, day in days.items()}
    rates = shipped_rates() if profile is None else profile.put_into(shipped_rates())
    wal_gib_a_day = _wal_gib_a_day(scenario, peaks[Situation.STEADY].load.wal_bytes_per_s / at)
    database_gib = [database_bytes(scenario, year) / GIB for year in range(YEARS + 1)]
    backups = stored(scenario.recovery.retention, database_gib, wal_gib_a_day, rates)
    between_sites = _between_sites(scenario, wal_gib_a_day, rates.exact("backup.compressed_share"))
    volumes = _volumes(scenario, backups, between_sites)
    return Design(scenario, model, at, peaks, volumes, _terms(scenario), backups, profile)


def _wal_gib_a_day(scenario: Scenario, wal_bytes_per_s_farmer: float) -> list[float]:
    """WAL of a steady day in the years 1 to 5; it grows with the farmers."""
    per_day_gib = wal_bytes_per_s_farmer * rule("recovery.mean_of_peak_wal") * 86_400.0 / GIB
    return [per_day_gib * farmers_in_year(scenario, year) for year in range(1, YEARS + 1)]


def _terms(scenario: Scenario) -> Terms:
    prices = scenario.prices
    return Terms(
        Term(prices.term),
        prices.staging_share.mid,
        prices.staging_hours_share.mid,
        prices.overhead_share.mid,
        prices.tax_share.mid,
        prices.support,
        scenario.hosting.kubernetes,
    )


def _volumes(scenario: Scenario, backups: Stored, between_sites: tuple[float, ...]) -> Volumes:
    years = range(1, YEARS + 1)
    database = tuple(database_bytes(scenario, year) / GIB for year in years)
    requests = [_requests_a_month(scenario, farmers_in_year(scenario, year)) for year in years]
    return Volumes(
        database_gib=database,
        storage_gib=tuple(_rounded_up(gib * rule("postgresql.spare_storage")) for gib in database),
        filestore_gib=tuple(filestore_bytes(scenario, year) / GIB for year in years),
        backup_gib=backups.total_gib,
        egress_gb_month=tuple(count * rule("cost.egress_kb_per_request") / KB_A_GB for count in requests),
        between_sites_gb_month=between_sites,
        logs_gb_month=tuple(count * rule("cost.log_kb_per_request") / KB_A_GB for count in requests),
    )


def _between_sites(scenario: Scenario, wal_gib_a_day: Sequence[float], compressed: float) -> tuple[float, ...]:
    """GB sent to another site in a month of the years 1 to 5: WAL, some of the full backups, new files."""
    fulls, found = rule("cost.full_copies_a_month"), []
    for year, wal_gib in enumerate(wal_gib_a_day, start=1):
        files = (filestore_bytes(scenario, year) - filestore_bytes(scenario, year - 1)) / 12.0
        log = wal_gib * GIB * DAYS_A_MONTH
        found.append((compressed * (log + fulls * database_bytes(scenario, year)) + max(0.0, files)) / 1e9)
    return tuple(found)


def _requests_a_month(scenario: Scenario, farmers: float) -> float:
    a_day = sum(3600.0 * sum(rate.per_s) for rate in demand(scenario, Situation.STEADY, farmers).rates)
    return a_day * DAYS_A_MONTH


def _rounded_up(gib: float) -> int:
    """To the next 10 GiB, and 20 at least: the smallest volume of a managed database."""
    return max(20, 10 * math.ceil(gib / 10.0))
