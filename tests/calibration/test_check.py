"""The shipped model is held to the measurements it was fitted on, and to what its files say."""

from dataclasses import replace

import pytest

from dfr_sizing.calibration.card import card_text, worst_errors
from dfr_sizing.calibration.check import LIMITS, check_steps
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
