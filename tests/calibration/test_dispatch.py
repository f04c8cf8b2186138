"""What a woken process waits is found again in runs that were made with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from known import first_recording

from dfr_sizing.calibration import dispatch
from dfr_sizing.calibration.check import own_factors, predict
from dfr_sizing.calibration.dispatch import fit_dispatch, misfit, with_dispatch
from dfr_sizing.calibration.runs import Run
from dfr_sizing.model import Model, load_model

SEED = 1
REQUESTS = 20_000


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def runs(model: Model) -> dict[str, Run]:
    return first_recording(model)


def as_simulated(model: Model, run: Run, seed: int) -> Run:
    """The run as it would have been if the model were true."""
    said = predict(model, run, *own_factors(model, run), seed, REQUESTS)
    return replace(run, throughput=said.throughput, mean_s=said.mean_s, p95_s=said.p95_s)


@pytest.mark.parametrize("truth", [(0.4, 0.2), (0.2, 0.4)])
def test_dispatch_is_recovered_from_simulated_runs(
    model: Model, runs: dict[str, Run], truth: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "DISPATCH_GRID", ((0.2, 0.0), (0.2, 0.4), (0.4, 0.0), (0.4, 0.2), (0.6, 0.2)))
    monkeypatch.setattr(dispatch, "FIT_REQUESTS", REQUESTS)
    true_model = with_dispatch(model, *truth)
    true_model = replace(
        true_model, contention=replace(true_model.contention, app_background=0.0, database_background=0.0)
    )
    steps = [as_simulated(true_model, runs[name], SEED + 1) for name in ("lists", "reads", "writes", "office-full")]
    found = fit_dispatch(with_dispatch(true_model, 0.0, 0.0), steps, SEED)
    assert (1e3 * found.contention.dispatch_s, 1e3 * found.contention.misplaced_s) == pytest.approx(truth)


def test_misfit_is_nothing_where_the_run_is_the_prediction(
    model: Model, runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "FIT_REQUESTS", REQUESTS)
    idle = replace(model, contention=replace(model.contention, app_background=0.0, database_background=0.0))
    same = as_simulated(idle, runs["writes"], SEED)
    assert misfit(idle, same, SEED) == pytest.approx(0.0, abs=1e-20)
    # each figure off by its own limit counts one
    for name, limit in (("throughput", 0.05), ("mean_s", 0.10), ("p95_s", 0.20)):
        off = replace(same, **{name: getattr(same, name) / (1 + limit)})
        assert misfit(idle, off, SEED) == pytest.approx(1.0)
