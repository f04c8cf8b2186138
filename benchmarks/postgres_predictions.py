"""What the model says of a run that it has not seen, from what it learnt of the runs it has.

Given: the schema (which relations an operation touches), page accesses of each operation counted alone, the sizes of
relations, the rates of the run, its settings. Learnt from the fitting runs: popularity, bytes of a record and of an
image, how long a flush takes, how many changes a change is followed by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
from postgres_runs import Run
from registry_load import IN_ORDER, NEW_AT_END, OPERATIONS
from scipy.optimize import lsq_linear, minimize_scalar

from dfr_sizing.postgres.cache import Relation, shared_buffers
from dfr_sizing.postgres.checkpoint import Dirtied, checkpoint
from dfr_sizing.postgres.commits import commits_per_flush
from dfr_sizing.postgres.fit import Fitted, Observation, fit
from dfr_sizing.postgres.popularity import UNIFORM, Popularity
from dfr_sizing.postgres.settings import PAGE, Settings
from dfr_sizing.postgres.wal import Changes, WalVolume, wal_volume

Alone = Mapping[str, Mapping[str, float]]
"""Page accesses of an operation by relation."""


SCANNED = tuple({operation.scans for operation in OPERATIONS.values() if operation.scans})
"""The one table that is scanned: all reads in a ring are its."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was fitted. ``record_bytes`` and ``records`` are of a mean commit, without images."""

    popularity: Fitted
    record_bytes: float
    records: float
    image_bytes: float
    flush_s: float
    overslept_s: float
    again: float


@dataclass(frozen=True, slots=True)
class Predicted:
    """Figures of a run, predicted; a second unless named otherwise."""

    hit_ratio: float
    reads_per_s: float
    wal_bytes_per_s: float
    images_per_s: float
    commits_per_flush: float
    checkpoint_pages_per_s: float
    interval_s: float


def rates_of(run: Run) -> dict[str, float]:
    """Operations a second, as they were sent."""
    return {name: number / run.seconds for name, number in run.done.items()}


def relations_of(run: Run, alone: Alone) -> tuple[Relation, ...]:
    """How the relations are used at a run's rates, but for their popularity."""
    rates = rates_of(run)
    fresh = fresh_pages(run)
    found = []
    for name, pages in run.pages.items():
        touches = sum(rates[o] * operation.touches.get(name, 0.0) for o, operation in OPERATIONS.items())
        accesses = sum(rates[o] * alone[o].get(name, 0.0) for o in OPERATIONS if not OPERATIONS[o].scans)
        scans = sum(rates[o] for o, operation in OPERATIONS.items() if operation.scans == name)
        found.append(Relation(name, pages, UNIFORM, touches, max(0.0, accesses - touches), fresh.get(name, 0.0), scans))
    return tuple(found)


def fresh_pages(run: Run) -> dict[str, float]:
    """Pages added a second, by relation: rows added, at as many rows a page as there are."""
    rates, found = rates_of(run), {}
    for table, relations in NEW_AT_END.items():
        rows = sum(rates[o] * operation.rows.get(table, 0.0) for o, operation in OPERATIONS.items())
        for relation in relations:
            found[relation] = rows * run.pages[relation] / run.rows[table]
    return found


def changes_of(run: Run, popularity: Mapping[str, Popularity], image: float, again: float) -> list[Changes]:
    """Changes to pages that were there before, by relation; a random key's by a uniform popularity.

    Who reads a table's row after it was changed often changes its page ``again``: hint bits (logged as the pages have
    checksums) and pruning, at some time later.
    """
    rates, found = rates_of(run), []
    for name, pages in run.pages.items():
        by_popularity = sum(rates[o] * operation.changes.get(name, 0.0) for o, operation in OPERATIONS.items())
        at_random = sum(rates[o] * operation.random_changes.get(name, 0.0) for o, operation in OPERATIONS.items())
        by_popularity *= 1.0 + again if name in NEW_AT_END else 1.0
        if by_popularity > 0.0:
            found.append(Changes(name, pages, popularity[name], by_popularity, image))
        if at_random > 0.0:
            found.append(Changes(name, pages, UNIFORM, at_random, image))
    return found


def being_filled(run: Run, image: float) -> list[Changes]:
    """Pages that new rows go to, one for each connection in a table and one in an index, and how often they come.

    Each has an image after a checkpoint, as a page that was there before; the pages that follow it have none.
    """
    rates, found = rates_of(run), []
    for table, relations in NEW_AT_END.items():
        rows = sum(rates[o] * operation.rows.get(table, 0.0) for o, operation in OPERATIONS.items())
        found += [Changes(name, run.plan.clients if name == table else 1, UNIFORM, rows, image) for name in relations]
    return found


def learn(runs: Sequence[Run], alone: Alone) -> Learnt:
    """Fit everything to the fitting runs. Raises ValueError where they have one cache size only."""
    observations = [
        Observation(
            run.plan.settings.buffers,
            relations_of(run, alone),
            {name: reads / run.seconds for name, reads in run.reads.items()},
            dict.fromkeys(SCANNED, run.counted["scan_reads"] / run.seconds),
        )
        for run in runs
    ]
    popularity = fit(observations)
    flush_s, overslept_s = flush_of(runs)
    # wal_bytes = commits x record bytes + images x image bytes: two unknowns, which runs of as many images a commit do
    # not tell apart. An image is a page without its hole: half of a page, as a leaf has after a split, to all of it.
    commits = np.array([run.commits for run in runs], dtype=float)
    images = np.array([run.counted["images"] for run in runs])
    volume = np.array([run.counted["wal_bytes"] for run in runs])
    told = np.column_stack([commits, images]) / volume[:, None]
    record, image = lsq_linear(told, np.ones(len(runs)), bounds=([0.0, PAGE / 2.0], [np.inf, PAGE])).x
    records = mean(run.counted["records"] / run.commits for run in runs)
    without = Learnt(popularity, float(record), records, float(image), flush_s, overslept_s, again=0.0)
    return replace(without, again=_changed_again(runs, without, alone))


