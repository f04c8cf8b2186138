"""What passes between the stand-in's HTTP side and its routes: a request, a response, and what a route works with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from html import escape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from dfr_sizing.staging.accounts import SESSION_S, Accounts
from dfr_sizing.staging.database import Transaction
from dfr_sizing.staging.records import Refused
from dfr_sizing.staging.work import Work

NOT_ODOO = "NOT Odoo: a stand-in by dfr-size, for trying load tests on; its figures are those of no registry"
"""Said wherever somebody may look, so that nobody takes its figures for a registry's."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. ``query`` are the address's parameters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body, if it is a JSON object."""
        try:
            told = json.loads(self.body or b"{}")
        except ValueError:
            raise Refused("Invalid JSON data", "werkzeug.exceptions.BadRequest") from None
        if not isinstance(told, dict):
            raise Refused("Invalid JSON data: an object is needed", "werkzeug.exceptions.BadRequest")
        return told

    def form(self) -> dict[str, str]:
        """The body, if it is a form."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode(errors="replace")).items()}

    @property
    def session(self) -> str:
        """The session's cookie."""
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("session_id")
        return cookie.value if cookie else ""


@dataclass(frozen=True, slots=True)
class Response:
    """What a client gets."""

    body: bytes
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What a route works with: one request, in one transaction. ``database`` is the database's name."""

    request: Request
    transaction: Transaction
    accounts: Accounts
    work: Work
    database: str


Route = Callable[[Context], Response]


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response that holds a value as JSON, dates as Odoo writes them."""
    text = json.dumps(value, default=_told)
    return Response(text.encode(), status, "application/json; charset=utf-8", headers or {})


def _told(value: object) -> object:
    match value:
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
    raise TypeError(value)


def page(title: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An HTML page that says what it is not. ``body`` is HTML."""
    text = (
        f"<!DOCTYPE html><html><head><title>{escape(title)}</title></head><body>"
        f"<p><strong>{escape(NOT_ODOO)}</strong></p><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return Response(text.encode(), status, headers=headers or {})


def with_session(token: str) -> dict[str, str]:
    """The header that gives a client its session."""
    return {"Set-Cookie": f"session_id={token}; Max-Age={SESSION_S}; HttpOnly; Path=/"}


def csrf_field(context: Context, session: str) -> str:
    """The hidden field without which no form is taken; good for one session."""
    token = context.accounts.sign("csrf", session.rpartition(".")[2], SESSION_S)
    return f'<input type="hidden" name="csrf_token" value="{token}"/>'


def check_csrf(context: Context, form: Mapping[str, str]) -> None:
    """Raises Refused where a form does not come from a page of this session."""
    owner = context.accounts.signed("csrf", form.get("csrf_token", ""))
    if not owner or owner != context.request.session.rpartition(".")[2]:
        raise Refused("Session expired (invalid CSRF token)", "werkzeug.exceptions.BadRequest")
