"""What a database's volume and its instance do together, how long they burst, and what a measured disk is.

======================  ==========================================================================================
``volume_limits``       operations and bytes a second of a volume on an instance, each with its token bucket
``VolumeLimits``        what that gives: a ``Limit`` for each
``Limit``               one token bucket, what of the two sets it, and how far it is exact
``Bucket``              a rate, a burst rate, and the tokens that the burst takes; how long it lasts, how it refills
``in_series``           two buckets through which all has to pass, as one
``phases_of``           the rates at which buckets in series let work through, in turn, without simplification
``tokens_through``      the tokens at each hour of a day that repeats itself
``Latency``             the lognormal law of one operation's latency, from a row of the catalogue
``read_latency``        mean latency near saturation: the law's, and the wait for the volume's turn
``Raid, raid_disk``     a RAID of hard disks from their speed and seek time
``measure``             fio's figures of the disk under a folder, within bounds of size and time
``disk_entry``          those figures as a disk of one's own
``read_disk``           the entry file of a measured disk, as a row of the catalogue
``write_disk``          that file, whole or not at all
======================  ==========================================================================================
"""

from dfr_sizing.storage.buckets import Bucket, Limit, in_series, phases_of, tokens_through
from dfr_sizing.storage.entry import disk_entry, read_disk, write_disk
from dfr_sizing.storage.latency import Latency, read_latency
from dfr_sizing.storage.limits import VolumeLimits, volume_limits
from dfr_sizing.storage.measure import measure
from dfr_sizing.storage.raid import Raid, raid_disk

__all__ = [
    "Bucket",
    "Latency",
    "Limit",
    "Raid",
    "VolumeLimits",
    "disk_entry",
    "in_series",
    "measure",
    "phases_of",
    "raid_disk",
    "read_disk",
    "read_latency",
    "tokens_through",
    "volume_limits",
    "write_disk",
]
