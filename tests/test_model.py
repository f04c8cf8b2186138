"""The model: a measured operation costs what was measured, and a composed request what its rule says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from first_model import FOLDER, first_model

from dfr_sizing.demand import Situation, demand
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import BUNDLED, Model, Operation, Part, RequestCost, load_model, models_folder, request_classes
from dfr_sizing.scenario import Registry, Scenario

INDEXED = {"dedup_index": True, "name_index": True}
BARE = {"dedup_index": False, "name_index": False}
COUNTS = {
    "day_farmers": 5.0,
    "batch_farmers": 50.0,
    "plots_per_farmer": 2.0,
    "photos_per_farmer": 3.0,
    "forms_per_registration": 1.0,
    "fields_per_form": 12.0,
    "report_rows": 10_000.0,
}


@pytest.fixture(scope="module")
def model() -> Model:
    return first_model()


def cost(model: Model, name: str, rows: float = 0.0, switches: dict[str, bool] = INDEXED) -> RequestCost:
    return model.cost(request_classes()[name], COUNTS, rows, switches)


def above(operation: Operation, overhead: Operation) -> tuple[float, float]:
    """An operation's CPU above a request's overhead, which cannot be less than nothing."""
    app, database = operation.app_cpu_s - overhead.app_cpu_s, operation.database_cpu_s - overhead.database_cpu_s
    return max(0.0, app), max(0.0, database)


def by_hand(model: Model, parts: dict[str, float]) -> dict[str, float]:
    """Overhead once, and what each operation costs above it, so many times."""
    overhead = model.operations["overhead"]
    found = {"app_cpu_s": overhead.app_cpu_s, "database_cpu_s": overhead.database_cpu_s}
    found |= {"statements": overhead.statements, "pages": 0.0, "wal_bytes": 0.0}
    for name, times in parts.items():
        operation = model.operations[name]
        app, database = above(operation, overhead)
        found["app_cpu_s"] += times * app
        found["database_cpu_s"] += times * database
        found["statements"] += times * (operation.statements - overhead.statements)
        found["pages"] += times * operation.pages
        found["wal_bytes"] += times * operation.wal_bytes
    return found


def additive(found: RequestCost) -> dict[str, float]:
    """What of a cost adds up over its parts."""
    return {
        "app_cpu_s": found.app_cpu_s,
        "database_cpu_s": found.database_cpu_s,
        "statements": found.statements,
        "pages": found.pages,
        "wal_bytes": found.wal_bytes,
    }


def test_bundled_model_loads_by_name_by_folder_and_by_file(model: Model) -> None:
    folder = models_folder() / BUNDLED
    model = load_model()
    assert model == load_model(BUNDLED) == load_model(folder) == load_model(folder / "model.toml")
    assert model.folder == folder
    assert model.name == BUNDLED
    assert isinstance(model.cpu_speed, Interval)
    assert 50_000 < model.table_rows < 60_000
    assert 0.9 < model.contention.app_busy_factor < 1.5
    assert 0.0 < model.contention.dispatch_s < 0.002


def test_model_is_a_request_of_odoo_as_the_reference_run_measured_it(model: Model) -> None:
    # shared/measurements/README.md, table of classes: Odoo and PostgreSQL CPU in ms
    measured = {
        "list": (5.3, 11.3),
        "read": (4.4, 1.0),
        "search": (9.5, 138.6),
        "create": (12.1, 3.7),
        "write": (11.2, 3.5),
        "scan": (7.1, 64.5),
        "overhead": (3.3, 1.1),
    }
    for name, expected in measured.items():
        operation = model.operations[name]
        assert (1e3 * operation.app_cpu_s, 1e3 * operation.database_cpu_s) == pytest.approx(expected, abs=0.051), name


@pytest.mark.parametrize(
    ("name", "operation"),
    [("list_view", "list"), ("record_write", "write"), ("search_by_name", "search"), ("dashboard", "scan")],
)
def test_a_class_of_one_operation_costs_exactly_what_was_measured(model: Model, name: str, operation: str) -> None:
    found, measured = cost(model, name, model.table_rows, BARE), model.operations[operation]
    for field in ("app_cpu_s", "database_cpu_s", "cv", "statements", "pages", "wal_bytes", "threads"):
        assert getattr(found, field) == pytest.approx(getattr(measured, field), rel=1e-12), field
    assert (found.tail_share, found.tail_factor) == (measured.tail_share, measured.tail_factor)


def test_a_read_which_was_measured_below_the_overhead_costs_the_overhead_there(model: Model) -> None:
    # its 1.03 ms in PostgreSQL are less than a health check's 1.07: noise, and no cost may be negative
    found, read, overhead = cost(model, "record_read"), model.operations["read"], model.operations["overhead"]
    assert found.app_cpu_s == pytest.approx(read.app_cpu_s)
    assert found.database_cpu_s == pytest.approx(max(read.database_cpu_s, overhead.database_cpu_s))
    assert found.database_cpu_s == pytest.approx(read.database_cpu_s, rel=0.05)


@pytest.mark.parametrize(("switches", "search"), [(INDEXED, {"read": 2.0}), (BARE, {"read": 1.0, "scan": 1.0})])
def test_record_create_is_a_create_and_its_deduplication(
    model: Model, switches: dict[str, bool], search: dict[str, float]
) -> None:
    expected = by_hand(model, {"create": 1, "rows_by_index": 1, **search})
    assert additive(cost(model, "record_create", switches=switches)) == pytest.approx(expected)


def test_form_submission_is_a_create_and_a_plain_one_for_each_field(model: Model) -> None:
    expected = by_hand(model, {"create": 1, "plain_create": 12})
    assert additive(cost(model, "form_submission")) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "farmers", "photos"), [("mobile_sync", 5, 3), ("mobile_sync_full", 50, 0)])
@pytest.mark.parametrize(("switches", "search"), [(INDEXED, {"read": 2.0}), (BARE, {"read": 1.0, "scan": 1.0})])
def test_a_sync_is_record_create_plots_photos_and_forms_for_each_farmer(
    model: Model, name: str, farmers: int, photos: int, switches: dict[str, bool], search: dict[str, float]
) -> None:
    each = {"create_in_batch": 1 + 2 + photos + 1, "rows_by_index": 1, "plain_create": 12, **search}
    expected = by_hand(model, {operation: farmers * times for operation, times in each.items()})
    assert additive(cost(model, name, switches=switches)) == pytest.approx(expected)


def test_variances_of_operations_add_and_the_size_varies_beside_them(model: Model) -> None:
    overhead, listed = model.operations["overhead"], model.operations["list"]
    # 10,000 rows are 250 list views
    found = cost(model, "report")
    variance = overhead.variance + 250 * (listed.variance - overhead.variance)
    own = math.sqrt(variance) / (found.app_cpu_s + found.database_cpu_s)
    assert request_classes()["report"].size_cv == 0.5
    assert found.cv == pytest.approx(math.hypot(own, 0.5))


@pytest.mark.parametrize("name", list(request_classes()))
@pytest.mark.parametrize("switches", [INDEXED, BARE])
def test_cost_grows_with_the_table_only_by_scans(model: Model, name: str, switches: dict[str, bool]) -> None:
    parts = [
        part
        for part in request_classes()[name].parts
        if not part.when or switches[part.when.removeprefix("not ")] != part.when.startswith("not ")
    ]
    scans = {
        part.operation: sum(
            one.times * math.prod(COUNTS[count] for count in one.per)
            for one in parts
            if one.operation == part.operation
        )
        for part in parts
        if model.operations[part.operation].growth.mid > 0.0
    }
    base, grown = cost(model, name, 200_000, switches), cost(model, name, 2_000_000, switches)
    overhead = model.operations["overhead"]
    more = sum(9 * times * above(model.operations[scan], overhead)[1] for scan, times in scans.items())
    assert grown.database_cpu_s - base.database_cpu_s == pytest.approx(more, abs=1e-12)
    assert grown.app_cpu_s == base.app_cpu_s
    assert cost(model, name, 1_000, switches) == base, "a table below the measured one is not extrapolated"


def test_a_scan_without_an_index_uses_its_parallel_workers_and_nothing_else_does(model: Model) -> None:
    scan = cost(model, "search_by_name", 2e6, BARE)
    assert (scan.threads, scan.tail_share, scan.tail_factor) == (3, 0.02, 2.0)
    for name in request_classes():
        if name != "search_by_name":
            assert (cost(model, name, 2e6, BARE).threads, cost(model, name, 2e6, BARE).tail_share) == (1, 0.0)
    assert cost(model, "search_by_name", 2e6, INDEXED).threads == 1


@pytest.mark.parametrize(("lists", "threads"), [(0, 3), (10, 3), (20, 1)])
def test_a_request_is_parallel_where_a_scan_is_half_of_its_database_work(
    model: Model, lists: int, threads: int
) -> None:
    # a scan takes 138 ms above the overhead of 1.1, a list view 10.3: 13 list views weigh as much as the scan
    parts = (Part("search", 1.0, (), ""), Part("list", float(lists), (), ""))
    mixed = replace(request_classes()["list_view"], parts=parts)
    found = model.cost(mixed, {}, 0.0, INDEXED)
    assert found.threads == threads
    assert (found.tail_share > 0.0) == (threads > 1)


@pytest.mark.parametrize("switch", ["dedup_index", "name_index"])
def test_an_index_never_makes_a_request_dearer(model: Model, switch: str) -> None:
    cheaper = 0
    for name in request_classes():
        with_index, without = cost(model, name, 5e6, INDEXED), cost(model, name, 5e6, INDEXED | {switch: False})
        assert with_index.database_cpu_s <= without.database_cpu_s
        cheaper += with_index.database_cpu_s < without.database_cpu_s
    assert cheaper == {"dedup_index": 5, "name_index": 1}[switch]


@pytest.mark.parametrize("name", ["search_by_name", "dashboard"])
def test_a_scan_of_a_larger_table_varies_as_much_as_that_of_a_small_one(model: Model, name: str) -> None:
    scan = model.operations["search" if name == "search_by_name" else "scan"]
    overhead = model.operations["overhead"]
    own_sd = math.sqrt(scan.variance - overhead.variance)
    own_mean = scan.app_cpu_s + scan.database_cpu_s - overhead.app_cpu_s - overhead.database_cpu_s
    # On a huge table the scan is all there is, and varies by its own part's coefficient of variation.
    assert cost(model, name, 1e10, BARE).cv == pytest.approx(own_sd / own_mean, rel=0.02)


@pytest.mark.parametrize("situation", list(Situation))
@pytest.mark.parametrize("switches", [INDEXED, BARE])
def test_every_class_of_every_situation_has_a_cost(
    model: Model, situation: Situation, switches: dict[str, bool]
) -> None:
    for rate in demand(Scenario(registry=Registry(farmers=1_000_000)), situation, 1e6).rates:
        found = model.cost(request_classes()[rate.name], rate.counts, 1e6, switches)
        overhead = model.operations["overhead"]
        assert found.app_cpu_s >= overhead.app_cpu_s
        assert found.database_cpu_s >= overhead.database_cpu_s
        assert 0.0 < found.cv < 2.0


def test_every_class_is_asked_for_in_some_situation_and_refers_to_what_there_is(model: Model) -> None:
    scenario = Scenario(registry=Registry(farmers=1_000_000))
    asked = {rate.name for situation in Situation for rate in demand(scenario, situation, 1e6).rates}
    assert asked == request_classes().keys()
    for request in request_classes().values():
        assert not request.target or hasattr(scenario.targets, request.target)
        for part in request.parts:
            assert part.operation in model.operations
            assert not part.when or hasattr(scenario.code, part.when.removeprefix("not "))
            assert part.times > 0.0


def measured_whole(model: Model, name: str, **fields: object) -> tuple[Model, Operation]:
    """The model with a whole request that was measured itself."""
    whole = replace(model.operations["create"], name=name, **fields)  # type: ignore[arg-type]
    return replace(model, operations={**model.operations, name: whole}), whole


def test_a_request_that_was_measured_whole_costs_that_and_not_its_parts(model: Model) -> None:
    changed, whole = measured_whole(model, "external_lookup", threads=2, tail_share=0.1, tail_factor=3.0)
    found = cost(changed, "external_lookup")
    for field in ("app_cpu_s", "database_cpu_s", "cv", "statements", "pages", "wal_bytes", "threads", "tail_share"):
        assert getattr(found, field) == pytest.approx(getattr(whole, field)), field
    assert cost(changed, "record_read") == cost(model, "record_read")


@pytest.mark.parametrize(("farmers", "times"), [(25.0, 0.5), (50.0, 1.0), (500.0, 10.0)])
def test_a_sync_that_was_measured_whole_is_scaled_by_what_it_holds(model: Model, farmers: float, times: float) -> None:
    counts = {"batch_farmers": 100.0, "plots_per_farmer": 1.0}
    changed, whole = measured_whole(model, "mobile_sync_full", counts=counts)
    asked = COUNTS | {"batch_farmers": farmers}  # with two plots each
    found = changed.cost(request_classes()["mobile_sync_full"], asked, 0.0, INDEXED)
    overhead = model.operations["overhead"]
    for field in ("app_cpu_s", "database_cpu_s", "statements"):
        fixed = getattr(overhead, field)
        assert getattr(found, field) == pytest.approx(fixed + times * (getattr(whole, field) - fixed)), field
    assert found.wal_bytes == pytest.approx(times * whole.wal_bytes)
    assert found.cv == pytest.approx(math.hypot(whole.cv, 0.1))


def test_an_operation_that_requests_are_made_of_is_never_taken_for_a_whole_request(model: Model) -> None:
    # the password check alone is the operation login; the request of that name has the page before it
    assert "login" in model.operations
    assert additive(cost(model, "login")) == pytest.approx(by_hand(model, {"login_page": 1, "login": 1}))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_sql_grows_with_the_table(model: Model, share: float) -> None:
    scan = replace(model.operations["scan"], growth=Interval(0.0, share, 1.0))
    changed = replace(model, operations={**model.operations, "scan": scan})
    own = above(scan, model.operations["overhead"])[1]
    more = cost(changed, "dashboard", 10 * model.table_rows).database_cpu_s - cost(changed, "dashboard").database_cpu_s
    assert more == pytest.approx(9.0 * share * own)
    whole, _ = measured_whole(model, "dashboard", growth=Interval.exactly(share))
    grown, small = (cost(whole, "dashboard", rows).database_cpu_s for rows in (10 * model.table_rows, 0.0))
    assert grown == pytest.approx(small * (1.0 + 9.0 * share))


def test_an_interval_in_the_file_reaches_the_ledger_and_its_middle_the_cost(model: Model, tmp_path: Path) -> None:
    path = broken_model(tmp_path / "model.toml", "app_cpu_ms = 12.115", "app_cpu_ms = [11, 12.115, 14]")
    changed = load_model(path)
    assert changed.operations["create"].app_cpu.bounds == pytest.approx((0.011, 0.012115, 0.014))
    line = next(line for line in changed.ledger() if line.name == "model.create.app_cpu_ms")
    assert line.value == Interval(11.0, 12.115, 14.0)
    assert cost(changed, "record_create") == cost(model, "record_create")


@pytest.mark.parametrize("bounds", ["[1, 2]", "[3, 2, 1]", "[1, 2, true]", "[]"])
def test_a_model_file_with_an_interval_that_is_none_is_refused(tmp_path: Path, bounds: str) -> None:
    assert refuses_model(broken_model(tmp_path / "model.toml", "app_cpu_ms = 12.115", f"{{key}} = {bounds}"))


def test_ledger_of_the_model_gives_both_demands_of_each_operation(model: Model) -> None:
    ledger = {line.name: line for line in model.ledger()}
    for operation in model.operations.values():
        line = ledger[f"model.{operation.name}.database_cpu_ms"]
        assert line.value == pytest.approx(1e3 * operation.database_cpu_s, abs=1e-4)
        assert (line.label, line.source) == (operation.label, operation.source)
    assert ledger["model.dispatch_ms"].value == pytest.approx(1e3 * model.contention.dispatch_s)
    assert ledger["model.indexed_search.app_cpu_ms"].label is Label.DERIVED
    growing = sum(operation.growth.high > 0.0 for operation in model.operations.values())
    assert len(ledger) == 6 + 2 * len(model.operations) + growing


LINES = [
    "table_rows = 200_000",
    "speed = [1.1, 1.5, 1.55]",
    "think_stretch = 1.037",
    'label = "derived"',
    "cv = 0.235",
    "wal_bytes = 0",
]


def broken_model(path: Path, line: str, broken: str) -> Path:
    """The bundled model with the first such line replaced."""
    text = (FOLDER / "model.toml").read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, broken.format(key=line.split(" ", maxsplit=1)[0]), 1), encoding="utf-8")
    return path


def refuses_model(path: Path) -> bool:
    """Whether a file is refused as it should be."""
    with pytest.raises(InputError, match="calibrate it again") as caught:
        load_model(path)
    return str(path) in str(caught.value)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("broken", ["", "{key} =", "{key} = {key}"])
def test_a_model_file_that_lacks_a_value_is_refused(tmp_path: Path, line: str, broken: str) -> None:
    assert refuses_model(broken_model(tmp_path / "model.toml", line, broken))


@pytest.mark.parametrize("line", ["table_rows = 200_000", "speed = [1.1, 1.5, 1.55]", 'label = "derived"'])
def test_a_model_file_with_another_text_for_a_number_or_a_label_is_refused(tmp_path: Path, line: str) -> None:
    assert refuses_model(broken_model(tmp_path / "model.toml", line, '{key} = "x"'))


@pytest.mark.parametrize("line", ["think_stretch = 1.037", "cv = 0.235", "wal_bytes = 0", "growth = 0"])
def test_a_model_file_with_a_text_for_what_is_not_converted_is_refused(tmp_path: Path, line: str) -> None:
    assert refuses_model(broken_model(tmp_path / "model.toml", line, '{key} = "x"'))


@pytest.mark.parametrize("name", ["nowhere", "no/such/model/anywhere", "/nonexistent/model.toml"])
def test_a_model_that_is_nowhere_is_refused_with_the_names_of_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match=f"--model is {name}, but must be .* bundled: .*{BUNDLED}"):
        load_model(name)


def test_a_model_without_a_required_operation_cannot_be_taken_for_one(model: Model) -> None:
    lame = replace(model, operations={name: row for name, row in model.operations.items() if name != "list"})
    with pytest.raises(KeyError, match="list"):
        cost(lame, "list_view")
