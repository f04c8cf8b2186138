"""A host's facts, its seconds, its accept queue and its speed, from the kernel's own files."""

from __future__ import annotations

import math
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dfr_sizing.recording import host, seconds
from dfr_sizing.recording.processes import Process
from dfr_sizing.recording.speed import STEPS, SpeedLoop

V2 = "0::/system.slice/odoo.service\n"
V1 = "5:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n1:name=systemd:/\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("own", "limits", "cores"),
    [
        (V2, {"system.slice/odoo.service/cpu.max": "150000 100000"}, 1.5),
        (V2, {"system.slice/odoo.service/cpu.max": "max 100000", "system.slice/cpu.max": "400000 100000"}, 4.0),
        (V2, {"system.slice/odoo.service/cpu.max": "max 100000"}, 0.0),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "200000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 2.0),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "-1", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 0.0),
        (V2, {}, 0.0),
    ],
)
def test_a_control_groups_quota_is_found(tmp_path: Path, own: str, limits: dict[str, str], cores: float) -> None:
    write(tmp_path / "own", own)
    for name, text in limits.items():
        write(tmp_path / "groups" / name, f"{text}\n")
    assert host.quota(tmp_path / "groups", tmp_path / "own") == cores


def test_facts_of_this_host() -> None:
    facts = host.read_facts(speed_ms=2.5)
    assert 1 <= facts.cores <= len(os.sched_getaffinity(0))
    assert facts.threads_per_core >= 1
    assert facts.memory_bytes > 1 << 28
    assert facts.cpu
    assert "fdatasync" in facts.disk
    assert facts.identity == host.identity()
    assert set(facts.as_json()) == {"name", "identity", *host.Facts.__slots__}


def test_steal_is_busy_and_waiting_for_a_disk_is_idle(tmp_path: Path) -> None:
    write(tmp_path / "stat", "cpu  100 10 50 1000 30 3 2 7 60 5\ncpu0 1 1 1 1\n")
    assert seconds.host_ticks(tmp_path) == seconds.HostTicks(busy=100 + 10 + 50 + 3 + 2 + 7, idle=1030)


def test_who_waits_to_be_accepted_is_counted() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        port = listening.getsockname()[1]
        assert seconds.accept_queue(port) == 0.0
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        assert seconds.accept_queue(port) == 3.0
        for connection in waiting:
            connection.close()
    assert math.isnan(seconds.accept_queue(port))


def test_both_families_are_counted_and_what_follows_is_not_read(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue\n"
    listens = "   0: {address}:1F85 00000000:0000 {state} 00000000:0000000{waiting} 00:00000000 00000000 0 0 1\n"
    four = listens.format(address="0100007F", state="0A", waiting=2) + listens.format(
        address="0100007F", state="06", waiting=9
    )
    write(tmp_path / "net" / "tcp", head + four + "not to be read\n")
    write(tmp_path / "net" / "tcp6", head + listens.format(address="0" * 32, state="0A", waiting=3))
    assert seconds.accept_queue(0x1F85, tmp_path) == 5.0


def test_a_second_adds_up_to_what_the_host_has() -> None:
    odoo, postgresql = Process((10, 0), 1, "odoo", 100, 0, "odoo"), Process((11, 0), 1, "postgres", 0, 50, "postgresql")
    stranger = Process((12, 0), 1, "cron", 0, 0)
    before = {one.key: one for one in (odoo, postgresql, stranger)}
    now = {
        odoo.key: replace(odoo, own=150),
        postgresql.key: replace(postgresql, own=5, reaped=95),
        stranger.key: stranger,
    }
    ticks = os.sysconf("SC_CLK_TCK")
    cores = seconds.cores_between(
        seconds.Look(1e9, 7.0, seconds.HostTicks(1000, 5000), before),
        seconds.Look(1e9 + 3600, 9.0, seconds.HostTicks(1250, 5150), now),  # somebody has set the clock
    )
    told = {name: 2.0 * ticks * value for name, value in cores.items()}
    assert told == pytest.approx({"odoo": 50, "postgresql": 50, "generator": 0, "other": 150, "idle": 150})


def test_a_watch_looks_until_it_is_stopped() -> None:
    watch = seconds.Watch(port=1)
    watch.start()
    while not watch.after(0.0):
        time.sleep(0.05)
    watch.stop()
    second = watch.after(0.0)[0]
    assert second.idle >= 0.0
    assert second.speed_ms > 0.0
    assert math.isnan(second.queue)
    assert watch.after(second.time + 3600.0) == []


def test_no_more_seconds_are_kept_than_asked_for() -> None:
    watch = seconds.Watch(port=1, kept_s=3)
    for epoch in range(10):
        watch._kept.append(seconds.Second(float(epoch), 0, 0, 0, 0, 0))
    assert [second.time for second in watch.after(0.0)] == [7.0, 8.0, 9.0]


def test_the_speed_loop_walks_on_through_its_memory() -> None:
    loop = SpeedLoop()
    places = set()
    for _ in range(5):
        assert loop.milliseconds() > 0.0
        places.add(loop._place)
    assert len(places) == 5
    place = 0
    for _ in range(5 * STEPS):
        place = (1_103_515_245 * place + 12_345) % (1 << 22)
    assert loop._place == place


def test_what_was_waited_for_a_cpu_is_read_in_seconds(tmp_path: Path) -> None:
    told = tmp_path / "cpu"
    told.write_text("some avg10=45.47 avg60=34.99 avg300=35.51 total=8196068329\nfull avg10=0.00 total=0\n")
    assert host.waited_for_cpu_s(told) == 8196.068329
    assert host.waited_for_cpu_s(tmp_path / "not-there") is None
