"""The few calls that a notebook or a script needs: from a number of farmers to a Recommendation and its files."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dfr_sizing.catalogue import load_catalogue
from dfr_sizing.errors import InputError
from dfr_sizing.model import BUNDLED, Model, load_model
from dfr_sizing.recommend.evaluate import Effort, Progress
from dfr_sizing.recommend.search import FULL_EFFORT, recommend
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.scenario import Scenario, load_scenario


def _leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches every process of a terminal; one line from the parent is enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def workers(processes: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes for simulations, stopped at the end whatever happens; None for one process: this one."""
    if processes < 1:
        raise InputError("--processes", processes, "1 or more", "give the number of cores to use")
    if processes == 1:
        yield None
        return
    # A server that has imported the engine once and is forked from: safe beside threads, and quick.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dfr_sizing.simulation.run"])
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_leave_interrupts_to_parent)
    try:
        yield pool
    except Exception:
        for process in list(pool._processes.values()):  # noqa: SLF001  (no public way to stop running work before 3.14)
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


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
) -> Recommendation:
    """What to buy for so many farmers.

    ``scenario`` is a Scenario or a TOML file; ``settings`` replaces single fields of a file or of the defaults
    (``{"campaign.days": 90, "hosting.providers": ["aws"]}``). The same seed gives the same answer on any number of
    processes. ``effort`` says how much is simulated: less is faster, with wider intervals. Raises InputError for bad
    input, Infeasible where nothing meets every target.
    """
    if isinstance(scenario, Scenario):
        asked = scenario
    else:
        overrides = dict(settings or {})
        if farmers is not None:
            overrides["registry.farmers"] = farmers
        asked = load_scenario(scenario, overrides)
    calibrated = model if isinstance(model, Model) else load_model(model)
    catalogue = load_catalogue(asked.prices.own)
    with workers(processes) as pool:
        return recommend(asked, calibrated, catalogue, seed, progress, effort, pool)
