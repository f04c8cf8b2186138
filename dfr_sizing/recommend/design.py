"""What a deployment is designed for: the loads of the named days at the grown registry, and what is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from dfr_sizing.catalogue import Term
from dfr_sizing.cost import YEARS, Terms, Volumes
from dfr_sizing.demand import (
    FULL_DEVICE_FARMERS,
    IMPORT_BATCH,
    IMPORT_ROWS,
    Demand,
    Situation,
    database_bytes,
    demand,
    farmers_in_year,
    filestore_bytes,
)
from dfr_sizing.drivers import rule
from dfr_sizing.model import Model
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.recommend.days import Days
from dfr_sizing.recovery.backup_ways import AUTO, MANAGED, OWN, BackupWay, Changing, backup_ways
from dfr_sizing.recovery.backups import DAYS_A_YEAR, Stored, stored
from dfr_sizing.recovery.profile import RecoveryProfile
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import CLOUDS
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.load import HourLoad, busiest_load, day_loads
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
    """Everything about a scenario that the search needs, worked out once; ``profile`` is what a drill measured.

    ``days`` are the hours of the named days, for what bursts; ``changing`` is the database of year 5.
    """

    scenario: Scenario
    model: Model
    farmers: float
    peaks: Mapping[Situation, Peak]
    volumes: Volumes
    terms: Terms
    backups: Stored
    backup_way: BackupWay
    changing: Changing
    days: Days = field(repr=False, compare=False)
    profile: RecoveryProfile | None = None

    @property
    def switches(self) -> dict[str, bool]:
        """Which indexes the database has."""
        return self.scenario.code.model_dump()

    def with_backups(self, way: BackupWay) -> Design:
        """The same, its backups made another way; what is billed is left as it is."""
        wal = _wal_gib_a_day(self.scenario, self.peaks[Situation.STEADY].load.wal_bytes_per_s / self.farmers)
        kept = _backups(self.scenario, wal, _rates(self.profile), way, self.changing)
        return replace(self, backups=kept, backup_way=way)

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
        return _touched(self.scenario)

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
    usual = peaks[Situation.STEADY].load
    way, changing = way_of_backups(scenario), _changing(scenario, usual, at)
    rates = _rates(profile)
    wal_gib_a_day = _wal_gib_a_day(scenario, usual.wal_bytes_per_s / at)
    backups = _backups(scenario, wal_gib_a_day, rates, way, changing)
    between_sites = _between_sites(scenario, wal_gib_a_day, rates.exact("backup.compressed_share"))
    volumes = _volumes(scenario, backups, between_sites)
    hour_by_hour = partial(_hour_by_hour, tuple(days.values()), model, switches)
    hours = Days(hour_by_hour, database_bytes(scenario, YEARS), _touched(scenario))
    return Design(
        scenario, model, at, peaks, volumes, _terms(scenario), backups, way, changing, hours, profile
    )  # fmt: skip


def _rates(profile: RecoveryProfile | None) -> Rates:
    """How fast things recover: as shipped, or as a drill measured."""
    return shipped_rates() if profile is None else profile.put_into(shipped_rates())


def _backups(
    scenario: Scenario, wal_gib_a_day: Sequence[float], rates: Rates, way: BackupWay, changing: Changing
) -> Stored:
    """What retention keeps, from today to year 5."""
    database_gib = [database_bytes(scenario, year) / GIB for year in range(YEARS + 1)]
    return stored(scenario.recovery.retention, database_gib, wal_gib_a_day, rates, way, changing)


def _touched(scenario: Scenario) -> Popularity:
    registry = scenario.registry
    return Popularity(registry.popularity_exponent.mid, registry.cold_access_share.mid)


def way_of_backups(scenario: Scenario) -> BackupWay:
    """How backups are made: as the scenario says on hosts of one's own, the provider's way where a cloud is allowed."""
    if set(CLOUDS).intersection(scenario.hosting.providers):
        return backup_ways()[MANAGED]
    named = scenario.recovery.backups
    return backup_ways()[OWN if named == AUTO else named]


def _changing(scenario: Scenario, usual: HourLoad, farmers: float) -> Changing:
    """The database of year 5 through a usual day; its pages change as the farmers of that year make them."""
    grown = farmers_in_year(scenario, YEARS) / farmers
    pages = usual.pages_written_per_s * rule("postgresql.changed_share") * rule("recovery.mean_of_peak_wal")
    return Changing(
        database_bytes(scenario, YEARS),
        _touched(scenario),
        pages * grown,
        (database_bytes(scenario, YEARS) - database_bytes(scenario, YEARS - 1)) / DAYS_A_YEAR,
    )


def _hour_by_hour(days: Sequence[Demand], model: Model, switches: Mapping[str, bool]) -> list[tuple[HourLoad, ...]]:
    return [day_loads(day, model, switches) for day in days]


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
