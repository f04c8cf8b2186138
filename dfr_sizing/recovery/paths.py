"""How long each step of a recovery takes, draw by draw, in minutes.

``way_back`` says which way a deployment takes out of a failure; ``durations`` times its steps. Steps follow one
another: the files come after the database, through the same link, and traffic opens only when both are back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from dfr_sizing.recovery.draws import FloatArray, Sampler
from dfr_sizing.recovery.failures import REPAIR_HOURS, name_at
from dfr_sizing.recovery.types import INTACT, Failure, RecoveryInput, Standing, Step, Strategy

SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3600.0
MINUTES_PER_HOUR = 60.0
BYTES_PER_MB = 1e6
BYTES_PER_MIB = 2.0**20

Durations = dict[Step, FloatArray]


class Way(StrEnum):
    """The ways out of a failure."""

    LEAVE_OUT = "the load balancer leaves the host out"
    START_AGAIN = "the supervisor starts it again on its host"
    RESTART = "the host is replaced and finds its disk intact"
    STANDBY = "the standby in the second zone takes over"
    OTHER_SITE = "the replica at the second site takes over"
    RESTORE_HERE = "the database is restored from backups at the site"
    RESTORE_ELSEWHERE = "everything is restored from backups at another site"
    RESTORE_CLEAN = "everything is restored onto clean hosts from copies that nobody could change"
    WAIT = "users wait until it is mended"
    SWITCH_OR_WAIT = "people begin to switch to the second site, unless it is mended first"


FROM_BACKUPS = frozenset({Way.RESTORE_HERE, Way.RESTORE_ELSEWHERE, Way.RESTORE_CLEAN})
"""The ways that need a restore."""
_ALWAYS = {
    Failure.PROCESS: Way.START_AGAIN,
    Failure.CORRUPTION: Way.RESTORE_HERE,  # every replica holds the damage
    Failure.RANSOMWARE: Way.RESTORE_CLEAN,
    Failure.CABLE: Way.WAIT,
    Failure.LOAD_BALANCER: Way.WAIT,
    Failure.SOFTWARE: Way.WAIT,
}
"""Failures that no copy of ours helps against."""


def way_back(strategy: Strategy, failure: Failure, inputs: RecoveryInput, standing: Standing = INTACT) -> Way:
    """The way a deployment takes out of a failure, with what is left of its copies."""
    if failure in _ALWAYS:
        return _ALWAYS[failure]
    has_site = strategy is not Strategy.BACKUP_RESTORE and standing.other_site
    if failure in (Failure.POD, Failure.NODE):
        alone = Way.RESTART if failure is Failure.NODE else Way.START_AGAIN
        return Way.LEAVE_OUT if inputs.application_nodes - standing.hosts_out > 1 else alone
    if failure is Failure.POWER:
        return Way.SWITCH_OR_WAIT if has_site else Way.WAIT
    if failure is not Failure.SITE and has_standby(strategy, inputs) and standing.standby:
        return Way.STANDBY
    return Way.RESTART if failure is Failure.DATABASE_HOST else _without_standby(failure, inputs, has_site=has_site)


def has_standby(strategy: Strategy, inputs: RecoveryInput) -> bool:
    """Whether a synchronous standby stands in a second zone; a hot standby always has one."""
    return inputs.has_standby_zone or strategy is Strategy.HOT_STANDBY


def _without_standby(failure: Failure, inputs: RecoveryInput, *, has_site: bool) -> Way:
    """The data are gone here: from the second site if it has them, else from backups."""
    if has_site:
        return Way.OTHER_SITE
    site_is_left = failure is Failure.DISK or (failure is Failure.ZONE and inputs.in_cloud)
    return Way.RESTORE_HERE if site_is_left else Way.RESTORE_ELSEWHERE


def files_lost(failure: Failure, way: Way) -> bool:
    """Whether the filestore goes with the failure; it lies apart from the database's disk."""
    return failure in (Failure.ZONE, Failure.SITE, Failure.RANSOMWARE) and way is not Way.STANDBY


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of one deployment's steps; every method gives draws in minutes unless its name says otherwise."""

    inputs: RecoveryInput
    sampler: Sampler

    def failover(self) -> FloatArray:
        """From the loss of the primary until the standby takes writes, detection included."""
        name = self.inputs.provider if self.inputs.managed else "patroni"
        return self.sampler.draw(f"failover.{name}_s", "detect") / SECONDS_PER_MINUTE

    def detection(self) -> FloatArray:
        """Until a person is told."""
        return self.sampler.draw("detect.minutes", "detect")

    def decision(self, extra: str | None = None) -> FloatArray:
        """Until a person acts: by day or at night, as the hour falls; ``extra`` names a further rate."""
        by_day = self.sampler.uniform("hour") < self.sampler.share("decide.staffed_share", "staffed")
        day, night = (self.sampler.draw(f"decide.{when}_minutes", "decide") for when in ("day", "night"))
        acted = np.where(by_day, day, night)
        return acted if extra is None else acted + self.sampler.draw(f"decide.{extra}_minutes", "decide-extra")

    def hosts(self, *, elsewhere: bool = False) -> FloatArray:
        """Until hosts stand ready; ``elsewhere`` is a site where nothing was prepared."""
        place = "other-site" if elsewhere and not self.inputs.in_cloud else self.inputs.place
        return self.hosts_of(place)

    def other_hosts(self, *, prepared: bool) -> FloatArray:
        """Until hosts stand ready away from the first site; ``prepared``: where a copy of the data runs."""
        return self.hosts_of("cloud") if self.inputs.second_in_cloud else self.hosts(elsewhere=not prepared)

    def hosts_of(self, place: str) -> FloatArray:
        """Until hosts stand ready at a kind of place."""
        return self.sampler.draw(f"provision.{place}_minutes", "provision")

    def start(self) -> FloatArray:
        """Until Odoo answers on a host that is up."""
        return self.sampler.draw("server.start_minutes", "start")

    def dns(self) -> FloatArray:
        """Until clients follow the name to another site."""
        return self.sampler.draw("switch.dns_minutes", "dns")

    def replay(self, wal_bytes: FloatArray | float) -> FloatArray:
        """Replaying that much WAL on one core, at most as fast as the disk."""
        return wal_bytes / self.capped(self.sampler.draw("wal.replay_mb_per_s", "replay")) / SECONDS_PER_MINUTE

    def link_bytes_per_s(self, *, off_site: bool, within_cloud: bool = False) -> FloatArray:
        """The link to the store of backups, in bytes per second; ``within_cloud``: of a cloud, to hosts there."""
        name = "cloud" if self.inputs.in_cloud or within_cloud else "off-site" if off_site else "local"
        drawn = self.sampler.draw(f"link.{name}_mb_per_s", "link") * BYTES_PER_MB
        return np.minimum(drawn, self.inputs.backup_link_bytes_per_s or np.inf)

    def repair(self, failure: Failure) -> FloatArray:
        """Until what failed is mended by whoever mends it."""
        name = name_at(failure, REPAIR_HOURS, self.inputs.place)
        return self.sampler.draw(name, f"repair-{failure}") * MINUTES_PER_HOUR

    def capped(self, mb_per_s: FloatArray) -> FloatArray:
        """A rate in bytes per second, at most that of the database's volume."""
        return np.minimum(mb_per_s * BYTES_PER_MB, self.inputs.disk_bytes_per_s or np.inf)

    def backup_bytes(self) -> FloatArray:
        """What a restore fetches of the database, compressed: a full backup, and what was taken after it."""
        fetched = self.inputs.database_bytes * (1.0 + self.inputs.beside_full_share)
        return fetched * self.sampler.share("backup.compressed_share", "compression")

    def full_interval_s(self) -> float:
        """Seconds between full backups."""
        hours = self.inputs.full_backup_interval_h or self.sampler.rates.exact("backup.full_interval_h")
        return hours * SECONDS_PER_HOUR

    def since_full_s(self) -> FloatArray:
        """Seconds since the last full backup when the failure comes."""
        return self.sampler.uniform("since-full") * self.full_interval_s()


