"""Records as Odoo's web client asks for them: search, read, create and write of two models.

The number of statements of each call is that of Odoo 18 on the reference system (the access logs of
models/odoo18-reference), together with the two that every request begins with:

=================  ==========================================================
search_read, read  3, and one more for each field that lists records
name_search        4
web_search_read    5, and one more to count where the page is full
create             13 for one record
write              12 for one record
=================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg.sql import SQL, Identifier
from psycopg.sql import Literal as Value

from dfr_sizing.staging import statements
from dfr_sizing.staging.database import Transaction
from dfr_sizing.staging.statements import Statement

Values = Mapping[str, Any]
Order = tuple[tuple[str, Literal["ASC", "DESC"]], ...]
ROWS_TOGETHER = 40
"""Records that an export reads with one statement: the rule of the reference model's report."""


class Refused(Exception):  # noqa: N818  (an answer, not a failure)
    """What a client asked for cannot be done. ``name`` is Odoo's class of error."""

    def __init__(self, message: str, name: str = "odoo.exceptions.UserError") -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Model:
    """A model and its table.

    ``tracked`` fields are told in the thread when they change, ``filled`` ones are set if not given; ``lines`` are
    fields that list records of another table, which refer to this one by a column.
    """

    name: str
    table: str
    fields: tuple[str, ...]
    tracked: tuple[str, ...] = ()
    filled: tuple[tuple[str, Any], ...] = ()
    order: Order = (("id", "ASC"),)
    lines: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def check(self, fields: Sequence[str]) -> tuple[str, ...]:
        """The fields, if the model has them all."""
        unknown = sorted(set(fields) - set(self.fields) - {"id", "create_date", "write_date"})
        if unknown:
            raise Refused(f"Invalid field {unknown[0]!r} on model {self.name!r}", "builtins.ValueError")
        return tuple(fields)


PARTNER = Model(
    "res.partner",
    "res_partner",
    (
        *("name", "complete_name", "ref", "lang", "tz", "type", "street", "city", "zip", "email", "email_normalized"),
        *("phone", "mobile", "vat", "function", "country_id", "parent_id", "comment", "date", "active", "is_company"),
        *("commercial_partner_id", "partner_share", "color", "create_uid", "write_uid"),
    ),
    tracked=("name", "phone", "city", "email"),
    filled=(("type", "contact"), ("lang", "en_US"), ("active", True), ("is_company", False), ("color", 0)),
    order=(("complete_name", "ASC"), ("id", "DESC")),
)
FARMER = Model(
    "dfr.farmer",
    "dfr_farmer",
    (
        *("uid", "name", "date_of_birth", "sex", "role_in_household", "contact_phone", "contact_email", "kyc_status"),
        *("national_id_type_id", "national_id_number", "status", "consent_status", "administrative_area_id", "active"),
        *("gps_latitude_homestead", "gps_longitude_homestead", "create_uid", "write_uid"),
    ),
    tracked=("name", "contact_phone", "date_of_birth", "national_id_number", "status", "administrative_area_id"),
    filled=(
        ("kyc_status", "not_started"),
        ("status", "pending_verification"),
        ("consent_status", "pending"),
        ("role_in_household", "unknown"),
        ("active", True),
    ),
    lines={"household_member_ids": ("dfr_household_member", "farmer_id"), "farm_ids": ("dfr_farm", "farmer_id")},
)
AREA = Model("dfr.administrative.area", "dfr_administrative_area", ("name",))
MODELS = {model.name: model for model in (PARTNER, FARMER, AREA)}


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: ids in res_users and res_partner."""

    id: int
    partner: int
    login: str


def find_user(transaction: Transaction, login: str) -> User | None:
    """The user with that login."""
    rows = transaction.rows(statements.USER, (login,))
    return User(*rows[0]) if rows else None


def condition(model: Model, domain: Sequence[Any]) -> Statement:
    """A search domain of Odoo's as SQL: terms in Polish notation, all of them where no operator stands before."""
    stack: list[Statement] = []
    for term in reversed(domain):
        if term in ("&", "|"):
            if len(stack) < 2:
                raise Refused(f"Invalid domain: {term!r} stands before fewer than two terms", "builtins.ValueError")
            joined = SQL(" AND " if term == "&" else " OR ").join((stack.pop(), stack.pop()))
            stack.append(SQL("({})").format(joined))
        elif term == "!" and stack:
            stack.append(SQL("NOT {}").format(stack.pop()))
        else:
            stack.append(_term(model, term))
    if "active" in model.fields and not any(term[0] == "active" for term in domain if not isinstance(term, str)):
        stack.append(SQL("active"))
    return SQL(" AND ").join(reversed(stack)) if stack else SQL("TRUE")


