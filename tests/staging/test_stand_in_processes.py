"""What runs, how much at once, and that nothing of it is left."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from stand_in_process import PATIENCE_S, Running, dfr_size, free_port, stand_in, wait_until

from dfr_sizing.errors import InputError
from dfr_sizing.staging.target import read_staging

LOCK_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = %s"


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=PATIENCE_S)[1]


def accept_queue(port: int) -> int:
    """Connections that wait at the listening socket, by the kernel's own count."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues = line.split()[:5]
        if state == "0A" and int(local.split(":")[1], 16) == port:
            return int(queues.split(":")[1], 16)
    raise AssertionError(port)


def test_n_workers_serve_n_at_once_and_the_next_waits_to_be_accepted(running: Running) -> None:
    workers, port = running.staging.workers, running.staging.origin[2]
    client = running.client
    client.log_in()
    with (
        ThreadPoolExecutor(workers + 1) as senders,
        psycopg.connect(running.staging.postgresql) as holder,
        psycopg.connect(running.staging.postgresql, autocommit=True) as watcher,
    ):

        def held() -> int:
            return int((watcher.execute(LOCK_WAITS, ("dfr_sizing.staging",)).fetchone() or (0,))[0])

        holder.execute("LOCK TABLE res_partner")
        asked = [senders.submit(client.call, "res.partner", "search", [], order="id", limit=1) for _ in range(workers)]
        wait_until(lambda: held() == workers)
        asked.append(senders.submit(client.call, "res.partner", "search", [], order="id", limit=1))
        wait_until(lambda: accept_queue(port) == 1)
        assert held() == workers
        assert not any(one.done() for one in asked)
        holder.rollback()
        assert [one.result() for one in asked] == [[1]] * (workers + 1)
    assert accept_queue(port) == 0


def test_a_worker_that_is_killed_is_replaced(running: Running) -> None:
    before = {worker.pid for worker in running.master.children()}
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len({child.pid for child in running.master.children()} - {victim}) == running.staging.workers)
    assert running.client.get("/web/health")[0] == 200


def _kill_parent(started: Running) -> None:
    started.parent.kill()


def _terminate_parent(started: Running) -> None:
    started.parent.terminate()


def _interrupt_parent(started: Running) -> None:
    started.parent.send_signal(signal.SIGINT)


def _kill_master(started: Running) -> None:
    started.master.kill()


@pytest.mark.parametrize("end", [_kill_parent, _terminate_parent, _interrupt_parent, _kill_master])
def test_nothing_is_left(place: Path, end: Callable[[Running], None]) -> None:
    with stand_in(place) as started:
        processes = started.processes
        assert len(processes) > 2 + started.staging.workers  # PostgreSQL's too
        assert any("pginstall" in " ".join(process.cmdline()) for process in processes)
        end(started)
        assert gone(processes)


def test_a_stopped_one_takes_its_staging_file_with_it_and_starts_again_with_its_data(place: Path) -> None:
    with stand_in(place) as started:
        client = started.client
        client.log_in()
        partner = client.call("res.partner", "create", {"name": "Kept"})
    assert not (place / "staging.toml").exists()
    with stand_in(place) as started:
        client = started.client
        client.log_in()
        assert client.call("res.partner", "read", [partner], ["name"])[0]["name"] == "Kept"


def test_a_taken_port_is_one_sentence_and_nothing_starts(running: Running, place: Path) -> None:
    taken = str(running.staging.origin[2])
    process = dfr_size("staging", "up", "--port", taken, "--folder", place, "--once-ready", place / "staging.toml")
    out, error = process.communicate()
    assert (process.returncode, out, error.count("\n")) == (2, "", 1)
    assert taken in error
    assert list(place.iterdir()) == []


def test_a_failed_start_leaves_the_staging_file_of_another(running: Running, place: Path) -> None:
    taken, file = str(running.staging.origin[2]), running.folder / "staging.toml"
    process = dfr_size("staging", "up", "--port", taken, "--folder", place, "--once-ready", file)
    process.communicate()
    assert process.returncode == 2
    assert file.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--postgresql", "postgresql://a:secret@127.0.0.1/staging"), "PGPASSWORD"),
        (("--postgresql", "postgresql://a@127.0.0.1/other"), "/staging"),
        (("--postgresql", "postgresql://a@127.0.0.1:1/staging"), "127.0.0.1:1"),
        (("--workers", "0"), "workers"),
        (("--database", 'x";'), "--database"),
        (("--once-ready", "no/such/folder/file"), "--once-ready"),
    ],
)
def test_bad_input_is_one_sentence(place: Path, options: tuple[str, ...], told: str) -> None:
    process = dfr_size("staging", "up", "--port", str(free_port()), "--folder", place, *options)
    out, error = process.communicate()
    assert (process.returncode, out, error.count("\n")) == (2, "", 1)
    assert told in error
    assert "secret" not in error


def test_the_template_is_a_staging_file_that_has_yet_to_be_filled_in(place: Path) -> None:
    out, _ = dfr_size("staging", "--template").communicate()
    (place / "staging.toml").write_text(out)
    with pytest.raises(InputError, match="is_staging"):
        read_staging(place / "staging.toml")


def test_without_a_password_nothing_starts(place: Path) -> None:
    process = dfr_size("staging", "up", "--folder", place, DFR_STAGING_PASSWORD="")
    error = process.communicate()[1]
    assert process.returncode == 2
    assert "DFR_STAGING_PASSWORD" in error
    assert list(place.iterdir()) == []


def test_a_database_that_is_somebody_elses_is_not_touched(running: Running, place: Path) -> None:
    url = running.staging.postgresql
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE ir_config_parameter SET key = 'theirs' WHERE key = 'dfr_sizing.stand_in'")
    try:
        process = dfr_size("staging", "up", "--port", str(free_port()), "--folder", place, "--postgresql", url)
        assert "nothing was touched" in process.communicate()[1]
        assert process.returncode == 2
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE ir_config_parameter SET key = 'dfr_sizing.stand_in' WHERE key = 'theirs'")
