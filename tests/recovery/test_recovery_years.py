"""Simulated years against closed forms, and what must hold for every deployment."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.recovery import Failure, Rates, RecoveryInput, Strategy, availability, shipped_rates
from dfr_sizing.recovery.availability import HOURS_PER_YEAR
from dfr_sizing.recovery.draws import Sampler
from dfr_sizing.recovery.life import Answers, Life, Lived
from dfr_sizing.recovery.strata import Effort, Incident, _two_or_more, strata
from dfr_sizing.recovery.types import INTACT, Promises, Standing
from dfr_sizing.recovery.years import lives, mean, quantiles, share, simulate_years

Deployment = Callable[..., RecoveryInput]

SEED = 11
PROMISES = Promises(240.0, 60.0, 0.995, 0.95)
FEW = Effort(20, 4, 8)
NEVER = Interval.exactly(1e-12)


def only(**values: Interval) -> Rates:
    """A world in which nothing fails but what is given; ``__`` stands for the dot of a name, ``_x_`` for a hyphen."""
    rates = shipped_rates()
    for line in rates.ledger():
        name = line.name.removeprefix("recovery.")
        if name.endswith("per_year"):
            rates = rates.replaced(name, NEVER, "test: never", Label.STATED)
    for name, value in values.items():
        named = name.replace("__", ".").replace("_x_", "-")
        rates = rates.replaced(named, value, "test", Label.STATED)
    return rates


def lived(strategy: Strategy, inputs: RecoveryInput, rates: Rates, count: int, years: float) -> tuple[Lived, ...]:
    """So many lives of so many years, none of which brings a rare failure."""
    sampler = Sampler(SEED, rates)
    calm = strata(inputs, sampler, Effort(count, 1, 1), years)[0]
    assert calm.probability == pytest.approx(1.0)
    return lives(calm, Answers(strategy, inputs, sampler))


def within(values: list[float], truth: float, narrow: float) -> None:
    """The mean of independent values is the truth to 3.3 standard errors (99.9 %), and these are narrow."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert error < narrow * truth
    assert abs(float(np.mean(values)) - truth) < 3.3 * error


def test_two_hosts_are_down_together_as_often_as_the_markov_chain_says(deployment: Deployment) -> None:
    """Two independent units, each up for 1/rate and down for its repair: both down in a share p x p (any law)."""
    rates = only(
        failure__node__per_year=Interval.exactly(60.0),
        provision__cloud_minutes=Interval(600.0, 2400.0, 6000.0),
        detect__minutes=Interval.exactly(1e-6),
        server__start_minutes=Interval.exactly(1e-6),
        balancer__health_check_s=Interval.exactly(1e-6),
    )
    inputs = deployment(provider="aws", application_nodes=2)
    last = Standing(hosts_out=1)
    repair_h = np.mean(Answers(Strategy.BACKUP_RESTORE, inputs, Sampler(SEED, rates)).of(Failure.NODE, last).hours)
    down = 60.0 * float(repair_h) / HOURS_PER_YEAR
    both = (down / (1.0 + down)) ** 2
    years = 20.0
    found = lived(Strategy.BACKUP_RESTORE, inputs, rates, 60, years)
    within([life.down_h / (years * HOURS_PER_YEAR) for life in found], both, 0.02)


def test_a_host_that_fails_without_its_standby_is_as_frequent_as_the_markov_chain_says(deployment: Deployment) -> None:
    """Losses of the standby, a at a time on average: 2 a from none, a from one on; none in a share 1 / (2 exp(a) - 1).

    A birth and death chain whose repairs are independent; reversible, so that their law does not matter (Kelly 1979).
    """
    rates = only(
        failure__database_x_host__per_year=Interval.exactly(40.0),
        failure__database_x_host__cloud__repair_hours=Interval(20.0, 60.0, 150.0),
    )
    inputs = deployment(provider="aws", managed=True, has_standby_zone=True)
    answers = Answers(Strategy.BACKUP_RESTORE, inputs, Sampler(SEED, rates))
    repair_h = np.mean([answers.repair_h(Failure.DATABASE_HOST, draw) for draw in range(4000)])
    a = 40.0 * float(repair_h) / HOURS_PER_YEAR
    alone = 1.0 - 1.0 / (2.0 * math.exp(a) - 1.0)
    years = 50.0
    found = lived(Strategy.BACKUP_RESTORE, inputs, rates, 40, years)
    unprotected = [sum(not outage.standing.standby for outage in life.outages) / (40.0 * years) for life in found]
    within(unprotected, alone, 0.02)


