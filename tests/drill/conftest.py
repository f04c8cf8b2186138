"""Drills are tried in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from drill_process import quick_folder


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that PostgreSQL can use, whoever runs the tests."""
    with quick_folder() as folder:
        yield folder
