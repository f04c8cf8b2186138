"""What a load test did not measure comes from the base model, in proportion to what both measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from first_model import first_model
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.calibration.derive import completed, derived
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import Operation

BASE = first_model()
times = st.floats(0.1, 10.0)


def dearer(name: str, app: float, database: float, width: float = 0.1) -> Operation:
    """The base's operation as another load test measured it."""
    operation = BASE.operations[name]

    def of(value: float) -> Interval:
        return Interval(value * (1.0 - width), value, value * (1.0 + width))

    return replace(
        operation, app_cpu=of(app * operation.app_cpu_s), database_cpu=of(database * operation.database_cpu_s)
    )


@given(times, times)
def test_a_host_that_is_so_many_times_dearer_is_so_in_all(app: float, database: float) -> None:
    measured = {name: dearer(name, app, database) for name in ("create", "read", "search", "overhead")}
    found = completed(measured, BASE)
    assert found.keys() == BASE.operations.keys()
    for name, operation in found.items():
        assert operation.app_cpu_s == pytest.approx(app * BASE.operations[name].app_cpu_s)
        assert operation.database_cpu_s == pytest.approx(database * BASE.operations[name].database_cpu_s)
        assert (operation.label is Label.DERIVED) == (name not in measured)


def test_an_operation_follows_the_one_that_it_is_a_share_of() -> None:
    measured = {
        "create": dearer("create", 2.0, 3.0),
        "search": dearer("search", 1.0, 0.5),
        "read": dearer("read", 1.0, 1.0),
    }
    found = completed(measured, BASE)
    for name in ("create_in_batch", "plain_create", "rows_by_index"):
        assert found[name].app_cpu_s == pytest.approx(2.0 * BASE.operations[name].app_cpu_s)
        assert found[name].database_cpu_s == pytest.approx(3.0 * BASE.operations[name].database_cpu_s)
    assert found["indexed_search"].database_cpu_s == pytest.approx(
        0.5 * BASE.operations["indexed_search"].database_cpu_s
    )
    assert 1.0 < found["login"].app_cpu_s / BASE.operations["login"].app_cpu_s < 2.0


def test_an_operation_that_is_known_badly_weighs_little_in_the_mean() -> None:
    sure = {"create": dearer("create", 2.0, 2.0, 0.02), "read": dearer("read", 2.0, 2.0, 0.02)}
    doubtful = sure | {"list": dearer("list", 0.2, 0.2, 0.95)}
    login = derived(BASE.operations["login"], doubtful, BASE)
    assert login.app_cpu_s / BASE.operations["login"].app_cpu_s == pytest.approx(2.0, rel=0.15)


def test_operations_that_disagree_make_what_is_derived_uncertain() -> None:
    alike = derived(BASE.operations["login"], {n: dearer(n, 2.0, 2.0) for n in ("create", "read")}, BASE)
    apart = derived(
        BASE.operations["login"], {"create": dearer("create", 1.0, 1.0), "read": dearer("read", 4.0, 4.0)}, BASE
    )
    assert alike.app_cpu_s == pytest.approx(apart.app_cpu_s)
    assert apart.app_cpu.high / apart.app_cpu.low > 2.0 * alike.app_cpu.high / alike.app_cpu.low


def test_what_the_base_lacks_stays_as_measured() -> None:
    whole = replace(dearer("create", 9.0, 9.0), name="mobile_sync_full", counts={"batch_farmers": 50.0})
    assert completed({"mobile_sync_full": whole}, BASE)["mobile_sync_full"] == whole
