"""A recovery profile: what a restore drill measured, as TOML; it takes the place of the stated rates.

Each phase of a restore takes a fixed part and a part that grows with what it carries: seconds = fixed_s + bytes /
(mb_per_s x 1e6). A phase without a rate takes the fixed part alone.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.recovery.rates import Rates
from dfr_sizing.toml_text import toml_value
from dfr_sizing.whole import write_whole

FORMAT = 1
LINKS = ("local", "off-site", "cloud")
"""Where the store of backups may lie, as the rates name their links."""
BYTES_PER_MB = 1e6

DRIVEN_BY = {
    "backup": "database",
    "fetch": "stored",
    "restore": "database",
    "check": "database",
    "replay": "wal",
    "start": "nothing",
    "files": "files",
    "verify": "database",
}
"""The phases of a drill that are measured, and the bytes that each grows with."""
REPLACED = {"restore": "restore.physical_mb_per_s", "replay": "wal.replay_mb_per_s", "files": "restore.files_mb_per_s"}
"""Phases whose rate stands for one of the stated rates."""


@dataclass(frozen=True, slots=True)
class PhaseSpeed:
    """One phase; low and high are the slowest and the quickest of the rounds."""

    fixed_s: Interval
    mb_per_s: Interval | None

    def seconds(self, size_bytes: float) -> float:
        """What it takes to carry that much."""
        return self.fixed_s.mid + (size_bytes / (self.mb_per_s.mid * BYTES_PER_MB) if self.mb_per_s else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryProfile:
    """What a drill measured. ``host`` says on what; ``link`` which link lay between, empty where none did."""

    made: date
    host: Mapping[str, str]
    database_bytes: tuple[int, ...]
    link: str
    compressed_share: Interval
    upload_s: Interval
    archive_timeout_s: float
    phases: Mapping[str, PhaseSpeed]

    def seconds(self, phase: str, sizes: Mapping[str, float]) -> float:
        """A phase at other sizes: bytes of ``database``, ``stored``, ``wal`` and ``files``."""
        return self.phases[phase].seconds(sizes.get(DRIVEN_BY[phase], 0.0))

    @property
    def source(self) -> str:
        """Where its figures come from, for the ledger."""
        size = max(self.database_bytes) / BYTES_PER_MB
        return f"restore drill of {size:,.0f} MB on {self.host.get('cpu', 'a host')} ({self.made})"

    def put_into(self, rates: Rates) -> Rates:
        """The rates with what was measured in place of what was stated."""
        measured = {name: self.phases[phase].mb_per_s for phase, name in REPLACED.items() if phase in self.phases}
        measured["backup.compressed_share"] = self.compressed_share
        if self.link:
            measured[f"link.{self.link}_mb_per_s"] = self.phases["fetch"].mb_per_s
        for name, value in measured.items():
            if value is not None:
                rates = rates.replaced(name, value, self.source, Label.MEASURED)
        return rates


def profile_text(profile: RecoveryProfile) -> str:
    """The profile as TOML, each figure with its unit and label."""
    lines = [
        "# What a restore drill measured: dfr-size --recovery-profile FILE puts it in place of the stated rates.",
        "# A phase takes fixed_s + bytes / (mb_per_s x 1e6); three numbers are the slowest or lowest round, the fit,",
        "# and the quickest or highest. MB are 1e6 bytes.",
        f"format = {FORMAT}",
        f"made = {profile.made.isoformat()}",
        'label = "measured"',
        f"database_bytes = {toml_value(profile.database_bytes)}",
        f"link = {toml_value(profile.link)}",
        f"compressed_share = {toml_value(profile.compressed_share)}  # of the database's files",
        f"upload_s = {toml_value(profile.upload_s)}  # of one segment of WAL",
        f"archive_timeout_s = {toml_value(profile.archive_timeout_s)}",
        "",
        "[host]",
        *(f"{toml_value(name)} = {toml_value(value)}" for name, value in profile.host.items()),
    ]
    for name, phase in profile.phases.items():
        lines += ["", f"[phase.{name}]", f"fixed_s = {toml_value(phase.fixed_s)}"]
        if phase.mb_per_s is not None:
            lines.append(f"mb_per_s = {toml_value(phase.mb_per_s)}  # MB of: {DRIVEN_BY[name]}")
    return "\n".join(lines) + "\n"


def write_profile(path: Path, profile: RecoveryProfile) -> None:
    """Write it, whole or not at all. Raises InputError."""
    try:
        write_whole(path, profile_text(profile).encode())
    except OSError as error:
        raise InputError("--output", path, "a file that can be written", f"{error.strerror}: choose another") from None


def read_profile(path: Path) -> RecoveryProfile:
    """Read it. Raises InputError."""
    try:
        return _read(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        remedy = f"{error.strerror}: make one with dfr-size drill --output {path}"
        raise InputError("the recovery profile", path, "a file that can be read", remedy) from None
    except (ValueError, KeyError, TypeError) as error:
        remedy = f"drill again ({type(error).__name__}: {error})"
        raise InputError("the recovery profile", path, "as dfr-size drill writes it", remedy) from None


def _read(told: dict[str, Any]) -> RecoveryProfile:
    if told["format"] != FORMAT or told["link"] not in ("", *LINKS):
        raise ValueError(f"format {told['format']}, link {told['link']!r}")
    phases = {
        name: PhaseSpeed(
            _interval(row["fixed_s"], at_least=0.0),
            _interval(row["mb_per_s"], at_least=math.ulp(0.0)) if "mb_per_s" in row else None,
        )
        for name, row in told["phase"].items()
        if DRIVEN_BY[name]
    }
    if set(phases) != set(DRIVEN_BY):
        raise ValueError(f"phases {', '.join(sorted(set(DRIVEN_BY) - set(phases)))} are missing")
    made = told["made"]
    if not isinstance(made, date):
        raise TypeError(f"made is {made!r}")
    return RecoveryProfile(
        made=made,
        host={str(name): str(value) for name, value in told["host"].items()},
        database_bytes=tuple(int(size) for size in told["database_bytes"]),
        link=str(told["link"]),
        compressed_share=_interval(told["compressed_share"], at_least=math.ulp(0.0)),
        upload_s=_interval(told["upload_s"], at_least=0.0),
        archive_timeout_s=float(told["archive_timeout_s"]),
        phases=phases,
    )


def _interval(told: object, at_least: float) -> Interval:
    bounds = [float(part) for part in told] if isinstance(told, list) else [float(str(told))] * 3
    if not all(math.isfinite(bound) and bound >= at_least for bound in bounds):
        raise ValueError(f"{told} is not finite, or is below {at_least:g}")
    return Interval(*bounds)
