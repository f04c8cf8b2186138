"""Sentences about recovery that the terminal and the plan share."""

from __future__ import annotations

from dfr_sizing.plan.latency import class_title
from dfr_sizing.plan.words import number, share, spread
from dfr_sizing.recommend.recovery_types import CableCut, Felt, RecoveryFacts


def cable_sentence(cut: CableCut) -> str:
    """What a cut of the only cable does to users of an overseas host."""
    return (
        f"Cable: for users outside {cut.country} behind one cable, a cut of {cut.days:g} days leaves "
        f"{share(cut.year_availability, 1)} of that year; in a long run {share(cut.availability.mean, 2)} with the "
        f"cable in series. No second site beyond it helps. Devices hold {number(cut.records)} records at its end; "
        f"--set campaign.outage_days={cut.days:g} tries the day after."
    )


def backups_sentence(facts: RecoveryFacts) -> str:
    """What backups take in store, and when they are made."""
    kept, made = facts.backups, facts.window
    total = kept.total_gib
    said = (
        f"Backups ({kept.schedule}): {kept.copies} kept in year 5; {number(total[0])} GiB with WAL in year 1 to "
        f"{number(total[-1])} GiB in year 5, compressed. "
    )
    if made.hours is None or made.disk_share is None:
        return said + f"Window: {made.note}."
    return said + (
        f"Window: {number(made.hours)} h a day at {share(made.disk_share)} of the disk's MB/s; {made.note}."
        f"{_felt(facts.felt)}"
    )


def _felt(felt: Felt | None) -> str:
    """What users feel of it."""
    if felt is None:
        return ""
    beside, alone = felt.beside, felt.without
    return (
        f" Busiest hour that it reaches into, from {felt.hour}:00 ({felt.situation}): p95 of "
        f"{class_title(felt.class_name)} "
        f"{spread(beside.low, beside.high, 's')} beside it, {spread(alone.low, alone.high, 's')} without."
    )
