"""What stands beside the choice, where asked for: Pareto front, regret, commitments, places left out, upgrades."""

from __future__ import annotations

from collections.abc import Sequence

from dfr_sizing.recommend.candidates import Candidate, PlaceOptions
from dfr_sizing.recommend.choice_types import Choice
from dfr_sizing.recommend.pareto import begin_front
from dfr_sizing.recommend.regret import Market, begin_regret
from dfr_sizing.recommend.removed import removed_places
from dfr_sizing.recommend.search import Search
from dfr_sizing.recommend.types import Plan
from dfr_sizing.recommend.upgrades import upgrades


def beside(
    search: Search, chosen: Candidate, recommended: Plan, options: Sequence[PlaceOptions], *, with_upgrades: bool
) -> Choice:
    """All of it, for a search that has come to its end; upgrades take longest, and may be left out."""
    front = begin_front(search, chosen, recommended, options)
    design, topology = search.design, chosen.topology
    market = Market(design.model, search.catalogue, topology.place, chosen.way)
    regret = begin_regret(design.scenario, market, topology, search.seed, search.executor)
    removed = removed_places(search.catalogue, design, options, search.seed)
    found = front(), regret(), removed
    return Choice(*found, upgrades(search, chosen) if with_upgrades else None)
