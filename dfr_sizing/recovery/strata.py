"""Which years are simulated, and what strikes in them: rare failures by conditioning, not by luck.

Kinds that come once in many years would hardly be seen in a thousand simulated ones. So years are divided by what rare
kinds bring them: none, just one (a stratum for each kind), or several. How probable each is follows from the rates,
exactly; each is simulated on its own and weighs as much as it is probable (stratified sampling; Owen, Monte Carlo
theory, methods and examples, 2013, section 8.4). Everything else comes as independent Poisson processes.

A rate is not known, only its range: each year belongs to one draw of all rates, chosen as probable as the stratum is
under it, so that a stratum's years are drawn from exactly the law that the year would have, given the stratum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dfr_sizing.recovery.availability import HOURS_PER_YEAR, IntArray, per_year
from dfr_sizing.recovery.draws import DRAWS, FloatArray, Sampler, stream
from dfr_sizing.recovery.failures import EACH_HOST, exposed_to
from dfr_sizing.recovery.types import Failure, RecoveryInput

RARE = (Failure.DISK, Failure.ZONE, Failure.SITE, Failure.CORRUPTION, Failure.RANSOMWARE, Failure.CABLE)
"""Kinds that are conditioned on; how many there are changes the work, not the answer."""
WITH_TWIN = (Failure.DATABASE_HOST, Failure.DISK, Failure.ZONE, Failure.SITE)
"""Kinds of which a second unit may stand: the standby's host, disk and zone, and the second site."""
NONE, SEVERAL = "none", "several"
_MOST_AT_ONCE = 60
"""Rare failures in one year, at which the tail of their number is cut; at ten a year it holds less than 1e-20."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One failure: hours after the start, of which unit (0 serves, 1 is its twin; hosts are counted), and its draw."""

    at_h: float
    failure: Failure
    unit: int
    draw: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """Years that are alike in what rare kinds bring; ``probability`` is that of such a year."""

    name: str
    probability: float
    years: tuple[tuple[Incident, ...], ...]


@dataclass(frozen=True, slots=True)
class Effort:
    """Simulated years of each kind of stratum."""

    without_rare: int = 300
    each_rare: int = 50
    several: int = 200


def strata(inputs: RecoveryInput, sampler: Sampler, effort: Effort, span_years: float = 1.0) -> tuple[Stratum, ...]:
    """The years to simulate; each lasts ``span_years``. The same seed gives the same years for every strategy."""
    exposed = exposed_to(inputs)
    a_span = {failure: per_year(failure, inputs, sampler) * span_years for failure in exposed}
    rare = [failure for failure in RARE if failure in a_span]
    together = np.sum([a_span[failure] for failure in rare], axis=0)
    none = np.exp(-together)
    by_name: dict[str, tuple[FloatArray, int]] = {NONE: (none, effort.without_rare)}
    by_name |= {str(failure): (a_span[failure] * none, effort.each_rare) for failure in rare}
    by_name[SEVERAL] = (np.maximum(0.0, 1.0 - none - together * none), effort.several)
    drawn = _Drawn(sampler.seed, a_span, inputs.application_nodes, rare, span_years * HOURS_PER_YEAR)
    return tuple(
        Stratum(name, float(chances.mean()), drawn.years(name, chances, count))
        for name, (chances, count) in by_name.items()
        if chances.max() > 0.0
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Draws the incidents of years; each purpose has a stream of its own."""

    seed: int
    a_span: Mapping[Failure, FloatArray]
    hosts: int
    rare: list[Failure]
    hours: float

    def years(self, name: str, chances: FloatArray, count: int) -> tuple[tuple[Incident, ...], ...]:
        """So many years of a stratum, each with the rates of one draw."""
        worlds = self._stream(name, "rates").choice(DRAWS, count, p=chances / chances.sum())
        found: list[list[Incident]] = [[] for _ in range(count)]
        for failure, rate in self.a_span.items():
            units = self.hosts if failure in EACH_HOST else 2 if failure in WITH_TWIN else 1
            for unit in range(units):
                if failure not in self.rare or unit:
                    counts = self._stream(name, f"{failure}/{unit}/count").poisson(rate[worlds])
                    self._add(found, name, failure, unit, counts)
        for failure, counts in self._rare_counts(name, worlds).items():
            self._add(found, name, failure, 0, counts)
        return tuple(tuple(sorted(year, key=lambda incident: incident.at_h)) for year in found)

    def _rare_counts(self, name: str, worlds: IntArray) -> dict[Failure, IntArray]:
        """How many of each rare kind a stratum's years bring."""
        if name == NONE:
            return {}
        if name != SEVERAL:
            return {Failure(name): np.ones(len(worlds), dtype=np.int64)}
        rates = np.array([self.a_span[failure][worlds] for failure in self.rare])
        totals = _two_or_more(rates.sum(axis=0), self._stream(name, "several/count").random(len(worlds)))
        shares = (rates / rates.sum(axis=0)).T
        counts = self._stream(name, "several/kinds").multinomial(totals, shares)
        return dict(zip(self.rare, counts.T, strict=True))

    def _add(self, found: list[list[Incident]], name: str, failure: Failure, unit: int, counts: IntArray) -> None:
        """Spread a kind's incidents over their years: given their number, times are uniform."""
        at = (self.hours * self._stream(name, f"{failure}/{unit}/at").random(int(counts.sum()))).tolist()
        draws = self._stream(name, f"{failure}/{unit}/draw").integers(DRAWS, size=len(at)).tolist()
        ends = [0, *np.cumsum(counts).tolist()]
        for year, (start, end) in enumerate(pairwise(ends)):
            found[year] += [Incident(at[i], failure, unit, draws[i]) for i in range(start, end)]

    def _stream(self, stratum: str, purpose: str) -> np.random.Generator:
        return stream(self.seed, f"recovery/years/{stratum}/{purpose}")


def _two_or_more(rates: FloatArray, uniform: FloatArray) -> IntArray:
    """Poisson numbers of at least two, by inversion."""
    term = rates * np.exp(-rates)
    none_or_one = np.exp(-rates) + term
    aim = none_or_one + uniform * (1.0 - none_or_one)
    reached, found = none_or_one.copy(), np.full(len(rates), 2, dtype=np.int64)
    for number in range(2, _MOST_AT_ONCE):
        term = term * rates / number
        reached = reached + term
        found[reached < aim] = number + 1
    return found
