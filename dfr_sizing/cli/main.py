"""`dfr-size`: what to buy, how fast it will be, how it recovers, what it costs.

Exit status: 0 an answer, 2 bad input (one sentence), 3 infeasible (the binding limit), 130 stopped by Ctrl-C. Heavy
libraries are imported where they are used, so that --help answers at once.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dfr_sizing.cli.explain import EXPLAINERS, OF_CHOICE, OF_DATABASE, OF_GROWTH, check_explain
from dfr_sizing.cli.stop import Stopped, end_stopped, is_stopped, leave, say
from dfr_sizing.errors import InputError

if TYPE_CHECKING:
    from dfr_sizing.recommend.types import Infeasible, Recommendation

BAD_INPUT, INFEASIBLE = 2, 3
UsageError: Any = typer.BadParameter.__base__
"""Typer's word for a bad option; newer releases carry their own click, so it is taken from Typer."""

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "What to buy to run a Digital Farmer Registry, how fast it will be, how it recovers, what it costs. "
        "Start with: dfr-size --farmers 2e6"
    ),
)

OVERRIDES = {
    "farmers": "registry.farmers",
    "growth": "registry.growth_5y",
    "enumerators_per_million": "campaign.enumerators_per_million",
    "campaign_days": "campaign.days",
    "surge": "campaign.surge_factor",
    "provider": "hosting.providers",
    "country": "hosting.countries",
    "region": "hosting.regions",
    "term": "prices.term",
    "currency": "prices.currency",
    "currency_rate": "prices.usd_rate",
    "page_p95_s": "targets.page_p95_s",
    "p95_ms": "targets.api_p95_ms",
    "availability": "targets.availability",
    "rto_hours": "recovery.rto_hours",
    "rpo_minutes": "recovery.rpo_minutes",
    "dr_strategy": "recovery.strategy",
    "recovery_profile": "recovery.profile",
    "own_disk": "hosting.own_disk",
    "catalogue": "prices.catalogue",
}
"""Options and the scenario's fields that they override. Values are text; an interval is written low,mid,high."""
LISTS = {"provider", "country", "region"}


