"""Bills worked out by hand, one for each kind of hosting, equal to the tool's to the cent.

All are of one registry: 2 application nodes with 100 GiB each, a database of 4 vCPUs on a volume of at least 400 GiB,
no standby; files grow 10, 20, 30, 40, 50 GiB (30 on the mean), kept backups 60 to 300 GiB (180 on the mean, 210 with
one copy of the files), 100 GB sent a month; staging as large as production, its machines on for a quarter of the hours
where that saves anything. A month has 730 hours. Prices are written out here as their sources have them
(dfr_sizing/catalogue/data), in US dollars; nothing is read from the tool but its bill.
"""

from __future__ import annotations

import pytest
from test_cost import VOLUMES

from dfr_sizing.catalogue import Role, Term, load_catalogue
from dfr_sizing.cost import Bill, Pricer, Terms, bill
from dfr_sizing.recovery import Strategy, replicas_needed
from dfr_sizing.topology import Topology, Volume

HOURS, FILES, KEPT, SENT = 730, 30, 180 + 30, 100

Hand = dict[str, float]

# AWS, us-east-1, pilot-light. m5.xlarge 0.192 USD/h (karpenter-provider-aws, 2026-07-20), db.m5.xlarge 0.356 USD/h
# (ec2instances.info, 2021-08), gp3 0.08 and RDS gp3 0.115 USD a GiB-month, ALB 0.0225 and one capacity unit 0.008
# USD/h, RDS backups 0.095 (infracost, 2024-07), S3 0.023 (aws-price, 2025-10), egress 0.09 USD/GB (2024-09);
# development: m7g.large 0.0816 and db.m7g.large 0.1685 USD/h, the cheapest with 2 vCPUs and 4 GiB.
AWS: Hand = {
    "application nodes": 2 * 0.192 * HOURS,  # 280.32
    "application disks": 2 * 100 * 0.08,  # 16.00
    "database": 0.356 * HOURS,  # 259.88
    "database storage": 400 * 0.115,  # 46.00: 12,000 IOPS come with 400 GiB
    "load balancer": (0.0225 + 0.008) * HOURS,  # 22.265
    "filestore": FILES * 0.023,  # 0.69
    "backups": KEPT * 0.095,  # 19.95
    "egress": SENT * 0.09,  # 9.00
    "recovery: database": 0.5 * 0.356 * HOURS,  # half of the size: 129.94
    "recovery: database storage": 400 * 0.115,
    "recovery: filestore": FILES * 0.023,
    "recovery: backups": KEPT * 0.095,
    "staging: application nodes": 0.25 * 2 * 0.192 * HOURS,  # 70.08
    "staging: application disks": 2 * 100 * 0.08,
    "staging: database": 0.25 * 0.356 * HOURS,  # 64.97
    "staging: database storage": 400 * 0.115,
    "development: application": 0.0816 * HOURS,  # 59.568
    "development: database": 0.1685 * HOURS,  # 123.005
}  # 1,230.308 a month

# Azure, westeurope, pilot-light. Standard_D4s_v3 0.24 and Standard_F2s_v2 0.097 USD/h (karpenter-provider-azure,
# 2026-06-18). Others are the eastus or westus price times the ratio of Standard_D4s_v3 there (0.24 / 0.192 = 1.25 and
# 0.24 / 0.234): PostgreSQL 4 vCores 0.39 and 2 vCores 0.195 USD/h (westus, infracost 2025-07), its storage 0.138
# (westus), P10 of 128 GiB 19.71 USD a month (eastus, cloudwright 2026-02), Application Gateway v2 0.20 and one capacity
# unit 0.008 USD/h, Blob 0.023, backups 0.095, egress 0.087. Tiers are sold whole: P10 for 100 GiB, P20 for 400.
EASTUS, WESTUS = 0.24 / 0.192, 0.24 / 0.234
AZURE: Hand = {
    "application nodes": 2 * 0.24 * HOURS,  # 350.40
    "application disks": 2 * 128 * 0.19248,  # 19.71 / 128 x 1.25, as it is kept: 49.27
    "database": 0.39 * WESTUS * HOURS,  # 292.00
    "database storage": 512 * 0.138 * WESTUS,  # 72.47
    "load balancer": (0.20 + 0.008) * HOURS * EASTUS,  # 189.80
    "filestore": FILES * 0.023 * EASTUS,  # 0.8625
    "backups": KEPT * 0.095 * EASTUS,  # 24.9375
    "egress": SENT * 0.087 * EASTUS,  # 10.875
    "recovery: database": 0.5 * 0.39 * WESTUS * HOURS,
    "recovery: database storage": 512 * 0.138 * WESTUS,
    "recovery: filestore": FILES * 0.023 * EASTUS,
    "recovery: backups": KEPT * 0.095 * EASTUS,
    "staging: application nodes": 0.25 * 2 * 0.24 * HOURS,
    "staging: application disks": 2 * 128 * 0.19248,
    "staging: database": 0.25 * 0.39 * WESTUS * HOURS,
    "staging: database storage": 512 * 0.138 * WESTUS,
    "development: application": 0.097 * HOURS,
    "development: database": 0.195 * WESTUS * HOURS,
}

