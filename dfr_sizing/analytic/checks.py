"""Range checks of the closed forms: each raises ValueError with the name, the value and the range allowed."""

from __future__ import annotations

import math


def at_least_zero(name: str, value: float) -> None:
    """Refuse negative numbers, infinity and NaN."""
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} is {value}, but must be a finite number >= 0")


def above_zero(name: str, value: float) -> None:
    """Refuse zero, negative numbers, infinity and NaN."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} is {value}, but must be a finite number > 0")


def whole(name: str, value: float, least: int) -> None:
    """Refuse anything but a whole number of at least ``least``."""
    if not (value >= least and float(value).is_integer()):
        raise ValueError(f"{name} is {value}, but must be a whole number >= {least}")


def below_one(name: str, value: float) -> None:
    """Refuse what cannot be the probability of a quantile: allowed is 0 <= value < 1."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} is {value}, but must be a probability with 0 <= {name} < 1")
