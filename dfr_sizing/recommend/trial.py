"""A deployment under trial: the busiest hours of the named days, simulated as far as it is needed.

Replication k of a named day is the same whatever the targets are, so a figure after so many replications is a property
of the deployment alone; the targets only say how far it has to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import numpy as np

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.recommend.bursts import as_carried
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.promises import Promise, promises
from dfr_sizing.recommend.rare import ENOUGH, FEWEST, Hour, RareRun, rare_classes, rare_run
from dfr_sizing.recommend.types import SituationResult
from dfr_sizing.simulation.digest import Digest
from dfr_sizing.simulation.load import HourLoad, streams
from dfr_sizing.simulation.outcome import RareRuns, Runs, outcome
from dfr_sizing.simulation.run import Job, Started, grow_ahead, growing, seconds_for
from dfr_sizing.simulation.statistics import Estimate, surely_above
from dfr_sizing.topology import Topology, miss_ratio, system_of

SYNC = "sync_500_s"
"""The promise on a sum of several requests in a row."""


@dataclass(frozen=True, slots=True)
class Check:
    """One class of a promise on one named day: the smallest thing that can be met or missed.

    ``rare``: read from the runs in which rare classes are sent more often.
    """

    situation: Situation
    promise: Promise
    class_name: str
    rare: bool = False

    @property
    def hour(self) -> Hour:
        """Where it is read from."""
        return Hour(self.situation, self.rare)

    @property
    def where(self) -> str:
        """As a reader sees it."""
        return f"{self.situation}: {self.class_name}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One deployment: a job for each hour to be simulated, and the replications there are of it."""

    jobs: Mapping[Hour, Job]
    digests: Mapping[Hour, tuple[Digest, ...]]
    nodes_down: int
    rare: Mapping[Hour, RareRun] = field(default_factory=dict)

    def first_round(self, hour: Hour) -> int:
        """Replications that an hour is judged by at first."""
        return self.rare[hour].first if hour in self.rare else self.least(hour)

    def least(self, hour: Hour) -> int:
        """Replications of a pilot round."""
        return FEWEST if hour.rare else int(rule("run.pilot_replications"))

    def compared(self, hour: Hour) -> int:
        """Replications of a deployment that is only there to compare with."""
        return self.rare[hour].compared if hour in self.rare else int(rule("run.compared_replications"))

    def replications(self, hour: Hour) -> int:
        """How many there are of an hour."""
        return len(self.digests.get(hour, ()))

    def grown(self, totals: Mapping[Hour, int], executor: Executor | None) -> Trial:
        """The trial with so many replications in all of each of these hours."""
        return self.growing(totals, executor)()

    def growing(self, totals: Mapping[Hour, int], executor: Executor | None) -> Callable[[], Trial]:
        """Begin to add replications up to so many in all of each of these hours; what is returned waits."""
        named, started = self._short(totals)
        found = growing(started, [totals[name] for name in named], executor)
        return lambda: replace(self, digests={**self.digests, **dict(zip(named, found(), strict=True))})

    def grow_ahead(self, totals: Mapping[Hour, int], executor: Executor | None) -> None:
        """Begin what ``growing`` will probably be asked for."""
        named, started = self._short(totals)
        grow_ahead(started, [totals[name] for name in named], executor)

    def _short(self, totals: Mapping[Hour, int]) -> tuple[list[Hour], Started]:
        """The hours that have fewer replications than this, and what there is of them."""
        named = [name for name, total in totals.items() if total > self.replications(name)]
        return named, [(self.jobs[name], self.digests.get(name, ())) for name in named]

    def estimate(self, check: Check, confidence: float) -> Estimate:
        """The promised figure in seconds, as the replications of the check's named day tell it."""
        promise, runs = check.promise, Runs(self.digests[check.hour])
        if promise.name == SYNC:
            found = runs.estimate(check.class_name, "sum", confidence, promise.times)
            return found.scaled(1.0, promise.plus_s)
        if promise.times == 1:
            return runs.estimate(check.class_name, "p95", confidence)
        # A hundred in a row take a hundred means, nearly without spread.
        return runs.estimate(check.class_name, "mean", confidence).scaled(promise.times, promise.plus_s)

    def surely_met(self, check: Check, confidence: float) -> bool:
        """Whether a check's interval lies below its target, or so few requests beyond the target say so.

        Either would do, so that either may err by half as much: together they are as sure as ``confidence``.
        """
        promise, each = check.promise, (1.0 + confidence) / 2.0
        found = self.estimate(check, each)
        if not found.n:
            return False
        if found.high <= promise.limit_s:
            return True
        is_p95 = promise.times == 1 and promise.name != SYNC
        return is_p95 and Runs(self.digests[check.hour]).surely_within(check.class_name, promise.limit_s, each)

    def too_many_fail(self, hour: Hour, most: float, confidence: float) -> bool:
        """Whether more than a share ``most`` of all requests failed to connect in an hour, or surely so of one class.

        Who comes when the queue is full is turned away, whatever is asked for: all requests together tell the share,
        where of a rare class a single one, in one burst of many replications, would be more than a thousandth.
        """
        digests = self.digests[hour]
        sent = np.sum([found.sent for found in digests], axis=0)
        failed = np.sum([found.failed for found in digests], axis=0)
        if failed.sum() > most * sent.sum():
            return True
        each = zip(failed.tolist(), sent.tolist(), strict=True)
        return any(surely_above(some, all_of_them, most, confidence) for some, all_of_them in each)

    @property
    def requests(self) -> int:
        """Requests simulated."""
        return sum(Runs(found).requests for found in self.digests.values())

    def results(self, design: Design, stopped_by: Mapping[Hour, str]) -> tuple[SituationResult, ...]:
        """The outcome of each named day that was simulated, in the order of Situation."""
        found = []
        for name in Situation:
            as_it_is, more = Hour(name), Hour(name, rare=True)
            if self.replications(as_it_is):
                job, peak, extra = self.jobs[as_it_is], design.peaks[name], 0.0
                runs, rare = Runs(self.digests[as_it_is]), None
                why = stopped_by.get(as_it_is, "fixed")
                if self.replications(more):
                    rare = RareRuns(Runs(self.digests[more]), rare_classes(peak.load))
                    extra = self.jobs[more].extra_load
                    why = _both(why, stopped_by.get(more, "fixed"))
                told = outcome(runs, job.confidence, job.sync_batches, why, extra, rare)
                found.append(SituationResult(name, peak.hour, self.nodes_down, peak.load.requests_per_s, told))
        return tuple(found)


