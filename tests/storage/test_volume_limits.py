"""What the providers document of their volumes and instances, to the figure; each with its source and words."""

from __future__ import annotations

import math

import pytest

from dfr_sizing.catalogue import DiskType, InstanceType, disk_ceiling, load_catalogue
from dfr_sizing.storage import volume_limits
from dfr_sizing.storage.buckets import Bucket

CATALOGUE = load_catalogue()
MINUTES = 60.0


def disk(name: str) -> DiskType:
    return next(disk for disk in CATALOGUE.disks if disk.name == name)


def instance(name: str) -> InstanceType:
    return next(size for size in CATALOGUE.instances if size.name == name)


def operations(name: str, gib: float) -> Bucket:
    return volume_limits(disk(name), gib).operations.bucket


# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/general-purpose.html: "Volumes have an I/O credit accrual limit of
# 5.4 million I/O credits, which is enough to sustain the maximum burst performance of 3,000 IOPS for at least 30
# minutes", "Burst duration = (I/O credit balance) / ((Burst IOPS) - (Baseline IOPS))", and its table of volume sizes.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html has 250 and 500 GiB besides.
GP2 = [(1, 100, 1862, 54_000), (33, 100, 1862, 54_000), (100, 300, 2000, 18_000), (250, 750, 2400, 7200),
       (334, 1002, 2703, 5389), (500, 1500, 3600, 3600), (750, 2250, 7200, 2400)]  # fmt: skip


@pytest.mark.parametrize(("gib", "baseline", "burst_s", "refill_s"), GP2)
def test_gp2_bursts_and_refills_as_its_table_says(gib: int, baseline: int, burst_s: int, refill_s: int) -> None:
    bucket = operations("gp2", gib)
    assert (bucket.rate, bucket.burst_rate, bucket.most) == (baseline, 3000.0, 5.4e6)
    assert (round(bucket.lasts_s()), round(bucket.refills_s())) == (burst_s, refill_s)
    assert bucket.lasts_s() >= 30 * MINUTES


@pytest.mark.parametrize(("gib", "iops"), [(1000, 3000), (5334, 16_000), (16_384, 16_000)])
def test_gp2_whose_baseline_reaches_its_burst_has_none(gib: int, iops: int) -> None:
    # the same table: "The baseline performance of the volume exceeds the maximum burst performance"
    assert operations("gp2", gib) == Bucket.steady(iops)


@pytest.mark.parametrize(
    ("gib", "iops", "burst_iops", "mb_per_s"),
    [(399, 1197, 3000, 250.0), (400, 1200, 12_000, 512.0), (1335, 4005, 12_000, 1000.0), (1336, 4008, 12_000, 1000.0),
     (3999, 11_997, 12_000, 1000.0), (4000, 12_000, 12_000, 1000.0), (65_536, 64_000, 64_000, 1000.0)],
)  # fmt: skip
def test_rds_gp2_is_four_volumes_from_400_gib(gib: int, iops: int, burst_iops: int, mb_per_s: float) -> None:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html, gp2 storage: MariaDB, MySQL and
    # PostgreSQL 5-399 GiB "100-1,197 IOPS", "3,000 IOPS" burst; 400-1,335 GiB "1,200-4,005 IOPS", "512-1,000 MiB/s",
    # "12,000"; 1,336-3,999 GiB "4,008-11,997"; 4,000-65,536 GiB "12,000-64,000 IOPS", N/A
    limits = volume_limits(disk("rds-gp2"), gib)
    bucket = limits.operations.bucket
    assert (bucket.rate, bucket.burst_rate) == (iops, burst_iops)
    assert limits.bytes.bucket.rate == mb_per_s * 1e6


@pytest.mark.parametrize(("gib", "iops", "mb_per_s"), [(20, 3000, 125), (399, 3000, 125), (400, 12_000, 500)])
def test_rds_gp3_is_four_volumes_from_400_gib(gib: int, iops: int, mb_per_s: int) -> None:
    # the same page: PostgreSQL "Less than 400 GiB: 3,000 IOPS/125 MiBps", "400 GiB and higher: 12,000 IOPS/500 MiBps"
    limits = volume_limits(disk("rds-gp3"), gib)
    assert limits.operations.bucket == Bucket.steady(iops)
    assert limits.bytes.bucket == Bucket.steady(mb_per_s * 1e6)