# Google Cloud, europe-west1, warm standby: the second site runs half of the nodes and half of the database.
# n2-standard-4 0.213668 and e2-standard-2 0.0737155 USD/h, pd-ssd 0.17 and hyperdisk-balanced 0.08 USD a GiB-month,
# storage 0.02, egress 0.12 (Cyclenerd, 2026-07-30); Cloud SQL by vCPU and GiB, 4 x 0.0413 + 16 x 0.007 = 0.2772 USD/h
# in us-central1 (infracost, 2024-07), times the ratio of n2-standard-4 (0.213668 / 0.194236); its backups 0.08 and the
# forwarding rule 0.025 with one GB an hour at 0.008 USD likewise; its SSD costs what pd-ssd does.
IOWA = 0.213668 / 0.194236
GCP: Hand = {
    "application nodes": 2 * 0.213668 * HOURS,  # 311.96
    "application disks": 2 * 100 * 0.08,
    "database": (4 * 0.0413 + 16 * 0.007) * IOWA * HOURS,  # 222.60
    "database storage": 400 * 0.17,
    "load balancer": (0.025 + 0.008) * HOURS * IOWA,  # 26.50
    "filestore": FILES * 0.02,
    "backups": KEPT * 0.08 * IOWA,  # 18.48
    "egress": SENT * 0.12,
    "recovery: application nodes": 0.5 * 2 * 0.213668 * HOURS,
    "recovery: application disks": 0.5 * 2 * 100 * 0.08,
    "recovery: database": 0.5 * (4 * 0.0413 + 16 * 0.007) * IOWA * HOURS,
    "recovery: database storage": 400 * 0.17,
    "recovery: filestore": FILES * 0.02,
    "recovery: backups": KEPT * 0.08 * IOWA,
    "staging: application nodes": 0.25 * 2 * 0.213668 * HOURS,
    "staging: application disks": 2 * 100 * 0.08,
    "staging: database": 0.25 * (4 * 0.0413 + 16 * 0.007) * IOWA * HOURS,
    "staging: database storage": 400 * 0.17,
    "development: application": 0.0737155 * HOURS,
    "development: database": (2 * 0.0413 + 8 * 0.007) * IOWA * HOURS,
}

# On premises, pilot-light: own machines cost the same switched off, and half of the nodes stand ready. The inputs of
# own_hosting.toml (assumed, 2026-11-23): a purchase costs 1/5 + 10 % of its price a year, 1.33 bought for 1 used.
A_YEAR, SPARE = 1 / 5 + 0.10, 1.33
CORE = (  # a month
    220 * SPARE * A_YEAR / 12  # the purchase: 7.315
    + 8 / 1000 * 1.8 * 0.20 * SPARE * HOURS  # power: 2.796
    + (400 + 1500) / 64  # rack and staff, over the cores of the pool: 29.6875
)
MEMORY = 7 * SPARE * A_YEAR / 12  # a GiB and month: 0.23275
MACHINE = 2 * CORE + 16 * MEMORY  # 4 vCPUs are 2 cores: 83.32
SSD, OBJECTS, COPIES = 0.25 * 2 * A_YEAR / 12, 0.07 * 3 * A_YEAR / 12, 0.07 * 2 * A_YEAR / 12  # a GiB and month
BALANCER = 2 * (1 * CORE + 4 * MEMORY)  # two virtual machines of one core and 4 GiB
LINK = 800 / 6000  # a GB


