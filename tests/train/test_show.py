"""The window of samples: pixels large enough to see, and one line where no window opens."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from train.show import SIDE, Window, enlarged

ROOT = Path(__file__).parents[2]
SCRIPT = """
import numpy as np
from train.show import Window
from train.watch import Progress
window = Window("dcgan-mnist")
for iteration in range(3):
    window.sheet(iteration, np.full((28, 56, 3), 80 * iteration, np.uint8), "")
    window.progress(Progress(iteration, 3, "adversarial", 1.0))
    window.step()
window.close()
window.sheet(4, np.zeros((28, 56, 3), np.uint8), "")
print("shown")
"""


def test_pixels_are_enlarged_by_a_whole_factor_and_in_opencvs_order() -> None:
    sheet = np.random.default_rng(0).integers(0, 256, (28, 56, 3), np.uint8)
    shown = enlarged(sheet)
    assert max(shown.shape) >= SIDE
    assert np.array_equal(shown[:: shown.shape[0] // 28, :: shown.shape[1] // 56], sheet[..., ::-1])
    assert enlarged(np.zeros((900, 1200, 3), np.uint8)).shape == (900, 1200, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_one_line_says_what_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OSError, match=r"there is no display.*samples\.png"):
        Window("dcgan-mnist")


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs xvfb-run")
def test_it_shows_and_closes() -> None:
    command = ["xvfb-run", "-a", sys.executable, "-W", "ignore", "-c", SCRIPT]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.stdout == "shown\n", done.stderr
