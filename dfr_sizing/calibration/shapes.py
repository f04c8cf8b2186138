"""What a class's requests are like beside their mean CPU: variation, tail, processes, statements, bytes of WAL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from dfr_sizing.calibration.access_log import LogLine
from dfr_sizing.calibration.steps import LoadStep
from dfr_sizing.calibration.utilisation_law import OWN_CV
from dfr_sizing.calibration.windows import to_reference
from dfr_sizing.drivers import rule
from dfr_sizing.simulation.system import FloatArray

ROUNDING_S = 1e-3 / 12**0.5
"""Standard deviation of a time that is logged in whole milliseconds."""
_UPPER_QUARTILE = 0.6745
"""Of the standard normal distribution."""
COUNTED_TO = 0.03
"""How far a counter may be off: what the server does beside the requests, as a fraction."""
GATHER_WORKERS = 2
"""max_parallel_workers_per_gather where a run does not tell: PostgreSQL's default."""


class Shape(NamedTuple):
    """A class in its calmest step: mean seconds of the log at the reference speed, statements logged, variation, tail.

    NaN where nobody logged; ``tail_share`` of the requests take ``tail_factor`` times the SQL of the others.
    """

    python_s: float
    sql_s: float
    queries: float
    cv: float
    tail_share: float
    tail_factor: float


def shape_of(steps: Sequence[LoadStep], name: str, speed_ms: float) -> Shape:
    """The shape of a class, from the calmest step that has enough of it: one user alone, or the least utilisation.

    The smallest table comes first: demands are of that one, and a scan of a larger one takes longer.
    """
    enough = rule("calibration.least_requests")
    logged = [step for step in steps if len(step.log.get(name, ())) >= enough]
    if logged:
        calm = min(logged, key=_business)
        return _of_lines(calm.log[name], to_reference(calm, "odoo", speed_ms))
    sent = [step for step in steps if step.run.mix.get(name, 0.0) * step.run.requests >= enough]
    cv = OWN_CV
    if sent:
        run = min(sent, key=_business).run
        cv = run.sd_by_class_s[name] / run.mean_by_class_s[name]
    return Shape(np.nan, np.nan, np.nan, cv, 0.0, 1.0)


def _business(step: LoadStep) -> tuple[int, bool, float, int]:
    used = step.run.host("odoo").utilisation
    return step.rows, not step.run.lone, used if np.isfinite(used) else 1.0, step.run.users


def _of_lines(lines: Sequence[LogLine], speed: float) -> Shape:
    sql, python = np.array([line.sql_s for line in lines]), np.array([line.python_s for line in lines])
    dear = sql > rule("calibration.tail_from") * np.median(sql)
    share, factor = float(dear.mean()), 1.0
    if 0.0 < share <= rule("calibration.most_tail") and np.median(sql) >= rule("calibration.threads_least_ms") / 1e3:
        factor = float(sql[dear].mean() / sql[~dear].mean())
    else:
        share, dear = 0.0, np.zeros(len(sql), dtype=bool)
    whole = (sql + python)[~dear]
    return Shape(
        python_s=float(python.mean()) * speed,
        sql_s=float(sql.mean()) * speed,
        queries=float(np.mean([line.queries for line in lines])),
        cv=_variation(whole),
        tail_share=share,
        tail_factor=factor,
    )


def _variation(seconds: FloatArray) -> float:
    """Coefficient of variation of a lognormal law with these quartiles, less what rounding adds.

    Other requests in the way make a few much longer than they are by themselves; the quartiles hardly see them.
    """
    low, middle, high = np.maximum(np.quantile(seconds, [0.25, 0.5, 0.75]), ROUNDING_S)
    spread = math.log(high / low) / (2.0 * _UPPER_QUARTILE)
    square = math.expm1(spread * spread) - 2.0 * (ROUNDING_S / float(middle)) ** 2
    return math.sqrt(max(0.0, square))


def threads_of(shape: Shape, database_cpu_s: float, settings: Mapping[str, str]) -> int:
    """Processes of a scan: several where its SQL takes more CPU than wall time with nothing in its way.

    Both are of one table; PostgreSQL takes several for a large one only.
    """
    several = database_cpu_s > rule("calibration.threads_ratio") * shape.sql_s  # false where nobody logged
    if not several or database_cpu_s < rule("calibration.threads_least_ms") / 1e3:
        return 1
    return int(settings.get("max_parallel_workers_per_gather", GATHER_WORKERS)) + 1


def per_class(counts: FloatArray, totals: FloatArray, relative: FloatArray) -> FloatArray:
    """A server's counter shared out among the classes, in units a request.

    ``counts`` of requests (a row a step, a column a class), ``totals`` of the counter; ``relative`` what is believed of
    the classes, up to a common factor (NaN: nothing; 0: none of it). NNLS, drawn towards ``relative`` as the demands.
    """
    takes = np.flatnonzero(~(relative == 0.0) & (counts.sum(axis=0) > 0.0))
    found = np.zeros(counts.shape[1])
    used = totals > 0.0
    if not len(takes) or not used.any():
        return found
    believed = np.flatnonzero(relative[takes] > 0.0)
    prior = relative[takes][believed]
    scale = float(totals.sum() / max(1e-12, (counts[:, takes][:, believed] @ prior).sum())) if len(prior) else 1.0
    data = np.hstack([counts[used][:, takes], np.zeros((int(used.sum()), 1))]) / (COUNTED_TO * totals[used][:, None])
    drawn = np.zeros((len(believed), len(takes) + 1))
    firm = 1.0 / (rule("calibration.log_error") * scale * prior)
    drawn[np.arange(len(believed)), believed] = firm
    drawn[:, -1] = -firm * prior
    right = np.concatenate([np.full(int(used.sum()), 1.0 / COUNTED_TO), np.zeros(len(believed))])
    found[takes] = nnls(np.vstack([data, drawn]), right)[0][:-1]
    return found
