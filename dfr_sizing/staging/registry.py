"""What the DFR's modules do: farmers with deduplication, their farms and plots, forms with a row for each answer.

As its published code does it: one record after the other, one row after the other, no look-ahead. The Python of each
step is that of the operation of the reference model that data/requests.toml composes the request of.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dfr_sizing.staging import records, statements
from dfr_sizing.staging.database import Row, Transaction
from dfr_sizing.staging.records import FARMER, Model, Refused, User
from dfr_sizing.staging.work import Work

ALIKE = 85
"""From this share of common parts on, in per cent, two names are alike (the DFR's default, read in its code)."""
FARMER_FIELDS = {"name", "date_of_birth", "sex", "role_in_household", "contact_phone", "contact_email"} | {
    "national_id_type_id",
    "national_id_number",
    "administrative_area_id",
    "gps_latitude_homestead",
    "gps_longitude_homestead",
}
_VALUE_COLUMN = {"text": "value_text", "number": "value_number", "selection": "value_selection"} | {
    "boolean": "value_boolean",
    "date": "value_date",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a request's work is done: its transaction, its user, the Python that it costs."""

    transaction: Transaction
    user: User
    work: Work

    def create(self, model: Model, values: Mapping[str, Any], operation: str) -> int:
        """A record of either model, a farmer with deduplication."""
        if model is FARMER:
            return self.create_farmer(values, operation)[0]
        self.work.spend(operation)
        return records.create(self.transaction, self.user, model, values)

    def create_farmer(self, values: Mapping[str, Any], operation: str = "create_in_batch") -> tuple[int, str, int]:
        """A farmer, then the search for duplicates: id, uid, how many were found."""
        known = {field: value or None for field, value in values.items() if field in FARMER_FIELDS}
        uid = str(values.get("uid") or uuid.uuid4().hex)
        self.work.spend(operation)
        farmer = records.create(self.transaction, self.user, FARMER, {**known, "uid": uid})
        return farmer, uid, len(self.duplicates(farmer, known))

    def duplicates(self, farmer: int, values: Mapping[str, Any]) -> set[int]:
        """Ids of farmers who may be this one."""
        found: set[int] = set()
        name, area = values.get("name"), values.get("administrative_area_id")
        if number := values.get("national_id_number"):
            self.work.spend("read")
            found |= {row[0] for row in self.transaction.rows(statements.SAME_NATIONAL_ID, (farmer, number))}
        if name and area and (born := values.get("date_of_birth")):
            self.work.spend("scan")
            found |= {row[0] for row in self.transaction.rows(statements.SAME_PERSON, (farmer, name, born, area))}
        if name and area:
            self.work.spend("rows_by_index")
            near = self.transaction.rows(statements.NEIGHBOURS, (farmer, area))
            found |= {other for other, called in near if _alike(str(name), called) >= ALIKE}
        return found

    def sync_farmer(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """One record of a mobile device: a farmer with a farm, plots and forms; an update where the uid is known."""
        uid = record.get("uid")
        known = self.transaction.value(statements.FARMER_ID, (uid,)) if uid else None
        if known is not None:
            values = {field: value for field, value in record.items() if field in FARMER_FIELDS}
            self.work.spend("write")
            records.write(self.transaction, self.user, FARMER, [known], values)
            return {"uid": uid, "id": known, "status": "updated"}
        farmer, uid, duplicates = self.create_farmer(record)
        self._create_farm(farmer, record)
        for form in record.get("forms", ()):
            self.submit_form(farmer, int(form.get("form_version_id", 1)), form.get("responses", {}), "mobile")
        return {"uid": uid, "id": farmer, "status": "created", "possible_duplicates": duplicates}

    def _create_farm(self, farmer: int, record: Mapping[str, Any]) -> None:
        plots: Sequence[Mapping[str, Any]] = record.get("plots", ())
        area = record.get("administrative_area_id")
        if not plots:
            return
        farm = self._threaded("dfr.farm", {"name": "Farm", "farmer_id": farmer, "administrative_area_id": area})
        unit = self.transaction.value(statements.HECTARE)
        for number, plot in enumerate(plots, 1):
            self._threaded(
                "dfr.plot",
                {
                    "farm_id": farm,
                    "name": str(plot.get("name") or f"Plot {number}"),
                    "size": plot.get("size"),
                    "size_unit_id": unit,
                    "administrative_area_id": plot.get("administrative_area_id") or area or 1,
                    "gps_latitude": plot.get("gps_latitude"),
                    "gps_longitude": plot.get("gps_longitude"),
                },
            )

    def submit_form(self, farmer: int, version: int, responses: object, source: str) -> tuple[int, int]:
        """A submission and a row for each answer: its id, how many answers.

        ``responses`` are values by field name, or a list of ``field`` and ``value``. Unknown names of the first are
        passed over, as in the DFR; an unknown one of the second is the field at its place, for a load test does not
        know a form's names.
        """
        fields = {row[1]: row for row in self.transaction.rows(statements.FORM_FIELDS, (version,))}
        if not fields:
            raise Refused(f"Form Version with ID {version} not found or not published.")
        submission = self._threaded(
            "dfr.form.submission",
            {
                "name": f"Form {version} / {farmer}",
                "farmer_id": farmer,
                "form_version_id": version,
                "submission_date": self.transaction.value(statements.NOW),
                "submitted_by_user_id": self.user.id,
                "submission_source": source,
                "state": "submitted",
            },
        )
        answered = _answered(fields, responses)
        for field, value in answered:
            self.work.spend("plain_create")
            records.add(self.transaction, "dfr_form_response", self._answer(submission, field, value))
        return submission, len(answered)

    def _answer(self, submission: int, field: Row, value: object) -> dict[str, Any]:
        number, _, label, kind = field
        return {
            "submission_id": submission,
            "field_id": number,
            "field_label": label,
            "field_type": kind,
            **_value(kind, value),
            "create_uid": self.user.id,
            "write_uid": self.user.id,
        }

    def _threaded(self, model: str, values: Mapping[str, Any]) -> int:
        """A record of the DFR's other models that keep a mail thread."""
        self.work.spend("create_in_batch")
        whole = {**values, "create_uid": self.user.id, "write_uid": self.user.id}
        record = records.add(self.transaction, model.replace(".", "_"), whole)
        records.thread(self.transaction, self.user, model, record)
        return record


def _answered(fields: Mapping[str, Row], responses: object) -> list[tuple[Row, Any]]:
    if isinstance(responses, Mapping):
        return [(fields[name], value) for name, value in responses.items() if name in fields]
    if not isinstance(responses, list):
        raise Refused("responses: values by field name are needed, or a list of field and value")
    in_order = list(fields.values())
    places = range(min(len(in_order), len(responses)))
    return [(fields.get(responses[at]["field"], in_order[at]), responses[at]["value"]) for at in places]


def _value(kind: str, value: Any) -> dict[str, Any]:
    """The column that an answer of that kind lies in; what does not fit its kind is left empty."""
    column = _VALUE_COLUMN[kind]
    try:
        match kind:
            case "number":
                return {column: float(value)}
            case "boolean":
                return {column: bool(value)}
            case "date":
                return {column: date.fromisoformat(str(value))}
    except (TypeError, ValueError):
        return {column: None}
    return {column: str(value)}


def _alike(one: str, other: str) -> float:
    """Share of the parts of two names that they have in common, in per cent; each part's letters, in any order."""
    left, right = (_pairs(name) for name in (one.lower(), other.lower()))
    return 100.0 * 2 * len(left & right) / max(1, len(left) + len(right))


def _pairs(name: str) -> set[str]:
    return {f"{part[at : at + 2]}" for part in name.split() for at in range(max(1, len(part) - 1))}
