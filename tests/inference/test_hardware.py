"""What containers allow, in both versions of control groups."""

from pathlib import Path

import pytest

from gancam.inference import hardware
from gancam.inference.hardware import cores_allowed, memory_allowed


def tree(root: Path, files: dict[str, str]) -> tuple[Path, Path]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root, root / "own"


def test_version_2_with_groups_above(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        {
            "own": "0::/a/b", "a/memory.max": "1000", "a/memory.current": "900",
            "a/memory.stat": "anon 5\ninactive_file 50", "a/b/memory.max": "max", "a/b/memory.current": "10",
            "a/cpu.max": "150000 100000", "a/b/cpu.max": "max 100000",
        },
    )  # fmt: skip
    assert memory_allowed(*found) == (1000, 150)
    assert cores_allowed(*found) == 1.5


def test_version_1(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        {
            "own": "5:memory:/box\n3:cpu,cpuacct:/box", "memory/memory.limit_in_bytes": "9223372036854771712",
            "memory/memory.usage_in_bytes": "5", "memory/box/memory.limit_in_bytes": "2000",
            "memory/box/memory.usage_in_bytes": "1500", "memory/box/memory.stat": "cache 3\ntotal_inactive_file 100",
            "cpu/box/cpu.cfs_quota_us": "50000", "cpu/box/cpu.cfs_period_us": "100000",
        },
    )  # fmt: skip
    assert memory_allowed(*found) == (2000, 600)
    assert cores_allowed(*found) == 0.5


@pytest.mark.parametrize("own", ["0::/outside/of/it", "0::/../x", "4:memory:/outside/of/it", "0::/"])
def test_within_a_container_its_root_counts(tmp_path: Path, own: str) -> None:
    folder = "memory/" if own.startswith("4") else ""
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if folder else ("memory.max", "memory.current")
    found = tree(tmp_path, {"own": own, f"{folder}{names[0]}": "700", f"{folder}{names[1]}": "800"})
    assert memory_allowed(*found) == (700, 0)


def test_no_limit_and_no_control_groups(tmp_path: Path) -> None:
    assert memory_allowed(tmp_path, tmp_path / "own") is None
    assert cores_allowed(tmp_path, tmp_path / "own") is None
    found = tree(tmp_path, {"own": "0::/", "memory.max": "max", "memory.current": "5", "cpu.max": "max 100000"})
    assert memory_allowed(*found) is None
    assert cores_allowed(*found) is None


def test_the_memory_of_a_container_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "memory_allowed", lambda: (1 << 20, 1 << 10))
    assert hardware.memory() == (1 << 20, 1 << 10)
