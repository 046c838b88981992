"""What this machine has: cores, their quota, memory; and what Linux's control groups leave of it to this process.

Containers and services have such groups.
"""

import math
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_NONE = 1 << 60  # bytes: version 1 writes a number as large as this where there is no limit
MOST_THREADS = 1024  # of one call: ONNX Runtime takes minutes to start tens of thousands, and nothing ends it
_VECTORS = r"s?sse|avx|fma|f16c|fp16|amx|asimd|neon|sve|sme(?!p)|i8mm|bf16"
_DECIDE = r"avx2|avx512f|avx(?:512)?_?vnni(?:_int8)?|avx10\S*|amx_int8|asimd|asimddp|i8mm|sve2?|sme"
_KIN = 0.9  # of the fastest core's speed: what has less is of another kind


def cores_allowed(root: Path = ROOT, own: Path = OWN) -> float | None:
    """Say how many cores' time this process may have.

    Args:
        root: Where the control groups are mounted.
        own: The file that tells which of them are this process's.

    Returns:
        The least of its group and those above; None where none sets a limit.
    """
    allowed = []
    for group in _groups(root, own, "cpu"):
        limit, _, period = read_text(group / "cpu.max").partition(" ")
        if not limit:  # version 1
            limit, period = (read_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if limit.isdecimal() and period.isdecimal() and int(limit) > 0 and int(period) > 0:
            allowed.append(int(limit) / int(period))
    return min(allowed, default=None)


def memory_allowed(root: Path = ROOT, own: Path = OWN) -> tuple[int, int] | None:
    """Say how much memory this process's control groups allow, in bytes: all, and what is left of it.

    What the system keeps of files in memory counts as left, for it is given up first.

    Args:
        root: Where the control groups are mounted.
        own: The file that tells which of them are this process's.

    Returns:
        The least of its group and those above; None where none sets a limit.
    """
    limits, left = [], []
    for group in _groups(root, own, "memory"):
        limit = read_text(group / "memory.max") or read_text(group / "memory.limit_in_bytes")
        used = read_text(group / "memory.current") or read_text(group / "memory.usage_in_bytes")
        if limit.isdecimal() and used.isdecimal() and int(limit) < _NONE:
            found = re.search(r"^(?:total_)?inactive_file (\d+)$", read_text(group / "memory.stat"), re.MULTILINE)
            limits.append(int(limit))
            left.append(max(int(limit) - int(used) + (int(found[1]) if found else 0), 0))
    return (min(limits), min(*left, *limits)) if limits else None


def read_text(path: str | Path) -> str:
    """Read a small text file, stripped; "" where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _groups(root: Path, own: Path, kind: str) -> Iterator[Path]:
    """The folders of this process's group and of all above it, in both versions.

    Within a container the path may be one of the machine outside, which is not there: then its root is its group.
    """
    for line in read_text(own).splitlines():
        number, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if number != "0" and kind not in kinds.split(","):
            continue
        top = root if number == "0" else root / kind
        group = top / path.lstrip("/")
        while group != top and top in group.parents:
            yield group
            group = group.parent
        yield top


def usable_cores() -> int:
    """Count the CPU cores that this process may use.

    Those that it may run on, and no more than its control group gives it the time of.
    """
    allowed = cores_allowed()
    return len(_cpus()) if allowed is None else min(len(_cpus()), max(math.ceil(allowed), 1))


def thread_counts() -> list[int]:
    """List how many threads of one network may be the best here, the most first.

    One for each usable core, one for each physical one (several may share one), one for each of the fastest kind. Only
    the first where nothing tells them apart.
    """
    return counts_of(_cpus(), usable_cores(), Path("/sys/devices/system/cpu"))


def counts_of(cpus: Iterable[int], most: int, where: Path) -> list[int]:
    """List the numbers of threads that may be the best on `cpus`, as `thread_counts` does for this machine.

    Args:
        cpus: Numbers of logical processors.
        most: No number is larger.
        where: The folder in which Linux describes them: https://docs.kernel.org/admin-guide/cputopology.html
    """
    speeds: dict[str, int] = {}  # by physical core
    for cpu in sorted(cpus):
        told = where / f"cpu{cpu}"
        speed = read_text(told / "cpu_capacity") or read_text(told / "cpufreq" / "cpuinfo_max_freq")
        core = read_text(told / "topology" / "thread_siblings_list")
        speeds.setdefault(core or str(cpu), int(speed) if speed.isdecimal() else 0)
    fastest = max(speeds.values(), default=0) * _KIN
    fast = sum(speed >= fastest for speed in speeds.values())
    return sorted({min(most, max(count, 1)) for count in (most, len(speeds), fast)}, reverse=True)


def _cpus() -> list[int]:
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@lru_cache
def cpu_name() -> str:
    """Name the processor, as it does itself where that can be read."""
    if sys.platform == "linux":
        found = re.search(r"^model name\s*:\s*(.+)$", read_text("/proc/cpuinfo"), re.MULTILINE)
        return " ".join(found[1].split()) if found else platform.machine()
    return platform.processor() or platform.machine()


@lru_cache
def cpu_model() -> str:
    """Name the processor with what tells it from others of that name.

    Clouds call many generations "AMD EPYC".
    """
    told = {
        name: found[1]
        for name in ("cpu family", "model", "CPU implementer", "CPU part")
        if (found := re.search(rf"^{name}\s*:\s*(\S+)$", read_text("/proc/cpuinfo"), re.MULTILINE))
    }
    return ", ".join([cpu_name(), *(f"{name} {value}" for name, value in told.items())])


@lru_cache
def instructions() -> tuple[str, ...]:
    """List the processor's vector instruction sets as Linux names them, sorted: "avx2", "avx512_vnni", "asimddp".

    On other systems those that OpenCV found, of which it knows fewer.
    """
    import cv2

    found = re.search(r"^(?:flags|Features)\s*:(.+)$", read_text("/proc/cpuinfo"), re.MULTILINE)
    words = (found[1] if found else cv2.getCPUFeaturesLine().lower().replace("*", "").replace("?", "")).split()
    return tuple(sorted(word for word in set(words) if re.match(_VECTORS, word)))


def kernel_instructions() -> tuple[str, ...]:
    """List those of `instructions` that decide how fast a network runs: vectors' width and 8-bit dot products."""
    return tuple(word for word in instructions() if re.fullmatch(_DECIDE, word))


def is_x86() -> bool:
    """Whether the CPU is of Intel's kind, and no ARM."""
    return platform.machine().lower() in ("x86_64", "amd64", "x86", "i686")


def saturates_bytes() -> bool:
    """Whether 8-bit networks may saturate here: on x86 without VNNI, products are added in pairs in 16 bits."""
    return is_x86() and not any("vnni" in word for word in instructions())


def memory() -> tuple[int, int]:
    """Measure the memory in bytes that this process may use: all, and what can be had without swapping.

    That of the machine, and no more than a container allows.
    """
    import psutil  # only when it is asked for: a hundredth of a second

    told = psutil.virtual_memory()
    allowed = memory_allowed()
    if allowed is None:
        return int(told.total), int(told.available)
    return min(int(told.total), allowed[0]), min(int(told.available), allowed[1])


def peak_memory() -> int:
    """Say how many bytes of memory this process has held at once, at most."""
    import psutil

    if sys.platform == "linux":  # getrusage counts what the parent held, too, until this process was begun
        found = re.search(r"^VmHWM:\s*(\d+) kB$", read_text("/proc/self/status"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    told = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(told.peak_wset)
    resource: Any = import_module("resource")
    most = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return most if sys.platform == "darwin" else most * 1024