def _term(model: Model, term: Any) -> Statement:
    if not isinstance(term, list | tuple) or len(term) != 3:
        raise Refused(
            f"Invalid domain term {term!r}: a field, an operator and a value are needed", "builtins.ValueError"
        )
    field, operator, value = term
    column = Identifier(*model.check((field,)))
    match operator:
        case "ilike" | "not ilike" | "like" | "not like":
            return SQL("{} " + operator.upper() + " {}").format(column, Value(f"%{value}%"))
        case "=ilike" | "=like":
            return SQL("{} " + operator[1:].upper() + " {}").format(column, Value(value))
        case "in" | "not in":
            found = SQL("{} = ANY({})").format(column, Value(list(value)))
            return SQL("NOT ({})").format(found) if operator == "not in" else found
        case "=" | "!=" if value is False or value is None:
            return SQL("{} IS NULL" if operator == "=" else "{} IS NOT NULL").format(column)
        case "=" | "!=" | "<" | ">" | "<=" | ">=":
            return SQL("{} " + operator + " {}").format(column, Value(value))
    raise Refused(f"Invalid operator {operator!r} in domain term {term!r}", "builtins.ValueError")


def _order(model: Model, text: str | None) -> Order:
    if not text:
        return model.order
    terms = [part.split() for part in text.split(",")]
    model.check([term[0] for term in terms])
    return tuple((term[0], "DESC" if term[1:] and term[1].upper() == "DESC" else "ASC") for term in terms)


def search_read(transaction: Transaction, model: Model, asked: Values) -> list[dict[str, Any]]:
    """Records that a domain finds. Without a limit all of them, as a dashboard asks for."""
    where = condition(model, asked.get("domain") or [])
    order = _order(model, asked.get("order"))
    return _fetched(transaction, model, asked, where, order, asked.get("limit"), asked.get("offset") or 0)