def _both(why: str, why_rare: str) -> str:
    """Why two runs ended, in one: what fell short in either."""
    if why.startswith("limit: ") and why_rare.startswith("limit: "):
        return f"{why}, {why_rare.removeprefix('limit: ')}"
    return why if why.startswith("limit: ") else why_rare


def trial_of(topology: Topology, design: Design, nodes_down: int, seed: int) -> Trial:
    """A trial without replications yet."""
    least, shortest = rule("run.replication_requests"), rule("run.shortest_s")
    jobs, run = {}, {}
    for name, peak in design.peaks.items():
        as_it_is = job(topology, design, peak.load, nodes_down, least, seed, shortest)
        jobs[Hour(name)] = as_it_is
        rare = rare_classes(peak.load)
        if rare:
            more = Hour(name, rare=True)
            run[more] = rare_run(as_it_is, rare)
            jobs[more] = run[more].job
    return Trial(jobs=jobs, digests={}, nodes_down=nodes_down, rare=run)


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
    rare = {name: rare_classes(peak.load) for name, peak in design.peaks.items()}
    return tuple(
        Check(name, promise, of, of in rare[name])
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
    system = system_of(as_carried(topology, design), design.model, nodes_down)
    missed = miss_ratio(topology.database, design.database_bytes, design.touched)
    drawn = streams(load, system, design.model, missed)
    return Job(
        system=system,
        streams=tuple(drawn),
        seconds=seconds_for(drawn, requests, shortest_s),
        seed=seed,
        confidence=design.scenario.targets.confidence.mid,
        sync_batches=design.sync_batches,
    )


def short_of(
    trial: Trial, checks: Iterable[Check], confidence: float, precision: float, told: dict[Check, Estimate]
) -> dict[Check, float]:
    """By how much each check's interval is too wide for the answer: half-width over the one allowed; above 1 is short.

    ``told`` are estimates from before that will do; the others are added to it.

    Of each promise, the check with the largest figure needs ``precision``: it is shown. Of the others it is enough that
    their upper end is no higher than that one's may be: they cannot decide then.
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
        shown = max(estimates, key=lambda check: estimates[check].value)
        for check, estimate in estimates.items():
            allowed = precision if check is shown else max(precision, (most - estimate.value) / estimate.value)
            wide[check] = max(estimate.half_width, estimate.high / estimate.value - 1.0) / allowed
            if estimate.half_width <= precision:
                wide[check] = min(wide[check], 1.0)
            elif estimate.n < ENOUGH:  # the interval of so few is a wide one: it falls faster than its square root
                wide[check] = min(wide[check], max(1.0 + 1e-9, (ENOUGH / estimate.n) ** 0.5))
    return wide
