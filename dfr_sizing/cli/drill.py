"""`dfr-size drill`: fail a database and restore it, and time each part."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dfr_sizing.cli.staging import check_installed
from dfr_sizing.cli.stop import Stopped, is_stopped, say

if TYPE_CHECKING:
    from dfr_sizing.drill.types import Asked, Outcome

NOT_PASSED = 3
CLEAR_AT_MOST_S = 60.0
"""After Ctrl-C: servers are killed and gigabytes removed."""
UNITS = {"": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}


def drill(
    size: Annotated[
        str, typer.Option(help="Size of the database: 50MB, 2GB. Of a staging: how large it may be.")
    ] = "2GB",
    staging: Annotated[
        Path | None, typer.Option(help="A staging file: drill its database, which is only read.")
    ] = None,
    kills: Annotated[int, typer.Option(help="Failures at the full size.", min=1, max=50)] = 1,
    archive_timeout: Annotated[int, typer.Option(help="PostgreSQL's archive_timeout, seconds.", min=1, max=3600)] = 10,
    tool: Annotated[
        str, typer.Option(help="What makes the backups: pg_basebackup, or pgbackrest where it is installed.")
    ] = "pg_basebackup",
    postgresql: Annotated[
        Path | None, typer.Option(help="PostgreSQL's programs, another version's: /usr/lib/postgresql/15/bin.")
    ] = None,
    compress: Annotated[bool, typer.Option(help="Compress the backup (gzip).")] = True,
    remote: Annotated[Path | None, typer.Option(help="Keep backup and WAL here: a mounted store of backups.")] = None,
    link: Annotated[str, typer.Option(help="How --remote is reached: local, off-site or cloud.")] = "local",
    profile: Annotated[Path | None, typer.Option(help="Predict from this profile, not from the smaller sizes.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the recovery profile here.")] = None,
    folder: Annotated[Path, typer.Option(help="Where it works; made, and removed at the end.")] = Path("dfr-drill"),
    minutes: Annotated[float, typer.Option(help="Give up after so many minutes.", min=0.1)] = 60.0,
    clean: Annotated[bool, typer.Option("--clean", help="Only remove what a killed drill left in --folder.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of rows, files and failures.", min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Restore drill on a real PostgreSQL: back up, write, fail, restore, verify; each part timed and predicted.

    It seeds a database of its own, or takes that of a staging, which three things must say it is: the staging file, its
    name, and the mark inside it. Exit status 3 where what was committed did not come back.
    """
    check_installed()
    from datetime import UTC, datetime

    from dfr_sizing.drill.predict import profile_of
    from dfr_sizing.drill.report import as_json as outcome_json
    from dfr_sizing.drill.report import as_text, prediction_for
    from dfr_sizing.drill.types import Asked
    from dfr_sizing.drill.workspace import clean as clean_up
    from dfr_sizing.errors import InputError
    from dfr_sizing.recovery.profile import LINKS, read_profile, write_profile

    if clean:
        say(f"{clean_up(folder)}\n")
        return
    if link not in LINKS:
        raise InputError("--link", link, " or ".join(LINKS), "give one of them")
    asked = Asked(
        folder=folder, size_bytes=_bytes(size), seed=seed, kills=kills, archive_timeout_s=archive_timeout,
        compress=compress, tool=tool, postgresql=postgresql, remote=remote, smaller=profile is None,
        at_most_s=minutes * 60.0,
    )  # fmt: skip
    given = read_profile(profile) if profile else None
    outcome = _drilled(asked, staging)
    today = datetime.now(UTC).date()
    told = outcome_json(outcome, prediction_for(outcome, given, today))
    if output is not None and outcome.passed:
        write_profile(output, profile_of(outcome.rounds, outcome.facts, today, link if remote else ""))
    say(json.dumps(told, indent=2) + "\n" if as_json else as_text(told))
    if not outcome.passed:
        raise typer.Exit(NOT_PASSED)


def _drilled(asked: Asked, staging: Path | None) -> Outcome:
    """The drill itself, on a database of its own or on a staging; Ctrl-C gives it time to clear up."""
    from dfr_sizing.cli.stop import allow, last_word

    last_word("stopped; nothing of the drill is left.")
    allow(CLEAR_AT_MOST_S)
    if staging is None:
        from dfr_sizing.drill.run import run_drill

        return run_drill(asked, _tell)
    from dfr_sizing.drill.staged import drill_staging
    from dfr_sizing.staging.target import read_staging

    return drill_staging(read_staging(staging), asked, _tell)


def _tell(phase: str, number: int) -> None:
    """Where somebody watches. Raises Stopped where the signal fell into a fork, whose hooks drop what is raised."""
    if is_stopped():
        raise Stopped
    if sys.stderr.isatty():
        sys.stderr.write(f"\rround {number}: {phase:10}")
        sys.stderr.flush()


def _bytes(text: str) -> int:
    from dfr_sizing.errors import InputError

    told = re.fullmatch(r"([0-9_]+(?:[.][0-9]+)?(?:e[0-9]{1,2})?)\s*([a-z]*)", text.strip().lower())
    if told is None or told[2] not in UNITS:
        raise InputError("--size", text, "a size", "write for instance 50MB or 2GB")
    return int(float(told[1]) * UNITS[told[2]])
