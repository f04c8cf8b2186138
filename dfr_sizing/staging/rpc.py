"""Routes of Odoo's web client: health, the log-in page, sessions, and calls of models' methods by JSON-RPC."""

from __future__ import annotations

import math
from typing import Any

from dfr_sizing.staging import records, statements
from dfr_sizing.staging.accounts import SESSION_S
from dfr_sizing.staging.records import (
    ARGUMENTS,
    MODELS,
    OPERATIONS,
    READS,
    ROWS_TOGETHER,
    Model,
    Refused,
    User,
    find_user,
)
from dfr_sizing.staging.registry import Desk
from dfr_sizing.staging.web import NOT_ODOO, Context, Response, as_json, csrf_field, page, with_session


class Expired(Refused):
    """Nobody is logged in."""

    def __init__(self) -> None:
        super().__init__("Session expired", "odoo.http.SessionExpiredException")


def health(_context: Context) -> Response:
    """Whether the server is up."""
    return as_json({"status": "pass", "server": NOT_ODOO})


def login_page(context: Context) -> Response:
    """The form that one logs in with."""
    context.work.spend("login_page")
    session = context.request.session or context.accounts.sign("session", "", SESSION_S)
    fields = '<input name="login"/><input name="password" type="password"/><button>Log in</button>'
    form = f'<form method="post" action="/web/login">{csrf_field(context, session)}{fields}</form>'
    return page("Log in", form, headers=with_session(session))


def authenticate(context: Context) -> Response:
    """Log in: JSON-RPC with ``db``, ``login`` and ``password``; the session comes as a cookie."""
    asked = _params(context)
    user = find_user(context.transaction, str(asked.get("login", "")))
    right = context.accounts.opens(str(asked.get("password", "")))
    if user is None or not right or asked.get("db") != context.database:
        raise Refused("Access Denied", "odoo.exceptions.AccessDenied")
    context.transaction.rows(statements.USER_LOG, (user.id,))
    (partner,) = context.transaction.rows(statements.USER_PARTNER, (user.partner,))
    told = {
        "uid": user.id,
        "username": user.login,
        "name": partner[3],
        "partner_id": user.partner,
        "db": context.database,
        "user_context": {"lang": partner[2], "tz": partner[4], "uid": user.id},
        "server_version": NOT_ODOO,
    }
    return _result(context, told, with_session(context.accounts.sign("session", user.login, SESSION_S)))


def call_kw(context: Context) -> Response:
    """Call a model's method. Changes need the user's record; reading only needs the session."""
    login = context.accounts.signed("session", context.request.session)
    if not login:
        raise Expired
    asked = _params(context)
    model, method = MODELS.get(str(asked.get("model"))), str(asked.get("method"))
    if model is None:
        raise Refused(f"{asked.get('model')!r}", "builtins.KeyError")
    if method not in OPERATIONS:
        raise Refused(f"The method '{model.name}.{method}' does not exist in the stand-in", "builtins.AttributeError")
    values = dict(zip(ARGUMENTS[method], asked.get("args") or [], strict=False)) | (asked.get("kwargs") or {})
    if method != "create":
        pages = math.ceil(len(values["ids"]) / ROWS_TOGETHER) if method == "export_data" else 1
        context.work.spend(OPERATIONS[method], pages)
    if method in READS:
        return _result(context, READS[method](context.transaction, model, values))
    user = find_user(context.transaction, login)
    if user is None:
        raise Expired
    return _result(context, _change(context, user, model, method, values))


def _change(context: Context, user: User, model: Model, method: str, values: dict[str, Any]) -> object:
    if method == "write":
        return records.write(context.transaction, user, model, values["ids"], values["values"])
    given = values.get("values", values.get("vals_list", {}))
    several = given if isinstance(given, list) else [given]
    desk = Desk(context.transaction, user, context.work)
    made = [desk.create(model, one, "create_in_batch" if number else "create") for number, one in enumerate(several)]
    return made if isinstance(given, list) else made[0]


def _params(context: Context) -> dict[str, Any]:
    params = context.request.json().get("params")
    return params if isinstance(params, dict) else {}


def _result(context: Context, value: object, headers: dict[str, str] | None = None) -> Response:
    return as_json({"jsonrpc": "2.0", "id": context.request.json().get("id"), "result": value}, headers=headers)


def error(refused: Refused) -> Response:
    """An error as Odoo's JSON-RPC tells it: with status 200."""
    expired = isinstance(refused, Expired)
    told = {
        "code": 100 if expired else 200,
        "message": "Odoo Session Expired" if expired else "Odoo Server Error",
        "data": {"name": refused.name, "message": str(refused), "debug": NOT_ODOO, "arguments": [str(refused)]},
    }
    return as_json({"jsonrpc": "2.0", "id": None, "error": told})
