"""A synthetic Recommendation: real catalogue rows, bill, recovery and ledger; only the latencies are made up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import choice_fixture

from dfr_sizing import demand as demands
from dfr_sizing import recovery
from dfr_sizing.catalogue import Role, load_catalogue
from dfr_sizing.configuration.replica import ReplicaAdvice
from dfr_sizing.cost import Bill, Terms, Volumes
from dfr_sizing.cost_pricer import Pricer, bill
from dfr_sizing.demand import Situation
from dfr_sizing.growth import growth_of
from dfr_sizing.ledger import merged
from dfr_sizing.model import load_model, request_classes
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.recommend.candidates import ALL_WAYS, Way
from dfr_sizing.recommend.database_types import DatabaseAdvice, Held, IndexSaving, Limit, Operations, Year
from dfr_sizing.recommend.recovery import cable_cut, promises_of
from dfr_sizing.recommend.recovery_types import BackupsBy, Felt, RecoveryFacts, WayCost
from dfr_sizing.recommend.types import (
    Compared,
    CrossCheck,
    DayHour,
    FarmersPoint,
    IopsSplit,
    PeakDay,
    PlaceCost,
    Plan,
    Recommendation,
    Rejection,
    RuleOfThumb,
    Selection,
    SituationResult,
    Swing,
    TargetCheck,
)
from dfr_sizing.recovery import RecoveryInput, Strategy
from dfr_sizing.recovery.backup_ways import Changing, backup_ways
from dfr_sizing.recovery.backups import stored, window
from dfr_sizing.recovery.strata import Effort
from dfr_sizing.recovery.years import simulate_years
from dfr_sizing.scenario import Prices, Registry, Scenario
from dfr_sizing.simulation.outcome import ClassOutcome, Outcome
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.topology import GIB, Topology, Volume, workers_per_node

NAN = float("nan")
NO_DATA = Estimate(NAN, NAN, NAN, 0)
BASE_P95_S = {
    "page_p95_s": 0.8,
    "search_p95_s": 3.1,
    "report_p95_s": 9.0,
    "api_p95_ms": 0.12,
    "sync_500_s": 6.0,
    "import_10000_min": 2.0,
}


def estimate(value: float) -> Estimate:
    """A value known to some 8 %."""
    return Estimate(value, 0.92 * value, 1.08 * value, 400)


def p95_s(factor: float) -> dict[str, float]:
    """Latency by class, spread a little so that no two classes are alike."""
    return {
        name: BASE_P95_S.get(request.target, 2.0) * factor * (1.0 - 0.03 * index)
        for index, (name, request) in enumerate(request_classes().items())
    }


def outcome(factor: float) -> Outcome:
    """A simulated hour; the class ``notification`` was not seen, so its figures are NaN."""
    classes = {
        name: ClassOutcome(
            name, 400, estimate(0.4 * p95), estimate(0.3 * p95), estimate(p95), estimate(1.6 * p95), failed_share=0.0
        )
        for name, p95 in p95_s(factor).items()
    }
    classes["notification"] = ClassOutcome("notification", 0, NO_DATA, NO_DATA, NO_DATA, NO_DATA, failed_share=0.0)
    utilisation = {"application CPU": 0.55, "database CPU": 0.62, "HTTP workers": 0.31, "database disk": 0.24}
    return Outcome(
        classes=classes,
        throughput=61.2,
        utilisation={name: min(1.0, factor * share) for name, share in utilisation.items()},
        worker_wait=estimate(0.011),
        sync_500=estimate(58.0),
        finished_share=0.999,
        confidence=0.95,
        simulated_s=3600.0,
        simulated_requests=220_000,
    )


def situations() -> tuple[SituationResult, ...]:
    """All five days."""
    factors = {"steady": 0.5, "campaign": 0.9, "deadline-surge": 1.2, "bulk-migration": 0.6, "sync-after-outage": 0.8}
    return tuple(
        SituationResult(Situation(name), 18 if "s" in name else 10, 1, 70.0 * factor, outcome(factor))
        for name, factor in factors.items()
    )


def crosscheck() -> CrossCheck:
    """The steady peak hour, 3 % less by formula than simulated; ``notification`` was not seen."""
    simulated = {name: found.mean for name, found in outcome(0.5).classes.items() if found.requests}
    parts = {"Python": 0.6, "SQL": 0.37}
    classes = tuple(
        Compared(name, mean, 0.97 * mean.value, {part: share * mean.value for part, share in parts.items()}, 0.1)
        for name, mean in simulated.items()
    )
    mean = Compared("all requests", estimate(0.093), 0.09, {"Python": 0.055, "SQL": 0.035}, 0.1)
    return CrossCheck(Situation.STEADY, 18, 1, mean, classes, "")


def targets(factor: float) -> tuple[TargetCheck, ...]:
    """Every target of the DFR."""
    where = "deadline-surge 18 h, 1 node down"

    def check(name: str, title: str, target: float, predicted: float, unit: str) -> TargetCheck:
        value = predicted * factor
        return TargetCheck(name, title, target, value, 0.92 * value, 1.08 * value, unit, where)

    return (
        check("page_p95_s", "pages, p95", 3.0, 1.62, "s"),
        check("search_p95_s", "search by name, p95", 10.0, 3.72, "s"),
        check("report_p95_s", "reports, p95", 15.0, 10.8, "s"),
        check("api_p95_ms", "external look-ups, p95", 500.0, 144.0, "ms"),
        check("sync_500_s", "sync of 500 farmers, p95", 120.0, 58.0, "s"),
        check("import_10000_min", "import of 10,000 rows", 30.0, 12.5, "min"),
        TargetCheck("availability", "availability", 0.995, 0.9971, 0.9953, 0.9989, "fraction", "", True),
        check("rto", "RTO, p95", 4.0, 2.1, "h"),
        check("rpo", "RPO, p95", 60.0, 8.4, "min"),
    )


def topology(nodes: int, standby: bool, size: str = "m5.2xlarge") -> Topology:
    """Nodes of a size in Sydney."""
    catalogue = load_catalogue()
    place = catalogue.place("aws", "ap-southeast-2")
    application = next(i for i, _ in catalogue.instances_at(place, Role.APPLICATION) if i.name == size)
    database = next(i for i, _ in catalogue.instances_at(place, Role.DATABASE) if i.name == "db.m5.4xlarge")
    disk = catalogue.disks_at(place, Role.DATABASE)[0][0]
    volume = Volume(disk, 420, 400, 12_000, 500.0)
    return Topology(place, application, nodes, workers_per_node(application), database, volume, standby)


def bill_of(scenario: Scenario, bought: Topology, strategy: Strategy) -> Bill:
    """The real bill."""
    years = range(1, 6)
    volumes = Volumes(
        tuple(demands.database_bytes(scenario, year) / GIB for year in years),
        tuple(int(1.3 * demands.database_bytes(scenario, year) / GIB) + 20 for year in years),
        tuple(demands.filestore_bytes(scenario, year) / GIB for year in years),
        (100.0, 250.0, 400.0, 550.0, 700.0),
        (40.0, 50.0, 60.0, 70.0, 80.0),
    )
    catalogue = load_catalogue()
    prices = scenario.prices
    place_prices = {price.item: price for price in catalogue.prices if price.region == bought.place.region}
    pricer = Pricer(
        catalogue,
        bought.place,
        Terms(
            place_prices[bought.application.name].term,
            prices.staging_share.mid,
            prices.staging_hours_share.mid,
            prices.overhead_share.mid,
            prices.tax_share.mid,
        ),
        volumes,
    )
    return bill(
        bought,
        pricer,
        place_prices[bought.application.name],
        place_prices[bought.database.name],
        recovery.replicas_needed(strategy),
    )


def recovery_inputs(scenario: Scenario, bought: Topology) -> RecoveryInput:
    """The deployment as recovery sees it."""
    return RecoveryInput(
        database_bytes=demands.database_bytes(scenario, 5),
        filestore_bytes=demands.filestore_bytes(scenario, 5),
        wal_bytes_per_s_mean=5e5,
        wal_bytes_per_s_peak=5e6,
        provider="aws",
        managed=True,
        has_standby_zone=bought.standby,
        application_nodes=bought.nodes,
    )


def recovery_facts(scenario: Scenario, bought: Topology, strategy: Strategy) -> RecoveryFacts:
    """What is told of recovery: all of it as in a real answer, the years few."""
    inputs, rates = recovery_inputs(scenario, bought), recovery.shipped_rates()
    promises = promises_of(scenario)
    estimates = recovery.all_strategies(inputs, 1)
    ways = []
    for way in ALL_WAYS:
        on = replace(inputs, has_standby_zone=way.standby)
        billed = bill_of(scenario, replace(bought, standby=way.standby), way.strategy)
        told, up = recovery.headline(way.strategy, on, 1), recovery.availability(way.strategy, on, 1)
        kept = told.meets(promises.rto_minutes, promises.rpo_minutes) and up.p05 >= promises.availability
        chosen = way == Way(bought.standby, strategy)
        costs = (billed.monthly_usd, billed.five_year_usd)
        ways.append(WayCost(way.standby, way.strategy, *costs, told, up, kept, chosen))
    return RecoveryFacts(
        promises,
        estimates,
        recovery.cheapest_by_failure(estimates, promises.rto_minutes, promises.rpo_minutes),
        tuple(sorted(ways, key=lambda one: one.five_year_usd)),
        simulate_years(strategy, inputs, promises, 1, rates, Effort(40, 10, 10)),
        cable_cut(strategy, inputs, "AU", scenario, 4e6, 1, rates),
        stored("specification", (36.0, 100.0, 160.0, 220.0, 280.0, 339.0), (1.0,) * 5, rates),
        window(inputs, 500.0, standby=bought.standby, rates=rates),
        Felt(Situation.STEADY, 2, "list_view", Estimate(0.21, 0.2, 0.22, 900), Estimate(0.34, 0.32, 0.36, 900)),
        tuple(backups_by(inputs, name, rates) for name in ("pg_basebackup", "barman")),
    )


def backups_by(inputs: RecoveryInput, name: str, rates: recovery.Rates) -> BackupsBy:
    """One way to make backups on a host of one's own, with a changing database."""
    way, changing = backup_ways()[name], Changing(3.4e11, Popularity(0.9, 0.2), 150.0, 2e8)
    own = replace(inputs, provider="on-premises", managed=False)
    return BackupsBy(
        way,
        stored("specification", (36.0, 100.0, 160.0, 220.0, 280.0, 339.0), (1.0,) * 5, rates, way, changing),
        window(own, 500.0, standby=False, rates=rates, way=way, changing=changing),
        12_345.0,
        recovery.estimate(Strategy.BACKUP_RESTORE, recovery.Failure.DISK, own, 1, rates),
        chosen=name == "pg_basebackup",
    )


