"""`dfr-size probe`: on a host of staging, tell what it does to whoever runs the load test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfr_sizing.cli.stop import say


def probe(
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
    from dfr_sizing.recording.probe import open_probe

    with open_probe(listen, port, log, odoo_port) as opened:
        say(f"probe at {opened.url}: name it in the staging file's probes; Ctrl-C ends it\n")
        opened.serve_forever()
