"""How many HTTP workers a node should have: ``python benchmarks/workers.py --farmers 2e6``.

The recommended deployment in the busiest hour of its worst day, one application node down, with more and more workers a
node: on the same requests, so that only the workers differ.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from dfr_sizing import size
from dfr_sizing.api import loaded
from dfr_sizing.model import BUNDLED
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.rare import Hour
from dfr_sizing.recommend.trial import trial_of
from dfr_sizing.simulation.outcome import Runs
from dfr_sizing.workers import workers

PER_VCPU = (2.25, 2.5, 3.0, 3.5, 4.25)
SHOWN = ("external_lookup", "record_read", "portal_page")


def main() -> None:
    """Print a table, or figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--farmers", type=float, default=2e6)
    parser.add_argument("--replications", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    asked = parser.parse_args()
    found = size(asked.farmers, seed=asked.seed)
    topology = found.recommended.topology
    design = design_for(found.scenario, loaded(found.scenario, BUNDLED)[0])
    hour, lines = Hour(design.worst), []
    with workers(2) as pool:
        for per_vcpu in PER_VCPU:
            count = round(per_vcpu * topology.application.vcpus)
            trial = trial_of(replace(topology, workers_per_node=count), design, 1, asked.seed)
            runs = Runs(trial.grown({hour: asked.replications}, pool).digests[hour])
            p95 = {name: runs.estimate(name, "p95", 0.95) for name in SHOWN}
            lines.append(
                {
                    "workers": count,
                    "per_vcpu": per_vcpu,
                    "held": runs.utilisation["HTTP workers"],
                    "p95_ms": {name: [1e3 * one.value, 1e3 * one.low, 1e3 * one.high] for name, one in p95.items()},
                }
            )
    if asked.json:
        print(json.dumps({"deployment": topology.title, "hour": str(design.worst), "lines": lines}, indent=2))
        return
    print(f"{topology.title}, {design.worst}, one node down; p95 in ms with its 95 % interval")
    print("workers a node | a vCPU | held | " + " | ".join(SHOWN))
    for line in lines:
        p95_ms = line["p95_ms"]
        assert isinstance(p95_ms, dict)
        figures = " | ".join(f"{value:.1f} ({low:.1f} to {high:.1f})" for value, low, high in p95_ms.values())
        print(f"{line['workers']} | {line['per_vcpu']} | {line['held']:.0%} | {figures}")


if __name__ == "__main__":
    main()
