"""A deployment through the years: hit ratio and working set by what must hold, and what indexes save."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import plan_fixtures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.demand import Situation, database_bytes, farmers_in_year
from dfr_sizing.growth import growth_of
from dfr_sizing.model import load_model
from dfr_sizing.recommend.candidates import Way, place_options
from dfr_sizing.recommend.database_types import DatabaseAdvice
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.index_saving import index_savings
from dfr_sizing.recommend.years import held_of, hit_ratios, years
from dfr_sizing.recovery import Strategy
from dfr_sizing.scenario import load_scenario
from dfr_sizing.topology import GIB

MODEL = load_model()
SCENARIO = load_scenario(None, {"registry.farmers": 2e6})
TOPOLOGY = plan_fixtures.topology(6, standby=False)
GROWTH = growth_of(SCENARIO)
DESIGN = design_for(SCENARIO, MODEL)
LOAD = DESIGN.peaks[Situation.SURGE].load


def test_each_year_has_its_own_farmers_and_bytes() -> None:
    found = years(TOPOLOGY, SCENARIO, MODEL, GROWTH, Situation.SURGE)()
    assert [each.farmers for each in found] == [farmers_in_year(SCENARIO, year) for year in range(6)]
    assert [each.database_bytes for each in found] == pytest.approx([database_bytes(SCENARIO, y) for y in range(6)])
    assert all(each.p95_s == {} for each in found)


def test_the_working_set_grows_out_of_memory_and_the_disk_fills() -> None:
    """64 GiB hold 36 GiB of go-live, and not the 339 GiB of year 5."""
    found = years(TOPOLOGY, SCENARIO, MODEL, GROWTH, Situation.SURGE)()
    assert found[0].fits
    assert not found[5].fits
    for earlier, later in pairwise(found):
        assert earlier.held.working_set_bytes < later.held.working_set_bytes
        assert earlier.held.hit_ratio > later.held.hit_ratio
        assert earlier.disk_utilisation < later.disk_utilisation
    made_up = plan_fixtures.recommendation().database
    assert isinstance(made_up, DatabaseAdvice)
    assert made_up.leaves_memory == 3


def test_p95_is_simulated_where_asked() -> None:
    found = years(TOPOLOGY, SCENARIO, MODEL, GROWTH, Situation.SURGE, effort=Effort(point=3000), seed=1)()
    assert all(each.p95_s["list_view"] > 0.0 for each in found)


@settings(deadline=None, max_examples=25)
@given(st.floats(8.0, 2000.0), st.floats(8.0, 2000.0), st.floats(10.0, 2000.0))
def test_more_memory_never_lowers_the_hit_ratio(little: float, much: float, stored_gib: float) -> None:
    little, much = sorted((little, much))
    less, more = hit_ratios(TOPOLOGY.database, LOAD, stored_gib * GIB, (little, much), DESIGN.touched)
    assert less.hit_ratio <= more.hit_ratio + 1e-6
    assert less.working_set_bytes == more.working_set_bytes <= stored_gib * GIB * (1 + 1e-9)


def test_a_database_within_shared_buffers_is_read_once_and_never_again() -> None:
    assert held_of(TOPOLOGY.database, LOAD, 8 * GIB, DESIGN.touched).hit_ratio == pytest.approx(1.0)


def test_indexes_never_cost_and_take_bytes() -> None:
    catalogue = load_catalogue()
    place = catalogue.place("aws", "us-east-1")
    way = Way(standby=False, strategy=Strategy.PILOT_LIGHT)
    found = {each.indexes: each for each in index_savings(SCENARIO, MODEL, catalogue, place, way)}
    none, both = found[()], found["dedup_index", "name_index"]
    assert len(found) == 4
    assert both.five_year_usd <= min(each.five_year_usd for each in found.values())
    assert both.database_cpu == min(each.database_cpu for each in found.values()) < none.database_cpu
    assert none.index_bytes == 0.0 < both.index_bytes
    options = place_options(catalogue, place, design_for(SCENARIO, MODEL), (way,), 1, Counter())
    assert options is not None
    assert both.five_year_usd >= options.least_cost
