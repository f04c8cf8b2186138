"""How much committed work is lost, draw by draw, in minutes.

- A host whose disk is intact, and a synchronous standby, lose nothing.
- An archive of WAL loses what came after the last segment that left: uniform(0, archive_timeout, or the time a segment
  takes to fill if that is shorter) plus its upload.
- A nightly dump alone loses uniform(0, interval) plus the upload of the dump.
- An asynchronous replica loses its lag; files that are copied all the time lose the copy's lag. The greater counts.
- Corruption: where the archive goes back to before the damage, nothing that was committed before the chosen point in
  time is lost: lost is the span between that point and the damage (with a dump alone, back to the last dump). Noticed
  later than the archive is kept, only the older backups are left, and the damage falls anywhere between two of them.
  Work entered after the damage is still in the damaged copy and is carried over by hand; it is not counted.
- Ransomware: the archive's copies that nobody can change go back to the chosen point, and the files' copy to its lag.
- A switch to the second site during a power cut leaves behind what had not been copied; who waits it out loses nothing.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.paths import (
    BYTES_PER_MIB,
    SECONDS_PER_MINUTE,
    Timing,
    Way,
    files_lost,
    switched,
    way_back,
)
from dfr_sizing.recovery.types import INTACT, Failure, RecoveryInput, Standing, Strategy

HOURS_PER_DAY = 24.0
MINUTES_PER_DAY = 1440.0
_LOSES_NOTHING = frozenset({Way.LEAVE_OUT, Way.START_AGAIN, Way.RESTART, Way.STANDBY, Way.WAIT})


def lost_minutes(
    strategy: Strategy, failure: Failure, inputs: RecoveryInput, sampler: Sampler, standing: Standing = INTACT
) -> FloatArray:
    """Minutes of committed work that are lost, one value a draw."""
    way, timing = way_back(strategy, failure, inputs, standing), Timing(inputs, sampler)
    together = strategy is Strategy.HOT_STANDBY and inputs.synchronous_sites
    match way:
        case _ if way in _LOSES_NOTHING:
            return np.zeros_like(timing.detection())
        case Way.OTHER_SITE | Way.SWITCH_OR_WAIT if together:
            return np.zeros_like(timing.detection())
        case Way.OTHER_SITE:
            lost = sampler.draw("replica.lag_s", "lag") / SECONDS_PER_MINUTE
        case Way.SWITCH_OR_WAIT:
            lag = sampler.draw("replica.lag_s", "lag") / SECONDS_PER_MINUTE
            return np.where(switched(strategy, failure, timing), lag, 0.0)
        case Way.RESTORE_CLEAN if inputs.archive_wal:
            lost = sampler.draw("corruption.point_minutes", "point")
        case _ if failure is Failure.CORRUPTION:
            lost = _damage(timing)
        case _:
            lost = _not_yet_backed_up(timing, off_site=way is not Way.RESTORE_HERE)
    if files_lost(failure, way) and inputs.filestore_bytes > 0:
        lost = np.maximum(lost, sampler.draw("filestore.copy_lag_minutes", "files-lag"))
    return lost


def _damage(timing: Timing) -> FloatArray:
    """From the chosen point, or the older backup where the archive does not go back far enough, until the damage."""
    inputs, sampler = timing.inputs, timing.sampler
    if inputs.archive_wal:
        near = sampler.draw("corruption.point_minutes", "point")
    else:
        near = _not_yet_backed_up(timing, off_site=False)
    found_late = sampler.draw("corruption.unnoticed_hours", "unnoticed") > inputs.wal_kept_days * HOURS_PER_DAY
    between_backups = sampler.uniform("older-backup") * inputs.older_backup_days * MINUTES_PER_DAY
    return np.where(found_late, np.maximum(near, between_backups), near)


def _not_yet_backed_up(timing: Timing, *, off_site: bool) -> FloatArray:
    per_s = timing.link_bytes_per_s(off_site=off_site)
    if not timing.inputs.archive_wal:
        return (timing.since_full_s() + timing.backup_bytes() / per_s) / SECONDS_PER_MINUTE
    segment_bytes = timing.sampler.rates.exact("wal.segment_mib") * BYTES_PER_MIB
    waited = timing.sampler.uniform("since-segment") * _segment_leaves_after_s(timing, segment_bytes)
    return (waited + segment_bytes / per_s) / SECONDS_PER_MINUTE


def _segment_leaves_after_s(timing: Timing, segment_bytes: float) -> float:
    """Seconds between two segments: the timeout, or less where writing fills a segment sooner."""
    inputs, rates = timing.inputs, timing.sampler.rates
    if inputs.managed:
        return rates.exact("wal.managed_archive_s")
    timeout_s = inputs.archive_timeout_s or rates.exact("wal.archive_timeout_s")
    mean = inputs.wal_bytes_per_s_mean
    return min(timeout_s, segment_bytes / mean) if mean > 0 else timeout_s
