"""Closed forms of queueing theory: what the engines are tested against, and quick answers by hand.

========================  =====================================================================================
open_queues               ``erlang_c``, ``mmc``, ``mmc_wait_quantile``, ``mmc_response_quantile``, ``mmck``,
                          ``mgc_mean_wait``, ``utilisation``: workers that serve one request each, in order of arrival
group_service             ``group_service``: a server that takes everybody who waits at once
processor_sharing         ``ps_mean_number``, ``ps_average``, ``ps_slowdown``, ``mg1_ps_mean_response``,
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
from dfr_sizing.analytic.group_service import GroupServiceResult, group_service
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
    mgc_mean_wait,
    mmc,
    mmc_response_quantile,
    mmc_wait_quantile,
    mmck,
    utilisation,
)
from dfr_sizing.analytic.processor_sharing import (
    mg1_ps_mean_response,
    mgc_ps_mean_response,
    ps_average,
    ps_mean_number,
    ps_slowdown,
)

__all__ = [
    "AsymptoticBounds",
    "ClosedResult",
    "GroupServiceResult",
    "MmcResult",
    "MmckResult",
    "MulticlassBounds",
    "MulticlassResult",
    "asymptotic_bounds",
    "erlang_c",
    "group_service",
    "machine_repairman",
    "mg1_ps_mean_response",
    "mgc_mean_wait",
    "mgc_ps_mean_response",
    "mmc",
    "mmc_response_quantile",
    "mmc_wait_quantile",
    "mmck",
    "multiclass_bounds",
    "multiclass_mva",
    "mva",
    "ps_average",
    "ps_mean_number",
    "ps_slowdown",
    "schweitzer",
    "utilisation",
]
