"""The simulated mean latency of the steady peak hour beside its closed form, and why they differ where they do.

The two share the demands and nothing else: an error in an engine, or in what is drawn for it, shows as a difference.
Where it is larger than is allowed, each thing that the closed form leaves out is asked for how many seconds it can
account for, and the one that accounts for most is named; where none does, that is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dfr_sizing.analytic import mmck
from dfr_sizing.demand import Situation
from dfr_sizing.drivers import rule
from dfr_sizing.recommend.closed_form import PARTS, ClosedForm, at_utilisation, closed_form, limited, pooled, threads_of
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.rare import Hour, rare_classes
from dfr_sizing.recommend.trial import trial_of
from dfr_sizing.recommend.types import Compared, CrossCheck, Plan, SituationResult
from dfr_sizing.simulation.draw import Stream
from dfr_sizing.simulation.outcome import Outcome
from dfr_sizing.simulation.statistics import Estimate
from dfr_sizing.simulation.system import System

ALL = "all requests"

Weights = Mapping[str, float]
"""Shares of the classes in a mean; they add up to 1."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Seconds of (simulated - formula) that something left out of the closed form accounts for, and what it is."""

    seconds: float
    text: str


def cross_check(plan: Plan, design: Design, seed: int) -> CrossCheck | None:
    """The steady peak hour of a plan beside its closed form; None where it was not simulated."""
    result = next((found for found in plan.situations if found.situation is Situation.STEADY), None)
    if result is None:
        return None
    load = design.peaks[Situation.STEADY].load
    run = trial_of(plan.topology, design, result.nodes_down, seed).jobs[Hour(Situation.STEADY)]
    # Rare classes were told under a load of their own (rare.more_often), and hardly weigh in the mean.
    told = rare_classes(load)
    return compare(result, run.system, run.streams, {of: at for of, at in load.rates.items() if of not in told})


def compare(
    result: SituationResult, system: System, streams: Sequence[Stream], rates: Mapping[str, float]
) -> CrossCheck:
    """A simulated hour beside the closed form of ``system`` under ``streams``.

    The mean over all requests weighs each class by ``rates``, requests a second. Its half-width is the sum of the
    classes' by weight: they share hosts, so that theirs may err the same way. A class too rare for its interval to have
    two ends is left out on both sides, or it would allow any difference.
    """
    form, slack = closed_form(system, streams), rule("crosscheck.allowed_difference")
    known = {
        name: found.mean
        for name, found in result.outcome.classes.items()
        if name in form.parts
        and rates.get(name, 0.0) > 0.0
        and all(map(math.isfinite, (found.mean.low, found.mean.value, found.mean.high)))
    }
    total = sum(rates[name] for name in known)
    weights = {name: rates[name] / total for name in known}
    classes = tuple(
        Compared(name, estimate, form.latency_s(name), form.parts[name], slack) for name, estimate in known.items()
    )
    parts = {part: sum(weight * form.parts[name][part] for name, weight in weights.items()) for part in PARTS}
    formula = sum(parts.values()) if weights else math.nan
    check = CrossCheck(
        situation=result.situation,
        hour=result.hour,
        nodes_down=result.nodes_down,
        mean=Compared(ALL, _weighted(known, weights), formula, parts, slack),
        classes=classes,
        reason="",
    )
    subject = check.exceeding
    if subject is None:
        return check
    of_subject = weights if subject is check.mean else {subject.name: 1.0}
    reason = _reason(subject, of_subject, form, system, streams, result.outcome)
    return CrossCheck(check.situation, check.hour, check.nodes_down, check.mean, classes, reason)


def crosscheck_warnings(check: CrossCheck | None) -> tuple[str, ...]:
    """One sentence where simulation and closed form differ by more than is allowed; otherwise nothing."""
    subject = None if check is None else check.exceeding
    if check is None or subject is None:
        return ()
    differ = f"{_signed(subject.difference)}, {100.0 * subject.allowed:.0f} % allowed"
    both = f"{_ms(subject.simulated.value)} simulated, {_ms(subject.formula_s)} by formula ({differ})"
    return (f"{check.situation} peak hour, mean of {subject.name}: {both}: {check.reason}",)


def _weighted(known: Mapping[str, Estimate], weights: Weights) -> Estimate:
    if not known:
        return Estimate(math.nan, math.nan, math.nan, 0)
    value, low, high = (
        sum(weights[name] * getattr(estimate, end) for name, estimate in known.items())
        for end in ("value", "low", "high")
    )
    return Estimate(value, low, high, sum(estimate.n for estimate in known.values()))


def _reason(
    subject: Compared, weights: Weights, form: ClosedForm, system: System, streams: Sequence[Stream], outcome: Outcome
) -> str:
    """What accounts for most of a difference, if it accounts for enough of it."""
    if math.isinf(subject.formula_s):
        return _endless(form, system)
    gap = subject.simulated.value - subject.formula_s
    causes = (
        _waiting(weights, form, streams, outcome),
        _load(weights, form, system, streams, outcome),
        *_balancing_and_limits(weights, form, system, streams),
        *_scans(weights, form, system, streams),
    )
    largest = max(causes, key=lambda cause: cause.seconds * math.copysign(1.0, gap))
    # Of dispatch only the most that it can do is known, so that it is asked last
    for cause in (largest, _dispatch(weights, form)):
        if cause.seconds / gap >= rule("crosscheck.explained_share"):
            return cause.text
    part = max(0.0, largest.seconds / gap)
    return (
        f"nothing that the formula leaves out accounts for it (the most, {part:.0%}: {largest.text}); rely on neither "
        "before it is found"
    )


