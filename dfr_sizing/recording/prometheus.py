"""CPU of a staging host from Prometheus' exporters, where no probe of ours may run there.

node-exporter tells the whole host's CPU time by mode, process-exporter that of named groups of processes. Both are
asked for the text that Prometheus reads (exposition format 0.0.4).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dfr_sizing.recording.processes import GROUPS, group_of
from dfr_sizing.recording.seconds import Second

HOST_CPU = "node_cpu_seconds_total"
GROUP_CPU = "namedprocess_namegroup_cpu_seconds_total"
MEMORY = "node_memory_MemTotal_bytes"
NAME = "node_uname_info"
PROCESSOR = "node_cpu_info"

IDLE_MODES = {"idle", "iowait"}
SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?")
LABEL = re.compile(r'([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Scrape:
    """What exporters told at one time, on the load generator's clock. CPU seconds since each exporter's start or boot.

    ``groups`` holds only the groups that were told of.
    """

    time: float
    busy_s: float
    idle_s: float
    cores: int
    groups: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: int = 0
    name: str = ""
    cpu: str = ""


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each line of an exporter's answer; what is not a sample is passed over."""
    for line in text.splitlines():
        found = None if line.startswith("#") else SAMPLE.fullmatch(line.strip())
        if found is not None:
            labels = {name: ESCAPED.sub(_character, value) for name, value in LABEL.findall(found["labels"] or "")}
            try:
                yield found["name"], labels, float(found["value"])
            except ValueError:
                continue


def _character(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]


def read_scrape(texts: Iterable[str], time: float) -> Scrape:
    """One host's state from the answers of its exporters."""
    busy = idle = memory = 0.0
    processors: set[str] = set()
    groups: dict[str, float] = {}
    words: dict[str, str] = {}
    for text in texts:
        for name, labels, value in samples(text):
            if name == HOST_CPU:
                processors.add(labels.get("cpu", ""))
                if labels.get("mode") in IDLE_MODES:
                    idle += value
                else:
                    busy += value
            elif name == GROUP_CPU:
                told = labels.get("groupname", "").lower()
                group = told if told in GROUPS else group_of([told])
                if group is not None and group in GROUPS:
                    groups[group] = groups.get(group, 0.0) + value
            elif name == MEMORY:
                memory = value
            elif name == NAME:
                words["name"] = labels.get("nodename", "")
            elif name == PROCESSOR:
                words["cpu"] = labels.get("model_name", "")
    return Scrape(time, busy, idle, len(processors), groups, int(memory), **words)


def seconds_between(before: Scrape, now: Scrape) -> list[Second]:
    """The time between two scrapes as whole seconds, each with the mean of all: a row a second, as from a probe."""
    passed = now.time - before.time
    if passed <= 0.0 or now.busy_s < before.busy_s:  # an exporter or its host has started anew
        return []
    known = {
        group: max(0.0, now.groups[group] - before.groups[group]) / passed
        for group in GROUPS
        if group in now.groups and group in before.groups
    }
    cores = dict.fromkeys(GROUPS, math.nan) | known
    other = (now.busy_s - before.busy_s) / passed - sum(known.values())
    idle = (now.idle_s - before.idle_s) / passed
    count = max(1, round(passed))
    return [Second(before.time + k * passed / count, **cores, other=other, idle=idle) for k in range(count)]
