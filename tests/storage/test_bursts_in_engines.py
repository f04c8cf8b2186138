"""The engines' disk bursts as long as the providers say: a saturated volume of the catalogue, in both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dfr_sizing.catalogue import DiskType, InstanceType, load_catalogue
from dfr_sizing.simulation import compiled, reference
from dfr_sizing.simulation.system import Cpu, Disk, Requests, System, Trace
from dfr_sizing.storage import volume_limits
from dfr_sizing.storage.buckets import phases_of
from dfr_sizing.topology import simulated_disk

CATALOGUE = load_catalogue()
Engine = Callable[[System, Requests, float], Trace]

both_engines = pytest.mark.parametrize(
    "simulate", [reference.simulate_open, compiled.simulate_open], ids=["reference", "compiled"]
)


def disk(name: str) -> DiskType:
    return next(disk for disk in CATALOGUE.disks if disk.name == name)


def instance(name: str) -> InstanceType | None:
    return next((size for size in CATALOGUE.instances if size.name == name), None)


def answered(simulate: Engine, volume: Disk, pages: list[float]) -> list[float]:
    """When reads of so many pages, all asked at 0, are there; the latency of single pages left out.

    One reader who takes page after page would wait for each: it takes many to saturate a volume, and they hide it.
    """
    volume = replace(volume, read_latency_s=0.0)
    n, nothing, ones = len(pages), np.zeros(len(pages)), np.ones(len(pages), dtype=np.int64)
    stream = Requests(
        class_names=("read",), class_index=np.zeros(n, dtype=np.int64), arrival_s=nothing, think_s=nothing,
        app_cpu_s=nothing, database_cpu_s=nothing, client_cpu_s=nothing, rounds=ones, threads=ones,
        reads=np.array(pages), wal_bytes=nothing, flush_factor=np.ones(n), statements=nothing,
        background=np.zeros(n, dtype=bool),
    )  # fmt: skip
    system = System((Cpu(1), Cpu(1)), (0,), 1, n, 10, 0, volume)
    return [float(at) for at in simulate(system, stream, 1e6).answered_s]


# the documented seconds of burst; sources and words are beside each in test_volume_limits.py
@both_engines
@pytest.mark.parametrize(
    ("name", "gib", "host", "iops", "burst", "seconds", "base"),
    [
        ("gp2", 33, "", None, 3000, 1862, 100),
        ("gp2", 100, "", None, 3000, 2000, 300),
        ("gp2", 750, "", None, 3000, 7200, 2250),
        ("rds-gp2", 100, "db.m6i.xlarge", None, 3000, 2000, 300),
        ("rds-gp2", 400, "db.m6i.4xlarge", None, 12_000, 2000, 1200),
        ("pg-flex-ssd-p20", 512, "GP_Standard_D4ds_v5", None, 3500, 1800, 2300),
        ("premium-ssd-p10", 128, "", None, 3500, 1800, 500),
        ("rds-io2", 1000, "db.m5.large", 64_000, 18_750, 1800, 3600),
    ],
)
def test_a_saturated_volume_bursts_as_long_as_documented(
    simulate: Engine, name: str, gib: int, host: str, iops: int | None, burst: int, seconds: int, base: int
) -> None:
    limits = volume_limits(disk(name), gib, instance(host), iops=iops, mb_per_s=4000 if iops else None)
    volume = simulated_disk(limits, disk(name), charged=1.0)
    lasts = limits.operations.lasts_s()
    assert round(lasts) == seconds
    full, minute = answered(simulate, volume, [burst * lasts, 60.0 * base])
    assert (full, minute) == pytest.approx((lasts, lasts + 60.0), rel=1e-9)


@both_engines
def test_what_is_half_charged_bursts_half_as_long_and_uncharged_not_at_all(simulate: Engine) -> None:
    limits = volume_limits(disk("gp2"), 100)
    half = simulated_disk(limits, disk("gp2"), charged=0.5)
    assert answered(simulate, half, [3000.0 * 1000.0, 300.0]) == pytest.approx([1000.0, 1001.0])
    none = simulated_disk(limits, disk("gp2"))
    assert none.iops_burst is None
    assert answered(simulate, none, [300.0 * 10.0]) == pytest.approx([10.0])


@both_engines
@pytest.mark.parametrize("iops", [3000, 5000, 12_000, 64_000])
def test_no_more_passes_than_volume_and_instance_let_through(simulate: Engine, iops: int) -> None:
    # bought IOPS below the instance's base, between its rates, and above its burst
    limits = volume_limits(disk("rds-io2"), 1000, instance("db.m5.large"), iops=iops)
    volume = simulated_disk(limits, disk("rds-io2"), charged=1.0)
    for pages in (1e5, 1e7, 1e8):
        allowed, left = 0.0, pages
        for rate, seconds in phases_of(limits.operations.apart):
            taken = min(left, rate * seconds)
            allowed, left = allowed + taken / rate, left - taken
        assert answered(simulate, volume, [pages]) == pytest.approx([allowed])
