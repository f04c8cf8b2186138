"""Token buckets: how long a volume with burst credits takes for what it is asked, as a fluid."""

from __future__ import annotations

from dfr_sizing.simulation.jit import compiled


@compiled
def serve(amount: float, start: float, rate: float, burst: float, tokens: float) -> tuple[float, float]:
    """When ``amount`` units asked at ``start`` are done, and the tokens left then.

    While there are tokens, units go at ``burst`` a second and tokens at ``burst - rate``; after that at ``rate``. Both
    engines call this one (the reference engine as plain Python), so that they do the same arithmetic.
    """
    if burst <= rate:
        return start + amount / rate, tokens
    at_burst = tokens * burst / (burst - rate)
    if amount <= at_burst:
        return start + amount / burst, max(0.0, tokens - (amount - amount / burst * rate))
    return start + at_burst / burst + (amount - at_burst) / rate, 0.0
