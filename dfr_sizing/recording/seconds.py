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

from dfr_sizing.recording.processes import GROUPS, OTHER, PROC, ProcessTable, used
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


class Watch:
    """Looks at this host once a second, in a thread of its own, and keeps the last ``kept_s`` (None: all).

    >>> watch = Watch(port=8069)
    >>> watch.start()
    >>> rows = watch.after(time.time() - 60.0)
    """

    def __init__(self, port: int, roots: Mapping[int, str] | None = None, kept_s: int | None = KEPT_S) -> None:
        self.port = port
        self.speed = SpeedLoop()
        self.groups: set[str] = set()
        self._table = ProcessTable(roots)
        self._kept: deque[Second] = deque(maxlen=kept_s)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
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
        ticks_per_s = os.sysconf("SC_CLK_TCK")
        self._stopped.wait(_to_whole_second())
        began, clock, table, host = time.time(), time.monotonic(), self._table.look(), host_ticks()
        while not self._stopped.wait(_to_whole_second()):
            now, table_now, host_now, passed = time.time(), self._table.look(), host_ticks(), time.monotonic()
            per_core = ticks_per_s * (passed - clock)
            cores = {group: ticks / per_core for group, ticks in used(table, table_now).items()}
            busy, idle = (host_now.busy - host.busy) / per_core, (host_now.idle - host.idle) / per_core
            cores[OTHER] = busy - sum(cores[group] for group in GROUPS)
            speed, queue = self.speed.milliseconds(), accept_queue(self.port)
            self._kept.append(Second(began, **cores, idle=idle, speed_ms=speed, queue=queue))
            self.groups |= {process.group for process in table_now.values()} & set(GROUPS)
            began, clock, table, host = now, passed, table_now, host_now


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
