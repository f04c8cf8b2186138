"""`dfr-size probe`: on a host of staging, tell what it does to whoever runs the load test; or measure its disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfr_sizing.cli.stop import say

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)


@app.callback(invoke_without_command=True)
def probe(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Where to listen.", min=0, max=65535)] = 9186,
    listen: Annotated[
        str, typer.Option(help="Address to listen on; other hosts reach only one of theirs.")
    ] = "127.0.0.1",
    log: Annotated[Path | None, typer.Option(help="Odoo's log here; only requests of it are told, redacted.")] = None,
    odoo_port: Annotated[
        int, typer.Option(help="Odoo's own port here, for its accept queue.", min=1, max=65535)
    ] = 8069,
) -> None:
    """Tell a load test what this host does: CPU by second, its facts, the access log. Ends with Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from dfr_sizing.recording.probe import open_probe

    with open_probe(listen, port, log, odoo_port) as opened:
        say(f"probe at {opened.url}: name it in the staging file's probes; Ctrl-C ends it\n")
        opened.serve_forever()


@app.command()
def disk(
    path: Annotated[Path, typer.Argument(help="A folder on the disk that PostgreSQL's data will be on.")],
    out: Annotated[Path, typer.Option(help="Write the disk's entry file here.")] = Path("disk.toml"),
    name: Annotated[str, typer.Option(help="What the disk is called.")] = "measured-disk",
    gib: Annotated[int, typer.Option(help="GiB that a database may have on it; 0 for what is free.", min=0)] = 0,
    size_mib: Annotated[int, typer.Option(help="Size of the file that is read and written.", min=16)] = 512,
    seconds: Annotated[int, typer.Option(help="Seconds of each of the seven runs.", min=1, max=600)] = 5,
) -> None:
    """Measure a disk with fio (direct I/O): reads, writes, WAL, MB/s. Nothing stays in PATH, not even on Ctrl-C.

    The disk is busy meanwhile: not for a host that serves people. The entry file is what own hosting reads.
    """
    import re
    from datetime import UTC, datetime

    from dfr_sizing.errors import InputError
    from dfr_sizing.storage.entry import check_entry, disk_entry, write_disk
    from dfr_sizing.storage.measure import measure

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", name):
        raise InputError("--name", name, "letters, digits, dots and dashes", "write for instance raid10-data")
    check_entry(out)
    measured = measure(path, size_mib, seconds, datetime.now(UTC).date(), say)
    entry = disk_entry(measured, name, gib or max(1, measured.free_gib))
    write_disk(out, entry, measured)
    say(
        f"{entry.base_iops:,} IOPS, {entry.base_mb_per_s:,.0f} MB/s; a read takes {entry.read_latency_ms.mid:.2f} ms, "
        f"a flush {entry.write_latency_ms.mid:.2f} ms (95 %: {entry.write_latency_ms.high:.2f}): {out}\n"
    )
