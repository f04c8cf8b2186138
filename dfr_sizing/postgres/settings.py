"""Settings of postgresql.conf that change pages or bytes a second."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from dfr_sizing.analytic import checks
from dfr_sizing.drivers import constant

PAGE = int(constant("page.bytes"))


def _default(name: str) -> float:
    return field(default_factory=partial(constant, f"setting.{name}"))


@dataclass(frozen=True, slots=True)
class Settings:
    """PostgreSQL's settings, by its own names, in bytes and seconds; defaults are those of its manual.

    ``page_checksums``: whether setting a hint bit is logged like a change (initdb's default from release 18 on, or
    wal_log_hints). ``wal_compression`` is the share of an image that is left, 1 for none.
    """

    shared_buffers_bytes: float = _default("shared_buffers_bytes")
    checkpoint_timeout_s: float = _default("checkpoint_timeout_s")
    max_wal_size_bytes: float = _default("max_wal_size_bytes")
    checkpoint_completion_target: float = _default("checkpoint_completion_target")
    bgwriter_delay_s: float = _default("bgwriter_delay_s")
    bgwriter_lru_multiplier: float = _default("bgwriter_lru_multiplier")
    bgwriter_lru_maxpages: float = _default("bgwriter_lru_maxpages")
    commit_delay_s: float = _default("commit_delay_s")
    commit_siblings: float = _default("commit_siblings")
    full_page_writes: bool = True
    page_checksums: bool = True
    wal_compression: float = 1.0
    wal_segment_bytes: float = field(default_factory=partial(constant, "wal.segment_bytes"))
    autovacuum_threshold: float = _default("autovacuum_threshold")
    autovacuum_scale_factor: float = _default("autovacuum_scale_factor")
    autovacuum_max_threshold: float = _default("autovacuum_max_threshold")
    autovacuum_insert_threshold: float = _default("autovacuum_insert_threshold")
    autovacuum_insert_scale_factor: float = _default("autovacuum_insert_scale_factor")
    vacuum_cost_limit: float = _default("vacuum_cost_limit")
    vacuum_cost_delay_s: float = _default("vacuum_cost_delay_s")
    vacuum_cost_page_hit: float = _default("vacuum_cost_page_hit")
    vacuum_cost_page_miss: float = _default("vacuum_cost_page_miss")
    vacuum_cost_page_dirty: float = _default("vacuum_cost_page_dirty")

    def __post_init__(self) -> None:
        for name in ("shared_buffers_bytes", "checkpoint_timeout_s", "max_wal_size_bytes", "wal_segment_bytes"):
            checks.above_zero(name, getattr(self, name))
        if not 0.0 <= self.checkpoint_completion_target <= 1.0:
            raise ValueError(
                f"checkpoint_completion_target is {self.checkpoint_completion_target}, but must be from 0 to 1"
            )
        if not 0.0 < self.wal_compression <= 1.0:
            raise ValueError(f"wal_compression is {self.wal_compression}, but must be above 0 and at most 1")

    @property
    def buffers(self) -> float:
        """Pages in shared_buffers."""
        return self.shared_buffers_bytes / PAGE
