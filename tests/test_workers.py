"""Work that is begun before it is asked for is done once, and gives what it would have given."""

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Event

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
