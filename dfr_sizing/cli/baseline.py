"""`dfr-size check-baseline`: up to how many farmers the reference sizes of FAO's hosting strategy serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from dfr_sizing.recommend.baseline import BaselineCheck
    from dfr_sizing.scenario import Scenario

DOES_NOT_SERVE = 3


def check_baseline(
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
    """Up to how many farmers FAO's reference sizes serve every target, what breaks first, what they cost.

    Without --provider those that the strategy names: aws, azure, on-premises. Exit status 3 where none of them serves
    the farmers that were asked for to the end of five years.
    """
    from dfr_sizing.cli.asked import asked_scenario
    from dfr_sizing.workers import start_server

    asked = asked_scenario(scenario, setting, farmers=farmers, provider=provider, country=country, region=region)
    if processes > 1:
        start_server()
    checks = _checked(asked, model, seed, processes)
    if as_json:
        from dfr_sizing.plan.as_json import dump
        from dfr_sizing.plan.baseline_text import baseline_json

        say(dump(baseline_json(checks, asked)))
    else:
        from rich.console import Console

        from dfr_sizing.plan.baseline_text import show_baselines

        console = Console()
        with console.capture() as shown:
            show_baselines(checks, asked, console)
        say(shown.get())
    if not any(check.later is not None and check.later.serves for check in checks):
        raise typer.Exit(DOES_NOT_SERVE)


def _checked(asked: Scenario, model: str, seed: int, processes: int) -> list[BaselineCheck]:
    from dfr_sizing.api import loaded
    from dfr_sizing.cli.progress import progress_bar
    from dfr_sizing.ledger import Label
    from dfr_sizing.recommend.baseline import Checker, baselines
    from dfr_sizing.workers import workers

    calibrated, catalogue, _ = loaded(asked, model)
    named = [name for name, baseline in baselines().items() if baseline.label is Label.STATED]
    providers = list(asked.hosting.providers) if "providers" in asked.hosting.model_fields_set else named
    catalogue.places_allowed(providers, asked.hosting.countries, asked.hosting.regions)  # raises for what is unknown
    found = []
    with workers(processes) as pool, progress_bar() as progress:
        checker = Checker(asked, calibrated, catalogue, seed, pool)
        for number, provider in enumerate(providers):
            if progress:
                progress(f"{provider}: farmers by bounds and simulation", number / len(providers))
            found.append(checker.check(provider))
    return found
