"""Looks a recording over for what would make its figures wrong: a list of defects, each with its consequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dfr_sizing.calibration.access_log import by_path
from dfr_sizing.calibration.defects import Consequence, Defect
from dfr_sizing.calibration.steps import Loaded, LoadStep, answered, quiet_rows
from dfr_sizing.drivers import rule
from dfr_sizing.recording.types import Host, Step
from dfr_sizing.simulation.system import FloatArray

LEAST_SHARE_OF_TIME = 0.9
"""A step whose requests or seconds end before this share of its time was cut short."""
BIN_S, MOST_LAG_S, SMOOTH_BINS = 0.1, 30.0, 51
"""The clocks of log and load generator are compared by requests a tenth of a second, shifted by up to half a minute,
less their mean over some five seconds: the load itself rises and falls slowly."""
LONGER, RESOLUTION_S = 1.1, 1e-3
"""A request is not served for longer than its user waits; both means may be off by a little."""
SIGNIFICANT = 8.0
"""A peak of the correlation counts from so many of its standard deviations."""


def defects_of(loaded: Loaded) -> list[Defect]:
    """What concerns the recording as a whole."""
    return [*_cut_short(loaded), *_log_defects(loaded), *_cpu_defects(loaded), *_noise(loaded), *_size_defects(loaded)]


def step_defects(loaded: Loaded, steps: Sequence[LoadStep]) -> list[Defect]:
    """What concerns one load step; a dropped one is named by ``Run.tag``."""
    found: list[Defect] = []
    for step, read in zip(loaded.recording.steps, steps, strict=True):
        reasons = [*_short_step(loaded, step), *_errors(loaded, step), *_unknown(loaded, step, read)]
        reasons += [*_unquiet(read), *_saturated(loaded, step)]
        found += [Defect(what, read.run.tag, Consequence.DROPPED) for what in reasons]
    return found


def class_defects(steps: Sequence[LoadStep], counts: FloatArray) -> list[Defect]:
    """Classes with too few requests to tell their demand well."""
    least = rule("calibration.least_requests")
    return [
        Defect(f"{count:.0f} requests, fewer than {least:g}", f"class {name}", Consequence.WIDENED)
        for name, count in zip(steps[0].classes, counts, strict=True)
        if count < least
    ]


def _cut_short(loaded: Loaded) -> Iterator[Defect]:
    if not loaded.recording.complete:
        why = "the load test was cut short: record it again to its end"
        yield Defect(why, loaded.recording.name, Consequence.REFUSED)


def _short_step(loaded: Loaded, step: Step) -> Iterator[str]:
    """A step that was planned, but not held to its end."""
    wanted = step.measured_from + LEAST_SHARE_OF_TIME * (step.ended - step.measured_from)
    started = loaded.requests["started"]
    last = started[(started >= step.started) & (started <= step.ended)].max()
    thinks = 3.0 * step.think_s
    if step.ended <= step.measured_from or not last >= wanted - thinks:
        yield "cut short: no requests until its end"


def _errors(loaded: Loaded, step: Step) -> Iterator[str]:
    sent = loaded.requests[loaded.requests["started"].between(step.measured_from, step.ended)]
    failed = sent.loc[sent["outcome"] != "ok", "outcome"]
    if len(sent) and len(failed) > rule("calibration.most_errors") * len(sent):
        kinds = ", ".join(f"{count} x {name}" for name, count in failed.value_counts().items())
        most = rule("calibration.most_errors")
        yield f"{len(failed) / len(sent):.1%} of its requests failed ({kinds}), more than {most:.0%}"


def _unknown(loaded: Loaded, step: Step, read: LoadStep) -> Iterator[str]:
    sent = loaded.requests[loaded.requests["started"].between(step.measured_from, step.ended)]
    strange = sent.loc[~sent["name"].isin(list(loaded.recording.kinds)), "name"]
    if len(strange) > rule("calibration.most_errors") * max(1, len(sent)):
        yield f"{len(strange)} requests of no known kind ({', '.join(sorted(set(strange))[:3])})"
    if read.run.requests == 0:
        yield "no requests were answered in its quiet seconds"


def _noise(loaded: Loaded) -> Iterator[Defect]:
    usual = rule("calibration.strangers_cores")
    if loaded.strangers_cores > usual:
        what = f"seconds in which other processes took up to {loaded.strangers_cores:g} cores count (else {usual:g})"
        yield Defect(what, loaded.recording.name, Consequence.WIDENED)


def _unquiet(read: LoadStep) -> Iterator[str]:
    if read.run.seconds < rule("calibration.least_quiet_s"):
        few = f"only {read.run.seconds:.0f} quiet seconds"
        yield f"{few}: other processes took its hosts (--strangers CORES accepts them)"


def _saturated(loaded: Loaded, step: Step) -> Iterator[str]:
    most = rule("calibration.most_generator_cores")
    for name, rows in quiet_rows(loaded, step).items():
        host = next(host for host in loaded.recording.hosts if host.name == name)
        if "generator" not in host.groups or not len(rows):
            continue
        cores = float(rows["generator"].mean())
        if cores > most * loaded.recording.generator_processes:
            yield f"the load generator was full ({cores:.2f} cores for {loaded.recording.generator_processes} process)"
        elif host.groups == ("generator",) and float(rows["idle"].mean()) < (1.0 - most) * threads(host):
            yield f"the load generator's host was full ({float(rows['idle'].mean()):.2f} cores idle)"


def threads(host: Host) -> int:
    """Hardware threads of a host."""
    return host.cores * host.threads_per_core


def _cpu_defects(loaded: Loaded) -> Iterator[Defect]:
    for group, instead in (("odoo", "the log's Python seconds"), ("postgresql", "its execution time")):
        hosts = [host for host in loaded.recording.hosts if group in host.groups]
        rows = None if loaded.seconds is None or not hosts else loaded.seconds
        if rows is None or not rows.loc[rows["host"] == hosts[0].name, group].notna().any():
            why = loaded.recording.sources.get("cpu", "not told why")
            yield Defect(
                f"no CPU seconds of {group} ({why}): {instead} in their place",
                loaded.recording.name,
                Consequence.WIDENED,
            )


def _size_defects(loaded: Loaded) -> Iterator[Defect]:
    """What a search costs at another size of the table is told from this one."""
    if loaded.recording.server.rows == 0:
        why = "how many rows its farmers' table has is not known, and taken as the base model's"
        yield Defect(why, loaded.recording.name, Consequence.WIDENED)


def _log_defects(loaded: Loaded) -> Iterator[Defect]:
    recording, log = loaded.recording, loaded.log
    main = next((host for host in recording.hosts if "odoo" in host.groups), None)
    if log is None or main is None:
        why = f"no access log ({recording.sources.get('log', 'not told why')}): classes are told apart by their mixes"
        yield Defect(f"{why} and the base model", recording.name, Consequence.WIDENED)
        return
    paths = by_path(log, recording.kinds, main.clock_offset_s)
    names = [name for name, kind in recording.kinds.items() if kind.path]
    requests = answered(loaded)
    sent = requests[requests["name"].isin(names)]
    logged = np.sort(np.array([line.time for lines in paths.values() for line in lines]))
    ends = sent["ended"].to_numpy(dtype=float)
    spans = [(step.measured_from, step.ended) for step in recording.steps]
    in_log, in_sent = (sum(int(((at >= a) & (at <= b)).sum()) for a, b in spans) for at in (logged, ends))
    if in_log < rule("calibration.least_log_share") * in_sent:
        why = f"its access log holds {in_log} of {in_sent} requests: a log of another day or server, or without figures"
        yield Defect(why, recording.name, Consequence.REFUSED)
        return
    if log.unreadable > 0:
        yield Defect(f"{log.unreadable} lines of its log could not be read", recording.name, Consequence.WIDENED)
    late = clock_difference(ends, logged)
    if abs(late) > rule("calibration.most_clock_difference_s"):
        why = (
            f"its clocks disagree: the log runs {late:+.1f} s beside the load generator; set clock_offset_s of its host"
        )
        yield Defect(why, recording.name, Consequence.REFUSED)
        return
    served = float(np.mean([line.sql_s + line.python_s for lines in paths.values() for line in lines]))
    waited = float(sent["latency_s"].mean())
    if served > LONGER * waited + 2.0 * RESOLUTION_S:
        why = f"its log serves a request in {served:.3f} s, its users wait {waited:.3f} s: the log of another system"
        yield Defect(why, recording.name, Consequence.REFUSED)


def clock_difference(ended: FloatArray, logged: FloatArray) -> float:
    """Seconds by which the log's clock is ahead, where the two series of requests match best; 0 where nothing does."""
    if not len(ended) or not len(logged):
        return 0.0
    first, last = min(ended.min(), logged.min()), max(ended.max(), logged.max())
    bins = int((last - first) / BIN_S) + 1
    lags = int(MOST_LAG_S / BIN_S)
    series = []
    for at in (ended, logged):
        counts = np.bincount(((at - first) / BIN_S).astype(np.int64), minlength=bins).astype(np.float64)
        series.append(counts - np.convolve(counts, np.full(SMOOTH_BINS, 1.0 / SMOOTH_BINS), mode="same"))
    size = 1 << (2 * bins).bit_length()
    spectrum = np.conj(np.fft.rfft(series[0], size)) * np.fft.rfft(series[1], size)
    correlation = np.fft.irfft(spectrum, size)
    near = np.concatenate([correlation[-lags:], correlation[: lags + 1]])
    best = int(np.argmax(near))
    return (best - lags) * BIN_S if near[best] > SIGNIFICANT * float(np.std(near)) else 0.0
