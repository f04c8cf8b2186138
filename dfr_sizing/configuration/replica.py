"""What a read replica takes from the primary (Odoo 18's db_replica_host), and whether to buy one.

Odoo sends a request there if its route or method is marked readonly (odoo/odoo#112000); data/readonly.toml says which
of the DFR's are. A replica that lags shows what was; writes and their own reads stay on the primary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dfr_sizing.drivers import configured, data_rows
from dfr_sizing.model import RequestCost


@dataclass(frozen=True, slots=True)
class ReplicaAdvice:
    """Shares of requests, of the database's CPU and of pages touched that may go to a replica in the worst hour.

    ``cpu_by_reads`` and ``disk_by_reads`` are the utilisation of the primary by those alone.
    """

    classes: tuple[str, ...]
    requests: float
    database_cpu: float
    pages: float
    cpu_by_reads: float
    disk_by_reads: float

    @property
    def recommended(self) -> bool:
        """Whether reads bind: they alone fill the CPU or the disk from some point on."""
        return max(self.cpu_by_reads, self.disk_by_reads) >= configured("replica.recommend_from")


def replica_advice(
    rates: Mapping[str, float], costs: Mapping[str, RequestCost], cpu_utilisation: float, disk_reads_utilisation: float
) -> ReplicaAdvice:
    """The advice for an hour: requests a second and cost by class, and how full the primary is without a replica.

    ``disk_reads_utilisation`` is of the disk by all reads.
    """
    moved = tuple(name for name, row in data_rows("readonly.toml").items() if row["readonly"] and name in rates)

    def share(of: Mapping[str, float]) -> float:
        whole = sum(of.values())
        return sum(of[name] for name in moved) / whole if whole > 0.0 else 0.0

    cpu = share({name: rate * costs[name].database_cpu_s for name, rate in rates.items()})
    pages = share({name: rate * costs[name].pages for name, rate in rates.items()})
    return ReplicaAdvice(moved, share(rates), cpu, pages, cpu * cpu_utilisation, pages * disk_reads_utilisation)
