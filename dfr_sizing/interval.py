"""An uncertain number: low, mid, high."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A number known only within bounds; ``low <= mid <= high``, all in the same unit.

    The bounds are read as the 5 % and 95 % points of what is believed, unless the source says otherwise.
    """

    low: float
    mid: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.mid <= self.high:
            raise ValueError(f"an interval must have low <= mid <= high, not {self.low}, {self.mid}, {self.high}")

    @classmethod
    def exactly(cls, value: float) -> Interval:
        """A number known without doubt."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """Whether low, mid and high are one number."""
        return self.low == self.high

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Low, mid and high as a tuple."""
        return self.low, self.mid, self.high

    def scaled(self, factor: float) -> Interval:
        """The interval times a factor >= 0."""
        return Interval(self.low * factor, self.mid * factor, self.high * factor)

    def __add__(self, other: Interval) -> Interval:
        """Bound by bound, as if both were high or low together: the widest answer."""
        return Interval(self.low + other.low, self.mid + other.mid, self.high + other.high)