def plan(scenario: Scenario, name: str, bought: Topology, strategy: Strategy, factor: float) -> Plan:
    """One option."""
    inputs = recovery_inputs(scenario, bought)
    return Plan(
        name=name,
        topology=bought,
        strategy=strategy,
        targets=targets(factor),
        headline=recovery.headline(strategy, inputs, 1),
        recovery=tuple(recovery.estimate(strategy, failure, inputs, 1) for failure in recovery.exposed_to(inputs)),
        availability=recovery.availability(strategy, inputs, 1),
        bill=bill_of(scenario, bought, strategy),
        situations=situations(),
        bottleneck=outcome(1.2).ranked_resources,
    )


def scenario(currency: str, rate: tuple[float, float, float], tax_share: float) -> Scenario:
    """Two million farmers."""
    prices = Prices.model_validate({"currency": currency, "usd_rate": list(rate), "tax_share": tax_share})
    return Scenario(registry=Registry(farmers=2_000_000), prices=prices)


def peak_day(asked: Scenario) -> PeakDay:
    """A campaign day; in one hour nothing is known of the only class that came."""
    campaign = demands.demand(asked, Situation.CAMPAIGN, 4e6)
    hours = tuple(
        DayHour(
            hour,
            sum(campaign.at_hour(hour).values()),
            0.02 * hour,
            0.025 * hour,
            p95_s(0.3 + 0.05 * hour) if hour != 3 else {"list_view": NAN},
        )
        for hour in range(24)
    )
    return PeakDay(Situation.CAMPAIGN, hours, requests=3.3e7, share=0.02, simulated_requests=650_000)


