"""A thin client for Odoo and the DFR: JSON-RPC with a session, pages, forms, REST with a bearer token.

Requests go to the staging file's address and nowhere else: a redirection is an answer like any other.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

from gevent.lock import BoundedSemaphore
from locust.contrib.fasthttp import FastHttpSession, ResponseContextManager

from dfr_sizing.errors import InputError
from dfr_sizing.staging.target import PASSWORD, Staging, password
from loadtests.drawing import Known, filled, fragments
from loadtests.mapping import Call, Form, Login, Page, Rest, Token
from loadtests.mapping import Mapping as RequestMapping
from loadtests.outcomes import OK, RequestError, of_answer, of_exception

TIME_OUT_S = 120.0
"""As limit_time_real of Odoo: later than that the worker is gone."""
RENEWED_BEFORE_S = 60.0
"""A token is renewed so long before it ends."""
SESSION_ENDED = "error SessionExpiredException"
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|csrf_token:\s*"([^"]+)"')


class Account:
    """What the users of one login share in a process: the session's cookies and tokens."""

    def __init__(self, login: str) -> None:
        self.login = login
        self.cookies = CookieJar()
        self.bearer = ""
        self.bearer_until = 0.0
        self.csrf = ""
        self.renewing = BoundedSemaphore()


class Client:
    """Sends the mapping's classes for one user, whose account others may share."""

    def __init__(self, http: FastHttpSession, staging: Staging, mapping: RequestMapping, account: Account) -> None:
        self._http, self._staging, self._mapping, self.account = http, staging, mapping, account
        http.base_url = staging.url.rstrip("/")
        http.client.redirect_response_codes = frozenset()  # type: ignore[misc] # of this client only

    def send(self, name: str, known: Known, chance: random.Random) -> str:
        """Send a request of a class, its data drawn; what it ends with. A session or token that ended is renewed.

        Raises InputError where the system answers but does not let the account in any more: it is not the one that was
        there at the start, as when another database is served at its address.
        """
        sent = self._mapping.classes[name]
        counts = {count: sent.count(count) for count in sent.counts}
        match sent:
            case Call():
                args, kwargs = (filled(part, known, counts, chance) for part in (sent.args, sent.kwargs))
                outcome, _ = self.call(sent.model, sent.method, args, kwargs, name)
            case Page():
                outcome, _ = self._request(name, "GET", filled(sent.path, known, counts, chance))
            case Form():
                outcome = self._form(name, sent, known, filled(sent.fields, known, counts, chance), chance)
            case Rest():
                path, body = (filled(part, known, counts, chance) for part in (sent.path, sent.body))
                outcome, _ = self._request(name, sent.verb, path, body or None, self._authorisation())
            case Login():
                outcome, _ = self.log_in(name, sent)
            case Token():
                outcome = self._ask_token(name, sent)
        if outcome == SESSION_ENDED:
            logged_in(self, self._staging)
        return outcome

    def call(
        self, model: str, method: str, args: list[Any], kwargs: Mapping[str, Any], name: str = ""
    ) -> tuple[str, Any]:
        """Call a method of a model; the outcome, and the result."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self._rpc(name, f"/web/dataset/call_kw/{model}/{method}", params)

    def log_in(self, name: str, login: Login) -> tuple[str, CookieJar]:
        """Check the password, as a browser that has no session yet; the outcome, and the new session's cookies."""
        fresh = CookieJar()
        params = {"db": self._staging.database, "login": self.account.login, "password": password()}
        return self._rpc(name, login.path, params, fresh)[0], fresh

    def open_session(self) -> str:
        """Log in and let all users of the account use that session; the outcome."""
        name = self._mapping.the("login")
        login = self._mapping.classes[name]
        before = self.account.cookies
        with self.account.renewing:
            if self.account.cookies is not before:  # another user was quicker
                return OK
            outcome, cookies = self.log_in(name, login)  # type: ignore[arg-type]
            if outcome == OK:
                self.account.cookies, self.account.csrf = cookies, ""
        return outcome

    def _form(self, name: str, form: Form, known: Known, fields: dict[str, Any], chance: random.Random) -> str:
        if not self.account.csrf:
            page = self._mapping.classes[form.token_from]
            outcome, text = self._request(form.token_from, "GET", filled(page.path, known, {}, chance))
            found = _CSRF.search(text) if outcome == OK else None
            self.account.csrf = next(filter(None, found.groups())) if found else ""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({**fields, "csrf_token": self.account.csrf})
        outcome, _ = self._request(name, "POST", form.path, body, headers, may_redirect=True)
        if outcome.startswith("status 4"):
            self.account.csrf = ""
        return outcome

    def _authorisation(self) -> dict[str, str]:
        with self.account.renewing:
            if time.monotonic() > self.account.bearer_until:
                name = self._mapping.the("token")
                self._ask_token(name, self._mapping.classes[name])  # type: ignore[arg-type]
        return {"Authorization": f"Bearer {self.account.bearer}"}

    def _ask_token(self, name: str, token: Token) -> str:
        asked = {"grant_type": "password", "username": self.account.login, "password": password()}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        outcome, told = self._request(name, "POST", token.path, urlencode(asked), headers, as_json=True)
        if outcome == OK and isinstance(told, dict):
            told = told.get("data", told)
            self.account.bearer = str(told.get("access_token", ""))
            self.account.bearer_until = time.monotonic() + float(told.get("expires_in", 0)) - RENEWED_BEFORE_S
        return outcome

    def _rpc(
        self, name: str, path: str, params: Mapping[str, Any], cookies: CookieJar | None = None
    ) -> tuple[str, Any]:
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        outcome, told = self._request(name, "POST", path, body, cookies=cookies, as_json=True)
        return outcome, told.get("result") if isinstance(told, dict) else None

    def _request(
        self,
        name: str,
        verb: str,
        path: str,
        body: dict[str, Any] | str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        cookies: CookieJar | None = None,
        as_json: bool = False,
        may_redirect: bool = False,
    ) -> tuple[str, Any]:
        """One request; the outcome, and the answer's text or JSON."""
        self._http.client.cookiejar = self.account.cookies if cookies is None else cookies
        what = {"data": body} if isinstance(body, str) else {"json": body}
        with self._http.request(
            verb, path, name=name or path, headers=dict(headers or {}), catch_response=True, **what
        ) as answer:
            outcome, told = _judged(answer, as_json, may_redirect)
            if outcome == OK:
                answer.success()
            else:
                answer.failure(RequestError(outcome))
        return outcome, told


