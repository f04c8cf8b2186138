"""A process that sends: its users, what the current step has them do, and the requests that it hands on."""

from __future__ import annotations

import itertools
import os
import platform
import random
import time
from collections.abc import Mapping
from typing import Any

import gevent
from gevent.event import Event
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.event import EventHook

from dfr_sizing.errors import InputError
from dfr_sizing.staging.target import Staging
from loadtests.client import TIME_OUT_S, Account, Client, found_on, logged_in
from loadtests.drawing import Known
from loadtests.mapping import Mapping as RequestMapping
from loadtests.outbox import Outbox
from loadtests.outcomes import of_exception
from loadtests.scenarios import Behaviour

HAND_ON_S = 2.0
"""Requests are handed on so often."""
LOOK_S = 0.05
NUMBERS = 1_000_000
"""Users of the n-th process are numbered from n times this."""


class Generator:
    """One process's part in a test. Messages: ``dfr_step`` and ``dfr_ping`` come; the others go to the conductor."""

    def __init__(self, environment: Environment, staging: Staging, mapping: RequestMapping, seed: int) -> None:
        self.environment, self.staging, self.mapping, self.seed = environment, staging, mapping, seed
        self.known: Known | None = None
        self.accounts = [Account(login) for login in staging.users]
        self.outbox = Outbox()
        self.under_way = 0
        self._numbers = itertools.count()
        self._behaviours: Mapping[str, Behaviour] = {}
        self._changed = Event()
        self._handing_on: gevent.Greenlet | None = None

    @property
    def runner(self) -> Any:
        """Locust's runner, which carries messages."""
        return self.environment.runner

    def listen(self) -> None:
        """Take part in tests: once, when Locust is ready."""
        self.runner.register_message("dfr_step", self._step)
        self.runner.register_message("dfr_ping", self._ping)
        self.environment.events.request.add_listener(self._request)
        self.environment.events.test_start.add_listener(lambda **_: gevent.spawn(self._start))
        self.environment.events.test_stop.add_listener(lambda **_: self._hand_on())

    def _start(self) -> None:
        """Log in and look for data, then say so; nothing of this is recorded, for no step has begun."""
        self.outbox, self.under_way, self._behaviours = Outbox(), 0, {}
        error = ""
        try:
            for account in self.accounts:
                logged_in(self.client(account), self.staging, first=True)
            self.known = found_on(self.client(self.accounts[0]), self.mapping, self.seed)
        except InputError as refusal:
            error = str(refusal)
        if self._handing_on is None:
            self._handing_on = gevent.spawn(self._keep_handing_on)
        self.runner.send_message("dfr_ready", {"error": error})

    def client(self, account: Account, http: FastHttpSession | None = None) -> Client:
        """A client for an account; without ``http`` one whose requests are not recorded."""
        unrecorded = http or FastHttpSession(
            self.staging.url, EventHook(), None, insecure=False, network_timeout=TIME_OUT_S
        )
        return Client(unrecorded, self.staging, self.mapping, account)

    def next_user(self) -> int:
        """The number of a new user."""
        return max(0, int(self.runner.worker_index)) * NUMBERS + next(self._numbers)

    def behaviour(self, kind: str) -> Behaviour | None:
        """What users of a kind do now; None: nothing, as before the first step and after the last."""
        return self._behaviours.get(kind) if self.known else None

    def wait_for_change(self, seconds: float | None) -> bool:
        """Wait so long, or until the step changes, which is then true."""
        return bool(self._changed.wait(seconds))

    def _step(self, msg: Any, **_: Any) -> None:
        self._behaviours = {kind: Behaviour(*told) for kind, told in msg.data["behaviours"].items()}
        changed, self._changed = self._changed, Event()
        changed.set()
        if msg.data["last"]:
            gevent.spawn(self._drain)

    def give_up(self, refusal: InputError) -> None:
        """Send nothing more, and have the test ended: this is not the system that the staging file names."""
        if self._behaviours:
            self._behaviours = {}
            self.runner.send_message("dfr_refused", {"error": str(refusal)})

    def _drain(self) -> None:
        """After the last step: wait for answers under way, hand all on, and say how many there were."""
        with gevent.Timeout(TIME_OUT_S, exception=False):
            while self.under_way:
                gevent.sleep(LOOK_S)
        self._hand_on()
        self.runner.send_message("dfr_drained", {"sent": self.outbox.sent})

    def _ping(self, msg: Any, **_: Any) -> None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        host = {"name": platform.node(), "cpu": platform.processor() or platform.machine()}
        told = {"asked": msg.data["asked"], "answered": time.time(), "cores": os.cpu_count(), "memory": memory, **host}
        self.runner.send_message("dfr_pong", told)

    def _request(
        self,
        name: str,
        start_time: float,
        response_time: float,
        response_length: int,
        exception: Any,
        context: Any,
        **_: Any,
    ) -> None:
        self.outbox.add(
            started=start_time,
            name=name,
            latency_s=response_time / 1e3,
            bytes=response_length or 0,
            outcome=of_exception(exception),
            user=context["user"],
        )

    def _keep_handing_on(self) -> None:
        while True:
            gevent.sleep(HAND_ON_S)
            self._hand_on()

    def _hand_on(self) -> None:
        message = self.outbox.take()
        if message["count"]:
            self.runner.send_message("dfr_requests", message)


def chance_of(seed: int, user: int) -> random.Random:
    """The random numbers of one user: the same in every run of the same seed."""
    return random.Random(f"{seed} {user}")  # noqa: S311 - data, no secret
