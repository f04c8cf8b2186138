"""Reads the catalogue from its csv and toml files, and refuses a row that is not sound.

Every ValueError names file and line, so that who adds a price sees at once which row is wrong.
"""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn, TypeVar

from dfr_sizing.catalogue.catalogue import Catalogue
from dfr_sizing.catalogue.own_hosting import PREFIX, OwnHosting, own_hosting_prices, with_overrides
from dfr_sizing.catalogue.types import (
    PROVIDERS,
    SERVICE_UNITS,
    SUPPORT,
    SUPPORT_UNITS,
    UNITS,
    DiskType,
    InstanceType,
    Place,
    Price,
    PriceLabel,
    Role,
    Term,
)
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label

PRICE_FILES = ("prices_aws.csv", "prices_azure.csv", "prices_gcp.csv")

_PLACE_COLUMNS = "provider,region,city,country,source,date"
_INSTANCE_COLUMNS = (
    "provider,role,name,family,vcpus,threads_per_core,memory_gib,core_speed_low,core_speed_mid,core_speed_high,"
    "smt_gain_low,smt_gain_mid,smt_gain_high,disk_iops,disk_mb_per_s,burst_disk_iops,burst_disk_mb_per_s,"
    "burst_minutes,burstable,source,date,label"
)
_DISK_COLUMNS = (
    "provider,role,name,min_gib,max_gib,base_iops,base_mb_per_s,iops_per_gib,mb_per_s_per_gib,least_iops,"
    "least_mb_per_s,max_iops,max_mb_per_s,max_iops_per_gib,max_mb_per_s_per_iops,striped_from_gib,stripes,burst_iops,"
    "burst_mb_per_s,burst_credits,burst_minutes,on_demand_iops,on_demand_mb_per_s,read_latency_ms_low,read_latency_ms_mid,read_latency_ms_high,"
    "write_latency_ms_low,write_latency_ms_mid,write_latency_ms_high,source,date"
)
_PRICE_COLUMNS = "provider,region,item,unit,term,usd,source,date,label"

_Choice = TypeVar("_Choice", bound=StrEnum)
_Record = TypeVar("_Record")


def load_catalogue(
    own_hosting_overrides: Mapping[str, float] | None = None, disks: Iterable[DiskType] = (), folder: str = ""
) -> Catalogue:
    """Read the catalogue that ships with the package, or the one in a ``folder`` of one's own, once.

    ``own_hosting_overrides`` replaces inputs of ``own_hosting.toml`` by key, for instance
    ``{"power_usd_per_kwh": 0.31}``; InputError for an unknown key or a figure not above 0. ``disks`` (measured ones,
    as ``storage.read_disk`` reads them) take the place of the shipped disks of their provider and role, at the price
    that own hosting has for storage. ValueError, naming file and line, where a shipped file is not sound; InputError
    where one in a folder is not.
    """
    shipped = _in_folder(folder) if folder else _shipped()
    own = tuple(disks)
    if not own_hosting_overrides and not own:
        return shipped.catalogue
    hosting = with_overrides(shipped.hosting, own_hosting_overrides) if own_hosting_overrides else shipped.hosting
    return shipped.with_own(hosting, own)


def read_catalogue(directory: Traversable) -> Catalogue:
    """Read the catalogue in a directory of the same files; ValueError, naming file and line, where one is not sound."""
    return _read_files(directory).catalogue


@cache
def _shipped() -> _Files:
    return _read_files(resources.files("dfr_sizing.catalogue") / "data")


@cache
def _in_folder(folder: str) -> _Files:
    try:
        return _read_files(Path(folder))
    except (OSError, ValueError) as problem:
        remedy = "make it anew with dfr-size catalogue refresh"
        raise InputError(
            "prices.catalogue", folder, f"a folder with a sound catalogue ({problem})", remedy
        ) from problem


@dataclass(frozen=True)
class _Files:
    """What the files say, before and after the prices of own hosting are computed."""

    places: tuple[Place, ...]
    instances: tuple[InstanceType, ...]
    disks: tuple[DiskType, ...]
    listed: tuple[Price, ...]
    hosting: OwnHosting
    catalogue: Catalogue

    def with_own(self, hosting: OwnHosting, disks: tuple[DiskType, ...]) -> Catalogue:
        """Build the same catalogue with own hosting at other costs, and with disks of one's own."""
        theirs = {(disk.provider, disk.role) for disk in disks}
        kept = tuple(disk for disk in self.disks if (disk.provider, disk.role) not in theirs)
        return _assemble(self.places, self.instances, (*kept, *disks), self.listed, hosting)