def _judged(answer: ResponseContextManager, as_json: bool, may_redirect: bool) -> tuple[str, Any]:
    if not answer.status_code:
        return of_exception(getattr(answer, "error", None)), None
    told: Any = answer.text or ""
    if as_json and answer.status_code < 300:
        try:
            told = answer.json()
        except ValueError:
            return "error not JSON", None
    return of_answer(answer.status_code, told, may_redirect), told


def found_on(client: Client, mapping: RequestMapping, seed: int) -> Known:
    """What requests may draw: ids spread over the whole table, and values of those records. Raises InputError.

    Two bounded queries: the newest id, then which of so many numbers up to it exist, with their fields.
    """
    known = mapping.known
    newest = _asked(client, known.model, "search", [[]], {"order": "id desc", "limit": 1})
    if not newest:
        raise InputError(f"the number of {known.model} on staging", 0, "1 or more", "fill it with dfr-size seed")
    wanted = sorted(random.Random(seed).choices(range(1, newest[0] + 1), k=known.most))  # noqa: S311 - data, no secret
    fields = sorted(set(known.fields.values()))
    rows = _asked(client, known.model, "search_read", [[["id", "in", wanted]], fields], {"limit": known.most})
    values = {name: [str(row[field]) for row in rows if row[field]] for name, field in known.fields.items()}
    values["fragment"] = fragments(values[known.fragment], known.fragment_letters)
    for name, found in values.items():
        if not found:
            raise InputError(
                f"{name} of {known.model} on staging", "empty", "known for some", "fill it with dfr-size seed"
            )
    return Known([int(row["id"]) for row in rows], values, mapping.settings)


def _asked(client: Client, model: str, method: str, args: list[Any], kwargs: Mapping[str, Any]) -> Any:
    outcome, result = client.call(model, method, args, kwargs)
    if outcome != OK:
        raise InputError(f"{method} of {model} on staging", outcome, "answered", "check the mapping's model and fields")
    return result


def logged_in(client: Client, staging: Staging, *, first: bool = False) -> None:
    """Open the account's session. Raises InputError, during a test only for an answer: a server may be away a while."""
    outcome = client.open_session()
    if outcome != OK and (first or outcome.startswith("error")):
        allowed = f"let into {staging.database} at {staging.url}"
        raise InputError(
            f"the user {client.account.login}", outcome, allowed, f"check the address, users and {PASSWORD}"
        )
