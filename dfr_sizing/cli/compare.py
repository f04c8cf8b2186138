"""`dfr-size compare`: places, plans and scenarios side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dfr_sizing.cli.asked import (
    AsJson,
    Countries,
    Farmers,
    ModelName,
    Processes,
    Providers,
    Regions,
    ScenarioFile,
    Seed,
    Settings,
)
from dfr_sizing.cli.stop import say

if TYPE_CHECKING:
    from dfr_sizing.recommend.compare import Comparer, Offer
    from dfr_sizing.scenario import Scenario

NONE_SERVES = 3


def compare(
    what: Annotated[
        list[str],
        typer.Argument(help="Places (aws/eu-west-1), providers (gcp), plans (plan/plan.json), scenario files (.toml)."),
    ],
    farmers: Farmers = None,
    scenario: ScenarioFile = None,
    provider: Providers = None,
    country: Countries = None,
    region: Regions = None,
    setting: Settings = None,
    model: ModelName = "odoo18-reference",
    seed: Seed = 1,
    processes: Processes = 2,
    as_json: AsJson = False,
) -> None:
    """Places or plans side by side: deployment, cost, every target with its interval, what failed.

    The limits that the scenario states hold: a place that they exclude comes with the reason. Exit status 3 where
    nothing serves.
    """
    limits = {"farmers": farmers, "provider": provider, "country": country, "region": region}
    offers = _offers(what, scenario, setting, model, seed, processes, limits)
    if as_json:
        from dfr_sizing.plan.as_json import dump
        from dfr_sizing.plan.compare_text import offers_json

        say(dump(offers_json(offers)))
    else:
        from rich.console import Console

        from dfr_sizing.plan.compare_text import show_offers

        console = Console()
        with console.capture() as shown:
            show_offers(offers, console)
        say(shown.get())
    if not any(offer.serves for offer in offers):
        raise typer.Exit(NONE_SERVES)


def _offers(
    what: list[str],
    file: Path | None,
    settings: list[str] | None,
    model: str,
    seed: int,
    processes: int,
    limits: dict[str, Any],
) -> list[Offer]:
    """All columns in the order asked for; bad input is found before anything is simulated."""
    from dfr_sizing.cli.asked import asked_scenario
    from dfr_sizing.plan.saved import is_saved, read_offer

    saved = {name: read_offer(Path(name)) for name in what if is_saved(name)}
    if len(saved) == len(set(what)):
        return [saved[name] for name in what]
    from dfr_sizing.workers import start_server

    if processes > 1:
        start_server()
    own = {name: asked_scenario(Path(name), settings, **limits) for name in what if name.endswith(".toml")}
    others = [name for name in what if name not in saved and name not in own]
    asked = asked_scenario(file, settings, **limits) if others else None
    jobs: dict[str, Scenario] = {name: own.get(name) or asked for name in what if name not in saved}  # type: ignore[misc]
    return _worked_out(what, saved, jobs, own, model, seed, processes)


def _worked_out(
    what: list[str],
    saved: dict[str, Offer],
    jobs: dict[str, Scenario],
    own: dict[str, Scenario],
    model: str,
    seed: int,
    processes: int,
) -> list[Offer]:
    from dfr_sizing.api import loaded
    from dfr_sizing.cli.progress import progress_bar
    from dfr_sizing.recommend.compare import Comparer, places_named
    from dfr_sizing.workers import workers

    inputs = {name: loaded(scenario, model) for name, scenario in jobs.items()}
    for name in jobs:
        if name not in own:
            places_named(name, inputs[name][1])
    found = dict(saved)
    with workers(processes) as pool, progress_bar() as progress:
        for name, scenario in jobs.items():
            calibrated, catalogue, profile = inputs[name]
            comparer: Comparer = Comparer(
                calibrated, catalogue, seed, executor=pool, profile=profile, progress=_named(name, progress)
            )
            found[name] = comparer.of(scenario, name) if name in own else comparer.at(scenario, name)
    return [found[name] for name in what]


def _named(name: str, progress: Any) -> Any:
    """The bar's function, with the place in front of the stage."""
    return lambda stage, share: progress(f"{name}: {stage}", share) if progress else None
