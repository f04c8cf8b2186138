"""CPU of other hosts, asked for over HTTP: of `dfr-size probe`, or of Prometheus' exporters."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from dfr_sizing.recording.host import Facts
from dfr_sizing.recording.processes import GROUPS
from dfr_sizing.recording.prometheus import Scrape, read_scrape, seconds_between
from dfr_sizing.recording.seconds import Second
from dfr_sizing.recording.types import Host

ANSWER_S = 5.0
"""No host is waited for longer. Stated."""

SCRAPE_EVERY_S = 5.0
"""Between two looks at an exporter: its answer costs a staging host some 10 ms of CPU. Stated."""

FETCH_EVERY_S = 600.0
"""Between two collections from a probe, which keeps its seconds for two hours. Stated."""

ROUND_TRIPS = 7
"""Of a comparison of clocks; the quickest counts, as in NTP (RFC 5905, clock filter)."""

FAILURES = (OSError, ValueError, KeyError, TypeError, HTTPException)
"""What an answer of another host may end in; urllib's errors are OSErrors."""

_open = build_opener(ProxyHandler({})).open  # staging's hosts are near: never by way of a proxy


class Remote(Protocol):
    """A host that is watched from afar."""

    def start(self) -> None:
        """Begin to watch, in a thread."""

    def finish(self) -> tuple[Host, list[Second]]:
        """Look for the last time: the host, and its seconds on its own clock."""

    def log(self, started: float, ended: float) -> list[str] | None:
        """Lines of Odoo's log between two times of the generator's clock, or None where it has no log."""


class Repeated:
    """Work that is done now and then in a thread of its own until it is stopped, and once more at the end."""

    def __init__(self, every_s: float, work: Callable[[], None]) -> None:
        self._every_s, self._work = every_s, work
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._work()
        self._thread.start()

    def stop(self) -> None:
        """Do the work once more, and no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._work()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self._work()


class ProbedHost:
    """A host where `dfr-size probe` runs. Raises FAILURES where the url is of something else."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.facts = Facts(**_json(f"{self.url}/facts"))
        self._offset_s = self._clock_offset_s()
        self._seconds: dict[float, Second] = {}
        self._fetching = Repeated(FETCH_EVERY_S, self._fetch)

    def start(self) -> None:
        """Begin to collect."""
        self._fetching.start()

    def finish(self) -> tuple[Host, list[Second]]:
        """Collect what is left."""
        self._fetching.stop()
        seconds = list(self._seconds.values())
        return host_of(self.facts, seconds, self._offset_s), seconds

    def log(self, started: float, ended: float) -> list[str] | None:
        """Lines of the log that the probe was given."""
        try:
            limits = f"after={started + self._offset_s:.3f}&before={ended + self._offset_s:.3f}"
            return _text(f"{self.url}/log?{limits}").splitlines()
        except FAILURES:  # the probe was given none
            return None

    def _fetch(self) -> None:
        try:
            after = max(self._seconds, default=time.time() + self._offset_s)
            for row in _json(f"{self.url}/seconds?after={after:.3f}"):
                second = Second(**{name: math.nan if value is None else value for name, value in row.items()})
                self._seconds[second.time] = second
        except FAILURES:
            return  # it is asked again, and it keeps what it saw

    def _clock_offset_s(self) -> float:
        """The host's clock less ours, from the quickest of several questions."""
        trips = []
        for _ in range(ROUND_TRIPS):
            asked = time.time()
            there = float(_json(f"{self.url}/time")["time"])
            answered = time.time()
            trips.append((answered - asked, there - (asked + answered) / 2.0))
        return min(trips)[1]


