"""A probe tells what a host does over HTTP, and nothing else."""

from __future__ import annotations

import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from dfr_sizing.errors import InputError
from dfr_sizing.recording.host import Facts, identity
from dfr_sizing.recording.probe import Probe, open_probe
from dfr_sizing.recording.remote import ExportedHost, ProbedHost, open_remotes
from dfr_sizing.recording.seconds import Second, Watch

FACTS = Facts("db", identity(), "EPYC", 4, 2, 1 << 33, "nvme0n1", 2.5)
LINE = (
    '{when:%Y-%m-%d %H:%M:%S},000 1 INFO dfr werkzeug: 10.0.0.1 - - [x] "GET /web?token=s3cret HTTP/1.1" '
    "200 - 5 0.002 0.011\npassword=hunter2\n"
)


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    """A probe of a host that has seen three seconds, with a log of one request now."""
    log = tmp_path / "odoo.log"
    log.write_text(LINE.format(when=datetime.now(UTC)))
    watch = Watch(port=1)
    now = time.time()
    watch._kept.extend(Second(now + k, 1.0, 0.5, 0.0, 0.1, 2.4, queue=math.nan) for k in (60, 61, 62))
    with Probe("127.0.0.1", 0, watch, FACTS, log) as opened:
        threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield opened
        opened.shutdown()


def got(url: str) -> str:
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - of this test
        return str(answer.read().decode())


def test_a_host_comes_over_whole(probe: Probe) -> None:
    remote = ProbedHost(probe.url)
    remote.start()
    found, seconds = remote.finish()
    assert remote.facts == FACTS
    assert (found.name, found.cores, found.groups) == ("db", 4, ("odoo", "postgresql"))
    assert abs(found.clock_offset_s) < 5.0
    assert [(one.odoo, one.idle) for one in seconds] == [(1.0, 2.4)] * 3
    assert all(math.isnan(one.queue) for one in seconds)


def test_json_is_what_other_readers_understand(probe: Probe) -> None:
    rows = json.loads(got(f"{probe.url}/seconds?after=0"), parse_constant=pytest.fail)
    assert len(rows) == 3
    assert rows[0]["queue"] is None
    assert json.loads(got(f"{probe.url}/seconds?after={rows[0]['time'] + 0.5}")) == rows[1:]


def test_the_log_is_redacted_before_it_leaves_the_host(probe: Probe) -> None:
    lines = got(f"{probe.url}/log?after={time.time() - 60}").splitlines()
    assert len(lines) == 1
    assert lines[0].endswith('"GET /web HTTP/1.1" 200 - 5 0.002 0.011')
    assert got(f"{probe.url}/log?after={time.time() + 60}") == ""
    assert ProbedHost(probe.url).log(time.time() - 60, time.time() + 1) == lines


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/etc/passwd", 404),
        ("/seconds?after=now", 400),
        ("/seconds?after=nan", 400),
        ("/log?after=1e99", 503),
    ],
)
def test_all_else_is_refused(probe: Probe, path: str, status: int) -> None:
    with pytest.raises(HTTPError) as refused:
        got(probe.url + path)
    refused.value.close()
    assert refused.value.code == status


def test_without_a_log_there_is_none(probe: Probe) -> None:
    probe.log = None
    assert ProbedHost(probe.url).log(0.0, time.time()) is None


def test_a_port_that_is_taken_is_named(probe: Probe) -> None:
    with pytest.raises(InputError, match="--port"):
        Probe("127.0.0.1", probe.server_address[1], probe.watch, FACTS)


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--log"):
        open_probe("127.0.0.1", 0, tmp_path / "missing.log", 8069)


class Exporter(BaseHTTPRequestHandler):
    """node-exporter and process-exporter in one, an hour on at each question."""

    asked = 0

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404)
            return
        Exporter.asked += 1
        used = 100.0 * Exporter.asked
        body = (
            f'node_cpu_seconds_total{{cpu="0",mode="user"}} {2 * used}\n'
            f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {3 * used}\n'
            f'namedprocess_namegroup_cpu_seconds_total{{groupname="postgres",mode="user"}} {used}\n'
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


def test_exporters_are_known_by_what_they_answer() -> None:
    with HTTPServer(("127.0.0.1", 0), Exporter) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        found, failed = open_remotes([url])
        assert failed == {}
        (remote,) = found.values()
        assert isinstance(remote, ExportedHost)
        remote.start()
        host, seconds = remote.finish()
        server.shutdown()
    assert host.groups == ("postgresql",)
    assert host.cores == 1
    assert seconds
    for second in seconds:
        assert second.postgresql == pytest.approx(second.other)
        assert second.idle == pytest.approx(3.0 * second.postgresql)


def test_who_does_not_answer_is_named() -> None:
    with socket.socket() as bound:  # nobody listens there
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        found, failed = open_remotes([url, "file:///etc/passwd"])
    assert found == {}
    assert "refused" in failed[url]
    assert "not an http address" in failed["file:///etc/passwd"]


def test_ctrl_c_ends_the_command_with_one_line() -> None:
    command = [sys.executable, "-m", "dfr_sizing", "probe", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            first = process.stdout.readline()
            assert "http://127.0.0.1:" in first
            address = first.split("probe at ")[1].split(": name")[0]
            assert json.loads(got(f"{address}/facts"))["cores"] >= 1
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert process.stdout.read() == ""
            assert process.stderr.read() == "dfr-size: stopped; nothing was written.\n"
        finally:
            process.kill()
