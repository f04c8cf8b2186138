"""RTO and RPO of the four strategies as a timed breakdown from stated rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from dfr_sizing.errors import InputError
from dfr_sizing.recovery.draws import USUAL_LEVEL, Sampler, quantiles
from dfr_sizing.recovery.failures import exposed_to
from dfr_sizing.recovery.losses import lost_minutes
from dfr_sizing.recovery.paths import BYTES_PER_MB, FROM_BACKUPS, Timing, Way, durations, files_lost, switched, way_back
from dfr_sizing.recovery.rates import Rates, shipped_rates
from dfr_sizing.recovery.types import Failure, Headline, Phase, RecoveryEstimate, RecoveryInput, Strategy


def estimate(
    strategy: Strategy,
    failure: Failure,
    inputs: RecoveryInput,
    seed: int,
    rates: Rates | None = None,
    level: float = USUAL_LEVEL,
) -> RecoveryEstimate:
    """What one failure costs under one strategy; the same seed gives the same answer.

    ``rates`` replaces those of the package, for instance with what a restore drill measured; ``level`` is the
    confidence with which targets are to be kept (``Quantiles.sure``).
    """
    sampler = Sampler(seed, rates or shipped_rates())
    steps = durations(strategy, failure, inputs, sampler)
    total = np.sum(list(steps.values()), axis=0)
    return RecoveryEstimate(
        strategy,
        failure,
        tuple(Phase(step, quantiles(minutes, level)) for step, minutes in steps.items()),
        quantiles(total, level),
        quantiles(lost_minutes(strategy, failure, inputs, sampler), level),
        _note(strategy, failure, inputs, sampler),
    )


def all_strategies(
    inputs: RecoveryInput, seed: int, rates: Rates | None = None, level: float = USUAL_LEVEL
) -> tuple[RecoveryEstimate, ...]:
    """Every strategy against every failure that can strike, strategies from the cheapest to the dearest."""
    exposed = exposed_to(inputs)
    return tuple(
        estimate(strategy, failure, inputs, seed, rates, level) for strategy in Strategy for failure in exposed
    )


def cheapest_by_failure(
    estimates: Iterable[RecoveryEstimate], rto_minutes: float, rpo_minutes: float
) -> Mapping[Failure, Strategy | None]:
    """For each failure the first strategy, from the cheapest, that keeps both targets as surely as was asked; or None.

    Strategies are in the order of what they add in copies, so of their cost.
    """
    order, told = list(Strategy), list(estimates)
    found: dict[Failure, Strategy | None] = dict.fromkeys((each.failure for each in told), None)
    for each in sorted(told, key=lambda one: order.index(one.strategy), reverse=True):
        if each.meets(rto_minutes, rpo_minutes):
            found[each.failure] = each.strategy
    return found


def headline(
    strategy: Strategy, inputs: RecoveryInput, seed: int, rates: Rates | None = None, level: float = USUAL_LEVEL
) -> Headline:
    """What is held against the RTO and RPO targets: loss of the database's disk and loss of the site, and the worse."""
    disk, site = (estimate(strategy, failure, inputs, seed, rates, level) for failure in (Failure.DISK, Failure.SITE))
    return Headline(
        strategy,
        disk,
        site,
        max(disk.rto_minutes, site.rto_minutes, key=lambda minutes: minutes.sure),
        max(disk.rpo_minutes, site.rpo_minutes, key=lambda minutes: minutes.sure),
    )


def cheapest_strategy_that_meets(
    rto_minutes: float,
    rpo_minutes: float,
    inputs: RecoveryInput,
    seed: int,
    rates: Rates | None = None,
    level: float = USUAL_LEVEL,
) -> Strategy | None:
    """The first strategy, from the cheapest, whose headline is within both targets at ``level``; None if none is.

    Raises ``InputError`` if a target is negative or not a number.
    """
    for name, value in (("rto_minutes", rto_minutes), ("rpo_minutes", rpo_minutes)):
        if not value >= 0:
            raise InputError(name, value, "0 minutes or more", "give the target in minutes")
    for strategy in Strategy:
        if headline(strategy, inputs, seed, rates, level).meets(rto_minutes, rpo_minutes):
            return strategy
    return None


def _note(strategy: Strategy, failure: Failure, inputs: RecoveryInput, sampler: Sampler) -> str:
    """What a reader must know to trust the figures."""
    way = way_back(strategy, failure, inputs)
    said = [f"{way.value[0].upper()}{way.value[1:]}"]
    if way is Way.STANDBY:
        said.append("the standby is synchronous and the files lie on storage that spans both zones")
    if way is Way.OTHER_SITE and strategy is Strategy.HOT_STANDBY:
        said.append("a witness at a third place switches without waiting for people")
    if way in FROM_BACKUPS and files_lost(failure, way):
        said.append("the files are restored after the database, through the same link")
    if way in (Way.OTHER_SITE, Way.RESTORE_ELSEWHERE) and inputs.second_in_cloud:
        said.append("the other site lies in a cloud")
    elif way is Way.RESTORE_ELSEWHERE and not inputs.in_cloud:
        said.append("hosts must first be found at another site; bought ones come later than this")
    if failure is Failure.DISK and way is not Way.STANDBY:
        said.append("the filestore lies on another disk and survives")
    if failure is Failure.CORRUPTION:
        said.append("the clock starts when someone notices; work entered since is carried over by hand")
        said.append(f"found after more than {inputs.wal_kept_days:g} days, only older backups are left")
    if failure is Failure.RANSOMWARE:
        said.append("backups and WAL lie where no account of the system can change or delete them")
    if way is Way.SWITCH_OR_WAIT:
        left = float(switched(strategy, failure, Timing(inputs, sampler)).mean())
        said.append(f"in {100.0 * left:.0f} of 100 cuts they are through first; each step counts 0 in the others")
    if failure is Failure.CABLE:
        said.append("no copy helps that lies beyond the cable; devices keep what they record")
    if inputs.wal_bytes_per_s_peak > sampler.rates.interval("wal.replay_mb_per_s").low * BYTES_PER_MB:
        said.append("at its peak WAL may come faster than a replica replays it")
    return "; ".join(said) + "."
