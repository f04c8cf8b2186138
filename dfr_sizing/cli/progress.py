"""A progress bar on standard error, where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dfr_sizing.recommend.evaluate import Progress


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A function that moves the bar: stage in words, share done. None where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=1.0)

        def progress(stage: str, share: float) -> None:
            bar.update(task, description=stage, completed=share)

        yield progress
