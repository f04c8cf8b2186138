"""Every notebook runs from top to bottom, and is committed with its output."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_was_committed_with_its_output(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in code[1:])
    ran = nbformat.from_dict(committed)  # type: ignore[no-untyped-call]
    NotebookClient(ran, timeout=600, kernel_name="python3").execute()
    assert all(output.output_type != "error" for cell in ran.cells for output in cell.get("outputs", []))
