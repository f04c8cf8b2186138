"""What must hold for every deployment, whatever the rates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.recovery import (
    Failure,
    RecoveryInput,
    Strategy,
    all_strategies,
    availability,
    cheapest_strategy_that_meets,
    estimate,
    headline,
    replicas_needed,
    shipped_rates,
)
from dfr_sizing.recovery.draws import Sampler
from dfr_sizing.recovery.paths import durations

Deployment = Callable[..., RecoveryInput]

CLOUDS = ("aws", "azure", "gcp")
SLACK = 1e-9  # rounding of sums in minutes

cases = st.tuples(st.sampled_from(Strategy), st.sampled_from(Failure))
seeds = st.integers(0, 2**32 - 1)
factors = st.floats(1.0, 50.0)


@st.composite
def deployments(draw: st.DrawFn) -> RecoveryInput:
    """Any deployment, from a small island's to a country of tens of millions."""
    provider = draw(st.sampled_from((*CLOUDS, "on-premises", "private-cloud")))
    managed = draw(st.booleans()) if provider in CLOUDS else False
    mean = draw(st.floats(0.0, 2e7))
    return RecoveryInput(
        database_bytes=draw(st.floats(1e8, 1e13)),
        filestore_bytes=draw(st.floats(0.0, 1e14)),
        wal_bytes_per_s_mean=mean,
        wal_bytes_per_s_peak=mean * draw(st.floats(1.0, 20.0)),
        provider=provider,
        managed=managed,
        has_standby_zone=draw(st.booleans()),
        application_nodes=draw(st.integers(1, 20)),
        kubernetes=draw(st.booleans()),
        synchronous_sites=draw(st.booleans()),
        archive_wal=managed or draw(st.booleans()),
        backup_link_bytes_per_s=draw(st.none() | st.floats(1e6, 1e9)),
        disk_bytes_per_s=draw(st.none() | st.floats(1e7, 2e9)),
    )


def rises(values: Iterable[float]) -> bool:
    """Whether no value is below the one before it, rounding apart."""
    return all(after >= before * (1.0 - SLACK) - SLACK for before, after in itertools.pairwise(values))


@given(deployments(), cases, factors, seeds)
def test_more_data_never_shorten_a_recovery(
    inputs: RecoveryInput, case: tuple[Strategy, Failure], factor: float, seed: int
) -> None:
    larger = replace(
        inputs, database_bytes=inputs.database_bytes * factor, filestore_bytes=inputs.filestore_bytes * factor
    )
    small, large = (estimate(*case, size, seed).rto_minutes for size in (inputs, larger))
    assert rises((small.p50, large.p50))
    assert rises((small.p95, large.p95))


@given(deployments(), cases, st.floats(1e6, 1e9), factors, seeds)
def test_a_faster_link_never_lengthens_a_recovery(
    inputs: RecoveryInput, case: tuple[Strategy, Failure], link: float, factor: float, seed: int
) -> None:
    slow, fast = (
        estimate(*case, replace(inputs, backup_link_bytes_per_s=per_s), seed) for per_s in (link, link * factor)
    )
    assert rises((fast.rto_minutes.p95, slow.rto_minutes.p95))
    assert rises((fast.rpo_minutes.p95, slow.rpo_minutes.p95))


@given(deployments(), cases, st.floats(1.0, 3600.0), factors, seeds)
def test_a_shorter_archive_timeout_never_loses_more(
    inputs: RecoveryInput, case: tuple[Strategy, Failure], timeout_s: float, factor: float, seed: int
) -> None:
    short, long = (
        estimate(*case, replace(inputs, archive_timeout_s=seconds), seed).rpo_minutes
        for seconds in (timeout_s, timeout_s * factor)
    )
    assert rises((short.p50, long.p50))
    assert rises((short.p95, long.p95))


@given(deployments(), seeds)
def test_a_stronger_strategy_is_never_slower_after_the_loss_of_the_site(inputs: RecoveryInput, seed: int) -> None:
    """Where WAL is archived: a replica has to replay its lag, which a small nightly dump has not."""
    assume(inputs.archive_wal)
    weak_to_strong = [estimate(strategy, Failure.SITE, inputs, seed).rto_minutes.p95 for strategy in Strategy]
    assert rises(reversed(weak_to_strong))


