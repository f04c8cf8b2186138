"""Conducts a test: leads all processes through the steps, and writes the recording. Runs in one process only."""

from __future__ import annotations

import dataclasses
import logging
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust import __version__
from locust.env import Environment

from dfr_sizing.recording.store import write_recording
from dfr_sizing.recording.types import Host, Recording, Server, Step
from dfr_sizing.staging.target import Staging
from loadtests.client import TIME_OUT_S
from loadtests.keeper import Keeper, Ping
from loadtests.mapping import Mapping as RequestMapping
from loadtests.scenarios import together
from loadtests.steps import Level

LOOK_S = 0.05
PART_S = 10.0
"""Requests are put on disk so often."""
READY_S = 120.0
"""Longest wait for all processes to log in."""
_log = logging.getLogger(__name__)


class Conductor:
    """One test from beginning to end.

    Writing requests is done in a thread beside gevent's loop, which has to keep time; the collector has a process of
    its own.
    """

    def __init__(
        self,
        environment: Environment,
        staging: Staging,
        mapping: RequestMapping,
        levels: tuple[Level, ...],
        folder: Path,
        seed: int,
    ) -> None:
        from dfr_sizing.recording.collect import Collector  # noqa: PLC0415 - only the conductor needs it

        self.environment, self.levels = environment, levels
        self.over = self.stopped = False
        self.level = levels[0]
        self._folder, self._staging = folder, staging
        self._keeper = Keeper(folder)
        self._collector = Collector(staging)
        self._pings: dict[str, Ping] = {}
        self._hosts: dict[str, dict[str, Any]] = {}
        self._ready: dict[str, str] = {}
        self._began = self._closed = self._refused = False
        self._finishing = Event()
        self._conducting: gevent.Greenlet | None = None
        self._writing: gevent.Greenlet | None = None
        self._recording = Recording(
            name=folder.name,
            started=time.time(),
            ended=math.nan,
            complete=False,
            mapping=staging.mapping,
            seed=seed,
            generator=f"Locust {__version__}",
            kinds=mapping.kinds,
            steps=(),
            hosts=(),
            server=Server("", "", staging.workers, staging.cron_workers, 0),
            sources={},
        )

    @property
    def runner(self) -> Any:
        """Locust's runner, which carries messages."""
        return self.environment.runner

    def start(self) -> None:
        """Begin, once Locust has begun."""
        self._keeper.clear()
        self.environment.process_exit_code = 1  # until the recording is complete
        write_recording(self._folder, self._recording)
        self._conducting = gevent.spawn(self._conduct)
        self._writing = gevent.spawn(self._write_parts)

    def hear(self, msg: Any) -> None:
        """Take a message from a process that sends."""
        process, told = msg.node_id, msg.data
        if msg.type == "dfr_ready":
            self._ready[process] = told["error"]
            self._ask_clock(process)
            if self._began and not self.over:  # it came while the test is running
                self._tell(self.level, process)
        elif msg.type == "dfr_pong":
            self._pings.setdefault(process, Ping()).heard(told["asked"], told["answered"], time.time())
            self._hosts[process] = told
        elif msg.type == "dfr_requests":
            self._keeper.receive(process, told, self._offset(process))
        elif msg.type == "dfr_drained":
            self._keeper.told[process] = told["sent"]
        elif msg.type == "dfr_refused" and not self._refused:
            self._refused = True
            _log.error(told["error"])
            gevent.spawn(self._give_up)

    def close(self) -> None:
        """Write what there is; a test that did not come to its end is not complete. Does nothing the second time."""
        if not self._closed:
            gevent.kill(self._conducting)
            self._write()

    def _conduct(self) -> None:
        if self._all_ready():
            self._collector.start()
            self._began = True
            for level in self.levels:
                self._lead(level)
            self._rest()
            self._write()
        self.over = True

    def _give_up(self) -> None:
        """End the test at once: the system under test is no longer the one that the staging file names."""
        gevent.kill(self._conducting)
        self._rest()
        self.close()
        self.over = True

    def _rest(self) -> None:
        """Nobody sends any more; wait for the last answers and for all requests to arrive here."""
        self._tell(None)
        _wait(lambda: len(self._keeper.told) >= min(len(self._ready), self._processes()), TIME_OUT_S)

    def _all_ready(self) -> bool:
        """Wait until all processes are logged in; a refusal ends the test."""
        _wait(lambda: len(self._ready) >= self._processes(), READY_S)
        refusals = sorted({error for error in self._ready.values() if error})
        if refusals:
            _log.error(refusals[0])
            self.environment.process_exit_code = 2
        elif len(self._ready) < self._processes():
            _log.error("only %d of %d processes were ready in %.0f s", len(self._ready), self._processes(), READY_S)
        return not refusals and len(self._ready) >= self._processes()

    def _lead(self, level: Level) -> None:
        """One step: tell everybody, let it settle, then measure."""
        self.level = level
        started = time.time()
        self._tell(level)
        for process in self._ready:
            self._ask_clock(process)
        gevent.sleep(level.warm_up_s)
        measured_from = time.time()
        crowd = together(self._users(), level.behaviours)
        self._collector.edge(level.name, "begin")
        gevent.sleep(max(0.0, measured_from + level.seconds - time.time()))
        ended = time.time()
        self._collector.edge(level.name, "end")
        users = sum(self._users().values())
        if users != level.users:
            _log.warning("step %s had %d users, not %d: give it a longer warm-up", level.name, users, level.users)
        step = Step(level.name, users, crowd.think_s, crowd.mix, started, measured_from, ended, level.held_out)
        self._recording = dataclasses.replace(self._recording, ended=ended, steps=(*self._recording.steps, step))
        write_recording(self._folder, self._recording)

    def _write(self) -> None:
        """The requests as one table, what the collector saw, and recording.json, which says whether all is there."""
        self._closed = True
        self._finishing.set()
        gevent.joinall([self._writing])
        if not self._began:
            return
        _beside(self._keeper.merge)
        ended = time.time()
        told = self._collector.finish(self._folder, self._recording.started, ended)
        missing = self._keeper.missing(self._ready)
        count = sum(self._keeper.received.values())
        where = (
            f"{self._recording.generator}, {len(self._ready)} processes: {missing or f'all {count:,} that were sent'}"
        )
        self._recording = dataclasses.replace(
            self._recording,
            ended=ended,
            complete=len(self._recording.steps) == len(self.levels) and not missing,
            hosts=(*told.hosts, *self._other_hosts(told.hosts)),
            server=told.server,
            sources={**told.sources, "requests": where},
        )
        write_recording(self._folder, self._recording)
        self.environment.process_exit_code = 0 if self._recording.complete else 1
        _log.info("Recording %s: %s", "complete" if self._recording.complete else "NOT complete", self._folder)

    def _other_hosts(self, known: tuple[Host, ...]) -> list[Host]:
        """Hosts that only send, apart from this one: nobody watches them but for their clock."""
        names = {host.name for host in known} | {platform.node()}
        found = {told["name"]: process for process, told in self._hosts.items() if told["name"] not in names}
        return [
            Host(
                name, ("generator",), told["cpu"], told["cores"], 1, told["memory"], "", math.nan, self._offset(process)
            )
            for name, process in found.items()
            for told in (self._hosts[process],)
        ]

    def _offset(self, process: str) -> float:
        """Clock of a process less this one, in seconds; on this host it is the same clock."""
        same = self._hosts.get(process, {}).get("name") == platform.node()
        return 0.0 if same or process not in self._pings else self._pings[process].offset_s

    def _tell(self, level: Level | None, process: str | None = None) -> None:
        told = (
            {} if level is None else {kind: [does.think_s, dict(does.mix)] for kind, does in level.behaviours.items()}
        )
        self.runner.send_message("dfr_step", {"behaviours": told, "last": level is None}, process)

    def _ask_clock(self, process: str) -> None:
        self.runner.send_message("dfr_ping", {"asked": time.time()}, process)

    def _processes(self) -> int:
        return max(1, int(self.runner.worker_count))

    def _users(self) -> dict[str, int]:
        """Users of each kind now."""
        told = getattr(self.runner, "reported_user_classes_count", None) or self.runner.user_classes_count
        return {name: count for name, count in told.items() if count}

    def _write_parts(self) -> None:
        while not self._finishing.wait(PART_S):
            _beside(self._keeper.write_part)


def _wait(until: Callable[[], bool], seconds: float) -> None:
    with gevent.Timeout(seconds, exception=False):
        while not until():
            gevent.sleep(LOOK_S)


def _beside(work: Callable[[], None]) -> None:
    """Do blocking work in a thread while the loop goes on."""
    gevent.get_hub().threadpool.apply(work)
