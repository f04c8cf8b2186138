"""The calibrated Model: what one operation costs on a named CPU, and how the DFR's requests are made of operations.

A model is a TOML file written by calibration (``models/NAME/model.toml``). It knows *operations* that a load test
measured: list, read, search, create and so on. ``data/requests.toml`` says of how many operations a request of the
DFR consists; a request that was measured itself is one operation, any other is derived by the rule stated there.

Rule of composition: a request costs the fixed overhead of a request once (the operation ``overhead``: HTTP, session
and transaction, measured with the health check), and for each operation in it the operation's cost less that overhead.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label

BUNDLED = "odoo18-reference"


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation costs on the model's CPU, the request around it included.

    ``app_cpu`` and ``database_cpu`` are seconds of CPU with their 95 % interval (exact: none was stated); ``cv`` the
    coefficient of variation of the whole; ``tail_share`` of the operations cost ``tail_factor`` times as much in the
    database. ``statements`` wake a backend each; ``threads`` processes share the database work; ``pages`` distinct
    pages are touched; ``wal_bytes`` are written (0: no commit to wait for). ``growth`` is the share of the database's
    cost, on a table of the model's ``table_rows``, that is in proportion to the table's rows; above 1 where a larger
    table costs more than in proportion, as when it outgrows the CPU's cache. ``counts``: what one
    request held where it was a whole request of the DFR, as batch_farmers = 50.
    """

    name: str
    measured_as: str
    app_cpu: Interval
    database_cpu: Interval
    cv: float
    statements: float
    threads: int
    pages: float
    wal_bytes: float
    tail_share: float
    tail_factor: float
    growth: Interval
    label: Label
    source: str
    counts: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def app_cpu_s(self) -> float:
        """Seconds of Python."""
        return self.app_cpu.mid

    @property
    def database_cpu_s(self) -> float:
        """Seconds of SQL."""
        return self.database_cpu.mid

    def grown(self, rows: float, table_rows: float) -> float:
        """What the database's cost is multiplied by on ``rows`` rows; never less than where it was measured."""
        return 1.0 + self.growth.mid * max(0.0, rows / table_rows - 1.0)

    @property
    def variance(self) -> float:
        """Variance of the CPU time, in seconds squared."""
        return (self.cv * (self.app_cpu_s + self.database_cpu_s)) ** 2


@dataclass(frozen=True, slots=True)
class Contention:
    """How a host that is shared changes what an operation costs.

    CPU time is multiplied by ``busy_factor + idle_slope x (1 - utilisation)``: processes in each other's way cost a
    little more than one process alone, and a host that is often idle costs more per request than a busy one.
    ``dispatch_s`` and ``misplaced_s`` are Cpu's. ``think_stretch`` is the load generator's own: the think time it keeps
    over the one it was told. ``app_background`` and ``database_background`` are cores that Odoo and PostgreSQL take
    without any request; like ``think_stretch`` they are used where the model is held against a load test, only.
    """

    app_busy_factor: float
    database_busy_factor: float
    idle_slope: float
    dispatch_s: float
    misplaced_s: float
    think_stretch: float
    app_background: float = 0.0
    database_background: float = 0.0

    def factor(self, busy_factor: float, utilisation: float, reach: float = 1.0) -> float:
        """What CPU demand is multiplied by at a utilisation of 0 to 1.

        ``reach`` is the share of the request that the surcharge of an idle host applies to.
        """
        return busy_factor + self.idle_slope * reach * (1.0 - min(1.0, max(0.0, utilisation)))

    def settled(self, busy_factor: float, load: float, reach: float = 1.0) -> float:
        """The utilisation that brings about its own factor: rho = load x factor(rho), linear in rho.

        ``load`` is arrival rate x unmultiplied demand / capacity, ``reach`` its mean over the demand. May exceed 1.
        """
        rho = load * (busy_factor + self.idle_slope * reach) / (1.0 + load * self.idle_slope * reach)
        return rho if rho < 1.0 else load * busy_factor