def _changed_again(runs: Sequence[Run], learnt: Learnt, alone: Alone) -> float:
    """Changes by later readers over changes, 0 to 1: as images and checkpoints of the fitting runs say, both alike."""

    def off(again: float) -> float:
        errors = []
        for run in runs:
            said, counted = predict(run, replace(learnt, again=again), alone), measured(run)
            errors.append(math.log(said.images_per_s / counted.images_per_s))
            errors.append(math.log(said.checkpoint_pages_per_s / counted.checkpoint_pages_per_s))
        return sum(error**2 for error in errors)

    return float(minimize_scalar(off, bounds=(0.0, 1.0), method="bounded", options={"xatol": 0.03}).x)


def flush_of(runs: Sequence[Run]) -> tuple[float, float]:
    """How long a flush takes, and how much longer than it was told a backend sleeps for commit_delay: by the groups.

    Not the mean that PostgreSQL counts: a flush that hangs for a tenth of a second rules that, and holds up no more
    commits than there are connections. The first is of the runs without commit_delay, the second of those with it.
    """
    plain = [run for run in runs if run.plan.settings.commit_delay_s == 0.0]
    delayed = [run for run in runs if run.plan.settings.commit_delay_s > 0.0]
    flush_s = _length(plain or delayed, lambda run, seconds: _grouped(run, seconds, 0.0))
    return flush_s, _length(delayed, lambda run, seconds: _grouped(run, flush_s, seconds)) if plain and delayed else 0.0


def _length(runs: Sequence[Run], grouped: Callable[[Run, float], float]) -> float:
    """The seconds that explain the groups of the runs best; none without a run."""
    if not runs:
        return 0.0

    def off(log_s: float) -> float:
        errors = (math.log(grouped(run, math.exp(log_s)) * run.counted["flushes"] / run.commits) for run in runs)
        return sum(error**2 for error in errors)

    return math.exp(minimize_scalar(off, bounds=(math.log(2e-5), math.log(0.1)), method="bounded").x)


def _grouped(run: Run, flush_s: float, overslept_s: float) -> float:
    settings = run.plan.settings
    delay_s = settings.commit_delay_s + overslept_s if settings.commit_delay_s > 0.0 else 0.0
    # The setting of commit_siblings is 0: how long a transaction is open does not matter
    rate, siblings = run.commits / run.seconds, settings.commit_siblings
    return commits_per_flush(rate, 0.0, flush_s, run.plan.clients, delay_s, siblings).commits_per_flush


def predict(run: Run, learnt: Learnt, alone: Alone) -> Predicted:
    """What the model says of a run, from its rates, sizes and settings alone."""
    settings: Settings = run.plan.settings
    relations = learnt.popularity.applied(relations_of(run, alone))
    cache = shared_buffers(relations, settings.buffers)
    changes = changes_of(run, learnt.popularity.popularity, learnt.image_bytes, learnt.again)
    logged = [*changes, *being_filled(run, learnt.image_bytes)]
    commits = run.commits / run.seconds

    def volume(since_s: float) -> WalVolume:
        records, record_bytes = commits * learnt.records, commits * learnt.record_bytes
        return wal_volume(logged, records, record_bytes, since_s, settings)

    dirtied = dirtied_of(relations, changes, run.plan.clients)
    written = checkpoint(dirtied, cache, lambda since_s: volume(since_s).segment_bytes, settings)
    wal = volume(written.interval_s)
    return Predicted(
        hit_ratio=cache.hit_ratio,
        reads_per_s=cache.reads_per_s,
        wal_bytes_per_s=wal.wal_bytes / written.interval_s,
        images_per_s=wal.images / written.interval_s,
        commits_per_flush=_grouped(run, learnt.flush_s, learnt.overslept_s),
        checkpoint_pages_per_s=written.pages_per_s,
        interval_s=written.interval_s,
    )


def dirtied_of(relations: Sequence[Relation], changes: Sequence[Changes], clients: int) -> list[Dirtied]:
    """How pages become dirty: changes of old pages, each by its popularity, and pages that are new."""
    touched = {relation.name: relation for relation in relations}
    old = [
        Dirtied(
            each.name,
            each.pages,
            each.popularity,
            touched[each.name].touches_per_s,
            each.per_s,
            scans_per_s=touched[each.name].scans_per_s,
            by_age=each.popularity is not UNIFORM,
        )
        for each in changes
    ]
    new = [
        Dirtied(r.name, r.pages, r.popularity, 0.0, 0.0, r.fresh_per_s, ends=clients if r.name in NEW_AT_END else 1)
        for r in relations
        if r.fresh_per_s > 0.0
    ]
    return sorted([*old, *new], key=lambda each: IN_ORDER.index(each.name))


def measured(run: Run) -> Predicted:
    """The same figures as PostgreSQL counted them."""
    reads, accesses = sum(run.reads.values()), sum(run.accesses.values())
    return Predicted(
        hit_ratio=1.0 - reads / accesses,
        reads_per_s=reads / run.seconds,
        wal_bytes_per_s=run.counted["wal_bytes"] / run.seconds,
        images_per_s=run.counted["images"] / run.seconds,
        commits_per_flush=run.commits / run.counted["flushes"],
        checkpoint_pages_per_s=run.counted["checkpoint_pages"] / run.seconds,
        interval_s=run.seconds / run.intervals,
    )