def durations(
    strategy: Strategy, failure: Failure, inputs: RecoveryInput, sampler: Sampler, standing: Standing = INTACT
) -> Durations:
    """The steps that this failure needs under this strategy and the minutes of each, one value a draw."""
    timing, way = Timing(inputs, sampler), way_back(strategy, failure, inputs, standing)
    match way:
        case Way.LEAVE_OUT:
            steps: Durations = {Step.DETECT: _host_left_out(timing)}
        case Way.START_AGAIN:
            steps = _start_again(failure, timing)
        case Way.RESTART:
            steps = _restart(failure, timing)
        case Way.STANDBY:
            steps = _to_standby(failure, timing)
        case Way.OTHER_SITE:
            steps = _to_other_site(strategy, timing)
        case Way.WAIT:
            steps = {Step.REPAIR: timing.repair(failure)}
        case Way.SWITCH_OR_WAIT:
            steps = _switch_or_wait(strategy, failure, timing)
        case _:
            steps = _restore(failure, way, timing)
    return steps


def _start_again(failure: Failure, timing: Timing) -> Durations:
    draw = timing.sampler.draw
    if failure is Failure.POD:
        return {Step.DETECT: draw("pod.probe_s", "detect") / SECONDS_PER_MINUTE, Step.SWITCH: timing.start()}
    return {Step.DETECT: draw("process.restart_s", "detect") / SECONDS_PER_MINUTE, Step.REPLAY: _crash_replay(timing)}


