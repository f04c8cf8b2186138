"""The shipped model is held to the measurements it was fitted on, and to what its files say."""

from dataclasses import replace

import pytest

from dfr_sizing.calibration.card import card_text, worst_errors
from dfr_sizing.calibration.check import (
    LIMITS,
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
from dfr_sizing.model import load_model


def test_reference_model_reproduces_every_load_step_and_its_card_says_so() -> None:
    model = load_model()
    steps = check_steps(model, steps_of(model), seed=1)
    assert len(steps) == 11
    for step in steps:
        errors = step.errors(step.by_cpu)
        assert all(abs(errors[name]) <= limit for name, limit in LIMITS.items()), (step.run.tag, errors)
    assert model.folder is not None
    card = (model.folder / "CARD.md").read_text(encoding="utf-8")
    # Another CPU may round a drawn number otherwise, and a queue makes another sample of that: so not to the letter.
    assert card.splitlines()[:40] == card_text(model, steps).splitlines()[:40]
    assert all(step.run.tag in card for step in steps)
    assert "Every step meets the limits." in card
    assert dict(model.check_error) == pytest.approx(worst_errors(steps), abs=0.02)


def test_a_model_twice_as_dear_would_be_caught_raw_but_not_scaled() -> None:
    model = load_model()
    run = next(run for run in steps_of(model) if run.tag == "w4_closed_n08")
    dear = replace(
        model,
        operations={
            name: replace(op, app_cpu=op.app_cpu.scaled(2.0), database_cpu=op.database_cpu.scaled(2.0))
            for name, op in model.operations.items()
        },
    )
    (step,) = check_steps(dear, [run], seed=1)
    assert abs(step.errors(step.by_cpu)["throughput"]) < LIMITS["throughput"]
    assert step.errors(step.raw)["throughput"] < -0.4


@pytest.fixture
def thinking() -> Run:
    return next(run for run in steps_of(load_model()) if run.tag == "w4_think_n40")


def test_hosts_of_their_own_carry_each_its_own_load(thinking: Run) -> None:
    model = load_model()
    hosts = (
        RunHost(("odoo",), cores=2),
        RunHost(("postgresql",), cores=4, threads_per_core=2),
        RunHost(("generator",), cores=1),
    )
    run = replace(thinking, hosts=hosts)
    system = system_of(model, run)
    assert (system.node_cpu, system.database_cpu, system.client_cpu) == ((0,), 1, 2)
    assert system.round_trip_s > 0.0 == system_of(model, thinking).round_trip_s
    found = predict(model, run, 1.0, 1.0, 1, 20_000)
    app, database = mean_demand(run, costs_of_mix(model, run))
    assert found.app_utilisation == pytest.approx(found.throughput * app / 2.0, rel=0.03)
    assert found.database_utilisation == pytest.approx(
        found.throughput * database / system.cpus[1].full_capacity, rel=0.06
    )
    assert found.mean_s < predict(model, thinking, 1.0, 1.0, 1, 20_000).mean_s


def test_strangers_and_idle_servers_leave_less_of_a_host(thinking: Run) -> None:
    model = load_model()
    model = replace(model, contention=replace(model.contention, app_background=0.1, database_background=0.2))
    run = replace(thinking, hosts=(replace(thinking.hosts[0], strangers=0.25),))
    assert system_of(model, run).cpus[0].cores == pytest.approx(2.0 - 0.25 - 0.3)


def test_demands_are_scaled_by_the_speed_score_of_the_run_over_that_of_the_model(thinking: Run) -> None:
    run = replace(thinking, hosts=(replace(thinking.hosts[0], speed_ms=25.0),))
    assert speed_factors(load_model(), run) == (1.0, 1.0)
    assert speed_factors(replace(load_model(), speed_ms=20.0), run) == (1.25, 1.25)
    assert speed_factors(replace(load_model(), speed_ms=20.0), thinking) == (1.0, 1.0)


def test_own_factors_are_of_the_requests_not_of_idle_servers(thinking: Run) -> None:
    model = load_model()
    before = own_factors(model, thinking)
    idle = replace(model, contention=replace(model.contention, app_background=0.1))
    app, _ = mean_demand(thinking, costs_of_mix(model, thinking))
    assert before[0] - own_factors(idle, thinking)[0] == pytest.approx(0.1 / thinking.throughput / app)
    assert own_factors(model, replace(thinking, app_cpu_s=float("nan")))[0] == 1.0
