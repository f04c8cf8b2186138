"""A RAID of hard disks does what its disks and its level allow."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.errors import InputError
from dfr_sizing.storage.raid import Raid, disk_iops, raid_disk, raid_iops

ON = date(2026, 11, 23)
raids = st.builds(
    Raid, st.sampled_from([0, 1, 5, 6, 10]), st.sampled_from([4, 6, 8, 12, 24]), st.just(1000),
    st.sampled_from([7200, 10_000, 15_000]),
)  # fmt: skip


@pytest.mark.parametrize(("rpm", "iops"), [(7200, 80), (10_000, 140), (15_000, 180)])
def test_a_disk_does_what_its_speed_is_known_for(rpm: int, iops: int) -> None:
    # virtualtarzan.com/raid-penalty-calculations: 7,200 rpm 80, 10,000 rpm SAS 140, 15,000 rpm SAS 180 IOPS
    assert disk_iops(rpm) == pytest.approx(iops, rel=0.03)


@pytest.mark.parametrize(("level", "needed"), [(5, 2500), (6, 3500), (10, 1500)])
def test_write_penalties_are_those_of_the_levels(level: int, needed: int) -> None:
    # the same page: 1,000 IOPS, half of them writes, need 2,500, 3,500 and 1,500 IOPS of disks
    raid = Raid(level, 12, 600, 15_000)
    assert 12 * disk_iops(15_000) / raid_iops(raid, 0.5) * 1000 == pytest.approx(needed)


@given(raids, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_writes_never_give_more_operations(raid: Raid, one: float, other: float) -> None:
    assert raid_iops(raid, max(one, other)) <= raid_iops(raid, min(one, other))
    assert raid_iops(raid, 0.0) == pytest.approx(raid.disks * disk_iops(raid.rpm))


@pytest.mark.parametrize(("level", "gib"), [(0, 8000), (1, 4000), (10, 4000), (5, 7000), (6, 6000)])
def test_parity_and_mirrors_take_their_room(level: int, gib: int) -> None:
    assert raid_disk(Raid(level, 8, 1000, 10_000), 0.3, "raid", ON).max_gib == gib


def test_parity_reads_before_it_writes_unless_a_cache_takes_it() -> None:
    mirrored, parity, cached = (
        raid_disk(Raid(level, 8, 1000, 10_000, cached), 0.3, "raid", ON)
        for level, cached in ((10, False), (5, False), (5, True))
    )
    assert parity.write_latency_ms.mid == pytest.approx(2 * mirrored.write_latency_ms.mid)
    assert mirrored.read_latency_ms.mid == pytest.approx(4.2 + 3.0)
    assert cached.write_latency_ms.high < mirrored.write_latency_ms.low + 1.0
    assert cached.base_iops == parity.base_iops


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((3, 4, 1000, 7200), "RAID level is 3, but must be one of 0, 1, 5, 6, 10"),
        ((6, 3, 1000, 7200), "disks of RAID 6 is 3, but must be 4 or more"),
        ((10, 5, 1000, 7200), "disks of RAID 10 is 5, but must be 4 or more and even"),
        ((5, 5, 1000, 5400), "rpm is 5400, but must be one of 7200, 10000, 15000"),
    ],
)
def test_a_raid_that_cannot_be_is_refused(figures: tuple[int, int, int, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Raid(*figures)
