"""What the machine is, and what of it this process may use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancam.inference import hardware
from gancam.inference.hardware import memory, peak_memory, usable_cores
from gancam.jobs.batch import _room
from gancam.sinks._settings import prepare
from gancam.sinks.video import CONTAINERS, VideoOptions


def test_memory() -> None:
    total, free = memory()
    assert 0 < free <= total
    assert 10e6 < peak_memory() < 100e9


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells no peak of a process alone")
def test_peak_memory_is_not_the_parents() -> None:
    """getrusage counts what the parent held when the process was begun."""
    held = bytearray(400_000_000)
    code = "from gancam.inference import hardware; print(hardware.peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < len(held) < peak_memory()


def test_as_many_workers_as_fit_into_the_free_memory() -> None:
    assert _room() == pytest.approx(memory()[1] * 0.8 / peak_memory(), rel=0.2, abs=1)


def test_the_encoder_heeds_a_containers_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "cores_allowed", lambda: 1.0)
    assert usable_cores() == 1
    options = VideoOptions(fps=25, size=(64, 48))
    assert prepare(Path("a.mp4"), CONTAINERS[".mp4"], options)[0].threads == 1


def test_onnx_runtime_keeps_no_record_of_this_machine(tmp_path: Path) -> None:
    """Its wheels would, in the user's cache folder, to send it; only what is set while it is imported keeps them."""
    names = {"XDG_CACHE_HOME", "HOME", "LOCALAPPDATA", "ORT_DISABLE_TELEMETRY"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= dict.fromkeys(("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"), str(tmp_path))
    code = "import os, gancam; gancam.load('mnist'); assert 'ORT_DISABLE_TELEMETRY' not in os.environ"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert {path.name for path in tmp_path.iterdir()} <= {"gancam"}
