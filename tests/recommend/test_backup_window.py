"""What a daily backup takes from users: nothing where nobody feels it, and a slow disk's users the most."""

from __future__ import annotations

from dataclasses import replace

import plan_fixtures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.model import load_model
from dfr_sizing.recommend.backup_window import _busiest_within, begin_felt, left_of
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recovery.backups import Window
from dfr_sizing.scenario import load_scenario
from dfr_sizing.topology import limits_of, simulated_disk

TOPOLOGY = plan_fixtures.topology(6, standby=False)
DESIGN = design_for(load_scenario(None, {"registry.farmers": 2e6}), load_model())
DISK = simulated_disk(limits_of(TOPOLOGY.volume, TOPOLOGY.database), TOPOLOGY.disk)
LONG = Window(12.0, 0.9, from_standby=False, note="")


@pytest.mark.parametrize(
    "unfelt",
    [
        Window(None, None, from_standby=False, note="the provider's"),
        Window(12.0, 0.9, from_standby=True, note="the standby is read"),
    ],
)
def test_nothing_is_simulated_where_nobody_feels_it(unfelt: Window) -> None:
    assert begin_felt(TOPOLOGY, DESIGN, unfelt, 1, None)() is None


def test_users_beside_a_backup_wait_longer() -> None:
    """On a disk with little to spare in that hour; the same requests without it are the quicker ones."""
    slow = replace(TOPOLOGY, volume=replace(TOPOLOGY.volume, iops=3000, mb_per_s=125.0))
    found = begin_felt(slow, DESIGN, LONG, 1, None)()
    assert found is not None
    assert found.hour < 12
    assert found.beside.value > found.without.value
    assert found.beside.low <= found.beside.value <= found.beside.high


def test_a_longer_window_reaches_into_busier_hours_and_in_the_end_the_busiest() -> None:
    asked = [_busiest_within(DESIGN, hours)[2] for hours in (1.0, 6.0, 12.0, 30.0)]
    cpu = [load.app_cpu + load.database_cpu for load in asked]
    assert cpu == sorted(cpu)
    busiest = DESIGN.peaks[DESIGN.worst].load
    assert cpu[-1] == pytest.approx(busiest.app_cpu + busiest.database_cpu)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_backup_that_reads_more_leaves_less_but_never_nothing(a: float, b: float) -> None:
    gentle, greedy = (left_of(DISK, TOPOLOGY, share) for share in sorted((a, b)))
    assert 0.0 < greedy.iops <= gentle.iops <= DISK.iops
    assert 0.0 < greedy.write_bytes_per_s <= gentle.write_bytes_per_s <= DISK.write_bytes_per_s
    assert left_of(DISK, TOPOLOGY, 0.0) == DISK
