"""Rare classes with a target: which they are, and the runs that tell them, in which they are sent more often.

A run as long as the other classes need holds too few of them to bound a quantile, and one long enough for them would be
millions of requests of the others. Sent more often beside the others they would slow those down, the tails above all:
the p95 of look-ups by a third for 2 % more on the database. So they have runs of their own, in which all else is as it
is. The load only rises there: what meets its target there meets it. All other classes are read from the runs without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.model import request_classes
from dfr_sizing.recommend.promises import IN_A_ROW
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.load import HourLoad
from dfr_sizing.simulation.run import Job, seconds_of
from dfr_sizing.simulation.statistics import FEWEST_BEYOND
from dfr_sizing.simulation.system import FloatArray, System

ENOUGH = FEWEST_BEYOND / 0.05
"""Requests of a class from which on the interval of their p95 is by the normal law."""

FOR_A_P95 = 240
"""Requests of a rare class that a first round aims at where its p95 only has to lie below a target. Of 203 independent
ones none may be beyond a target that is far off, to say at the confidence of the search that it holds for 95 % of all
(ln 3e-5 / ln 0.95); some hang together."""

FOR_A_SUM = 60
"""The same where the target is on several requests in a row: their mean rules it, which far fewer tell."""

KEPT_SHARE = 2.0 / 3.0
"""What is left of a replication at least when its warm-up is cut (simulation.outcome.LONGEST_WARM_UP)."""

FEWEST = 4
"""Replications of a first round at least: with fewer, batches that hang together leave one degree of freedom or two."""

LENGTHS = (4, 2, 1)
"""Replications with more of the rare classes are so many times as long as those of the hour as it is, the first of
these of which a first round has FEWEST: of each a warm-up is lost, and as much time before its end as a long request
takes."""

ROUNDS = 4
"""First rounds in which a class has to come often enough, or it is rare: the hour as it is gets some more anyway."""

BISECTIONS = 30
"""Halvings of the wanted rate: nine digits of it."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What is simulated of a named day: its busiest hour as it is, or with the ``rare`` classes sent more often."""

    situation: Situation
    rare: bool = False


def rare_classes(load: HourLoad) -> frozenset[str]:
    """The classes with a target of which some rounds of an hour as it is would hold too few."""
    classes = request_classes()
    seconds = seconds_of(load.requests_per_s, rule("run.replication_requests"))
    enough = ENOUGH / (ROUNDS * rule("run.pilot_replications") * KEPT_SHARE * seconds)
    return frozenset(name for name, rate in load.rates.items() if classes[name].target and rate < enough)


@dataclass(frozen=True, slots=True)
class RareRun:
    """A job with its rare classes sent more often: replications of a ``first`` round, and of a plan to compare with."""

    job: Job
    first: int
    compared: int


def rare_run(as_it_is: Job, rare: frozenset[str]) -> RareRun:
    """The job that tells the rare classes of another one, as long as it should be."""
    for longer in LENGTHS:
        job = with_more(as_it_is, rare, longer)
        first = first_round(job, rare, as_it_is.seconds)
        if first >= FEWEST:
            break
    return RareRun(job, max(FEWEST, first), max(1, FEWEST // longer))


def with_more(as_it_is: Job, rare: frozenset[str], longer: int) -> Job:
    """The same job with its rare classes sent more often, for ``longer`` times its seconds."""
    seconds = longer * as_it_is.seconds
    least_s = FEWEST // longer * _kept_s(seconds, as_it_is.seconds)
    told, extra = more_often(as_it_is.streams, as_it_is.system, wanted(as_it_is.streams, rare), least_s)
    return replace(as_it_is, streams=told, seconds=seconds, extra_load=extra)


def wanted(drawn: Sequence[Stream], rare: frozenset[str]) -> dict[str, float]:
    """How many requests of each rare class a first round aims at.

    The slowest class of a target on a p95 is the one that is shown, and is to be told within run.precision.
    """
    classes = request_classes()
    slowest: dict[str, Stream] = {}
    for of in drawn:
        target = classes[of.name].target
        if target not in slowest or _work(of) > _work(slowest[target]):
            slowest[target] = of
    found = {}
    for name in sorted(rare.intersection(of.name for of in drawn)):
        target = classes[name].target
        shown = ENOUGH if slowest[target].name == name else FOR_A_P95
        found[name] = float(FOR_A_SUM if target in IN_A_ROW else shown)
    return found


def _work(stream: Stream) -> float:
    return stream.app_cpu_s + stream.database_cpu_s


def first_round(job: Job, rare: frozenset[str], plain_s: float) -> int:
    """Replications with enough of each rare class, within run.most_requests.

    ``plain_s`` is the length of a replication of the hour as it is.
    """
    rates = {stream.name: stream.rate_per_s for stream in job.streams}
    seconds = max((many / rates[name] for name, many in wanted(job.streams, rare).items()), default=0.0)
    enough = math.ceil(seconds / _kept_s(job.seconds, plain_s) - 1e-9)
    return max(1, min(enough, int(rule("run.most_requests") / job.requests)))


def _kept_s(seconds: float, plain_s: float) -> float:
    """What is left of a longer replication at least: its warm-up takes no longer than that of a plain one."""
    return seconds - (1.0 - KEPT_SHARE) * plain_s


def more_often(
    drawn: Sequence[Stream], system: System, wanted: Mapping[str, float], least_s: float
) -> tuple[tuple[Stream, ...], float]:
    """The streams with the rare classes so often that what is ``wanted`` of each comes in the same time; CPU added.

    That time is ``least_s`` seconds or more. What is added is the larger share, of the application's or the database's.
    Together they take no more than search.rare_class_share of what each resource has idle: their own latencies, most of
    which is work, rise by less than that share.
    """
    there = np.array(
        [
            sum(system.cpus[index].full_capacity for index in system.node_cpu),
            system.cpus[system.database_cpu].full_capacity,
            float(system.workers_per_node * system.nodes),
        ]
    )
    speed = system.cpus[system.node_cpu[0]].speed
    takes = np.array([_takes(of, speed) for of in drawn])
    rates = np.array([of.rate_per_s for of in drawn])
    many = np.array([wanted.get(of.name, 0.0) for of in drawn])
    room = rule("search.rare_class_share") * np.maximum(0.0, there - rates @ takes)

    def added(per_s: float) -> FloatArray:
        more: FloatArray = np.maximum(0.0, per_s * many - rates) @ takes
        return more

    def fits(per_s: float) -> bool:
        return bool((added(per_s) <= room).all())

    fast, too_fast = (1.0 / least_s,) * 2 if fits(1.0 / least_s) else (0.0, 1.0 / least_s)
    for _ in range(BISECTIONS if fast < too_fast else 0):
        middle = (fast + too_fast) / 2.0
        fast, too_fast = (middle, too_fast) if fits(middle) else (fast, middle)
    told = tuple(
        replace(of, rate_per_s=max(of.rate_per_s, fast * wanted[of.name])) if of.name in wanted else of for of in drawn
    )
    return told, float((added(fast) / there)[:2].max())


def _takes(stream: Stream, speed: float) -> FloatArray:
    """What a request takes at least of application CPU, database CPU and HTTP workers, in seconds."""
    held = 0.0 if stream.background else (stream.app_cpu_s + stream.database_cpu_s) / speed
    return np.maximum(1e-9, [stream.app_cpu_s, stream.database_cpu_s, held])
