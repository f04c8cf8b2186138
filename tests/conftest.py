"""What several tests share: answers that the plan is tried on, deployments to try recovery on, a load test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import made
import plan_fixtures
import pytest
import stand_in_process
from first_model import first_model
from real_postgres import real_postgres  # noqa: F401 - a fixture for all

from dfr_sizing.calibration.calibrate import Calibration, calibrate
from dfr_sizing.recommend.types import Infeasible, Recommendation, Rejection
from dfr_sizing.recovery import RecoveryInput

GIB = 2.0**30

Deployment = Callable[..., RecoveryInput]


@pytest.fixture(scope="session")
def answer() -> Recommendation:
    return plan_fixtures.recommendation()


@pytest.fixture(scope="session")
def silent() -> Recommendation:
    """Everything that may be missing is missing."""
    return plan_fixtures.without_data()


@pytest.fixture(scope="session")
def in_paanga() -> Recommendation:
    """In Tonga's currency, at an uncertain rate."""
    return plan_fixtures.recommendation("TOP", (2.2, 2.4, 2.6))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a load test of a known model. Not to be changed: copy it."""
    return made.make(tmp_path_factory.mktemp("recordings") / "night", made.known_model())


@pytest.fixture(scope="session")
def calibrated(recorded: Path) -> Calibration:
    """What is found in it."""
    with pytest.MonkeyPatch.context() as patch:
        made.quick(patch)
        return calibrate([recorded], "found", first_model(), None, 1, 1)


@pytest.fixture
def infeasible() -> Infeasible:
    return Infeasible("reports, p95: 21 s against 15", "allow targets.report_p95_s = 23", (Rejection("too slow", 54),))


@pytest.fixture(scope="session")
def on() -> date:
    return date(2026, 11, 24)


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


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that PostgreSQL can use, whoever runs the tests."""
    with stand_in_process.reachable_folder() as folder:
        yield folder


@pytest.fixture
def quick_place() -> Iterator[Path]:
    """The same in memory."""
    with stand_in_process.reachable_folder(in_memory=True) as folder:
        yield folder


@pytest.fixture(scope="session")
def running() -> Iterator[stand_in_process.Running]:
    """One stand-in with two workers for all tests that leave it standing."""
    with stand_in_process.reachable_folder() as folder, stand_in_process.stand_in(folder) as started:
        yield started