def _fetched(
    transaction: Transaction,
    model: Model,
    asked: Values,
    where: Statement,
    order: Order = (),
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The fields of records; one more statement for each field that lists other records."""
    fields = [field for field in asked.get("fields") or model.fields if field != "id"]
    stored = ("id", *model.check([field for field in fields if field not in model.lines]))
    rows = transaction.rows(statements.select(model.table, stored, where, order, limit, offset))
    records = [
        {field: False if value is None else value for field, value in zip(stored, row, strict=True)} for row in rows
    ]
    for name in fields:
        if name in model.lines:
            table, column = model.lines[name]
            own: dict[int, list[int]] = {record["id"]: [] for record in records}
            for line, owner in transaction.rows(statements.lines(table, column), (list(own),)):
                own[owner].append(line)
            records = [{**record, name: own[record["id"]]} for record in records]
    return records


def search(transaction: Transaction, model: Model, asked: Values) -> list[int]:
    """Ids that a domain finds."""
    return [row["id"] for row in search_read(transaction, model, {**asked, "fields": ["id"]})]


def search_count(transaction: Transaction, model: Model, asked: Values) -> int:
    """How many records a domain finds."""
    return int(transaction.value(statements.count(model.table, condition(model, asked.get("domain") or []))))


def read(transaction: Transaction, model: Model, asked: Values) -> list[dict[str, Any]]:
    """Records by their ids, the archived too."""
    return _fetched(transaction, model, asked, SQL("id = ANY({})").format(Value(list(asked["ids"]))))


def export_data(transaction: Transaction, model: Model, asked: Values) -> dict[str, Any]:
    """A table of records' fields, as a report takes it out; a statement for each ROWS_TOGETHER records."""
    fields, ids, table = list(asked["fields"]), list(asked["ids"]), []
    for start in range(0, len(ids), ROWS_TOGETHER):
        some = {"ids": ids[start : start + ROWS_TOGETHER], "fields": fields}
        table += [[record[field] for field in fields] for record in read(transaction, model, some)]
    return {"datas": table}


def read_group(transaction: Transaction, model: Model, asked: Values) -> list[dict[str, Any]]:
    """How many records there are of each kind: the dashboard's unbounded search."""
    groups = asked["groupby"]
    columns = model.check([groups] if isinstance(groups, str) else list(groups))
    rows = transaction.rows(statements.group(model.table, columns, condition(model, asked.get("domain") or [])))
    return [dict(zip((*columns, "__count"), row, strict=True)) for row in rows]


def web_search_read(transaction: Transaction, model: Model, asked: Values) -> dict[str, Any]:
    """A page of the list view, with how many there are in all."""
    page = {**asked, "fields": list(asked.get("specification") or {}) or None}
    records = search_read(transaction, model, page)
    transaction.rows(statements.COUNTRIES)
    transaction.rows(statements.NOW)
    limit, offset = asked.get("limit"), asked.get("offset") or 0
    length = offset + len(records)
    if limit and len(records) >= limit:
        length = search_count(transaction, model, asked)
    return {"length": length, "records": records}


def name_search(transaction: Transaction, model: Model, asked: Values) -> list[list[Any]]:
    """Names that hold a text, as a field of the form looks them up while one types."""
    transaction.rows(statements.NOW)
    domain = [*(asked.get("args") or []), ["name", asked.get("operator") or "ilike", asked.get("name") or ""]]
    page = {"domain": domain, "fields": ["name"], "limit": asked.get("limit", 100)}
    return [[row["id"], row["name"]] for row in search_read(transaction, model, page)]


def create(transaction: Transaction, user: User, model: Model, values: Values) -> int:
    """A record with its mail thread: a message, a follower."""
    given = {**dict(model.filled), **values, "create_uid": user.id, "write_uid": user.id}
    if not given.get("name"):
        raise Refused("Missing required value for the field 'Name' (name)", "odoo.exceptions.ValidationError")
    if model is PARTNER:
        given = {"complete_name": given["name"], **given}
    transaction.rows(statements.USER_PARTNER, (user.partner,))
    transaction.rows(statements.NOW)
    record = add(transaction, model.table, {field: given[field] for field in model.check(list(given))})
    if model is PARTNER:
        transaction.rows(statements.COMMERCIAL, (record,))
    thread(transaction, user, model.name, record)
    transaction.rows(statements.FOLLOWERS, (model.name, record))
    transaction.rows(statements.USER_PARTNER, (user.partner,))
    return record


def add(transaction: Transaction, table: str, values: Values) -> int:
    """A row without a thread; its id."""
    return int(transaction.value(statements.insert(table, list(values)), list(values.values())))


def thread(transaction: Transaction, user: User, model: str, record: int) -> None:
    """What Odoo's mail thread adds to a new record: a message, and the user as a follower."""
    transaction.rows(statements.MODEL, (model,))
    body = f"<p>{model} created</p>"
    transaction.rows(statements.MESSAGE, (user.partner, body, user.id, model, record, user.id))
    follower = transaction.value(statements.FOLLOWER, (user.partner, record, model))
    transaction.rows(statements.FOLLOWER_SUBTYPE, (follower,))


def write(transaction: Transaction, user: User, model: Model, ids: Sequence[int], values: Values) -> bool:
    """Change records; what is tracked is told in each one's thread, a row a field."""
    fields = model.check(list(values))
    tracked = [field for field in model.tracked if field in values]
    where = SQL("id = ANY({})").format(Value(list(ids)))
    before = transaction.rows(statements.select(model.table, ("id", *tracked), where))
    transaction.rows(statements.NOW)
    transaction.rows(statements.update(model.table, fields), [*(values[field] for field in fields), list(ids)])
    transaction.rows(statements.USER_PARTNER, (user.partner,))
    transaction.rows(statements.MODEL, (model.name,))
    transaction.rows(statements.MODEL_FIELDS, (model.name,))
    for record, *old in before:
        _track(transaction, user, model, record, dict(zip(tracked, old, strict=True)), values)
    return True


def _track(transaction: Transaction, user: User, model: Model, record: int, old: Values, new: Values) -> None:
    message = transaction.value(statements.MESSAGE, (user.partner, "", user.id, model.name, record, user.id))
    changed = [field for field in old if str(old[field]) != str(new[field])]
    texts = [[str(values[field]) for field in changed] for values in (old, new)]
    transaction.rows(statements.TRACKING, (user.id, message, changed, *texts, model.name))
    transaction.rows(statements.FOLLOWERS, (model.name, record))


READS: Mapping[str, Callable[[Transaction, Model, Values], Any]] = {
    "search_read": search_read,
    "read": read,
    "web_search_read": web_search_read,
    "name_search": name_search,
    "search": search,
    "search_count": search_count,
    "export_data": export_data,
    "read_group": read_group,
}
"""Methods that change nothing."""
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "search_read": ("domain", "fields", "offset", "limit", "order"),
    "read": ("ids", "fields"),
    "web_search_read": ("domain", "specification", "offset", "limit", "order", "count_limit"),
    "name_search": ("name", "args", "operator", "limit"),
    "search": ("domain", "offset", "limit", "order"),
    "search_count": ("domain", "limit"),
    "export_data": ("ids", "fields"),
    "read_group": ("domain", "fields", "groupby"),
    "create": ("values",),
    "write": ("ids", "values"),
}
"""Names of the arguments that a client may give by position."""
OPERATIONS: Mapping[str, str] = {
    "search_read": "list",
    "read": "read",
    "web_search_read": "search",
    "name_search": "scan",
    "search": "scan",
    "search_count": "scan",
    "export_data": "list",
    "read_group": "scan",
    "create": "create",
    "write": "write",
}
"""Operation of the reference model whose Python a method costs."""