@app.callback()
def size(
    context: typer.Context,
    farmers: Annotated[str | None, typer.Option(help="Farmers now: 2e6, 2M, 2_000_000.")] = None,
    scenario: Annotated[Path | None, typer.Option(help="Scenario file (TOML); options override its fields.")] = None,
    growth: Annotated[str | None, typer.Option(help="Growth in five years: 1 is 100 %.")] = None,
    enumerators_per_million: Annotated[str | None, typer.Option(help="Enumerators for a million farmers.")] = None,
    campaign_days: Annotated[str | None, typer.Option(help="Length of a registration campaign.")] = None,
    surge: Annotated[str | None, typer.Option(help="Deadline days over an ordinary day.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="Hosting allowed (repeat): aws, azure, gcp, on-premises, private-cloud, fao-managed."),
    ] = None,
    country: Annotated[list[str] | None, typer.Option(help="Country allowed (repeat), ISO code.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Region allowed (repeat).")] = None,
    own_disk: Annotated[
        str | None, typer.Option(help="What dfr-size probe disk measured, in place of own hosting's disk.")
    ] = None,
    catalogue: Annotated[
        str | None, typer.Option(help="A refreshed catalogue's folder.", envvar="DFR_SIZE_CATALOGUE")
    ] = None,
    term: Annotated[str | None, typer.Option(help="on-demand, 1-year or 3-year prices.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of the answer, with --currency-rate.")] = None,
    currency_rate: Annotated[str | None, typer.Option(help="Units of the currency for a US dollar.")] = None,
    page_p95_s: Annotated[str | None, typer.Option(help="Target: 95 % of pages, seconds.")] = None,
    p95_ms: Annotated[
        str | None, typer.Option("--p95-ms", "--api-p95-ms", "--p95", help="Target: 95 % of API look-ups, ms.")
    ] = None,
    availability: Annotated[str | None, typer.Option(help="Target: share of the year, 0.995.")] = None,
    rto_hours: Annotated[str | None, typer.Option(help="Recovery time objective.")] = None,
    rpo_minutes: Annotated[str | None, typer.Option(help="Recovery point objective.")] = None,
    dr_strategy: Annotated[
        str | None, typer.Option(help="auto, backup-restore, pilot-light, warm-standby or hot-standby.")
    ] = None,
    recovery_profile: Annotated[
        str | None, typer.Option(help="What dfr-size drill measured, in place of stated rates of recovery.")
    ] = None,
    as_shipped: Annotated[bool, typer.Option("--as-shipped", help="The DFR's code without the two indexes.")] = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Any other field: --set campaign.sync_hour=20 (repeat).")
    ] = None,
    model: Annotated[str, typer.Option(help="Calibrated model: a folder, or a bundled name.")] = "odoo18-reference",
    seed: Annotated[int, typer.Option(help="Seed of the random streams.", min=0)] = 1,
    processes: Annotated[int, typer.Option(help="Processes to simulate with; the answer is the same.", min=1)] = 2,
    whole_day: Annotated[
        bool, typer.Option("--whole-day", help="Simulate every request of the campaign's worst day, not a part.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the deployment plan into this folder.")] = None,
    explain: Annotated[
        str | None,
        typer.Option(help=f"One part in depth, in place of the screen: {', '.join(EXPLAINERS)}."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Recommend a deployment."""
    if context.invoked_subcommand is not None:
        return
    options = {name: value for name, value in context.params.items() if name in OVERRIDES and value}
    overrides: dict[str, object] = {OVERRIDES[name]: parsed(name, value) for name, value in options.items()}
    if as_shipped:
        overrides |= {"code.dedup_index": False, "code.name_index": False}
    overrides |= dict(setting_of(text) for text in setting or [])
    _recommend(overrides, scenario, model, seed, processes, out, explain, as_json=as_json, whole_day=whole_day)


def parsed(name: str, value: Any) -> object:
    """An option's text as a scenario's value: a list, or an interval where it has commas between three numbers."""
    if name in LISTS:
        return tuple(part.strip() for text in value for part in text.split(","))
    parts = str(value).split(",")
    return parts if len(parts) == 3 and name != "farmers" else value


def setting_of(text: str) -> tuple[str, object]:
    """A ``--set`` as the scenario's field and its value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError("--set", text, "section.field=value", "write for instance --set campaign.sync_hour=20")
    if value.lower() in {"true", "false"}:
        return name.strip(), value.lower() == "true"
    return name.strip(), parsed(name.strip(), value)


def _recommend(
    overrides: dict[str, object],
    scenario: Path | None,
    model: str,
    seed: int,
    processes: int,
    out: Path | None,
    explain: str | None,
    *,
    as_json: bool,
    whole_day: bool,
) -> None:
    if explain is not None:
        check_explain(explain)
    gc.disable()  # what is imported stays: no need to look through it for garbage
    from dfr_sizing.workers import start_server

    if processes > 1:
        start_server()  # it makes the engine ready while this process imports the rest
    from dfr_sizing import api
    from dfr_sizing.cli.progress import progress_bar
    from dfr_sizing.model import load_model
    from dfr_sizing.recommend.evaluate import Effort
    from dfr_sizing.recommend.types import Infeasible
    from dfr_sizing.scenario import load_scenario

    gc.freeze()
    gc.enable()
    asked = load_scenario(scenario, overrides)
    calibrated = load_model(model)
    if out is not None:
        from dfr_sizing.plan.write import check_out

        check_out(out)
    try:
        with progress_bar() as progress:
            found = api.size(
                scenario=asked,
                model=calibrated,
                seed=seed,
                processes=processes,
                effort=Effort(whole_day=whole_day),
                progress=progress,
                with_choice=out is not None or explain in OF_CHOICE,
                with_upgrades=out is not None or explain == OF_GROWTH,
                with_database=as_json or out is not None or explain == OF_DATABASE,
            )
    except Infeasible as answer:
        _show_infeasible(answer, seed, calibrated.name, as_json=as_json)
    else:
        _show(found, out, explain, as_json=as_json)


def _show(found: Recommendation, out: Path | None, explain: str | None, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from rich.console import Console

    from dfr_sizing.plan.as_json import dump, recommendation_json
    from dfr_sizing.plan.terminal import show

    written: list[Path] = []
    if out is not None:
        from dfr_sizing.plan.write import write_plan

        written = write_plan(found, out, on=datetime.now(UTC).date())
    if as_json:
        say(dump(recommendation_json(found)))
        return
    console = Console()
    with console.capture() as shown:
        EXPLAINERS.get(explain or "", show)(found, console)
    say(shown.get())
    if out is not None:
        say(f"Plan: {out / 'plan.md'} ({len(written)} files)\n")


def _show_infeasible(answer: Infeasible, seed: int, model: str, *, as_json: bool) -> NoReturn:
    from rich.console import Console

    from dfr_sizing.plan.as_json import dump, infeasible_json
    from dfr_sizing.plan.terminal import show_infeasible

    if as_json:
        say(dump(infeasible_json(answer, seed, model)))
    else:
        console = Console()
        with console.capture() as shown:
            show_infeasible(answer, console)
        say(shown.get())
    raise typer.Exit(INFEASIBLE)


def main() -> NoReturn:
    """Run `dfr-size`; every failure that a user can cause is one sentence on standard error."""
    from dfr_sizing.cli import catalogue as _catalogue
    from dfr_sizing.cli import drill as _drill
    from dfr_sizing.cli import model as _model
    from dfr_sizing.cli import probe as _probe
    from dfr_sizing.cli import scenario as _scenario
    from dfr_sizing.cli import staging as _staging
    from dfr_sizing.cli.baseline import check_baseline
    from dfr_sizing.cli.calibrate import calibrate
    from dfr_sizing.cli.compare import compare

    app.add_typer(_scenario.app, name="scenario")
    app.add_typer(_model.app, name="model")
    app.add_typer(_catalogue.app, name="catalogue")
    app.add_typer(_staging.app, name="staging")
    app.command("seed-staging")(_staging.seed)
    app.add_typer(_probe.app, name="probe")
    app.command()(compare)
    app.command("check-baseline")(check_baseline)
    app.command()(calibrate)
    app.command()(_drill.drill)
    try:
        status = app(standalone_mode=False)
    except Stopped:
        end_stopped()
    except InputError as error:
        _stop(str(error), BAD_INPUT)
    except UsageError as error:
        _stop(f"{error.format_message().rstrip('.')}: see dfr-size --help.", BAD_INPUT)
    except SystemExit as end:
        # Typer's own output, as of --help, found no reader: Typer calls that status 1.
        sys.exit(0 if isinstance(end.__context__, BrokenPipeError) else end.code)
    except Exception:
        if is_stopped():
            end_stopped()
        raise
    say("")  # what Typer has printed by itself
    leave(status if isinstance(status, int) else 0)


def _stop(sentence: str, status: int) -> NoReturn:
    sys.stderr.write(f"dfr-size: {sentence}\n")
    sys.exit(status)
