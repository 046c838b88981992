"""The tests themselves where optional packages are not installed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_WITHOUT = """
import sys
from importlib.machinery import PathFinder
found = PathFinder.find_spec
lacking = {"torch", "onnx", "PIL"}

@classmethod
def find_spec(cls, name, *more):
    return None if name.partition(".")[0] in lacking else found(name, *more)

PathFinder.find_spec = find_spec
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_what_needs_them_is_skipped_and_says_what_to_install_and_the_rest_runs() -> None:
    files = [
        "tests/export/test_start.py",
        "tests/train/test_sizes.py",
        "tests/inference/test_runs.py",
        "tests/effects/translation/test_pan.py",
    ]
    command = [sys.executable, "-c", _WITHOUT, "-n0", "-rs", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert 'needs onnx: pip install -e ".[export]"' in done.stdout
    assert 'needs torch: pip install -e ".[train]"' in done.stdout
    assert "." in done.stdout.splitlines()[0]
