"""What the control groups of Linux, as containers and services have them, leave of a machine to this process."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_NONE = 1 << 60  # bytes: version 1 writes a number as large as this where there is no limit


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
