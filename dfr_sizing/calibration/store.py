"""A model's folder: its runs, model.toml, CARD.md and pictures. Files appear whole, by rename; model.toml last."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dfr_sizing.calibration.calibrate import STRANGERS, Calibration
from dfr_sizing.calibration.calibration_card import calibration_card
from dfr_sizing.calibration.model_text import model_text
from dfr_sizing.calibration.runs import Run
from dfr_sizing.calibration.steps import classes_of, load, read_steps
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model
from dfr_sizing.recording.store import ABOUT, LOG, POSTGRESQL, REQUESTS, SECONDS

RECORDED = (REQUESTS, SECONDS, POSTGRESQL, LOG, ABOUT)
"""The files of a recording; the one that makes it one comes last."""


def runs_in(folder: Path, workers: int | None = None, strangers_cores: float | None = None) -> list[Run]:
    """All steps of a recording; ``workers`` in place of what it says, ``strangers_cores`` in place of the rule.

    Raises InputError.
    """
    loaded = load(folder, strangers_cores)
    steps = read_steps(loaded, classes_of([loaded.recording]))
    runs = [step.run for step in steps if step.run.requests]
    return runs if workers is None else [replace(run, workers=workers) for run in runs]


def steps_of(model: Model) -> list[Run]:
    """The load steps that a model was fitted on, and those held out. Raises InputError."""
    if model.folder is None:
        raise InputError("the model", model.name, "one with a folder", "load it from its folder")
    recordings = sorted(path.parent for path in (model.folder / "runs").glob(f"*/{ABOUT}"))
    if not recordings:
        raise InputError("the model", model.folder, "one with its recordings in runs/", "calibrate it again")
    return [run for folder in recordings for run in runs_in(folder, strangers_cores=model.check_error.get(STRANGERS))]


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
