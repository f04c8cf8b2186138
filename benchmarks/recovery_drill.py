"""Predicted against measured restore of 2 GB: ``python benchmarks/recovery_drill.py``. Some 20 minutes, 12 GB of disk.

A drill of 0.5 GB makes a recovery profile. Then a database of 2 GB is failed five times at random moments, restored,
and held against what the profile predicts. Writes recovery_drill.md. Ends with status 1 if a promise is missed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from dfr_sizing.drill.predict import predicted, predicted_restore_s, profile_of
from dfr_sizing.drill.run import run_drill
from dfr_sizing.drill.types import RECOVERY, Asked, Outcome, Phase, Round
from dfr_sizing.drivers import drill_rule
from dfr_sizing.recovery.profile import RecoveryProfile, profile_text
from dfr_sizing.whole import write_whole

GB = 10**9
RESULT = Path(__file__).with_suffix(".md")


def main() -> int:
    """Drill twice, compare, write."""
    options = _options()
    folder = Path(tempfile.gettempdir()) / "dfr-size-recovery-drill"
    common = {"seed": options.seed, "archive_timeout_s": options.archive_timeout, "at_most_s": 3600.0}
    watch = Watch(folder.parent)
    small = run_drill(Asked(folder=folder, size_bytes=int(options.profile_gb * GB), kills=3, **common), watch)
    if not small.passed:
        print(f"the drill for the profile failed in {small.failed_in}: {small.reason}", file=sys.stderr)
        return 1
    profile = profile_of(small.rounds, small.facts, datetime.now(UTC).date(), "")
    watch.most = 0
    asked = Asked(folder=folder, size_bytes=int(options.gb * GB), kills=options.kills, smaller=False, **common)
    large = run_drill(asked, watch)
    text, missed = report(profile, [one.waited_share for one in small.rounds], large, watch.most / asked.size_bytes)
    print(text)
    if not options.dry:
        write_whole(RESULT, text.encode())
    for line in missed:
        print(line, file=sys.stderr)
    return 1 if missed else 0


class Watch:
    """Tells each phase as it begins, and remembers how much disk was taken at most (bytes)."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._start = folder, time.monotonic()
        self._free = shutil.disk_usage(folder).free
        self.most = 0

    def __call__(self, phase: Phase, number: int) -> None:
        """A phase begins."""
        self.most = max(self.most, self._free - shutil.disk_usage(self._folder).free)
        print(f"{time.monotonic() - self._start:7.1f} s  round {number}  {phase}", file=sys.stderr, flush=True)


def report(
    profile: RecoveryProfile, waited: list[float | None], outcome: Outcome, disk: float
) -> tuple[str, list[str]]:
    """The text to keep, and the promises that were missed."""
    promise, rounds = drill_rule("verdict.restore_difference").mid, outcome.rounds
    missed = [] if outcome.passed else [f"the drill failed in {outcome.failed_in}: {outcome.reason}"]
    facts = ", ".join(f"{name} {value}" for name, value in outcome.facts.items())
    size = max(profile.database_bytes) / GB
    about = (
        f"Last result, {datetime.now(UTC):%d %B %Y}: {facts}. Predicted from a profile measured up to {size:.2f} GB; "
        "failures at random moments, seeded; the database of a round is the one that the round before restored. "
        f"Disk taken: {disk:.1f} times the database at most, as the phases began."
    )
    waits = ", ".join(_share(share) for share in waited)
    about += f" While the profile was measured some process waited for a CPU {waits} of the time."
    head = ["failure", "database GB", "WAL MB", "restore predicted s", "measured s", "difference", "work lost s"]
    head += ["allowed s", "rows lost", "of these archived before", "waited for a CPU"]
    lines = ["# Restore drill: predicted and measured", "", "```sh", "python benchmarks/recovery_drill.py", "```", ""]
    lines += [about, "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    differences = []
    for number, one in enumerate(rounds, 1):
        foreseen = predicted_restore_s(profile, one.sizes)
        differences.append(foreseen / one.restore_s - 1.0)
        lines.append(
            f"| {number} | {one.sizes.database_bytes / GB:.2f} | {one.sizes.wal_bytes / 1e6:.0f} | {foreseen:.1f} "
            f"| {one.restore_s:.1f} | {differences[-1]:+.0%} | {one.loss.seconds:.1f} | {one.loss.bound_s:.1f} "
            f"| {one.loss.lost_rows:,} | {one.loss.archived_rows} | {_share(one.waited_share)} |"
        )
        if abs(differences[-1]) > promise:
            missed.append(f"failure {number}: predicted {differences[-1]:+.0%} off what was measured")
    if rounds:
        lines += ["", *_by_phase(profile, rounds)]
        worst = max(map(abs, differences))
        lines += ["", f"Predicted restore time: at most {worst:.0%} off, {promise:.0%} are promised."]
    lines += ["", "MISSED: " + "; ".join(missed) if missed else "All promises are kept.", ""]
    lines += ["The profile:", "", "```toml", profile_text(profile).rstrip(), "```", ""]
    return "\n".join(lines), missed


def _share(waited: float | None) -> str:
    return "not told" if waited is None else f"{waited:.0%}"


def _by_phase(profile: RecoveryProfile, rounds: tuple[Round, ...]) -> list[str]:
    lines = ["| phase | predicted s | measured s, median | from | to |", "|---|---|---|---|---|"]
    for phase in (Phase.BACKUP, *RECOVERY):
        foreseen = statistics.median(predicted(profile, one.sizes)[phase] for one in rounds)
        took = sorted(one.seconds[phase] for one in rounds)
        lines.append(f"| {phase} | {foreseen:.2f} | {statistics.median(took):.2f} | {took[0]:.2f} | {took[-1]:.2f} |")
    return lines


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=2.05, help="size to predict for and to drill")
    parser.add_argument("--profile-gb", type=float, default=0.5, help="size to measure the profile at")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--archive-timeout", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="leave recovery_drill.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