class ExportedHost:
    """A host with node-exporter, and for groups of processes process-exporter. Raises FAILURES if it has neither.

    process-exporter does not see processes that end between two looks, as parallel workers of PostgreSQL do: their time
    is then in ``other``.
    """

    def __init__(self, name: str, urls: Sequence[str]) -> None:
        self._name, self._urls = name, urls
        self._scrapes = [self._scraped()]
        self._scraping = Repeated(SCRAPE_EVERY_S, self._scrape)

    def start(self) -> None:
        """Begin to scrape."""
        self._scraping.start()

    def finish(self) -> tuple[Host, list[Second]]:
        """Scrape for the last time."""
        self._scraping.stop()
        last = self._scrapes[-1]
        facts = Facts(
            name=last.name or self._name,
            identity="",
            cpu=last.cpu or "unknown",
            cores=last.cores,
            threads_per_core=1,
            memory_bytes=last.memory_bytes,
            disk="unknown",
            speed_ms=math.nan,
        )
        pairs = zip(self._scrapes, self._scrapes[1:], strict=False)
        seconds = [second for before, now in pairs for second in seconds_between(before, now)]
        return host_of(facts, seconds, clock_offset_s=0.0), seconds  # times are those of our own clock

    def log(self, started: float, ended: float) -> list[str] | None:  # noqa: ARG002
        """None: exporters have no log."""
        return None

    def _scrape(self) -> None:
        try:
            self._scrapes.append(self._scraped())
        except FAILURES:
            return  # the next one covers this time as well

    def _scraped(self) -> Scrape:
        asked = time.time()
        texts = [_text(url) for url in self._urls]
        scrape = read_scrape(texts, (asked + time.time()) / 2.0)
        if scrape.cores == 0:
            raise ValueError("no node_cpu_seconds_total there: name node-exporter as well")
        return scrape


def open_remotes(urls: Iterable[str]) -> tuple[dict[str, Remote], dict[str, str]]:
    """Hosts by url, and for those that do not answer the reason. Exporters of one host are taken together."""
    found: dict[str, Remote] = {}
    failed: dict[str, str] = {}
    exporters: defaultdict[str, list[str]] = defaultdict(list)
    for url in urls:
        try:
            found[url] = ProbedHost(url)
        except FAILURES as error:
            if isinstance(error, OSError) and not hasattr(error, "code"):
                failed[url] = reason(error)  # nobody answers
            else:
                exporters[urlsplit(url).hostname or url].append(_metrics(url))
    for name, listed in exporters.items():
        try:
            found[", ".join(listed)] = ExportedHost(name, listed)
        except FAILURES as error:
            failed[", ".join(listed)] = reason(error)
    return found, failed


def host_of(facts: Facts, seconds: Iterable[Second], clock_offset_s: float) -> Host:
    """A host of the recording; its groups are those that were seen to use CPU time."""
    kept = list(seconds)
    groups = tuple(group for group in GROUPS if any(getattr(second, group) > 0.0 for second in kept))
    return Host(
        name=facts.name,
        groups=groups,
        cpu=facts.cpu,
        cores=facts.cores,
        threads_per_core=facts.threads_per_core,
        memory_bytes=facts.memory_bytes,
        disk=facts.disk,
        speed_ms=facts.speed_ms,
        clock_offset_s=clock_offset_s,
    )


def reason(error: Exception) -> str:
    """An error in a few words."""
    return str(getattr(error, "reason", "") or error or type(error).__name__).splitlines()[0]


def odoo_version(url: str) -> str:
    """What Odoo says to everybody that it is, or "unknown"."""
    try:
        asked = json.dumps({"jsonrpc": "2.0", "method": "call", "params": {}}).encode()
        told = _json(f"{url.rstrip('/')}/web/webclient/version_info", asked)
        return str(told["result"]["server_version"])
    except FAILURES:
        return "unknown"


def _metrics(url: str) -> str:
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/metrics"


def _json(url: str, data: bytes | None = None) -> Any:
    return json.loads(_text(url, data, {"Content-Type": "application/json"} if data else {}))


def _text(url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> str:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(f"{url} is not an http address")
    with _open(Request(url, data, dict(headers or {})), timeout=ANSWER_S) as answer:  # noqa: S310 - checked above
        return str(answer.read().decode(errors="replace"))
