"""A RAID of hard disks: what it does, from the disks' speed and seek times; as a row of the catalogue."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from dfr_sizing.catalogue.types import DiskType
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.storage.own import own_disk

FEWEST = {0: 1, 1: 2, 5: 3, 6: 4, 10: 4}
"""Disks that a level needs at least, by the level's construction."""
_TAIL = 0.05


@dataclass(frozen=True, slots=True)
class Raid:
    """``disks`` hard disks of ``gib`` GiB and ``rpm`` revolutions a minute in a RAID of a level.

    ``cached``: its controller has a battery-backed write cache, so that a flush does not wait for the disks.
    """

    level: int
    disks: int
    gib: int
    rpm: int
    cached: bool = False

    def __post_init__(self) -> None:
        if self.level not in FEWEST:
            raise InputError("RAID level", self.level, "one of 0, 1, 5, 6, 10", "name the level of the controller")
        if self.disks < FEWEST[self.level] or (self.level in (1, 10) and self.disks % 2):
            even = " and even" if self.level in (1, 10) else ""
            raise InputError(
                f"disks of RAID {self.level}", self.disks, f"{FEWEST[self.level]} or more{even}", "count spares apart"
            )
        if str(self.rpm) not in _figures()["mb_per_s"]:
            raise InputError("rpm", self.rpm, "one of 7200, 10000, 15000", "measure others with dfr-size probe disk")

    @property
    def data_disks(self) -> int:
        """Disks' worth of data."""
        return {0: self.disks, 1: self.disks // 2, 10: self.disks // 2, 5: self.disks - 1, 6: self.disks - 2}[
            self.level
        ]

    @property
    def write_penalty(self) -> int:
        """Operations on disks for one write."""
        return int(_figures()["write_penalty"][str(self.level)])


def disk_iops(rpm: int) -> float:
    """Random reads a second of one hard disk: a seek and half a revolution each.

    >>> round(disk_iops(7200)), round(disk_iops(15000))
    (79, 185)
    """
    return 1e3 / _service_ms("read", rpm).mid


def raid_iops(raid: Raid, write_share: float) -> float:
    """Operations a second that a RAID does of a mix with this share of writes: n x disk / (reads + penalty x writes).

    Chen et al. 1994, section 3.2: all disks serve, and a small write takes ``write_penalty`` of their operations.
    """
    if not 0.0 <= write_share <= 1.0:
        raise InputError("share of writes", write_share, "from 0 to 1", "writes over reads and writes")
    return raid.disks * disk_iops(raid.rpm) / (1.0 - write_share + raid.write_penalty * write_share)


def raid_disk(raid: Raid, write_share: float, name: str, on: date) -> DiskType:
    """The RAID as a disk of one's own for a database, at a mix with this share of writes.

    A read takes a seek and half a revolution in the mean; a write so too, and with parity twice: the old is read first.
    """
    figures = _figures()
    iops = int(raid_iops(raid, write_share))
    mb_per_s = float(raid.data_disks * figures["mb_per_s"][str(raid.rpm)])
    write = _service_ms("write", raid.rpm).scaled(2.0 if raid.level in (5, 6) else 1.0)
    if raid.cached:
        write = Interval(*map(float, figures["cached_write"]["milliseconds"]))
    source = f"computed: RAID {raid.level} of {raid.disks} disks at {raid.rpm} rpm, {write_share:.0%} writes"
    read = _service_ms("read", raid.rpm)
    return own_disk(name, raid.data_disks * raid.gib, iops, mb_per_s, read, write, source, on)


def _service_ms(kind: str, rpm: int) -> Interval:
    """Seek and rotation: in the mean half a revolution; the head's target is anywhere on its track (uniform)."""
    short, mean, long = map(float, _figures()["seek"][str(rpm)][kind])
    revolution = 60e3 / rpm
    return Interval(short + _TAIL * revolution, mean + revolution / 2.0, long + (1.0 - _TAIL) * revolution)


@cache
def _figures() -> dict[str, Any]:
    text = resources.files("dfr_sizing").joinpath("data", "hard_disks.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
