"""Full-page images against brute force, and what must hold of WAL at any rates."""

from __future__ import annotations

import numpy as np
import pytest
from buffer_pool import draws
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.postgres.popularity import UNIFORM, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings
from dfr_sizing.postgres.wal import (
    Changes,
    full_page_images,
    full_page_rate,
    image_bytes,
    wal_volume,
)

changes = st.lists(
    st.builds(
        Changes,
        st.sampled_from("abcdef"),
        st.floats(1.0, 1e6),
        st.builds(Popularity, st.floats(0.0, 0.95), st.floats(0.0, 1.0)),
        st.floats(0.0, 1e3),
        st.floats(100.0, 8199.0),
    ),
    max_size=3,
)


@pytest.mark.parametrize("popularity", [UNIFORM, Popularity(0.8, 0.2), Popularity(0.95, 0.0)])
def test_images_are_the_distinct_pages_that_were_changed(popularity: Popularity) -> None:
    pages, per_s, seconds = 2000, 40.0, 60.0
    rng = np.random.default_rng(1)
    counted = [len(set(draws(popularity, pages, int(rng.poisson(per_s * seconds)), seed))) for seed in range(20)]
    formula = full_page_images([Changes("t", pages, popularity, per_s, 8000.0)], seconds)["t"]
    assert formula == pytest.approx(np.mean(counted), rel=0.015)


@settings(deadline=None)
@given(changes, st.floats(0.01, 1e4), st.floats(1.01, 3.0))
def test_the_rate_of_images_is_how_fast_their_number_grows_and_only_falls(
    made: list[Changes], seconds: float, times: float
) -> None:
    """It falls, so the growth over a span lies between span x the rate at its end and at its beginning."""
    later = seconds * times
    grown = sum(full_page_images(made, later).values()) - sum(full_page_images(made, seconds).values())
    begin, end = full_page_rate(made, seconds), full_page_rate(made, later)
    assert 0.0 <= end <= begin
    rounding = 1e-9 * (1.0 + sum(full_page_images(made, later).values()))
    assert end * (later - seconds) - rounding <= grown <= begin * (later - seconds) + rounding


@settings(deadline=None)
@given(changes, st.floats(0.0, 1e6), st.floats(1.0, 1e4), st.floats(1.0, 10.0))
def test_a_longer_interval_never_raises_wal(made: list[Changes], records: float, seconds: float, times: float) -> None:
    short = wal_volume(made, records / 100.0, records, seconds, Settings())
    long = wal_volume(made, records / 100.0, records, seconds * times, Settings())
    assert long.wal_bytes / (seconds * times) <= short.wal_bytes / seconds * (1 + 1e-9)
    assert long.segment_bytes / (seconds * times) <= short.segment_bytes / seconds * (1 + 1e-9)


@settings(deadline=None)
@given(st.floats(0.0, 1e6))
def test_no_writes_no_wal(seconds: float) -> None:
    idle = [Changes("t", 1e5, Popularity(0.7), 0.0, 8000.0)]
    for made in (idle, []):
        volume = wal_volume(made, 0.0, 0.0, seconds, Settings())
        assert (volume.images, volume.wal_bytes, volume.segment_bytes) == (0.0, 0.0, 0.0)


def test_without_full_page_writes_only_records_are_left() -> None:
    made = [Changes("t", 1e4, UNIFORM, 100.0, 8000.0)]
    without = wal_volume(made, 10.0, 1000.0, 60.0, Settings(full_page_writes=False))
    assert (without.images, without.wal_bytes) == (0.0, 60_000.0)
    half = wal_volume(made, 10.0, 1000.0, 60.0, Settings(wal_compression=0.5))
    whole = wal_volume(made, 10.0, 1000.0, 60.0, Settings())
    assert half.image_bytes == pytest.approx(whole.image_bytes / 2.0)
    assert half.images == whole.images


def test_an_image_is_the_page_less_its_hole() -> None:
    assert PAGE < image_bytes(1.0) < PAGE + 16
    assert image_bytes(0.7) == pytest.approx(0.7 * PAGE + 7)
    with pytest.raises(ValueError, match=r"used_share is 1\.2, but must be from 0 to 1"):
        image_bytes(1.2)
