"""All that is told of the recommended deployment's database beside the answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from dfr_sizing.catalogue import Catalogue
from dfr_sizing.configuration.postgresql import table_settings
from dfr_sizing.configuration.replica import replica_advice
from dfr_sizing.growth import growth_of
from dfr_sizing.postgres.settings import Settings
from dfr_sizing.recommend.bounds import iops_needed
from dfr_sizing.recommend.candidates import Way
from dfr_sizing.recommend.database_types import DatabaseAdvice
from dfr_sizing.recommend.design import Design
from dfr_sizing.recommend.evaluate import Effort
from dfr_sizing.recommend.index_saving import index_savings
from dfr_sizing.recommend.operations import limits, operations_of
from dfr_sizing.recommend.recovery import daily_window
from dfr_sizing.recommend.years import hit_ratios, years
from dfr_sizing.simulation.load import utilisations
from dfr_sizing.topology import Topology, system_of

MEMORY_GIB = (16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
"""Sizes of memory that the hit ratio is told for."""


def database_advice(
    topology: Topology,
    design: Design,
    catalogue: Catalogue,
    way: Way,
    effort: Effort,
    seed: int,
    executor: Executor | None,
) -> Callable[[], DatabaseAdvice]:
    """Begin what has to be simulated of it; what is returned waits for that."""
    backups = daily_window(topology, way, design)
    scenario, model = design.scenario, design.model
    load = design.peaks[design.worst].load
    _, cpu = utilisations(load, system_of(topology, model, 1), model)
    reads = iops_needed(topology.database, design).reads / min(topology.busy_iops)
    # Growth with the plan's own settings: large tables are vacuumed more often than by default.
    default = Settings()
    large = {each.table: each.applied(default) for each in table_settings(growth_of(scenario))}
    growth = growth_of(scenario, large)
    through = years(topology, scenario, model, growth, design.worst, 1, effort, seed, executor)

    def found() -> DatabaseAdvice:
        operations = operations_of(topology, design, growth, large, backups)
        memories = sorted({*MEMORY_GIB, topology.database.memory_gib})
        peak = max(operations, key=lambda each: each.total)
        return DatabaseAdvice(
            wal_bytes_per_s=max(each.load.wal_bytes_per_s for each in design.peaks.values()),
            growth=growth,
            years=through(),
            replica=replica_advice(load.rates, load.costs, cpu, reads),
            indexes=index_savings(scenario, model, catalogue, topology.place, way),
            operations=operations,
            limits=limits(topology, design, peak),
            memory=hit_ratios(topology.database, load, design.database_bytes, memories, design.touched),
            backup_note=backups.note,
        )

    return found
