"""Rare classes with a target: which they are, and the runs that tell them, in which they are sent more often.

A run as long as the other classes need holds too few of them to bound a quantile, and one long enough for them would be
millions of requests of the others. Sent more often beside the others they would slow those down, the tails above all:
the p95 of look-ups by a third for 2 % more on the database. So they have runs of their own, in which all else is as it
is. The load only rises there: what meets its target there meets it. All other classes are read from the runs without.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.model import request_classes
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.load import HourLoad
from dfr_sizing.simulation.run import Job, seconds_of
from dfr_sizing.simulation.statistics import FEWEST_BEYOND
from dfr_sizing.simulation.system import FloatArray, System

ENOUGH = FEWEST_BEYOND / 0.05
"""Requests of a class from which on the interval of their p95 is by the normal law."""

FIRST_ROUND = 240
"""Requests of a rare class that a first round aims at. Of 203 independent ones none may be beyond a target that is far
off, to say at the confidence of the search that it holds for 95 % of all (ln 3e-5 / ln 0.95); some hang together."""

KEPT_SHARE = 2.0 / 3.0
"""What is left of a replication at least when its warm-up is cut (simulation.outcome.LONGEST_WARM_UP)."""

LONGER = 2
"""Replications with more of the rare classes are so many times as long: of each a warm-up is lost, and as much time
before its end as a long request takes. Half as many then do for a pilot round."""

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


def with_more(as_it_is: Job, rare: frozenset[str], longer: int = LONGER) -> Job:
    """The same job with its rare classes sent more often, for ``longer`` times its seconds."""
    seconds = longer * as_it_is.seconds
    enough = FIRST_ROUND / (least_replications() * _kept_s(seconds))
    told, extra = more_often(as_it_is.streams, as_it_is.system, rare, enough)
    return replace(as_it_is, streams=told, seconds=seconds, extra_load=extra)


def least_replications() -> int:
    """Replications of a pilot round of such jobs: as much time as that of the hour as it is."""
    return max(2, int(rule("run.pilot_replications")) // LONGER)


def first_round(job: Job, rare: frozenset[str]) -> int:
    """Replications with enough of each rare class, a pilot round at least, within run.most_requests."""
    lowest = min(stream.rate_per_s for stream in job.streams if stream.name in rare)
    wanted = math.ceil(FIRST_ROUND / (lowest * _kept_s(job.seconds)) - 1e-9)
    return max(least_replications(), min(wanted, int(rule("run.most_requests") / job.requests)))


def _kept_s(seconds: float) -> float:
    """What is left of a longer replication at least: its warm-up takes no longer than that of a shorter one."""
    return (1.0 - (1.0 - KEPT_SHARE) / LONGER) * seconds


def more_often(
    drawn: Sequence[Stream], system: System, rare: frozenset[str], wanted: float
) -> tuple[tuple[Stream, ...], float]:
    """Send the ``rare`` as often as one another, up to ``wanted`` a second; and the share of CPU that this adds.

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
    takes = {of.name: _takes(of, speed) for of in drawn}
    taken = sum((of.rate_per_s * takes[of.name] for of in drawn), np.zeros(len(there)))
    room = rule("search.rare_class_share") * np.maximum(0.0, there - taken)

    def added(rate: float) -> FloatArray:
        more = (max(0.0, rate - of.rate_per_s) * takes[of.name] for of in drawn if of.name in rare)
        return sum(more, np.zeros(len(there)))

    def fits(rate: float) -> bool:
        return bool((added(rate) <= room).all())

    rate, too_often = (wanted, wanted) if fits(wanted) else (0.0, wanted)
    for _ in range(BISECTIONS if rate < too_often else 0):
        middle = (rate + too_often) / 2.0
        rate, too_often = (middle, too_often) if fits(middle) else (rate, middle)
    told = tuple(replace(of, rate_per_s=max(of.rate_per_s, rate)) if of.name in rare else of for of in drawn)
    return told, float((added(rate) / there)[:2].max())


def _takes(stream: Stream, speed: float) -> FloatArray:
    """What a request takes at least of application CPU, database CPU and HTTP workers, in seconds."""
    held = 0.0 if stream.background else (stream.app_cpu_s + stream.database_cpu_s) / speed
    return np.maximum(1e-9, [stream.app_cpu_s, stream.database_cpu_s, held])
