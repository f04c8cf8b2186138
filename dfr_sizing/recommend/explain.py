"""Why the answer is what it is: what it depends on, what it presumes, what a rule of thumb would have said."""

from __future__ import annotations

import math
from collections import Counter
from typing import Literal

from dfr_sizing.catalogue import Catalogue, Place
from dfr_sizing.drivers import drivers, rule
from dfr_sizing.interval import Interval
from dfr_sizing.model import Model
from dfr_sizing.recommend.candidates import Way, cheapest_by_bounds, place_options
from dfr_sizing.recommend.design import Design, design_for
from dfr_sizing.recommend.types import Plan, RuleOfThumb, Swing
from dfr_sizing.scenario import Scenario

NOT_VARIED = ("targets.", "recovery.", "prices.usd_rate")
"""Promises and exchange rates are not guesses about the world."""


def sensitivities(scenario: Scenario, model: Model, catalogue: Catalogue, place: Place, way: Way) -> tuple[Swing, ...]:
    """Cost with each uncertain input at its low and high end, largest swing first; bounds only, nothing simulated."""
    mid = cost_by_bounds(scenario, model, catalogue, place, way)
    swings = []
    for name, driver in drivers().items():
        value = scenario.value(name)
        if not isinstance(value, Interval) or value.is_exact or name.startswith(NOT_VARIED):
            continue
        ends: tuple[Literal["low", "high"], ...] = ("low", "high")
        costs = [cost_by_bounds(scenario.with_bounds({name: end}), model, catalogue, place, way) for end in ends]
        swings.append(Swing(name, value.low, value.mid, value.high, driver.unit, costs[0], costs[1]))
    finite = [swing for swing in swings if math.isfinite(mid)]
    return tuple(sorted(finite, key=lambda swing: (-swing.size, swing.name)))


def cost_by_bounds(scenario: Scenario, model: Model, catalogue: Catalogue, place: Place, way: Way) -> float:
    """Five-year cost of the cheapest candidate of a place that no bound drops; infinite where none is left."""
    design = design_for(scenario, model)
    options = place_options(catalogue, place, design, (way,), 1, Counter())
    found = None if options is None else cheapest_by_bounds(options, design)
    return math.inf if found is None else found[0]


def rule_of_thumb(design: Design) -> RuleOfThumb:
    """Odoo's own rule for the users at once: officers, portal visitors and synchronising enumerators."""
    scenario, farmers = design.scenario, design.farmers
    users = (scenario.users.officers_at_once_per_100k.mid + scenario.users.portal_at_once_per_100k.mid) * farmers / 1e5
    load = design.peaks[design.worst].load
    users += sum(
        rate * (load.costs[name].app_cpu_s + load.costs[name].database_cpu_s)
        for name, rate in load.rates.items()
        if name.startswith("mobile_sync")
    )
    workers = math.ceil(users / rule("odoo.users_per_worker"))
    vcpus = math.ceil(max(0, workers - 1) / rule("odoo.rule_workers_per_vcpu"))
    return RuleOfThumb(users, workers, max(1, vcpus), workers * rule("odoo.worker_memory_mib") / 1024.0)


def conditions(design: Design, plan: Plan) -> tuple[str, ...]:
    """What has to be true for the plan to hold."""
    found = []
    code = design.scenario.code
    if code.dedup_index:
        found.append("index on name, birth date and area before go-live (deduplication)")
    if code.name_index:
        found.append("trigram index on names before go-live (search by name)")
    workers, node = plan.topology.workers_per_node, plan.topology.application.name
    found.append(f"workers = {workers} on each {node}; the DFR ships 4")
    night = design.scenario.recovery.night_minutes.mid
    found.append(f"a person on call ({night:g} min at night); a rule who may leave a site")
    found.append("backups, WAL and files copied to where no account of the system can change or delete them")
    if plan.topology.bursts:
        most = min(plan.topology.busy_iops)
        found.append(
            f"credits carry the busy hours: the database's disk bursts to {most:,.0f} IOPS, and refills at night"
        )
    away = design.scenario.hosting.second_site
    if away:
        found.append(f"the law lets copies of the registry stand in {away}, and a link that they can follow on")
    return tuple(found)


def warnings(plan: Plan, model: Model) -> tuple[str, ...]:
    """What a reader has to know before relying on the numbers."""
    found = []
    missed = model.check_error.get("steps_missed", 0)
    if missed:
        found.append(f"the model {model.name} misses its own limits in {missed:g} of its load steps: see its card")
    if model.check_error.get("accepted"):
        errors = [f"{name} {model.check_error[name]:.0%}" for name in ("throughput", "mean", "p95")]
        found.append(f"the model {model.name} was accepted with its error on the held-out load: {', '.join(errors)}")
    guessed = [item for item in plan.bill.items if str(item.price.label) in {"estimated", "assumed"}]
    if guessed:
        part = sum(item.monthly_usd for item in guessed) / plan.bill.monthly_usd
        found.append(f"{part:.0%} of the bill: estimated or assumed prices, named in the plan")
    return tuple(found)
