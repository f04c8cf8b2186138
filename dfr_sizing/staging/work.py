"""The Python that a request costs. The stand-in has no ORM to spend it, so it spends as much on other real work.

How much is each operation's ``app_cpu_ms`` in the reference model, which was measured on a real Odoo 18. A request of
several operations pays its fixed part (``overhead``) once and each operation's own part, as the model composes the
DFR's requests (data/requests.toml). What the stand-in's own HTTP and SQL cost comes on top. Measured with 200,000
partners, 60 requests of one user each: 1.1 to 1.4 times the model's figure (a read 5.7 ms for 4.4, a create 15.5 for
12.1), on a host that was a little slower than the model's.
"""

from __future__ import annotations

import json
import random
import tomllib

from dfr_sizing.errors import InputError
from dfr_sizing.model import models_folder

ROUNDS_PER_MS = 175.0
"""Rounds of `Work` in a millisecond of CPU. Measured: 5.7 us a round on the reference model's kind of CPU (AMD EPYC,
Zen 4, 2 vCPU; Python 3.11), in a quiet moment of a shared host that drifts by a factor of 1.7. On another CPU a request
takes another time, as it should: the amount of work is what is fixed."""
MODEL = "odoo18-reference"
_ROWS = 2000
"""Records that the work goes through, so that it touches memory (about 2 MB) as an ORM's cache does. Assumed."""


class Work:
    """Spends what an operation costs: by records written as JSON and read back, the same for a seed."""

    def __init__(self, app_cpu_ms: dict[str, float], seed: int = 1) -> None:
        fixed = app_cpu_ms["overhead"]
        self._rounds = {
            name: max(0, round((ms - (fixed if name != "overhead" else 0.0)) * ROUNDS_PER_MS))
            for name, ms in app_cpu_ms.items()
        }
        draw = random.Random(seed)  # noqa: S311  (test data, no secret)
        self._rows = [
            {"id": number, "name": f"{draw.random():.16f}", "tags": [draw.randrange(100) for _ in range(6)]}
            | {field: f"{draw.randrange(10**9)}" for field in ("city", "phone", "email")}
            for number in range(_ROWS)
        ]
        self._next = 0

    def spend(self, operation: str, times: int = 1) -> int:
        """Do an operation's own part so many times. What is returned keeps the work from being for nothing."""
        found = 0
        for number in range(self._next, self._next + self._rounds[operation] * times):
            row = json.loads(json.dumps(self._rows[number * 7 % _ROWS]))
            found += len(sorted(row["tags"]))
        self._next = (self._next + self._rounds[operation] * times) % _ROWS
        return found


def app_cpu_ms() -> dict[str, float]:
    """Python CPU of a request of each operation of the reference model, in milliseconds."""
    path = models_folder() / MODEL / "model.toml"
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("the reference model", path, "readable", f"{error.strerror}: install dfr-size again") from None
    return {name: _middle(row["app_cpu_ms"]) for name, row in told["operation"].items()}


def _middle(value: float | list[float]) -> float:
    """A number, or the middle one of an interval."""
    return float(value[1] if isinstance(value, list) else value)
