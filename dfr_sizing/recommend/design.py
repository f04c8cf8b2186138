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
from dfr_sizing.recovery.rates import shipped_rates
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.load import HourLoad, busiest_load, day_loads
from dfr_sizing.topology import GIB

DAYS_A_MONTH = 365.0 / 12.0


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
        per_farmer = self.peaks[Situation.STEADY].load.wal_bytes_per_s / self.farmers
        kept = _backups(self.scenario, per_farmer, self.profile, way, self.changing)
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
    backups = _backups(scenario, usual.wal_bytes_per_s / at, profile, way, changing)
    volumes, hour_by_hour = _volumes(scenario, backups), partial(_hour_by_hour, tuple(days.values()), model, switches)
    hours = Days(hour_by_hour, volumes.database_gib[-1] * GIB, _touched(scenario))
    return Design(
        scenario,
        model,
        at,
        peaks,
        volumes,
        _terms(scenario),
        backups,
        way,
        changing,
        hours,
        profile,
    )


def _touched(scenario: Scenario) -> Popularity:
    registry = scenario.registry
    return Popularity(registry.popularity_exponent.mid, registry.cold_access_share.mid)


def way_of_backups(scenario: Scenario) -> BackupWay:
    """How backups are made: as the scenario says on hosts of one's own, the provider's way where a cloud is allowed."""
    if not {"on-premises", "private-cloud"}.issuperset(scenario.hosting.providers):
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


def _backups(
    scenario: Scenario,
    wal_bytes_per_s_farmer: float,
    profile: RecoveryProfile | None,
    way: BackupWay,
    changing: Changing,
) -> Stored:
    """What retention keeps; WAL grows with the farmers."""
    rates = shipped_rates() if profile is None else profile.put_into(shipped_rates())
    per_day_gib = wal_bytes_per_s_farmer * rule("recovery.mean_of_peak_wal") * 86_400.0 / GIB
    return stored(
        scenario.recovery.retention,
        [database_bytes(scenario, year) / GIB for year in range(YEARS + 1)],
        [per_day_gib * farmers_in_year(scenario, year) for year in range(1, YEARS + 1)],
        rates,
        way,
        changing,
    )


def _terms(scenario: Scenario) -> Terms:
    prices = scenario.prices
    return Terms(
        Term(prices.term),
        prices.staging_share.mid,
        prices.staging_hours_share.mid,
        prices.overhead_share.mid,
        prices.tax_share.mid,
    )


def _volumes(scenario: Scenario, backups: Stored) -> Volumes:
    years = range(1, YEARS + 1)
    database = tuple(database_bytes(scenario, year) / GIB for year in years)
    return Volumes(
        database_gib=database,
        storage_gib=tuple(_rounded_up(gib * rule("postgresql.spare_storage")) for gib in database),
        filestore_gib=tuple(filestore_bytes(scenario, year) / GIB for year in years),
        backup_gib=backups.total_gib,
        egress_gb_month=tuple(_egress_gb_month(scenario, farmers_in_year(scenario, year)) for year in years),
    )


def _egress_gb_month(scenario: Scenario, farmers: float) -> float:
    a_day = sum(3600.0 * sum(rate.per_s) for rate in demand(scenario, Situation.STEADY, farmers).rates)
    return a_day * DAYS_A_MONTH * rule("cost.egress_kb_per_request") / 1e6


def _rounded_up(gib: float) -> int:
    """To the next 10 GiB, and 20 at least: the smallest volume of a managed database."""
    return max(20, 10 * math.ceil(gib / 10.0))
