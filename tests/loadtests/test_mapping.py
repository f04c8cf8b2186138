"""The mapping files: what they say fits the model, the drivers and the DFR; what is wrong is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfr_sizing.drivers import drivers
from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Label
from dfr_sizing.model import load_model, request_classes
from loadtests.mapping import read_mapping

SHIPPED = Path(__file__).parents[2] / "loadtests" / "mappings"


@pytest.mark.parametrize("name", ["odoo", "dfr"])
def test_every_request_of_the_field_that_users_send_can_be_sent(name: str) -> None:
    sent = {name for name, request in request_classes().items() if not request.background}

    assert set(read_mapping(name).field) == sent


def test_plain_odoo_sends_the_operations_under_the_names_of_the_reference() -> None:
    measured = {name for name, operation in load_model().operations.items() if operation.label is Label.MEASURED}

    assert {sent.operation for sent in read_mapping("odoo").classes.values()} == measured


def test_report_on_plain_odoo_has_the_rows_of_the_driver() -> None:
    mapping = read_mapping("odoo")
    rows = drivers()["users.report_rows"].value
    assert isinstance(rows, Interval)

    lists = mapping.per_request("report", {})["search_read"]

    assert lists * 40 == rows.mid


def test_counts_of_the_dfr_are_the_drivers() -> None:
    kinds = read_mapping("dfr").kinds
    batch = drivers()["campaign.batch_farmers"].value
    assert isinstance(batch, Interval)

    assert kinds["sync_full"].counts["batch_farmers"] == batch.mid
    assert kinds["sync_forms_full"].counts.keys() == {"batch_farmers", "fields_per_form"}


def test_one_form_of_the_dfr_is_its_part_of_a_days_forms() -> None:
    mapping = read_mapping("dfr")

    share = mapping.per_request("form_submission", {})["sync_forms_day"]

    assert share * mapping.kinds["sync_forms_day"].counts["day_farmers"] == 1.0


@pytest.mark.parametrize("name", ["odoo", "dfr"])
def test_a_line_of_the_access_log_belongs_to_one_class(name: str) -> None:
    prefixes = [kind.path for kind in read_mapping(name).kinds.values()]

    assert len(set(prefixes)) == len(prefixes)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ('send = "page"\npath = "/web/health"', 'send = "post"\npath = "/web/health"', "'call', 'page'"),
        ('send = "login"\n', 'send = "page"\n', 'exactly one class with send = "login"'),
        ("list_view = { search_read = 1 }", "list_view = { serch = 1 }", "not serch"),
        ("list_view = {", "listing = {", "not listing"),
        ('fragment = "name"', 'fragment = "nom"', "not nom"),
        ("[class.health]\n", '[class.health]\ncounts = { farmers = "campaign.farmers" }\n', "not campaign.farmers"),
        ('city = "{city}"', 'city = "{town}"', "{town} of create as one of city"),
        ('args = ["{fragment}"]', 'args = [{ repeat = "n", of = "{id}" }]', "a count for repeat = n of name_search"),
        ("most = 5000", "most = 500000", "less than or equal to 20000"),
    ],
)
def test_wrong_mapping_is_refused_in_one_sentence(tmp_path: Path, was: str, now: str, told: str) -> None:
    text = (SHIPPED / "odoo.toml").read_text(encoding="utf-8")
    assert was in text
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace(was, now), encoding="utf-8")

    with pytest.raises(InputError) as refusal:
        read_mapping(str(wrong))

    assert told in str(refusal.value)
    assert str(wrong) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_unknown_mapping_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match="dfr, odoo"):
        read_mapping("sap")
