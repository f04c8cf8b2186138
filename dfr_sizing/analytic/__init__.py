"""Closed forms of queueing theory: what the engines are tested against, and quick answers by hand.

========================  =====================================================================================
open_queues               ``erlang_c``, ``mmc``, ``mmc_wait_quantile``, ``mmc_response_quantile``, ``mmck``,
                          ``utilisation``: workers that serve one request each, in order of arrival
processor_sharing         ``ps_mean_number``, ``ps_slowdown``, ``mg1_ps_mean_response``,
                          ``mgc_ps_mean_response``: processors shared by all who want to run
closed_networks           ``mva``, ``machine_repairman``, ``asymptotic_bounds``: a fixed number of users
multiclass_networks       ``multiclass_mva``, ``schweitzer``, ``multiclass_bounds``: several classes of users
========================  =====================================================================================

Seconds and requests a second throughout; every result is a long-run mean or probability in the steady state.

One convention for trouble: bad input (a negative rate, no servers) raises ``ValueError`` with the value and the range
allowed. Too much load is not bad input but has an answer: an open queue at or above its capacity never settles, so its
waiting probability is 1 and its means and quantiles are ``inf``; ``utilisation`` then says by how much, above 1.
"""

from dfr_sizing.analytic.closed_networks import (
    AsymptoticBounds,
    ClosedResult,
    asymptotic_bounds,
    machine_repairman,
    mva,
)
from dfr_sizing.analytic.multiclass_networks import (
    MulticlassBounds,
    MulticlassResult,
    multiclass_bounds,
    multiclass_mva,
    schweitzer,
)
from dfr_sizing.analytic.open_queues import (
    MmckResult,
    MmcResult,
    erlang_c,
    mmc,
    mmc_response_quantile,
    mmc_wait_quantile,
    mmck,
    utilisation,
)
from dfr_sizing.analytic.processor_sharing import (
    mg1_ps_mean_response,
    mgc_ps_mean_response,
    ps_mean_number,
    ps_slowdown,
)

__all__ = [
    "AsymptoticBounds",
    "ClosedResult",
    "MmcResult",
    "MmckResult",
    "MulticlassBounds",
    "MulticlassResult",
    "asymptotic_bounds",
    "erlang_c",
    "machine_repairman",
    "mg1_ps_mean_response",
    "mgc_ps_mean_response",
    "mmc",
    "mmc_response_quantile",
    "mmc_wait_quantile",
    "mmck",
    "multiclass_bounds",
    "multiclass_mva",
    "mva",
    "ps_mean_number",
    "ps_slowdown",
    "schweitzer",
    "utilisation",
]
