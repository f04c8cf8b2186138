"""Exporters' answers are read as documented, and told as seconds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.recording.prometheus import read_scrape, samples, seconds_between

NODE = """\
# HELP node_cpu_info CPU information from /proc/cpuinfo.
# TYPE node_cpu_info gauge
node_cpu_info{cachesize="512 KB",core="0",cpu="0",family="25",model="17",model_name="AMD EPYC 9554",package="0"} 1
# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 70000.5
node_cpu_seconds_total{cpu="0",mode="iowait"} 100.25
node_cpu_seconds_total{cpu="0",mode="irq"} 0
node_cpu_seconds_total{cpu="0",mode="nice"} 10
node_cpu_seconds_total{cpu="0",mode="softirq"} 20
node_cpu_seconds_total{cpu="0",mode="steal"} 30
node_cpu_seconds_total{cpu="0",mode="system"} 400
node_cpu_seconds_total{cpu="0",mode="user"} {user}
node_cpu_seconds_total{cpu="1",mode="idle"} {idle}
node_cpu_seconds_total{cpu="1",mode="user"} 900
# TYPE node_cpu_guest_seconds_total counter
node_cpu_guest_seconds_total{cpu="0",mode="user"} 12345
# TYPE node_memory_MemTotal_bytes gauge
node_memory_MemTotal_bytes 2.5276514304e+10
# TYPE node_uname_info gauge
node_uname_info{domainname="(none)",machine="x86_64",nodename="staging-db",release="6.1.0",sysname="Linux"} 1
"""
PROCESSES = """\
# HELP namedprocess_namegroup_cpu_seconds_total Cpu user usage in seconds
# TYPE namedprocess_namegroup_cpu_seconds_total counter
namedprocess_namegroup_cpu_seconds_total{groupname="odoo-bin",mode="system"} 10.5
namedprocess_namegroup_cpu_seconds_total{groupname="odoo-bin",mode="user"} {odoo}
namedprocess_namegroup_cpu_seconds_total{groupname="postgres",mode="system"} 3
namedprocess_namegroup_cpu_seconds_total{groupname="postgres",mode="user"} {postgresql} 1795451583000
namedprocess_namegroup_cpu_seconds_total{groupname="bash",mode="user"} 77
namedprocess_namegroup_num_procs{groupname="postgres"} 9
"""


def node(user: float, idle: float) -> str:
    return NODE.replace("{user}", str(user)).replace("{idle}", str(idle))


def processes(odoo: float, postgresql: float) -> str:
    return PROCESSES.replace("{odoo}", str(odoo)).replace("{postgresql}", str(postgresql))


def test_a_host_is_read_from_both_exporters() -> None:
    found = read_scrape([node(5000, 80_000), processes(200, 300)], 17.0)
    assert found.busy_s == pytest.approx(10 + 20 + 30 + 400 + 5000 + 900)
    assert found.idle_s == pytest.approx(70_000.5 + 100.25 + 80_000)
    assert (found.cores, found.groups) == (2, {"odoo": 210.5, "postgresql": 303.0})
    assert (found.name, found.cpu, found.memory_bytes) == ("staging-db", "AMD EPYC 9554", 25_276_514_304)


def test_five_seconds_are_told_as_five() -> None:
    before = read_scrape([node(5000, 80_000), processes(200, 300)], 100.0)
    now = read_scrape([node(5007, 80_003), processes(201, 305)], 105.0)
    seconds = seconds_between(before, now)
    assert [second.time for second in seconds] == pytest.approx([100, 101, 102, 103, 104])
    for second in seconds:
        assert (second.odoo, second.postgresql) == pytest.approx((0.2, 1.0))
        assert (second.other, second.idle) == pytest.approx((1.4 - 1.2, 0.6))
        assert math.isnan(second.generator)


def test_without_process_exporter_all_is_other() -> None:
    seconds = seconds_between(read_scrape([node(5000, 80_000)], 0.0), read_scrape([node(5002, 80_002)], 2.0))
    assert [second.other for second in seconds] == pytest.approx([1.0, 1.0])
    assert all(math.isnan(second.odoo) for second in seconds)


def test_a_host_that_started_anew_tells_nothing_of_that_time() -> None:
    assert seconds_between(read_scrape([node(5000, 1)], 0.0), read_scrape([node(1, 1)], 5.0)) == []


def test_labels_may_be_escaped() -> None:
    text = 'a{path="C:\\\\dir\\"quoted\\"\\n",empty=""} 1.5e3 123\nb NaN\nbroken line here\nc{x="}"} 2\n'
    found = list(samples(text))
    assert found[0] == ("a", {"path": 'C:\\dir"quoted"\n', "empty": ""}, 1500.0)
    assert [name for name, _, _ in found] == ["a", "b", "c"]
    assert found[2] == ("c", {"x": "}"}, 2.0)


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    read_scrape([text], 0.0)
