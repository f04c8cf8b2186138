"""Whether a deployment meets every target, decided in rounds with a guaranteed probability.

The search takes the cheapest deployment that meets all targets, so the choice is right if each deployment looked at is
judged rightly: a check of feasibility (Batur & Kim 2010; Andradottir & Kim 2010) with an indifference zone. Their
procedures continue within a triangle around the target; here each round has an interval of its own, and the
probability of error is shared out among the rounds, the checks and the deployments (Bonferroni). For few rounds and
figures mostly far from their targets, as here, that decides earlier, and what is decided for sure is so for any true
value, not only outside the zone:

- missed for sure: the interval of one check lies above its target (one of all checks, so each has its part);
- met for sure: in some round the interval of each check was below its target, or too few requests were beyond it (at
  half the probability of error each). To accept wrongly, the one check that is missed has to err, so the checks need
  not share (the intersection-union test of Berger 1982);
- else the next round has half as many replications again, until the interval is within the zone, or the limit is
  reached. Then the usual confidence interval decides, and the answer says that this check is close.

Rounds and zone do not look at the target, so whatever is met at a target is met at a looser one too: an interval under
the tighter target is under the looser, no more requests are beyond the looser, and an interval above the looser was
above the tighter, no later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from dfr_sizing.drivers import rule
from dfr_sizing.recommend.rare import Hour
from dfr_sizing.recommend.trial import Check, Trial

MOST_SIMULATED = 60
"""Deployments that are simulated before the search gives up: beyond that the bounds are not what binds."""

MOST_LOOKS = 10
"""Looks at one deployment: a glance, then the first round and eight more."""

GROWTH = 1.5
"""A round has so many times the replications of the one before: doubling simulates far more than most checks need."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Confidence of the intervals that decide: ``met`` of one below its target, ``missed`` of one above.

    After so many ``rounds`` beyond the first, what is still open is decided by the usual confidence interval, or
    ``by_value``: by the figure itself, for an alternative that is only there to compare with.
    """

    met: float
    missed: float
    rounds: int = MOST_LOOKS - 2
    by_value: bool = False

    @classmethod
    def of(cls, wrong: float, checks: int) -> Levels:
        """For a probability of a wrong choice, half of it for either side (two-sided intervals, one side used)."""
        each = wrong / 2 / (MOST_SIMULATED * MOST_LOOKS)
        return cls(1.0 - 2.0 * each, 1.0 - 2.0 * each / max(1, checks))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a deployment: the check that it misses, if any; those that were too close to tell; the runs."""

    missed: Check | None
    failed: str
    close: tuple[Check, ...]
    trial: Trial


def most_replications(trial: Trial, hour: Hour, rounds: int = MOST_LOOKS - 2) -> int:
    """The most replications of an hour: the first round grown so many times, within run.most_requests."""
    first = replications_at_first(trial, hour, rounds)
    within: int = int(rule("run.most_requests") / trial.jobs[hour].requests)
    return max(first, min(math.ceil(first * GROWTH**rounds), within))


def replications_at_first(trial: Trial, hour: Hour, rounds: int) -> int:
    """Enough to judge a deployment by; or to compare with, where no more rounds are to come."""
    return trial.first_round(hour) if rounds else trial.compared(hour)


def overload(trial: Trial, levels: Levels) -> str:
    """What shows that a deployment cannot keep up, or nothing."""
    for hour in trial.digests:
        if trial.too_many_fail(hour, rule("search.most_failed"), levels.missed):
            return f"simulated: connections dropped ({hour.situation})"
    return ""


def surely_missed(trial: Trial, checks: Sequence[Check], levels: Levels) -> Check | None:
    """The first check whose interval lies above its target."""
    for check in checks:
        if trial.replications(check.hour):
            found = trial.estimate(check, levels.missed)
            if found.n and found.low > check.promise.limit_s:
                return check
    return None


def judged(trial: Trial, checks: Sequence[Check], levels: Levels, executor: Executor | None) -> Verdict:
    """Simulate a deployment in rounds until every check is decided."""
    open_checks, close = list(checks), list[Check]()
    while True:
        # Hours as they are come first: they tell more for less, and mostly all that is missed.
        now = [check for check in open_checks if not check.rare] or open_checks
        totals = {check.hour: _next_round(trial, check, levels) for check in now}
        if executor is not None:
            _begin(trial, totals, levels, executor)
        trial = trial.grown(totals, executor)
        failed = overload(trial, levels)
        missed = None if failed else surely_missed(trial, now, levels)
        if failed or missed:
            near = (missed,) if missed and _perhaps_by_what_was_added(trial, missed, levels) else ()
            return Verdict(missed, failed, (*close, *near), trial)
        still = [check for check in open_checks if check not in now]
        for check in now:
            if trial.surely_met(check, levels.met):
                continue
            found = trial.estimate(check, levels.met)
            at_limit = trial.replications(check.hour) >= most_replications(trial, check.hour, levels.rounds)
            if not at_limit and not found.half_width <= rule("search.indifference"):
                still.append(check)
            elif _usually_met(trial, check, levels):
                close.append(check)
            else:
                return Verdict(check, "", (*close, check), trial)
        open_checks = still
        if not open_checks:
            return Verdict(None, "", tuple(close), trial)


def _perhaps_by_what_was_added(trial: Trial, missed: Check, levels: Levels) -> bool:
    """Whether a rare class might meet its target if it were not sent more often (recommend.rare)."""
    idle_left = 1.0 - rule("search.rare_class_share")
    return missed.rare and trial.estimate(missed, levels.missed).low * idle_left <= missed.promise.limit_s


def _begin(trial: Trial, totals: Mapping[Hour, int], levels: Levels, executor: Executor) -> None:
    """Begin a round, and behind it the next one of the busiest day: it is mostly the last to be decided.

    The processes then have something to do while this one looks at the round; what was not needed is forgotten.
    """
    trial.grow_ahead(totals, executor)
    busiest = max(totals, key=lambda name: trial.jobs[name].requests)
    most = most_replications(trial, busiest, levels.rounds)
    if totals[busiest] < most:
        trial.grow_ahead({busiest: min(most, math.ceil(GROWTH * totals[busiest]))}, executor)


def _usually_met(trial: Trial, check: Check, levels: Levels) -> bool:
    found = trial.estimate(check, trial.jobs[check.hour].confidence)
    return (found.value if levels.by_value else found.high) <= check.promise.limit_s


def _next_round(trial: Trial, check: Check, levels: Levels) -> int:
    have = trial.replications(check.hour)
    if not have:
        return replications_at_first(trial, check.hour, levels.rounds)
    return min(math.ceil(GROWTH * have), most_replications(trial, check.hour, levels.rounds))
