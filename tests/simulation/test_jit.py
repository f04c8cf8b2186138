"""Compiled code is kept from run to run, but never beyond a change of any of the engine's sources."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from dfr_sizing.simulation import compiled, jit, rare

SOURCE = """
from dfr_sizing.simulation.jit import compiled

@compiled
def one_more(x):
    return x + 1
"""


def load(path: Path) -> Any:
    """The function of the file, decorated anew."""
    spec = importlib.util.spec_from_file_location("kept", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.one_more


def test_the_digest_is_that_of_every_source_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(jit.__file__).parent
    sources = [Path(shutil.copy(path, tmp_path)) for path in folder.glob("*.py")]
    assert {"compiled.py", "machinery.py", "passage.py", "rare.py", "token_bucket.py"} <= {
        path.name for path in sources
    }
    assert jit._digest() == jit._SOURCES
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "jit.py"))
    assert jit._digest() == jit._SOURCES
    found = {jit._SOURCES}
    for path in sources:
        path.write_text(path.read_text() + "# changed\n")
        found.add(jit._digest())
    assert len(found) == 1 + len(sources)


def test_every_function_of_the_engine_carries_the_digest() -> None:
    functions: tuple[Any, ...] = (compiled._run, compiled._set_up, rare.fall_due)
    for function in functions:
        assert function._cache._cache_file._source_stamp[1] == jit._SOURCES


def test_code_of_other_sources_is_not_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.py"
    path.write_text(SOURCE)
    hits = []
    for digest in ("a", "a", "b", "b", "a"):
        monkeypatch.setattr(jit, "_SOURCES", digest)
        function = load(path)
        assert function(1) == 2
        hits.append(sum(function.stats.cache_hits.values()))
    # the index holds one set of sources: going back compiles once more
    assert hits == [0, 1, 0, 1, 0]
