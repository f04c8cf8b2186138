"""Everything of a recording but the requests, for a load generator: CPU by second, PostgreSQL's statistics, the log.

The work is done in a process of its own (`watch.py`): a thread here would be held up by a busy generator, which counts
on greenlets besides, and would take from its time. What is collected goes from there into the folder.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dfr_sizing.recording.types import Host, Server
from dfr_sizing.staging.target import PASSWORD, Staging

ANSWERS_WITHIN_S = 330.0
"""Longest wait for an answer. Stated: half a minute more than the watching process gives itself (`watch.AT_MOST_S`)."""

ENDS_WITHIN_S = 10.0
"""Time that the watching process has to end in when it has answered. Stated."""

UNKNOWN = "unknown"
SOURCES = ("cpu", "postgresql", "log")


@dataclass(frozen=True, slots=True)
class Collected:
    """What goes into recording.json: ``sources`` says where cpu, postgresql and log came from, or why they are missing.

    What is missing altogether begins with "none: ".
    """

    hosts: tuple[Host, ...]
    server: Server
    sources: dict[str, str]


class Collector:
    """Collects beside a load test. Nothing raises because a source is missing: ``sources`` will say so.

    >>> collector = Collector(read_staging(Path("staging.toml")))
    >>> collector.start()  # before the load: the host's speed is measured alone
    >>> collector.edge("n20", "begin")  # at once; the snapshot is taken meanwhile
    >>> collector.edge("n20", "end")
    >>> collected = collector.finish(folder, started, ended)
    """

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None

    def start(self) -> None:
        """Begin to watch, and connect. Returns when both is done, after some two seconds."""
        first = {"staging": self._staging.model_dump(), "generator": os.getpid()}
        environment = {name: value for name, value in os.environ.items() if name != PASSWORD}  # not needed there
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dfr_sizing.recording.watch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the generator, which may still want what was collected
        )
        self._send(first)
        self._answer()

    def edge(self, step: str, edge: str) -> None:
        """Take a snapshot of PostgreSQL: the ``begin`` or the ``end`` of a step's measured part."""
        self._send({"step": step, "edge": edge})

    def finish(self, folder: Path, started: float, ended: float) -> Collected:
        """Write seconds.parquet, postgresql.json.gz and odoo.log.gz, as far as there are any, and stop to watch.

        ``started`` and ``ended`` in seconds since the epoch on this host's clock.
        """
        self._send({"folder": str(folder.absolute()), "started": started, "ended": ended})
        told = self._answer()
        if not told:
            return self._nothing(self._last_words())
        self.close()
        server = Server(**told["server"])
        hosts = tuple(Host(**{**row, "groups": tuple(row["groups"])}) for row in told["hosts"])
        return Collected(hosts, server, told["sources"])

    def close(self) -> None:
        """Stop to watch, without writing anything if it was not finished."""
        if self._process is None:
            return
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                with suppress(OSError):  # what was not sent yet finds nobody
                    stream.close()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _send(self, message: Mapping[str, object]) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):  # it has ended: finish will say so
                self._process.stdin.write(json.dumps(message).encode() + b"\n")
                self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        """The next answer; empty where the watching process has ended, or does not go on."""
        if self._process is None or self._process.stdout is None:
            return {}
        with suppress(OSError, ValueError):
            if not select.select([self._process.stdout], [], [], ANSWERS_WITHIN_S)[0]:
                return {}
            told: dict[str, Any] = json.loads(self._process.stdout.readline())
            return told
        return {}

    def _last_words(self) -> str:
        """Why the watching process has ended, as far as it said; and see to its end."""
        if self._process is None or self._complaints is None:
            return "none: the watching process was not started"
        self._complaints.seek(0)
        told = self._complaints.read().decode(errors="replace").strip().splitlines()
        self.close()
        return f"none: the watching process ended early ({told[-1] if told else 'it did not say why'})"

    def _nothing(self, why: str) -> Collected:
        server = Server(UNKNOWN, UNKNOWN, self._staging.workers, self._staging.cron_workers, 0)
        return Collected((), server, dict.fromkeys(SOURCES, why))
