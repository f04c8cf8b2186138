"""A deployment under trial: the busiest hours of the named days, simulated as far as it is needed.

Replication k of a named day is the same whatever the targets are, so a figure after so many replications is a property
of the deployment alone; the targets only say how far it has to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.model import request_classes
from dfr_sizing.recommend.bounds import Promise, promises
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.types import SituationResult
from dfr_sizing.simulation.digest import Digest
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.load import HourLoad, streams
from dfr_sizing.simulation.outcome import Runs, outcome
from dfr_sizing.simulation.run import Job, Started, grow_ahead, growing, seconds_for
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.simulation.system import FloatArray, System
from dfr_sizing.topology import Topology, miss_ratio, system_of

ENOUGH = 150
"""Requests of a class with a target that the first round aims at: half as many bound a 95 % quantile."""


@dataclass(frozen=True, slots=True)
class Check:
    """One class of a promise on one named day: the smallest thing that can be met or missed."""

    situation: Situation
    promise: Promise
    class_name: str

    @property
    def where(self) -> str:
        """As a reader sees it."""
        return f"{self.situation}: {self.class_name}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One deployment: a job for each named day, and the replications there are of it."""

    jobs: Mapping[Situation, Job]
    digests: Mapping[Situation, tuple[Digest, ...]]
    nodes_down: int

    def replications(self, situation: Situation) -> int:
        """How many there are of a named day."""
        return len(self.digests.get(situation, ()))

    def grown(self, totals: Mapping[Situation, int], executor: Executor | None) -> Trial:
        """The trial with so many replications in all of each of these named days."""
        return self.growing(totals, executor)()

    def growing(self, totals: Mapping[Situation, int], executor: Executor | None) -> Callable[[], Trial]:
        """Begin to add replications up to so many in all of each of these named days; what is returned waits."""
        named, started = self._short(totals)
        found = growing(started, [totals[name] for name in named], executor)
        return lambda: replace(self, digests={**self.digests, **dict(zip(named, found(), strict=True))})

    def grow_ahead(self, totals: Mapping[Situation, int], executor: Executor | None) -> None:
        """Begin what ``growing`` will probably be asked for."""
        named, started = self._short(totals)
        grow_ahead(started, [totals[name] for name in named], executor)

    def _short(self, totals: Mapping[Situation, int]) -> tuple[list[Situation], Started]:
        """The named days that have fewer replications than this, and what there is of them."""
        named = [name for name, total in totals.items() if total > self.replications(name)]
        return named, [(self.jobs[name], self.digests.get(name, ())) for name in named]

    def estimate(self, check: Check, confidence: float) -> Estimate:
        """The promised figure in seconds, as the replications of the check's named day tell it."""
        promise, runs = check.promise, Runs(self.digests[check.situation])
        if promise.name == "sync_500_s":
            found = runs.estimate(check.class_name, "sum", confidence, promise.times)
            return found.scaled(1.0, promise.plus_s)
        if promise.times == 1:
            return runs.estimate(check.class_name, "p95", confidence)
        # A hundred in a row take a hundred means, nearly without spread.
        return runs.estimate(check.class_name, "mean", confidence).scaled(promise.times, promise.plus_s)

    def failed_share(self, situation: Situation) -> float:
        """The share of the class that fails most often on a named day."""
        digests = self.digests[situation]
        sent = np.sum([found.sent for found in digests], axis=0)
        failed = np.sum([found.failed for found in digests], axis=0)
        return float(np.max(failed / np.maximum(sent, 1), initial=0.0))

    @property
    def requests(self) -> int:
        """Requests simulated."""
        return sum(Runs(found).requests for found in self.digests.values())

    def results(self, design: Design, stopped_by: Mapping[Situation, str]) -> tuple[SituationResult, ...]:
        """The outcome of each named day that was simulated, in the order of Situation."""
        found = []
        for name in Situation:
            if self.replications(name):
                job, peak = self.jobs[name], design.peaks[name]
                why = stopped_by.get(name, "fixed")
                told = outcome(Runs(self.digests[name]), job.confidence, job.sync_batches, why, job.extra_load)
                found.append(SituationResult(name, peak.hour, self.nodes_down, peak.load.requests_per_s, told))
        return tuple(found)


def trial_of(topology: Topology, design: Design, nodes_down: int, seed: int) -> Trial:
    """A trial without replications yet."""
    least = rule("run.replication_requests")
    return Trial(
        jobs={
            name: job(topology, design, peak.load, nodes_down, least, seed, rule("run.shortest_s"))
            for name, peak in design.peaks.items()
        },
        digests={},
        nodes_down=nodes_down,
    )


