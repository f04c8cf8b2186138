"""What the named days ask of the database's disk, hour by hour, and whether a bucket of tokens carries them.

A page that is changed between two checkpoints is written once, by the checkpoint or, where memory is short, as it
leaves: together as many as there are distinct pages changed. ``buffer_life`` says which of the two writes it, and a
test that their sum is this within 3 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dfr_sizing.drivers import configured, rule
from dfr_sizing.postgres.popularity import Popularity
from dfr_sizing.postgres.settings import PAGE
from dfr_sizing.postgres.wal import Changes, full_page_images
from dfr_sizing.recommend.types import IopsSplit
from dfr_sizing.simulation.load import HourLoad
from dfr_sizing.storage.buckets import Bucket, tokens_through

HOUR_S = 3600.0

FloatArray = npt.NDArray[np.float64]


def iops_of(load: HourLoad, missed: float, database_bytes: float, touched: Popularity) -> IopsSplit:
    """Operations a second of an hour, by kind, as they are bought; ``bought`` is 0 here."""
    changed = load.pages_written_per_s * rule("postgresql.changed_share")
    return IopsSplit(
        reads=load.pages_per_s * missed,
        wal_flushes=load.commits_per_s / rule("postgresql.commits_per_flush"),
        checkpoint_writes=written_per_s(changed, database_bytes, touched),
        bought=0,
        miss_ratio=missed,
    )


@lru_cache(maxsize=4096)
def written_per_s(changed_per_s: float, database_bytes: float, touched: Popularity) -> float:
    """Pages written a second where so many are changed, with the plan's time between two checkpoints."""
    seconds = 60.0 * configured("checkpoint.timeout_min")
    changes = Changes("database", database_bytes / PAGE, touched, changed_per_s, 0.0)
    return full_page_images([changes], seconds)["database"] / seconds


@dataclass(slots=True)
class Days:
    """The hours of each named day; ``loads`` tells them when they are first asked for, since hardly anything bursts.

    What was found of a bucket is kept: the sizes of a provider are the same in all its regions.
    """

    loads: Callable[[], Sequence[Sequence[HourLoad]]]
    database_bytes: float
    touched: Popularity
    _asked: FloatArray | None = None
    _found: dict[tuple[Bucket, float], bool] = field(default_factory=dict)

    def operations(self, missed: float) -> FloatArray:
        """Operations a second of each hour (columns) of each named day (rows)."""
        if self._asked is None:
            of = (self.database_bytes, self.touched)
            hours = [[(load.pages_per_s, iops_of(load, 0.0, *of).total) for load in day] for day in self.loads()]
            self._asked = np.array(hours)
        return np.asarray(self._asked[..., 0] * missed + self._asked[..., 1])

    def carried(self, bucket: Bucket, missed: float) -> bool:
        """Whether a bucket's tokens last through every hour of every named day, each followed by another like it."""
        if (bucket, missed) not in self._found:
            self._found[bucket, missed] = all(lasts(bucket, hours) for hours in self.operations(missed).tolist())
        return self._found[bucket, missed]


def lasts(bucket: Bucket, use_by_hour: Sequence[float]) -> bool:
    """Whether a day that repeats itself never finds the bucket empty, nor asks for more than the burst."""
    most = max(use_by_hour)
    if most <= bucket.rate or most > bucket.burst_rate:
        return most <= bucket.rate
    held = tokens_through(bucket, use_by_hour)
    return all(
        use <= bucket.rate or (use - bucket.rate) * HOUR_S <= tokens
        for use, tokens in zip(use_by_hour, held, strict=True)
    )