def test_backups_alone_lose_a_uniform_part_of_their_interval_and_the_upload(deployment: Deployment) -> None:
    """Kolmogorov's distance of the simulated losses from that law, against its 99.9 % point."""
    hours, per_s = 24.0, 50e6
    rates = only(
        failure__disk__on_x_premises__per_year=Interval.exactly(0.01),
        backup__compressed_share=Interval.exactly(0.5),
        link__local_mb_per_s=Interval.exactly(1e6),
    )
    inputs = deployment(
        archive_wal=False, filestore_bytes=0.0, full_backup_interval_h=hours, backup_link_bytes_per_s=per_s
    )
    sampler = Sampler(SEED, rates)
    drawn = strata(inputs, sampler, Effort(1, 500, 1))
    one_disk = next(stratum for stratum in drawn if stratum.name == Failure.DISK)
    found = lives(one_disk, Answers(Strategy.BACKUP_RESTORE, inputs, sampler))
    lost = np.sort([outage.lost_minutes for life in found for outage in life.outages])
    assert len(lost) == 500
    upload = inputs.database_bytes * 0.5 / per_s / 60.0
    law = np.clip((lost - upload) / (60.0 * hours), 0.0, 1.0)
    steps = np.arange(1, len(lost) + 1) / len(lost)
    assert np.max(np.abs(steps - law)) < 1.95 / math.sqrt(len(lost))


@pytest.mark.parametrize("provider", ["aws", "on-premises"])
@pytest.mark.parametrize("strategy", list(Strategy))
def test_incidents_each_alone_are_the_renewal_formula_and_together_they_cost_more(
    deployment: Deployment, strategy: Strategy, provider: str
) -> None:
    """The formula knows no failure that finds another's damage: leave that out of the lives, and they agree."""
    inputs = deployment(provider=provider, managed=provider == "aws", has_standby_zone=True)
    sampler = Sampler(SEED, shipped_rates())
    answers, drawn = Answers(strategy, inputs, sampler), strata(inputs, sampler, Effort(1200, 200, 800))
    weights, found = np.array([stratum.probability for stratum in drawn]), [lives(one, answers) for one in drawn]

    def alone(life: Lived) -> float:
        return sum(answers.of(outage.failure, INTACT).hours[outage.draw] for outage in life.outages)

    told = mean(weights, [np.array([alone(life) for life in years]) for years in found], 0.999)
    together = mean(weights, [np.array([life.down_h for life in years]) for years in found], 0.999)
    formula = HOURS_PER_YEAR * (1.0 - availability(strategy, inputs, SEED).mean)
    assert told.low < formula < told.high
    assert told.high - told.low < 0.3 * formula
    assert together.value > 0.99 * told.value  # little is gained by outages that overlap


def test_strata_share_out_all_years_and_bring_each_rare_failure_as_often_as_its_rate(deployment: Deployment) -> None:
    inputs = deployment(overseas=True)
    sampler = Sampler(SEED, shipped_rates())
    drawn = strata(inputs, sampler, Effort(50, 50, 2000))
    assert sum(stratum.probability for stratum in drawn) == pytest.approx(1.0)
    for failure, name in (
        (Failure.SITE, "failure.site.on-premises.per_year"),
        (Failure.CABLE, "failure.cable.per_year"),
    ):
        times = sum(
            stratum.probability
            * np.mean([sum(i.failure is failure and not i.unit for i in year) for year in stratum.years])
            for stratum in drawn
        )
        assert times == pytest.approx(float(sampler.draw(name, f"failure-{failure}").mean()), rel=0.04)


def test_two_or_more_is_the_tail_of_the_poisson_law() -> None:
    uniform = (np.arange(20_000) + 0.5) / 20_000
    found = _two_or_more(np.full(len(uniform), 0.8), uniform)
    tail = 1.0 - math.exp(-0.8) * 1.8
    for number in (2, 3, 4):
        truth = math.exp(-0.8) * 0.8**number / math.factorial(number) / tail
        assert np.mean(found == number) == pytest.approx(truth, abs=2e-4)
    assert found.min() == 2


def test_a_zone_that_is_lost_leaves_the_next_failure_without_a_standby(deployment: Deployment) -> None:
    inputs = deployment(provider="aws", managed=True, has_standby_zone=True, application_nodes=4)
    answers = Answers(Strategy.PILOT_LIGHT, inputs, Sampler(SEED, shipped_rates()))
    found = Life(answers).lived((Incident(100.0, Failure.ZONE, 1, 7), Incident(100.01, Failure.ZONE, 0, 7))).outages
    zone = next(outage for outage in found if outage.failure is Failure.ZONE)
    assert not zone.standing.standby
    assert zone.hours == answers.of(Failure.ZONE, Standing(standby=False)).hours[7]
    assert sum(answers.breakdown(zone).values()) / 60.0 == pytest.approx(zone.hours)
    assert zone.hours > 10 * answers.of(Failure.ZONE, INTACT).hours[7]