def covered(design: Design) -> frozenset[Situation]:
    """Named days that another one covers: it has at least as many requests of each class, at the same costs.

    Its busiest hour is that of the other with some requests left out, and leaving requests out makes no other slower.
    """
    rates = {name: peak.load.rates for name, peak in design.peaks.items()}
    order = list(rates)

    def covers(other: Situation, name: Situation) -> bool:
        within = all(rate <= rates[other].get(of, 0.0) for of, rate in rates[name].items())
        return within and (rates[other] != rates[name] or order.index(other) < order.index(name))

    return frozenset(name for name in order if any(covers(other, name) for other in order if other != name))


def checks_of(design: Design) -> tuple[Check, ...]:
    """All that has to be met in the busiest hours of the named days that no other covers."""
    left_out = covered(design)
    return tuple(
        Check(name, promise, of)
        for name, peak in design.peaks.items()
        if name not in left_out
        for promise in promises(design)
        for of in promise.classes
        if of in peak.load.rates
    )


def job(
    topology: Topology,
    design: Design,
    load: HourLoad,
    nodes_down: int,
    requests: float,
    seed: int,
    shortest_s: float,
) -> Job:
    """A deployment under one hour's load, ready to run; ``requests`` and ``shortest_s`` are least for a replication."""
    system = system_of(topology, design.model, nodes_down)
    drawn = streams(load, system, design.model, miss_ratio(topology.database, design.database_bytes))
    seconds = seconds_for(drawn, requests, shortest_s)
    wanted = ENOUGH / (rule("run.pilot_replications") * seconds)
    told, extra = more_often(drawn, system, wanted)
    return Job(
        system=system,
        streams=told,
        seconds=seconds,
        seed=seed,
        confidence=design.scenario.targets.confidence.mid,
        sync_batches=design.sync_batches,
        extra_load=extra,
    )


def more_often(drawn: Sequence[Stream], system: System, wanted: float) -> tuple[tuple[Stream, ...], float]:
    """Send each rare class that has a target up to ``wanted`` a second; and the share of CPU that this adds.

    Between them, the rare classes take up to search.rare_class_share of each resource, times the square of what the
    fullest of them has idle: the load only rises, and where it is high already by next to nothing.
    """
    classes = request_classes()
    rare = [stream for stream in drawn if classes[stream.name].target and stream.rate_per_s < wanted]
    if not rare:
        return tuple(drawn), 0.0
    there = np.array(
        [
            sum(system.cpus[index].full_capacity for index in system.node_cpu),
            system.cpus[system.database_cpu].full_capacity,
            float(system.workers_per_node * system.nodes),
        ]
    )
    speed = system.cpus[system.node_cpu[0]].speed
    taken = sum((of.rate_per_s * _takes(of, speed) for of in drawn), np.zeros(len(there)))
    idle = np.maximum(0.0, 1.0 - taken / there)
    room = rule("search.rare_class_share") / len(rare) * there * float(idle.min()) ** 2
    rates = {of.name: min(wanted, of.rate_per_s + float(np.min(room / _takes(of, speed)))) for of in rare}
    added = sum(((rates[of.name] - of.rate_per_s) * _takes(of, speed) for of in rare), np.zeros(len(there)))
    told = tuple(replace(of, rate_per_s=rates.get(of.name, of.rate_per_s)) for of in drawn)
    return told, float((added / there)[:2].max())


def _takes(stream: Stream, speed: float) -> FloatArray:
    """What a request takes at least of application CPU, database CPU and HTTP workers, in seconds."""
    held = 0.0 if stream.background else (stream.app_cpu_s + stream.database_cpu_s) / speed
    return np.maximum(1e-9, [stream.app_cpu_s, stream.database_cpu_s, held])


def short_of(
    trial: Trial, checks: Iterable[Check], confidence: float, precision: float, told: dict[Check, Estimate]
) -> dict[Check, float]:
    """By how much each check's interval is too wide for the answer: half-width over the one allowed; above 1 is short.

    ``told`` are estimates from before that will do; the others are added to it.

    Of each promise, the check with the largest figure needs ``precision``, and so does the one that is shown, with the
    highest upper end. Of the others it is enough that their upper end is no higher than that one's may be: they cannot
    decide then.
    """
    by_promise: dict[str, dict[Check, Estimate]] = {}
    for check in checks:
        found = told[check] if check in told else trial.estimate(check, confidence)
        told[check] = found
        if found.n:
            by_promise.setdefault(check.promise.name, {})[check] = found
    wide = {}
    for estimates in by_promise.values():
        most = max(estimate.value for estimate in estimates.values()) * (1.0 + precision)
        shown = max(estimates, key=lambda check: estimates[check].high)
        for check, estimate in estimates.items():
            allowed = precision if check is shown else max(precision, (most - estimate.value) / estimate.value)
            wide[check] = max(estimate.half_width, estimate.high / estimate.value - 1.0) / allowed
            if estimate.half_width <= precision:
                wide[check] = min(wide[check], 1.0)
    return wide
