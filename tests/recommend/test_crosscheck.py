"""The closed form of the request path against the engine, part by part; warnings where they must come, with reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.model import RequestCost
from dfr_sizing.recommend.closed_form import PARTS, closed_form
from dfr_sizing.recommend.crosscheck import compare, crosscheck_warnings
from dfr_sizing.recommend.types import CrossCheck, SituationResult
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.outcome import Outcome, outcome
from dfr_sizing.simulation.run import Job, run_all
from dfr_sizing.simulation.system import Cpu, Disk, System

PLAIN = RequestCost(0.04, 0.02, 1.0, 1.0, 1, 0.0, 0.0, 0.0, 1.0)
PROBE = RequestCost(1e-4, 1e-4, 0.1, 6.0, 1, 0.0, 0.0, 0.0, 1.0)
REPLICATIONS = 4
IDLE_DISK = Disk(1e9, 0.0, 0.0, 1e12)


def deployment(nodes: int = 1, workers: int = 400, node: Cpu | None = None, database: Cpu | None = None) -> System:
    """Nodes with workers in plenty, and nothing but processors that takes time."""
    return System(
        cpus=(*([node or Cpu(4)] * nodes), database or Cpu(4)),
        node_cpu=tuple(range(nodes)),
        database_cpu=nodes,
        workers_per_node=workers,
        backlog=10**6,
        parallel_pool=0,
        disk=IDLE_DISK,
    )


def stream(rate: float, cost: RequestCost = PLAIN, name: str = "list_view", *, background: bool = False) -> Stream:
    return Stream(name, rate, cost, background, miss_ratio=1.0)


def simulated(system: System, streams: list[Stream], requests: int = 150_000) -> SituationResult:
    rate = sum(each.rate_per_s for each in streams)
    run = Job(system, tuple(streams), requests / rate / REPLICATIONS, 1, 0.99, 5)
    return result_of(outcome(run_all([run], REPLICATIONS, None)()[0], run.confidence, run.sync_batches), rate)


def result_of(outcome: Outcome, rate: float) -> SituationResult:
    return SituationResult(Situation.STEADY, 18, 1, rate, outcome)


def checked(system: System, streams: list[Stream], result: SituationResult | None = None) -> CrossCheck:
    found = simulated(system, streams) if result is None else result
    return compare(found, system, streams, {each.name: each.rate_per_s for each in streams})


def assert_within_interval(check: CrossCheck) -> None:
    for found in (check.mean, *check.classes):
        assert found.simulated.low <= found.formula_s <= found.simulated.high, found
        assert found.simulated.half_width < 0.04
    assert check.reason == ""
    assert crosscheck_warnings(check) == ()


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_shared_processors_agree_within_the_interval(load: float) -> None:
    slow = replace(PLAIN, app_cpu_s=0.2, database_cpu_s=0.1)
    check = checked(deployment(), [stream(50.0 * load), stream(10.0 * load, slow, "record_read")])
    assert_within_interval(check)
    assert check.mean.parts_s["Python"] + check.mean.parts_s["SQL"] == pytest.approx(check.mean.formula_s)


ALONE = {
    "dispatch": (
        # The load asks for no dispatch; a few requests that hardly load the hosts find its processes there. On one of
        # the hosts alone: how long they were put off there goes with what they find on the next, by some 3 %.
        deployment(node=Cpu(2, dispatch_s=0.02, misplaced_s=0.01)),
        [stream(30.0, replace(PLAIN, statements=0.0)), stream(4.0, PROBE, "record_read")],
    ),
    "network": (replace(deployment(), round_trip_s=0.01), [stream(10.0, replace(PLAIN, statements=6.0))]),
    "disk": (
        replace(deployment(), disk=Disk(100.0, 0.002, 0.0, 1e12)),
        [stream(20.0, replace(PROBE, pages=3.0))],
    ),
    "commit": (
        replace(deployment(), disk=Disk(1e9, 0.0, 0.02, 1e5)),
        [stream(60.0, replace(PROBE, wal_bytes=20.0))],
    ),
}


@pytest.mark.parametrize("part", ALONE)
def test_each_part_agrees_within_the_interval_where_it_matters(part: str) -> None:
    system, streams = ALONE[part]
    # Delays of dispatch vary most from one request to the next.
    check = checked(system, streams, simulated(system, streams, 220_000 if part == "dispatch" else 150_000))
    assert set(check.mean.parts_s) == set(PARTS)
    assert check.classes[-1].parts_s[part] > 0.25 * check.classes[-1].formula_s
    assert_within_interval(check)


def test_dispatch_that_evens_out_the_load_is_the_reason() -> None:
    system = deployment(
        node=Cpu(2, dispatch_s=0.02, misplaced_s=0.01), database=Cpu(1, dispatch_s=0.01, misplaced_s=0.01)
    )
    check = checked(system, [stream(30.0, replace(PLAIN, statements=6.0))])
    assert check.exceeding is check.mean
    assert check.reason.startswith("dispatch delays, 162 ms by formula, put off who finds a host full")


@pytest.mark.parametrize("background", [False, True], ids=["HTTP workers", "cron workers"])
def test_wait_for_a_worker_is_near_where_processors_are_not_shared(background: bool) -> None:
    # 80 % of 4 workers, or of the two cron workers of the only node, held for lognormal times of cv 1
    system = deployment(workers=4, node=Cpu(50), database=Cpu(50))
    rate = 0.8 * (system.cron_per_node if background else system.workers_per_node) / 0.06
    check = checked(system, [stream(rate, background=background)])
    assert check.mean.parts_s["wait for a worker"] > 0.25 * check.mean.formula_s
    assert abs(check.mean.difference) < 0.05


def test_workers_of_balanced_nodes_wait_as_one_pool() -> None:
    system = deployment(nodes=4, workers=3, node=Cpu(50), database=Cpu(50))
    rate = 0.85 * 12 / 0.06
    check = checked(system, [stream(rate)])
    assert abs(check.mean.difference) < 0.05
    # node by node the same formula is far off
    apart = closed_form(replace(system, cpus=system.cpus[-2:], node_cpu=(0,), database_cpu=1), [stream(rate / 4)])
    assert apart.latency_s("list_view") > 1.3 * check.mean.simulated.value


def test_more_workers_held_than_there_are_has_no_mean_and_says_why() -> None:
    # as many workers as cores: the simulation queues who would share the cores
    check = checked(deployment(workers=4), [stream(85.0)])
    assert check.exceeding is check.mean
    (warning,) = crosscheck_warnings(check)
    assert warning.startswith("steady peak hour, mean of all requests: ")
    assert "no limit" in warning
    assert "of the workers are held" in check.reason
    assert "here 4 do at most" in check.reason


def test_a_pool_without_helpers_is_the_reason_where_scans_wait_for_it() -> None:
    scan = replace(PLAIN, database_cpu_s=1.6, threads=9)
    system = replace(deployment(database=Cpu(64)), parallel_pool=8)
    check = checked(system, [stream(12.0, scan)])
    assert check.exceeding is check.mean
    assert check.mean.difference < 0.0
    assert "parallel workers on average, of a pool of 8" in check.reason


def test_threads_that_come_together_are_the_reason_where_scans_fill_the_database() -> None:
    scan = replace(PLAIN, app_cpu_s=1e-4, database_cpu_s=0.2, threads=5)
    system = replace(deployment(database=Cpu(1)), parallel_pool=1000)
    check = checked(system, [stream(3.0, scan), stream(3.0, replace(PLAIN, app_cpu_s=1e-4), "record_read")])
    assert check.exceeding is not None
    assert "processes at once" in check.reason


def test_a_load_that_was_not_the_mean_one_is_the_reason() -> None:
    system = deployment(node=Cpu(1))
    check = checked(system, [stream(20.0)], simulated(system, [stream(16.0)]))
    assert check.exceeding is check.mean
    assert check.reason.startswith("the run's load was not the mean one: application CPU 6")
    assert "where the load asks for 80.0%" in check.reason


def test_better_balancing_than_chance_is_the_reason_on_many_small_nodes() -> None:
    check = checked(deployment(nodes=12, node=Cpu(1), database=Cpu(50)), [stream(240.0)])
    assert check.exceeding is check.mean
    assert check.mean.difference > 0.2
    assert "least connections shares the load better" in check.reason
    assert "the 12 nodes were one" in check.reason


def altered(result: SituationResult, name: str, factor: float) -> SituationResult:
    """A run whose engine took ``factor`` times as long over one class."""
    found = result.outcome.classes[name]
    slower = replace(found, mean=found.mean.scaled(factor))
    return replace(result, outcome=replace(result.outcome, classes={**result.outcome.classes, name: slower}))


def test_a_difference_that_nothing_accounts_for_is_called_that() -> None:
    streams = [stream(30.0), stream(0.3, name="record_read")]
    honest = simulated(deployment(), streams)
    whole = checked(deployment(), streams, altered(honest, "list_view", 1.3))
    assert whole.exceeding is whole.mean
    assert whole.reason.startswith("nothing that the formula leaves out accounts for it")
    # an error in a rare class does not show in the mean of all
    rare = checked(deployment(), streams, altered(honest, "record_read", 1.4))
    assert not rare.mean.exceeded
    assert rare.exceeding is rare.furthest is not None
    assert rare.furthest.name == "record_read"
    assert "mean of record_read" in crosscheck_warnings(rare)[0]


def test_allowed_is_the_rule_and_the_half_width() -> None:
    streams = [stream(30.0)]
    honest = simulated(deployment(), streams)
    found = checked(deployment(), streams, honest).mean
    assert found.allowed == pytest.approx(rule("crosscheck.allowed_difference") + found.simulated.half_width)
    limit = found.formula_s / (1.0 + found.allowed) / found.simulated.value
    within = checked(deployment(), streams, altered(honest, "list_view", limit * 1.001))
    beyond = checked(deployment(), streams, altered(honest, "list_view", limit * 0.999))
    assert (within.mean.exceeded, beyond.mean.exceeded) == (False, True)


def test_the_mean_weighs_classes_by_the_rates_asked_for() -> None:
    # a rare class may be sent more often than is asked, to tell its quantile
    streams = [stream(30.0), stream(3.0, name="report")]
    result = simulated(deployment(), streams)
    check = compare(result, deployment(), streams, {"list_view": 30.0, "report": 0.03})
    means = {found.name: found for found in check.classes}
    expected = (30.0 * means["list_view"].simulated.value + 0.03 * means["report"].simulated.value) / 30.03
    assert check.mean.simulated.value == pytest.approx(expected)
    assert sum(check.mean.parts_s.values()) == pytest.approx(check.mean.formula_s)


def test_a_class_without_an_upper_bound_does_not_allow_any_difference() -> None:
    streams = [stream(30.0), stream(0.3, name="record_read")]
    wrong = altered(simulated(deployment(), streams), "list_view", 1.3)
    rare = wrong.outcome.classes["record_read"]
    unbounded = replace(rare, mean=replace(rare.mean, high=float("inf")))
    outcome = replace(wrong.outcome, classes={**wrong.outcome.classes, "record_read": unbounded})
    check = checked(deployment(), streams, replace(wrong, outcome=outcome))
    assert check.exceeding is check.mean
    assert [found.name for found in check.classes] == ["list_view"]


def test_nothing_simulated_is_nothing_to_warn_of() -> None:
    streams = [stream(30.0)]
    result = simulated(deployment(), streams, 2000)
    check = checked(deployment(), streams, replace(result, outcome=replace(result.outcome, classes={})))
    assert (check.classes, check.furthest, check.exceeding) == ((), None, None)
    assert crosscheck_warnings(check) == crosscheck_warnings(None) == ()
