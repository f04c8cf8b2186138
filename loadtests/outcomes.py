"""How a request ended, in the words of a recording: ``ok``, ``refused``, ``time-out``, ``status 500`` and the like."""

from __future__ import annotations

from typing import Any

OK, REFUSED, TIME_OUT, BROKEN = "ok", "refused", "time-out", "connection lost"


class RequestError(Exception):
    """A request that did not end well. Only the kind of failure: an answer's text may hold what nobody should keep."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def of_exception(error: BaseException | None) -> str:
    """The outcome of a request for which no answer came."""
    if error is None:
        return OK
    if isinstance(error, RequestError):
        return error.outcome
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    return TIME_OUT if isinstance(error, TimeoutError) or type(error).__name__ == "Timeout" else BROKEN


def of_answer(status: int, told: Any, may_redirect: bool) -> str:
    """The outcome of an answer: its status, and what Odoo tells with status 200 when a call fails.

    A redirection is never followed; only a form may answer with one. ``told`` is the answer's JSON, if it has any.
    """
    if status >= 400 or (status >= 300 and not may_redirect):
        return f"status {status}"
    if isinstance(told, dict) and told.get("error"):
        error = told["error"]
        name = error.get("data", {}).get("name", "") if isinstance(error, dict) else ""
        return f"error {str(name).rsplit('.', 1)[-1] or 'unknown'}"
    return OK
