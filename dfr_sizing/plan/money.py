"""US dollars, and the currency that was asked for at its rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dfr_sizing.interval import Interval
from dfr_sizing.scenario import Scenario

DOLLAR = "USD"


@dataclass(frozen=True, slots=True)
class Money:
    """Turns the dollars of a bill into the answer's currency."""

    currency: str
    rate: Interval

    @classmethod
    def of(cls, scenario: Scenario) -> Money:
        """The currency and the rate of a scenario."""
        return cls(scenario.prices.currency, scenario.prices.usd_rate)

    @property
    def is_dollar(self) -> bool:
        """Whether dollars stay dollars."""
        return self.currency == DOLLAR

    def amount(self, usd: float) -> float:
        """At the middle rate."""
        return usd if self.is_dollar else usd * self.rate.mid

    def span(self, usd: float) -> Interval:
        """At the low, middle and high rate."""
        return Interval.exactly(usd) if self.is_dollar else self.rate.scaled(usd)

    def figure(self, usd: float) -> str:
        """The amount without its currency, for a column that names it. Without bound: nothing serves."""
        return f"{self.amount(usd):,.0f}" if math.isfinite(usd) else "nothing serves"

    def text(self, usd: float) -> str:
        """``USD 12,345``; with an uncertain rate ``TOP 29,000 (28,000 to 30,000)``."""
        span = self.span(usd)
        amount = f"{self.currency} {span.mid:,.0f}"
        return amount if span.is_exact else f"{amount} ({span.low:,.0f} to {span.high:,.0f})"

    @property
    def rate_text(self) -> str:
        """What a dollar is taken to be worth; empty for dollars."""
        if self.is_dollar:
            return ""
        low, mid, high = self.rate.bounds
        known = f"1 USD = {mid:,.6g} {self.currency}"
        return known if self.rate.is_exact else f"{known} ({low:,.6g} to {high:,.6g})"
