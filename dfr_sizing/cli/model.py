"""`dfr-size model`: hold a model against the load tests it came from, or against one it never saw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dfr_sizing.cli.stop import say

app = typer.Typer(rich_markup_mode=None, help="Calibrated models.", no_args_is_help=True)


@app.callback()
def model() -> None:
    """Calibrated models."""


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="A model's folder, or the name of a bundled model.")],
    run: Annotated[Path | None, typer.Option(help="A recording that the fit need not know.")] = None,
    workers: Annotated[int | None, typer.Option(help="HTTP workers, if other than it says.", min=1)] = None,
    strangers: Annotated[
        float | None, typer.Option(min=0.0, metavar="CORES", help="As of calibrate; for --run alone.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    processes: Annotated[int, typer.Option(min=1)] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of steps.")] = False,
) -> None:
    """Simulate load steps and print the error against what was measured."""
    from dfr_sizing.calibration.card import check_text
    from dfr_sizing.calibration.check import TESTS, check_steps
    from dfr_sizing.calibration.store import runs_in, steps_of
    from dfr_sizing.model import load_model

    loaded = load_model(model)
    runs = steps_of(loaded) if run is None else runs_in(run, workers, strangers)
    steps = check_steps(loaded, runs, seed, processes, TESTS)
    if as_json:
        say(json.dumps([step.as_json() for step in steps], indent=2) + "\n")
    else:
        say(check_text(loaded, steps))
