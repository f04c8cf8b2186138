"""A disk of one's own, measured from the command line, takes its place in the catalogue and in a deployment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dfr_sizing.catalogue import Catalogue, Role, load_catalogue
from dfr_sizing.ledger import Label
from dfr_sizing.storage import volume_limits
from dfr_sizing.storage.entry import read_disk
from dfr_sizing.storage.raid import Raid, _figures, raid_disk
from dfr_sizing.topology import Volume, limits_of, simulated_disk

PROBE = (sys.executable, "-c", "from dfr_sizing.cli import main; main()", "probe", "disk")
ON = date(2026, 11, 23)


def offered(catalogue: Catalogue, provider: str) -> list[str]:
    place = next(place for place in catalogue.places if place.provider == provider)
    return [disk.name for disk, _ in catalogue.disks_at(place, Role.DATABASE)]


@pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")
def test_the_command_measures_a_disk_that_the_catalogue_takes(tmp_path: Path) -> None:
    out = tmp_path / "raid.toml"
    ran = subprocess.run(
        [*PROBE, str(tmp_path), "--out", str(out), "--name", "data-raid", "--gib", "800", "--size-mib", "16",
         "--seconds", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "IOPS" in ran.stdout.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [out]
    disk = read_disk(out)
    assert (disk.name, disk.max_gib, disk.date.year >= 2026) == ("data-raid", 800, True)
    assert "fio-" in disk.source
    assert offered(load_catalogue(disks=[disk]), "on-premises") == ["data-raid"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--name", "two words"], "--name is two words, but must be letters, digits, dots and dashes"),
        (["--out", "none/disk.toml"], "--out is none/disk.toml, but must be a file in an existing folder"),
        (["--size-mib", "1"], "see dfr-size --help"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(tmp_path: Path, options: list[str], words: str) -> None:
    ran = subprocess.run([*PROBE, str(tmp_path), *options], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_own_disks_replace_those_of_their_place_only() -> None:
    raid = raid_disk(Raid(10, 8, 1000, 10_000), 0.3, "raid10", ON)
    catalogue = load_catalogue(disks=[raid])
    assert offered(catalogue, "on-premises") == ["raid10"]
    assert offered(catalogue, "aws") == offered(load_catalogue(), "aws")
    place = next(place for place in catalogue.places if place.provider == "on-premises")
    assert catalogue.price(place, "raid10", "gib-month") == replace(
        load_catalogue().price(place, "server-ssd", "gib-month"), item="raid10"
    )
    dearer = load_catalogue({"ssd_usd_per_gib": 0.6}, [raid])
    assert dearer.price(place, "raid10", "gib-month").usd > catalogue.price(place, "raid10", "gib-month").usd


def test_a_deployments_disk_is_the_least_of_volume_and_instance() -> None:
    catalogue = load_catalogue()
    gp3 = next(disk for disk in catalogue.disks if disk.name == "rds-gp3")
    database = next(size for size in catalogue.instances if size.name == "db.m5.xlarge")
    volume = Volume(gp3, 400, 400, 12_000, 500.0)
    limits = limits_of(volume, database)
    assert limits == volume_limits(gp3, 400, database)
    disk = simulated_disk(limits, gp3)
    assert (disk.iops, disk.write_bytes_per_s) == (6000.0, 143.75e6)
    # 6,000 pages are 49 MB: bytes cannot be fewer, and there is no burst to be had without credits
    assert (disk.bytes_per_s, disk.iops_burst, disk.bytes_burst) == (float("inf"), None, None)
    charged = simulated_disk(limits, gp3, charged=0.25)
    assert charged.iops_burst is not None
    assert charged.iops_burst.rate == 12_000.0
    assert charged.iops_burst.at_start == pytest.approx(0.25 * charged.iops_burst.most)


def test_bytes_limit_where_they_may_be_fewer() -> None:
    catalogue = load_catalogue()
    io2 = next(disk for disk in catalogue.disks if disk.name == "rds-io2")
    limits = volume_limits(io2, 1000, None, iops=64_000)
    assert simulated_disk(limits, io2).bytes_per_s == 500e6  # 64,000 pages are 524 MB


def test_the_figures_of_hard_disks_have_a_source_and_a_label() -> None:
    for section in _figures().values():
        assert len(section["source"]) > 20
        assert Label(section["label"])
        assert section["unit"]