def _crash_replay(timing: Timing) -> FloatArray:
    """What PostgreSQL replays at most when it was not shut down."""
    return timing.replay(timing.sampler.rates.exact("wal.max_wal_mib") * BYTES_PER_MIB)


def switched(strategy: Strategy, failure: Failure, timing: Timing) -> npt.NDArray[np.bool_]:
    """Draws in which people are through with switching before what failed is mended."""
    return _sum(_to_other_site(strategy, timing)) < timing.repair(failure)


def _switch_or_wait(strategy: Strategy, failure: Failure, timing: Timing) -> Durations:
    """Both run at once, and users are back by whichever ends first: nobody knows before how long a cut will be."""
    left = switched(strategy, failure, timing)
    steps = {step: np.where(left, minutes, 0.0) for step, minutes in _to_other_site(strategy, timing).items()}
    return steps | {Step.REPAIR: np.where(left, 0.0, timing.repair(failure))}


def _sum(steps: Durations) -> FloatArray:
    return np.asarray(np.sum(list(steps.values()), axis=0), dtype=np.float64)


def _host_left_out(timing: Timing) -> FloatArray:
    rate = "kubernetes.not_ready_s" if timing.inputs.kubernetes else "balancer.health_check_s"
    return timing.sampler.draw(rate, "detect") / SECONDS_PER_MINUTE


def _restart(failure: Failure, timing: Timing) -> Durations:
    if failure is Failure.NODE and timing.inputs.kubernetes:
        rates = timing.sampler.rates
        moved_s = rates.exact("kubernetes.toleration_s") + rates.exact("kubernetes.force_detach_s")
        found = _host_left_out(timing)
        return {
            Step.DETECT: found,
            Step.PROVISION: np.full_like(found, moved_s / SECONDS_PER_MINUTE),
            Step.SWITCH: timing.start(),
        }
    steps: Durations = {Step.DETECT: timing.detection()}
    if not timing.inputs.in_cloud:
        steps[Step.DECIDE] = timing.decision()
    steps[Step.PROVISION] = timing.hosts()
    if failure is Failure.DATABASE_HOST:
        steps[Step.REPLAY] = _crash_replay(timing)
    else:
        steps[Step.SWITCH] = timing.start()
    return steps


def _to_standby(failure: Failure, timing: Timing) -> Durations:
    steps = {Step.DETECT: timing.failover()}
    if failure is Failure.ZONE and timing.inputs.application_nodes == 1:
        steps |= {Step.PROVISION: timing.hosts(), Step.SWITCH: timing.start()}
    return steps