def _endless(form: ClosedForm, system: System) -> str:
    """Why the closed form has no mean."""
    for name, host in (("application hosts", form.hosts.application), ("database host", form.hosts.database)):
        if host.utilisation >= 1.0:
            return f"the load asks for {host.utilisation:.0%} of the {name}, and the run ended before the queue grew"
    if form.held_workers >= 1.0:
        return (
            f"by formula {form.held_workers:.0%} of the workers are held, since it lets any number run on a node; "
            f"here {system.workers_per_node} do at most"
        )
    return "the load asks for all that the disk or the cron workers can do, and the run ended before the queue grew"


def _mean(form: ClosedForm, weights: Weights) -> float:
    return sum(weight * form.latency_s(name) for name, weight in weights.items())


def _waiting(weights: Weights, form: ClosedForm, streams: Sequence[Stream], outcome: Outcome) -> Cause:
    """The wait for a worker, which the simulation states by itself."""
    total = sum(stream.rate_per_s for stream in streams)
    by_formula = sum(s.rate_per_s * form.parts[s.name]["wait for a worker"] for s in streams) / total
    simulated = outcome.worker_wait.value
    known = math.isfinite(simulated) and not all(s.background for s in streams if s.name in weights)
    text = (
        f"the wait for a worker is {_ms(simulated)} simulated and {_ms(by_formula)} by formula, which knows their "
        f"mean and spread alone (workers {form.held_workers:.0%} held, for times of squared variation "
        f"{form.held_squared_cv:.1f})"
    )
    return Cause(simulated - by_formula if known else 0.0, text)


def _load(weights: Weights, form: ClosedForm, system: System, streams: Sequence[Stream], outcome: Outcome) -> Cause:
    """Chance in the load itself: what the closed form says at the utilisations that the run came to."""
    wanted = {"application CPU": form.hosts.application.utilisation, "database CPU": form.hosts.database.utilisation}
    came = {name: outcome.utilisation.get(name, at) for name, at in wanted.items()}
    run = closed_form(system, streams, at_utilisation(system, *(min(share, 1.0 - 1e-6) for share in came.values())))
    told = ", ".join(f"{name} {came[name]:.1%} where the load asks for {at:.1%}" for name, at in wanted.items())
    return Cause(_mean(run, weights) - _mean(form, weights), f"the run's load was not the mean one: {told}")


def _balancing_and_limits(
    weights: Weights, form: ClosedForm, system: System, streams: Sequence[Stream]
) -> Iterator[Cause]:
    """Two things by which the simulation may be faster: even balancing, and workers that limit how many run."""
    mean = _mean(form, weights)
    best = _mean(closed_form(system, streams, pooled(system, form.hosts)), weights)
    yield Cause(
        best - mean,
        f"least connections shares the load better than chance does: {_ms(best)} if the {system.nodes} nodes were one",
    )
    held_back = _mean(closed_form(system, streams, limited(system, form.hosts)), weights)
    yield Cause(
        held_back - mean,
        f"workers ({form.held_workers:.0%} held) limit how many run on a node at once: {_ms(held_back)} with no more "
        f"than {system.workers_per_node}",
    )


def _dispatch(weights: Weights, form: ClosedForm) -> Cause:
    """Delays by state: who finds a host full comes to it later, which no product form has; at most all of the delay."""
    seconds = sum(weight * form.parts[name]["dispatch"] for name, weight in weights.items())
    hosts = form.hosts
    return Cause(
        -seconds,
        f"dispatch delays, {_ms(seconds)} by formula, put off who finds a host full and so even out its load "
        f"(application CPU {hosts.application.utilisation:.0%}, database CPU {hosts.database.utilisation:.0%})",
    )


def _scans(weights: Weights, form: ClosedForm, system: System, streams: Sequence[Stream]) -> Iterator[Cause]:
    """Two things by which parallel scans make the simulation slower: helpers not had, and threads that come at once."""
    wide = [stream for stream in streams if threads_of(stream, system) > 1]
    if not wide:
        return
    wanted = max(threads_of(stream, system) - 1 for stream in wide)
    scans = max(1, system.parallel_pool // wanted)
    none_left = mmck(form.helpers / wanted, 1.0, scans, scans).blocking_probability
    helped = {s.name: (threads_of(s, system) - 1) * form.parts[s.name]["SQL"] for s in wide}
    yield Cause(
        none_left * sum(weights.get(name, 0.0) * seconds for name, seconds in helped.items()),
        f"scans want {form.helpers:.1f} parallel workers on average, of a pool of {system.parallel_pool}: "
        f"{none_left:.0%} of them find none",
    )
    # Threads that come together wait for one another: (E[X^2] / E[X] + 1) / 2 times the queueing of single ones, by
    # work (Kleinrock, Muntz, Rodemich, The Processor-Sharing Queueing Model for Time-Shared Systems with Bulk
    # Arrivals, Networks 1(1), 1971), at exponential demand and one processor: an estimate here.
    work = {s.name: s.rate_per_s * s.database_cpu_s for s in streams}
    together = sum(work[s.name] * threads_of(s, system) for s in streams) / sum(work.values())
    database, cpu = form.hosts.database, system.cpus[system.database_cpu]
    queueing = 1.0 - 1.0 / (cpu.capacity(1) * database.slowdown)
    added = queueing * (together - 1.0) / 2.0
    yield Cause(
        added * sum(weight * form.parts[name]["SQL"] for name, weight in weights.items()),
        f"database work comes {together:.1f} processes at once, and the formula takes them as independent "
        f"(database CPU {database.utilisation:.0%})",
    )


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if math.isfinite(seconds) else "without end"


def _signed(share: float) -> str:
    return f"{100.0 * share:+.0f} %" if math.isfinite(share) else "no limit"
