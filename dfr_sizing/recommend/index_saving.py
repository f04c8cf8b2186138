"""What the two indexes save against what hardware would cost without them: by the bounds, nothing is simulated."""

from __future__ import annotations

from itertools import product

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.cost import YEARS
from dfr_sizing.growth import growth_of
from dfr_sizing.model import Model
from dfr_sizing.recommend.candidates import Way
from dfr_sizing.recommend.database_types import IndexSaving
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.explain import cost_by_bounds
from dfr_sizing.scenario import Scenario


def index_savings(
    scenario: Scenario, model: Model, catalogue: Catalogue, place: Place, way: Way
) -> tuple[IndexSaving, ...]:
    """Each set of the scenario's indexes, none first."""
    names = tuple(scenario.code.model_dump())
    found = []
    for there in product((False, True), repeat=len(names)):
        code = scenario.code.model_copy(update=dict(zip(names, there, strict=True)))
        changed = scenario.model_copy(update={"code": code})
        design = design_for(changed, model)
        planned = sum(each.plan_index_bytes for each in growth_of(changed) if each.year == YEARS)
        found.append(
            IndexSaving(
                indexes=tuple(name for name, has in zip(names, there, strict=True) if has),
                five_year_usd=cost_by_bounds(changed, model, catalogue, place, way),
                database_cpu=max(peak.load.database_cpu for peak in design.peaks.values()),
                index_bytes=planned,
            )
        )
    return tuple(found)
