"""How much committed work is lost, draw by draw, in minutes.

- A host whose disk is intact, and a synchronous standby, lose nothing.
- An archive of WAL loses what came after the last segment that left: uniform(0, archive_timeout, or the time a segment
  takes to fill if that is shorter) plus its upload.
- A nightly dump alone loses uniform(0, interval) plus the upload of the dump.
- An asynchronous replica loses its lag; files that are copied all the time lose the copy's lag. The greater counts.
- Corruption: however late it is noticed, nothing that was committed before the chosen point in time is lost, for the
  archive goes back to it. Lost is the span between that point and the damage (with a dump alone, back to the last
  dump). Work entered after the damage is still in the damaged copy and is carried over by hand; it is not counted.
"""

from __future__ import annotations

import numpy as np

from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.paths import BYTES_PER_MIB, SECONDS_PER_MINUTE, Timing, Way, files_lost, way_back
from dfr_sizing.recovery.types import Failure, RecoveryInput, Strategy


def lost_minutes(strategy: Strategy, failure: Failure, inputs: RecoveryInput, sampler: Sampler) -> FloatArray:
    """Minutes of committed work that are lost, one value a draw."""
    way, timing = way_back(strategy, failure, inputs), Timing(inputs, sampler)
    match way:
        case Way.LEAVE_OUT | Way.RESTART | Way.STANDBY:
            return np.zeros_like(timing.detection())
        case Way.OTHER_SITE if strategy is Strategy.HOT_STANDBY and inputs.synchronous_sites:
            return np.zeros_like(timing.detection())
        case Way.OTHER_SITE:
            lost = sampler.draw("replica.lag_s", "lag") / SECONDS_PER_MINUTE
        case _ if failure is Failure.CORRUPTION and inputs.archive_wal:
            lost = sampler.draw("corruption.point_minutes", "point")
        case _:
            lost = _not_yet_backed_up(timing, off_site=way is Way.RESTORE_ELSEWHERE)
    if files_lost(failure, way) and inputs.filestore_bytes > 0:
        lost = np.maximum(lost, sampler.draw("filestore.copy_lag_minutes", "files-lag"))
    return lost


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