@dataclass(frozen=True, slots=True)
class Part:
    """So many operations of a kind in a request: ``times`` x the product of the counts named in ``per``."""

    operation: str
    times: float
    per: tuple[str, ...]
    when: str


@dataclass(frozen=True, slots=True)
class RequestClass:
    """A request of the DFR, and what it consists of. ``target`` names the service target it is held to."""

    name: str
    title: str
    target: str
    background: bool
    parts: tuple[Part, ...]
    rule: str
    label: Label
    size_cv: float = 0.0


@dataclass(frozen=True, slots=True)
class RequestCost:
    """What one request of a class costs on the model's CPU, undisturbed. Units as in Operation."""

    app_cpu_s: float
    database_cpu_s: float
    cv: float
    statements: float
    threads: int
    pages: float
    wal_bytes: float
    tail_share: float
    tail_factor: float


@dataclass(frozen=True, slots=True)
class Model:
    """Operations measured on one host, how they contend, and where they were measured.

    ``speed_ms`` is the CPU time of the probe's fixed loop on that host (0: not recorded), ``speed_share`` how far
    demands follow it when the host drifts. ``check_error`` holds the errors against measurement, as fractions: of the
    load that was held out, or, in a model of the older format, the worst over all steps; ``accepted`` in it says that
    they are above the limits and were accepted.
    """

    name: str
    measured_on: str
    cpu_name: str
    cpu_speed: Interval
    cpu_speed_source: str
    table_rows: int
    odoo: str
    postgresql: str
    contention: Contention
    operations: Mapping[str, Operation] = field(hash=False)
    check_error: Mapping[str, float] = field(hash=False)
    folder: Path | None = None
    speed_ms: float = 0.0
    speed_share: float = 1.0
    cpu_speed_label: Label = Label.DERIVED

    def cost(
        self, request: RequestClass, counts: Mapping[str, float], rows: float, switches: Mapping[str, bool]
    ) -> RequestCost:
        """The cost of a request on a table of ``rows`` rows: as measured whole, or else of its parts."""
        if request.name in self.operations and request.name not in part_names():
            return self._measured_whole(self.operations[request.name], request, counts, rows)
        return self._composed(request, counts, rows, switches)

    def _measured_whole(
        self, whole: Operation, request: RequestClass, counts: Mapping[str, float], rows: float
    ) -> RequestCost:
        """The fixed overhead, and the rest in proportion to the product of the counts that the operation names."""
        overhead = self.operations["overhead"]
        times = math.prod(counts[name] / measured for name, measured in whole.counts.items())

        def scaled(total: float, fixed: float) -> float:
            return fixed + max(0.0, total - fixed) * times

        return RequestCost(
            app_cpu_s=scaled(whole.app_cpu_s, overhead.app_cpu_s),
            database_cpu_s=scaled(whole.database_cpu_s * whole.grown(rows, self.table_rows), overhead.database_cpu_s),
            cv=math.hypot(whole.cv, request.size_cv),
            statements=scaled(whole.statements, overhead.statements),
            threads=whole.threads,
            pages=whole.pages * times,
            wal_bytes=whole.wal_bytes * times,
            tail_share=whole.tail_share,
            tail_factor=whole.tail_factor,
        )

    def _composed(
        self, request: RequestClass, counts: Mapping[str, float], rows: float, switches: Mapping[str, bool]
    ) -> RequestCost:
        """The rule of composition, the parts counted by ``counts``."""
        overhead = self.operations["overhead"]
        app, database, variance = overhead.app_cpu_s, overhead.database_cpu_s, overhead.variance
        statements, pages, wal = overhead.statements, 0.0, 0.0
        threads, scanned, tail_share, tail_factor = 1, 0.0, 0.0, 1.0
        for part in request.parts:
            if part.when and not _holds(part.when, switches):
                continue
            operation = self.operations[part.operation]
            times = part.times * math.prod(counts[name] for name in part.per)
            own_app = max(0.0, operation.app_cpu_s - overhead.app_cpu_s)
            base_database = max(0.0, operation.database_cpu_s - overhead.database_cpu_s)
            own_database = base_database * operation.grown(rows, self.table_rows)
            app += times * own_app
            database += times * own_database
            # Operations within a request vary on their own, so variances add; a fraction of one scales as a whole,
            # and so does one that grows with the table: its coefficient of variation stays.
            grown = (own_app + own_database) / max(1e-12, own_app + base_database)
            own_variance = max(0.0, operation.variance - overhead.variance) * grown * grown
            variance += own_variance * (times if times >= 1.0 else times * times)
            statements += times * max(0.0, operation.statements - overhead.statements)
            pages += times * operation.pages
            wal += times * operation.wal_bytes
            if operation.threads > 1 and times * own_database > scanned:
                threads, scanned = operation.threads, times * own_database
                tail_share, tail_factor = operation.tail_share, operation.tail_factor
        if scanned < database / 2:
            threads, tail_share, tail_factor = 1, 0.0, 1.0
        cv = math.hypot(math.sqrt(variance) / (app + database), request.size_cv)
        return RequestCost(app, database, cv, statements, threads, pages, wal, tail_share, tail_factor)

    def ledger(self) -> tuple[Assumption, ...]:
        """The model's own numbers, one line each."""
        lines = [
            Assumption("model.cpu_speed", self.cpu_speed, "AWS m5 = 1", self.cpu_speed_source, self.cpu_speed_label),
            *(
                Assumption(f"model.{name}", value, unit, f"fitted to the runs of {self.name}", Label.MEASURED)
                for name, value, unit in (
                    ("app_busy_factor", self.contention.app_busy_factor, "times"),
                    ("database_busy_factor", self.contention.database_busy_factor, "times"),
                    ("idle_slope", self.contention.idle_slope, "times"),
                    ("dispatch_ms", self.contention.dispatch_s * 1e3, "ms"),
                    ("misplaced_ms", self.contention.misplaced_s * 1e3, "ms"),
                )
            ),
        ]
        for operation in self.operations.values():
            for what, value in (("app", operation.app_cpu), ("database", operation.database_cpu)):
                name, milliseconds = f"model.{operation.name}.{what}_cpu_ms", value.scaled(1e3)
                shown = Interval(*(round(bound, 4) for bound in milliseconds.bounds))
                told = shown.mid if shown.is_exact else shown
                lines.append(Assumption(name, told, f"ms of {self.cpu_name}", operation.source, operation.label))
            if operation.growth.high > 0.0:
                name, why = f"model.{operation.name}.growth", "share of its SQL in proportion to the table's rows"
                lines.append(Assumption(name, operation.growth, "fraction", why, operation.label))
        return tuple(lines)


