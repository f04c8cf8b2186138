"""A model's folder: its runs in, model.toml and CARD.md out. Files appear whole, by rename."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dfr_sizing.calibration.card import card_text, worst_errors
from dfr_sizing.calibration.check import check_steps
from dfr_sizing.calibration.fit import fit, model_text
from dfr_sizing.calibration.runs import Run, read_run
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model


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


def steps_of(model: Model) -> list[Run]:
    """The load steps that a model was fitted on."""
    if model.folder is None:
        raise InputError("the model", model.name, "one with a folder", "load it from its folder")
    return _steps(model.folder, recipe_of(model.folder))


def _steps(folder: Path, recipe: Mapping[str, Any]) -> list[Run]:
    return [read_run(folder / "runs" / name) for name in recipe["fit"]["steps"]]


def fit_and_store(folder: Path, seed: int, processes: int) -> tuple[Path, ...]:
    """Fit, check and write the model of a folder; returns the files written."""
    recipe = recipe_of(folder)
    model = fit(folder, recipe, seed, processes)
    steps = check_steps(model, _steps(folder, recipe), seed, processes)
    errors = worst_errors(steps)
    written = (folder / "model.toml", folder / "CARD.md")
    texts = (model_text(model, errors), card_text(replace(model, check_error=errors), steps))
    for path, text in zip(written, texts, strict=True):
        beside = path.with_suffix(path.suffix + ".part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    return written
