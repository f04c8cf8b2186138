"""`dfr-size calibrate`: recordings of a load test to a model; nothing is written that misses the held-out load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfr_sizing.cli.stop import say
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval


def calibrate(
    runs: Annotated[list[Path], typer.Argument(help="Folders of recordings.", metavar="RUN...")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The model's folder, as models/NAME.")],
    base: Annotated[str, typer.Option(help="Model that tells what these runs did not measure.")] = "odoo18-reference",
    cpu_speed: Annotated[str | None, typer.Option(metavar="LOW,MID,HIGH", help="Speed of a core, AWS m5 = 1.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    processes: Annotated[int, typer.Option(min=1)] = 2,
    strangers: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="CORES", help="Count seconds in which other processes took up to so much CPU."),
    ] = None,
    accept_error: Annotated[
        bool, typer.Option("--accept-error", help="Write the model even if it misses the held-out load.")
    ] = False,
) -> None:
    """Fit a model to recordings, check it on a load step held out, and write it."""
    from dfr_sizing.calibration.calibrate import calibrate as fit
    from dfr_sizing.calibration.card import check_text
    from dfr_sizing.calibration.store import write_calibration
    from dfr_sizing.model import load_model

    speed = _speed(cpu_speed) if cpu_speed is not None else None
    found = fit(runs, out.resolve().name, load_model(base), speed, seed, processes, strangers)
    for defect in found.defects:
        say(f"{defect.sentence}\n")
    say(check_text(found.model, found.checks))
    if found.missed and not accept_error:
        remedy = "record again, with more steps or a quieter host, or add --accept-error"
        raise InputError("the error on the held-out load", "; ".join(found.missed), "within its limits", remedy)
    for path in write_calibration(found, runs, out):
        say(f"written: {path}\n")


def _speed(text: str) -> Interval:
    try:
        low, mid, high = map(float, text.split(","))
        speed = Interval(low, mid, high)
    except ValueError:
        speed = Interval.exactly(0.0)
    if not 0.0 < speed.low <= speed.high < float("inf"):
        raise InputError(
            "--cpu-speed", text, "three rising numbers above 0", "write for instance --cpu-speed 1.2,1.4,1.5"
        )
    return speed
