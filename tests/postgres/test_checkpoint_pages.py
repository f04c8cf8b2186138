"""When checkpoints come, and what they write, against a buffer pool touch by touch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from buffer_pool import ClockPool, draws
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dfr_sizing.postgres.cache import Cache, Relation, shared_buffers
from dfr_sizing.postgres.checkpoint import Dirtied, checkpoint, interval, trigger_bytes
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.postgres.settings import Settings

MIB = 2.0**20
WITHOUT_WRITER = partial(Settings, bgwriter_lru_maxpages=0.0)


def simulated(
    popularity: Popularity,
    pages: int,
    buffers: int,
    changed: float,
    interval_s: float,
    by_age: bool,
    come: Callable[[float], float] = float,
    multiplier: float = 0.0,
) -> tuple[float, float]:
    """Pages the checkpointer writes in an interval, and dirty pages that leave; 1,000 touches a second.

    The popular pages are the last of the file (``by_age``), or anywhere. ``come`` says how far the next checkpoint is
    come by a part of the interval, ``multiplier`` how much the background writer cleans, five times a second.
    """
    per_s, intervals, warm = 1000, 24, 4
    pool = ClockPool(buffers)
    place = np.arange(pages)[::-1] if by_age else np.random.default_rng(3).permutation(pages)
    touches = [int(place[page]) for page in draws(popularity, pages, int(per_s * interval_s) * intervals, 1)]
    is_change = np.random.default_rng(2).random(len(touches)) < changed
    number = int(per_s * interval_s)
    written, evicted = 0, 0
    for period in range(intervals):
        due, before = pool.begin_checkpoint(), pool.evicted
        done = 0
        for step in range(number):
            while done < len(due) and done < len(due) * come(step / number) / 0.9:
                written += pool.write(due[done]) * (period >= warm)
                done += 1
            at = period * number + step
            pool.touch(touches[at], bool(is_change[at]))
            if step % (per_s // 5) == 0:
                pool.clean_ahead(multiplier)
        evicted += (pool.evicted - before) * (period >= warm)
    return written / (intervals - warm), evicted / (intervals - warm)


@pytest.mark.parametrize("by_age", [False, True])
@pytest.mark.parametrize(
    ("popularity", "pages", "buffers", "changed"),
    [
        (Popularity(0.7, 0.2), 4000, 4000, 0.2),  # nothing leaves
        (Popularity(0.7, 0.2), 4000, 2500, 0.2),
        (Popularity(0.3, 0.1), 6000, 3000, 0.1),
        (Popularity(0.8, 0.3), 6000, 2400, 0.5),
        (Popularity(0.8, 0.3), 6000, 1200, 0.5),  # most leave before a checkpoint comes to them
    ],
)
def test_pages_written_against_a_simulated_pool(
    popularity: Popularity, pages: int, buffers: int, changed: float, by_age: bool
) -> None:
    """The checkpointer's share to 4 %, what is written in all to 2 %."""
    seconds = 10.0
    written, evicted = simulated(popularity, pages, buffers, changed, seconds, by_age)
    cache = shared_buffers([Relation("t", pages, popularity, 1000.0)], buffers)
    made = [Dirtied("t", pages, popularity, 1000.0, changed * 1000.0, by_age=by_age)]
    found = checkpoint(made, cache, lambda _: 0.0, WITHOUT_WRITER(checkpoint_timeout_s=seconds))
    assert found.pages == pytest.approx(written, rel=0.04)
    assert found.pages + found.evicted_per_s * seconds == pytest.approx(written + evicted, rel=0.02)


@pytest.mark.parametrize(("pages", "buffers"), [(6000, 2400), (6000, 1200)])
def test_the_background_writer_is_there_before_the_hand(pages: int, buffers: int) -> None:
    """A moment before, which leaves the checkpointer less where the hand is quick."""
    popularity, seconds, changed = Popularity(0.8, 0.3), 10.0, 0.5
    cache = shared_buffers([Relation("t", pages, popularity, 1000.0)], buffers)
    made = [Dirtied("t", pages, popularity, 1000.0, changed * 1000.0, by_age=True)]
    pages_by = {}
    for multiplier in (0.0, 2.0):
        written, evicted = simulated(popularity, pages, buffers, changed, seconds, True, multiplier=multiplier)
        told = Settings(checkpoint_timeout_s=seconds, bgwriter_lru_multiplier=multiplier, bgwriter_lru_maxpages=1e6)
        found = checkpoint(made, cache, lambda _: 0.0, told)
        assert found.pages == pytest.approx(written, rel=0.04)
        assert found.pages + found.evicted_per_s * seconds == pytest.approx(written + evicted, rel=0.02)
        pages_by[multiplier] = found.pages
    assert pages_by[2.0] < 0.97 * pages_by[0.0]


