"""A collector gathers beside a load generator, in a process of its own, and says what it could not have."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from real_postgres import RealPostgres

from dfr_sizing.recording import store
from dfr_sizing.recording.collect import Collector
from dfr_sizing.recording.seconds import Second
from dfr_sizing.recording.sources import Sources, Watched, cpu_told
from dfr_sizing.recording.types import Host
from dfr_sizing.staging.target import PASSWORD, Staging

BARE = Staging(url="http://127.0.0.1:1", database="x", is_staging=True, users=("a",), workers=4)

GENERATOR = """
import gevent.monkey
gevent.monkey.patch_all()

import json, sys, time
from pathlib import Path
import gevent
from dfr_sizing.recording.collect import Collector
from dfr_sizing.staging.target import Staging

told = json.loads(sys.argv[1])
turns = 0

def others():
    global turns
    while True:
        turns += 1
        gevent.sleep(0.01)

gevent.spawn(others)
collector = Collector(Staging(**told["staging"]))
collector.start()
during_start = turns
started = time.time()
collector.edge("n1", "begin")
ends = time.thread_time() + 2.5
while time.thread_time() < ends:  # as a generator that is too busy to wait for anybody
    sum(range(1000))
collector.edge("n1", "end")
found = collector.finish(Path(told["folder"]), started, time.time())
print(json.dumps({"turns": during_start, "sources": found.sources, "rows": found.server.rows,
                  "groups": [host.groups for host in found.hosts]}))
"""


def test_a_busy_generator_on_greenlets_is_watched(tmp_path: Path, real_postgres: RealPostgres) -> None:
    log = tmp_path / "odoo.log"
    log.write_text(
        f"{datetime.fromtimestamp(time.time() + 3.5, UTC):%Y-%m-%d %H:%M:%S},000 1 INFO dfr werkzeug: 10.0.0.1 - - "
        '[x] "GET /web?token=s3cret HTTP/1.1" 200 - 5 0.002 0.011\n'
    )
    staging = BARE.model_copy(update={"postgresql": real_postgres.url, "log": str(log)})
    told = json.dumps({"staging": staging.model_dump(), "folder": str(tmp_path / "kept")})
    ended = subprocess.run(
        [sys.executable, "-c", GENERATOR, told], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.stderr == ""
    found = json.loads(ended.stdout)
    assert found["turns"] > 20  # others went on while it connected
    assert found["sources"]["postgresql"].endswith(": 2 snapshots")
    assert found["sources"]["log"].startswith(str(log))
    assert "generator" in found["groups"][0]
    begin, end = store.read_snapshots(tmp_path / "kept")
    assert (begin.step, begin.edge, end.edge) == ("n1", "begin", "end")
    assert end.time > begin.time
    seconds = store.read_seconds(tmp_path / "kept")
    assert seconds is not None
    assert seconds["generator"].sum() > 1.0
    assert "s3cret" not in gzip.decompress((tmp_path / "kept" / store.LOG).read_bytes()).decode()


def test_what_is_missing_is_named_and_nothing_raises(tmp_path: Path) -> None:
    collector = Collector(BARE.model_copy(update={"log": str(tmp_path / "odoo.log")}))
    collector.start()
    collector.edge("n1", "begin")
    found = collector.finish(tmp_path, time.time(), time.time())
    assert found.sources.keys() == {"cpu", "postgresql", "log"}
    assert all(told.startswith("none: ") for told in found.sources.values())
    assert "no probe named" in found.sources["cpu"]
    assert "no postgresql named" in found.sources["postgresql"]
    assert str(tmp_path / "odoo.log") in found.sources["log"]
    assert (found.server.workers, found.server.odoo, found.server.rows) == (4, "unknown", 0)
    assert len(found.hosts) == 1
    assert found.hosts[0].speed_ms > 0.0
    assert not (tmp_path / store.POSTGRESQL).exists()
    assert not (tmp_path / store.LOG).exists()


def test_a_watching_process_that_was_killed_is_named(tmp_path: Path) -> None:
    collector = Collector(BARE)
    collector.start()
    assert collector._process is not None
    collector._process.kill()
    collector._process.wait()
    collector.edge("n1", "begin")
    found = collector.finish(tmp_path, 0.0, 1.0)
    assert found.hosts == ()
    assert all("ended early" in told for told in found.sources.values())
    assert list(tmp_path.iterdir()) == []


def test_a_watching_process_that_hangs_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(BARE)
    collector.start()
    process = collector._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("dfr_sizing.recording.collect.ANSWERS_WITHIN_S", 0.01)
    monkeypatch.setattr("dfr_sizing.recording.collect.ENDS_WITHIN_S", 0.01)
    assert collector.finish(tmp_path, 0.0, 1.0).hosts == ()
    assert process.returncode == -signal.SIGKILL


def test_a_collector_that_was_not_started_says_so(tmp_path: Path) -> None:
    found = Collector(BARE).finish(tmp_path, 0.0, 1.0)
    assert all("not started" in told for told in found.sources.values())


def test_the_watching_process_ends_with_its_generator() -> None:
    collector = Collector(BARE)
    collector.start()
    process = collector._process
    assert process is not None
    collector.close()
    assert process.returncode == 0


def test_the_password_of_the_users_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "hunter2")
    collector = Collector(BARE)
    collector.start()
    assert collector._process is not None
    environment = Path(f"/proc/{collector._process.pid}/environ").read_bytes()
    collector.close()
    assert b"hunter2" not in environment
    assert f"PATH={os.environ['PATH']}".encode() in environment


def test_where_there_is_no_linux_all_else_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfr_sizing.recording.sources.PROC", tmp_path / "nowhere")
    sources = Sources(BARE, os.getpid())
    sources.start()
    found = sources.finish(tmp_path, 0.0, 1.0)
    assert found.hosts == ()
    assert "only a Linux host" in found.sources["cpu"]
    assert found.sources["log"].startswith("none: no log named")


def host(name: str, *groups: str) -> Watched:
    seconds = [Second(0.0, 0.0, 0.0, 0.0, 0.0, 1.0)]
    return Watched(Host(name, groups, "", 1, 1, 1, "", 1.0, 0.0), seconds, f"probe at {name}")


@pytest.mark.parametrize(
    ("watched", "unreached", "told"),
    [
        ([], {}, "none: no probe named sees it"),
        ([host("a", "generator")], {}, "none: no probe named sees it (but a (probe at a): generator)"),
        ([host("a", "generator")], {"u": "refused"}, "none: u: refused (but a (probe at a): generator)"),
        (
            [host("a", "generator", "odoo"), host("b", "postgresql")],
            {},
            "a (probe at a): generator, odoo; b (probe at b): postgresql",
        ),
        ([host("a", "generator", "odoo")], {"u": "x"}, "a (probe at a): generator, odoo; none for postgresql: u: x"),
    ],
)
def test_each_group_that_nobody_saw_is_named(watched: list[Watched], unreached: dict[str, str], told: str) -> None:
    assert cpu_told(watched, unreached) == told