@given(deployments(), st.sampled_from(Strategy), seeds)
def test_headline_is_the_worse_of_disk_and_site(inputs: RecoveryInput, strategy: Strategy, seed: int) -> None:
    told = headline(strategy, inputs, seed)
    assert told.rto_minutes.p95 == max(told.disk.rto_minutes.p95, told.site.rto_minutes.p95)
    assert told.rpo_minutes.p95 == max(told.disk.rpo_minutes.p95, told.site.rpo_minutes.p95)


@settings(max_examples=30)
@given(deployments(), st.floats(1.0, 20_000.0), st.floats(0.0, 2_000.0), seeds)
def test_the_strategy_chosen_meets_the_targets_and_no_cheaper_one_does(
    inputs: RecoveryInput, rto: float, rpo: float, seed: int
) -> None:
    chosen = cheapest_strategy_that_meets(rto, rpo, inputs, seed)
    order = list(Strategy)
    cheaper = order if chosen is None else order[: order.index(chosen)]
    for strategy in cheaper:
        told = headline(strategy, inputs, seed)
        assert told.rto_minutes.p95 > rto or told.rpo_minutes.p95 > rpo
    if chosen is not None:
        told = headline(chosen, inputs, seed)
        assert told.rto_minutes.p95 <= rto
        assert told.rpo_minutes.p95 <= rpo


@settings(max_examples=30)
@given(deployments(), st.floats(1.0, 20_000.0), st.floats(0.0, 2_000.0), factors, seeds)
def test_a_looser_target_never_takes_a_dearer_strategy(
    inputs: RecoveryInput, rto: float, rpo: float, factor: float, seed: int
) -> None:
    tight = cheapest_strategy_that_meets(rto, rpo, inputs, seed)
    assume(tight is not None)
    loose = cheapest_strategy_that_meets(rto * factor, rpo * factor, inputs, seed)
    order = list(Strategy)
    assert tight is not None
    assert loose is not None
    assert order.index(loose) <= order.index(tight)


@pytest.mark.parametrize("provider", [*CLOUDS, "on-premises"])
@pytest.mark.parametrize("seed", range(5))
def test_the_p95_of_the_total_is_joint_and_below_the_sum_of_the_phases(
    deployment: Deployment, provider: str, seed: int
) -> None:
    """No theorem (quantiles can add to less than the quantile of a sum), but so for a usual deployment's spreads."""
    for told in all_strategies(deployment(provider=provider, managed=provider in CLOUDS), seed):
        if told.failure is Failure.POWER:  # its phases are alternatives: either people switch or they wait
            continue
        summed = sum(phase.minutes.p95 for phase in told.phases)
        assert rises((told.rto_minutes.p95, summed))
        if len(told.phases) > 2:
            assert told.rto_minutes.p95 < 0.97 * summed


@given(deployments(), cases, seeds)
def test_the_total_exceeds_the_phases_own_bounds_no_oftener_than_they_do(
    inputs: RecoveryInput, case: tuple[Strategy, Failure], seed: int
) -> None:
    """The union bound: n phases, each above its bound in a share 4 %/n, are together above in 4 % at most."""
    steps = durations(*case, inputs, Sampler(seed, shipped_rates()))
    bound = sum(float(np.quantile(minutes, 1.0 - 0.04 / len(steps))) for minutes in steps.values())
    told = estimate(*case, inputs, seed)
    assert rises((told.rto_minutes.p95, bound))
    assert rises((max(phase.minutes.p95 for phase in told.phases), told.rto_minutes.p95))
    assert rises((told.rto_minutes.p50, told.rto_minutes.p95))
    assert rises((0.0, told.rpo_minutes.p50, told.rpo_minutes.p95))
    assert all(phase.minutes.p50 >= 0.0 for phase in told.phases)


