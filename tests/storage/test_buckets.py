"""Buckets in series: one bucket where that is exact, never more than the two where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dfr_sizing.simulation.jit import in_python
from dfr_sizing.simulation.token_bucket import serve
from dfr_sizing.storage.buckets import Bucket, in_series, phases_of, tokens_through

rates = st.floats(10.0, 1e5)


@st.composite
def buckets(draw: st.DrawFn) -> Bucket:
    rate = draw(rates)
    if draw(st.booleans()):
        return Bucket.steady(rate)
    return Bucket(rate, rate * draw(st.floats(1.01, 20.0)), rate * draw(st.floats(1.0, 1e4)))


def given_by(phases: Sequence[tuple[float, float]], until: float) -> float:
    """Units given from the beginning of the phases on."""
    total = 0.0
    for rate, seconds in phases:
        total += rate * min(seconds, until)
        until -= min(seconds, until)
    return total


class Tokens:
    """A bucket kept second by second, as a fluid, the slow and plain way: the truth for ``in_series``."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.tokens = bucket.most

    def lets(self, seconds: float) -> float:
        return min(self.bucket.burst_rate * seconds, self.tokens + self.bucket.rate * seconds)

    def take(self, amount: float, seconds: float) -> None:
        self.tokens = min(self.bucket.most, self.tokens + self.bucket.rate * seconds - amount)


@given(buckets(), buckets())
def test_phases_are_the_least_of_the_curves(first: Bucket, second: Bucket) -> None:
    phases = phases_of((first, second))
    assert phases[-1][1] == math.inf
    slopes = [rate for rate, _ in phases]
    assert slopes == sorted(slopes, reverse=True)
    for t in (0.1, 10.0, 1000.0, 1e5):
        least = min(min(b.burst_rate * t, b.most + b.rate * t) for b in (first, second))
        assert given_by(phases, t) == pytest.approx(least, rel=1e-6)


@given(buckets(), buckets())
def test_one_bucket_gives_what_two_give_until_it_says_and_never_more(first: Bucket, second: Bucket) -> None:
    limit = in_series(first, second)
    truth, one = phases_of((first, second)), phases_of((limit.bucket,))
    for t in (0.1, 1.0, 30.0, 1000.0, 2e4, 1e6):
        assert given_by(one, t) <= given_by(truth, t) * (1.0 + 1e-6)
        if t <= limit.exact_until_s:
            assert given_by(one, t) == pytest.approx(given_by(truth, t), rel=1e-6)


@given(buckets(), buckets(), st.lists(st.floats(0.0, 3e5), min_size=1, max_size=40))
def test_one_bucket_follows_two_through_any_demand_where_it_is_exact(
    first: Bucket, second: Bucket, asked: list[float]
) -> None:
    limit = in_series(first, second)
    assume(limit.exact_until_s == math.inf)
    apart, one = (Tokens(first), Tokens(second)), Tokens(limit.bucket)
    for demand in asked:
        wanted = demand * 60.0
        together = min(wanted, *(tokens.lets(60.0) for tokens in apart))
        alone = min(wanted, one.lets(60.0))
        assert alone == pytest.approx(together, rel=1e-6, abs=1e-3)
        for tokens in (*apart, one):
            tokens.take(together, 60.0)


def test_three_rates_are_told_and_the_middle_one_is_given_up() -> None:
    # a small volume's long burst behind a faster instance's short one
    volume, instance = Bucket(100.0, 3000.0, 5.4e6), Bucket(1000.0, 2500.0, 150_000.0)
    rates_in_turn, seconds = zip(*phases_of((volume, instance)), strict=True)
    assert rates_in_turn == (2500.0, 1000.0, 100.0)
    assert seconds == pytest.approx((100.0, (5.4e6 - 100.0 * 2400.0) / 900.0, math.inf))
    limit = in_series(volume, instance)
    assert (limit.rate_of, limit.burst_of, limit.exact_until_s) == ("volume", "instance", 100.0)
    assert limit.bucket == Bucket(100.0, 2500.0, 240_000.0)
    assert limit.apart == (volume, instance)


@given(buckets().filter(lambda bucket: bucket.bursts))
def test_the_engines_bucket_is_empty_when_this_one_says(bucket: Bucket) -> None:
    amount = bucket.burst_rate * bucket.lasts_s()
    done, left = in_python(serve)(amount, 0.0, bucket.rate, bucket.burst_rate, bucket.most)
    assert done == pytest.approx(bucket.lasts_s(), rel=1e-9)
    assert left == pytest.approx(0.0, abs=bucket.most * 1e-6)
    later, _ = in_python(serve)(amount + 60.0 * bucket.rate, 0.0, bucket.rate, bucket.burst_rate, bucket.most)
    assert later == pytest.approx(bucket.lasts_s() + 60.0, rel=1e-9)


def test_tokens_through_a_day_that_the_night_refills() -> None:
    # 100 GiB of gp2: two hours at 600 take 300 a second, 22 at 100 bring 200 a second, up to the 5.4 million
    bucket = Bucket(300.0, 3000.0, 5.4e6)
    day = [100.0] * 8 + [600.0] * 2 + [100.0] * 14
    found = tokens_through(bucket, day)
    assert found[:9] == (5.4e6,) * 8 + (5.4e6,)
    assert found[9:11] == (5.4e6 - 1.08e6, 5.4e6 - 2.16e6)
    assert found[13:15] == (5.4e6, 5.4e6)


def test_tokens_of_a_day_that_asks_more_than_the_rate_are_gone_in_its_busy_hours() -> None:
    bucket = Bucket(300.0, 3000.0, 5.4e6)
    found = tokens_through(bucket, [200.0] * 12 + [500.0] * 12)
    assert found[12] == pytest.approx(12 * 3600 * 100.0)
    assert found[-1] == 0.0


@given(buckets(), st.lists(st.floats(0.0, 2e5), min_size=24, max_size=24), st.floats(1.0, 2.0))
def test_a_faster_bucket_never_has_fewer_tokens(bucket: Bucket, day: list[float], more: float) -> None:
    larger = Bucket(bucket.rate * more, bucket.burst_rate * more, bucket.most * more)
    day = [min(use, bucket.burst_rate) for use in day]
    for few, many in zip(tokens_through(bucket, day), tokens_through(larger, day), strict=True):
        assert few <= many + 1e-6 * bucket.most


@pytest.mark.parametrize("figures", [(0.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 2.0, -1.0)])
def test_a_bucket_that_cannot_be_is_refused(figures: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="a bucket needs 0 < rate <= burst rate"):
        Bucket(*figures)