def test_overlapping_outages_count_once(deployment: Deployment) -> None:
    answers = Answers(Strategy.BACKUP_RESTORE, deployment(), Sampler(SEED, shipped_rates()))
    together = tuple(Incident(10.0, failure, 0, 3) for failure in (Failure.SOFTWARE, Failure.LOAD_BALANCER))
    found = Life(answers).lived(together)
    assert found.down_h == pytest.approx(max(outage.hours for outage in found.outages))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_of_weighed_strata_hold_the_truth_as_often_as_they_say(level: float) -> None:
    """Three strata of known shares, one of them sure: a share, a mean and a median, 600 times each."""
    rng = np.random.default_rng(SEED)
    weights, shares, sizes = np.array([0.7, 0.2, 0.1]), (0.99, 0.6, 1.0), (300, 40, 40)
    median = brentq(lambda x: 0.7 * x + 0.2 * math.sqrt(x) + 0.1 * x**2 - 0.5, 0.0, 1.0)
    held = np.zeros(3)
    for _ in range(600):
        kept = [rng.random(size) < p for p, size in zip(shares, sizes, strict=True)]
        told = share(weights, kept, level)
        held[0] += told.low <= float(np.dot(weights, shares)) <= told.high
        values = [rng.random(size) ** power for power, size in zip((1.0, 2.0, 0.5), sizes, strict=True)]
        told = mean(weights, values, level)
        held[1] += told.low <= 0.7 / 2 + 0.2 / 3 + 0.1 * 2 / 3 <= told.high
        told = quantiles(weights, values, (0.5,), level)[0]
        held[2] += told.low <= median <= told.high
    assert np.all(held / 600 > level - 0.04)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(Strategy), st.integers(1, 6), st.sampled_from(("aws", "on-premises")), st.integers(0, 2**32 - 1))
def test_an_added_standby_never_lowers_the_simulated_availability(
    deployment: Deployment, strategy: Strategy, nodes: int, provider: str, seed: int
) -> None:
    inputs = deployment(provider=provider, application_nodes=nodes)
    alone, beside = (
        simulate_years(strategy, replace(inputs, has_standby_zone=standby), PROMISES, seed, shipped_rates(), FEW)
        for standby in (False, True)
    )
    assert beside.mean.value >= alone.mean.value - 1e-12


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(Strategy), st.floats(1.5, 30.0), st.integers(0, 2**32 - 1))
def test_a_faster_link_and_a_shorter_archive_timeout_never_make_a_simulated_year_worse(
    deployment: Deployment, strategy: Strategy, factor: float, seed: int
) -> None:
    slow = deployment(backup_link_bytes_per_s=5e6, archive_timeout_s=1800.0)
    fast = replace(slow, backup_link_bytes_per_s=5e6 * factor, archive_timeout_s=1800.0 / factor)
    sampler = Sampler(seed, shipped_rates())
    for stratum in strata(slow, sampler, FEW):
        before_all, after_all = (lives(stratum, Answers(strategy, of, sampler)) for of in (slow, fast))
        pairs = zip(before_all, after_all, strict=True)
        for before, after in pairs:
            assert after.down_h <= before.down_h + 1e-9
            for a, b in zip(before.outages, after.outages, strict=True):
                assert b.lost_minutes <= a.lost_minutes + 1e-9


def test_the_same_seed_gives_the_same_years_whatever_the_strategy(deployment: Deployment) -> None:
    inputs, rates = deployment(), shipped_rates()
    again = [simulate_years(Strategy.PILOT_LIGHT, inputs, PROMISES, SEED, rates, FEW) for _ in range(2)]
    assert again[0] == again[1]
    assert simulate_years(Strategy.PILOT_LIGHT, inputs, PROMISES, SEED + 1, rates, FEW) != again[0]
    beside = replace(inputs, has_standby_zone=True)
    assert strata(inputs, Sampler(SEED, rates), FEW) == strata(beside, Sampler(SEED, rates), FEW)


def test_rates_go_to_another_process_and_come_back_the_same() -> None:
    rates = shipped_rates()
    assert pickle.loads(pickle.dumps(rates)) == rates  # noqa: S301 - our own bytes
    assert hash(pickle.loads(pickle.dumps(rates))) == hash(rates)  # noqa: S301


def test_causes_name_all_hours_and_the_first_costs_most(deployment: Deployment) -> None:
    told = simulate_years(Strategy.BACKUP_RESTORE, deployment(), PROMISES, SEED, shipped_rates(), FEW)
    hours = [cause.hours_per_year.value for cause in told.causes]
    assert hours == sorted(hours, reverse=True)
    assert sum(cause.share for cause in told.causes) == pytest.approx(1.0)
    assert {Failure.SITE, Failure.RANSOMWARE, Failure.DISK} <= {cause.failure for cause in told.causes}
