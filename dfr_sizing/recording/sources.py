"""All that a recording is collected from but the load generator itself, as far as it can be had."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dfr_sizing.recording import store
from dfr_sizing.recording.access_log import read_log
from dfr_sizing.recording.collect import UNKNOWN, Collected
from dfr_sizing.recording.host import Facts, identity, read_facts
from dfr_sizing.recording.postgresql import Statistics
from dfr_sizing.recording.processes import GROUPS, PROC
from dfr_sizing.recording.remote import ProbedHost, Remote, host_of, odoo_version, open_remotes
from dfr_sizing.recording.seconds import Second, Watch
from dfr_sizing.recording.types import Host, Server, Snapshot
from dfr_sizing.staging.target import Staging

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
NO_PORT = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """A host, its seconds on its own clock, and how it was watched."""

    host: Host
    seconds: list[Second]
    how: str


class Sources:
    """The generator's own host, the hosts of the probes, PostgreSQL, the log. Nothing raises that a source may lack.

    ``generator`` is the number of the load generator's process: what it is called is not known.
    """

    def __init__(self, staging: Staging, generator: int) -> None:
        self._staging = staging
        _, host, port = staging.origin
        self._facts: Facts | None = None
        self._watch = Watch(port if host in LOOPBACK else NO_PORT, {generator: "generator"}, kept_s=None)
        self._statistics = Statistics(staging.postgresql)
        self._snapshots: list[Snapshot] = []
        self._remotes: dict[str, Remote] = {}
        self._unreached: dict[str, str] = {}

    def start(self) -> None:
        """Begin to watch, and connect."""
        self._statistics.connect()
        self._remotes, self._unreached = open_remotes(self._staging.probes)
        if PROC.exists():
            self._facts = read_facts(self._watch.speed.alone())
            self._watch.start()
        else:
            self._unreached["here"] = f"{platform.system()} has no {PROC}: only a Linux host can be watched"
        for remote in self._remotes.values():
            remote.start()

    def edge(self, step: str, edge: str) -> None:
        """Take a snapshot of PostgreSQL."""
        snapshot = self._statistics.snapshot(step, edge)
        if snapshot is not None:
            self._snapshots.append(snapshot)

    def finish(self, folder: Path, started: float, ended: float) -> Collected:
        """Write what was collected from ``started`` to ``ended``, and stop."""
        time.sleep(max(0.0, ended + 1.0 - time.time()))  # the last second is looked at when it is over
        watched = [_within(one, started, ended) for one in self._watched()]
        if any(one.seconds for one in watched):
            write_seconds(folder, watched)
        if self._snapshots:
            store.write_snapshots(folder, self._snapshots)
        sources = {
            "cpu": cpu_told(watched, self._unreached),
            "postgresql": self._postgresql_told(),
            "log": self._log(folder, started, ended),
        }
        server = self._server()
        self._statistics.close()
        return Collected(tuple(one.host for one in watched), server, sources)

    def _watched(self) -> list[Watched]:
        """All hosts. A probe on the generator's own host has seen what was seen here: it is left out."""
        found = []
        if self._facts is not None:
            self._watch.stop()
            own = self._watch.after(0.0)
            found.append(Watched(host_of(self._facts, own, clock_offset_s=0.0), own, "watched here"))
        for url, remote in self._remotes.items():
            host, seconds = remote.finish()
            is_probe = isinstance(remote, ProbedHost)
            if not (isinstance(remote, ProbedHost) and remote.facts.identity == identity()):
                found.append(Watched(host, seconds, f"{'probe' if is_probe else 'exporters'} at {url}"))
        return _named_apart(found)

    def _log(self, folder: Path, started: float, ended: float) -> str:
        """Keep the log's lines; where they came from, or why there are none."""
        reasons = []
        if self._staging.log:
            path = Path(self._staging.log).expanduser()
            try:
                lines = read_log(path, started, ended)
            except OSError as error:
                reasons.append(f"{path}: {error.strerror}")
            else:
                store.write_log(folder, lines)
                return f"{path}: {len(lines)} requests"
        for url, remote in self._remotes.items():
            told = remote.log(started, ended)
            if told is not None:
                store.write_log(folder, told)
                return f"probe at {url}: {len(told)} requests"
        return f"none: {'; '.join(reasons) or 'no log named in the staging file, and no probe was given one'}"

    def _postgresql_told(self) -> str:
        missing = dict(self._statistics.missing)
        unconnected = missing.pop("connection", "")
        if not self._snapshots:
            return f"none: {unconnected or 'no step was measured'}"
        told = f"PostgreSQL {self._statistics.version()}: {len(self._snapshots)} snapshots"
        lacks = [f"without {part} ({why})" for part, why in sorted(missing.items())]
        return "; ".join([told, *lacks, *([f"connection lost: {unconnected}"] if unconnected else [])])

    def _server(self) -> Server:
        staging, statistics = self._staging, self._statistics
        is_there = statistics.connect()
        return Server(
            odoo=odoo_version(staging.url),
            postgresql=statistics.version() if is_there else UNKNOWN,
            workers=staging.workers,
            cron_workers=staging.cron_workers,
            rows=statistics.farmers() if is_there else 0,
            settings=statistics.settings() if is_there else {},
        )


def cpu_told(watched: Iterable[Watched], unreached: dict[str, str]) -> str:
    """Which groups were seen where, and why those that matter were not: begins with "none" without Odoo's."""
    kept = [one for one in watched if one.seconds]
    seen = {group for one in kept for group in one.host.groups}
    told = [f"{one.host.name} ({one.how}): {', '.join(one.host.groups) or 'no group'}" for one in kept]
    reasons = "; ".join(f"{url}: {why}" for url, why in unreached.items()) or "no probe named sees it"
    unseen = [group for group in GROUPS if group not in seen]
    if "odoo" in unseen:
        return f"none: {reasons}" + (f" (but {'; '.join(told)})" if told else "")
    return "; ".join([*told, *(f"none for {group}: {reasons}" for group in unseen)])


def write_seconds(folder: Path, watched: Iterable[Watched]) -> None:
    """Write all hosts' seconds as one table."""
    import pandas as pd  # noqa: PLC0415 - it takes longer to import than a host's first look

    rows = [asdict(second) | {"host": one.host.name} for one in watched for second in one.seconds]
    store.write_seconds(folder, pd.DataFrame(rows))


def _within(watched: Watched, started: float, ended: float) -> Watched:
    """Only the seconds that touch the run, by the host's own clock."""
    offset = watched.host.clock_offset_s
    kept = [one for one in watched.seconds if started + offset - 1.0 < one.time < ended + offset]
    return replace(watched, seconds=kept)


def _named_apart(watched: list[Watched]) -> list[Watched]:
    """Hosts of one name get their number behind it: the table tells them by name."""
    names = [one.host.name for one in watched]
    return [
        one if names.count(name) == 1 else replace(one, host=replace(one.host, name=f"{name} {k + 1}"))
        for k, (one, name) in enumerate(zip(watched, names, strict=True))
    ]
