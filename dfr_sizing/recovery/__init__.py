"""What a failure costs: RTO, RPO and availability of the four disaster recovery strategies.

A first version: a timed breakdown from stated rates (``data/rates.toml``), sampled by Monte Carlo.

| use | for |
|---|---|
| ``RecoveryInput`` | the deployment: sizes, WAL rates, provider, standby zone |
| ``estimate`` | one strategy against one failure: phases, RTO, RPO |
| ``all_strategies`` | every strategy against every failure |
| ``headline`` | the figures held against the RTO and RPO targets |
| ``cheapest_strategy_that_meets`` | the strategy to take |
| ``availability`` | the share of time served, and the single points of failure |
| ``replicas_needed`` | the hardware that a strategy adds, for the cost |
| ``ledger``, ``shipped_rates`` | every rate with source and label; ``Rates.replaced`` puts a measured one in |

>>> inputs = RecoveryInput(database_bytes=300e9, filestore_bytes=2e12, wal_bytes_per_s_mean=5e5,
...     wal_bytes_per_s_peak=5e6, provider="aws", managed=True, has_standby_zone=True, application_nodes=2)
>>> cheapest_strategy_that_meets(rto_minutes=240, rpo_minutes=60, inputs=inputs, seed=1) is not None
True
"""

from dfr_sizing.recovery.availability import availability
from dfr_sizing.recovery.estimate import (
    all_strategies,
    cheapest_by_failure,
    cheapest_strategy_that_meets,
    estimate,
    headline,
)
from dfr_sizing.recovery.failures import exposed_to, kinds
from dfr_sizing.recovery.rates import Rates, ledger, shipped_rates
from dfr_sizing.recovery.standby import replicas_needed
from dfr_sizing.recovery.types import (
    Availability,
    Failure,
    Headline,
    Phase,
    Quantiles,
    RecoveryEstimate,
    RecoveryInput,
    StandbyShape,
    Step,
    Strategy,
)

__all__ = [
    "Availability",
    "Failure",
    "Headline",
    "Phase",
    "Quantiles",
    "Rates",
    "RecoveryEstimate",
    "RecoveryInput",
    "StandbyShape",
    "Step",
    "Strategy",
    "all_strategies",
    "availability",
    "cheapest_by_failure",
    "cheapest_strategy_that_meets",
    "estimate",
    "exposed_to",
    "headline",
    "kinds",
    "ledger",
    "replicas_needed",
    "shipped_rates",
]
