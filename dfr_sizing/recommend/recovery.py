"""What recovery comes to: every strategy against every failure, the cost of each way, the years of the chosen one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from dfr_sizing.cost import BACKUPS, Bill
from dfr_sizing.cost_pricer import bill
from dfr_sizing.recommend.backup_window import begin_felt
from dfr_sizing.recommend.candidates import ALL_WAYS, Candidate, Way
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.evaluate import recovery_input, recovery_of, recovery_rates
from dfr_sizing.recommend.recovery_types import BackupsBy, CableCut, RecoveryFacts, WayCost
from dfr_sizing.recovery import (
    Failure,
    RecoveryInput,
    Strategy,
    all_strategies,
    availability,
    cheapest_by_failure,
    estimate,
    replicas_needed,
)
from dfr_sizing.recovery.backup_ways import MANAGED, backup_ways
from dfr_sizing.recovery.backups import Window, window
from dfr_sizing.recovery.failures import REPAIR_HOURS, name_at
from dfr_sizing.recovery.paths import has_standby
from dfr_sizing.recovery.rates import Rates
from dfr_sizing.recovery.types import CLOUDS, Promises
from dfr_sizing.recovery.years import Years, simulate_years
from dfr_sizing.scenario import Scenario
from dfr_sizing.topology import Topology
from dfr_sizing.workers import begun

HOURS_PER_DAY, DAYS_PER_YEAR = 24.0, 365.0


def promises_of(scenario: Scenario) -> Promises:
    """What the scenario holds recovery against."""
    recovery, targets = scenario.recovery, scenario.targets
    return Promises(
        60.0 * recovery.rto_hours.mid, recovery.rpo_minutes.mid, targets.availability.mid, targets.confidence.mid
    )


def begin_facts(chosen: Candidate, design: Design, seed: int, executor: Executor | None) -> Callable[[], RecoveryFacts]:
    """Begin to simulate the years of the chosen deployment; what is returned waits for them and tells the rest."""
    topology, way, rates = chosen.topology, chosen.way, recovery_rates(design)
    inputs = recovery_input(topology.place, topology.nodes, way.standby, design)
    promises = promises_of(design.scenario)
    years = begun(executor, simulate_years, [way.strategy], [inputs], [promises], [seed], [rates])
    made = daily_window(topology, way, design)
    felt = begin_felt(topology, design, made, seed, executor)

    def facts() -> RecoveryFacts:
        estimates = all_strategies(inputs, seed, rates, promises.confidence)
        return RecoveryFacts(
            promises=promises,
            estimates=estimates,
            cheapest=cheapest_by_failure(estimates, promises.rto_minutes, promises.rpo_minutes),
            ways=_ways(chosen, design, seed),
            years=years()[0],
            cable=cable_cut(way.strategy, inputs, topology.place.country, design.scenario, design.farmers, seed, rates),
            backups=design.backups,
            window=made,
            felt=felt(),
            backups_by=backups_by_way(chosen, design, seed),
        )

    return facts


def backups_by_way(chosen: Candidate, design: Design, seed: int) -> tuple[BackupsBy, ...]:
    """Each way to make backups on hosts of one's own, for the chosen deployment; empty in a cloud."""
    topology, way = chosen.topology, chosen.way
    if topology.place.provider in CLOUDS:
        return ()
    paid = sum(item.five_year_usd for item in chosen.bill.items if item.name.rpartition(": ")[2] == BACKUPS)
    per_gib = paid / sum(design.backups.total_gib)
    found = []
    for name, made in backup_ways().items():
        if name == MANAGED:
            continue
        at = design.with_backups(made)
        inputs = recovery_input(topology.place, topology.nodes, way.standby, at)
        alone, level = replace(inputs, has_standby_zone=False), promises_of(design.scenario).confidence
        restored = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, alone, seed, recovery_rates(design), level)
        found.append(
            BackupsBy(
                made, at.backups, daily_window(topology, way, at), per_gib * sum(at.backups.total_gib), restored,
                chosen=made == design.backup_way,
            )
        )  # fmt: skip
    return tuple(found)


