"""How much to commit to for one or three years, when nobody knows how much will be needed.

Committed machines cost a share r of the on-demand price whether they are used or not; what is needed beyond them is
bought on demand. With a need X, committing C costs r C + E[max(X - C, 0)], which is least where P(X > C) = r: commit
up to the need that is exceeded with a probability of r. That is the newsvendor's critical ratio (Arrow, Harris &
Marschak, Optimal Inventory Policy, Econometrica 19(3), 1951), and Littlewood's rule of yield management (Analysis and
Control of Passenger Bookings, 1972) with the on-demand price in the place of the full fare.

X is the hourly on-demand price of the cheapest machines that serve, over all futures and over the years of the term.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dfr_sizing.catalogue import Catalogue, InstanceType, Place, Term
from dfr_sizing.drivers import rule
from dfr_sizing.recommend.choice_types import Commitment
from dfr_sizing.recovery.draws import FloatArray
from dfr_sizing.topology import Topology

TERM_YEARS = {Term.ONE_YEAR: 1, Term.THREE_YEARS: 3}


def longest_term(catalogue: Catalogue, chosen: Topology) -> int:
    """Years of the longest term that any of the chosen machines has a price for; 0 where none has."""
    named = (chosen.application.name, chosen.database.name)
    priced = [
        years
        for term, years in TERM_YEARS.items()
        if any(catalogue.has_price(chosen.place, name, "hour", term) for name in named)
    ]
    return max(priced, default=0)


def commitments(
    catalogue: Catalogue, chosen: Topology, application_usd: FloatArray, database_usd: FloatArray
) -> tuple[Commitment, ...]:
    """The best commitment of each kind of machine at each term that its recommended size has a price for.

    The arrays are needs in US dollars an hour on demand, a row a future, a column a year from 0 to the longest term.
    """
    found = []
    for what, instance, count, need in (
        ("application nodes", chosen.application, chosen.nodes, application_usd),
        ("database", chosen.database, 1, database_usd),
    ):
        found += list(_of(what, catalogue, chosen.place, instance, count, need))
    return tuple(found)


def _of(
    what: str, catalogue: Catalogue, place: Place, instance: InstanceType, count: int, need: FloatArray
) -> Iterator[Commitment]:
    always = catalogue.always_on(place, instance.name)
    on_demand = (always or catalogue.price(place, instance.name, "hour")).usd
    for term, years in TERM_YEARS.items():
        if not catalogue.has_price(place, instance.name, "hour", term):
            continue
        price = catalogue.price(place, instance.name, "hour", term)
        ratio = price.usd / on_demand
        samples = need[:, : years + 1].ravel()
        committed = best_commitment(samples, ratio)
        spared = samples.mean() - mean_cost(samples, committed, ratio)
        yield Commitment(
            what=what,
            term=str(term),
            instance=instance.name,
            price_ratio=ratio,
            hourly_usd=committed,
            share=committed / (count * on_demand),
            whole=int(committed / on_demand + 1e-9),
            saved_monthly_usd=float(spared) * rule("cost.hours_per_month"),
            label=str(price.label),
        )


def best_commitment(need: FloatArray, ratio: float) -> float:
    """The C that makes ``mean_cost`` least: the need that is exceeded with a probability of ``ratio``; 0 from 1 on."""
    if ratio >= 1.0:
        return 0.0
    return float(np.quantile(need, 1.0 - ratio, method="inverted_cdf"))


def mean_cost(need: FloatArray, committed: float, ratio: float) -> float:
    """What is paid an hour on the mean, in the unit of the need."""
    return float(ratio * committed + np.maximum(need - committed, 0.0).mean())
