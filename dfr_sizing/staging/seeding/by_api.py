"""Seeding through the server: records created by JSON-RPC, as an import would, slowly, with all that the code adds.

Only farmers (or partners); each call is one transaction, and those that are in are counted: so it can be gone on with.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.staging.seeding import names
from dfr_sizing.staging.seeding.bulk import Progress, Seeding
from dfr_sizing.staging.seeding.rows import REF, UID, Batch, born, national_id, ref
from dfr_sizing.staging.target import Staging, password

CREATED_TOGETHER = 50
"""Records in one call, few enough for Odoo's limit_time_real of 120 s. Assumed; the model's sync batch is the same."""
ANSWER_AT_MOST_S = 600.0


class Session:
    """A user of the staging, logged in."""

    def __init__(self, staging: Staging) -> None:
        self._url = staging.url.rstrip("/")
        self._cookie = ""
        told = {"db": staging.database, "login": staging.users[0], "password": password()}
        self._ask("/web/session/authenticate", told)

    def call(self, model: str, method: str, *arguments: object) -> Any:
        """What a model's method returns."""
        params = {"model": model, "method": method, "args": arguments, "kwargs": {}}
        return self._ask(f"/web/dataset/call_kw/{model}/{method}", params)

    def _ask(self, path: str, params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}).encode()
        headers = {"Content-Type": "application/json", "Cookie": self._cookie}
        request = urllib.request.Request(self._url + path, body, headers)  # noqa: S310  (the staging file's)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_AT_MOST_S) as answer:  # noqa: S310
                self._cookie = (answer.headers.get("Set-Cookie") or self._cookie).split(";")[0]
                told = json.load(answer)
        except (OSError, ValueError) as error:
            raise InputError("url of the staging file", self._url, "an Odoo that answers", f"{error}") from None
        if "error" in told:
            reason = told["error"].get("data", {}).get("message", "an error")
            raise InputError("the staging", f"refusing {path}", "one that lets the first user create", reason)
        return told["result"]


def seed_by_api(staging: Staging, asked: Seeding, progress: Progress | None = None) -> int:
    """Create farmers up to exactly so many; how many there are. Raises InputError."""
    session = Session(staging)
    model, mark = (
        ("res.partner", ["ref", "=like", f"{REF}%"])
        if asked.kind == "odoo"
        else ("dfr.farmer", ["uid", "=like", f"{UID}%"])
    )
    done = int(session.call(model, "search_count", [mark]))
    if done > asked.farmers:
        remedy = "give at least as many, or an empty database: nothing is deleted here"
        raise InputError("--farmers", asked.farmers, f"{done:,} or more, which there are", remedy)
    areas = [] if asked.kind == "odoo" else _areas(session)
    while done < asked.farmers:
        batch = Batch(asked.seed, done // asked.batch_farmers, asked.batch_farmers)
        last = min(batch.start + batch.size, done + CREATED_TOGETHER, asked.farmers)
        session.call(model, "create", [_values(batch, farmer, areas) for farmer in range(done, last)])
        done = last
        if progress is not None:
            progress(f"farmers {done:,}", done / asked.farmers)
    return done


def _areas(session: Session) -> list[int]:
    found = session.call("dfr.administrative.area", "search", [])
    if not found:
        raise InputError("the staging", "without an administrative area", "set up with one", "add it in the DFR first")
    return sorted(found)


def _values(batch: Batch, farmer: int, areas: list[int]) -> dict[str, Any]:
    at = farmer - batch.start
    name = f"{batch.given[at]} {batch.family[at]}"
    if not areas:
        city = names.village(batch.village[at])
        return {"name": name, "ref": ref(farmer), "city": city, "phone": str(batch.phone[at])}
    return {
        "name": name,
        "uid": batch.uid[at],
        "date_of_birth": born(batch.age_days[at]).isoformat(),
        "sex": batch.sex[at],
        "contact_phone": str(batch.phone[at]),
        "national_id_number": national_id(batch.seed, farmer),
        "administrative_area_id": areas[batch.village[at] % len(areas)],
    }
