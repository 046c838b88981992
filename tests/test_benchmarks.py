"""That the benchmarks start, and with the least work end: what they use moves, and they are run seldom."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CITY = str(ROOT / "samples" / "city.mp4")
LEAST = [
    ["against_runtimes", "--model", "sr-x2-fast", "--without-torch", "--rounds", "1", "--calls", "1", "--threads", "1"],
    ["across_cpus", "make", "made.npz", "--precision", "fp32", "--models", "sr-x2-fast"],
    ["changed", CITY, "--model", "sr-x2-fast", "--threshold", "32", "--frames", "3", "--rounds", "1", "--threads", "1"],
    ["generators", "mnist", "--threads", "1", "--rounds", "1"],
    ["jobs", "memory", "--model", "sr-x2-fast", "--size", "64x48", "--frames", "3"],
    ["live", "cost", "--quick"],
    ["restore", "flicker", "bicubic", "--clip", CITY, "--frames", "3", "--threads", "1"],
    ["translate", "speed", "sr-x2-fast", "--threads", "1", "--calls", "20"],
]
ALL = [*sorted({path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"gpu_train"}), "gallery"]


def play(folder: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark in `folder`, which it may write to."""
    pytest.importorskip("torch")
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module('benchmarks.{name}', {{}}, '__main__')"
    )
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_it_starts(name: str, tmp_path: Path) -> None:
    done = play(tmp_path, name, "--help")
    assert done.returncode == 0 or "No module named" in done.stderr.splitlines()[-1], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", LEAST, ids=lambda words: str(words[0]))
def test_the_least_work_ends(words: list[str], tmp_path: Path) -> None:
    done = play(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
