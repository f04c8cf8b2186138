"""`dfr-size staging`: the staging file, and a stand-in for a staging system. `dfr-size seed-staging` fills one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfr_sizing.cli.stop import say

app = typer.Typer(rich_markup_mode=None, help="Staging systems, and a stand-in for one.", no_args_is_help=False)


@app.callback(invoke_without_command=True)
def staging(
    context: typer.Context,
    template: Annotated[bool, typer.Option("--template", help="Print a commented staging file.")] = False,
) -> None:
    """Print a staging file to fill in, or start the stand-in with `staging up`."""
    from dfr_sizing.errors import InputError
    from dfr_sizing.staging.target import TEMPLATE

    if template:
        say(TEMPLATE)
    elif context.invoked_subcommand is None:
        raise InputError("dfr-size staging", "without a command", "up or --template", "see dfr-size staging --help")


@app.command()
def up(
    workers: Annotated[int, typer.Option(help="HTTP workers.", min=1, max=90)] = 4,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 for any.", min=0, max=65535)] = 8069,
    postgresql: Annotated[str, typer.Option(help="URL of an empty database; without it PostgreSQL is started.")] = "",
    folder: Annotated[Path, typer.Option(help="For the log and PostgreSQL's data.")] = Path("dfr-staging"),
    once_ready: Annotated[Path | None, typer.Option(help="Write a staging file here when it answers.")] = None,
    database: Annotated[str, typer.Option(help="Name of the database.")] = "staging",
    mapping: Annotated[str, typer.Option(help="mapping of that staging file: odoo or dfr.")] = "dfr",
) -> None:
    """Start a stand-in for a DFR staging, on this machine, until Ctrl-C. It is NOT Odoo; load tests can be tried on it.

    The password of its users (officer01 to officer99, enumerator01 to enumerator99, external01) is read from
    DFR_STAGING_PASSWORD.
    """
    from dfr_sizing.staging.stand_in import StandIn, run

    raise typer.Exit(run(StandIn(workers, port, folder, database, mapping, postgresql, once_ready), say))
