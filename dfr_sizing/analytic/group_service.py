"""One server that takes everybody who waits at once, as PostgreSQL's WAL writer does with commits.

Left out: durations that depend on how many are taken, arrivals that are not Poisson.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dfr_sizing.analytic import checks


@dataclass(frozen=True, slots=True)
class GroupServiceResult:
    """Steady state: share of time that the server works, mean size of a group, mean response in seconds."""

    busy: float
    mean_group: float
    mean_response_s: float


def group_service(
    arrival_rate: float, durations_s: Sequence[float], probabilities: Sequence[float]
) -> GroupServiceResult:
    """Poisson arrivals; who comes while a group is served waits for its end and shares the next service.

    The queue in bulk of Bailey, On Queueing Processes with Bulk Service (Journal of the Royal Statistical Society B
    16(1), 1954), without a limit on the group and with a server that starts at the first arrival. Services follow on
    one another until none came during one, which happens with probability q = E[exp(-rate x duration)]; so a busy time
    lasts E[duration] / q (Wald) and an idle one 1 / rate. Who comes in a busy time (their share, by PASTA, is that of
    the time) waits E[duration^2] / (2 E[duration]) for the service under way, and everybody one service more.
    """
    checks.at_least_zero("arrival_rate", arrival_rate)
    checks.whole("the number of durations_s", len(durations_s), least=1)
    for i, (duration, probability) in enumerate(zip(durations_s, probabilities, strict=True)):
        checks.at_least_zero(f"durations_s[{i}]", duration)
        checks.at_least_zero(f"probabilities[{i}]", probability)
    if not math.isclose(sum(probabilities), 1.0, rel_tol=1e-9):
        raise ValueError(f"probabilities add up to {sum(probabilities)}, but must to 1")
    pairs = list(zip(durations_s, probabilities, strict=True))
    mean = sum(p * d for d, p in pairs)
    if mean == 0.0:
        return GroupServiceResult(0.0, 1.0, mean)
    second = sum(p * d * d for d, p in pairs)
    nobody_comes = sum(p * math.exp(-arrival_rate * d) for d, p in pairs)
    # Both spans times rate x q, so that q may be as small as it likes
    mean_group = arrival_rate * mean + nobody_comes
    busy = arrival_rate * mean / mean_group
    return GroupServiceResult(busy, mean_group, mean + busy * second / (2.0 * mean))
