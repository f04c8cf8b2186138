"""CPU time is told by group, whole, and once: also that of processes that ended between two looks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from os import sysconf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.recording.processes import Process, ProcessTable, group_of, used

TICK_S = 1.0 / sysconf("SC_CLK_TCK")

SERVER = """
import os, resource, sys, time

def burn(cpu_s):
    ends = time.process_time() + cpu_s
    while time.process_time() < ends:
        pass

def tell(word):
    told = [sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(word, *told, flush=True)

def child(work):
    number = os.fork()
    if number == 0:
        work()
        os._exit(0)
    return number

tell("ready")
for line in sys.stdin:
    if line == "short\\n":  # as PostgreSQL's parallel workers: twenty children, each gone before anybody looks
        for _ in range(20):
            os.waitpid(child(lambda: burn(0.02)), 0)
    elif line == "long\\n":  # one that is seen alive, half way
        asks, answers = os.pipe(), os.pipe()
        def work():
            burn(0.2)
            os.write(answers[1], b".")
            os.read(asks[0], 1)
            burn(0.2)
        number = child(work)
        os.read(answers[0], 1)
    elif line == "end\\n":
        os.write(asks[1], b".")
        os.waitpid(number, 0)
    tell("done")
"""


@contextmanager
def server(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is called as Odoo is, and does what it is told."""
    script = folder / name
    script.write_text(SERVER)
    command = [sys.executable, "-u", str(script), "--workers=4"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[str], word: str = "") -> float:
    """CPU seconds of the process and its children, as the kernel's accounting (getrusage) has it."""
    assert process.stdin is not None
    assert process.stdout is not None
    if word:
        process.stdin.write(word + "\n")
        process.stdin.flush()
    return sum(map(float, process.stdout.readline().split()[1:]))


@pytest.mark.parametrize(("name", "group"), [("odoo-bin", "odoo"), ("locust", "generator")])
def test_cpu_of_children_that_nobody_saw_is_their_groups(tmp_path: Path, name: str, group: str) -> None:
    with server(tmp_path, name) as process:
        before_s = answer(process)
        table = ProcessTable()
        before = table.look()
        after_s = answer(process, "short")
        after = table.look()
        ended = used(before, after)
    assert after_s - before_s > 0.35
    assert ended[group] * TICK_S == pytest.approx(after_s - before_s, abs=4 * TICK_S)


def test_cpu_of_a_child_that_was_seen_alive_counts_once(tmp_path: Path) -> None:
    with server(tmp_path, "odoo-bin") as process:
        before_s = answer(process)
        table = ProcessTable()
        looks = [table.look()]
        answer(process, "long")
        looks.append(table.look())
        after_s = answer(process, "end")
        looks.append(table.look())
    first, second = (used(*pair)["odoo"] * TICK_S for pair in pairwise(looks))
    assert first > 0.15
    assert second > 0.15
    assert first + second == pytest.approx(after_s - before_s, abs=5 * TICK_S)


def test_a_process_that_says_nothing_belongs_where_its_parent_does(tmp_path: Path) -> None:
    with server(tmp_path, "nobody-knows") as process:
        answer(process)
        groups = {found.key[0]: found.group for found in ProcessTable().look().values()}
        with_root = {found.key[0]: found.group for found in ProcessTable({process.pid: "odoo"}).look().values()}
    assert groups[process.pid] == "other"
    assert with_root[process.pid] == "odoo"


@given(st.data())
def test_the_sum_over_looks_is_what_was_burnt(data: st.DataObject) -> None:
    """Processes start, compute and end as they like, as long as who waits for them lives."""
    master = Process((1000, 0), 1, "odoo", 0, 0, "odoo")
    alive = {master.key: master}
    before, told, burnt, number = dict(alive), 0, 0, 1000
    for event in data.draw(st.lists(st.sampled_from(["burn", "start", "end", "look"]), max_size=40)):
        key = data.draw(st.sampled_from(sorted(alive)))
        process = alive[key]
        if event == "burn":
            ticks = data.draw(st.integers(1, 50))
            alive[key], burnt = replace(process, own=process.own + ticks), burnt + ticks
        elif event == "start":
            number += 1
            alive[number, 5] = Process((number, 5), key[0], "odoo", 0, 0, "odoo")
        elif event == "end" and key != master.key and all(one.parent != key[0] for one in alive.values()):
            del alive[key]
            parent = next(one for one in alive.values() if one.key[0] == process.parent)
            alive[parent.key] = replace(parent, reaped=parent.reaped + process.total)
        elif event == "look":
            told, before = told + used(before, alive)["odoo"], dict(alive)
    assert told + used(before, alive)["odoo"] == burnt


def test_what_a_child_of_another_group_leaves_behind_is_not_its_parents() -> None:
    """A stand-in for Odoo that starts PostgreSQL and stops it: what the server has used is not Odoo's."""
    odoo = Process((10, 0), 1, "dfr-size", 100, 0, "odoo")
    postgresql = Process((11, 0), 10, "postgres", 5000, 0, "postgresql")
    before = {odoo.key: odoo, postgresql.key: postgresql}
    ended = used(before, {odoo.key: replace(odoo, own=103, reaped=5002)})
    assert ended == {"odoo": 5, "postgresql": 0, "generator": 0, "other": 0}


def test_a_process_without_heir_takes_nothing_from_others() -> None:
    odoo, orphan = Process((10, 0), 1, "odoo", 100, 0, "odoo"), Process((11, 0), 7, "odoo", 900, 0, "odoo")
    assert used({odoo.key: odoo, orphan.key: orphan}, {odoo.key: replace(odoo, own=101)})["odoo"] == 1


def test_a_number_that_is_used_again_is_another_process() -> None:
    old, new = Process((10, 0), 1, "odoo", 500, 0, "odoo"), Process((10, 99), 1, "odoo", 7, 0, "odoo")
    assert used({old.key: old}, {new.key: new})["odoo"] == 7


@pytest.mark.parametrize(
    ("command", "group"),
    [
        ("/usr/bin/python3 /usr/bin/odoo -c /etc/odoo/odoo.conf", "odoo"),
        ("python3 -X dev ./odoo-bin --workers 4", "odoo"),
        ("/opt/venv/bin/python3.12 -m odoo", "odoo"),
        ("odoo: WorkerHTTP 4711", "odoo"),
        ("python2 /usr/bin/openerp-server", "odoo"),
        ("/usr/bin/python3 /usr/local/bin/dfr-size staging start", "odoo"),
        ("python -m dfr_sizing staging", "odoo"),
        ("/usr/bin/python3 -m dfr_sizing.staging.serve --parent 17", "odoo"),
        ("/usr/lib/postgresql/17/bin/postgres -D /data", "postgresql"),
        ("postgres: dfr staging 10.0.0.7(5512) SELECT", "postgresql"),
        ("postgres: parallel worker for PID 17", "postgresql"),
        ("/usr/bin/python3 /usr/local/bin/locust -f dfr.py --headless", "generator"),
        ("python -m locust", "generator"),
        ("/usr/bin/python3 -m dfr_sizing.recording.watch", "other"),
        ("python -m dfr_sizing --farmers 2e6", None),
        ("/usr/bin/python3 /usr/local/bin/dfr-size probe", None),
        ("vim odoo-bin", None),
        ("tail -f /var/log/odoo/odoo.log", None),
        ("python3 -c import(odoo)", None),
        ("", None),
    ],
)
def test_a_command_line_tells_its_group(command: str, group: str | None) -> None:
    # Titles that a process gives itself are one word; others are split as in /proc.
    arguments = [command] if ": " in command else command.split()
    assert group_of(arguments) == group


def test_a_name_may_hold_brackets_and_blanks(tmp_path: Path) -> None:
    folder = tmp_path / "77"
    folder.mkdir()
    values = ["S", "1", *["0"] * 9, "11", "22", "33", "44", *["0"] * 4, "555", *["0"] * 20]
    (folder / "stat").write_text(f"77 (a) S (b ) {' '.join(values)}\n")
    (tmp_path / "78").mkdir()  # ended between the two readings
    (tmp_path / "self").mkdir()
    assert ProcessTable(proc=tmp_path).look() == {(77, 555): Process((77, 555), 1, "a) S (b ", 33, 77)}
