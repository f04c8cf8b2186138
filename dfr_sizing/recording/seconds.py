"""What one host does in each second: cores used by each group of processes, its speed, who waits to be accepted."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dfr_sizing.recording.processes import GROUPS, OTHER, PROC, Key, Process, ProcessTable, used
from dfr_sizing.recording.speed import SpeedLoop

KEPT_S = 7_200
"""Seconds that are kept for who asks late. Stated: two hours, longer than a load test goes on without being asked."""

ABOUT_TO_BEGIN = 0.75
"""Part of a second from which on the next one is left to pass as well. Stated."""

LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp (TCP_LISTEN of the kernel's tcp_states.h)."""


@dataclass(frozen=True, slots=True)
class Second:
    """A row of the recording, but for the host's name. ``time`` is its start in seconds since the epoch here.

    Groups and ``idle`` in cores; ``other`` is what no group used, with what the hypervisor took (steal). The kernel
    counts busy ticks of the host and run time of processes apart, so ``other`` may be slightly below zero.
    ``speed_ms`` is CPU time of the fixed loop, ``queue`` connections that wait to be accepted; NaN where not known.
    """

    time: float
    odoo: float
    postgresql: float
    generator: float
    other: float
    idle: float
    speed_ms: float = math.nan
    queue: float = math.nan


@dataclass(frozen=True, slots=True)
class HostTicks:
    """CPU time of the whole host since boot, in clock ticks. ``busy`` includes steal."""

    busy: int
    idle: int


@dataclass(frozen=True, slots=True)
class Look:
    """All that is read at once. ``time`` in seconds since the epoch; ``clock`` in seconds that nobody sets."""

    time: float
    clock: float
    host: HostTicks
    processes: Mapping[Key, Process]


class Watch:
    """Looks at this host once a second, in a thread of its own, and keeps the last ``kept_s`` (None: all).

    >>> watch = Watch(port=8069)
    >>> watch.start()
    >>> rows = watch.after(time.time() - 60.0)
    """

    def __init__(self, port: int, roots: Mapping[int, str] | None = None, kept_s: int | None = KEPT_S) -> None:
        self.port = port
        self.speed = SpeedLoop()
        self._table = ProcessTable(roots)
        self._kept: deque[Second] = deque(maxlen=kept_s)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look; the first row begins now, those that follow on the whole second."""
        self._first = self._look()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def after(self, epoch: float) -> list[Second]:
        """The seconds that began at that time or later."""
        return [second for second in list(self._kept) if second.time >= epoch]

    def _run(self) -> None:
        before = self._first
        while not self._stopped.wait(_to_whole_second()):
            now = self._look()
            cores = cores_between(before, now)
            speed, queue = self.speed.milliseconds(), accept_queue(self.port)
            self._kept.append(Second(before.time, **cores, speed_ms=speed, queue=queue))
            before = now

    def _look(self) -> Look:
        return Look(time.time(), time.monotonic(), host_ticks(), self._table.look())


def cores_between(before: Look, now: Look) -> dict[str, float]:
    """Cores used by each group between two looks, and idle."""
    ticks_per_core = os.sysconf("SC_CLK_TCK") * (now.clock - before.clock)
    cores = {group: ticks / ticks_per_core for group, ticks in used(before.processes, now.processes).items()}
    busy = (now.host.busy - before.host.busy) / ticks_per_core
    idle = (now.host.idle - before.host.idle) / ticks_per_core
    return cores | {OTHER: busy - sum(cores[group] for group in GROUPS), "idle": idle}


def _to_whole_second() -> float:
    """Seconds to the next whole one that is not just about to begin: the rows of several hosts lie beside each other.

    A wait may end a hair early, and a second of a millisecond would be all noise.
    """
    part = time.time() % 1.0
    return (1.0 - part) if part < ABOUT_TO_BEGIN else (2.0 - part)


def host_ticks(proc: Path = PROC) -> HostTicks:
    """The host's clock ticks since boot (proc_stat(5)); those of guests are within user's."""
    values = (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(value) for value in values)
    return HostTicks(user + nice + system + irq + softirq + steal, idle + iowait)


def accept_queue(port: int, proc: Path = PROC) -> float:
    """Connections to a port of this host that wait to be accepted, or NaN where nobody listens there."""
    waiting, listens = 0, False
    for name in ("tcp", "tcp6"):
        with suppress(OSError), (proc / "net" / name).open() as lines:
            next(lines)
            for line in lines:
                _, local, _, state, queues = line.split(maxsplit=5)[:5]
                if state != LISTENING:
                    break  # the kernel tells of listening sockets first; thousands of closed ones may follow
                if int(local.rpartition(":")[2], 16) == port:
                    listens = True
                    waiting += int(queues.rpartition(":")[2], 16)
    return float(waiting) if listens else math.nan
