"""Places and plans side by side: for each the cheapest deployment that serves there, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.errors import InputError
from dfr_sizing.model import Model
from dfr_sizing.recommend.answer import FULL_EFFORT, decided_for_years
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.removed import cost_if_allowed, left_out
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.types import Infeasible, Plan, TargetCheck
from dfr_sizing.recovery.profile import RecoveryProfile
from dfr_sizing.scenario import Hosting, Scenario


@dataclass(frozen=True, slots=True)
class Offer:
    """One column of a comparison. ``why_not`` is empty where a deployment serves; then there are no figures else.

    ``left_out``: by a limit of the scenario or for want of prices, not because nothing there would serve; then
    ``bounds_usd`` are five years of the cheapest candidate there that breaks no bound (not simulated).
    """

    name: str
    farmers: float
    deployment: str = ""
    recovery: str = ""
    monthly_usd: float = math.nan
    five_year_usd: float = math.nan
    targets: tuple[TargetCheck, ...] = ()
    why_not: str = ""
    left_out: bool = False
    bounds_usd: float = math.nan

    @property
    def serves(self) -> bool:
        """Whether every target is met."""
        return not self.why_not and all(check.passed for check in self.targets)

    @property
    def missed(self) -> tuple[str, ...]:
        """Titles of the targets that are missed."""
        return tuple(check.title for check in self.targets if not check.passed)


@dataclass(frozen=True)
class Comparer:
    """What all offers are worked out with."""

    model: Model
    catalogue: Catalogue
    seed: int = 1
    effort: Effort = FULL_EFFORT
    executor: Executor | None = None
    profile: RecoveryProfile | None = None
    progress: Callable[[str, float], None] = lambda _stage, _share: None

    def at(self, scenario: Scenario, name: str) -> Offer:
        """The offer of a place (``aws/eu-west-1``) or of a provider's cheapest place (``gcp``).

        The limits that the scenario states hold: what they or the catalogue's gaps exclude comes with the reason. A
        provider that is only not among the default ones is let in by naming it. Raises InputError for a place that is
        not known.
        """
        places = places_named(name, self.catalogue)
        hosting = _with_provider(scenario.hosting, places[0].provider)
        reasons = {place: left_out(place, hosting, self.catalogue) for place in places}
        open_to_us = [place.name for place, reason in reasons.items() if not reason]
        if not open_to_us:
            return self._left_out(scenario, name, reasons)
        narrowed = hosting.model_copy(
            update={"providers": (places[0].provider,), "countries": (), "regions": tuple(open_to_us)}
        )
        return self.of(scenario.model_copy(update={"hosting": narrowed}), name)

    def _left_out(self, scenario: Scenario, name: str, reasons: Mapping[Place, str]) -> Offer:
        """Places that may not be used, with what the cheapest of them would cost by the bounds."""
        design = design_for(scenario, self.model, profile=self.profile)
        costs = [
            cost_if_allowed(place, self.catalogue, design, self.seed)[0]
            for place in reasons
            if not self.catalogue.missing_at(place)
        ]
        why = "; ".join(dict.fromkeys(reasons.values()))
        farmers = scenario.registry.farmers
        return Offer(name, farmers, why_not=why, left_out=True, bounds_usd=min(costs, default=math.nan))

    def of(self, scenario: Scenario, name: str) -> Offer:
        """The offer of a whole scenario, wherever it is cheapest."""
        search = Search(
            scenario, self.model, self.catalogue, self.seed, self.effort, self.executor, self.profile
        )  # fmt: skip
        try:
            chosen = decided_for_years(search, self.progress)
        except Infeasible as answer:
            why = f"{answer.limit}; nearest change: {answer.change}"
            return Offer(name, scenario.registry.farmers, why_not=why)
        return offer_of(name, scenario.registry.farmers, search.plan("recommended", chosen, 1)())


def offer_of(name: str, farmers: float, plan: Plan) -> Offer:
    """A plan as a column."""
    topology, bill = plan.topology, plan.bill
    recovery = f"{plan.strategy}, {'with' if topology.standby else 'no'} standby"
    return Offer(name, farmers, topology.title, recovery, bill.monthly_usd, bill.five_year_usd, plan.targets)


def places_named(name: str, catalogue: Catalogue) -> Sequence[Place]:
    """The place of a name, or all of a provider's; never empty. Raises InputError."""
    provider, slash, region = name.partition("/")
    if slash:
        return [catalogue.place(provider, region)]
    if provider not in catalogue.providers():
        known = f"a provider ({', '.join(catalogue.providers())}), a place as aws/eu-west-1, a plan or a scenario file"
        raise InputError("what to compare", name, known, "correct it, or give the path of plan.json or of a .toml file")
    return [place for place in catalogue.places if place.provider == provider]


def _with_provider(hosting: Hosting, provider: str) -> Hosting:
    """Hosting with a provider let in, unless the scenario states which ones are."""
    if provider in hosting.providers or "providers" in hosting.model_fields_set:
        return hosting
    # The fields that were set stay known as such: model_copy adds those that it updates.
    return hosting.model_copy(update={"providers": (*hosting.providers, provider)})
