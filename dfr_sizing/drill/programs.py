"""PostgreSQL's programs and tar, run for the drill: as PostgreSQL's account, bounded in time, ended with the drill."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dfr_sizing.drill.types import DrillFailed
from dfr_sizing.staging import postgres
from dfr_sizing.staging.lifeline import end_with

FULL_MIB = 24
"""Less free than this, a segment of WAL and what belongs to it, is a full disk to a drill."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where they lie, who runs them, and until when (``time.monotonic``)."""

    binaries: Path
    account: pwd.struct_passwd | None
    until: float
    folder: Path

    @property
    def left_s(self) -> float:
        """Seconds that are left for the drill. Raises DrillFailed where there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise DrillFailed("the time allowed for the drill is over: raise --minutes or lower --size")
        return left

    def run(self, name: str, *told: str | Path, environment: Mapping[str, str] | None = None) -> str:
        """Run one to its end; what it wrote. Raises DrillFailed with its last words where it fails."""
        path = self.binaries / name
        command = [str(path) if path.exists() else name, *map(str, told)]
        try:
            ran: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  (PostgreSQL's own programs, and tar)
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=self.left_s,
                env={**postgres.environment(), **(environment or {})},
                preexec_fn=end_with(os.getpid(), signal.SIGKILL),
                **postgres.run_as(self.account),
            )
        except subprocess.TimeoutExpired:
            raise DrillFailed(f"{name} was not done in the time allowed: raise --minutes or lower --size") from None
        except FileNotFoundError:
            raise DrillFailed(f"{name} is not installed here: install it") from None
        if ran.returncode != 0:
            said = [line.strip() for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
            raise DrillFailed(self.why(f"{name}: {told_in_short(said)}"))
        return ran.stdout

    def start(
        self, name: str, *told: str | Path, environment: Mapping[str, str] | None = None, log: Path
    ) -> subprocess.Popen[bytes]:
        """Start one that runs beside the drill, and is killed with it."""
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603
                [str(self.binaries / name), *map(str, told)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**postgres.environment(), **(environment or {})},
                preexec_fn=end_with(os.getpid(), signal.SIGKILL),  # noqa: PLW1509
                **postgres.run_as(self.account),
            )

    def why(self, reason: str) -> str:
        """The reason of a failure; a full disk comes first, for all else follows from it."""
        full = "No space left on device" in reason or shutil.disk_usage(self.folder).free < FULL_MIB * 2**20
        return f"the disk of {self.folder} is full: free some, or lower --size ({reason})" if full else reason


def told_in_short(lines: list[str]) -> str:
    """The first complaint among a program's words, or the last of them."""
    telling = [line for line in lines if "error" in line.lower() or "FATAL" in line or "PANIC" in line]
    return (telling or lines or ["no word of why"])[0 if telling else -1]
