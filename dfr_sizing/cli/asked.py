"""The options by which a command asks for a scenario, for those that need only a few of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dfr_sizing.scenario import Scenario

Farmers = Annotated[str | None, typer.Option(help="Farmers now: 2e6, 2M, 2_000_000.")]
ScenarioFile = Annotated[Path | None, typer.Option(help="Scenario file (TOML); options override its fields.")]
Providers = Annotated[list[str] | None, typer.Option(help="Hosting allowed (repeat).")]
Countries = Annotated[list[str] | None, typer.Option(help="Country allowed (repeat), ISO code.")]
Regions = Annotated[list[str] | None, typer.Option(help="Region allowed (repeat).")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Any other field: --set campaign.days=90 (repeat).")]
ModelName = Annotated[str, typer.Option(help="Calibrated model: a folder, or a bundled name.")]
Seed = Annotated[int, typer.Option(help="Seed of the random streams.", min=0)]
Processes = Annotated[int, typer.Option(help="Processes to simulate with; the answer is the same.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def asked_scenario(file: Path | None, settings: list[str] | None, **options: Any) -> Scenario:
    """A scenario from a file and options by their names (cli.main.OVERRIDES). Raises InputError."""
    from dfr_sizing.cli.main import OVERRIDES, parsed, setting_of
    from dfr_sizing.scenario import load_scenario

    overrides = {OVERRIDES[name]: parsed(name, value) for name, value in options.items() if value}
    overrides |= dict(setting_of(text) for text in settings or [])
    return load_scenario(file, overrides)
