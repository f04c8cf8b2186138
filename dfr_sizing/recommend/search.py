"""The search: bound, then simulate in order of cost, and take the first that meets every target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from operator import le

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.drivers import rule
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model
from dfr_sizing.recommend.bounds import Excuses, strength
from dfr_sizing.recommend.candidates import (
    Candidate,
    PlaceOptions,
    Way,
    in_order_of_cost,
    place_options,
    ways_that_recover,
)
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.evaluate import (
    GLANCE,
    Effort,
    glance_at,
    latency_checks,
    precise,
    recovery_input,
    recovery_of,
    recovery_rates,
)
from dfr_sizing.recommend.feasibility import (
    MOST_SIMULATED,
    Levels,
    Verdict,
    judged,
    overload,
    replications_at_first,
    surely_missed,
)
from dfr_sizing.recommend.least_times import LeastTimes
from dfr_sizing.recommend.promises import PER_SECOND, Promise
from dfr_sizing.recommend.rare import Hour
from dfr_sizing.recommend.trial import Trial, checks_of, trial_of
from dfr_sizing.recommend.types import (
    Plan,
    Selection,
)
from dfr_sizing.recovery import all_strategies
from dfr_sizing.recovery.profile import RecoveryProfile
from dfr_sizing.scenario import Scenario
from dfr_sizing.simulation.run import Job
from dfr_sizing.topology import Topology
from dfr_sizing.workers import forget

BEYOND_FOUND, BEYOND_MEAN = 1.1, 1.25
"""A change that helps allows so many times what was found: by simulation, or by the closed form of a mean, over which a
p95 lies (the 95 % point of a sync of five requests by a tenth)."""


@dataclass(slots=True)
class Nearest:
    """The candidate that came nearest to the targets: for the answer when none meets them."""

    excess: float = float("inf")
    limit: str = ""
    change: str = ""

    def consider(self, excess: float, limit: str, change: str) -> None:
        """Keep what is missed by the least."""
        if excess < self.excess:
            self.excess, self.limit, self.change = excess, limit, change


class Search:
    """One search: its design, its places, the simulations done so far."""

    def __init__(
        self,
        scenario: Scenario,
        model: Model,
        catalogue: Catalogue,
        seed: int,
        effort: Effort,
        executor: Executor | None,
        profile: RecoveryProfile | None = None,
    ) -> None:
        self.design = design_for(scenario, model, profile=profile)
        self.catalogue = catalogue
        self.seed = seed
        self.effort = effort
        self.executor = executor
        self.excuses: Excuses = Counter()
        self.nearest = Nearest()
        self.checks = checks_of(self.design)
        self.levels = Levels.of(rule("search.wrong_choice"), len(self.checks))
        # An alternative is there to compare with: the usual confidence will do.
        usual = self.design.scenario.targets.confidence.mid
        self.usual = Levels(usual, usual, rounds=0, by_value=True)
        self.trials: dict[tuple[Job, ...], Trial] = {}
        self.verdicts: dict[tuple[tuple[Job, ...], Levels], Verdict] = {}
        self.judged = 0
        self.simulated_candidates: list[Candidate] = []  # with one application node down, in the order of the search
        self.close: list[str] = []
        self._least_times: dict[int, LeastTimes] = {}  # by nodes down
        self.turned_down: set[tuple[str, Way]] = set()  # by the years that were simulated: provider and way
        self.simulated_requests = 0

    def places(self) -> tuple[Place, ...]:
        """The places that the scenario allows and the catalogue can price."""
        hosting = self.design.scenario.hosting
        allowed = self.catalogue.places_allowed(hosting.providers, hosting.countries, hosting.regions)
        complete, dropped = self.catalogue.complete_places(allowed)
        for place in dropped:
            self.excuses[f"place: {place.reason}"] += 1
        if not complete:
            asked = ", ".join((*hosting.providers, *hosting.countries, *hosting.regions))
            known = ", ".join(place.name for place in self.catalogue.places)
            raise InputError("hosting", asked, f"one of {known}", "allow more providers, countries or regions")
        return complete

    def options(self, places: Sequence[Place], ways: Sequence[Way], spare: int, excuses: Excuses) -> list[PlaceOptions]:
        """What the bounds leave in each place."""
        by_provider: dict[str, tuple[Way, ...]] = {}
        found = []
        for place in places:
            if place.provider not in by_provider:
                left = self._kept_through_years(place.provider, ways, excuses)
                by_provider[place.provider] = ways_that_recover(place, 2, left, self.design, self.seed, excuses)
            if by_provider[place.provider]:
                options = place_options(self.catalogue, place, self.design, by_provider[place.provider], spare, excuses)
                if options is not None:
                    found.append(options)
        return found

    def turn_down(self, chosen: Candidate) -> None:
        """Leave out a way to recover whose simulated years surely miss the promise of availability."""
        self.turned_down.add((chosen.topology.place.provider, chosen.way))
        self.excuses.clear()  # of a search that now begins again

    def _kept_through_years(self, provider: str, ways: Sequence[Way], excuses: Excuses) -> list[Way]:
        """The ways that were not turned down."""
        left = [way for way in ways if (provider, way) not in self.turned_down]
        for way in set(ways) - set(left):
            excuses[f"recovery in {provider}: {way.strategy} misses availability in simulated years"] += 1
        return left

    def first_that_serves(
        self, options: Sequence[PlaceOptions], down: int, excuses: Excuses, levels: Levels
    ) -> Candidate | None:
        """The cheapest candidate that meets every latency target with ``down`` application nodes down."""
        verdicts: dict[tuple[object, ...], str] = {}
        failed: list[tuple[float, ...]] = []
        for _, places, i, j in in_order_of_cost(options):
            candidate = places.candidate(i, j)
            topology = candidate.topology
            if topology.shape not in verdicts:
                has = strength(topology, self.design.model, down)
                verdict = self._broken_bound(topology, down)
                if not verdict and any(all(map(le, has, other)) for other in failed):
                    verdict = "bound: no stronger in any respect than one that failed when simulated"
                if not verdict:
                    if len(failed) == MOST_SIMULATED:
                        return None
                    if not failed:
                        self._begin(topology, down, levels)
                    verdict = self._missed(topology, down, levels)
                    if down == 1:
                        self.simulated_candidates.append(candidate)
                    if verdict or not levels.by_value:  # what is begun for an alternative that serves is wanted
                        forget(self.executor)
                    failed.append(has)
                verdicts[topology.shape] = verdict
            if not verdicts[topology.shape]:
                return candidate
            excuses[verdicts[topology.shape]] += 1
        return None

    def begin_cheapest(self, options: PlaceOptions, down: int) -> None:
        """Begin what ``first_that_serves`` will ask for first, and then a plan."""
        topologies = (options.candidate(i, j).topology for _, _, i, j in in_order_of_cost([options]))
        cheapest = next((topology for topology in topologies if not self._broken_bound(topology, down)), None)
        if cheapest is not None:
            self._glance(cheapest, down).grow_ahead(self._glances, self.executor)
            fresh = trial_of(cheapest, self.design, down, self.seed)
            fresh.grow_ahead(self._least(fresh), self.executor)

    @property
    def _glances(self) -> dict[Hour, int]:
        return {Hour(self.design.worst): GLANCE}

    def _glance(self, topology: Topology, down: int) -> Trial:
        return glance_at(topology, self.design, down, self.effort, self.seed)

    def _begin(self, topology: Topology, down: int, levels: Levels) -> None:
        """Begin a glance, and behind it the first round: the cheapest that the bounds leave mostly serves."""
        self._glance(topology, down).grow_ahead(self._glances, self.executor)
        trial = trial_of(topology, self.design, down, self.seed)
        trial.grow_ahead(
            {check.hour: replications_at_first(trial, check.hour, levels.rounds) for check in self.checks},
            self.executor,
        )

    def _broken_bound(self, topology: Topology, down: int) -> str:
        """What a deployment breaks by closed form, if anything."""
        if down not in self._least_times:
            self._least_times[down] = LeastTimes(self.design, down)
        promise, value = self._least_times[down].broken(topology)
        if promise is not None:
            self._note(promise, value, BEYOND_MEAN)
            return f"bound: {promise.title} above its target by processor sharing alone"
        return "bound: every HTTP worker held all the time" if value > 1.0 else ""

    def _missed(self, topology: Topology, down: int, levels: Levels) -> str:
        """What a deployment misses when simulated.

        A glance at the worst of the named days turns down what misses a target for sure; what is left is judged on
        every one that no other covers.
        """
        glance = self._glance(topology, down).grown(self._glances, self.executor)
        self.simulated_requests += glance.requests
        failed, missed = overload(glance, levels), None
        if not failed:
            missed = surely_missed(glance, [one for one in self.checks if one.hour in glance.jobs], levels)
        trial = glance
        if not failed and not missed:
            found = self.verdict(topology, down, levels)
            failed, missed, trial = found.failed, found.missed, found.trial
            if missed in found.close and levels == self.levels:
                self.close.append(f"{topology.title}, {missed.where}")
        if levels == self.levels:
            self.judged += 1
        if missed:
            told = trial.estimate(missed, self.design.scenario.targets.confidence.mid)
            self._note(missed.promise, told.value, BEYOND_FOUND)
            return f"simulated: {missed.promise.title} above its target"
        return failed

    def verdict(self, topology: Topology, down: int, levels: Levels) -> Verdict:
        """Judge a deployment from its first round on, whatever there is of it; or take what came of it before."""
        fresh = trial_of(topology, self.design, down, self.seed)
        key = (_simulated_as(fresh), levels)
        if key not in self.verdicts:
            found = judged(fresh, self.checks, levels, self.executor)
            self._keep(fresh, found.trial)
            self.verdicts[key] = found
        return self.verdicts[key]

    def simulated(self, topology: Topology, down: int, *, exactly: bool) -> Callable[[], tuple[Trial, dict[Hour, str]]]:
        """Begin the runs of a deployment for its plan; ``exactly``: as precise as asked for.

        What is returned waits for them, and says why each ended.
        """
        before = self._trial(topology, down)
        totals = self._least(before)
        wait = precise(before, self.design, self.checks, self.effort.situation, self.executor) if exactly else None
        before.grow_ahead(totals, self.executor)

        def found() -> tuple[Trial, dict[Hour, str]]:
            trial, said = wait() if wait is not None else (before, {})
            kept = self._trial(topology, down)  # another plan that is simulated as this one may have added days
            trial = replace(trial, digests={**kept.digests, **trial.digests}).grown(totals, self.executor)
            self._keep(kept, trial)
            return trial, said

        return found

    def _least(self, trial: Trial) -> dict[Hour, int]:
        """Enough of what decides to compare with, one replication of what another covers: it only shows its classes."""
        deciding = {check.hour for check in self.checks}
        return {
            hour: trial.compared(hour) if hour in deciding else 1
            for hour in trial.jobs
            if hour in deciding or not hour.rare
        }

    def selection(self, chosen: Verdict, plan: Plan) -> Selection:
        """How sure the choice is."""
        return Selection(
            probability=1.0 - rule("search.wrong_choice"),
            indifference=rule("search.indifference"),
            judged=self.judged,
            checks=len(self.checks),
            close=(*self.close, *(check.where for check in chosen.close)),
            replications=sum(result.outcome.replications for result in plan.situations),
            seconds=sum(result.outcome.simulated_s for result in plan.situations),
        )

    def _trial(self, topology: Topology, down: int) -> Trial:
        """What there is of a deployment: six nodes with two down are simulated as five with one down."""
        fresh = trial_of(topology, self.design, down, self.seed)
        found = self.trials.get(_simulated_as(fresh))
        return replace(found, nodes_down=down) if found else fresh

    def _keep(self, before: Trial, after: Trial) -> None:
        self.simulated_requests += after.requests - before.requests
        known = self.trials.get(_simulated_as(after))
        if known is None or known.requests < after.requests:
            self.trials[_simulated_as(after)] = after

    def _note(self, promise: Promise, seconds: float, beyond: float) -> None:
        found, limit = seconds * PER_SECOND[promise.unit], promise.limit_s * PER_SECOND[promise.unit]
        self.nearest.consider(
            found / limit,
            f"{promise.title}: {_rounded(found)} {promise.unit} against {_rounded(limit)}",
            f"allow targets.{promise.name} = {_rounded(found * beyond)}, or places with faster cores",
        )

    def plan(self, name: str, candidate: Candidate, down: int) -> Callable[[], Plan]:
        """Begin what a candidate's plan needs; what is returned waits for it, and is everything that is known."""
        simulated = self.simulated(candidate.topology, down, exactly=name == "recommended")
        return lambda: self._plan(name, candidate, *simulated())

    def _plan(self, name: str, candidate: Candidate, trial: Trial, stopped_by: Mapping[Hour, str]) -> Plan:
        topology, way, design = candidate.topology, candidate.way, self.design
        results = trial.results(design, stopped_by)
        found, available, checks = recovery_of(
            topology.place, topology.nodes, way.standby, way.strategy, design, self.seed
        )
        worst = next(result for result in results if result.situation is design.worst)
        inputs = recovery_input(topology.place, topology.nodes, way.standby, design)
        level = design.scenario.targets.confidence.mid
        estimates = all_strategies(inputs, self.seed, recovery_rates(design), level)
        return Plan(
            name=name,
            topology=topology,
            strategy=way.strategy,
            targets=(*latency_checks(trial, self.checks, design.scenario.targets.confidence.mid), *checks),
            headline=found,
            recovery=tuple(estimate for estimate in estimates if estimate.strategy is way.strategy),
            availability=available,
            bill=candidate.bill,
            situations=results,
            bottleneck=worst.outcome.ranked_resources,
        )


def _simulated_as(trial: Trial) -> tuple[Job, ...]:
    """What the numbers of a trial depend on."""
    return tuple(trial.jobs.values())


def _rounded(value: float) -> str:
    return f"{value:.3g}"
