"""CPU time by group of processes, from Linux's /proc: what Odoo, PostgreSQL and the load generator used.

A process that ends hands its CPU time on to the one that waits for it (cutime and cstime of its parent). PostgreSQL's
parallel workers live for milliseconds, less than the time between two looks: they are only seen that way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

GROUPS = ("odoo", "postgresql", "generator")
OTHER = "other"

PROC = Path("/proc")
ODOO = {"odoo", "odoo-bin", "odoo.py", "openerp", "openerp-server", "dfr_sizing.staging.serve"}
STAND_IN = {"dfr-size", "dfr_sizing"}
POSTGRESQL = {"postgres", "postmaster"}
GENERATOR = {"locust"}
OURSELVES = {"dfr_sizing.recording.watch"}
OPTIONS_WITH_VALUE = {"-W", "-X"}
"""Options of python that take the next argument."""

Key = tuple[int, int]
"""A process: its number, and its start in clock ticks after boot, for numbers are used again."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process at one look. CPU time in clock ticks: its own, and that of children it has waited for."""

    key: Key
    parent: int
    name: str
    own: int
    reaped: int
    group: str = OTHER

    @property
    def total(self) -> int:
        """What has been used by it and by those it has waited for."""
        return self.own + self.reaped


class ProcessTable:
    """All processes of this host, each with its group. A command line is only read when a process is new.

    ``roots`` gives the group of some by number: what the load generator is called is up to who started it. A process
    that says nothing by itself belongs where its parent does.
    """

    def __init__(self, roots: Mapping[int, str] | None = None, proc: Path = PROC) -> None:
        self._roots = roots or {}
        self._proc = proc
        self._known: dict[Key, tuple[str, str]] = {}

    def look(self) -> dict[Key, Process]:
        """All processes that live now, in ascending order of their numbers."""
        found = {}
        groups: dict[int, str] = {}
        # Children first, mostly: one that is reaped between the two readings is then counted twice for once, which
        # the next look puts right; in the other order it would be missing for once.
        numbers = sorted((int(path.name) for path in self._proc.iterdir() if path.name.isdecimal()), reverse=True)
        seen = [process for number in numbers if (process := _read(self._proc, number)) is not None]
        for process in reversed(seen):
            name, group = self._known.get(process.key, ("", ""))
            if name != process.name:  # new, or it runs another program by now
                group = self._group(process, groups)
            groups[process.key[0]] = group
            found[process.key] = Process(process.key, process.parent, process.name, process.own, process.reaped, group)
        self._known = {key: (process.name, process.group) for key, process in found.items()}
        return found

    def _group(self, process: Process, groups: Mapping[int, str]) -> str:
        number = process.key[0]
        if number in self._roots:
            return self._roots[number]
        return group_of(_arguments(self._proc, number)) or groups.get(process.parent, OTHER)


def used(before: Mapping[Key, Process], now: Mapping[Key, Process]) -> dict[str, int]:
    """CPU time in clock ticks that each group used between two looks.

    It may be slightly below zero at one look and above at the next: see ProcessTable.look. The sum is right.
    """
    ticks = dict.fromkeys((*GROUPS, OTHER), 0)
    for key, process in now.items():
        earlier = before.get(key)
        ticks[process.group] += process.total - (earlier.total if earlier else 0)
    were = {process.key[0]: process for process in before.values()}
    are = {process.key[0]: process for process in now.values()}
    for key, ended in before.items():
        heir = None if key in now else _heir(ended, were, are)
        if heir is not None:  # its children's time now holds what was already counted with the one that ended
            ticks[heir.group] -= ended.total
    return ticks


def _heir(ended: Process, were: Mapping[int, Process], are: Mapping[int, Process]) -> Process | None:
    """Who has been handed the CPU time of a process: its nearest forebear that was there before and lives."""
    parent: Process | None = ended
    while parent is not None:
        heir = are.get(parent.parent)
        if heir is not None:
            same = were.get(parent.parent)
            return heir if same is not None and same.key == heir.key else None
        parent = were.get(parent.parent)
    return None


def group_of(arguments: Sequence[str]) -> str | None:
    """The group that a command line tells, or None."""
    program, rest = _program(arguments)
    if program in OURSELVES:
        return OTHER
    if program in GENERATOR:
        return "generator"
    if program in POSTGRESQL:
        return "postgresql"
    if program in ODOO or (program in STAND_IN and rest[:1] == ["staging"]):
        return "odoo"
    return None


def _program(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """What runs, and its arguments: the script or module where the command is python, else the command."""
    first, *rest = list(arguments) or [""]
    # Odoo and PostgreSQL write their own titles: "odoo: WorkerHTTP 17", "postgres: checkpointer".
    program = PurePosixPath(first.split(":", 1)[0].split(" ", 1)[0]).name
    if not program.startswith("python"):
        return program, rest
    while rest:
        word = rest.pop(0)
        if word == "-m":
            return (rest[0] if rest else ""), rest[1:]
        if word in OPTIONS_WITH_VALUE:
            del rest[:1]
        elif not word.startswith("-"):
            return PurePosixPath(word).name, rest
        elif word == "-c":
            break
    return program, rest


def _arguments(proc: Path, number: int) -> list[str]:
    with suppress(OSError):
        text = (proc / str(number) / "cmdline").read_bytes().decode(errors="replace")
        return text.rstrip("\0").split("\0")
    return []


def _read(proc: Path, number: int) -> Process | None:
    """A process from its stat file (proc_pid_stat(5)), or None where it has ended meanwhile."""
    try:
        with open(f"{proc}/{number}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - thousands of times a look
            text = file.read(1024)
    except OSError:
        return None
    # The name is in brackets and may itself hold any character.
    head, _, tail = text.rpartition(b")")
    values = tail.split()
    utime, stime, cutime, cstime = map(int, values[11:15])
    name = head.partition(b"(")[2].decode(errors="replace")
    return Process((number, int(values[19])), int(values[1]), name, utime + stime, cutime + cstime)
