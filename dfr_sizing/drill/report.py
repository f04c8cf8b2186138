"""A drill's outcome for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dfr_sizing.drill.predict import predicted, predicted_restore_s, profile_of
from dfr_sizing.drill.types import RECOVERY, Outcome, Phase, Round
from dfr_sizing.drivers import drill_rule
from dfr_sizing.recovery.profile import BYTES_PER_MB, DRIVEN_BY, RecoveryProfile

PASSED, FAILED = "passed", "failed"


def prediction_for(outcome: Outcome, given: RecoveryProfile | None, made: Any) -> RecoveryProfile | None:
    """What the full size is held against: a profile that was given, or what the smaller rounds say. None: nothing."""
    smaller = [one for one in outcome.rounds if not one.full_size]
    return given or (profile_of(smaller, outcome.facts, made, "") if len(smaller) > 1 else None)


def as_json(outcome: Outcome, profile: RecoveryProfile | None) -> dict[str, Any]:
    """The outcome as plain values; seconds, rows and bytes. ``profile`` is what it was predicted from."""
    full = [one for one in outcome.rounds if one.full_size]
    return {
        "verdict": PASSED if outcome.passed else FAILED,
        "failed_in": outcome.failed_in,
        "reason": outcome.reason,
        "rows_lost": sum(one.loss.lost_rows for one in outcome.rounds),
        "rows_lost_before_archived": sum(one.loss.archived_rows for one in outcome.rounds),
        "rpo_s": max((one.loss.seconds for one in outcome.rounds), default=None),
        "rpo_bound_s": min((one.loss.bound_s for one in outcome.rounds), default=None),
        "prediction_promise": drill_rule("verdict.restore_difference").mid,
        "rounds": [_round(one, profile if one in full else None) for one in outcome.rounds],
        "not_compared": list(outcome.not_compared),
        "facts": dict(outcome.facts),
    }


def _round(one: Round, profile: RecoveryProfile | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "number": one.number,
        "full_size": one.full_size,
        "database_bytes": one.sizes.database_bytes,
        "stored_bytes": one.sizes.stored_bytes,
        "wal_bytes": one.sizes.wal_bytes,
        "files_bytes": one.sizes.files_bytes,
        "measured_s": {phase.value: one.seconds[phase] for phase in Phase if phase in one.seconds},
        "restore_s": one.restore_s,
        "waited_for_cpu_share": one.waited_share,
        "commits": one.loss.commits,
        "commits_lost": one.loss.lost_commits,
        "rows_lost": one.loss.lost_rows,
        "rpo_s": one.loss.seconds,
        "rpo_bound_s": one.loss.bound_s,
        "upload_s": one.loss.upload_s,
        "rows_lost_before_archived": one.loss.archived_rows,
    }
    if one.point_in_time is not None:
        point = one.point_in_time
        told["point_in_time"] = {
            "commits_expected": point.commits_expected,
            "commits_found": point.commits_found,
            "seconds": point.seconds,
        }
    if profile is not None:
        seconds = predicted(profile, one.sizes)
        told["predicted_s"] = {phase.value: seconds[phase] for phase in seconds}
        told["predicted_restore_s"] = predicted_restore_s(profile, one.sizes)
        told["prediction_error"] = told["predicted_restore_s"] / one.restore_s - 1.0
    return told


def as_text(told: Mapping[str, Any]) -> str:
    """What ``as_json`` says, for people."""
    lines = []
    for one in told["rounds"]:
        size = one["database_bytes"] / BYTES_PER_MB
        lines.append(f"Round {one['number']}: database {size:,.0f} MB, failed after {one['commits']:,} commits")
        forecast = one.get("predicted_s", {})
        for phase, seconds in one["measured_s"].items():
            rate = _rate(one, Phase(phase), seconds)
            foreseen = f"   predicted {forecast[phase]:8.2f} s" if phase in forecast else ""
            lines.append(f"  {phase:10} {seconds:8.2f} s  {rate:>12}{foreseen}")
        foreseen = ""
        if "predicted_restore_s" in one:
            foreseen = f", predicted {one['predicted_restore_s']:.1f} s ({one['prediction_error']:+.0%})"
        waited = one["waited_for_cpu_share"]
        shared = f"; a CPU was waited for {waited:.0%} of it" if waited is not None else ""
        lines.append(f"  restored in {one['restore_s']:.1f} s{foreseen}{shared}")
        lines.append(
            f"  lost: {one['commits_lost']:,} commits, {one['rows_lost']:,} rows, {one['rpo_s']:.1f} s of work; "
            f"archive_timeout and one upload allow {one['rpo_bound_s']:.1f} s; "
            f"{one['rows_lost_before_archived']} rows of what was archived"
        )
        if "point_in_time" in one:
            point = one["point_in_time"]
            lines.append(f"  to a point in time: the last commit is {point['commits_found']:,}, as it should be")
    if told["not_compared"]:
        lines.append(f"Not compared, for they changed meanwhile: {', '.join(told['not_compared'])}")
    if told["verdict"] == PASSED:
        lines.append("PASSED: everything that was committed before the last archived segment's end is back.")
    else:
        lines.append(f"FAILED in {told['failed_in']}: {told['reason']}.")
    return "\n".join(lines) + "\n"


def _rate(one: Mapping[str, Any], phase: Phase, seconds: float) -> str:
    """MB/s of what the phase carries."""
    driven = DRIVEN_BY.get(phase, "nothing")
    carried = one.get(f"{driven}_bytes", 0)
    known = carried and seconds > 0 and (phase in RECOVERY or phase is Phase.BACKUP)
    return f"{carried / BYTES_PER_MB / seconds:,.0f} MB/s" if known else ""
