"""Cases that a pencil can do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.recovery import (
    Failure,
    Quantiles,
    Rates,
    RecoveryEstimate,
    RecoveryInput,
    Step,
    Strategy,
    all_strategies,
    availability,
    estimate,
    exposed_to,
    replicas_needed,
    shipped_rates,
)
from dfr_sizing.recovery.draws import DRAWS, Sampler, spread, stream

Deployment = Callable[..., RecoveryInput]

SEED = 7
GIB = 2.0**30
PER_DRAW = 3.0 / np.sqrt(DRAWS)  # three standard errors of a quantile, at most half of this in probability
MB = 1e6


def exactly(**values: float) -> Rates:
    """The shipped rates with some known exactly; ``__`` stands for the dot of a name."""
    rates = shipped_rates()
    for name, value in values.items():
        rates = rates.replaced(name.replace("__", "."), Interval.exactly(value), "test", Label.STATED)
    return rates


def phase_minutes(told: RecoveryEstimate, step: Step) -> Quantiles:
    """What one step of a recovery takes."""
    return next(phase.minutes for phase in told.phases if phase.name is step)


def test_a_nightly_dump_loses_a_uniform_share_of_its_interval_and_the_upload(deployment: Deployment) -> None:
    hours, share, link = 24.0, 0.5, 50.0 * MB
    inputs = deployment(
        archive_wal=False, filestore_bytes=0.0, full_backup_interval_h=hours, backup_link_bytes_per_s=link
    )
    rates = exactly(backup__compressed_share=share).replaced(
        "link.local_mb_per_s", Interval.exactly(1e6), "test: the cap decides", Label.STATED
    )
    lost = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, SEED, rates).rpo_minutes
    upload = 300 * GIB * share / link / 60.0
    assert lost.p50 == pytest.approx(0.5 * hours * 60.0 + upload, abs=PER_DRAW / 2 * hours * 60.0)
    assert lost.p95 == pytest.approx(0.95 * hours * 60.0 + upload, abs=PER_DRAW / 2 * hours * 60.0)
    assert upload <= lost.p50 <= lost.p95 <= hours * 60.0 + upload


@pytest.mark.parametrize(
    ("wal_per_s", "window_s"),
    [(1e3, 120.0), (1e6, 2.0**24 / 1e6)],
    ids=["quiet: the timeout", "busy: a segment's fill"],
)
def test_an_archive_loses_the_timeout_or_the_fill_of_a_segment(
    deployment: Deployment, wal_per_s: float, window_s: float
) -> None:
    link = 10.0 * MB
    inputs = deployment(
        archive_timeout_s=120.0,
        wal_bytes_per_s_mean=wal_per_s,
        wal_bytes_per_s_peak=wal_per_s,
        backup_link_bytes_per_s=link,
    )
    lost = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, SEED).rpo_minutes
    upload_s = 2.0**24 / link
    assert lost.p95 * 60.0 == pytest.approx(0.95 * window_s + upload_s, abs=PER_DRAW / 2 * window_s)


def test_restoring_files_takes_their_bytes_over_the_rate(deployment: Deployment) -> None:
    inputs = deployment(provider="aws", filestore_bytes=720.0 * 1e9, backup_link_bytes_per_s=1e15)
    rates = exactly(restore__files_mb_per_s=100.0, link__cloud_mb_per_s=1e9)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.SITE, inputs, SEED, rates)
    files = phase_minutes(told, Step.FILESTORE)
    assert (files.p50, files.p95) == pytest.approx((120.0, 120.0))


def test_fetch_and_restore_overlap_so_that_the_slower_counts(deployment: Deployment) -> None:
    inputs = deployment(database_bytes=600e9)
    rates = exactly(backup__compressed_share=0.5, restore__physical_mb_per_s=100.0)
    rates = rates.replaced("link.local_mb_per_s", Interval.exactly(100.0), "test", Label.STATED)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, SEED, rates)
    minutes = {phase.name: phase.minutes.p50 for phase in told.phases}
    assert minutes[Step.FETCH] == pytest.approx(50.0)
    assert minutes[Step.FETCH] + minutes[Step.RESTORE] == pytest.approx(100.0)


def test_replay_is_the_wal_since_the_full_backup_over_the_rate(deployment: Deployment) -> None:
    inputs = deployment(full_backup_interval_h=10.0, wal_bytes_per_s_mean=1e6)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, SEED, exactly(wal__replay_mb_per_s=50.0))
    replay = phase_minutes(told, Step.REPLAY)
    longest = 10.0 * 60.0 * 1.0 / 50.0
    assert replay.p50 == pytest.approx(0.5 * longest, abs=PER_DRAW / 2 * longest)
    assert replay.p95 == pytest.approx(0.95 * longest, abs=PER_DRAW / 2 * longest)


@pytest.mark.parametrize("provider", ["aws", "azure"])
def test_a_managed_standby_takes_over_in_the_stated_time(deployment: Deployment, provider: str) -> None:
    inputs = deployment(provider=provider, managed=True, has_standby_zone=True)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, SEED)
    assert told.rto_minutes.p50 == pytest.approx(1.5, rel=0.02)
    assert told.rto_minutes.p95 == pytest.approx(2.0, rel=0.02)
    assert told.rpo_minutes.p95 == 0.0


def test_a_synchronous_second_site_loses_nothing_and_an_asynchronous_one_its_lag(deployment: Deployment) -> None:
    lost = {
        together: estimate(
            Strategy.HOT_STANDBY, Failure.SITE, deployment(filestore_bytes=0.0, synchronous_sites=together), SEED
        ).rpo_minutes
        for together in (True, False)
    }
    assert lost[True].p95 == 0.0
    assert lost[False].p50 == pytest.approx(1.0, rel=0.05)  # 60 s
    assert lost[False].p95 == pytest.approx(5.0, rel=0.15)  # 300 s


def test_files_that_are_copied_later_than_rows_are_counted_as_lost(deployment: Deployment) -> None:
    rates = exactly(replica__lag_s=60.0, filestore__copy_lag_minutes=15.0)
    lost = [
        estimate(Strategy.WARM_STANDBY, Failure.SITE, deployment(filestore_bytes=size), SEED, rates).rpo_minutes.p50
        for size in (0.0, 1e12)
    ]
    assert lost == pytest.approx([1.0, 15.0])


def test_corruption_reaches_every_replica_so_all_strategies_restore(deployment: Deployment) -> None:
    told = [estimate(strategy, Failure.CORRUPTION, deployment(), SEED) for strategy in Strategy]
    assert len({(one.rto_minutes, one.rpo_minutes) for one in told}) == 1
    assert Step.RESTORE in {phase.name for phase in told[-1].phases}
    assert Step.DETECT not in {phase.name for phase in told[-1].phases}


def test_a_pod_on_a_lost_node_waits_for_eviction_and_detach(deployment: Deployment) -> None:
    inputs = deployment(application_nodes=1, kubernetes=True)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.NODE, inputs, SEED, exactly(server__start_minutes=1.0))
    assert told.rto_minutes.p50 == pytest.approx((45 + 300 + 360) / 60.0 + 1.0, rel=0.01)


def test_a_volume_slower_than_the_tool_sets_the_pace(deployment: Deployment) -> None:
    inputs = deployment(database_bytes=600e9, disk_bytes_per_s=10.0 * MB, backup_link_bytes_per_s=1e15)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, inputs, SEED)
    taken = phase_minutes(told, Step.FETCH).p50 + phase_minutes(told, Step.RESTORE).p50
    assert taken == pytest.approx(1000.0, rel=0.01)
    assert phase_minutes(told, Step.REPLAY).p95 == pytest.approx(0.95 * 24 * 60 * 0.5 / 10.0, rel=0.02)


def test_files_come_no_faster_than_the_link(deployment: Deployment) -> None:
    inputs = deployment(filestore_bytes=600e9, backup_link_bytes_per_s=1.0 * MB)
    files = phase_minutes(estimate(Strategy.BACKUP_RESTORE, Failure.SITE, inputs, SEED), Step.FILESTORE)
    assert (files.p50, files.p95) == pytest.approx((10_000.0, 10_000.0))


@pytest.mark.parametrize(("staffed", "minutes"), [(1.0, 10.0), (1e-9, 100.0)], ids=["day", "night"])
def test_people_decide_as_fast_as_the_hour_lets_them(deployment: Deployment, staffed: float, minutes: float) -> None:
    rates = exactly(decide__staffed_share=staffed, decide__day_minutes=10.0, decide__night_minutes=100.0)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, deployment(), SEED, rates)
    assert phase_minutes(told, Step.DECIDE).p50 == pytest.approx(minutes)


@pytest.mark.parametrize(("hosts", "started"), [(90.0, 30.0), (30.0, 90.0)])
def test_hosts_and_a_managed_database_come_up_side_by_side(
    deployment: Deployment, hosts: float, started: float
) -> None:
    inputs = deployment(provider="aws", managed=True)
    rates = exactly(provision__cloud_minutes=hosts, restore__aws_start_minutes=started)
    told = estimate(Strategy.BACKUP_RESTORE, Failure.SITE, inputs, SEED, rates)
    assert phase_minutes(told, Step.PROVISION).p50 == pytest.approx(90.0)


def without_failures() -> Rates:
    """The shipped rates in a world where nothing fails."""
    rates = shipped_rates()
    for line in rates.ledger():
        name = line.name.removeprefix("recovery.")
        if name.endswith("per_year"):
            rates = rates.replaced(name, Interval.exactly(1e-12), "test: never", Label.STATED)
    return rates


def test_availability_is_one_over_one_plus_rate_times_repair(deployment: Deployment) -> None:
    rates = without_failures().replaced("failure.cable.per_year", Interval.exactly(0.5), "test", Label.STATED)
    rates = rates.replaced("failure.cable.repair_hours", Interval.exactly(876.0), "test", Label.STATED)
    told = availability(Strategy.HOT_STANDBY, deployment(overseas=True), SEED, rates)
    assert told.mean == pytest.approx(1 / 1.05)


def test_each_application_host_fails_on_its_own(deployment: Deployment) -> None:
    rates = without_failures().replaced("failure.node.per_year", Interval.exactly(1.0), "test", Label.STATED)
    rates = rates.replaced("balancer.health_check_s", Interval.exactly(3600.0), "test", Label.STATED)
    rates = rates.replaced("failover.patroni_s", Interval.exactly(1e-6), "test", Label.STATED)
    told = availability(Strategy.HOT_STANDBY, deployment(application_nodes=10), SEED, rates)
    assert told.mean == pytest.approx(1 / (1 + 10 * 1 / 8760))


def test_single_years_are_a_poisson_number_of_repairs(deployment: Deployment) -> None:
    """One cut of 10 % of a year at a rate of one a year: none in a share exp(-1), at most two in 2.5 exp(-1)."""
    rates = without_failures().replaced("failure.cable.per_year", Interval.exactly(1.0), "test", Label.STATED)
    rates = rates.replaced("failure.cable.repair_hours", Interval.exactly(876.0), "test", Label.STATED)
    told = availability(Strategy.HOT_STANDBY, deployment(overseas=True), SEED, rates)
    assert (told.p95, told.p50, told.p05) == pytest.approx((1.0, 0.9, 0.7))


def test_a_rates_low_mid_and_high_are_its_5_50_and_95_per_cent_points() -> None:
    drawn = spread(Interval(5.0, 15.0, 180.0), stream(SEED, "test").standard_normal(200_000))
    assert np.quantile(drawn, (0.05, 0.5, 0.95)) == pytest.approx((5.0, 15.0, 180.0), rel=0.03)
    assert np.all(spread(Interval.exactly(3.0), np.array([-4.0, 0.0, 4.0])) == 3.0)


def test_streams_of_two_purposes_are_independent_and_known() -> None:
    sampler = Sampler(SEED, shipped_rates())
    one, other = sampler.uniform("since-full"), sampler.uniform("since-segment")
    assert abs(np.corrcoef(one, other)[0, 1]) < 4.0 / np.sqrt(DRAWS)
    assert stream(0, "recovery/detect").integers(2**32) == stream(0, "recovery/detect").integers(2**32)


@pytest.mark.parametrize(
    ("fields", "strategy", "expected"),
    [
        (
            {},
            Strategy.BACKUP_RESTORE,
            {"the site's power", "one database without a standby", "one server room", "one site"},
        ),
        ({"provider": "aws"}, Strategy.WARM_STANDBY, {"one database without a standby", "one zone"}),
        (
            {"has_standby_zone": True, "application_nodes": 1},
            Strategy.PILOT_LIGHT,
            {"one application host", "the site's power"},
        ),
        ({"overseas": True, "provider": "aws"}, Strategy.HOT_STANDBY, {"the cable to an overseas host"}),
        ({}, Strategy.HOT_STANDBY, set()),
    ],
)
def test_single_points_are_named(
    deployment: Deployment, fields: dict[str, object], strategy: Strategy, expected: set[str]
) -> None:
    told = set(availability(strategy, deployment(**fields), SEED).single_points)
    assert told == expected | {"one load balancer"}


def test_two_agreements_in_series_promise_less_than_either(deployment: Deployment) -> None:
    inputs = deployment(provider="aws", managed=True)
    assert availability(Strategy.BACKUP_RESTORE, inputs, SEED).refund_threshold == pytest.approx(0.995**2)
    assert availability(Strategy.BACKUP_RESTORE, deployment(), SEED).refund_threshold is None


def test_hot_standby_stands_twice_in_full() -> None:
    shape = replicas_needed(Strategy.HOT_STANDBY)
    assert (shape.dr_database_share, shape.dr_application_share, shape.database_standby_same_site) == (1.0, 1.0, 1)


def test_every_strategy_meets_every_failure_once(deployment: Deployment) -> None:
    told = all_strategies(deployment(), SEED)
    assert [(one.strategy, one.failure) for one in told] == [(s, f) for s in Strategy for f in exposed_to(deployment())]
    assert all(one.note.endswith(".") and len(one.note) > 20 for one in told)


def test_draws_are_kept_and_cannot_be_written_to() -> None:
    one, again, other = (Sampler(seed, shipped_rates()) for seed in (SEED, SEED, SEED + 1))
    assert one.draw("switch.dns_minutes", "dns") is again.draw("switch.dns_minutes", "dns")
    assert (one.uniform("hour") != other.uniform("hour")).any()
    for drawn in (one.draw("switch.dns_minutes", "dns"), one.uniform("hour")):
        with pytest.raises(ValueError, match="read-only"):
            drawn[0] = 0.0
