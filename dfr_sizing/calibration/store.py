"""A model's folder: its runs, model.toml, CARD.md and pictures. Files appear whole, by rename; model.toml last."""

from __future__ import annotations

import io
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dfr_sizing.calibration.calibrate import Calibration
from dfr_sizing.calibration.calibration_card import calibration_card
from dfr_sizing.calibration.card import card_text, worst_errors
from dfr_sizing.calibration.check import check_steps
from dfr_sizing.calibration.fit import fit
from dfr_sizing.calibration.model_text import model_text
from dfr_sizing.calibration.runs import Run, read_run
from dfr_sizing.calibration.steps import classes_of, load, read_steps
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model
from dfr_sizing.recording.store import ABOUT, LOG, POSTGRESQL, REQUESTS, SECONDS

RECORDED = (REQUESTS, SECONDS, POSTGRESQL, LOG, ABOUT)
"""The files of a recording; the one that makes it one comes last."""


def is_recording(folder: Path) -> bool:
    """Whether a folder holds a recording, not a run of the older format."""
    return (folder / ABOUT).exists()


def runs_in(
    folder: Path, users: int | None = None, workers: int | None = None, think_s: float | None = None
) -> list[Run]:
    """All steps of a recording, or a run of the older format. What is given overrides it. Raises InputError."""
    if not is_recording(folder):
        return [read_run(folder, users, workers, think_s)]
    loaded = load(folder)
    told = {"users": users, "workers": workers, "think_s": think_s}
    changes: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    steps = read_steps(loaded, classes_of([loaded.recording]))
    return [replace(step.run, **changes) for step in steps if step.run.requests]


def steps_of(model: Model) -> list[Run]:
    """The load steps that a model was fitted on, and those held out. Raises InputError."""
    if model.folder is None:
        raise InputError("the model", model.name, "one with a folder", "load it from its folder")
    recordings = sorted(path.parent for path in (model.folder / "runs").glob(f"*/{ABOUT}"))
    if recordings:
        return [run for folder in recordings for run in runs_in(folder)]
    return _steps(model.folder, recipe_of(model.folder))


def write_calibration(found: Calibration, sources: Sequence[Path], folder: Path) -> tuple[Path, ...]:
    """Write a calibrated model: its recordings, pictures, card and, last, the model; returns the files."""
    from dfr_sizing.calibration.pictures import pictures  # noqa: PLC0415 - matplotlib takes a second to import
    from dfr_sizing.house_style import DPI  # noqa: PLC0415

    for source, recording in zip(sources, found.recordings, strict=True):
        _copy_recording(source, folder / "runs" / recording.name)
    for name, figure in pictures(found).items():
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=DPI, format="png", metadata={"Software": None})
        _whole(folder / name, drawn.getvalue())
    remark = "Written by `dfr-size calibrate`; see CARD.md."
    _whole(folder / "CARD.md", calibration_card(found).encode())
    _whole(folder / "model.toml", model_text(found.model, found.model.check_error, remark).encode())
    return folder / "model.toml", folder / "CARD.md"


def _copy_recording(source: Path, folder: Path) -> None:
    if source.resolve() == folder.resolve():
        return
    for name in RECORDED:
        if (source / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f"{name}.part"
            shutil.copyfile(source / name, beside)
            beside.replace(folder / name)


def _whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(path.suffix + ".part")
    beside.write_bytes(content)
    beside.replace(path)


# What follows serves models of the older format: fit.toml beside runs with summary.json.


def recipe_of(folder: Path) -> dict[str, Any]:
    """What fit.toml says. Raises InputError."""
    path = folder / "fit.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "the model", folder, "a folder with fit.toml and runs/", f"{error.strerror}: check it"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError("fit.toml", path, "a TOML file", f"{error}: mend that place") from None


def _steps(folder: Path, recipe: Mapping[str, Any]) -> list[Run]:
    return [read_run(folder / "runs" / name) for name in recipe["fit"]["steps"]]


def fit_and_store(folder: Path, seed: int, processes: int) -> tuple[Path, ...]:
    """Fit, check and write the model of a folder by its recipe; returns the files written."""
    recipe = recipe_of(folder)
    model = fit(folder, recipe, seed, processes)
    steps = check_steps(model, _steps(folder, recipe), seed, processes)
    errors = worst_errors(steps)
    remark = "Written by `dfr-size model fit`; edit fit.toml and fit again rather than this file."
    _whole(folder / "model.toml", model_text(model, errors, remark).encode())
    _whole(folder / "CARD.md", card_text(replace(model, check_error=errors), steps).encode())
    return folder / "model.toml", folder / "CARD.md"
