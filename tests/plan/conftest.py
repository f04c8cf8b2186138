"""The answers that the plan is tried on."""

from __future__ import annotations

from datetime import date

import plan_fixtures
import pytest

from dfr_sizing.recommend.types import Infeasible, Recommendation, Rejection


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


@pytest.fixture
def infeasible() -> Infeasible:
    return Infeasible("reports, p95: 21 s against 15", "allow targets.report_p95_s = 23", (Rejection("too slow", 54),))


@pytest.fixture(scope="session")
def on() -> date:
    return date(2026, 11, 24)
