"""Runs Locust as its command does, with a collector that sees nothing: PostgreSQL and /proc have their own tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from dfr_sizing.recording.types import Server
from dfr_sizing.staging.target import Staging


class Collected:
    hosts = ()
    server = Server("18.0", "15", 2, 0, 100)
    sources = {"cpu": "not watched in this test", "postgresql": "none", "log": "none"}  # noqa: RUF012


class Collector:
    def __init__(self, _staging: Staging) -> None:
        self.edges: list[str] = []

    def start(self) -> None:
        pass

    def edge(self, step: str, edge: str) -> None:
        self.edges.append(f"{step} {edge}")

    def finish(self, folder: Path, _started: float, _ended: float) -> Collected:
        (folder / "edges.txt").write_text("\n".join(self.edges), encoding="utf-8")
        return Collected()


if __name__ == "__main__":
    module = ModuleType("dfr_sizing.recording.collect")
    module.Collector = Collector  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    from locust.main import main

    main()
