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
    check_installed()
    from dfr_sizing.staging.stand_in import StandIn, run

    raise typer.Exit(run(StandIn(workers, port, folder, database, mapping, postgresql, once_ready), say))


def seed(
    staging: Annotated[Path, typer.Option(help="The staging file.")],
    farmers: Annotated[
        str, typer.Option(help="Farmers to end with, those of earlier seedings included: 1e5, 100_000.")
    ],
    kind: Annotated[
        str, typer.Option(help="dfr: the DFR's modules; odoo: partners. Default: the file's mapping.")
    ] = "",
    households: Annotated[bool, typer.Option(help="A household for each farmer.")] = True,
    plots_per_farmer: Annotated[float | None, typer.Option(help="Default: the scenario's driver.", min=0)] = None,
    forms_per_farmer: Annotated[float | None, typer.Option(help="Default: the scenario's driver.", min=0)] = None,
    via: Annotated[
        str, typer.Option(help="sql: in bulk; api: farmers only, created one by one by the server.")
    ] = "sql",
    seed: Annotated[int, typer.Option(help="Seed of the rows.", min=0)] = 1,
    batch_farmers: Annotated[int, typer.Option(help="Farmers committed together.", min=1, max=100_000)] = 500,
) -> None:
    """Fill a staging with made-up farmers. Stopped, it goes on where it was when the same command is given again.

    The staging file must say is_staging = true, and its database must be marked as staging by hand.
    """
    check_installed()
    from dataclasses import replace

    from dfr_sizing.cli.progress import progress_bar
    from dfr_sizing.cli.stop import last_word
    from dfr_sizing.staging.seeding.bulk import Seeding, seed_by_sql
    from dfr_sizing.staging.seeding.by_api import seed_by_api
    from dfr_sizing.staging.seeding.guard import connect
    from dfr_sizing.staging.seeding.plan import default_amounts
    from dfr_sizing.staging.target import read_staging

    target = read_staging(staging)
    amounts = default_amounts()
    amounts = replace(
        amounts,
        members=amounts.members if households else 0.0,
        plots=amounts.plots if plots_per_farmer is None else plots_per_farmer,
        forms=amounts.forms if forms_per_farmer is None else forms_per_farmer,
    )
    chosen = _one_of("--kind", kind or ("odoo" if target.mapping == "odoo" else "dfr"), ("dfr", "odoo"))
    asked = Seeding(chosen, _count("--farmers", farmers), seed, amounts, batch_farmers)
    way = _one_of("--via", via, ("sql", "api"))
    last_word("stopped; whole batches stay, and the same command goes on after them.")
    with connect(target) as connection, progress_bar() as progress:
        if way == "api":
            rows = {"farmers": seed_by_api(target, asked, progress)}
        else:
            rows = seed_by_sql(connection, asked, progress)
    say("".join(f"{table}: {count:,} seeded rows\n" for table, count in rows.items() if count))


def check_installed() -> None:
    """What only load tests and drills need is not installed with the rest. Raises InputError."""
    from importlib.util import find_spec

    from dfr_sizing.errors import InputError

    if find_spec("psycopg") is None:
        remedy = "pip install 'dfr-size[loadtest]'"
        raise InputError("psycopg", "not installed", "there for staging systems and drills", remedy)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    from dfr_sizing.errors import InputError

    if value not in allowed:
        raise InputError(option, value, " or ".join(allowed), "give one of them")
    return value


def _count(option: str, text: str) -> int:
    from dfr_sizing.errors import InputError

    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise InputError(option, text, "a count", "write for instance 1e5 or 100_000") from None
