"""A catalogue in a folder of one's own, of which one file is replaced in one step."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from dfr_sizing.catalogue.reader import read_catalogue
from dfr_sizing.catalogue.types import Price

LEFT_S = 3600.0
"""Age from which a folder beside the catalogue is nobody's any more: no refresh takes so long between two pages."""
COLUMNS = ("provider", "region", "item", "unit", "term", "usd", "source", "date", "label")


def own_copy(folder: Path) -> None:
    """Make a folder that holds the shipped catalogue, unless it is there: whole or not at all. Raises OSError."""
    for left in folder.parent.glob(f".{folder.name}.*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        made = Path(beside) / "made"
        with resources.as_file(resources.files("dfr_sizing.catalogue") / "data") as shipped:
            shutil.copytree(shipped, made)
        made.rename(folder)


def replace_prices(folder: Path, provider: str, prices: Iterable[Price]) -> None:
    """Put a provider's prices in place of those in a catalogue's folder, in one step.

    They are first read as part of the whole catalogue, from beside it. Raises ValueError, with file and line, where
    that is not sound, and OSError; the old prices are then as they were.
    """
    name = f"prices_{provider}.csv"
    content = as_csv(prices)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as beside:
        tried = Path(beside) / "tried"
        shutil.copytree(folder, tried)
        with (tried / name).open("w", encoding="utf-8", newline="") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        read_catalogue(tried)
        (tried / name).replace(folder / name)


def as_csv(prices: Iterable[Price]) -> str:
    """Rows as the reader reads them."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for price in prices:
        rows.writerow(
            [
                price.provider,
                price.region,
                price.item,
                price.unit,
                str(price.term),
                f"{price.usd:.6g}",
                price.source,
                price.date.isoformat(),
                str(price.label),
            ]
        )
    return text.getvalue()