@pytest.mark.parametrize(
    ("name", "gib", "ceiling"),
    [
        # general-purpose.html: "at a ratio of 500 IOPS per GiB", "500 IOPS per GiB x 32 GiB = 16,000 IOPS"
        ("gp3", 4, (3000, 750.0)), ("gp3", 8, (4000, 1000.0)), ("gp3", 32, (16_000, 2000.0)),
        # provisioned-iops.html: "an IOPS:GiB ratio of 1,000:1. [...] (1,000 IOPS x 256 GiB = 256,000 IOPS)", "up to
        # 0.256 MiB/s per provisioned IOPS. Maximum throughput can be achieved at 16,000 IOPS or higher"
        ("io2", 256, (256_000, 4000.0)), ("io2", 16, (16_000, 4000.0)), ("io2", 4, (4000, 1024.0)),
        # https://learn.microsoft.com/azure/virtual-machines/disks-types: "an 8 GiB disk can have up to 4,000 IOPS, and
        # a 10 GiB can have up to 5,000 IOPS. To be able to set 80,000 IOPS on a disk, that disk must have at least 160
        # GiBs"; "0.25 MB/s per set IOPS": 750 MB/s at 3,000 IOPS, 1,200 MB/s from 4,800
        ("premium-ssd-v2", 6, (3000, 750.0)), ("premium-ssd-v2", 8, (4000, 1000.0)),
        ("premium-ssd-v2", 10, (5000, 1200.0)), ("premium-ssd-v2", 160, (80_000, 1200.0)),
        ("hyperdisk-balanced", 6, (3000, 2400.0)), ("hyperdisk-balanced", 320, (160_000, 2400.0)),
    ],
)  # fmt: skip
def test_no_more_can_be_bought_than_the_ratio_of_size_allows(name: str, gib: int, ceiling: tuple[int, float]) -> None:
    assert disk_ceiling(disk(name), gib) == ceiling


def test_what_is_free_of_charge() -> None:
    # disks-types: "a baseline IOPS of 3000 that is free of charge", "a baseline throughput of 125 MB/s that is free of
    # charge"; https://cloud.google.com/compute/docs/disks/hd-types/hyperdisk-balanced: "include, at no extra charge, up
    # to 3,000 IOPS and 140 MiB/s"; https://cloud.google.com/compute/docs/disks/performance: "30" IOPS and "0.48"
    # MiB/s per GiB of zonal SSD PD, "6" and "0.28" of balanced PD
    found = {
        name: (limits.operations.bucket.rate, limits.bytes.bucket.rate / 1e6)
        for name in ("premium-ssd-v2", "hyperdisk-balanced", "pd-ssd", "pd-balanced")
        if (limits := volume_limits(disk(name), 100))
    }
    assert found == {
        "premium-ssd-v2": (3000, 125),
        "hyperdisk-balanced": (3000, 140),
        "pd-ssd": (3000, 48),
        "pd-balanced": (3600, 168),
    }


@pytest.mark.parametrize("name", ["premium-ssd-p20", "pg-flex-ssd-p20"])
def test_p20_bursts_for_30_minutes(name: str) -> None:
    # https://learn.microsoft.com/azure/virtual-machines/disks-types, Premium SSD sizes: P20 "2,300", "150 MB/s",
    # "3,500", "170 MB/s", "30 min"; disk-bursting: "These credits allow you to burst for up to 30 minutes at the
    # maximum burst rate", "an idling P20 disk would accrue 2,300 IOPS per second"
    limits = volume_limits(disk(name), 512)
    assert limits.operations.bucket == Bucket(2300.0, 3500.0, 1200.0 * 1800.0)
    assert limits.bytes.bucket == Bucket(150e6, 170e6, 20e6 * 1800.0)
    assert limits.operations.bucket.lasts_s() == limits.bytes.bucket.lasts_s() == 30 * MINUTES
    assert limits.operations.bucket.refills_s() == pytest.approx(1200 * 1800 / 2300)


def test_every_small_premium_disk_bursts_for_30_minutes_and_restocks_within_a_day() -> None:
    # disk-bursting: "When those deplete, it takes less than a day to restock"
    small = [one for one in CATALOGUE.disks if one.provider == "azure" and one.burst_minutes > 0]
    assert {one.max_gib for one in small} == {4, 8, 16, 32, 64, 128, 256, 512}
    for one in small:
        bucket = volume_limits(one, one.max_gib).operations.bucket
        assert bucket.burst_rate == 3500.0
        assert bucket.lasts_s() == pytest.approx(30 * MINUTES)
        assert bucket.refills_s() < 24 * 60 * MINUTES


def test_larger_premium_disks_burst_on_demand_only() -> None:
    # the same page: "on a 1-TiB P30 disk, the provisioned IOPS is 5000 IOPS. When disk bursting is enabled on this
    # disk, your workloads can issue IOs to this disk up to the max burst performance of 30,000 IOPS and 1,000 MBps"
    assert operations("premium-ssd-p30", 1024) == Bucket.steady(5000)
    enabled = volume_limits(disk("premium-ssd-p30"), 1024, on_demand=True)
    assert (enabled.operations.bucket, enabled.bytes.bucket) == (Bucket.steady(30_000), Bucket.steady(1e9))
    assert volume_limits(disk("pg-flex-ssd-p30"), 1024, on_demand=True).operations.bucket == Bucket.steady(5000)


