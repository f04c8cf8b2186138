"""Draws the data of a request: a template's names are replaced by values of records that exist."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NUMBERS = 1_000_000_000
"""``{number}`` is below it: so many that new records rarely share one."""
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Known:
    """What may be drawn: ids of records, values by name, and settings of the site, which are always the same."""

    ids: Sequence[int]
    values: Mapping[str, Sequence[str]]
    settings: Mapping[str, str | int]

    def draw(self, name: str, chance: random.Random) -> str | int:
        """A value for ``{name}``. Raises KeyError for a name that the mapping does not state."""
        if name == "id":
            return chance.choice(self.ids)
        if name == "number":
            return chance.randrange(NUMBERS)
        return self.settings[name] if name in self.settings else chance.choice(self.values[name])


def filled(template: Any, known: Known, counts: Mapping[str, float], chance: random.Random) -> Any:
    """The template with every ``{name}`` drawn; ``{id}`` alone stays a number.

    A table ``{repeat = COUNT, of = ...}`` becomes a list of so many, each drawn by itself.
    """
    if isinstance(template, str):
        alone = _NAME.fullmatch(template)
        if alone:
            return known.draw(alone[1], chance)
        return _NAME.sub(lambda match: str(known.draw(match[1], chance)), template)
    if isinstance(template, Mapping):
        if set(template) == {"repeat", "of"}:
            return [filled(template["of"], known, counts, chance) for _ in range(round(counts[template["repeat"]]))]
        return {key: filled(value, known, counts, chance) for key, value in template.items()}
    if isinstance(template, Sequence):
        return [filled(value, known, counts, chance) for value in template]
    return template


def names_in(template: Any) -> set[str]:
    """The names that a template draws."""
    return {name for text in _texts(template) for name in _NAME.findall(text)}


def repeats_in(template: Any) -> set[str]:
    """The counts that a template repeats parts by."""
    if isinstance(template, Mapping):
        here = {template["repeat"]} if set(template) == {"repeat", "of"} else set()
        return here.union(*(repeats_in(value) for value in template.values()))
    if isinstance(template, Sequence) and not isinstance(template, str):
        return set().union(*(repeats_in(value) for value in template))
    return set()


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        yield from (text for value in template.values() for text in _texts(value))
    elif isinstance(template, Sequence):
        yield from (text for value in template for text in _texts(value))


def fragments(names: Sequence[str], letters: int) -> list[str]:
    """What people type to find these names: the first letters of their last word."""
    return [name.split()[-1][:letters] for name in names if name.strip()]
