"""The latency targets of a scenario, as figures of request classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dfr_sizing.model import request_classes
from dfr_sizing.recommend.design import Design

PER_SECOND = {"s": 1.0, "ms": 1e3, "min": 1.0 / 60.0}
"""The units in which targets are shown, for each second."""

IN_A_ROW = frozenset({"sync_500_s", "import_10000_min"})
"""The targets on several requests in a row; the others are on a p95."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A latency target: which classes it binds, how class latency becomes the promised figure, and its limit in s."""

    name: str
    title: str
    classes: tuple[str, ...]
    times: int
    plus_s: float
    limit_s: float
    unit: str


def promises(design: Design) -> tuple[Promise, ...]:
    """The scenario's latency targets over the request classes."""
    targets, by_target = design.scenario.targets, _classes_by_target()
    of: Callable[[str], tuple[str, ...]] = lambda name: by_target.get(name, ())  # noqa: E731
    return (
        Promise("page_p95_s", "pages, p95", of("page_p95_s"), 1, 0.0, targets.page_p95_s.mid, "s"),
        Promise("search_p95_s", "search by name, p95", of("search_p95_s"), 1, 0.0, targets.search_p95_s.mid, "s"),
        Promise("report_p95_s", "reports, p95", of("report_p95_s"), 1, 0.0, targets.report_p95_s.mid, "s"),
        Promise("api_p95_ms", "external look-ups, p95", of("api_p95_ms"), 1, 0.0, targets.api_p95_ms.mid / 1e3, "ms"),
        Promise(
            "sync_500_s",
            "sync of 500 farmers, p95",
            of("sync_500_s"),
            design.sync_batches,
            design.sync_upload_s,
            targets.sync_500_s.mid,
            "s",
        ),
        Promise(
            "import_10000_min",
            "import of 10,000 rows",
            of("import_10000_min"),
            design.import_batches,
            0.0,
            60.0 * targets.import_10000_min.mid,
            "min",
        ),
    )


def _classes_by_target() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, request in request_classes().items():
        if request.target:
            found[request.target] = (*found.get(request.target, ()), name)
    return found