def swings(cost: float) -> tuple[Swing, ...]:
    """What some uncertain inputs do to a cost."""
    return tuple(
        Swing(name, low, mid, high, unit, cost * at_low, cost * at_high)
        for name, low, mid, high, unit, at_low, at_high in (
            ("campaign.farmers_per_enumerator_per_day", 2.0, 8.0, 20.0, "farmers/day", 0.8, 1.7),
            ("users.officers_at_once_per_100k", 5.0, 10.0, 30.0, "users", 0.9, 1.9),
            ("registry.growth_5y", 0.5, 1.0, 2.0, "fraction", 0.85, 1.3),
            ("campaign.surge_factor", 1.0, 2.0, 4.0, "times", 1.0, 1.2),
            ("users.portal_at_once_per_100k", 50.0, 100.0, 400.0, "users", 1.1, 0.97),
        )
    )


def database_advice(asked: Scenario) -> DatabaseAdvice:
    """Real growth; the years, the replica and the savings are made up. The memory holds the first three years."""
    years = tuple(
        Year(
            year=year,
            farmers=demands.farmers_in_year(asked, year),
            database_bytes=demands.database_bytes(asked, year),
            table_bytes=0.8 * demands.database_bytes(asked, year),
            held=Held(64.0 * GIB, (30.0 + 7.0 * year) * GIB, 45.0 * GIB, 0.97 - 0.03 * year, 400.0 * (1 + year)),
            disk_utilisation=0.1 + 0.1 * year,
            p95_s=p95_s(0.3 + 0.1 * year),
        )
        for year in range(6)
    )
    replica = ReplicaAdvice(("list_view", "record_read"), 0.4, 0.5, 0.6, 0.31, 0.2)
    indexes = tuple(
        IndexSaving(names, usd, cpu, size * GIB)
        for names, usd, cpu, size in (
            ((), float("inf"), 900.0, 0.0),
            (("dedup_index",), 910_000.0, 31.0, 0.2),
            (("name_index",), float("inf"), 880.0, 0.2),
            (("dedup_index", "name_index"), 230_000.0, 8.0, 0.4),
        )
    )
    operations = (
        Operations(Situation.STEADY, 700.0, 20.0, 90.0, 4.0, 0.0, 6e6),
        Operations(Situation.SURGE, 2100.0, 290.0, 950.0, 30.0, 0.0, 25e6),
    )
    limits = (Limit("IOPS of the disk", 0.7, 5.7e6), Limit("CPU of the database", 0.5, 8e6), Limit("MB/s", 0.1, 4e7))
    memory = tuple(
        Held(gib * GIB, 65.0 * GIB, 0.7 * gib * GIB, ratio, 20_000.0 * (1.0 - ratio))
        for gib, ratio in ((32.0, 0.8), (64.0, 0.89), (128.0, 0.95))
    )
    told = (operations, limits, memory, "at night, when few are at work")
    return DatabaseAdvice(3e6, growth_of(asked), years, replica, indexes, *told)


