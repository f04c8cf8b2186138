"""`dfr-size scenario`: a commented scenario file to fill in."""

from __future__ import annotations

from typing import Annotated

import typer

from dfr_sizing.cli.stop import say

app = typer.Typer(rich_markup_mode=None, help="Scenario files.", no_args_is_help=False)


@app.callback(invoke_without_command=True)
def scenario(
    template: Annotated[bool, typer.Option("--template", help="Print a commented file with every field.")] = False,
) -> None:
    """Print a scenario file; every field stands at its default, with its range, label and source."""
    from dfr_sizing.errors import InputError
    from dfr_sizing.scenario import template as text

    if not template:
        raise InputError("dfr-size scenario", "without an option", "called with --template", "add --template")
    say(text())