@pytest.mark.parametrize(
    ("name", "base", "most"),
    [("m5.large", (3600, 81.25), (18_750, 593.75)), ("m5.2xlarge", (12_000, 287.5), (18_750, 593.75)),
     ("db.m5.large", (3600, 81.25), (18_750, 593.75)), ("m6i.large", (3600, 81.25), (40_000, 1250.0))],
)  # fmt: skip
def test_small_instances_do_their_most_for_30_minutes(
    name: str, base: tuple[int, float], most: tuple[int, float]
) -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ebs-optimized.html: m5.large "650 | 4750 | 81.25 | 593.75 |
    # 3600 | 18750"; "These instances can support maximum performance for 30 minutes at least once every 24 hours, after
    # which they revert to their baseline performance"
    limits = volume_limits(disk("io2"), 1024, instance(name), iops=256_000, mb_per_s=4000)
    operations, throughput = limits.operations.bucket, limits.bytes.bucket
    assert (operations.rate, throughput.rate / 1e6) == base
    assert (operations.burst_rate, throughput.burst_rate / 1e6) == most
    assert operations.lasts_s() == throughput.lasts_s() == pytest.approx(30 * MINUTES)
    assert limits.operations.rate_of == limits.operations.burst_of == "instance"
    assert operations.refills_s() < 24 * 60 * MINUTES
    assert limits.operations.exact_until_s == math.inf


def test_a_larger_instance_sustains_its_most() -> None:
    # the same page: m5.4xlarge "4750 | 593.75 | 18750", "Other instances can sustain the maximum performance
    # indefinitely"
    limits = volume_limits(disk("io2"), 1024, instance("m5.4xlarge"), iops=256_000, mb_per_s=4000)
    assert limits.operations.bucket == Bucket.steady(18_750)


def test_an_azure_machine_bursts_for_30_minutes() -> None:
    # https://learn.microsoft.com/azure/virtual-machines/dv5-dsv5-series: Standard_D2s_v5 "3750/85", "10000/1200";
    # "get up to their bursting max for up to 30 minutes at a time"
    limits = volume_limits(disk("premium-ssd-p60"), 8192, instance("Standard_D2s_v5"))
    assert limits.operations.bucket == Bucket(3750.0, 10_000.0, 6250.0 * 1800.0)


def test_a_volume_between_the_instances_rates_bursts_longer() -> None:
    # 12,000 IOPS of a gp3 on an m5.large: its bucket loses 8,400 a second, not 15,150
    limit = volume_limits(disk("rds-gp3"), 400, instance("db.m5.large")).operations
    assert (limit.rate_of, limit.burst_of, limit.exact_until_s) == ("instance", "volume", math.inf)
    assert limit.lasts_s() == pytest.approx(15_150 * 1800 / 8400)


def test_two_bursts_in_series_are_the_shorter_where_the_lower_rate_is_its_own() -> None:
    # a gp2 of 100 GiB on an m5.large: the volume's bucket is empty long before the instance would be (never: 3,000 <
    # 3,600); what the two do is what the volume does
    limit = volume_limits(disk("gp2"), 100, instance("m5.large")).operations
    assert (limit.bucket, limit.rate_of) == (operations("gp2", 100), "volume")


def test_io2_without_iops_is_refused() -> None:
    with pytest.raises(ValueError, match="aws io2 comes without IOPS: say how many are bought"):
        volume_limits(disk("io2"), 100)


def test_volumes_of_the_catalogue_are_one_bucket_on_their_instances() -> None:
    # exactly, but where a bursting volume is by itself a little faster than a bursting instance; there for 30 minutes
    seen, short = 0, []
    for one in CATALOGUE.disks:
        for size in CATALOGUE.instances:
            if (one.provider, one.role) != (size.provider, size.role):
                continue
            for gib in {one.min_gib, 100, 400, 1000, 1300, 2000, 4000, one.max_gib}:
                if one.min_gib <= gib <= one.max_gib:
                    provisioned = one.base_iops == one.iops_per_gib == 0
                    limits = volume_limits(one, gib, size, iops=5000 if provisioned else None)
                    seen += 1
                    for limit in (limits.operations, limits.bytes):
                        if limit.exact_until_s < math.inf:
                            short.append((one.name, gib, size.name))
                            assert limit.exact_until_s > 30 * MINUTES - 1e-6
    assert seen > 3000
    assert len(short) < 0.005 * seen
    assert {name for name, _, _ in short} == {"rds-gp2", "premium-ssd-p10", "premium-ssd-p15", "premium-ssd-p20"}
