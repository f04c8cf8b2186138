"""The operations that a load test measured, each with its intervals and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dfr_sizing.calibration.demands import Demand, Demands
from dfr_sizing.calibration.shapes import Shape, per_class, shape_of, threads_of
from dfr_sizing.calibration.steps import LoadStep
from dfr_sizing.calibration.windows import reference_speed_ms, smallest
from dfr_sizing.drivers import rule
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import Model, Operation
from dfr_sizing.recording.types import Recording
from dfr_sizing.simulation.system import FloatArray


def operations_of(
    recordings: Sequence[Recording],
    fitted: Sequence[LoadStep],
    demands: Demands,
    shapes: Mapping[str, Shape],
    base: Model,
    counts: FloatArray,
) -> dict[str, Operation]:
    """One operation a class that was sent; ``counts`` are its requests in the fitted steps."""
    classes = fitted[0].classes
    kinds = {kind.operation: (name, kind) for one in recordings for name, kind in one.kinds.items()}
    queries = np.array([shapes[name].queries for name in classes])
    statements = _counted(fitted, "calls", queries)
    wal = _counted(fitted, "wal_bytes", np.array([_believed_wal(base, name) for name in classes]))
    widened = {group: any(group not in step.slices for step in fitted) for group in ("odoo", "postgresql")}
    without, settings = widened["postgresql"], recordings[0].server.settings
    found = {}
    for place, name in enumerate(classes):
        if counts[place] == 0.0:
            continue
        demand, known = demands.by_class[place], base.operations.get(name)
        told = np.isfinite(queries[place]) and not without
        shape, threads = _parallel(fitted, name, shapes[name], demand, known, settings, told=told)
        calls = (
            float(statements[place])
            if np.isfinite(statements[place])
            else queries[place] * rule("calibration.statements_per_query")
        )
        fallback = known.statements if known else 0.0
        several_sizes = len({step.rows for step in fitted}) > 1
        measured_as, kind = kinds[name]
        found[name] = Operation(
            name=name,
            measured_as=measured_as,
            app_cpu=_wider(demand.app, without=widened["odoo"]),
            database_cpu=_wider(demand.database, without=widened["postgresql"]),
            cv=round(shape.cv, 3),
            statements=round(calls if np.isfinite(calls) and calls > 0.0 else fallback, 1),
            threads=threads,
            pages=known.pages if known else 0.0,
            wal_bytes=round(float(wal[place]), 1) if np.isfinite(wal[place]) else (known.wal_bytes if known else 0.0),
            tail_share=round(shape.tail_share, 4) if threads > 1 else 0.0,
            tail_factor=round(shape.tail_factor, 2) if threads > 1 else 1.0,
            growth=_told(demand.growth) if several_sizes else (known.growth if known else Interval.exactly(0.0)),
            label=Label.MEASURED,
            source=_source(recordings, int(counts[place]), demand, known, several_sizes=several_sizes),
            counts=dict(kind.counts),
        )
    return found


def _told(growth: Interval) -> Interval:
    """Growth where the measurements tell it from none, else none.

    A registry's table is hundreds of times the measured one: what may be chance would be multiplied by that.
    """
    return growth if growth.low > 0.0 else Interval(0.0, 0.0, growth.high)


def _parallel(
    fitted: Sequence[LoadStep],
    name: str,
    shape: Shape,
    demand: Demand,
    known: Operation | None,
    settings: Mapping[str, str],
    *,
    told: bool,
) -> tuple[Shape, int]:
    """A class's shape and its scan's processes on the largest table; the base's where CPU or log are missing."""
    if not told and known is not None:
        return shape._replace(tail_share=known.tail_share, tail_factor=known.tail_factor), known.threads
    most = max(step.rows for step in fitted)
    largest = [step for step in fitted if step.rows == most]
    there = shape_of(largest, name, reference_speed_ms(largest))
    grown = 1.0 + demand.growth.mid * (most / smallest(fitted) - 1.0)
    threads = threads_of(there, grown * demand.database.mid, settings)
    return shape._replace(tail_share=there.tail_share, tail_factor=there.tail_factor), threads


def _believed_wal(base: Model, name: str) -> float:
    """The base's bytes of WAL; 0 says that a class does not write, NaN that the base does not know it."""
    return base.operations[name].wal_bytes if name in base.operations else np.nan


def _counted(fitted: Sequence[LoadStep], counter: str, relative: FloatArray) -> FloatArray:
    """A counter of PostgreSQL for a request of each class; NaN where nobody asked PostgreSQL."""
    asked = [step.counters for step in fitted if step.counters is not None]
    if not asked:
        return np.full(len(relative), np.nan)
    totals = np.array([getattr(one, counter) for one in asked])
    return per_class(np.array([one.requests for one in asked]), totals, relative)


def _wider(value: Interval, *, without: bool) -> Interval:
    """The interval as it is, or as wide as a demand without a measurement of CPU is."""
    error = rule("calibration.no_cpu_error") if without else 0.0
    return Interval(value.low * (1.0 - error), value.mid, value.high * (1.0 + error))


def _source(
    recordings: Sequence[Recording], count: int, demand: Demand, known: Operation | None, *, several_sizes: bool
) -> str:
    growth = "growth measured" if several_sizes else "growth as in the base model" if known else "growth not measured"
    pages = "pages as in the base model" if known else "pages not measured"
    return (
        f"{', '.join(one.name for one in recordings)}: {count} requests, utilisation law; rests on the log to "
        f"{demand.app_rests:.0%} (Python) and {demand.database_rests:.0%} (SQL); {pages}, {growth}"
    )
