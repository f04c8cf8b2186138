"""What a database's volume and its instance do together, how long they burst, and what a measured disk is.

============  ========================================================================================================
``buckets``   token buckets: how long one lasts and refills, two in series as one, tokens through a day
``limits``    operations and bytes a second of a volume on an instance, each with its bucket
``latency``   the lognormal law of one operation, and its rise near saturation
``raid``      a RAID of hard disks from their speed and seek time
``measure``   fio's figures (``fio``) of the disk under a folder, within bounds of size and time
``entry``     those figures as a disk of one's own (``own``): its file, whole or not at all, and the row it is
============  ========================================================================================================

Every answer needs the first two; the others are imported by who needs them.
"""

from dfr_sizing.storage.buckets import Limit
from dfr_sizing.storage.limits import VolumeLimits, volume_limits

__all__ = ["Limit", "VolumeLimits", "volume_limits"]
