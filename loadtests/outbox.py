"""Requests on their way to the recording: kept in columns, packed into one small message every few seconds."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = {"started": "d", "latency_s": "d", "bytes": "q", "user": "q"}
_WORDS = ("name", "outcome")


class Outbox:
    """What a process sent and has not handed on. ``sent`` counts everything since it began, so that loss shows."""

    def __init__(self) -> None:
        self.sent = 0
        self._columns: dict[str, list[Any]] = {column: [] for column in (*_NUMBERS, *_WORDS)}

    def add(self, **request: float | str) -> None:
        """Keep a request; its parts are the columns of a recording. Times in seconds."""
        self.sent += 1
        for column, values in self._columns.items():
            values.append(request[column])

    def take(self) -> dict[str, Any]:
        """All that was kept, as a message: numbers as bytes, each word once and where it stands."""
        columns, self._columns = self._columns, {column: [] for column in self._columns}
        message: dict[str, Any] = {"count": len(columns["started"])}
        message |= {column: array(code, columns[column]).tobytes() for column, code in _NUMBERS.items()}
        for column in _WORDS:
            words = sorted(set(columns[column]))
            place = {word: number for number, word in enumerate(words)}
            message[column] = words
            message[f"{column}_at"] = array("H", [place[word] for word in columns[column]]).tobytes()
        return message


def unpacked(message: dict[str, Any], clock_offset_s: float = 0.0) -> pd.DataFrame:
    """A message as a table. ``clock_offset_s`` of the sender's clock is taken off the times at which requests began."""
    import pandas as pd  # noqa: PLC0415 - only the process that writes needs it

    table: dict[str, Any] = {column: _numbers(code, message[column]) for column, code in _NUMBERS.items()}
    for column in _WORDS:
        table[column] = [message[column][at] for at in _numbers("H", message[f"{column}_at"])]
    frame = pd.DataFrame(table)
    frame["started"] -= clock_offset_s
    return frame


def _numbers(code: str, packed: bytes) -> array[Any]:
    numbers = array(code)
    numbers.frombytes(packed)
    return numbers
