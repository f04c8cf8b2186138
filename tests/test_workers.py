"""Work that is begun before it is asked for is done once, and gives what it would have given."""

import fcntl
import multiprocessing
import struct
import subprocess
import sys
import termios
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from dfr_sizing.workers import Ahead, begun, forget, give_up


def test_what_was_begun_is_not_done_twice() -> None:
    done: list[int] = []

    def twice(number: int) -> int:
        done.append(number)
        return 2 * number

    with ThreadPoolExecutor(1) as pool:
        executor = Ahead(pool)
        executor.begin(twice, [1, 2])
        executor.begin(twice, [2, 3])
        assert begun(executor, twice, [3, 1, 4])() == [6, 2, 8]
        assert begun(executor, twice, [1])() == [2]
    assert done == [1, 2, 3, 4, 1]


def test_what_nobody_asked_for_is_given_up_and_can_be_asked_for_again() -> None:
    done: list[int] = []
    gate = Event()

    def behind_the_gate(number: int) -> int:
        gate.wait()
        done.append(number)
        return number

    with ThreadPoolExecutor(1) as pool:
        executor = Ahead(pool)
        executor.begin(behind_the_gate, [1, 2, 3])
        asked = begun(executor, behind_the_gate, [1])
        forget(executor)
        gate.set()
        assert asked() == [1]
        assert begun(executor, behind_the_gate, [3])() == [3]
    assert done == [1, 3]


def test_what_was_done_ahead_is_there_though_it_was_given_up() -> None:
    done: list[int] = []

    def noted(number: int) -> int:
        done.append(number)
        return number

    with ThreadPoolExecutor(1) as pool:
        executor = Ahead(pool)
        executor.begin(noted, [1, 2])
        pool.submit(int).result()  # behind both of them
        forget(executor)
        assert begun(executor, noted, [2, 1])() == [2, 1]
    assert done == [1, 2]


PROGRAM = """
from dfr_sizing.workers import begun, workers
print("once")
with workers(2) as pool:
    print(begun(pool, pow, [2, 3], [2, 2])())
"""


@pytest.mark.parametrize("from_file", [True, False])
def test_a_program_need_not_guard_itself_against_its_own_workers(from_file: bool, tmp_path: Path) -> None:
    """Nor lie in a file: it is not run again in each of them."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    command, told = ([sys.executable, str(script)], None) if from_file else ([sys.executable, "-"], PROGRAM)
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n[4, 9]\n", "")


def test_a_pool_that_is_given_up_ends_quietly_though_work_was_cancelled() -> None:
    """pytest makes an exception in the pool's thread a failure."""
    before = set(threading.enumerate())
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))
    hour = [pool.submit(time.sleep, 3600.0) for _ in range(5)]
    assert hour[-1].cancel()
    give_up(pool)
    for thread in set(threading.enumerate()) - before:
        if thread.ident is not None:  # a queue's thread is in the list before it is started
            thread.join()
    pool.shutdown()
    assert all(one.done() for one in hour)


reading_on = Event()


def _read_on() -> None:
    assert reading_on.wait(30.0)


class HoldsTheReader:
    """A result that the pool's thread cannot read to its end before the test says so."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _read_on, ()


def _waiting_bytes(reader: Any) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(reader.fileno(), termios.FIONREAD, bytes(4)))
    return int(count)


def test_a_pool_is_given_up_though_a_process_was_killed_while_it_sent() -> None:
    """Else its thread waits for the rest for ever, and Ctrl-C ends with a warning of what was not cleaned up."""
    reading_on.clear()
    pool: Any = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))
    pool.submit(HoldsTheReader)
    cut = pool.submit(bytes, 10_000_000)
    for _ in range(3000):
        if _waiting_bytes(pool._result_queue._reader) >= 10_000:  # the result is far more than a pipe holds
            break
        time.sleep(0.01)
    thread = pool._executor_manager_thread
    give_up(pool)
    reading_on.set()
    thread.join(30.0)
    assert not thread.is_alive()
    assert cut.done()
    pool.shutdown()
