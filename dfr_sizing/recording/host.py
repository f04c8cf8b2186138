"""What a host is: processor, cores that can be used, memory, disk, clock."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

SYNCS, SYNC_BYTES, SYNCS_AT_MOST_S = 50, 8_192, 2.0
"""Pages written and flushed to learn what a flush takes: as many as give a median, of PostgreSQL's size, and no longer
than that on a slow disk. Stated."""

CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Facts:
    """A host, as it tells about itself. ``identity`` is one for all that see the same processes.

    ``speed_ms`` is CPU time of the fixed loop when nothing else ran.
    """

    name: str
    identity: str
    cpu: str
    cores: int
    threads_per_core: int
    memory_bytes: int
    disk: str
    speed_ms: float

    def as_json(self) -> dict[str, str | int | float]:
        """Field by field."""
        return asdict(self)


def identity() -> str:
    """The kernel's start and the space of process numbers: two watchers with the same see the same."""
    boot, space = "unknown", "unknown"
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{boot} {space}"


def read_facts(speed_ms: float) -> Facts:
    """The facts of the host that asks. Takes up to two seconds, for the disk."""
    return Facts(
        name=platform.node() or "unnamed",
        identity=identity(),
        cpu=cpu_name(),
        cores=cores(),
        threads_per_core=_threads_per_core(),
        memory_bytes=_memory(),
        disk=_disk(),
        speed_ms=speed_ms,
    )


def waited_for_cpu_s(file: Path = Path("/proc/pressure/cpu")) -> float | None:
    """Seconds since the start in which some process of the host waited for a CPU; None where the kernel does not tell.

    Source: the kernel's pressure stall information (Documentation/accounting/psi.rst), its total in microseconds.
    """
    with suppress(OSError, ValueError, IndexError):
        some = file.read_text(encoding="ascii").splitlines()[0]
        return int(some.rpartition("total=")[2]) / 1e6
    return None


def cpu_name() -> str:
    """The processor by the name that the kernel tells, or its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()  # an ARM's kernel tells no name


def cores() -> int:
    """CPUs that this process may run on, and no more than its control group's quota is worth."""
    allowed = len(os.sched_getaffinity(0))
    return max(1, min(allowed, int(quota())) if quota() else allowed)


def quota(groups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> float:
    """Cores that the control group may use, by the narrowest limit on the way up; 0 where there is none."""
    limits = []
    for folder in _groups(groups, own, "cpu"):
        with suppress(OSError, ValueError):  # cgroup v2: "max 100000" or "150000 100000"
            allowed, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            limits.append(int(allowed) / int(period))
        with suppress(OSError, ValueError):  # cgroup v1: -1 for none
            allowed = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
            limits.append(int(allowed) / int((folder / "cpu.cfs_period_us").read_text(encoding="ascii")))
    return min((limit for limit in limits if limit > 0.0), default=0.0)


def _memory() -> int:
    """Bytes of memory, or of the control group's limit if that is less."""
    with suppress(OSError, ValueError, IndexError):
        whole = 1024 * int(Path("/proc/meminfo").read_text(encoding="ascii").split(maxsplit=2)[1])
        limits = []
        for folder in _groups(CGROUPS, Path("/proc/self/cgroup"), "memory"):
            for name in ("memory.max", "memory.limit_in_bytes"):
                with suppress(OSError, ValueError):
                    limits.append(int((folder / name).read_text(encoding="ascii")))
        return min([whole, *limits])
    return 0


def _groups(groups: Path, own: Path, controller: str) -> list[Path]:
    """Folders of this process's control group for a controller and all above it, of either version of cgroups."""
    try:
        rows = [line.split(":", 2) for line in own.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return []
    found = []
    for _number, controllers, path in rows:
        if controllers == "" or controller in controllers.split(","):
            root = groups / controller if controllers else groups
            inner = root / path.lstrip("/")
            found += [inner, *(parent for parent in inner.parents if parent.is_relative_to(root))]
    return found


def _threads_per_core() -> int:
    """Hardware threads of the first core that share it."""
    with suppress(OSError, ValueError):
        text = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").read_text(encoding="ascii")
        bounds = [part.split("-") for part in text.strip().split(",")]
        return sum(int(bound[-1]) - int(bound[0]) + 1 for bound in bounds)
    return 1


def _disk() -> str:
    """The disk that temporary files lie on, and what a flush to it takes: staging's own may be another."""
    try:
        with tempfile.TemporaryFile(buffering=0) as file:
            device, sync_s = os.fstat(file.fileno()).st_dev, _sync_s(file.fileno())
    except OSError as error:
        return f"unknown: {error.strerror}"
    return f"{_device(os.major(device), os.minor(device))}, fdatasync of 8 KiB {1e3 * sync_s:.2f} ms (median)"


def _sync_s(file: int) -> float:
    times: list[float] = []
    ends = time.monotonic() + SYNCS_AT_MOST_S
    while len(times) < SYNCS and time.monotonic() < ends:
        os.write(file, bytes(SYNC_BYTES))
        began = time.perf_counter()
        os.fdatasync(file)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _device(major: int, minor: int) -> str:
    """A block device by its numbers, and whether it turns; a file system in memory has none."""
    with suppress(OSError):
        folder = Path(f"/sys/dev/block/{major}:{minor}").resolve(strict=True)
        whole = folder if (folder / "queue").exists() else folder.parent  # a partition's queue is the disk's
        turns = (whole / "queue" / "rotational").read_text(encoding="ascii").strip() == "1"
        return f"{whole.name} ({'rotational' if turns else 'not rotational'})"
    return "no block device"
