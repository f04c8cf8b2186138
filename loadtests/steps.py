"""The steps of a load test, read from a file: how many users, how long they think, what they send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field, model_validator

from dfr_sizing.demand import HOURS, Situation
from dfr_sizing.errors import InputError
from loadtests.mapping import Mapping as RequestMapping
from loadtests.reading import Row, read
from loadtests.scenarios import KINDS, Behaviour, FieldUser, behaviour, class_rates, field_users, mixed

MOST_USERS = 10_000
LONGEST_S = 7200.0
"""A load test is bounded: what is larger or longer is refused."""


class Day(Row):
    """The hour of the field's day whose mix is the natural one."""

    farmers: float = Field(ge=1_000, le=200_000_000)
    situation: Situation
    hour: int = Field(ge=0, lt=HOURS)


class StepRow(Row):
    """A step as the file tells it. Times in seconds; ``seconds`` are measured, after ``warm_up_s``.

    With ``think_s`` all users behave alike: they send ``mix``, or the natural mix but for the shares in ``emphasis``.
    Without, they are the field's five kinds, with their own think times divided by ``pace``.
    """

    name: str = Field(pattern=r"^[\w-]+$")
    users: int = Field(ge=1, le=MOST_USERS)
    seconds: float = Field(ge=1, le=LONGEST_S)
    warm_up_s: float = Field(ge=0, le=LONGEST_S)
    think_s: float | None = Field(default=None, ge=0, le=LONGEST_S)
    mix: dict[str, float] = Field(default_factory=dict)
    emphasis: dict[str, float] = Field(default_factory=dict)
    pace: float = Field(default=1.0, gt=0, le=1000)
    held_out: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> StepRow:
        if self.mix and self.emphasis:
            raise ValueError("either mix or emphasis, not both")
        if (self.mix or self.emphasis) and self.think_s is None:
            raise ValueError("a step with think_s, since it has a mix or an emphasis")
        if self.think_s is not None and "pace" in self.model_fields_set:
            raise ValueError("either think_s, or pace for the field's think times")
        if any(share < 0 for share in (*self.mix.values(), *self.emphasis.values())):
            raise ValueError("shares that are not negative")
        if (self.mix and abs(sum(self.mix.values()) - 1.0) > 1e-6) or sum(self.emphasis.values()) > 1.0:
            raise ValueError("a mix whose shares make 1, and an emphasis whose shares make no more")
        return self


class StepsFile(Row):
    """A steps file."""

    day: Day
    step: tuple[StepRow, ...] = Field(min_length=1)

    @property
    def seconds(self) -> float:
        """How long the test takes."""
        return sum(step.warm_up_s + step.seconds for step in self.step)

    @model_validator(mode="after")
    def _bounded(self) -> StepsFile:
        if self.seconds > LONGEST_S:
            raise ValueError(f"steps of {LONGEST_S:,.0f} s together, not {self.seconds:,.0f}")
        if len({step.name for step in self.step}) < len(self.step):
            raise ValueError("steps with different names")
        return self


@dataclass(frozen=True, slots=True)
class Level:
    """A step as the users need it: what each kind of user does. Times in seconds."""

    name: str
    users: int
    warm_up_s: float
    seconds: float
    behaviours: Mapping[str, Behaviour]
    held_out: bool


def read_steps(name: str) -> StepsFile:
    """A shipped steps file by name (reference, short), or a file. Raises InputError."""
    return read("the steps file", name, "steps", StepsFile)


def kinds_of(steps: StepsFile) -> tuple[FieldUser, ...]:
    """The field's users on the day that the steps file names."""
    return field_users(steps.day.farmers, steps.day.situation, steps.day.hour)


def levels(steps: StepsFile, mapping: RequestMapping) -> tuple[Level, ...]:
    """The steps on this system. Raises InputError where a step names a class that the mapping lacks."""
    kinds = kinds_of(steps)
    natural = mixed(class_rates(kind, mapping) for kind in kinds)
    return tuple(
        Level(row.name, row.users, row.warm_up_s, row.seconds, _behaviours(row, kinds, natural, mapping), row.held_out)
        for row in steps.step
    )


def _behaviours(
    row: StepRow, kinds: tuple[FieldUser, ...], natural: Mapping[str, float], mapping: RequestMapping
) -> dict[str, Behaviour]:
    if row.think_s is None:
        own = {kind.name: behaviour(kind, mapping, row.pace) for kind in kinds}
        return {name: found for name, found in own.items() if found is not None}
    mix = _in_classes(row.mix, row, mapping) if row.mix else _emphasised(row, natural, mapping)
    return dict.fromkeys(KINDS, Behaviour(row.think_s, mix))


def _emphasised(row: StepRow, natural: Mapping[str, float], mapping: RequestMapping) -> dict[str, float]:
    """The shares asked for; what is left goes to the other classes as in the natural mix."""
    asked = _in_classes(row.emphasis, row, mapping)
    others = {name: share for name, share in natural.items() if name not in asked}
    left = (1.0 - sum(asked.values())) / sum(others.values()) if others else 0.0
    return {**asked, **{name: share * left for name, share in others.items()}}


def _in_classes(shares: Mapping[str, float], row: StepRow, mapping: RequestMapping) -> dict[str, float]:
    """Shares by the mapping's classes. Both those and the operations that they stand for may be named."""
    by_operation = {sent.operation: name for name, sent in mapping.classes.items()}
    unknown = [name for name in shares if name not in mapping.classes and name not in by_operation]
    if unknown:
        allowed = f"a class of the mapping ({', '.join(mapping.classes)}) or what it stands for"
        raise InputError(f"a class in step {row.name}", unknown[0], allowed, "name one of these")
    return {name if name in mapping.classes else by_operation[name]: share for name, share in shares.items()}