def own(times: float, nodes_ready: float, database_ready: float, copied: float) -> Hand:
    """A site of one's own at so many times the unit costs, with what stands ready at the second one."""
    by_hand = {
        "application nodes": 2 * MACHINE,
        "application disks": 2 * 100 * SSD,
        "database": MACHINE,
        "database storage": 400 * SSD,
        "load balancer": BALANCER,
        "filestore": FILES * OBJECTS,
        "backups": KEPT * COPIES,
        "egress": SENT * LINK,
        "recovery: application nodes": nodes_ready * 2 * MACHINE,
        "recovery: application disks": nodes_ready * 2 * 100 * SSD,
        "recovery: database": database_ready * MACHINE,
        "recovery: database storage": copied * 400 * SSD,
        "recovery: filestore": copied * FILES * OBJECTS,
        "recovery: backups": KEPT * COPIES,
        "staging: application nodes": 2 * MACHINE,
        "staging: application disks": 2 * 100 * SSD,
        "staging: database": MACHINE,
        "staging: database storage": 400 * SSD,
        "development: application": MACHINE,
        "development: database": MACHINE,
    }
    return {name: times * usd for name, usd in by_hand.items() if usd}


def tools_bill(
    place: tuple[str, str], application: str, database: str, disk: str, iops: int, strategy: Strategy
) -> Bill:
    catalogue = load_catalogue()
    at = catalogue.place(*place)
    sizes = {
        (role, instance.name): (instance, price)
        for role in Role
        for instance, price in catalogue.instances_at(at, role, Term.ON_DEMAND)
    }
    node, server = sizes[Role.APPLICATION, application], sizes[Role.DATABASE, database]
    volume = Volume(next(d for d, _ in catalogue.disks_at(at, Role.DATABASE) if d.name == disk), 390, 400, iops, 500.0)
    pricer = Pricer(catalogue, at, Terms(Term.ON_DEMAND, 1.0, 0.25), VOLUMES)
    topology = Topology(at, node[0], 2, 9, server[0], volume, standby=False)
    return bill(topology, pricer, node[1], server[1], replicas_needed(strategy))


@pytest.mark.parametrize(
    ("by_hand", "asked"),
    [
        (AWS, (("aws", "us-east-1"), "m5.xlarge", "db.m5.xlarge", "rds-gp3", 12_000, "pilot-light")),
        (
            AZURE,
            (("azure", "westeurope"), "Standard_D4s_v3", "GP_Standard_D4s_v3", "pg-flex-ssd-p20", 2300, "pilot-light"),
        ),
        (GCP, (("gcp", "europe-west1"), "n2-standard-4", "db-custom-4-16384", "cloud-sql-ssd", 3000, "warm-standby")),
        (
            own(1.0, 0.5, 0.5, 1.0),
            (("on-premises", "national-data-centre"), "vm-4-16", "pg-vm-4-16", "server-ssd", 3000, "pilot-light"),
        ),
        (
            own(1.5, 0.0, 0.0, 0.0),  # a private cloud asks half as much again
            (("private-cloud", "national-cloud"), "vm-4-16", "pg-vm-4-16", "ssd-volume", 3000, "backup-restore"),
        ),
    ],
    ids=["aws", "azure", "gcp", "on-premises", "private-cloud"],
)
def test_a_bill_by_hand_is_the_tools_to_the_cent(
    by_hand: Hand, asked: tuple[tuple[str, str], str, str, str, int, str]
) -> None:
    place, application, database, disk, iops, strategy = asked
    found = tools_bill(place, application, database, disk, iops, Strategy(strategy))
    assert {item.name: round(item.monthly_usd, 2) for item in found.items} == {
        name: round(usd, 2) for name, usd in by_hand.items()
    }
    assert round(found.monthly_usd, 2) == round(sum(by_hand.values()), 2)
    assert found.five_year_usd == pytest.approx(60 * sum(by_hand.values()), abs=0.5)


def test_the_bill_on_aws_stands_here_as_a_number() -> None:
    assert round(sum(AWS.values()), 2) == 1230.31
