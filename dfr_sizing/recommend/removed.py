"""Filters say what they removed: each place that was left out, with the reason and what it would have saved.

The law, hosting limits and the catalogue's gaps are filters: they are applied before anything is compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.recommend.candidates import (
    PlaceOptions,
    cheapest_by_bounds,
    place_options,
    ways_allowed,
    ways_that_recover,
)
from dfr_sizing.recommend.choice_types import RemovedPlace
from dfr_sizing.recommend.design import Design
from dfr_sizing.scenario import Hosting

NO_SERVICE = "no deployment there passes the bounds"


def left_out(place: Place, hosting: Hosting, catalogue: Catalogue) -> str:
    """Why a place may not be used: a limit of the scenario or a gap in the catalogue; empty where it may."""
    if place.provider not in hosting.providers:
        return f"provider {place.provider} is not among hosting.providers ({', '.join(hosting.providers)})"
    countries = {country.upper() for country in hosting.countries}
    if countries and place.country and place.country not in countries:
        return f"country {place.country} is not among hosting.countries ({', '.join(sorted(countries))})"
    if hosting.regions and not {place.region, place.name} & set(hosting.regions):
        return f"region {place.region} is not among hosting.regions ({', '.join(hosting.regions)})"
    missing = catalogue.missing_at(place)
    return f"no price in the catalogue of: {', '.join(missing)}" if missing else ""


def removed_places(
    catalogue: Catalogue, design: Design, allowed: Sequence[PlaceOptions], seed: int
) -> tuple[RemovedPlace, ...]:
    """Every place that is not among the ``allowed`` ones, those that would have saved most first."""
    kept = {options.place for options in allowed}
    best = min((_least(options, design) for options in allowed), default=math.inf)
    found = []
    for place in catalogue.places:
        if place in kept:
            continue
        reason = left_out(place, design.scenario.hosting, catalogue)
        cost, excuse = math.nan, ""
        if not catalogue.missing_at(place):
            cost, excuse = cost_if_allowed(place, catalogue, design, seed)
        saved = best - cost if math.isfinite(cost) and math.isfinite(best) else math.nan
        found.append(RemovedPlace(place.name, reason or excuse or NO_SERVICE, cost, saved))
    return tuple(sorted(found, key=_most_saved_first))


def _most_saved_first(one: RemovedPlace) -> tuple[float, str]:
    return -one.saved_usd if math.isfinite(one.saved_usd) else math.inf, one.place


def cost_if_allowed(place: Place, catalogue: Catalogue, design: Design, seed: int) -> tuple[float, str]:
    """Five years of the cheapest candidate that the bounds leave in a place; infinite, and why, where none is left."""
    excuses: Counter[str] = Counter()
    ways = ways_that_recover(place, 2, ways_allowed(design), design, seed, excuses)
    if not ways:
        return math.inf, next(iter(excuses))
    options = place_options(catalogue, place, design, ways, 1, excuses)
    return (math.inf if options is None else _least(options, design)), NO_SERVICE


def _least(options: PlaceOptions, design: Design) -> float:
    """Five years of a place's cheapest candidate that breaks no bound; infinite where none is left."""
    found = cheapest_by_bounds(options, design)
    return math.inf if found is None else found[0]
