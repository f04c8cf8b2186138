"""The load test, as Locust runs it: ``locust -f loadtests/locustfile.py --staging staging.toml --headless``.

Five kinds of users, stepped through levels of load; loadtests/README.md says how to run it.
"""

from __future__ import annotations

import logging
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Locust runs this file from anywhere

import gevent
from locust import FastHttpUser, LoadTestShape, TaskSet, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from dfr_sizing.errors import InputError
from dfr_sizing.staging.target import check_host
from loadtests.client import TIME_OUT_S
from loadtests.conductor import Conductor
from loadtests.generator import Generator, chance_of
from loadtests.outcomes import REFUSED
from loadtests.setup import Setup, folder_for, read_setup

SPAWNED_PER_S = 100
"""Locust starts users no faster than it can."""
REFUSED_PAUSE_S = 1.0
"""A server that takes no connection is not hammered: browsers try again after a second."""
LATE_S = 2.0
"""Time for the last messages of a test that was stopped."""
_log = logging.getLogger(__name__)


class Here:
    """What this process takes part in: Locust makes users and the shape without handing them anything."""

    setup: Setup
    generator: Generator
    conductor: Conductor | None = None


class Work(TaskSet):
    """Think, send, think, send."""

    user: FieldUser

    def on_start(self) -> None:
        """Think before the first request too: users who come together shall not send together."""
        self.wait()  # type: ignore[no-untyped-call]

    @task
    def send(self) -> None:
        """Send one request."""
        self.user.send()

    def _sleep(self, seconds: float) -> None:  # noqa: ARG002 - the user knows how long
        self.user.think()


class FieldUser(FastHttpUser):
    """What the five kinds share. What each does in a step is told by the conductor."""

    abstract = True
    tasks = [Work]  # noqa: RUF012 - Locust's own way
    insecure = False
    network_timeout = connection_timeout = TIME_OUT_S

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._generator = Here.generator
        self._number = self._generator.next_user()
        self._chance = chance_of(self._generator.seed, self._number)
        accounts = self._generator.accounts
        self._client = self._generator.client(accounts[self._number % len(accounts)], self.client)

    def context(self) -> dict[str, int]:
        """What the recording knows of a request beside its class."""
        return {"user": self._number}

    def think(self) -> None:
        """Wait for the next request.

        When a step begins the user thinks anew, which changes nothing: exponential think times have no memory.
        """
        changed = True
        while changed:
            does = self._generator.behaviour(type(self).__name__)
            if does is None:
                changed = self._generator.wait_for_change(None)
            else:
                changed = self._generator.wait_for_change(self._chance.expovariate(1.0) * does.think_s)

    def send(self) -> None:
        """Send a request of a class drawn from the step's mix."""
        does = self._generator.behaviour(type(self).__name__)
        if does is None or self._generator.known is None:
            return
        name = self._chance.choices(list(does.mix), list(does.mix.values()))[0]
        self._generator.under_way += 1
        try:
            if self._client.send(name, self._generator.known, self._chance) == REFUSED:
                gevent.sleep(REFUSED_PAUSE_S)
        except InputError as refusal:
            self._generator.give_up(refusal)
        finally:
            self._generator.under_way -= 1


class BackOfficeOfficer(FieldUser):
    """Lists, reads, searches and edits farmers."""


class ReportUser(FieldUser):
    """Exports a district, opens a dashboard."""


class PortalVisitor(FieldUser):
    """Looks at pages of the portal and registers."""


class ExternalSystem(FieldUser):
    """Looks farmers up by their unique ID."""


class Enumerator(FieldUser):
    """Synchronises a device after a day in the field."""


USERS = (BackOfficeOfficer, ReportUser, PortalVisitor, ExternalSystem, Enumerator)


class Levels(LoadTestShape):
    """As many users as the conductor's step has."""

    def tick(self) -> tuple[int, float] | None:
        """Users now and how fast they come; None ends the test."""
        try:  # the web interface lets its user name another host
            check_host(Here.setup.staging, str(self.runner.environment.host if self.runner else ""))
        except InputError as refusal:
            _log.error(refusal)
            return None
        conductor = Here.conductor
        running = conductor is not None and not conductor.stopped
        if conductor is not None and running and conductor.over:
            return None
        users = conductor.level.users if conductor is not None and running else Here.setup.levels[0].users
        return users, float(min(users, SPAWNED_PER_S))


def _options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("DFR load test")
    group.add_argument("--staging", env_var="DFR_STAGING", default="", help="the staging file: what may be loaded")
    group.add_argument("--steps", default="reference", help="steps file, or a shipped one: reference, short, dfr")
    group.add_argument("--record", default="", help="folder of the recording (default: recordings/STEPS-TIME)")
    group.add_argument("--seed", type=int, default=1, help="seed of the requests' data and order")
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")  # Locust's own: all addresses
    _refuse_early(parser.parse_known_args()[0])


def _refuse_early(options: Namespace) -> None:
    """Before processes are forked and anything is sent: read all files, and end with status 2 where one is wrong."""
    if options.list_commands:
        return
    try:
        Here.setup = read_setup(
            options.staging, options.steps, options.host or "", options.record, options.seed, not options.master
        )
    except InputError as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(2)


def _begin(environment: Environment, **_: Any) -> None:
    """Locust is ready: take part in tests, as one who sends, as the conductor, or as both."""
    setup = Here.setup
    environment.host = environment.host or setup.staging.url
    environment.stop_timeout = environment.stop_timeout or TIME_OUT_S  # a user finishes the request that it has sent
    for kind in USERS:
        kind.weight = setup.weights.get(kind.__name__, 0.0)
    if not isinstance(environment.runner, MasterRunner):
        Here.generator = Generator(environment, setup.staging, setup.mapping, setup.seed)
        Here.generator.listen()
    if not isinstance(environment.runner, WorkerRunner):
        _conduct(environment)


def _conduct(environment: Environment) -> None:
    assert environment.runner is not None  # noqa: S101 - Locust makes it before this event
    for message in ("dfr_ready", "dfr_pong", "dfr_requests", "dfr_drained", "dfr_refused"):
        environment.runner.register_message(message, _hear)
    environment.events.test_start.add_listener(_start)
    environment.events.test_stop.add_listener(_stop)
    environment.events.quit.add_listener(_close)


def _hear(msg: Any, **_: Any) -> None:
    if Here.conductor is not None:
        Here.conductor.hear(msg)


def _start(environment: Environment, **_: Any) -> None:
    setup = Here.setup
    folder = folder_for(setup, time.time())
    Here.conductor = Conductor(environment, setup.staging, setup.mapping, setup.levels, folder, setup.seed)
    Here.conductor.start()


def _stop(**_: Any) -> None:
    """Locust stops the users, at the end of the test or before; then the last messages are still on their way."""
    if Here.conductor is not None:
        Here.conductor.stopped = True
        gevent.spawn_later(LATE_S, Here.conductor.close)


def _close(**_: Any) -> None:
    if Here.conductor is not None:
        Here.conductor.close()


events.init_command_line_parser.add_listener(_options)
events.init.add_listener(_begin)