@pytest.mark.parametrize(("pages", "buffers"), [(6000, 2400), (6000, 1200)])
def test_wal_that_comes_first_sets_a_quick_pace_at_first(pages: int, buffers: int) -> None:
    """Images after a checkpoint: more than half of the WAL in a fifth of the interval. Fewer pages leave before."""
    popularity, seconds, changed = Popularity(0.8, 0.3), 10.0, 0.5
    by_wal = WITHOUT_WRITER(max_wal_size_bytes=960 * MIB, checkpoint_timeout_s=1e5)

    def come(part: float) -> float:
        return float((part - 2.0 * np.expm1(-10.0 * part)) / (1.0 - 2.0 * np.expm1(-10.0)))

    written, evicted = simulated(popularity, pages, buffers, changed, seconds, True, come)
    cache = shared_buffers([Relation("t", pages, popularity, 1000.0)], buffers)
    made = [Dirtied("t", pages, popularity, 1000.0, changed * 1000.0, by_age=True)]
    found = checkpoint(made, cache, lambda t: come(t / seconds) * trigger_bytes(by_wal), by_wal)
    assert found.by_wal
    assert found.interval_s == pytest.approx(seconds)
    assert come(found.spread_s / seconds) == pytest.approx(0.9, abs=0.01)
    assert found.pages == pytest.approx(written, rel=0.04)
    assert found.pages + found.evicted_per_s * seconds == pytest.approx(written + evicted, rel=0.02)
    even = checkpoint(made, cache, lambda _: 0.0, WITHOUT_WRITER(checkpoint_timeout_s=seconds))
    assert even.pages < 0.93 * found.pages


def everything_fits() -> Cache:
    return shared_buffers([Relation("t", 10.0, Popularity(0.5), 1.0)], 1e6)


def test_new_pages_are_written_once() -> None:
    """300 that are full, and the one that each of four connections is filling, which is written again when it is."""
    made = [Dirtied("t", 1000.0, Popularity(0.5), 0.0, 0.0, fresh_per_s=3.0, ends=4)]
    found = checkpoint(made, everything_fits(), lambda _: 0.0, Settings(checkpoint_timeout_s=100.0))
    assert found.pages == pytest.approx(304.0)
    assert found.evicted_per_s == 0.0


def test_nothing_changed_nothing_written() -> None:
    made = [Dirtied("t", 1000.0, Popularity(0.5), 50.0, 0.0)]
    found = checkpoint(made, everything_fits(), lambda _: 0.0, Settings())
    assert (found.pages, found.evicted_per_s, found.files) == (0.0, 0.0, 0.0)


def test_trigger_is_postgresqls_in_whole_segments() -> None:
    """CalculateCheckpointSegments at its defaults: 1 GB / 16 MB / 1.9 is 33.7, so 33 segments."""
    assert trigger_bytes(Settings()) == 33 * 16 * MIB
    assert trigger_bytes(Settings(max_wal_size_bytes=32 * MIB)) == 16 * MIB
    assert trigger_bytes(Settings(checkpoint_completion_target=0.5)) == 42 * 16 * MIB


@settings(deadline=None)
@given(st.floats(1e3, 1e9))
def test_wal_or_time_whichever_comes_first(per_s: float) -> None:
    settings = Settings()
    seconds, by_wal = interval(lambda t: per_s * t, settings)
    assert by_wal == (per_s * settings.checkpoint_timeout_s > trigger_bytes(settings))
    assert seconds == pytest.approx(
        min(settings.checkpoint_timeout_s, trigger_bytes(settings) / per_s), rel=1e-4, abs=1e-5
    )


@settings(deadline=None, max_examples=40)
@given(
    st.floats(10.0, 1e5),
    st.just(0.0) | st.floats(1e-12, 1e3),  # from once in 30,000 years: below 1e-300 a page's share has no digits left
    st.floats(100.0, 1e5),
    st.floats(5.0, 300.0),
)
@example(pages=14388.0, changed=1.192092896e-07, buffers=14334.0, seconds=5.0)
def test_no_more_is_written_than_was_changed(pages: float, changed: float, buffers: float, seconds: float) -> None:
    popularity = Popularity(0.7, 0.2)
    cache = shared_buffers([Relation("t", pages, popularity, changed + 100.0)], buffers)
    assume(seconds < 400.0 * cache.characteristic_s)
    made = [Dirtied("t", pages, popularity, changed + 100.0, changed)]
    found = checkpoint(made, cache, lambda _: 0.0, WITHOUT_WRITER(checkpoint_timeout_s=seconds))
    writes = found.pages_per_s + found.evicted_per_s
    assert 0.0 <= writes <= changed * (1 + 1e-9)
    assert found.pages <= min(pages, buffers) * 1.01 + 1.0
