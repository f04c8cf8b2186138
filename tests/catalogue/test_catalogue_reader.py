"""A row that is not sound is refused by file and line."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dfr_sizing.catalogue
from dfr_sizing.catalogue import load_catalogue, read_catalogue

DATA = Path(dfr_sizing.catalogue.__file__).parent / "data"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def change_cell(file: Path, line: int, column: str, value: str) -> None:
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    rows[line - 1][rows[0].index(column)] = value
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def test_a_copy_reads_as_the_shipped_files_do(copy: Path) -> None:
    assert read_catalogue(copy) == load_catalogue()


@pytest.mark.parametrize(
    ("file", "line", "column", "value", "problem"),
    [
        ("prices_aws.csv", 7, "usd", "-0.192", "usd is -0.192, but must be a number from 0"),
        ("prices_aws.csv", 7, "usd", "0", "usd is 0, but must be above 0"),
        ("prices_aws.csv", 7, "usd", "nan", "usd is nan"),
        ("prices_aws.csv", 7, "usd", "cheap", "usd is 'cheap', but must be a number"),
        ("prices_gcp.csv", 2, "source", " ", "source is missing"),
        ("prices_gcp.csv", 3, "date", "July 2026", "date is 'July 2026', but must be a date"),
        (
            "prices_gcp.csv",
            3,
            "term",
            "2-year",
            "term is '2-year', but must be one of on-demand, sustained-use, 1-year, 3-year",
        ),
        ("prices_gcp.csv", 3, "unit", "day", "unit is 'day'"),
        ("prices_azure.csv", 4, "label", "guessed", "label is 'guessed'"),
        ("prices_azure.csv", 4, "provider", "azur", "provider is 'azur'"),
        ("prices_azure.csv", 4, "region", "atlantis", "azure/atlantis is not in places.csv"),
        ("prices_azure.csv", 4, "item", "Standard_D4s_v99", "neither an instance, a disk nor a service"),
        ("prices_azure.csv", 4, "item", "egress", "'egress' is priced per gb, not per hour"),
        ("places.csv", 5, "date", "", "date is missing"),
        ("instances.csv", 10, "vcpus", "2.5", "vcpus is 2.5, but must be a whole number"),
        ("instances.csv", 10, "core_speed_low", "9", "core_speed must have low <= mid <= high"),
        ("instances.csv", 10, "role", "cache", "role is 'cache'"),
        ("disks.csv", 3, "max_mb_per_s", "0", "max_mb_per_s is 0, but must be above 0"),
        ("disks.csv", 3, "burst_credits", "0", "a burst needs burst_credits or burst_minutes"),
        ("disks.csv", 5, "stripes", "1", "stripes is 1, but must be 2 or more of a disk that stripes"),
        ("instances.csv", 2, "burst_minutes", "0", "burst_disk_iops and burst_minutes go together"),
    ],
)
def test_a_bad_cell_is_refused_by_file_and_line(
    copy: Path, file: str, line: int, column: str, value: str, problem: str
) -> None:
    change_cell(copy / file, line, column, value)
    with pytest.raises(ValueError, match=f"{file}, line {line}: .*") as caught:
        read_catalogue(copy)
    assert problem in str(caught.value)


@pytest.mark.parametrize("file", ["places.csv", "instances.csv", "disks.csv", "prices_gcp.csv"])
def test_a_duplicate_row_is_refused(copy: Path, file: str) -> None:
    lines = (copy / file).read_text(encoding="utf-8").splitlines()
    (copy / file).write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"{file}, line {len(lines) + 1}: a duplicate"):
        read_catalogue(copy)


def test_a_cut_row_is_refused(copy: Path) -> None:
    lines = (copy / "disks.csv").read_text(encoding="utf-8").splitlines()
    lines[3] = lines[3].rpartition(",")[0]
    (copy / "disks.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"disks.csv, line 4: 30 cells, but 31 columns"):
        read_catalogue(copy)


def test_another_header_is_refused(copy: Path) -> None:
    text = (copy / "places.csv").read_text(encoding="utf-8")
    (copy / "places.csv").write_text(text.replace("country", "nation", 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"places.csv, line 1: the columns are provider,region,city,nation"):
        read_catalogue(copy)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("date = 2026-11-23", "", "own_hosting.toml: date is missing"),
        ("mid = 220.0", "", r"own_hosting.toml, \[core_usd\]"),
        ("mid = 220.0", "mid = 20.0", r"own_hosting.toml, \[core_usd\].*low <= mid"),
        ("low = 120.0", "low = 0.0", r"own_hosting.toml, \[core_usd\]: low is 0"),
        ('label = "assumed"', 'label = "sure"', r"own_hosting.toml, \[core_usd\].*sure"),
    ],
)
def test_bad_own_hosting_inputs_are_refused(copy: Path, old: str, new: str, problem: str) -> None:
    file = copy / "own_hosting.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=problem):
        read_catalogue(copy)


def test_the_shipped_catalogue_is_read_once() -> None:
    assert load_catalogue() is load_catalogue({})


def test_importing_the_catalogue_does_not_import_pandas_or_numpy() -> None:
    code = "import sys, dfr_sizing.catalogue; print(sorted({'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