def _read_files(directory: Traversable) -> _Files:
    places = _read(directory / "places.csv", _PLACE_COLUMNS, _place, lambda place: place.name)
    instances = _read(
        directory / "instances.csv", _INSTANCE_COLUMNS, _instance, lambda size: (size.provider, size.role, size.name)
    )
    disks = _read(directory / "disks.csv", _DISK_COLUMNS, _disk, lambda disk: (disk.provider, disk.role, disk.name))
    regions = {(place.provider, place.region) for place in places}
    items = {(size.provider, size.name) for size in instances} | {(disk.provider, disk.name) for disk in disks}

    def known_price(row: _Row) -> Price:
        price = _price(row)
        if (price.provider, price.region) not in regions:
            row.fail(f"{price.provider}/{price.region} is not in places.csv")
        if price.item in SERVICE_UNITS:
            if price.unit != SERVICE_UNITS[price.item]:
                row.fail(f"{price.item!r} is priced per {SERVICE_UNITS[price.item]}, not per {price.unit}")
        elif price.item == SUPPORT:
            if price.unit not in SUPPORT_UNITS:
                row.fail(f"{SUPPORT!r} is priced per {' and '.join(SUPPORT_UNITS)}, not per {price.unit}")
        elif (price.provider, price.item) not in items:
            row.fail(f"{price.item!r} is neither an instance, a disk nor a service")
        return price

    listed: list[Price] = []
    for name in PRICE_FILES:
        listed += _read(
            directory / name, _PRICE_COLUMNS, known_price, lambda p: (p.provider, p.region, p.item, p.unit, p.term)
        )
    hosting = _read_own_hosting(directory / "own_hosting.toml")
    catalogue = _assemble(places, instances, disks, tuple(listed), hosting)
    return _Files(places, instances, disks, tuple(listed), hosting, catalogue)


def _assemble(
    places: tuple[Place, ...],
    instances: tuple[InstanceType, ...],
    disks: tuple[DiskType, ...],
    listed: tuple[Price, ...],
    hosting: OwnHosting,
) -> Catalogue:
    own = tuple(own_hosting_prices(hosting, places, instances, disks))
    return Catalogue(places, instances, disks, (*listed, *own), hosting.assumptions)


class _Row:
    """One row of a csv file; each accessor checks what it returns."""

    __slots__ = ("_file", "_line", "_values")

    def __init__(self, file: str, line: int, values: dict[str, str]) -> None:
        self._file = file
        self._line = line
        self._values = values

    def fail(self, problem: str) -> NoReturn:
        raise ValueError(f"{self._file}, line {self._line}: {problem}")

    def optional(self, column: str) -> str:
        return self._values[column].strip()

    def text(self, column: str) -> str:
        value = self.optional(column)
        if not value:
            self.fail(f"{column} is missing")
        return value

    def number(self, column: str) -> float:
        value = self.text(column)
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{column} is {value!r}, but must be a number")
        if not math.isfinite(number) or number < 0:
            self.fail(f"{column} is {value}, but must be a number from 0")
        return number

    def positive(self, column: str) -> float:
        number = self.number(column)
        if number == 0:
            self.fail(f"{column} is 0, but must be above 0")
        return number

    def whole(self, column: str) -> int:
        number = self.number(column)
        if number != int(number):
            self.fail(f"{column} is {number}, but must be a whole number")
        return int(number)

    def flag(self, column: str) -> bool:
        return self.one_of(column, ("true", "false")) == "true"

    def day(self, column: str) -> date:
        value = self.text(column)
        try:
            return _day(value)
        except ValueError:
            self.fail(f"{column} is {value!r}, but must be a date like 2026-07-30")

    def one_of(self, column: str, known: tuple[str, ...]) -> str:
        value = self.text(column)
        if value not in known:
            self.fail(f"{column} is {value!r}, but must be one of {', '.join(known)}")
        return value

    def choice(self, column: str, kind: type[_Choice]) -> _Choice:
        return kind(self.one_of(column, _values(kind)))

    def interval(self, column: str) -> Interval:
        low, mid, high = (self.positive(f"{column}_{bound}") for bound in ("low", "mid", "high"))
        if not low <= mid <= high:
            self.fail(f"{column} must have low <= mid <= high, not {low:g}, {mid:g}, {high:g}")
        return Interval(low, mid, high)


@cache
def _values(kind: type[StrEnum]) -> tuple[str, ...]:
    return tuple(kind)


@cache
def _day(text: str) -> date:
    return date.fromisoformat(text)  # few days stand in thousands of rows


def _rows(file: Traversable, columns: str) -> Iterator[_Row]:
    expected = columns.split(",")
    reader = csv.reader(file.read_text(encoding="utf-8").splitlines())
    header, name = next(reader, []), file.name
    if header != expected:
        raise ValueError(f"{file.name}, line 1: the columns are {','.join(header)}, but must be {columns}")
    for cells in reader:
        if len(cells) != len(expected):
            raise ValueError(f"{file.name}, line {reader.line_num}: {len(cells)} cells, but {len(expected)} columns")
        yield _Row(name, reader.line_num, dict(zip(expected, cells, strict=True)))


