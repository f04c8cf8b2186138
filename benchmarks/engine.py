"""How fast the compiled engine is, beside SimPy, Ciw and a plain numba event list: ``python benchmarks/engine.py``.

What is compared, and why it is fair, is in engine.md. Ends with status 1 if a contender's answers are wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import mm3
import odoo_shaped
from race import RATIOS, machine

CONTENDERS = {
    "compiled": "compiled engine",
    "simpy": "SimPy",
    "ciw": "Ciw",
    "event_list": "plain numba event list",
}
FULL_REPEATS, QUICK_REPEATS, QUICK_SCALE = 11, 5, 0.5


def main() -> int:
    """Run both cases and print them."""
    options = _options()
    start = time.perf_counter()
    odoo = odoo_shaped.run(options.repeats, options.scale, options.seed)
    queue = mm3.run(options.repeats, options.scale, options.seed)
    wrong = odoo.wrong + queue.wrong
    answer = {
        "odoo_shaped": odoo.figures,
        "mm3": queue.figures,
        "mm3_mean_time_in_system": {"theory": queue.theory}
        | {name: [mean.low, mean.value, mean.high] for name, mean in queue.means.items()},
        "wrong": wrong,
        "machine": machine(),
        "seed": options.seed,
        "repeats": options.repeats,
        "scale": options.scale,
        "seconds": time.perf_counter() - start,
    }
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        _print(odoo.figures, queue, answer)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some 15 s instead of a minute")
    parser.add_argument("--repeats", type=int, help=f"default {FULL_REPEATS}, quick {QUICK_REPEATS}")
    parser.add_argument("--scale", type=float, help=f"requests over those of a full run; quick {QUICK_SCALE}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    options.repeats = options.repeats or (QUICK_REPEATS if options.quick else FULL_REPEATS)
    options.scale = options.scale or (QUICK_SCALE if options.quick else 1.0)
    return options


def _print(odoo: dict[str, float], queue: mm3.Result, answer: dict[str, object]) -> None:
    print(f"Odoo-shaped requests{'requests/s':>24}{'compiled is':>14}")
    _print_case(odoo)
    print(f"\nM/M/3 at load 0.8   {'requests/s':>24}{'compiled is':>14}   mean time in system (99 %)")
    _print_case(queue.figures, queue)
    print(f"{'  Erlang C':<58}   {queue.theory:.4f}")
    print(f"\n{answer['machine']}, seed {answer['seed']}, {answer['repeats']} repeats, {answer['seconds']:.0f} s")


def _print_case(figures: dict[str, float], queue: mm3.Result | None = None) -> None:
    for name, title in CONTENDERS.items():
        if f"{name}_per_s" not in figures:
            continue
        times = figures.get(RATIOS.get(name, ""))
        line = f"  {title:<24}{figures[f'{name}_per_s']:>18,.0f}" + (f"{times:>12,.2f} x" if times else " " * 14)
        if queue:
            mean = queue.means[name]
            line += f"   {mean.value:.4f} ({mean.low:.4f} to {mean.high:.4f})"
        print(line)


if __name__ == "__main__":
    sys.exit(main())
