"""What is wrong with a recording: each defect is named, with its place and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dfr_sizing.errors import InputError


class Consequence(StrEnum):
    """What a defect leads to."""

    REFUSED = "refused"  # nothing of the recording can be relied on
    DROPPED = "dropped"  # this step is left out
    WIDENED = "widened"  # it is used; what rests on it is less certain


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong: what, where (a recording, a step, a class), and what follows from it."""

    what: str
    where: str
    consequence: Consequence

    @property
    def sentence(self) -> str:
        """The defect as the card and the command tell it."""
        return f"{self.where}: {self.what}; {self.consequence}"


def refuse(defects: Iterable[Defect]) -> None:
    """Raise InputError for the first defect that lets nothing be relied on."""
    for defect in defects:
        if defect.consequence is Consequence.REFUSED:
            raise InputError("the recording", defect.where, "one that can be calibrated on", f"{defect.what}")
