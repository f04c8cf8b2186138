"""The five kinds of users, in the field's words: how many there are, how long they think, what they send.

All from the drivers and from Demand. A kind has as many users as keep up its rate with its think time (Little's law).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dfr_sizing.demand import ClassRate, Situation, rates_by_sender
from dfr_sizing.model import request_classes
from dfr_sizing.scenario import Scenario
from loadtests.mapping import Mapping as RequestMapping

REPORTS = ("report", "dashboard")
KINDS = ("BackOfficeOfficer", "ReportUser", "PortalVisitor", "ExternalSystem", "Enumerator")


@dataclass(frozen=True, slots=True)
class FieldUser:
    """A kind of user: so many at once, each with exponential think time of mean ``think_s`` seconds.

    ``per_s``: requests of each class a second by all of them together. ``counts`` are Demand's.
    """

    name: str
    think_s: float
    per_s: Mapping[str, float]
    counts: Mapping[str, float]

    @property
    def users(self) -> float:
        """How many there are at once."""
        return self.think_s * sum(self.per_s.values())


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a user does in a step: think (exponential, mean ``think_s`` seconds), then send a class of ``mix``."""

    think_s: float
    mix: Mapping[str, float]


def field_users(farmers: float, situation: Situation, hour: int) -> tuple[FieldUser, ...]:
    """The kinds of users at an hour of a named day; a kind that sends nothing then is left out.

    Think times: officers' and portal visitors' are drivers. Assumed: reports and look-ups are asked for at an officer's
    pace; a device that synchronises pauses as a visitor's phone does. What is assumed sets how many users of the kind
    there are, not how much they send.
    """
    scenario = Scenario.model_validate({"registry": {"farmers": farmers}})
    rates = rates_by_sender(scenario, situation, farmers)
    office, portal = scenario.users.officer_think_s.mid, scenario.users.portal_think_s.mid
    senders = {
        "BackOfficeOfficer": (office, [rate for rate in rates["office"] if rate.name not in REPORTS]),
        "ReportUser": (office, [rate for rate in rates["office"] if rate.name in REPORTS]),
        "PortalVisitor": (portal, rates["portal"]),
        "ExternalSystem": (office, rates["systems"]),
        "Enumerator": (portal, rates.get("field", [])),
    }
    kinds = (_kind(name, think_s, sent, hour) for name, (think_s, sent) in senders.items())
    return tuple(kind for kind in kinds if kind.per_s)


def _kind(name: str, think_s: float, rates: list[ClassRate], hour: int) -> FieldUser:
    """What is background (notifications) is the server's own work: no user sends it."""
    sent = [rate for rate in rates if rate.per_s[hour] > 0.0 and not request_classes()[rate.name].background]
    counts = {count: value for rate in sent for count, value in rate.counts.items()}
    return FieldUser(name, think_s, {rate.name: rate.per_s[hour] for rate in sent}, counts)


def behaviour(kind: FieldUser, mapping: RequestMapping, pace: float) -> Behaviour | None:
    """What such a user does on this system, ``pace`` times as fast as in the field; None if nothing can be sent there.

    A request of the field may be several here; the think time is shared among them.
    """
    per_s = class_rates(kind, mapping)
    total = sum(per_s.values())
    if total == 0.0:
        return None
    return Behaviour(kind.users / total / pace, {name: rate / total for name, rate in per_s.items()})


def class_rates(kind: FieldUser, mapping: RequestMapping) -> dict[str, float]:
    """Requests of each of the mapping's classes a second by all users of a kind."""
    return _summed(
        (name, rate * times)
        for asked, rate in kind.per_s.items()
        for name, times in mapping.per_request(asked, kind.counts).items()
    )


def together(users: Mapping[str, int], behaviours: Mapping[str, Behaviour]) -> Behaviour:
    """The behaviour of a crowd: its mix, and the think time that gives so many users the same rate."""
    crowd = {name: count for name, count in users.items() if count and name in behaviours}
    if not crowd or any(behaviours[name].think_s == 0.0 for name in crowd):
        return next(iter(behaviours.values()))  # without think time all kinds behave alike
    rates = [
        {name: count / behaviours[kind].think_s * share for name, share in behaviours[kind].mix.items()}
        for kind, count in crowd.items()
    ]
    return Behaviour(sum(crowd.values()) / sum(sum(part.values()) for part in rates), mixed(rates))


def mixed(rates: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The shares of the classes in several streams together."""
    summed = _summed(pair for part in rates for pair in part.items())
    total = sum(summed.values())
    return {name: rate / total for name, rate in summed.items()}


def _summed(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for name, value in pairs:
        sums[name] += value
    return dict(sums)
