"""Whether a deployment meets every target, decided in rounds with a guaranteed probability.

The search takes the cheapest deployment that meets all targets, so the choice is right if each deployment looked at is
judged rightly: a check of feasibility (Batur & Kim 2010; Andradottir & Kim 2010) with an indifference zone. Their
procedures continue within a triangle around the target; here each round has an interval of its own, and the
probability of error is shared out among the rounds, the checks and the deployments (Bonferroni). For few rounds and
figures mostly far from their targets, as here, that decides earlier, and what is decided for sure is so for any true
value, not only outside the zone:

- missed for sure: the interval of one check lies above its target (one of all checks, so each has its part);
- met for sure: the interval of every check was below its target in some round. To accept wrongly, the one check that is
  missed has to err, so the checks need not share (the intersection-union test of Berger 1982);
- else the next round has twice the replications, until the interval is within the zone, or the limit is reached. Then
  the usual confidence interval decides, and the answer says that this check is close.

Rounds and zone do not look at the target, so whatever is met at a target is met at a looser one too: an interval under
the tighter target is under the looser, and one above the looser was above the tighter, no later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.recommend.trial import Check, Trial
from dfr_sizing.simulation.run import Job

MOST_SIMULATED = 60
"""Deployments that are simulated before the search gives up: beyond that the bounds are not what binds."""

MOST_LOOKS = 7
"""Looks at one deployment: a glance, then the first round and five doublings of it."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Confidence of the intervals that decide: ``met`` of one below its target, ``missed`` of one above.

    After so many ``doublings`` of the first round, what is still open is decided by the usual confidence interval, or
    ``by_value``: by the figure itself, for an alternative that is only there to compare with.
    """

    met: float
    missed: float
    doublings: int = MOST_LOOKS - 2
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


def most_replications(job: Job, doublings: int = MOST_LOOKS - 2) -> int:
    """The most replications of a job: doublings of the first round, within run.most_requests."""
    pilot = int(rule("run.pilot_replications"))
    while doublings and pilot * 2**doublings * job.requests > rule("run.most_requests"):
        doublings -= 1
    return int(pilot * 2**doublings)


def overload(trial: Trial) -> str:
    """What shows that a deployment cannot keep up, or nothing."""
    for situation in trial.digests:
        if trial.failed_share(situation) > rule("search.most_failed"):
            return f"simulated: connections dropped ({situation})"
    return ""


def surely_missed(trial: Trial, checks: Sequence[Check], levels: Levels) -> Check | None:
    """The first check whose interval lies above its target."""
    for check in checks:
        if trial.replications(check.situation):
            found = trial.estimate(check, levels.missed)
            if found.n and found.low > check.promise.limit_s:
                return check
    return None


def judged(trial: Trial, checks: Sequence[Check], levels: Levels, executor: Executor | None) -> Verdict:
    """Simulate a deployment in rounds until every check is decided."""
    open_checks, close = list(checks), list[Check]()
    while True:
        totals = {check.situation: _next_round(trial, check) for check in open_checks}
        if executor is not None:
            _begin(trial, totals, levels, executor)
        trial = trial.grown(totals, executor)
        failed = overload(trial)
        missed = None if failed else surely_missed(trial, open_checks, levels)
        if failed or missed:
            return Verdict(missed, failed, tuple(close), trial)
        still = []
        for check in open_checks:
            found = trial.estimate(check, levels.met)
            if found.n and found.high <= check.promise.limit_s:
                continue
            at_limit = trial.replications(check.situation) >= most_replications(
                trial.jobs[check.situation], levels.doublings
            )
            if not at_limit and not found.half_width <= rule("search.indifference"):
                still.append(check)
            elif _usually_met(trial, check, levels):
                close.append(check)
            else:
                return Verdict(check, "", (*close, check), trial)
        open_checks = still
        if not open_checks:
            return Verdict(None, "", tuple(close), trial)


def _begin(trial: Trial, totals: Mapping[Situation, int], levels: Levels, executor: Executor) -> None:
    """Begin a round, and behind it the next one of the busiest day: it is mostly the last to be decided.

    The processes then have something to do while this one looks at the round; what was not needed is forgotten.
    """
    trial.grow_ahead(totals, executor)
    busiest = max(totals, key=lambda name: trial.jobs[name].requests)
    if totals[busiest] < most_replications(trial.jobs[busiest], levels.doublings):
        trial.grow_ahead({busiest: 2 * totals[busiest]}, executor)


def _usually_met(trial: Trial, check: Check, levels: Levels) -> bool:
    found = trial.estimate(check, trial.jobs[check.situation].confidence)
    return (found.value if levels.by_value else found.high) <= check.promise.limit_s


def _next_round(trial: Trial, check: Check) -> int:
    have = trial.replications(check.situation)
    return 2 * have if have else int(rule("run.pilot_replications"))
