"""Demand on a deployment: utilisations as one can work them out by hand, contention that solves its own equation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dfr_sizing.demand import ClassRate, Demand, Situation, demand
from dfr_sizing.drivers import rule
from dfr_sizing.model import Contention, Model, RequestCost, load_model
from dfr_sizing.scenario import Registry, Scenario
from dfr_sizing.simulation.load import HourLoad, busiest_load, hour_load, streams, utilisations
from dfr_sizing.simulation.system import Cpu, Disk, System

SWITCHES = {"dedup_index": True, "name_index": True}
SHORT = RequestCost(0.02, 0.01, 0.2, 10.0, 1, 5.0, 0.0, 0.0, 1.0)
LONG = RequestCost(0.6, 0.9, 0.2, 100.0, 1, 40.0, 2000.0, 0.0, 1.0)
LOAD = HourLoad({"list_view": 30.0, "report": 0.5}, {"list_view": SHORT, "report": LONG})

contentions = st.builds(
    Contention,
    app_busy_factor=st.floats(0.5, 2.0),
    database_busy_factor=st.floats(0.5, 2.0),
    idle_slope=st.floats(0.0, 2.0),
    dispatch_s=st.just(0.0),
    misplaced_s=st.just(0.0),
    think_stretch=st.just(1.0),
)
loads = st.floats(0.0, 3.0)
reaches = st.floats(0.0, 1.0)


def deployment(nodes: int, node: Cpu, database: Cpu) -> System:
    return System(
        cpus=(*([node] * nodes), database),
        node_cpu=tuple(range(nodes)),
        database_cpu=nodes,
        workers_per_node=4,
        backlog=32,
        parallel_pool=2,
        disk=Disk(3000.0, 1e-3, 1e-3, 1e8),
    )


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def with_contention(model: Model, app: float, database: float, slope: float) -> Model:
    contention = replace(model.contention, app_busy_factor=app, database_busy_factor=database, idle_slope=slope)
    return replace(model, contention=contention)


def test_an_hour_asks_for_rate_times_cost() -> None:
    assert LOAD.app_cpu == pytest.approx(30 * 0.02 + 0.5 * 0.6)
    assert LOAD.database_cpu == pytest.approx(30 * 0.01 + 0.5 * 0.9)
    assert LOAD.requests_per_s == 30.5
    assert (LOAD.commits_per_s, LOAD.wal_bytes_per_s) == (0.5, 1000.0)
    assert (LOAD.pages_per_s, LOAD.pages_written_per_s) == (170.0, 20.0)


def test_sums_of_an_hour_are_taken_once_and_by_hand() -> None:
    assert LOAD.http_app_cpu == pytest.approx(0.9)  # neither class is a background job
    assert LOAD.app_cpu_reached == pytest.approx(0.6 + 0.3 * 0.1)  # a tenth of the report's
    assert LOAD.database_cpu_reached == pytest.approx(0.3 + 0.45 * 0.1)
    background = replace(LOAD, rates={"notification": 2.0}, costs={"notification": SHORT})
    assert background.http_app_cpu == 0.0
    assert background.app_cpu == pytest.approx(2 * SHORT.app_cpu_s)


def test_utilisation_without_contention_is_work_over_capacity(model: Model) -> None:
    system = deployment(2, Cpu(2, speed=1.5), Cpu(1, threads_per_core=2, smt_gain=1.25))
    app, database = utilisations(LOAD, system, with_contention(model, 1.0, 1.0, 0.0))
    assert app == pytest.approx(0.9 / (2 * 2 * 1.5))
    assert database == pytest.approx(0.75 / 1.25)


def test_utilisation_with_contention_as_worked_out_by_hand(model: Model) -> None:
    # Every request of up to 150 ms is reached whole; the report (1.5 s) by a tenth.
    assert rule("model.idle_reach_ms") == 150.0
    assert LOAD.reach("list_view") == 1.0
    assert LOAD.reach("report") == pytest.approx(0.1)
    found = utilisations(LOAD, deployment(3, Cpu(1), Cpu(2)), with_contention(model, 1.1, 1.2, 0.5))
    # application: 0.9 of 3 cores; reach (0.6 x 1 + 0.3 x 0.1) / 0.9 = 0.7, so rho = 0.3 (1.1 + 0.35 (1 - rho))
    assert found[0] == pytest.approx(0.3 * 1.45 / (1 + 0.3 * 0.35))
    # database: 0.75 of 2 cores; reach (0.3 + 0.45 x 0.1) / 0.75 = 0.46
    assert found[1] == pytest.approx(0.375 * 1.43 / (1 + 0.375 * 0.23))


def test_streams_carry_what_contention_makes_of_each_class(model: Model) -> None:
    contended, system = with_contention(model, 1.1, 1.2, 0.5), deployment(3, Cpu(1), Cpu(2))
    app, database = utilisations(LOAD, system, contended)
    listed, report = streams(LOAD, system, contended, 0.03)
    assert (listed.name, listed.rate_per_s, listed.miss_ratio, report.name) == ("list_view", 30.0, 0.03, "report")
    assert listed.app_factor == pytest.approx(1.1 + 0.5 * (1 - app))
    assert listed.database_factor == pytest.approx(1.2 + 0.5 * (1 - database))
    assert report.app_factor == pytest.approx(1.1 + 0.05 * (1 - app))
    # what the streams ask for, over capacity, is the utilisation that their factors were taken at
    asked = sum(stream.rate_per_s * stream.cost.app_cpu_s * stream.app_factor for stream in (listed, report))
    assert asked / 3 == pytest.approx(app)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(contention=contentions, load=loads, reach=reaches)
def test_settled_utilisation_solves_its_own_equation(contention: Contention, load: float, reach: float) -> None:
    for busy_factor in (contention.app_busy_factor, contention.database_busy_factor):
        rho = contention.settled(busy_factor, load, reach)
        assert rho == pytest.approx(load * contention.factor(busy_factor, rho, reach), rel=1e-9, abs=1e-12)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(contention=contentions, load=loads, more=st.floats(1.0001, 3.0), reach=reaches)
def test_more_load_never_lowers_utilisation(contention: Contention, load: float, more: float, reach: float) -> None:
    assume(load > 0.0)
    busy_factor = contention.app_busy_factor
    assert contention.settled(busy_factor, load * more, reach) >= contention.settled(busy_factor, load, reach) * (
        1 - 1e-12
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(contention=contentions, nodes=st.integers(1, 12), rate=st.floats(0.1, 400.0), speed=st.floats(0.3, 3.0))
def test_more_nodes_never_raise_utilisation(contention: Contention, nodes: int, rate: float, speed: float) -> None:
    model = replace(load_model(), contention=contention)
    load = replace(LOAD, rates={"list_view": rate, "report": rate / 50})
    fewer = utilisations(load, deployment(nodes, Cpu(2, speed=speed), Cpu(4)), model)
    more = utilisations(load, deployment(nodes + 1, Cpu(2, speed=speed), Cpu(4)), model)
    assert more[0] < fewer[0]
    assert more[1] == fewer[1]


def test_an_hour_has_the_rates_and_the_costs_of_its_demand(model: Model) -> None:
    rates = [0.0] * 24
    rates[8], rates[9] = 3.0, 5.0
    asked = Demand(Situation.STEADY, 1e6, (ClassRate("list_view", tuple(rates), {}),))
    assert hour_load(asked, 9, model, SWITCHES).rates == {"list_view": 5.0}
    assert hour_load(asked, 9, model, SWITCHES).app_cpu == pytest.approx(5 * model.operations["list"].app_cpu_s)
    assert hour_load(asked, 3, model, SWITCHES).rates == {}
    assert hour_load(asked, 3, model, SWITCHES).app_cpu == 0.0
    assert busiest_load(asked, model, SWITCHES) == (9, hour_load(asked, 9, model, SWITCHES))
    assert utilisations(hour_load(asked, 3, model, SWITCHES), deployment(1, Cpu(1), Cpu(1)), model) == (0.0, 0.0)


@pytest.mark.parametrize("situation", list(Situation))
def test_busiest_hour_is_the_one_with_most_cpu(model: Model, situation: Situation) -> None:
    asked = demand(Scenario(registry=Registry(farmers=1_000_000)), situation, 1e6)
    work = [
        load.app_cpu + load.database_cpu for load in (hour_load(asked, hour, model, SWITCHES) for hour in range(24))
    ]
    assert work[busiest_load(asked, model, SWITCHES)[0]] == max(work)