def _to_other_site(strategy: Strategy, timing: Timing) -> Durations:
    draw = timing.sampler.draw
    if strategy is Strategy.HOT_STANDBY:
        return {
            Step.DETECT: timing.failover(),
            Step.VERIFY: draw("verify.automatic_minutes", "verify"),
            Step.SWITCH: timing.dns(),
        }
    warm = strategy is Strategy.WARM_STANDBY
    lag_bytes = draw("replica.lag_s", "lag") * timing.inputs.wal_bytes_per_s_peak
    return {
        Step.DETECT: timing.detection(),
        Step.DECIDE: timing.decision("declare_disaster"),
        Step.PROVISION: draw("scale_up.minutes", "provision") if warm else timing.other_hosts(prepared=True),
        Step.REPLAY: timing.replay(lag_bytes),
        Step.VERIFY: draw("verify.promoted_minutes", "verify"),
        Step.SWITCH: timing.dns() + timing.start(),
    }


def _restore(failure: Failure, way: Way, timing: Timing) -> Durations:
    elsewhere = way is not Way.RESTORE_HERE
    if failure is Failure.CORRUPTION:  # the clock starts when someone notices
        steps: Durations = {Step.DECIDE: timing.decision("find_point")}
    else:
        extra = {Way.RESTORE_ELSEWHERE: "declare_disaster", Way.RESTORE_CLEAN: "contain"}.get(way)
        steps = {Step.DETECT: timing.detection(), Step.DECIDE: timing.decision(extra)}
    steps |= _database_restored(timing, elsewhere=elsewhere)
    if files_lost(failure, way):
        written = timing.sampler.draw("restore.files_mb_per_s", "files") * BYTES_PER_MB
        in_cloud = elsewhere and timing.inputs.second_in_cloud
        per_s = np.minimum(written, timing.link_bytes_per_s(off_site=elsewhere, within_cloud=in_cloud))
        steps[Step.FILESTORE] = timing.inputs.filestore_bytes / per_s / SECONDS_PER_MINUTE
    steps[Step.VERIFY] = timing.sampler.draw("verify.restored_minutes", "verify")
    steps[Step.SWITCH] = timing.start() + timing.dns() if elsewhere else timing.start()
    return steps


def _database_restored(timing: Timing, *, elsewhere: bool) -> Durations:
    """Hosts, base backup and WAL.

    A backup is written while it is fetched, so the two take as long as the slower: ``restore`` is what writing takes
    beyond the fetch. A managed database is there after a while and then loads its blocks lazily: ``restore`` is the
    reading of the part that must be in place before answers are fast enough.
    """
    inputs, draw = timing.inputs, timing.sampler.draw
    hosts = timing.other_hosts(prepared=False) if elsewhere else timing.hosts()
    in_cloud = elsewhere and inputs.second_in_cloud
    replayed = timing.replay(timing.since_full_s() * inputs.wal_bytes_per_s_mean)
    if inputs.managed:
        needed = inputs.database_bytes * timing.sampler.share("restore.working_share", "working-share")
        loaded = needed / timing.capped(draw("restore.lazy_load_mb_per_s", "restore")) / SECONDS_PER_MINUTE
        started = draw(f"restore.{inputs.provider}_start_minutes", "provision")
        return {Step.PROVISION: np.maximum(hosts, started), Step.RESTORE: loaded, Step.REPLAY: replayed}
    kind = "physical" if inputs.archive_wal else "dump"
    per_s = timing.link_bytes_per_s(off_site=elsewhere, within_cloud=in_cloud)
    fetched = timing.backup_bytes() / per_s / SECONDS_PER_MINUTE
    bytes_written = inputs.written_times * inputs.database_bytes
    written = bytes_written / timing.capped(draw(f"restore.{kind}_mb_per_s", "restore")) / SECONDS_PER_MINUTE
    steps = {Step.PROVISION: hosts, Step.FETCH: fetched, Step.RESTORE: np.maximum(written - fetched, 0.0)}
    return steps | {Step.REPLAY: replayed} if inputs.archive_wal else steps
