"""Pages of an answer that comes over the network: asked for with patience, and kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests

from dfr_sizing.whole import write_whole

TRIES = 6
"""Times that a page is asked for."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""The wait after the first refusal, which doubles, and the longest: a source that wants more is asked another day."""
TIMEOUT_S = (10.0, 60.0)
"""Seconds to connect, and between two pieces of an answer."""
KEPT_S = 86_400.0
"""A page is not asked for again within a day."""
BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that are worth another try."""


class SourceError(Exception):
    """The source cannot be reached, or what it says cannot be believed: one sentence."""


@dataclass(frozen=True)
class Pages:
    """Pages of JSON, kept in a folder by their address. ``sleep`` waits, ``now`` tells the time in seconds.

    ``headers`` go with each question and may hold a key: they are kept nowhere, and no error tells them.
    """

    folder: Path
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    session: requests.Session = field(default_factory=requests.Session)

    def page(self, address: str) -> Any:
        """The page at an address: a kept one of today, or asked for and kept. Raises SourceError."""
        return self.kept(address, lambda: self._asked(address))

    def kept(self, address: str, ask: Callable[[], str]) -> Any:
        """The JSON that was kept under an address, or what is told now."""
        kept = self.folder / f"{hashlib.sha256(address.encode()).hexdigest()}.json"
        known = self._known(kept, address)
        if known is not None:
            return known
        body = ask()
        told = {"address": address, "at": self.now(), "sha256": _sum(body), "body": body}
        write_whole(kept, json.dumps(told).encode())
        return json.loads(body)

    def _known(self, kept: Path, address: str) -> Any:
        """What was kept, unless it is old, of another address, or not as it was written."""
        try:
            told = json.loads(kept.read_bytes())
            fresh = 0.0 <= self.now() - told["at"] <= KEPT_S
            if fresh and told["address"] == address and told["sha256"] == _sum(told["body"]):
                return json.loads(told["body"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def _asked(self, address: str) -> str:
        wait_s, said = FIRST_WAIT_S, ""
        for attempt in range(TRIES):
            if attempt:
                self.sleep(wait_s)
            wait_s = min(FIRST_WAIT_S * 2.0**attempt, LONGEST_WAIT_S)
            try:
                answer = self.session.get(address, headers=dict(self.headers), timeout=TIMEOUT_S, allow_redirects=False)
                if answer.status_code == requests.codes.ok:
                    json.loads(answer.text)
                    return answer.text
                said = f"it answers {answer.status_code}"
                if answer.status_code not in BUSY:
                    break
                asked = self._asked_wait_s(answer)
                if asked is not None and asked > LONGEST_WAIT_S:
                    raise SourceError(f"{_host(address)} asks to wait {asked:.0f} s: try again later")
                wait_s = wait_s if asked is None else asked
            except requests.RequestException as problem:
                said = f"the connection failed ({type(problem).__name__})"
            except ValueError:
                said = "it does not answer in JSON"
        raise SourceError(f"{_host(address)} gave no page after {attempt + 1} tries: {said}; nothing was changed")

    def _asked_wait_s(self, answer: requests.Response) -> float | None:
        """Seconds of a Retry-After header, which is a number or a date."""
        text = answer.headers.get("Retry-After")
        if not text:
            return None
        try:
            return max(0.0, float(text))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self.now())
        except ValueError:
            return None


def _sum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _host(address: str) -> str:
    """An address without its query: that may hold a key."""
    return address.split("?", 1)[0]
