"""From a request to its response: finds the route, runs it in a transaction, tells errors in the route's own way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from dfr_sizing.staging import api, portal, rpc, statements
from dfr_sizing.staging.accounts import Accounts
from dfr_sizing.staging.database import Database, Spent, Transaction
from dfr_sizing.staging.records import Refused
from dfr_sizing.staging.web import Context, Request, Response, Route, page
from dfr_sizing.staging.work import Work

ErrorPage = Callable[[Refused], Response]

_ROUTES: tuple[tuple[str, str, Route, ErrorPage], ...] = (
    ("GET", r"/web/health", rpc.health, rpc.error),
    ("GET", r"/web/login", rpc.login_page, portal.error),
    ("POST", r"/web/session/authenticate", rpc.authenticate, rpc.error),
    ("POST", r"/web/dataset/call_kw(/[\w.]+/\w+)?", rpc.call_kw, rpc.error),
    ("GET", r"/api/dfr/v1/health", api.health, api.error),
    ("POST", r"/api/dfr/v1/auth/token", api.token, api.error),
    ("POST", r"/api/dfr/v1/sync/farmers", api.sync_farmers, api.error),
    ("GET", r"/api/dfr/v1/sync/form-definitions", api.form_definitions, api.error),
    ("POST", r"/api/dfr/v1/sync/form-submissions", api.form_submissions, api.error),
    ("GET", r"/api/dfr/v1/external/farmers/lookup", api.lookup, api.error),
    ("GET", r"/api/dfr/v1/external/farmers/[^/]+", api.farmer, api.error),
    ("GET", r"/farmer/register", portal.registration, portal.error),
    ("POST", r"/farmer/register", portal.register, portal.error),
    ("GET", r"/farmer/register/thank-you", portal.thanks, portal.error),
    ("GET", r"/portal/forms/[^/]+", portal.form_page, portal.error),
    ("POST", r"/portal/forms/[^/]+", portal.submit, portal.error),
)
"""Method, path, what answers, and how it tells of an error; the first that fits."""
_COMPILED = tuple((method, re.compile(path), route, error) for method, path, route, error in _ROUTES)


@dataclass(frozen=True, slots=True)
class Application:
    """What one worker answers with. ``name`` is the database's."""

    database: Database
    accounts: Accounts
    work: Work
    name: str

    def answer(self, request: Request, spent: Spent) -> Response:
        """The response, and in ``spent`` what it took of the database."""
        found = [row for row in _COMPILED if row[1].fullmatch(request.path)]
        if not found:
            return page("Not Found", "<p>The stand-in has no such page.</p>", 404)
        fitting = [row for row in found if row[0] == request.method]
        if not fitting:
            return page("Method Not Allowed", "", 405, {"Allow": ", ".join(row[0] for row in found)})
        _, _, route, error = fitting[0]
        self.work.spend("overhead")
        # Odoo looks in a transaction of its own whether another worker has changed what is cached.
        self.database.run(lambda transaction: transaction.rows(statements.SIGNALING), spent)
        try:
            return self.database.run(lambda transaction: self._answer(request, route, transaction), spent)
        except Refused as refused:
            return error(refused)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as wrong:
            return error(Refused(str(wrong).splitlines()[0], f"psycopg2.errors.{type(wrong).__name__}"))
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            return error(Refused(f"{type(wrong).__name__}: {wrong}", f"builtins.{type(wrong).__name__}"))

    def _answer(self, request: Request, route: Route, transaction: Transaction) -> Response:
        transaction.rows(statements.COMPANY)
        return route(Context(request, transaction, self.accounts, self.work, self.name))
