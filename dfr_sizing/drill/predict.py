"""From rounds to a profile, and from a profile to what a round should take."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from scipy.optimize import nnls

from dfr_sizing.drill.types import RECOVERY, Phase, Round, Sizes
from dfr_sizing.interval import Interval
from dfr_sizing.recovery.profile import BYTES_PER_MB, DRIVEN_BY, PhaseSpeed, RecoveryProfile

Point = tuple[float, float]
"""Bytes and seconds."""
SHORTEST_S = 1e-3
"""The clock of PostgreSQL's log tells no less."""


def profile_of(rounds: Sequence[Round], facts: Mapping[str, str], made: date, link: str) -> RecoveryProfile:
    """What these rounds say together."""
    shares = [one.sizes.stored_bytes / one.sizes.database_bytes for one in rounds]
    uploads = [one.loss.upload_s for one in rounds]
    return RecoveryProfile(
        made=made,
        host=dict(facts),
        database_bytes=tuple(one.sizes.database_bytes for one in rounds),
        link=link,
        compressed_share=_between(shares, statistics.median(shares)),
        upload_s=_between(uploads, statistics.median(uploads)),
        archive_timeout_s=rounds[-1].archive_timeout_s,
        phases={phase: fitted([_point(one, Phase(phase)) for one in rounds]) for phase in DRIVEN_BY},
    )


def fitted(points: Sequence[Point]) -> PhaseSpeed:
    """Seconds = fixed + bytes / rate, neither negative, by least squares of the relative errors (Lawson and Hanson).

    Relative, for a phase that takes ten times as long errs ten times as much.
    """
    seconds = np.array([max(took, SHORTEST_S) for _, took in points])
    carried = np.array([size for size, _ in points], dtype=np.float64)
    middle = float(np.median(seconds))
    if carried.max() <= 0.0:
        return PhaseSpeed(_between(seconds.tolist(), middle), None)
    unit = carried.max()
    if carried.min() > 0.99 * unit:  # one size tells nothing of a fixed part
        fixed, slope = 0.0, float(np.median(seconds / carried))
    else:
        columns = np.column_stack([np.ones_like(carried), carried / unit]) / seconds[:, None]
        fixed, slope = nnls(columns, np.ones_like(seconds))[0] / (1.0, unit)
    if slope <= 0.0:
        return PhaseSpeed(_between(seconds.tolist(), fixed), None)
    grown = seconds - fixed
    rates = [
        size / took / BYTES_PER_MB for size, took in zip(carried, grown, strict=True) if took > SHORTEST_S and size
    ]
    return PhaseSpeed(Interval.exactly(float(fixed)), _between(rates, 1.0 / slope / BYTES_PER_MB))


def predicted(profile: RecoveryProfile, sizes: Sizes) -> dict[Phase, float]:
    """Seconds of each phase of a restore at these sizes; of the backup only the database's size need be known."""
    carried = {
        "database": float(sizes.database_bytes),
        "stored": sizes.database_bytes * profile.compressed_share.mid,
        "wal": float(sizes.wal_bytes),
        "files": float(sizes.files_bytes),
    }
    return {Phase(phase): profile.seconds(phase, carried) for phase in DRIVEN_BY}


def predicted_restore_s(profile: RecoveryProfile, sizes: Sizes) -> float:
    """The restore time that the profile predicts."""
    seconds = predicted(profile, sizes)
    return sum(seconds[phase] for phase in RECOVERY)


def _point(one: Round, phase: Phase) -> Point:
    sizes = {
        "database": one.sizes.database_bytes,
        "stored": one.sizes.stored_bytes,
        "wal": one.sizes.wal_bytes,
        "files": one.sizes.files_bytes,
        "nothing": 0,
    }
    return float(sizes[DRIVEN_BY[phase]]), one.seconds.get(phase, 0.0)


def _between(values: Sequence[float], mid: float) -> Interval:
    """From the least to the most, and around the middle in any case."""
    return Interval(min((*values, mid)), mid, max((*values, mid)))
