"""``--explain NAME``: one part of the answer in depth, in place of the one screen; each is a line of ``EXPLAINERS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dfr_sizing.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from dfr_sizing.recommend.types import Recommendation

    Explainer = Callable[[Recommendation, Console], None]


def _recovery(found: Recommendation, console: Console) -> None:
    from dfr_sizing.plan.recovery_terminal import show_recovery

    show_recovery(found, console)


def _database(found: Recommendation, console: Console) -> None:
    from dfr_sizing.plan.database_terminal import show_database

    show_database(found, console)


def _choice(found: Recommendation, console: Console) -> None:
    from dfr_sizing.plan.choice_terminal import show_choice

    show_choice(found, console)


def _regret(found: Recommendation, console: Console) -> None:
    from dfr_sizing.plan.choice_terminal import show_regret

    show_regret(found, console)


def _growth(found: Recommendation, console: Console) -> None:
    from dfr_sizing.plan.choice_terminal import show_upgrades

    show_upgrades(found, console)


OF_DATABASE, OF_GROWTH = "database", "growth"
OF_CHOICE = frozenset({"choice", OF_GROWTH, "regret"})
"""Those for which more has to be worked out than an answer needs."""

EXPLAINERS: dict[str, Explainer] = {
    "choice": _choice,
    OF_DATABASE: _database,
    OF_GROWTH: _growth,
    "recovery": _recovery,
    "regret": _regret,
}
"""What can be explained, and who prints it."""


def check_explain(name: str) -> None:
    """Raise InputError for a name that nobody explains: before anything is simulated."""
    if name not in EXPLAINERS:
        raise InputError("--explain", name, f"one of {', '.join(sorted(EXPLAINERS))}", "choose one")
