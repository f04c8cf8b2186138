"""The disaster recovery plan: who does what in which order, with the minutes that recovery expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dfr_sizing.plan.markdown import template, without_gaps
from dfr_sizing.recommend.types import Recommendation
from dfr_sizing.recovery import Failure, RecoveryEstimate, Step, Strategy, kinds

STEPS: Mapping[Step, str] = MappingProxyType(
    {
        Step.DETECT: "the monitor alerts; the person on call confirms it from outside",
        Step.DECIDE: "the lead names the failure and the way out, and writes down the time",
        Step.REPAIR: "what failed is mended by whoever runs it; the lead asks for a time and tells users",
        Step.PROVISION: "hosts stand ready from the prepared image, with network and secrets",
        Step.FETCH: "the newest good backup comes from the store",
        Step.RESTORE: "the database's files are written, or the managed database is started from its backup",
        Step.REPLAY: "PostgreSQL replays WAL up to the newest, or to the chosen moment",
        Step.FILESTORE: "photos and documents are copied back, and counted against the rows that name them",
        Step.VERIFY: "counts of farmers, newest records, files against rows, a login by the registry owner",
        Step.SWITCH: "Odoo starts, the load balancer or DNS points to it, users are let in by district",
    }
)
"""What people do in each step."""


@dataclass(frozen=True, slots=True)
class Activation:
    """One line of the criteria: what is seen, what is done, who decides."""

    seen: str
    done: str
    who: str


def dr_plan_markdown(r: Recommendation) -> str:
    """The plan's text; empty where nothing is known of recovery."""
    best, facts = r.recommended, r.recovery
    if facts is None or not best.recovery:
        return ""
    recovery = r.scenario.recovery
    site = next(told for told in best.recovery if told.failure is Failure.SITE)
    text = template("dr-plan.md.j2").render(
        best=best,
        facts=facts,
        steps=STEPS,
        site=site,
        activation=[_activation(told, best.strategy) for told in best.recovery],
        night=recovery.night_minutes.mid,
        declare=recovery.declare_minutes.high,
    )
    return without_gaps(text)


def _activation(told: RecoveryEstimate, strategy: Strategy) -> Activation:
    """Who decides follows from what is done: the system, the engineer on call, or the lead."""
    way, _, _ = told.note.partition(";")
    by_itself = not {phase.name for phase in told.phases} & {Step.DECIDE, Step.REPAIR}
    leaves_site = told.failure in (Failure.SITE, Failure.RANSOMWARE, Failure.CORRUPTION)
    if by_itself:
        who = "nobody: it happens by itself, the person on call watches"
    elif leaves_site or (told.failure is Failure.ZONE and strategy is not Strategy.BACKUP_RESTORE):
        who = "recovery lead"
    else:
        who = "person on call"
    return Activation(kinds()[told.failure].title, way.rstrip("."), who)