def daily_window(topology: Topology, way: Way, design: Design) -> Window:
    """The daily backup of a deployment."""
    inputs = recovery_input(topology.place, topology.nodes, way.standby, design)
    standby = has_standby(way.strategy, inputs)
    return window(
        inputs,
        topology.volume.mb_per_s,
        standby=standby,
        rates=recovery_rates(design),
        way=design.backup_way,
        changing=design.changing,
    )


def _ways(chosen: Candidate, design: Design, seed: int) -> tuple[WayCost, ...]:
    """Every strategy with and without a standby in another zone, on the chosen sizes; by cost."""
    topology = chosen.topology
    found = []
    for way in ALL_WAYS:
        told, available, checks = recovery_of(
            topology.place, topology.nodes, way.standby, way.strategy, design, seed
        )  # fmt: skip
        billed, _ = bill_with(chosen, way)
        kept = all(check.passed for check in checks)
        found.append(
            WayCost(
                way.standby, way.strategy, billed.monthly_usd, billed.five_year_usd, told, available, kept,
                chosen=way == chosen.way,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.five_year_usd))


def bill_with(candidate: Candidate, way: Way) -> tuple[Bill, Topology]:
    """The bill of a candidate with another way to recover, and the deployment that it then is."""
    topology = replace(candidate.topology, standby=way.standby)
    prices = (candidate.application.price, candidate.database.price)
    return bill(topology, candidate.options.pricer, *prices, replicas_needed(way.strategy)), topology


def cable_cut(
    strategy: Strategy,
    inputs: RecoveryInput,
    country: str,
    scenario: Scenario,
    farmers: float,
    seed: int,
    rates: Rates,
) -> CableCut | None:
    """The longest cut that is known of, for a host that may lie overseas; None for own hosting."""
    if not country:
        return None
    days = rates.interval(name_at(Failure.CABLE, REPAIR_HOURS, inputs.place)).high / HOURS_PER_DAY
    behind = availability(strategy, replace(inputs, overseas=True), seed, rates)
    campaign = scenario.campaign
    enumerators = campaign.enumerators_per_million.mid * farmers / 1e6
    records = enumerators * campaign.farmers_per_enumerator_per_day.mid * min(days, campaign.days.mid)
    return CableCut(country, days, 1.0 - days / DAYS_PER_YEAR, behind, records)


def years_warning(facts: RecoveryFacts) -> tuple[str, ...]:
    """A promise of availability that the simulated years leave open."""
    promises, kept = facts.promises, facts.years.available
    if kept.low >= promises.confidence:
        return ()
    interval, sure = f"{100.0 * kept.low:.1f} to {100.0 * kept.high:.1f} %", 100.0 * promises.confidence
    return (f"years that keep {100.0 * promises.availability:g} %: {interval} of those simulated, not surely {sure:g}",)


def surely_unkept(years: Years, promises: Promises) -> bool:
    """Whether the simulated years that keep the promise of availability are surely fewer than was asked for.

    The check of the search does not see a failure that finds the second site gone; the years do.
    """
    return years.available.high < promises.confidence


def years_of(chosen: Candidate, design: Design, seed: int) -> Years:
    """The simulated years of a candidate."""
    topology = chosen.topology
    inputs = recovery_input(topology.place, topology.nodes, chosen.way.standby, design)
    return simulate_years(chosen.way.strategy, inputs, promises_of(design.scenario), seed, recovery_rates(design))


def unkept_warning(facts: RecoveryFacts) -> tuple[str, ...]:
    """Failures after which no strategy keeps what is promised."""
    promises = facts.promises
    if not facts.unkept:
        return ()
    asked = f"RTO {promises.rto_minutes / 60.0:g} h or RPO {promises.rpo_minutes:g} min"
    over = f"{100.0 * (1.0 - promises.confidence):.3g} %"
    return (f"beyond {asked} in over {over} of cases, any strategy: {', '.join(facts.unkept)}",)
