"""Numbers as people read them: with a unit, as many digits as they deserve, and "no data" where there are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dfr_sizing.cost_interval import BillInterval
from dfr_sizing.interval import Interval
from dfr_sizing.recommend.types import CrossCheck, Plan, TargetCheck

NO_DATA = "no data"
_COUNTED = 100.0
"""From here on a number is shown without decimals."""


def about(value: float) -> str:
    """A number of which two digits are known, as 5,800,000."""
    return number(float(f"{value:.2g}"))


def number(value: float) -> str:
    """Three significant digits, all of them from 100 on: 0.123, 4.56, 78.9, 1,234."""
    if not math.isfinite(value):
        return NO_DATA
    if abs(value) >= _COUNTED or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def share(value: float, decimals: int = 0) -> str:
    """A share of 1 in per cent."""
    return f"{100.0 * value:.{decimals}f} %" if math.isfinite(value) else NO_DATA


def quantity(value: float, unit: str) -> str:
    """A number with its unit; a fraction in per cent, with the decimals that an availability needs."""
    if not math.isfinite(value):
        return NO_DATA
    return share(value, 2) if unit == "fraction" else f"{number(value)} {unit}"


def minutes(value: float) -> str:
    """A span of time: seconds under a minute, hours from two hours on, days from three days on."""
    if not math.isfinite(value):
        return NO_DATA
    if value <= 0.0:
        return "0 min"
    per_unit, unit = unit_of_minutes(value)
    return f"{number(value / per_unit)} {unit}"


def unit_of_minutes(value: float) -> tuple[float, str]:
    """The unit that a span of so many minutes is told in, and its minutes."""
    for per_unit, unit, least in ((1440.0, "days", 4320.0), (60.0, "h", 120.0), (1.0, "min", 1.0)):
        if value >= least:
            return per_unit, unit
    return 1.0 / 60.0, "s"


def spread(low: float, high: float, unit: str) -> str:
    """An interval: ``1.5 to 1.7 s``."""
    if not math.isfinite(low) or math.isnan(high):
        return NO_DATA
    if not math.isfinite(high):
        return f"{number(low)} {unit} or more"  # too few requests for an upper bound
    if unit == "fraction":
        return f"{100.0 * low:.2f} to {share(high, 2)}"
    return f"{number(low)} to {number(high)} {unit}"


def signed_share(value: float) -> str:
    """A share with its sign: ``+31 %``."""
    return f"{100.0 * value:+.0f} %" if math.isfinite(value) else NO_DATA


def price_range(found: BillInterval) -> str:
    """How far the bill may be off by its prices, by which two most: ``-4 % to +6 %, most by database (estimated)``."""
    most = ", ".join(f"{each.name} ({each.known_as})" for each in found.largest[:2])
    ends = f"{signed_share(found.below)} to {signed_share(found.above)}"
    return f"{ends}, most by {most}" if most else ends


def verdict(check: TargetCheck) -> str:
    """Pass, fail, or nothing known."""
    if not math.isfinite(check.predicted):
        return NO_DATA
    return "pass" if check.passed else "FAIL"


def milliseconds(seconds: float) -> str:
    """A short time, to the microsecond; a mean that a formula finds without limit is said to be so."""
    return "no limit" if seconds == math.inf else quantity(round(1e3 * seconds, 3), "ms")


def crosscheck(check: CrossCheck | None) -> str:
    """The simulated mean of an hour beside its closed form, in a sentence."""
    if check is None:
        return NO_DATA
    mean = check.mean
    if not math.isfinite(mean.simulated.value):
        return f"{check.situation} peak hour: {NO_DATA}"
    difference = f" ({signed_share(mean.difference)})" if math.isfinite(mean.difference) else ""
    both = f"mean {milliseconds(mean.simulated.value)} simulated, {milliseconds(mean.formula_s)} by formula"
    return f"{check.situation} peak hour: {both}{difference}"


def assumed_value(value: float | str | Interval) -> str:
    """The value of a ledger line; an interval as ``4 (2 to 8)``."""
    if isinstance(value, Interval):
        if value.is_exact:
            return plain_number(value.mid)
        return f"{plain_number(value.mid)} ({plain_number(value.low)} to {plain_number(value.high)})"
    return value if isinstance(value, str) else plain_number(value)


def plain_number(value: float) -> str:
    """A ledger's number with all its digits, so that a reader can copy it."""
    return f"{value:,.10g}" if math.isfinite(value) else NO_DATA


def model_error(error: Mapping[str, float]) -> str:
    """The model's worst error over the load steps it was checked on, demands scaled to each step."""
    known = [f"{name} {share(error[name])}" for name in ("throughput", "mean", "p95") if name in error]
    return ", ".join(known) if known else "not stated by the model"


def year(number_of_years: int) -> str:
    """Year 0 is the first day."""
    return "go-live" if number_of_years == 0 else f"year {number_of_years}"


def targets_missed(plan: Plan, name: Callable[[TargetCheck], str], between: str) -> str:
    """What a plan misses; and how many targets too few requests were simulated of to tell: alternatives get fewer."""
    missed = [name(check) for check in plan.targets if not check.passed and check.told]
    untold = sum(not check.passed and not check.told for check in plan.targets)
    return (between.join(missed) or "none") + (f"; {untold} not told" if untold else "")
