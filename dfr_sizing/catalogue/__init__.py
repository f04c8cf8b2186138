"""What can be bought where, and at what price.

=========================  =============================================================================
``load_catalogue``         the catalogue that ships, with the user's own hosting costs where given
``read_catalogue``         the same from another directory of csv files
``Catalogue``              lookups: places, instances, disks, prices, what is missing or stale
``Place``                  a provider's region
``InstanceType``           a size of machine or of managed PostgreSQL: cores, memory, speed, disk caps
``DiskType``               a kind of volume: size, IOPS, MB/s, latency
``Price``                  one unit of an item in one place, with source, date and label
``Role, Term``             application or database; on-demand, sustained use, 1-year, 3-year
``PriceLabel``             listed, converted, estimated or assumed
``disk_limits``            IOPS and MB/s that come with a volume of a given size
``disk_ceiling``           the most that can be bought on top
``billed_gib``             GiB billed for a need (tiers are sold whole)
``DroppedPlace``           a place that lacks something needed, with the reason
``MissingPrice``           the error for a price that nobody knows
=========================  =============================================================================

Services are priced under the same names everywhere (``LOAD_BALANCER``, ``EGRESS`` and so on); what a registry needs of
every place, with the units, is in ``SERVICE_UNITS``. ``SUPPORT`` is bought only where it is asked for.
"""

from dfr_sizing.catalogue.catalogue import Catalogue, DroppedPlace, MissingPrice
from dfr_sizing.catalogue.disks import billed_gib, disk_ceiling, disk_limits
from dfr_sizing.catalogue.reader import load_catalogue, read_catalogue
from dfr_sizing.catalogue.types import (
    BACKUP_STORAGE,
    BALANCER_TRAFFIC,
    BETWEEN_SITES,
    EGRESS,
    LOAD_BALANCER,
    LOGS,
    NAT,
    NAT_TRAFFIC,
    OBJECT_STORAGE,
    ORCHESTRATION,
    PROVIDERS,
    SERVICE_UNITS,
    SHARED_FILES,
    SNAPSHOTS,
    SUPPORT,
    DiskType,
    InstanceType,
    Place,
    Price,
    PriceLabel,
    Role,
    Term,
)

__all__ = [
    "BACKUP_STORAGE",
    "BALANCER_TRAFFIC",
    "BETWEEN_SITES",
    "EGRESS",
    "LOAD_BALANCER",
    "LOGS",
    "NAT",
    "NAT_TRAFFIC",
    "OBJECT_STORAGE",
    "ORCHESTRATION",
    "PROVIDERS",
    "SERVICE_UNITS",
    "SHARED_FILES",
    "SNAPSHOTS",
    "SUPPORT",
    "Catalogue",
    "DiskType",
    "DroppedPlace",
    "InstanceType",
    "MissingPrice",
    "Place",
    "Price",
    "PriceLabel",
    "Role",
    "Term",
    "billed_gib",
    "disk_ceiling",
    "disk_limits",
    "load_catalogue",
    "read_catalogue",
]
