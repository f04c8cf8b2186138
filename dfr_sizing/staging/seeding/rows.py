"""The rows themselves: farmers with all that hangs on them, as lines for COPY. The same for the same seed.

A batch of farmers is drawn from its own child of the seed, and whole, whatever part of it is asked for. So a farmer is
the same whether the seeding was interrupted, or grown in several steps, or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from dfr_sizing.staging.seeding import names
from dfr_sizing.staging.seeding.plan import Part, upto

TODAY = date(2026, 1, 1)
"""The day on which all of it is told. Fixed, so that rows do not depend on when they are made."""
REGISTERED_DAYS = 5 * 365
"""Farmers are registered, and forms filled in, over the five years before. (Growth in 5 years: DFR specification.)"""
CREATOR = 1
"""User in whose name all is created."""
UID = "5eed"
"""Every seeded farmer's uid begins so; every seeded partner's ref with REF."""
REF = "DFR-"

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "res_partner": (
        *("id", "name", "complete_name", "ref", "lang", "type", "city", "email", "email_normalized", "phone"),
        *("commercial_partner_id", "color", "active", "is_company", "partner_share", "create_uid", "write_uid"),
        *("create_date", "write_date"),
    ),
    "dfr_farmer": (
        *("id", "uid", "name", "date_of_birth", "sex", "role_in_household", "contact_phone", "national_id_number"),
        *("kyc_status", "status", "consent_status", "administrative_area_id", "gps_latitude_homestead"),
        *("gps_longitude_homestead", "active", "create_uid", "write_uid", "create_date", "write_date"),
    ),
    "dfr_household": (
        *("id", "uid", "name", "head_of_household_id", "administrative_area_id", "status", "active", "create_uid"),
        *("write_uid", "create_date", "write_date"),
    ),
    "dfr_household_member": (
        *("id", "household_id", "farmer_id", "name", "date_of_birth", "age", "sex", "role_in_household"),
        *("is_farmer_record_linked", "active", "create_uid", "write_uid", "create_date", "write_date"),
    ),
    "dfr_farm": (
        *("id", "name", "farmer_id", "administrative_area_id", "total_area", "active", "create_uid", "write_uid"),
        *("create_date", "write_date"),
    ),
    "dfr_plot": (
        *("id", "farm_id", "name", "size", "size_unit_id", "administrative_area_id", "gps_latitude"),
        *("gps_longitude", "active", "create_uid", "write_uid", "create_date", "write_date"),
    ),
    "dfr_form_submission": (
        *("id", "name", "farmer_id", "form_version_id", "submission_date", "submitted_by_user_id"),
        *("submission_source", "state", "create_uid", "write_uid", "create_date", "write_date"),
    ),
    "dfr_form_response": (
        *("id", "submission_id", "field_id", "field_label", "field_type", "value_text", "value_number"),
        *("value_boolean", "value_selection", "value_date", "create_uid", "write_uid", "create_date", "write_date"),
    ),
}
"""Columns that are filled, in the order of the values; a table comes after those that it refers to."""

_VALUES: Mapping[str, Callable[[int], str]] = {
    "text": lambda drawn: f"answer {drawn}\t\\N\t\\N\t\\N\t\\N",
    "number": lambda drawn: f"\\N\t{drawn}\t\\N\t\\N\t\\N",
    "boolean": lambda drawn: f"\\N\t\\N\t{'t' if drawn % 2 else 'f'}\t\\N\t\\N",
    "selection": lambda drawn: f"\\N\t\\N\t\\N\toption_{drawn % 5}\t\\N",
    "date": lambda drawn: f"\\N\t\\N\t\\N\t\\N\t{TODAY - timedelta(drawn)}",
}
"""The five value columns of a response, by the field's type. Other types are left empty."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the rows refer to in the database. ``fields``: id, label and type of the form's fields."""

    areas: tuple[int, ...] = ()
    hectare: int = 0
    version: int = 0
    fields: tuple[tuple[int, str, str], ...] = ()


class Batch:
    """Farmers from ``number`` x ``size`` on, with all that is drawn for them. ``start`` is the first one's number."""

    def __init__(self, seed: int, number: int, size: int) -> None:
        draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        self.seed, self.start, self.size = seed, number * size, size
        given, family = names.drawn(draw, names.GIVEN_NAMES, size), names.drawn(draw, names.FAMILY_NAMES, size)
        self.family = [names.family_name(int(which)) for which in family]
        self.given = [names.given_name(int(which)) for which in given]
        self.village: list[int] = names.drawn(draw, names.VILLAGES, size).tolist()
        self.age_days = draw.integers(18 * 365, 80 * 365, size).tolist()
        self.registered_days_ago = draw.integers(0, REGISTERED_DAYS, size).tolist()
        self.sex = np.where(draw.random(size) < 0.5, "female", "male").tolist()
        self.phone = draw.integers(10**6, 10**7, size).tolist()
        self.uid = [UID + draw.bytes(14).hex() for _ in range(size)]
        self.south, self.west = (draw.random((2, size)) * 2.0).round(6).tolist()


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes a batch's rows as lines, for some of its farmers: from ``first`` to before ``last``."""

    part: Part
    found: Found
    batch: Batch
    first: int
    last: int

    def lines(self, table: str) -> Iterator[str]:
        """The lines for one table."""
        write: dict[str, Callable[[int, int], Iterable[str]]] = {
            "res_partner": self._partner,
            "dfr_farmer": self._farmer,
            "dfr_household": self._household,
            "dfr_household_member": self._members,
            "dfr_farm": self._farm,
            "dfr_plot": self._plots,
            "dfr_form_submission": self._submissions,
            "dfr_form_response": self._responses,
        }
        for farmer in range(self.first, self.last):
            yield from write[table](farmer, farmer - self.batch.start)

    def _partner(self, farmer: int, at: int) -> Iterable[str]:
        batch, number = self.batch, self.part.id("res_partner", farmer)
        name, city = f"{batch.given[at]} {batch.family[at]}", names.village(batch.village[at])
        email = f"{batch.given[at]}.{batch.family[at]}{farmer}@example.org".lower()
        yield (
            f"{number}\t{name}\t{name}\t{ref(farmer)}\ten_US\tcontact\t{city}\t{email}\t{email}\t"
            f"{batch.phone[at]}\t{number}\t0\tt\tf\tt\t{self._stamp(at)}\n"
        )

    def _farmer(self, farmer: int, at: int) -> Iterable[str]:
        batch = self.batch
        yield (
            f"{self.part.id('dfr_farmer', farmer)}\t{batch.uid[at]}\t{batch.given[at]} {batch.family[at]}\t"
            f"{born(batch.age_days[at])}\t{batch.sex[at]}\thead\t{batch.phone[at]}\t{national_id(batch.seed, farmer)}\t"
            f"not_started\tactive\tgiven\t{self._area(at)}\t{-20 - batch.south[at]}\t{-173 - batch.west[at]}\tt\t"
            f"{self._stamp(at)}\n"
        )

    def _household(self, farmer: int, at: int) -> Iterable[str]:
        head, number = self.part.id("dfr_farmer", farmer), self.part.id("dfr_household", farmer)
        name = f"Household of {self.batch.given[at]} {self.batch.family[at]}"
        yield (f"{number}\t{self.batch.uid[at]}\t{name}\t{head}\t{self._area(at)}\tactive\tt\t{self._stamp(at)}\n")

    def _members(self, farmer: int, at: int) -> Iterable[str]:
        """The first is the farmer, the others share the family name."""
        household, me = self.part.id("dfr_household", farmer), self.part.id("dfr_farmer", farmer)
        for place, member in enumerate(self._children(farmer, self.part.amounts.members)):
            chance = self._mixed(farmer, place, 80 * 365)
            age = chance if place else self.batch.age_days[at]
            given = names.given_name(chance % names.GIVEN_NAMES) if place else self.batch.given[at]
            sex = ("female", "male")[chance % 2] if place else self.batch.sex[at]
            linked, role = ("\\N\t", "f\tt") if place else (f"{me}\t", "t\tt")
            number, name = self.part.id("dfr_household_member", member), f"{given} {self.batch.family[at]}"
            yield (
                f"{number}\t{household}\t{linked}{name}\t{born(age)}\t{age // 365}\t{sex}\t"
                f"{'other_relative' if place else 'head'}\t{role}\t{self._stamp(at)}\n"
            )

    def _farm(self, farmer: int, at: int) -> Iterable[str]:
        area = sum(self._hectares(farmer, plot) for plot in self._children(farmer, self.part.amounts.plots))
        yield (
            f"{self.part.id('dfr_farm', farmer)}\tFarm\t{self.part.id('dfr_farmer', farmer)}\t{self._area(at)}\t"
            f"{area:.2f}\tt\t{self._stamp(at)}\n"
        )

    def _plots(self, farmer: int, at: int) -> Iterable[str]:
        farm, batch = self.part.id("dfr_farm", farmer), self.batch
        for place, plot in enumerate(self._children(farmer, self.part.amounts.plots), 1):
            yield (
                f"{self.part.id('dfr_plot', plot)}\t{farm}\tPlot {place}\t{self._hectares(farmer, plot):.2f}\t"
                f"{self.found.hectare}\t{self._area(at)}\t{-20 - batch.south[at]}\t{-173 - batch.west[at]}\tt\t"
                f"{self._stamp(at)}\n"
            )

    def _submissions(self, farmer: int, at: int) -> Iterable[str]:
        name = f"{self.batch.given[at]} {self.batch.family[at]}"
        for place, form in enumerate(self._children(farmer, self.part.amounts.forms)):
            day = self._day(self._mixed(farmer, place, self.batch.registered_days_ago[at] + 1))
            yield (
                f"{self.part.id('dfr_form_submission', form)}\tSurvey / {name} / {day}\t"
                f"{self.part.id('dfr_farmer', farmer)}\t{self.found.version}\t{day} 12:00:00\t{CREATOR}\tmobile\t"
                f"submitted\t{CREATOR}\t{CREATOR}\t{day} 12:00:00\t{day} 12:00:00\n"
            )

    def _responses(self, farmer: int, at: int) -> Iterable[str]:
        fields = self.found.fields
        stamp = self._stamp(at)
        for form in self._children(farmer, self.part.amounts.forms):
            submission = self.part.id("dfr_form_submission", form)
            first = self.part.id("dfr_form_response", form * len(fields))
            for place, (field, label, kind) in enumerate(fields):
                value = _VALUES.get(kind, _empty)(self._mixed(form, place, 1000))
                yield f"{first + place}\t{submission}\t{field}\t{label}\t{kind}\t{value}\t{stamp}\n"

    def _children(self, farmer: int, mean: float) -> range:
        return range(upto(farmer, mean), upto(farmer + 1, mean))

    def _area(self, at: int) -> int:
        areas = self.found.areas
        return areas[self.batch.village[at] % len(areas)]

    def _hectares(self, farmer: int, plot: int) -> float:
        """From 0.1 to 4 ha, as smallholders have (assumed)."""
        return 0.1 + self._mixed(farmer, plot, 391) / 100

    def _mixed(self, one: int, other: int, below: int) -> int:
        """A number below ``below`` that looks drawn (Knuth's multiplicative hash): many are needed, and quickly."""
        mixed: int = ((one * 1_000_003 + other * 7_919 + self.batch.seed) * 2_654_435_761 >> 8) % below
        return mixed

    def _day(self, days_ago: int) -> date:
        return TODAY - timedelta(days_ago)

    def _stamp(self, at: int) -> str:
        """Who created and changed it, and when."""
        day = self._day(self.batch.registered_days_ago[at])
        return f"{CREATOR}\t{CREATOR}\t{day} 09:00:00\t{day} 09:00:00"


def _empty(_drawn: int) -> str:
    return "\t".join(["\\N"] * 5)


def born(age_days: int) -> date:
    """The birthday of somebody of that age."""
    return TODAY - timedelta(age_days)


def national_id(seed: int, farmer: int) -> str:
    """A number that no other farmer has: multiplying by what shares no factor with ten permutes the nine digits."""
    return f"ID{(farmer * 7_368_787 + seed) % 10**9:09}"


def ref(farmer: int) -> str:
    """The reference of a seeded partner."""
    return f"{REF}{farmer:09}"
