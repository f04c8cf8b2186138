"""Pages of the farmers' portal: registration, and forms that anybody may fill in."""

from __future__ import annotations

from html import escape

from dfr_sizing.staging import statements
from dfr_sizing.staging.accounts import SESSION_S
from dfr_sizing.staging.records import Refused, User, find_user
from dfr_sizing.staging.registry import Desk
from dfr_sizing.staging.web import Context, Response, check_csrf, csrf_field, page, with_session

PORTAL_USER = "officer01"
"""In whose name the portal writes; Odoo has a public user for it."""
REQUIRED = {"full_name": "Full Name", "village_id": "Village", "primary_crop_type": "Crop", "contact_number": "Phone"}
"""Fields of the registration form that must be filled in (read in the DFR's code)."""


class Missing(Refused):
    """There is no such page."""


def error(refused: Refused) -> Response:
    """An error as a page."""
    return page("Error", f"<p>{escape(str(refused))}</p>", 404 if isinstance(refused, Missing) else 400)


def registration(context: Context) -> Response:
    """The form to register with: a rendered page, a list of villages, a reading of a record."""
    for operation in ("login_page", "list", "read"):
        context.work.spend(operation)
    areas = context.transaction.rows(statements.AREAS)
    options = "".join(f'<option value="{number}">{escape(name)}</option>' for number, name in areas)
    inputs = "".join(
        f'<label>{label}<input name="{name}"/></label>' for name, label in REQUIRED.items() if "_id" not in name
    )
    villages = f'<label>Village<select name="village_id">{options}</select></label>'
    return _form(context, "Register as a farmer", "/farmer/register", inputs + villages)


def register(context: Context) -> Response:
    """A farmer from the portal; on to a page of thanks."""
    form = context.request.form()
    check_csrf(context, form)
    context.work.spend("login_page")
    missing = [label for name, label in REQUIRED.items() if not form.get(name)]
    if missing:
        raise Refused(f"{missing[0]} is required.")
    values = {
        "name": form["full_name"],
        "administrative_area_id": int(form["village_id"]),
        "contact_phone": form["contact_number"],
        "date_of_birth": form.get("date_of_birth"),
        "national_id_number": form.get("national_id_number"),
    }
    _, uid, _ = _desk(context).create_farmer(values, "create")
    return Response(b"", 303, headers={"Location": f"/farmer/register/thank-you?farmer_uid={uid}"})


def thanks(context: Context) -> Response:
    """After a registration."""
    return page("Thank you", f"<p>Farmer UID {escape(context.request.query.get('farmer_uid', ''))}</p>")


def form_page(context: Context) -> Response:
    """A published form."""
    for operation in ("login_page", "list", "read"):
        context.work.spend(operation)
    number = _number(context)
    fields = context.transaction.rows(statements.FORM_FIELDS, (number,))
    if not fields:
        raise Missing(f"There is no form {number}.")
    inputs = "".join(f'<label>{escape(label)}<input name="{name}"/></label>' for _, name, label, _ in fields)
    return _form(context, f"Form {number}", f"/portal/forms/{number}", inputs + '<input name="farmer_uid_identifier"/>')


def submit(context: Context) -> Response:
    """A form's answers, for the farmer whose UID was filled in."""
    form = context.request.form()
    check_csrf(context, form)
    uid = form.pop("farmer_uid_identifier", "")
    farmer = context.transaction.value(statements.FARMER_ID, (uid,))
    if farmer is None:
        raise Refused(f"Farmer with identifier '{uid}' not found.")
    made, _ = _desk(context).submit_form(farmer, _number(context), form, "portal")
    return Response(b"", 303, headers={"Location": f"/farmer/register/thank-you?submission_id={made}"})


def _number(context: Context) -> int:
    last = context.request.path.rpartition("/")[2]
    if not last.isdigit():
        raise Missing(f"There is no form {last!r}.")
    return int(last)


def _desk(context: Context) -> Desk:
    user: User | None = find_user(context.transaction, PORTAL_USER)
    if user is None:
        raise Refused(f"User {PORTAL_USER} is missing")
    return Desk(context.transaction, user, context.work)


def _form(context: Context, title: str, action: str, inputs: str) -> Response:
    session = context.request.session or context.accounts.sign("session", "", SESSION_S)
    hidden = csrf_field(context, session)
    body = f'<form method="post" action="{action}">{hidden}{inputs}<button>Send</button></form>'
    return page(title, body, headers=with_session(session))
