"""What a station of a closed network can do with the users who are there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dfr_sizing.analytic import checks
from dfr_sizing.simulation.system import FloatArray

Servers = float | Callable[[int], float]
"""So many servers (or shared processors), ``math.inf`` where nobody waits; or the seconds of work that n users together
get done a second, whatever n, as ``Cpu.capacity`` of the simulation says."""


def check_servers(name: str, servers: Servers, users: int) -> None:
    """Refuse anything but a whole number of at least 1, infinity, or a capacity above 0 for each number of users."""
    if not callable(servers):
        if servers != math.inf:
            checks.whole(name, servers, least=1)
    elif (least := float(capacities(servers, users).min())) <= 0.0:
        raise ValueError(f"{name} reaches {least}, but must be > 0 for every number of users")


def capacities(servers: Servers, users: int) -> FloatArray:
    """Seconds of work done a second with 1, 2, ... ``users`` there."""
    if callable(servers):
        return np.array([servers(n) for n in range(1, users + 1)], dtype=np.float64)
    return np.minimum(np.arange(1, users + 1), servers)


def full_capacity(servers: Servers, users: int) -> float:
    """The most work that a station does a second."""
    return float(capacities(servers, users).max()) if callable(servers) else float(servers)


def log_weights(servers: Servers, users: int) -> FloatArray:
    """Log of 1 / (product over k <= n of capacity(k)), for n = 0 to ``users``: a station's factor in product form."""
    return np.concatenate(([0.0], -np.cumsum(np.log(capacities(servers, users)))))
