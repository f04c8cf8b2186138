"""The reference sizes: real rows of the catalogue, an edge that is one, and what is said of the farmers asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.catalogue import Role, load_catalogue
from dfr_sizing.cost import YEARS
from dfr_sizing.ledger import Label
from dfr_sizing.model import load_model
from dfr_sizing.recommend import baseline
from dfr_sizing.recommend.baseline import MOST_STEPS, PRECISION, Baseline, BaselineCheck, Checker, Judged, baselines
from dfr_sizing.recommend.design import Design
from dfr_sizing.scenario import load_scenario
from dfr_sizing.topology import Topology


def checker(farmers: float = 2e5, name: str = "hosting.regions", value: tuple[str, ...] = ()) -> Checker:
    return Checker(load_scenario(None, {"registry.farmers": farmers, name: value}), load_model(), load_catalogue())


@pytest.mark.parametrize("named", baselines().values(), ids=lambda named: named.provider)
def test_every_baseline_is_made_of_rows_of_the_catalogue(named: Baseline) -> None:
    catalogue = load_catalogue()
    places = [place for place in catalogue.places if place.provider == named.provider]
    assert named.source
    found = []
    for place in places:
        sizes = {one.name: one for role in Role for one, _ in catalogue.instances_at(place, role)}
        disks = {disk.name: disk for disk, _ in catalogue.disks_at(place, Role.DATABASE)}
        if {named.application, named.database} <= sizes.keys() and named.disk in disks:
            found.append(place)
            assert (sizes[named.application].vcpus, sizes[named.database].vcpus) == (4, 4)
            assert sizes[named.application].memory_gib == sizes[named.database].memory_gib == 16
            assert disks[named.disk].min_gib <= named.storage_gib <= disks[named.disk].max_gib
    assert found


def test_what_the_strategy_names_is_stated_and_the_rest_assumed() -> None:
    stated = {name for name, named in baselines().items() if named.label is Label.STATED}
    assert stated == {"aws", "azure", "on-premises"}


@given(st.floats(1.5e3, 1e8), st.floats(1.0, 30.0))
def test_halving_finds_the_edge(edge: float, above: float) -> None:
    tried = []

    def serves(farmers: float) -> bool:
        tried.append(farmers)
        return farmers <= edge

    most = edge * above
    few, fails = baseline._bisected(serves, most, 1.02 * most)
    assert len(tried) <= MOST_STEPS
    assert len(set(tried)) == len(tried)
    assert fails > edge
    if few is None:
        assert edge < 2.0 * 1e3 or above > 2.0 ** (MOST_STEPS - 2)
    else:
        assert few <= edge
        assert few in tried
        assert fails / few <= PRECISION or len(tried) == MOST_STEPS


def made_up(edge: float, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Checker]:
    """A Checker whose simulations say at once whether so many farmers are too many."""

    def judge(self: Checker, _topology: Topology, design: Design) -> Judged:
        self.steps += 1
        breaks = "" if design.farmers <= edge else "pages, p95"
        return Judged(design.farmers, breaks, "", None, (), simulated=True)

    monkeypatch.setattr(Checker, "judge", judge)
    monkeypatch.setattr(Checker, "_precisely", lambda _self, _topology, served: served)
    return checker


@pytest.mark.parametrize(("farmers", "until"), [(1e5, YEARS), (2e5, 2), (4e5, None)])
def test_the_last_year_that_is_served_is_found(
    farmers: float, until: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 200,000 farmers are 280,000 in year 2 and 320,000 in year 3.
    found = made_up(3e5, monkeypatch)(farmers).check("aws")
    assert found.serves is not None
    assert found.fails is not None
    assert found.serves.farmers <= 3e5 < found.fails.farmers <= found.serves.farmers * PRECISION
    assert found.until == until


def test_what_the_law_excludes_is_told_not_left_out() -> None:
    found = checker(name="hosting.countries", value=("TO",)).check("aws")
    assert found == BaselineCheck(baselines()["aws"], why_not=found.why_not)
    assert "country US is not among hosting.countries (TO)" in found.why_not
    assert "hosting.providers (gcp)" in checker(name="hosting.providers", value=("gcp",)).check("aws").why_not


def test_the_edge_serves_as_simulated_and_a_third_beyond_it_does_not() -> None:
    """On the real engine: what is said to serve has every interval, and is not the last of a lucky run."""
    by = checker()
    found = by.check("aws")
    assert found.serves is not None
    assert found.fails is not None
    assert found.peak is not None
    assert found.bill is not None
    assert found.later is not None
    assert found.later.serves is (found.later.farmers <= found.serves.farmers)
    assert {check.name for check in found.serves.targets} >= {"page_p95_s", "sync_500_s", "api_p95_ms"}
    assert all(check.low <= check.target for check in found.serves.targets)
    assert found.fails.resource is not None
    assert found.fails.breaks
    sized, _ = by._cheapest(found.baseline)
    assert sized is not None
    assert not by.judge(sized.topology, by.grown_to(1.33 * found.fails.farmers)).serves
    assert by.judge(sized.topology, by.grown_to(0.67 * found.serves.farmers)).serves