def _read(
    file: Traversable, columns: str, parse: Callable[[_Row], _Record], key: Callable[[_Record], Hashable]
) -> tuple[_Record, ...]:
    records: dict[Hashable, _Record] = {}
    for row in _rows(file, columns):
        record = parse(row)
        if key(record) in records:
            row.fail(f"a duplicate of an earlier row: {key(record)}")
        records[key(record)] = record
    return tuple(records.values())


def _place(row: _Row) -> Place:
    return Place(
        provider=row.one_of("provider", PROVIDERS),
        region=row.text("region"),
        city=row.optional("city"),
        country=row.optional("country"),
        source=row.text("source"),
        date=row.day("date"),
    )


def _instance(row: _Row) -> InstanceType:
    if (row.whole("burst_disk_iops") > 0) != (row.number("burst_minutes") > 0):
        row.fail("burst_disk_iops and burst_minutes go together")
    return InstanceType(
        provider=row.one_of("provider", PROVIDERS),
        role=row.choice("role", Role),
        name=row.text("name"),
        family=row.text("family"),
        vcpus=row.whole("vcpus"),
        threads_per_core=row.whole("threads_per_core"),
        memory_gib=row.positive("memory_gib"),
        core_speed=row.interval("core_speed"),
        smt_gain=row.interval("smt_gain"),
        disk_iops=row.whole("disk_iops"),
        disk_mb_per_s=row.positive("disk_mb_per_s"),
        burst_disk_iops=row.whole("burst_disk_iops"),
        burst_disk_mb_per_s=row.number("burst_disk_mb_per_s"),
        burst_minutes=row.number("burst_minutes"),
        burstable=row.flag("burstable"),
        source=row.text("source"),
        date=row.day("date"),
        label=row.choice("label", PriceLabel),
    )


def _disk(row: _Row) -> DiskType:
    if row.whole("striped_from_gib") > 0 and row.whole("stripes") < 2:
        row.fail(f"stripes is {row.whole('stripes')}, but must be 2 or more of a disk that stripes")
    if row.whole("burst_iops") > 0 and row.number("burst_credits") == row.number("burst_minutes") == 0:
        row.fail("a burst needs burst_credits or burst_minutes")
    return DiskType(
        provider=row.one_of("provider", PROVIDERS),
        role=row.choice("role", Role),
        name=row.text("name"),
        min_gib=row.whole("min_gib"),
        max_gib=row.whole("max_gib"),
        base_iops=row.whole("base_iops"),
        base_mb_per_s=row.number("base_mb_per_s"),
        iops_per_gib=row.number("iops_per_gib"),
        mb_per_s_per_gib=row.number("mb_per_s_per_gib"),
        least_iops=row.whole("least_iops"),
        least_mb_per_s=row.number("least_mb_per_s"),
        max_iops=row.whole("max_iops"),
        max_mb_per_s=row.positive("max_mb_per_s"),
        max_iops_per_gib=row.number("max_iops_per_gib"),
        max_mb_per_s_per_iops=row.number("max_mb_per_s_per_iops"),
        striped_from_gib=row.whole("striped_from_gib"),
        stripes=row.whole("stripes"),
        burst_iops=row.whole("burst_iops"),
        burst_mb_per_s=row.number("burst_mb_per_s"),
        burst_credits=row.number("burst_credits"),
        burst_minutes=row.number("burst_minutes"),
        on_demand_iops=row.whole("on_demand_iops"),
        on_demand_mb_per_s=row.number("on_demand_mb_per_s"),
        read_latency_ms=row.interval("read_latency_ms"),
        write_latency_ms=row.interval("write_latency_ms"),
        source=row.text("source"),
        date=row.day("date"),
    )


def _price(row: _Row) -> Price:
    return Price(
        provider=row.one_of("provider", PROVIDERS),
        region=row.text("region"),
        item=row.text("item"),
        unit=row.one_of("unit", UNITS),
        term=row.choice("term", Term),
        usd=row.positive("usd"),
        source=row.text("source"),
        date=row.day("date"),
        label=row.choice("label", PriceLabel),
    )


def _read_own_hosting(file: Traversable) -> OwnHosting:
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    day = document.pop("date", None)
    if type(day) is not date:
        raise ValueError(f"{file.name}: date is missing")
    lines = []
    for key, entry in document.items():
        try:
            value = Interval(float(entry["low"]), float(entry["mid"]), float(entry["high"]))
            line = Assumption(PREFIX + key, value, entry["unit"], entry["source"], Label(entry["label"]))
        except (KeyError, TypeError, ValueError) as problem:
            raise ValueError(f"{file.name}, [{key}]: {problem!r}") from problem
        if value.low <= 0:
            raise ValueError(f"{file.name}, [{key}]: low is {value.low:g}, but must be above 0")
        lines.append(line)
    return OwnHosting(tuple(lines), (), day)
