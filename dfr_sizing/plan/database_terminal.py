"""The database explained on the terminal: operations by kind, the limits in order, hit ratio against memory."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

from dfr_sizing.plan.recovery_terminal import WIDEST, table
from dfr_sizing.plan.words import NO_DATA, about, number, share, year
from dfr_sizing.recommend.database_types import DatabaseAdvice
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.topology import GIB

_MB = 1e6
KINDS = ("reads", "wal", "checkpoint", "vacuum", "backup", "total")
"""Fields of Operations, in the order of the request path."""


def show_database(r: Recommendation, console: Console) -> None:
    """Print what the database's disk is asked for, what binds, and what more memory would bring."""
    width = min(console.width, WIDEST)
    for block in _blocks(r):
        console.print(block, width=width)


def _blocks(r: Recommendation) -> Iterable[RenderableType]:
    advice, topology = r.database, r.recommended.topology
    if advice is None:
        yield Text(f"Database: {NO_DATA}")
        return
    said = f"Database of {topology.title}: {topology.storage_gib:,} GiB, {topology.iops:,} IOPS"
    yield Text(f"{said}; {r.farmers_design:,.0f} farmers in year 5", style="bold")
    yield Text("Operations a second on the disk, in the busiest hour")
    yield _operations(advice)
    yield Text(f"Backup: {advice.backup_note}.")
    yield ""
    yield from _limits(advice)
    yield ""
    yield Text(f"Memory: pages found without the disk, at {share(r.iops.miss_ratio, 1)} missed as recommended")
    yield _memory(advice, topology.database.memory_gib)
    yield Text(_growing(advice))


def _operations(advice: DatabaseAdvice) -> RenderableType:
    found = table("", *(str(each.situation) for each in advice.operations))
    for kind in KINDS:
        title = {"wal": "WAL flushes", "checkpoint": "checkpoint writes", "total": "all"}.get(kind, kind)
        found.add_row(title, *(number(getattr(each, kind)) for each in advice.operations))
    found.add_row("all, MB/s", *(number(each.bytes_per_s / _MB) for each in advice.operations))
    return found


def _limits(advice: DatabaseAdvice) -> Iterable[RenderableType]:
    binds, then = advice.limits[:2]
    yield Text.assemble(
        ("Binds first: ", "bold"),
        f"{binds.name}, {share(binds.share)} in the worst hour, full at {about(binds.full_at_farmers)} farmers. ",
        ("Next: ", "bold"),
        f"{then.name}, {share(then.share)}, full at {about(then.full_at_farmers)}.",
    )
    rest = "; ".join(f"{each.name} {share(each.share)}" for each in advice.limits[2:])
    yield Text(f"Then: {rest}", style="dim")


def _memory(advice: DatabaseAdvice, bought_gib: float) -> RenderableType:
    found = table("memory, GiB", "hit ratio", "reads/s", "")
    for each in advice.memory:
        gib = each.memory_bytes / GIB
        mark = "recommended" if gib == bought_gib else ""
        found.add_row(number(gib), share(each.hit_ratio, 1), number(each.reads_per_s), mark)
    return found


def _growing(advice: DatabaseAdvice) -> str:
    last = advice.years[-1].held
    touched = f"The hour touches {number(last.working_set_bytes / GIB)} GiB in year 5"
    if advice.leaves_memory is None:
        return f"{touched}; memory holds that in every year."
    return f"{touched}; it is more than memory holds from {year(advice.leaves_memory)} on."
