"""The model that first was the reference: a known base for tests, whatever ships."""

from __future__ import annotations

from pathlib import Path

from dfr_sizing.model import Model, load_model

FOLDER = Path(__file__).parent / "first_reference"


def first_model() -> Model:
    return load_model(FOLDER)