@cache
def recommendation(
    currency: str = "USD", rate: tuple[float, float, float] = (1.0, 1.0, 1.0), tax_share: float = 0.0
) -> Recommendation:
    """The whole answer."""
    asked = scenario(currency, rate, tax_share)
    recommended = plan(asked, "recommended", topology(4, standby=True), Strategy.WARM_STANDBY, 1.0)
    cost = recommended.bill.five_year_usd
    model = load_model()
    return Recommendation(
        scenario=asked,
        farmers_design=4e6,
        recommended=recommended,
        alternatives=(
            plan(asked, "minimum", topology(2, standby=False), Strategy.BACKUP_RESTORE, 1.9),
            plan(asked, "resilient", topology(6, standby=True), Strategy.HOT_STANDBY, 0.8),
        ),
        day=peak_day(asked),
        growth_curve=tuple(
            FarmersPoint(4e6 * scale, p95_s(0.4 + 0.6 * scale**2), min(1.0, 0.55 * scale), min(1.0, 0.62 * scale))
            for scale in (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
        ),
        iops=IopsSplit(reads=2100.0, wal_flushes=310.0, checkpoint_writes=950.0, bought=12_000, miss_ratio=0.11),
        tables=demands.tables(asked),
        rejected=(
            Rejection("database: burstable, its CPU credits end within the peak hour", 14),
            Rejection("report p95 over 15 s", 9),
        ),
        sensitivities=swings(cost),
        places=(
            PlaceCost("aws/ap-southeast-2", cost, recommended.topology.title),
            PlaceCost("azure/australiaeast", 1.1 * cost, "4 x Standard_D8s_v3 + GP_Standard_D16s_v3"),
        ),
        rule_of_thumb=RuleOfThumb(2400.0, 400, 200, 126.95),
        conditions=("create the index on national ID, name and birth date", "create the trigram index on names"),
        warnings=("the model odoo18-reference was measured on Odoo's contacts, not on the DFR's own modules",),
        assumptions=merged(
            asked.ledger(),
            demands.ledger(),
            model.ledger(),
            recovery.ledger(),
            load_catalogue().own_hosting_assumptions,
        ),
        seed=1,
        model=model.name,
        model_error={"throughput": 0.021, "mean": -0.043, "p95": 0.114},
        simulated_requests=4_321_000,
        crosscheck=crosscheck(),
        selection=Selection(0.95, 0.05, 3, 39, ("deadline-surge: report",), 120, 14_000.0),
        recovery=recovery_facts(asked, recommended.topology, recommended.strategy),
        database=database_advice(asked),
        choice=choice_fixture.choice(recommended),
    )


def without_data() -> Recommendation:
    """An answer in which everything that may be missing is missing."""
    whole = recommendation()
    nothing = tuple(replace(check, predicted=NAN, low=NAN, high=float("inf")) for check in whole.recommended.targets)
    silent = replace(outcome(1.0), classes={}, worker_wait=NO_DATA, sync_500=NO_DATA, utilisation={})
    recommended = replace(
        whole.recommended,
        targets=nothing,
        recovery=(),
        situations=tuple(replace(result, outcome=silent) for result in situations()),
        bottleneck=(),
    )
    return replace(
        whole,
        recommended=recommended,
        alternatives=(),
        day=None,
        growth_curve=(),
        tables=(),
        rejected=(),
        sensitivities=(),
        places=(),
        database=None,
        conditions=(),
        warnings=(),
        assumptions=(),
        model_error={},
        crosscheck=None,
        recovery=None,
        choice=None,
    )