@given(deployments(), st.sampled_from(Strategy), seeds)
def test_availability_lies_between_0_and_1_and_falls_with_a_cable_in_series(
    inputs: RecoveryInput, strategy: Strategy, seed: int
) -> None:
    alone, behind = (availability(strategy, replace(inputs, overseas=sea), seed) for sea in (False, True))
    assert 0.0 <= behind.p05 <= behind.p50 <= behind.p95 <= 1.0
    assert behind.mean < alone.mean
    assert rises((behind.p05, alone.p05))
    assert set(behind.single_points) - set(alone.single_points) == {"the cable to an overseas host"}


@given(deployments(), st.floats(1.5, 20.0), seeds)
def test_a_longer_repair_lowers_availability(inputs: RecoveryInput, factor: float, seed: int) -> None:
    rates = shipped_rates()
    name = "verify.restored_minutes"
    slower = rates.replaced(name, rates.interval(name).scaled(factor), "a slow country", Label.STATED)
    usual, slow = (availability(Strategy.BACKUP_RESTORE, inputs, seed, used) for used in (rates, slower))
    assert slow.mean < usual.mean
    assert rises((slow.p05, usual.p05))


@given(deployments(), st.sampled_from(Strategy), seeds)
def test_an_added_standby_never_lowers_availability(inputs: RecoveryInput, strategy: Strategy, seed: int) -> None:
    alone, beside = (
        availability(strategy, replace(inputs, has_standby_zone=standby), seed) for standby in (False, True)
    )
    assert rises((alone.mean, beside.mean))
    assert rises((alone.p05, beside.p05))


@given(deployments(), cases, seeds)
def test_same_seed_same_result(inputs: RecoveryInput, case: tuple[Strategy, Failure], seed: int) -> None:
    assert estimate(*case, inputs, seed) == estimate(*case, inputs, seed)


def test_another_seed_gives_another_sample_of_the_same_answer(deployment: Deployment) -> None:
    first, second = (estimate(Strategy.PILOT_LIGHT, Failure.SITE, deployment(), seed).rto_minutes for seed in (1, 2))
    assert first != second
    assert first.p50 == pytest.approx(second.p50, rel=0.1)


def test_each_stronger_strategy_has_more_copies_to_pay_for() -> None:
    shapes = [replicas_needed(strategy) for strategy in Strategy]
    copies = [
        shape.database_standby_same_site
        + shape.dr_database_share
        + shape.dr_application_share
        + shape.dr_storage
        + shape.offsite_backup
        for shape in shapes
    ]
    assert all(after > before for before, after in itertools.pairwise(copies))
    for weaker, stronger in itertools.pairwise(shapes):
        assert stronger.dr_database_share >= weaker.dr_database_share
        assert stronger.dr_application_share >= weaker.dr_application_share


def test_a_measured_rate_replaces_the_shipped_one(deployment: Deployment) -> None:
    measured = shipped_rates().replaced(
        "restore.files_mb_per_s", Interval.exactly(1.0), "restore drill of 2026-11-20", Label.MEASURED
    )
    case = (Strategy.BACKUP_RESTORE, Failure.SITE, deployment())
    assert estimate(*case, 1, measured).rto_minutes.p50 > 2 * estimate(*case, 1).rto_minutes.p50
    line = next(line for line in measured.ledger() if line.name == "recovery.restore.files_mb_per_s")
    assert (line.value, line.label) == (Interval.exactly(1.0), Label.MEASURED)


@given(deployments(), cases, seeds, st.floats(0.5, 0.999), st.floats(0.5, 0.999))
def test_more_confidence_never_promises_less_time_or_loss_nor_more_availability(
    inputs: RecoveryInput, case: tuple[Strategy, Failure], seed: int, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    told = [estimate(*case, inputs, seed, level=level) for level in (less, more)]
    assert told[0].rto_minutes.sure <= told[1].rto_minutes.sure
    assert told[0].rpo_minutes.sure <= told[1].rpo_minutes.sure
    up = [availability(case[0], inputs, seed, level=level).sure for level in (less, more)]
    assert up[1] <= up[0]
    usual = estimate(*case, inputs, seed)
    assert usual.rto_minutes.sure == usual.rto_minutes.p95
    assert availability(case[0], inputs, seed).sure == availability(case[0], inputs, seed).p05
