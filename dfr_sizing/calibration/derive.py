"""Operations that a load test did not measure: the base model's, brought to what this load test measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dfr_sizing.drivers import rule
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import Model, Operation

ANCHORS = {
    "create_in_batch": "create",
    "plain_create": "create",
    "rows_by_index": "create",
    "indexed_search": "search",
    "scan": "search",
}
"""Operations that were measured, or are stated, as a share of another one: they follow that one."""

FLOOR = "overhead"
"""The operation that is in every request (model.Model.cost)."""

NORMAL_95 = 1.96
"""Standard deviations from the middle of a normal distribution to either end of its middle 95 %."""
LEAST = 1e-3


class Ratio(NamedTuple):
    """The new model's demand over the base's, for Odoo and PostgreSQL, and how it was found."""

    app: Interval
    database: Interval
    how: str


def completed(measured: Mapping[str, Operation], base: Model) -> dict[str, Operation]:
    """All operations of the base in its order, measured ones first taken from here; then those the base lacks."""
    found = {name: measured.get(name) or derived(row, measured, base) for name, row in base.operations.items()}
    return found | {name: row for name, row in measured.items() if name not in found}


def derived(operation: Operation, measured: Mapping[str, Operation], base: Model) -> Operation:
    """The base's operation times what this load test measured over what the base did."""
    ratio = ratio_for(operation.name, measured, base)
    # Derived before, it is still the first one's: the ratio is then of what was derived, and tells nothing more.
    origin = operation.source.rsplit("; there ", 1)[-1] if operation.label is Label.DERIVED else operation.source
    source = (
        f"{base.name}, x {ratio.app.mid:.3g} (Python) and x {ratio.database.mid:.3g} (SQL): {ratio.how}; there {origin}"
    )
    app, database = _beyond_the_floor(operation, measured, base)
    return replace(
        operation,
        measured_as=f"({operation.name})",
        app_cpu=_times(operation.app_cpu, ratio.app).scaled(app),
        database_cpu=_times(operation.database_cpu, ratio.database).scaled(database),
        label=Label.DERIVED,
        source=source,
    )


def _beyond_the_floor(operation: Operation, measured: Mapping[str, Operation], base: Model) -> tuple[float, float]:
    """What a derived demand is multiplied by besides, so that only its own part follows the operation it is a share of.

    The rest is what any request takes, as that was measured here: a share of a create that is nearly all overhead
    would else grow where the overhead is found to be smaller.
    """
    anchor = ANCHORS.get(operation.name, "")
    if not {anchor, FLOOR} <= measured.keys() & base.operations.keys():
        return 1.0, 1.0
    here, there = (measured[anchor], measured[FLOOR]), (base.operations[anchor], base.operations[FLOOR])

    def times(cpu: Callable[[Operation], float]) -> float:
        own_here, own_there = cpu(here[0]) - cpu(here[1]), cpu(there[0]) - cpu(there[1])
        if own_here <= 0.0 or own_there <= 0.0:
            return 1.0
        wanted = cpu(here[1]) + (cpu(operation) - cpu(there[1])) * own_here / own_there
        return max(0.0, wanted) / max(1e-12, cpu(operation) * cpu(here[0]) / cpu(there[0]))

    return times(lambda of: of.app_cpu_s), times(lambda of: of.database_cpu_s)


def ratio_for(name: str, measured: Mapping[str, Operation], base: Model) -> Ratio:
    """The ratio of the operation that this one is a share of, or else the geometric mean of all measured in both."""
    anchor = ANCHORS.get(name, "")
    if anchor in measured and anchor in base.operations:
        here, there = measured[anchor], base.operations[anchor]
        return Ratio(
            _over(here.app_cpu, there.app_cpu_s), _over(here.database_cpu, there.database_cpu_s), f"as for {anchor}"
        )
    both = [name for name in measured if name in base.operations]
    if not both:
        return Ratio(Interval.exactly(1.0), Interval.exactly(1.0), "no operation was measured in both")
    app = _geometric([_over(measured[one].app_cpu, base.operations[one].app_cpu_s) for one in both])
    database = _geometric([_over(measured[one].database_cpu, base.operations[one].database_cpu_s) for one in both])
    return Ratio(app, database, f"geometric mean over {', '.join(both)}, by precision")


def _over(value: Interval, divisor: float) -> Interval:
    return value.scaled(1.0 / divisor)


def _geometric(ratios: list[Interval]) -> Interval:
    """Geometric mean, weighted by precision; the interval holds 95 % of what one more operation would have."""
    logs = np.log([max(ratio.mid, LEAST) for ratio in ratios])
    widths = np.log([max(ratio.high, LEAST) / max(ratio.low, LEAST) for ratio in ratios]) / (2.0 * NORMAL_95)
    own = rule("calibration.operations_differ")
    weights = 1.0 / (own**2 + widths**2)
    mean = float(np.average(logs, weights=weights))
    sd = float(np.average((logs - mean) ** 2, weights=weights)) ** 0.5
    spread = float(np.exp(NORMAL_95 * max(sd, own)))
    return Interval(float(np.exp(mean)) / spread, float(np.exp(mean)), float(np.exp(mean)) * spread)


def _times(value: Interval, ratio: Interval) -> Interval:
    """A product of two uncertain numbers that know nothing of each other: relative errors add as squares."""
    mid = value.mid * ratio.mid
    if mid <= 0.0:
        return Interval.exactly(0.0)

    def end(a: float, b: float) -> float:
        return float(np.hypot(np.log(max(a, 1e-9)), np.log(max(b, 1e-9))))

    down = end(value.low / value.mid, ratio.low / ratio.mid)
    up = end(value.high / value.mid, ratio.high / ratio.mid)
    return Interval(mid * float(np.exp(-down)), mid, mid * float(np.exp(up)))
