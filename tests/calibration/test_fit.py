"""The shipped model is what its runs and its recipe give; and a fit finds the truth that runs were made from."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dfr_sizing.calibration import dispatch
from dfr_sizing.calibration.check import LIMITS, Prediction, StepCheck, costs_of_mix, mean_demand, predict
from dfr_sizing.calibration.dispatch import fit_dispatch, misfit, with_dispatch
from dfr_sizing.calibration.fit import fit, fit_contention, fit_operations
from dfr_sizing.calibration.model_text import model_text
from dfr_sizing.calibration.runs import Run, read_run, read_runs
from dfr_sizing.errors import InputError
from dfr_sizing.model import BUNDLED, Contention, Model, load_model, models_folder

FOLDER = models_folder() / BUNDLED
SEED = 1
"""The seed of ``dfr-size model fit`` where none is given."""
REQUESTS = 20_000
STEPS = ("w4_closed_n02", "w4_closed_n04", "w4_closed_n08", "w4_think_n10", "w4_think_n40")
TRUTH = Contention(
    app_busy_factor=1.21,
    database_busy_factor=1.04,
    idle_slope=0.33,
    dispatch_s=0.4e-3,
    misplaced_s=1.5e-4,
    think_stretch=1.06,
)


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "fit.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return read_runs(FOLDER / "runs")


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "model.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def measured(model: Model, run: Run) -> Run:
    """What the run would have been on a host that contends as the model says, seen by a simulation."""
    app, database = mean_demand(run, costs_of_mix(model, run))
    shared, utilisation = model.contention, 1.0
    for requests in (REQUESTS // 4, REQUESTS // 4, REQUESTS):
        factors = (
            shared.factor(shared.app_busy_factor, utilisation),
            shared.factor(shared.database_busy_factor, utilisation),
        )
        found = predict(model, run, *factors, SEED + 1, requests)
        utilisation = found.app_utilisation
    return replace(
        run,
        throughput=found.throughput,
        mean_s=found.mean_s,
        p95_s=found.p95_s,
        hosts=(replace(run.hosts[0], utilisation=utilisation),),
        app_cpu_s=app * factors[0],
        database_cpu_s=database * factors[1],
    )


@pytest.fixture(scope="module")
def made(model: Model, runs: dict[str, Run]) -> list[Run]:
    """Load steps made from a known truth."""
    return [measured(replace(model, contention=TRUTH), runs[name]) for name in STEPS]


def test_operations_of_the_runs_are_those_of_the_shipped_model(
    model: Model, runs: dict[str, Run], recipe: dict[str, Any], shipped: dict[str, Any]
) -> None:
    again = replace(model, operations=fit_operations(FOLDER, runs, recipe["operation"]))
    assert tomllib.loads(model_text(again, {}, ""))["operation"] == shipped["operation"]


def test_contention_of_the_load_steps_is_that_of_the_shipped_model(
    model: Model, runs: dict[str, Run], recipe: dict[str, Any]
) -> None:
    bare = replace(model, contention=replace(model.contention, app_busy_factor=9.0, idle_slope=9.0, think_stretch=9.0))
    assert fit_contention(bare, [runs[name] for name in recipe["fit"]["steps"]]) == model.contention


@pytest.mark.slow
def test_fitting_again_gives_the_shipped_model(recipe: dict[str, Any], shipped: dict[str, Any]) -> None:
    again = tomllib.loads(model_text(fit(FOLDER, recipe, SEED), {}, ""))
    assert again["contention"] == shipped["contention"]
    assert again["operation"] == shipped["operation"]
    assert (again["model"], again["cpu"]) == (shipped["model"], shipped["cpu"])


def test_shipped_model_states_its_own_error_in_each_figure(shipped: dict[str, Any]) -> None:
    assert shipped["check"].keys() >= LIMITS.keys()
    assert all(value >= 0.0 for value in shipped["check"].values())


def test_a_model_written_as_text_is_read_back_as_it_was(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(model_text(model, {"throughput": 0.05}, "a remark"), encoding="utf-8")
    back = load_model(path)
    assert back == replace(model, folder=tmp_path, check_error={"throughput": 0.05})


def test_demands_are_those_of_the_one_class_runs(runs: dict[str, Run], recipe: dict[str, Any]) -> None:
    operations = fit_operations(FOLDER, runs, recipe["operation"])
    create = operations["create"]
    assert (create.app_cpu_s, create.database_cpu_s) == pytest.approx((12.1e-3, 3.7e-3), abs=6e-5)
    assert create.measured_as == "create"
    # WAL between just after a checkpoint and long after it: 9.7 and 5.6 kB
    assert create.wal_bytes == pytest.approx((9.7e3 + 5.6e3) / 2, rel=0.01)
    assert operations["write"].wal_bytes == pytest.approx((53e3 + 30.7e3) / 2, rel=0.01)
    assert operations["read"].wal_bytes == 0.0
    assert operations["read"].statements == 9.0
    assert (operations["search"].threads, operations["search"].tail_share) == (3, 0.02)


def test_derived_operations_are_a_share_of_what_another_costs_above_the_overhead(
    runs: dict[str, Run], recipe: dict[str, Any]
) -> None:
    operations = fit_operations(FOLDER, runs, recipe["operation"])
    light = json.loads((FOLDER / "runs" / "light_operations.json").read_text(encoding="utf-8"))["operations"]
    overhead = operations["overhead"]
    for name, row in recipe["operation"].items():
        if "run" in row:
            continue
        base = operations[row["base"]]
        app_share, database_share = row.get("app_share"), row.get("database_share")
        if "ratio_of" in row:
            of, to = light[row["ratio_of"]], light[row["ratio_to"]]
            app_share, database_share = (of[key][1] / to[key][1] for key in ("python_cpu_ms", "postgresql_cpu_ms"))
        own_app = operations[name].app_cpu_s - overhead.app_cpu_s
        own_database = operations[name].database_cpu_s - overhead.database_cpu_s
        assert own_app == pytest.approx(app_share * (base.app_cpu_s - overhead.app_cpu_s))
        assert own_database == pytest.approx(database_share * (base.database_cpu_s - overhead.database_cpu_s))


def test_contention_is_recovered_from_runs_that_obey_it(model: Model, runs: dict[str, Run]) -> None:
    steps = []
    for users, utilisation in ((1, 0.1), (4, 0.95), (8, 1.0), (10, 0.2), (40, 0.6)):
        run = runs["w4_think_n10"]
        app, database = mean_demand(run, costs_of_mix(model, run))
        steps.append(
            replace(
                run,
                users=users,
                hosts=(replace(run.hosts[0], utilisation=utilisation),),
                throughput=users / (0.2 + TRUTH.think_stretch),
                mean_s=0.2,
                # one user alone does not count, whatever it costs
                app_cpu_s=9.0 if users == 1 else app * TRUTH.factor(TRUTH.app_busy_factor, utilisation),
                database_cpu_s=database * TRUTH.factor(TRUTH.database_busy_factor, utilisation),
            )
        )
    found = fit_contention(replace(model, contention=replace(TRUTH, app_busy_factor=1.0, idle_slope=0.0)), steps)
    assert found == TRUTH


def test_contention_is_recovered_from_simulated_runs(model: Model, made: list[Run]) -> None:
    found = fit_contention(model, made)
    assert found.app_busy_factor == pytest.approx(TRUTH.app_busy_factor, abs=0.005)
    assert found.database_busy_factor == pytest.approx(TRUTH.database_busy_factor, abs=0.005)
    assert found.idle_slope == pytest.approx(TRUTH.idle_slope, abs=0.01)
    assert found.think_stretch == pytest.approx(TRUTH.think_stretch, abs=0.03)
    assert found.dispatch_s == model.contention.dispatch_s


@pytest.mark.parametrize("truth", [(0.4, 0.2), (0.2, 0.4)])
def test_dispatch_is_recovered_from_simulated_runs(
    model: Model, runs: dict[str, Run], truth: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "DISPATCH_GRID", ((0.2, 0.0), (0.2, 0.4), (0.4, 0.0), (0.4, 0.2), (0.6, 0.2)))
    monkeypatch.setattr(dispatch, "FIT_REQUESTS", REQUESTS)
    true_model = with_dispatch(replace(model, contention=TRUTH), *truth)
    steps = [measured(true_model, runs[name]) for name in ("w4_closed_n02", "w4_closed_n08", "w4_think_n40")]
    found = fit_dispatch(with_dispatch(true_model, 0.0, 0.0), steps, SEED)
    assert (1e3 * found.contention.dispatch_s, 1e3 * found.contention.misplaced_s) == pytest.approx(truth)
    assert found == with_dispatch(true_model, *truth)


def test_misfit_is_nothing_where_the_run_is_the_prediction(
    model: Model, runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "FIT_REQUESTS", REQUESTS)
    run = runs["w4_closed_n08"]
    app, database = mean_demand(run, costs_of_mix(model, run))
    said = predict(model, run, run.app_cpu_s / app, run.database_cpu_s / database, SEED, REQUESTS)
    same = replace(run, throughput=said.throughput, mean_s=said.mean_s, p95_s=said.p95_s)
    assert misfit(model, same, SEED) == pytest.approx(0.0, abs=1e-20)
    # each figure off by its own limit counts one
    for name, limit in (("throughput", 0.05), ("mean_s", 0.10), ("p95_s", 0.20)):
        off = replace(same, **{name: getattr(same, name) / (1 + limit)})
        assert misfit(model, off, SEED) == pytest.approx(1.0)


def test_prediction_obeys_the_utilisation_law_and_littles(model: Model, runs: dict[str, Run]) -> None:
    run = runs["w4_think_n40"]
    app, database = mean_demand(run, costs_of_mix(model, run))
    found = predict(model, run, 1.1, 1.2, SEED, REQUESTS)
    work = found.throughput * (1.1 * app + 1.2 * database + run.client_cpu_s)
    host = run.hosts[0]
    assert found.app_utilisation == pytest.approx(work / (host.cores - host.strangers), rel=0.03)
    think = run.think_s * model.contention.think_stretch
    assert found.throughput * (found.mean_s + think) == pytest.approx(run.users, rel=0.03)


def test_a_step_misses_the_limits_that_its_scaled_errors_pass(runs: dict[str, Run]) -> None:
    run = runs["w4_closed_n08"]
    exact = Prediction(run.throughput, run.mean_s, run.p50_s, run.p95_s, run.p99_s)
    step = StepCheck(run, exact._replace(throughput=1.051 * run.throughput, mean_s=0.91 * run.mean_s), exact, exact)
    assert step.errors(step.by_cpu) == pytest.approx({"throughput": 0.051, "mean": -0.09, "p95": 0.0})
    assert step.missed == ("throughput",)
    assert StepCheck(run, exact, exact, exact._replace(mean_s=9.0)).missed == ()
    assert StepCheck(run, exact._replace(p95_s=float("nan")), exact, exact).missed == ("p95",)
    off = exact._replace(p95_s=1.26 * run.p95_s, mean_s=1.14 * run.mean_s)
    assert StepCheck(run, exact, off, exact).missed_held_out == ("p95",)
    assert json.loads(json.dumps(step.as_json()))["missed"] == ["throughput"]


def test_a_run_with_requests_that_were_never_calibrated_is_refused(model: Model, tmp_path: Path) -> None:
    summary = (FOLDER / "runs" / "class_read" / "summary.json").read_text(encoding="utf-8")
    (tmp_path / "summary.json").write_text(summary.replace('"read"', '"unheard_of"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"unheard_of.*search_read.*calibrate that class too"):
        costs_of_mix(model, read_run(tmp_path))
