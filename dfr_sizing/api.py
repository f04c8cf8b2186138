"""The few calls that a notebook or a script needs: from a number of farmers to a Recommendation and its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dfr_sizing.catalogue import Catalogue, load_catalogue
from dfr_sizing.catalogue.types import DiskType
from dfr_sizing.model import BUNDLED, Model, load_model
from dfr_sizing.recommend.answer import FULL_EFFORT, recommend
from dfr_sizing.recommend.evaluate import Effort, Progress
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.recovery.profile import RecoveryProfile, read_profile
from dfr_sizing.scenario import Scenario, load_scenario
from dfr_sizing.workers import workers


def size(
    farmers: float | str | None = None,
    *,
    scenario: Scenario | Path | None = None,
    settings: Mapping[str, object] | None = None,
    model: Model | str | Path = BUNDLED,
    seed: int = 1,
    processes: int = 2,
    effort: Effort = FULL_EFFORT,
    progress: Progress | None = None,
    with_choice: bool = False,
    with_upgrades: bool = False,
    with_database: bool = True,
) -> Recommendation:
    """What to buy for so many farmers.

    ``scenario`` is a Scenario or a TOML file; ``settings`` replaces single fields of a file or of the defaults
    (``{"campaign.days": 90, "hosting.providers": ["aws"]}``). The same seed gives the same answer on any number of
    processes. ``effort`` says how much is simulated: less is faster, with wider intervals. ``with_choice`` adds the
    Pareto front, regret and the places left out, and takes half as long again; ``with_upgrades`` adds which
    machines serve to which month, too, and takes several times as long. Without ``with_database`` nothing is worked
    out of the database's years, settings and replica. Raises InputError for bad input,
    Infeasible where nothing meets every target.
    """
    if isinstance(scenario, Scenario):
        asked = scenario
    else:
        overrides = dict(settings or {})
        if farmers is not None:
            overrides["registry.farmers"] = farmers
        asked = load_scenario(scenario, overrides)
    calibrated, catalogue, profile = loaded(asked, model)
    with workers(processes) as pool:
        return recommend(
            asked, calibrated, catalogue, seed, progress, effort, pool, profile,
            with_choice=with_choice, with_upgrades=with_upgrades, with_database=with_database,
        )  # fmt: skip


def loaded(asked: Scenario, model: Model | str | Path) -> tuple[Model, Catalogue, RecoveryProfile | None]:
    """What an answer is computed from: the model, the catalogue with the user's own prices, a drill's profile."""
    calibrated = model if isinstance(model, Model) else load_model(model)
    catalogue = load_catalogue(asked.prices.own, _own_disks(asked.hosting.own_disk), asked.prices.catalogue)
    profile = read_profile(Path(asked.recovery.profile)) if asked.recovery.profile else None
    return calibrated, catalogue, profile


def _own_disks(entry: str) -> tuple[DiskType, ...]:
    """The measured disk of an entry file, if one is given."""
    if not entry:
        return ()
    from dfr_sizing.storage.entry import read_disk  # noqa: PLC0415 - seldom asked for

    return (read_disk(Path(entry)),)