def _holds(condition: str, switches: Mapping[str, bool]) -> bool:
    """``name`` or ``not name``, looked up in the scenario's switches."""
    negated = condition.startswith("not ")
    return switches[condition.removeprefix("not ")] != negated


@cache
def request_classes() -> dict[str, RequestClass]:
    """The DFR's request classes by name, in the order of ``data/requests.toml``."""
    text = resources.files("dfr_sizing").joinpath("data/requests.toml").read_text(encoding="utf-8")
    return {
        name: RequestClass(
            name=name,
            title=row["title"],
            target=row.get("target", ""),
            background=row.get("background", False),
            parts=tuple(
                Part(part["operation"], float(part["times"]), tuple(part.get("per", ())), part.get("when", ""))
                for part in row["part"]
            ),
            rule=row["rule"],
            label=Label(row["label"]),
            size_cv=float(row.get("size_cv", 0.0)),
        )
        for name, row in tomllib.loads(text).items()
    }


@cache
def part_names() -> frozenset[str]:
    """Operations that requests are made of; one of such a name is never a whole request (``login`` is both)."""
    return frozenset(part.operation for request in request_classes().values() for part in request.parts)


def request_ledger() -> tuple[Assumption, ...]:
    """How each request class is made of operations, and how much its size is taken to vary."""
    source = "data/requests.toml"
    lines = []
    for name, request in request_classes().items():
        lines.append(Assumption(f"requests.{name}", request.rule, "rule of composition", source, request.label))
        if request.size_cv:
            size = Interval.exactly(request.size_cv)
            why = "records and rows in a request vary; none was measured for the DFR"
            lines.append(Assumption(f"requests.{name}.size_cv", size, "sd over mean", why, Label.ASSUMED))
    return tuple(lines)


