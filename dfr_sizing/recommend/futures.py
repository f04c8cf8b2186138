"""Futures of the demand: each uncertain input drawn from its low, mid and high by a seeded, stated law.

The law is that of the recovery rates (recovery.draws): log-normal with two spreads, median mid, low and high its 5 %
and 95 % points; linear instead of logarithmic where low is 0. What lies outside of an input's allowed range is put at
its end. Inputs are drawn independently of one another, each evenly through its range (Latin hypercube sampling: McKay,
Beckman & Conover, Technometrics 21(2), 1979) from a stream of its own, so that one more input changes no other.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from dfr_sizing.drivers import drivers, rules
from dfr_sizing.interval import Interval
from dfr_sizing.recovery.draws import FloatArray, spread, stream
from dfr_sizing.scenario import Scenario

GROWTH = "registry.growth_5y"
OF_DEMAND = ("registry.", "campaign.", "users.")
"""Sections of a scenario that say what is demanded; the others are promises, prices and what has been mended."""

_Z95 = NormalDist().inv_cdf(0.95)


def uncertain_inputs(scenario: Scenario) -> dict[str, Interval]:
    """The inputs of demand that are known only within bounds, by name; growth always is (rule regret.growth_range)."""
    found = {}
    for name in drivers():
        value = scenario.value(name)
        if not isinstance(value, Interval) or not name.startswith(OF_DEMAND):
            continue
        if name == GROWTH and value.is_exact:
            value = _growth_range(value.mid)
        if not value.is_exact:
            found[name] = value
    return found


def _growth_range(stated: float) -> Interval:
    factors = rules()["regret.growth_range"].value
    if isinstance(factors, bool):
        raise TypeError(factors)
    return factors.scaled(stated)


def futures(scenario: Scenario, count: int, seed: int) -> tuple[Scenario, ...]:
    """So many scenarios without uncertainty in their demand."""
    inputs = uncertain_inputs(scenario)
    drawn = {name: drawn_evenly(known, name, count, seed) for name, known in inputs.items()}
    return tuple(
        with_numbers(scenario, {name: float(values[number]) for name, values in drawn.items()})
        for number in range(count)
    )


def drawn_evenly(known: Interval, name: str, count: int, seed: int) -> FloatArray:
    """Values of an input, one from each of ``count`` equally probable parts of its range, in random order."""
    draw = stream(seed, f"future: {name}")
    parts = (draw.permutation(count) + draw.random(count)) / count
    z = np.array([NormalDist().inv_cdf(part) for part in parts])
    driver = drivers()[name]
    return np.clip(_at(known, z), driver.at_least, driver.at_most)


def _at(known: Interval, z: FloatArray) -> FloatArray:
    """The input at standard normal scores."""
    if known.low > 0.0:
        return spread(known, z)
    return known.mid + z / _Z95 * np.where(z > 0.0, known.high - known.mid, known.mid - known.low)


def with_numbers(scenario: Scenario, numbers: dict[str, float]) -> Scenario:
    """The scenario with some of its inputs known exactly: ``{"campaign.days": 90.0}``."""
    by_section: dict[str, dict[str, Interval]] = {}
    for name, number in numbers.items():
        section, field = name.split(".")
        by_section.setdefault(section, {})[field] = Interval.exactly(number)
    changed = {section: getattr(scenario, section).model_copy(update=fields) for section, fields in by_section.items()}
    return scenario.model_copy(update=changed)
