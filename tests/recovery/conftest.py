"""Deployments to try recovery on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dfr_sizing.recovery import RecoveryInput

GIB = 2.0**30

Deployment = Callable[..., RecoveryInput]


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    """A country of some million farmers on its own hardware; keywords change it."""
    base = RecoveryInput(
        database_bytes=300 * GIB,
        filestore_bytes=2048 * GIB,
        wal_bytes_per_s_mean=5e5,
        wal_bytes_per_s_peak=5e6,
        provider="on-premises",
        managed=False,
        has_standby_zone=False,
        application_nodes=3,
    )

    def changed(**fields: object) -> RecoveryInput:
        return replace(base, **fields)  # type: ignore[arg-type]

    return changed