def models_folder() -> Path:
    """Where the bundled models lie: inside an installed package, or beside it in a checkout."""
    package = Path(str(resources.files("dfr_sizing")))
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def load_model(where: str | Path = BUNDLED) -> Model:
    """A model by folder, by file or by the name of a bundled one. Raises InputError."""
    bundled = models_folder() / Path(where).name
    candidates = [Path(where), bundled] if len(Path(where).parts) <= 2 else [Path(where)]
    for candidate in candidates:
        path = candidate / "model.toml" if candidate.is_dir() else candidate
        if path.is_file():
            return _read(path)
    known = sorted(path.parent.name for path in models_folder().glob("*/model.toml"))
    raise InputError("--model", where, "a model folder or the name of a bundled model", f"bundled: {', '.join(known)}")


def _read(path: Path) -> Model:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        about, cpu, shared = data["model"], data["cpu"], data["contention"]
        return Model(
            name=about["name"],
            measured_on=str(about["measured_on"]),
            cpu_name=cpu["name"],
            cpu_speed=Interval(*map(float, cpu["speed"])),
            cpu_speed_source=cpu["source"],
            table_rows=int(about["table_rows"]),
            odoo=about["odoo"],
            postgresql=about["postgresql"],
            contention=Contention(
                app_busy_factor=_number(shared, "app_busy_factor"),
                database_busy_factor=_number(shared, "database_busy_factor"),
                idle_slope=_number(shared, "idle_slope"),
                dispatch_s=_number(shared, "dispatch_ms") / 1e3,
                misplaced_s=_number(shared, "misplaced_ms") / 1e3,
                think_stretch=_number(shared, "think_stretch"),
                app_background=_number(shared, "app_background"),
                database_background=_number(shared, "database_background"),
            ),
            operations={name: _operation(name, row) for name, row in data["operation"].items()},
            check_error=data.get("check", {}),
            folder=path.parent,
            speed_ms=_number(cpu, "speed_ms"),
            speed_share=_number(cpu, "speed_share"),
            cpu_speed_label=Label(cpu["label"]),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError("the model", path, "a complete model file", f"calibrate it again ({error!r})") from None


def _operation(name: str, row: Mapping[str, Any]) -> Operation:
    return Operation(
        name=name,
        measured_as=row["measured_as"],
        app_cpu=_interval(row, "app_cpu_ms", 1e3),
        database_cpu=_interval(row, "database_cpu_ms", 1e3),
        cv=_number(row, "cv"),
        statements=_number(row, "statements"),
        threads=int(_number(row, "threads")),
        pages=_number(row, "pages"),
        wal_bytes=_number(row, "wal_bytes"),
        tail_share=_number(row, "tail_share"),
        tail_factor=_number(row, "tail_factor"),
        growth=_interval(row, "growth"),
        label=Label(row["label"]),
        source=row["source"],
        counts={name: _number(row["counts"], name) for name in row.get("counts", {})},
    )


def _number(row: Mapping[str, Any], key: str) -> float:
    if isinstance(row[key], bool) or not isinstance(row[key], (int, float)) or not math.isfinite(row[key]):
        raise ValueError(f"{key} = {row[key]!r} is not a number")
    return float(row[key])


def _interval(row: Mapping[str, Any], key: str, unit: float = 1.0) -> Interval:
    """A number, or low, mid and high, over ``unit``."""
    bounds = row[key] if isinstance(row[key], list) else [row[key]] * 3
    low, mid, high = (_number({key: bound}, key) / unit for bound in bounds)
    return Interval(low, mid, high)
