"""A deployment's life through its failures, by SimPy: what stands, what is out, and since when users wait.

Each failure takes the way back that ``paths`` gives for what is left at that moment: who has lost the standby and then
the host restores, who has left the first site has no second one until the first is built again. Outages that overlap
count once. An outage counts whole in the life in which it began; failures end with the life.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import simpy

from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.failures import EACH_HOST, has_repair, taken_along
from dfr_sizing.recovery.losses import lost_minutes
from dfr_sizing.recovery.paths import MINUTES_PER_HOUR, Timing, Way, durations, has_standby, way_back
from dfr_sizing.recovery.strata import Incident
from dfr_sizing.recovery.types import Failure, RecoveryInput, Standing, Step, Strategy


@dataclass(frozen=True, slots=True)
class Answer:
    """What one failure takes with what stands: the way, its steps in minutes, the whole in hours, the loss in minutes.

    One value a draw.
    """

    way: Way
    steps: Mapping[Step, FloatArray]
    hours: list[float]
    lost_minutes: list[float]


@dataclass(frozen=True, slots=True)
class Outage:
    """One incident that users felt: hours after the start, how long until they were served, minutes of work lost.

    Where a host that was out before is back sooner than the last one, users are served sooner than the steps say.
    """

    at_h: float
    failure: Failure
    hours: float
    lost_minutes: float
    way: Way
    draw: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Lived:
    """One life: hours in which users were not served, and the outages that made them."""

    down_h: float
    outages: tuple[Outage, ...]


@dataclass(slots=True)
class Answers:
    """Of one deployment and strategy; each is worked out when it is first asked for."""

    strategy: Strategy
    inputs: RecoveryInput
    sampler: Sampler
    _answers: dict[tuple[Failure, Standing], Answer] = field(default_factory=dict)
    _repairs: dict[Failure, list[float]] = field(default_factory=dict)

    @property
    def has_standby(self) -> bool:
        """Whether there is a standby to lose."""
        return has_standby(self.strategy, self.inputs)

    @property
    def has_other_site(self) -> bool:
        """Whether there is a second site to lose."""
        return self.strategy is not Strategy.BACKUP_RESTORE

    def of(self, failure: Failure, standing: Standing) -> Answer:
        """What a failure takes with what stands."""
        key = (failure, standing)
        if key not in self._answers:
            asked = (self.strategy, failure, self.inputs)
            steps = durations(*asked, self.sampler, standing)
            hours = np.sum(list(steps.values()), axis=0) / MINUTES_PER_HOUR
            lost = lost_minutes(*asked, self.sampler, standing)
            self._answers[key] = Answer(way_back(*asked, standing), steps, hours.tolist(), lost.tolist())
        return self._answers[key]

    def repair_h(self, failure: Failure, draw: int) -> float:
        """Hours until what was lost stands again beside what serves."""
        if failure not in self._repairs:
            timing = Timing(self.inputs, self.sampler)
            known = has_repair(failure, self.inputs.place)
            self._repairs[failure] = (timing.repair(failure) / MINUTES_PER_HOUR).tolist() if known else [0.0]
        repairs = self._repairs[failure]
        return repairs[draw % len(repairs)]

    def breakdown(self, outage: Outage) -> dict[Step, float]:
        """The minutes of an outage, step by step."""
        steps = self.of(outage.failure, outage.standing).steps
        return {step: float(minutes[outage.draw]) for step, minutes in steps.items()}


class Life:
    """A deployment that incidents strike one after another."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.env = simpy.Environment()
        self.standbys_lost = 0  # counted, for it may be lost again before it stands again
        self.sites_lost = 0
        self.host_back_h: dict[int, float] = {}  # hosts that are out, and when each will be replaced
        self.reasons = 0  # why users wait; they are served when there is none
        self.down_since = 0.0
        self.down_h = 0.0
        self.outages: list[Outage] = []

    def lived(self, incidents: tuple[Incident, ...]) -> Lived:
        """Live through them, and until the last is mended."""
        self.env.process(self._struck_by(incidents))
        self.env.run()
        return Lived(self.down_h, tuple(self.outages))

    def _struck_by(self, incidents: tuple[Incident, ...]) -> Generator[simpy.Event, None, None]:
        for incident in incidents:
            yield self.env.timeout(incident.at_h - self.env.now)
            if incident.failure in EACH_HOST:
                self._host(incident)
            elif incident.unit:
                self._twin(incident)
            else:
                self._serving(incident)

    def _serving(self, incident: Incident) -> None:
        """The database, the room or the site that serves is lost, or something in front of it."""
        failure, answers = incident.failure, self.answers
        standing = Standing(
            standby=not self.standbys_lost or not answers.has_standby,
            other_site=not self.sites_lost or not answers.has_other_site,
        )
        answer = answers.of(failure, standing)
        self._wait(incident, answer, standing, answer.hours[incident.draw])
        if answer.way is Way.STANDBY:  # it serves now, and nothing stands beside it
            self._lose_standby(incident)
            self._lose_hosts(incident)
        elif answer.way is Way.OTHER_SITE or failure is Failure.SITE:
            self._lose_site(incident)
            self._lose_standby(incident)

    def _twin(self, incident: Incident) -> None:
        """The standby's host, disk or zone, or the second site: users notice nothing, but the next failure is worse."""
        if incident.failure is Failure.SITE:
            self._lose_site(incident)
        elif self.answers.has_standby:
            self._lose_standby(incident)
            self._lose_hosts(incident)

    def _lose_standby(self, incident: Incident) -> None:
        self.standbys_lost += 1
        self._after(self.answers.repair_h(incident.failure, incident.draw), self._standby_back)

    def _standby_back(self) -> None:
        self.standbys_lost -= 1

    def _lose_site(self, incident: Incident) -> None:
        self.sites_lost += 1
        self._after(self.answers.repair_h(incident.failure, incident.draw), self._site_back)

    def _site_back(self) -> None:
        self.sites_lost -= 1

    def _lose_hosts(self, incident: Incident) -> None:
        """What takes application hosts along, takes those of its zone: every other one."""
        if Failure.NODE not in taken_along(incident.failure):
            return
        for host in range(incident.unit, self.answers.inputs.application_nodes, 2):
            self._host(Incident(incident.at_h, Failure.NODE, host, incident.draw))

    def _host(self, incident: Incident) -> None:
        """A host is out until it is replaced; users wait while the balancer finds out, or until any host is back."""
        if incident.unit in self.host_back_h:
            return
        last = Standing(hosts_out=self.answers.inputs.application_nodes - 1)
        standing = Standing(hosts_out=len(self.host_back_h))
        replaced_h = self.answers.of(incident.failure, last).hours[incident.draw]
        self.host_back_h[incident.unit] = self.env.now + replaced_h
        self._after(replaced_h, partial(self._host_back, incident.unit))
        answer = self.answers.of(incident.failure, standing)
        first_back_h = min(self.host_back_h.values()) - self.env.now
        self._wait(incident, answer, standing, first_back_h if standing == last else answer.hours[incident.draw])

    def _host_back(self, host: int) -> None:
        del self.host_back_h[host]

    def _wait(self, incident: Incident, answer: Answer, standing: Standing, hours: float) -> None:
        """Users wait so long."""
        lost, draw = answer.lost_minutes[incident.draw], incident.draw
        self.outages.append(Outage(self.env.now, incident.failure, hours, lost, answer.way, draw, standing))
        if not self.reasons:
            self.down_since = self.env.now
        self.reasons += 1
        self._after(hours, self._served)

    def _served(self) -> None:
        self.reasons -= 1
        if not self.reasons:
            self.down_h += self.env.now - self.down_since

    def _after(self, hours: float, what: Callable[[], None]) -> None:
        """Set something to happen."""
        event = self.env.timeout(hours)
        if event.callbacks is not None:  # None only once an event has happened
            event.callbacks.append(lambda _: what())
