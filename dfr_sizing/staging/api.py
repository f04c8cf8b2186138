"""Routes of the DFR's API, `/api/dfr/v1/`: tokens, synchronisation of mobile devices, look-ups by other systems."""

from __future__ import annotations

import time
from typing import Any

from dfr_sizing.staging import records, statements
from dfr_sizing.staging.accounts import TOKEN_S
from dfr_sizing.staging.records import FARMER, Refused, User, find_user
from dfr_sizing.staging.registry import Desk
from dfr_sizing.staging.web import NOT_ODOO, Context, Response, as_json

LOOKED_UP = {"uid": "uid", "national_id": "national_id_number", "name": "name", "phone": "contact_phone"}
"""Parameters of a look-up, and the fields that they are compared with."""
SHOWN = (
    "uid",
    "name",
    "date_of_birth",
    "sex",
    "contact_phone",
    "national_id_number",
    "status",
    "administrative_area_id",
)


class Problem(Refused):
    """What the API answers with another status than 200."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, code)
        self.status = status


def error(refused: Refused) -> Response:
    """An error as the API tells it."""
    status, code = (refused.status, refused.name) if isinstance(refused, Problem) else (400, "BAD_REQUEST")
    return as_json({"success": False, "error": {"code": code, "message": str(refused)}}, status)


def health(context: Context) -> Response:
    """Whether the database answers."""
    context.transaction.rows(statements.ALIVE)
    return _success({"status": "UP", "database": "OK", "server": NOT_ODOO})


def token(context: Context) -> Response:
    """A token for an hour, for a name and a password (a form, or JSON)."""
    is_json = "json" in context.request.headers.get("Content-Type", "")
    asked: dict[str, Any] = context.request.json() if is_json else dict(context.request.form())
    if asked.get("grant_type", "password") != "password":
        raise Problem(400, "UNSUPPORTED_GRANT_TYPE", f"Grant type '{asked['grant_type']}' is not supported.")
    user = find_user(context.transaction, str(asked.get("username", "")))
    if not context.accounts.opens(str(asked.get("password", ""))) or user is None:
        raise Problem(400, "INVALID_GRANT", "Invalid username or password.")
    made = context.accounts.sign("token", user.login, TOKEN_S)
    return _success({"access_token": made, "token_type": "Bearer", "expires_in": TOKEN_S, "user_id": user.id})


def sync_farmers(context: Context) -> Response:
    """``records_to_push``: farmers with ``plots`` and ``forms``, all in one transaction; those changed come back."""
    desk = Desk(context.transaction, _user(context), context.work)
    asked = context.request.json()
    pushed = [desk.sync_farmer(record) for record in asked.get("records_to_push", ())]
    since = asked.get("last_sync_timestamp_server")
    pulled: list[dict[str, Any]] = []
    if since is not None:
        context.work.spend("list")
        columns = ("id", *SHOWN)
        rows = context.transaction.rows(statements.CHANGED_FARMERS, (float(since),))
        pulled = [dict(zip(columns, row, strict=True)) for row in rows]
    return _success({"push_results": pushed, "records_to_pull": pulled, "current_server_timestamp": int(time.time())})


def form_definitions(context: Context) -> Response:
    """The forms that are published, with their fields."""
    _user(context)
    context.work.spend("list")
    versions: dict[int, dict[str, Any]] = {}
    for version, number, name, *field in context.transaction.rows(statements.FORM_VERSIONS):
        told = versions.setdefault(version, {"id": version, "version": number, "name": name, "fields": []})
        told["fields"].append(dict(zip(("id", "name", "label", "field_type"), field, strict=True)))
    return _success({"form_definitions": list(versions.values()), "current_server_timestamp": int(time.time())})


def form_submissions(context: Context) -> Response:
    """``submissions``: each with ``farmer_uid``, ``form_version_id`` and ``responses`` by field name."""
    desk = Desk(context.transaction, _user(context), context.work)
    results = []
    for submission in context.request.json().get("submissions", ()):
        farmer = context.transaction.value(statements.FARMER_ID, (submission.get("farmer_uid"),))
        if farmer is None:
            raise Refused(f"Farmer with identifier '{submission.get('farmer_uid')}' not found.")
        version = int(submission.get("form_version_id") or submission.get("form_id") or 1)
        made, answers = desk.submit_form(farmer, version, submission.get("responses", {}), "mobile")
        results.append({"id": made, "status": "created", "responses": answers})
    return _success({"submission_results": results})


def lookup(context: Context) -> Response:
    """Farmers that meet all of ``uid``, ``national_id``, ``name``, ``phone``; pages by ``offset`` and ``limit``."""
    _user(context)
    asked = context.request.query
    try:
        offset, limit = int(asked.get("offset", 0)), int(asked.get("limit", 20))
    except ValueError:
        raise Problem(400, "BAD_REQUEST", "Offset and limit must be integers.") from None
    domain = [[field, "=", asked[name]] for name, field in LOOKED_UP.items() if asked.get(name)]
    context.work.spend("read", 2)
    page = {"domain": domain, "fields": SHOWN, "offset": offset, "limit": limit}
    found = records.search_read(context.transaction, FARMER, page)
    total = records.search_count(context.transaction, FARMER, page)
    return _success({"farmers": found, "total_count": total, "offset": offset, "limit": limit})


def farmer(context: Context) -> Response:
    """One farmer by uid, with the submissions of the forms that ``include_forms`` names."""
    _user(context)
    context.work.spend("read", 2)
    uid = context.request.path.rpartition("/")[2]
    rows = context.transaction.rows(statements.FARMER, (uid,))
    if not rows:
        raise Problem(404, "NOT_FOUND", f"Farmer with UID {uid} not found.")
    told = dict(zip(("id", *SHOWN, "write_date"), rows[0], strict=True))
    forms = [int(part) for part in context.request.query.get("include_forms", "").split(",") if part.strip().isdigit()]
    submissions = context.transaction.rows(statements.SUBMISSIONS_OF, (told["id"], forms)) if forms else []
    columns = ("id", "name", "form_version_id", "submission_date", "state")
    listed = [dict(zip(columns, row, strict=True)) for row in submissions]
    return _success({"farmer_profile": told, "form_submissions": listed})


def _user(context: Context) -> User:
    """Whose token came with the request. Raises Problem."""
    kind, _, given = context.request.headers.get("Authorization", "").partition(" ")
    login = context.accounts.signed("token", given.strip()) if kind.lower() == "bearer" else None
    user = find_user(context.transaction, login) if login else None
    if user is None:
        raise Problem(401, "UNAUTHORIZED", "A valid token is needed.")
    return user


def _success(data: object) -> Response:
    return as_json({"success": True, "data": data})
