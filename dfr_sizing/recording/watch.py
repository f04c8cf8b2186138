"""The process beside a load generator: `python -m dfr_sizing.recording.watch`, started by a Collector.

It reads a message a line, and ends with its standard input. The first names the staging system, the last the folder;
these two are answered by a line each. Those between ask for a snapshot.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from dfr_sizing.recording.sources import Sources
from dfr_sizing.staging.target import Staging

AT_MOST_S = 300
"""Time to collect in at the end. Stated: whoever waits for it must not wait for ever."""


def main(messages: Iterable[str], answers: TextIO) -> None:
    """Watch until the messages end."""
    sources: Sources | None = None
    for line in messages:
        message: dict[str, Any] = json.loads(line)
        if sources is None:
            staging = Staging.model_validate(message["staging"])
            sources = Sources(staging, message["generator"])
            sources.start()
            _answer(answers, {})
        elif "folder" in message:
            signal.alarm(AT_MOST_S)
            found = sources.finish(Path(message["folder"]), message["started"], message["ended"])
            _answer(answers, asdict(found))
        else:
            sources.edge(message["step"], message["edge"])


def _answer(answers: TextIO, told: dict[str, Any]) -> None:
    answers.write(json.dumps(told) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
