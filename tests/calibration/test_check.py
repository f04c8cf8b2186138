"""The shipped model is held to the measurements it was fitted on, and to what its files say; and how a run is held."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from known import first_recording

from dfr_sizing.calibration.check import (
    HELD_OUT_LIMITS,
    LIMITS,
    Prediction,
    StepCheck,
    chance_of,
    check_steps,
    costs_of_mix,
    mean_demand,
    own_factors,
    predict,
    speed_factors,
    system_of,
)
from dfr_sizing.calibration.runs import Run, RunHost
from dfr_sizing.calibration.store import steps_of
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model, load_model

SEED = 1
REQUESTS = 20_000


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def runs(model: Model) -> dict[str, Run]:
    return first_recording(model)


@pytest.fixture(scope="module")
def thinking(runs: dict[str, Run]) -> Run:
    return runs["office-full"]


def test_reference_model_meets_the_load_held_out_and_its_card_says_so(model: Model, runs: dict[str, Run]) -> None:
    held_out = [run for run in runs.values() if run.held_out]
    assert held_out
    for step in check_steps(model, held_out, seed=SEED):
        errors = step.errors(step.by_speed)
        assert all(abs(errors[name]) <= limit for name, limit in HELD_OUT_LIMITS.items()), (step.run.tag, errors)
        assert {name: abs(value) for name, value in errors.items()} == pytest.approx(
            {name: model.check_error[name] for name in errors}, abs=0.03
        )
    assert model.folder is not None
    card = (model.folder / "CARD.md").read_text(encoding="utf-8")
    assert all(run.tag in card for run in steps_of(model))


def test_a_model_twice_as_dear_would_be_caught_raw_but_not_scaled(model: Model, runs: dict[str, Run]) -> None:
    dear = replace(
        model,
        operations={
            name: replace(op, app_cpu=op.app_cpu.scaled(2.0), database_cpu=op.database_cpu.scaled(2.0))
            for name, op in model.operations.items()
        },
    )
    (step,) = check_steps(dear, [runs["writes"]], seed=SEED)
    assert abs(step.errors(step.by_cpu)["throughput"]) < LIMITS["throughput"]
    assert step.errors(step.raw)["throughput"] < -0.4


def test_hosts_of_their_own_carry_each_its_own_load(model: Model, thinking: Run) -> None:
    hosts = (
        RunHost(("odoo",), cores=2),
        RunHost(("postgresql",), cores=4, threads_per_core=2),
        RunHost(("generator",), cores=1),
    )
    run = replace(thinking, hosts=hosts)
    system = system_of(model, run)
    assert (system.node_cpu, system.database_cpu, system.client_cpu) == ((0,), 1, 2)
    assert system.round_trip_s > 0.0 == system_of(model, thinking).round_trip_s
    found = predict(model, run, 1.0, 1.0, SEED, REQUESTS)
    app, database = mean_demand(run, costs_of_mix(model, run))
    assert found.app_utilisation == pytest.approx(
        found.throughput * app / (2.0 - model.contention.app_background), rel=0.03
    )
    assert found.database_utilisation == pytest.approx(
        found.throughput * database / system.cpus[1].full_capacity, rel=0.06
    )
    assert found.mean_s < predict(model, thinking, 1.0, 1.0, SEED, REQUESTS).mean_s


def test_prediction_obeys_the_utilisation_law_and_littles(model: Model, thinking: Run) -> None:
    app, database = mean_demand(thinking, costs_of_mix(model, thinking))
    found = predict(model, thinking, 1.1, 1.2, SEED, REQUESTS)
    work = found.throughput * (1.1 * app + 1.2 * database + thinking.client_cpu_s)
    assert found.app_utilisation == pytest.approx(work / system_of(model, thinking).cpus[0].cores, rel=0.03)
    think = thinking.think_s * model.contention.think_stretch
    assert found.throughput * (found.mean_s + think) == pytest.approx(thinking.users, rel=0.03)


def test_strangers_and_idle_servers_leave_less_of_a_host(model: Model, thinking: Run) -> None:
    model = replace(model, contention=replace(model.contention, app_background=0.1, database_background=0.2))
    run = replace(thinking, hosts=(replace(thinking.hosts[0], strangers=0.25),))
    assert system_of(model, run).cpus[0].cores == pytest.approx(2.0 - 0.25 - 0.3)


def test_demands_are_scaled_by_the_speed_score_of_the_run_over_that_of_the_model(model: Model, thinking: Run) -> None:
    model = replace(model, speed_share=1.0)
    run = replace(thinking, hosts=(replace(thinking.hosts[0], speed_ms=25.0),))
    assert speed_factors(replace(model, speed_ms=0.0), run) == (1.0, 1.0)
    assert speed_factors(replace(model, speed_ms=20.0), run) == (1.25, 1.25)
    assert speed_factors(replace(model, speed_ms=20.0, speed_share=0.0), run) == (1.0, 1.0)


def test_own_factors_are_of_the_requests_not_of_idle_servers(model: Model, thinking: Run) -> None:
    scale = speed_factors(model, thinking)[0]
    before = own_factors(model, thinking)
    more = replace(model, contention=replace(model.contention, app_background=model.contention.app_background + 0.1))
    app, _ = mean_demand(thinking, costs_of_mix(model, thinking))
    assert before[0] - own_factors(more, thinking)[0] == pytest.approx(0.1 * scale / thinking.throughput / app)
    assert own_factors(model, replace(thinking, app_cpu_s=float("nan")))[0] == 1.0


def test_a_step_misses_the_limits_that_its_scaled_errors_pass(thinking: Run) -> None:
    run = thinking
    exact = Prediction(run.throughput, run.mean_s, run.p50_s, run.p95_s, run.p99_s)
    step = StepCheck(run, exact._replace(throughput=1.051 * run.throughput, mean_s=0.91 * run.mean_s), exact, exact)
    assert step.errors(step.by_cpu) == pytest.approx({"throughput": 0.051, "mean": -0.09, "p95": 0.0})
    assert step.missed == ("throughput",)
    assert StepCheck(run, exact, exact, exact._replace(mean_s=9.0)).missed == ()
    assert StepCheck(run, exact._replace(p95_s=float("nan")), exact, exact).missed == ("p95",)
    off = exact._replace(p95_s=1.26 * run.p95_s, mean_s=1.14 * run.mean_s)
    assert StepCheck(run, exact, off, exact).missed_held_out == ("p95",)
    assert json.loads(json.dumps(step.as_json()))["missed"] == ["throughput"]


def test_a_run_with_requests_that_were_never_calibrated_is_refused(model: Model, thinking: Run) -> None:
    with pytest.raises(InputError, match=r"unheard_of.*list.*calibrate that class too"):
        costs_of_mix(model, replace(thinking, mix={"unheard_of": 1.0}))


def test_a_test_of_the_model_itself_lies_within_its_chance_and_half_its_latency_does_not(
    model: Model, thinking: Run
) -> None:
    factors = own_factors(model, thinking)
    chance = chance_of(model, thinking, factors, SEED, tests=40)
    assert all(low < high for low, high in chance)
    within = 0
    for seed in range(1000, 1020):
        own = predict(model, thinking, *factors, seed, 3 * thinking.requests, thinking.seconds)
        same = replace(thinking, throughput=own.throughput, mean_s=own.mean_s, p95_s=own.p95_s)
        within += "mean" not in StepCheck(same, own, own, own, chance).beyond_chance
    # Of 20 tests, each within with 0.95 less what 40 tests leave open (0.91 on average), fewer than 14 are 1 in 500.
    assert within >= 14
    half = replace(thinking, mean_s=chance.mean_s[0] / 2)
    assert "mean" in StepCheck(half, own, own, own, chance).beyond_chance
    assert StepCheck(half, own, own, own).beyond_chance == ()


def test_the_chance_in_a_longer_test_is_less(model: Model, thinking: Run) -> None:
    factors = own_factors(model, thinking)
    long = replace(thinking, seconds=8 * thinking.seconds, requests=8 * thinking.requests)
    widths = [
        (chance.mean_s[1] - chance.mean_s[0]) / chance.mean_s[0]
        for chance in (chance_of(model, run, factors, SEED) for run in (thinking, long))
    ]
    assert widths[1] < widths[0] / 1.5  # by 1 / sqrt(8) = 0.35, give and take what 40 tests leave open
