"""The catalogue: places, shapes and prices, with the questions a planner asks of them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from dfr_sizing.catalogue.types import PROVIDERS, SERVICE_UNITS, DiskType, InstanceType, Place, Price, Role, Term
from dfr_sizing.errors import InputError
from dfr_sizing.ledger import Assumption

_PriceKey = tuple[str, str, str, str, Term]


class MissingPrice(LookupError):  # noqa: N818  (reads as what it is: a price that is missing)
    """No price is known for an item in a place; nothing may be taken as free instead."""

    def __init__(self, place: Place, item: str, unit: str, term: Term) -> None:
        self.place = place
        self.item = item
        self.unit = unit
        self.term = term
        super().__init__(f"no {term} price per {unit} of {item!r} is known in {place.name}")


@dataclass(frozen=True, slots=True)
class DroppedPlace:
    """A place where not everything can be bought, and why it was left out."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that can be bought. Built once; every lookup goes through an index.

    >>> catalogue = load_catalogue()
    >>> sydney = catalogue.place("aws", "ap-southeast-2")
    >>> catalogue.price(sydney, "m5.xlarge", "hour").usd
    0.24
    """

    places: tuple[Place, ...]
    instances: tuple[InstanceType, ...]
    disks: tuple[DiskType, ...]
    prices: tuple[Price, ...]
    own_hosting_assumptions: tuple[Assumption, ...]
    _places: dict[tuple[str, str], Place] = field(init=False, repr=False, compare=False)
    _instances: dict[tuple[str, Role], list[InstanceType]] = field(init=False, repr=False, compare=False)
    _disks: dict[tuple[str, Role], list[DiskType]] = field(init=False, repr=False, compare=False)
    _prices: dict[_PriceKey, Price] = field(init=False, repr=False, compare=False)
    # What was offered when first asked for: the same sizes are asked for again with every candidate.
    _offered: dict[tuple[Place, Role, Term], tuple[tuple[InstanceType, Price], ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _volumes: dict[tuple[Place, Role], tuple[tuple[DiskType, Price], ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        instances: dict[tuple[str, Role], list[InstanceType]] = {}
        for instance in self.instances:
            instances.setdefault((instance.provider, instance.role), []).append(instance)
        disks: dict[tuple[str, Role], list[DiskType]] = {}
        for disk in self.disks:
            disks.setdefault((disk.provider, disk.role), []).append(disk)
        prices = {(price.provider, price.region, price.item, price.unit, price.term): price for price in self.prices}
        object.__setattr__(self, "_places", {(place.provider, place.region): place for place in self.places})
        object.__setattr__(self, "_instances", instances)
        object.__setattr__(self, "_disks", disks)
        object.__setattr__(self, "_prices", prices)

    def providers(self) -> tuple[str, ...]:
        """List the providers with at least one place."""
        known = {place.provider for place in self.places}
        return tuple(provider for provider in PROVIDERS if provider in known)

    def place(self, provider: str, region: str) -> Place:
        """Find the place; InputError with the known ones and the nearest match where there is none."""
        found = self._places.get((provider, region))
        if found is not None:
            return found
        self._check_provider(provider)
        known = [place.region for place in self.places if place.provider == provider]
        raise _unknown("region", region, known)

    def instances_at(
        self, place: Place, role: Role, term: Term = Term.ON_DEMAND
    ) -> tuple[tuple[InstanceType, Price], ...]:
        """Sizes with a price per hour in a place, cheapest first, then by name.

        Where a size has no price at the term, its on-demand price stands in; for that, what it comes to with the
        discount of sustained use, where there is one. The Price says which it is.
        """
        key = (place, role, term)
        if key not in self._offered:
            self._offered[key] = tuple(sorted(self._sizes(*key), key=lambda pair: (pair[1].usd, pair[0].name)))
        return self._offered[key]

    def disks_at(self, place: Place, role: Role) -> tuple[tuple[DiskType, Price], ...]:
        """Volumes with a price per GiB-month in a place, cheapest first, then by size and name."""
        key = (place, role)
        if key not in self._volumes:
            found = (
                (disk, price)
                for disk in self._disks.get((place.provider, role), ())
                if (price := self._find(place, disk.name, "gib-month", Term.ON_DEMAND)) is not None
            )
            self._volumes[key] = tuple(sorted(found, key=lambda pair: (pair[1].usd, pair[0].max_gib, pair[0].name)))
        return self._volumes[key]

    def price(self, place: Place, item: str, unit: str, term: Term = Term.ON_DEMAND) -> Price:
        """Look up the price of one unit in USD, at exactly this term; MissingPrice where none is known."""
        found = self._find(place, item, unit, term)
        if found is None:
            raise MissingPrice(place, item, unit, term)
        return found

    def always_on(self, place: Place, item: str) -> Price | None:
        """Price per hour of a machine that is on all month without commitment: with sustained use where it counts."""
        return self._find(place, item, "hour", Term.SUSTAINED) or self._find(place, item, "hour", Term.ON_DEMAND)

    def has_price(self, place: Place, item: str, unit: str, term: Term = Term.ON_DEMAND) -> bool:
        """Whether ``price`` would find one."""
        return self._find(place, item, unit, term) is not None

    def places_allowed(
        self, providers: Collection[str] = (), countries: Collection[str] = (), regions: Collection[str] = ()
    ) -> tuple[Place, ...]:
        """Places that a policy lets in; an empty collection sets no limit.

        ``countries`` are ISO 3166-1 alpha-2 codes. A place without a country is the user's own and passes every list
        of countries: data that stays at home breaks no rule of residence. ``regions`` are names with or without the
        provider (``aws/eu-west-1`` or ``eu-west-1``). InputError for an unknown provider or region and for a country
        that is no two-letter code; a country without a place is not an error.
        """
        for provider in providers:
            self._check_provider(provider)
        codes = {country.upper() for country in countries}
        for code in codes:
            if not (len(code) == 2 and code.isascii() and code.isalpha()):
                raise InputError("country", code, "an ISO 3166-1 alpha-2 code", "write for instance TO for Tonga")
        known = [place.name for place in self.places] + [place.region for place in self.places]
        for region in regions:
            if region not in known:
                raise _unknown("region", region, known)
        return tuple(
            place
            for place in self.places
            if (not providers or place.provider in providers)
            and (not codes or place.country == "" or place.country in codes)
            and (not regions or place.region in regions or place.name in regions)
        )

    def missing_at(self, place: Place) -> tuple[str, ...]:
        """List what a registry needs and cannot buy in a place; empty where all of it has a price."""
        missing = [f"{role} instance" for role in Role if not self.instances_at(place, role)]
        missing += [f"{role} disk" for role in Role if not self.disks_at(place, role)]
        missing += [item for item, unit in SERVICE_UNITS.items() if not self.has_price(place, item, unit)]
        return tuple(missing)

    def complete_places(
        self, places: Iterable[Place] | None = None
    ) -> tuple[tuple[Place, ...], tuple[DroppedPlace, ...]]:
        """Split places (all by default) into those where everything needed has a price and the others, with reasons."""
        complete, dropped = [], []
        for place in self.places if places is None else places:
            missing = self.missing_at(place)
            if missing:
                dropped.append(DroppedPlace(place, f"no price in {place.name} of: " + ", ".join(missing)))
            else:
                complete.append(place)
        return tuple(complete), tuple(dropped)

    def stale_prices(self, on: date, days: int = 180) -> tuple[Price, ...]:
        """Prices read more than ``days`` days before ``on``."""
        oldest = on - timedelta(days=days)
        return tuple(price for price in self.prices if price.date < oldest)

    def _sizes(self, place: Place, role: Role, term: Term) -> Iterator[tuple[InstanceType, Price]]:
        for instance in self._instances.get((place.provider, role), ()):
            committed = None if term is Term.ON_DEMAND else self._find(place, instance.name, "hour", term)
            price = committed or self.always_on(place, instance.name)
            if price is not None:
                yield instance, price

    def _find(self, place: Place, item: str, unit: str, term: Term) -> Price | None:
        return self._prices.get((place.provider, place.region, item, unit, term))

    def _check_provider(self, provider: str) -> None:
        if provider not in self.providers():
            raise _unknown("provider", provider, self.providers())


def _unknown(name: str, value: str, known: Iterable[str]) -> InputError:
    # A region is known by its name and as provider/region: show the form that was asked for.
    names = [name for name in dict.fromkeys(known) if ("/" in name) == ("/" in value)]
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.0)
    return InputError(name, value, "one of " + ", ".join(names), f"did you mean {near[0]}")
