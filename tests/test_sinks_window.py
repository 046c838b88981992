"""The window on a virtual display, driven by synthetic keys and mouse, and looked at from outside."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.errors import SinkError
from gancam.frame import Frame, Image
from gancam.sinks.window import Window
from gancam.sources import TestPattern

NEEDED = ("Xvfb", "xdotool", "import")
virtual = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in NEEDED), reason="needs Xvfb, xdotool and ImageMagick's import"
)
# The user's own process: a grey picture turned white by the effect, until the window is closed.
PLAYER = """
import time, sys
from dataclasses import dataclass
import numpy as np
from gancam.params import Params, parameter
from gancam.control import Controls
from gancam.pipeline import run, switches
from gancam.sinks.window import Window
from gancam.sources import Still
from gancam.live import Paced

@dataclass
class Turn(Params):
    light: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how bright")

class Light:
    params = Turn()
    def __call__(self, image, *, time=None):
        return np.full_like(image, round(255 * self.params.light))

chain = switches([Light()])
controls = Controls(chain)
source = Paced(Still(np.full((360, 640, 3), 100, np.uint8), frames=None, fps=30.0))
run(source, chain, [Window("watch", controls=controls, snapshots=sys.argv[1])], between=[controls])
print("closed", chain[0].on, Light.params.light)
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A virtual display of its own."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


def tool(display: str, *arguments: str) -> str:
    done = subprocess.run(
        arguments, env={**os.environ, "DISPLAY": display}, capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout


def screen(display: str, path: Path) -> Image:
    tool(display, "import", "-window", "root", str(path))
    image = cv2.imread(str(path))
    return np.zeros((600, 800, 3), np.uint8) if image is None else np.asarray(image, np.uint8)


def until(true: Callable[[], bool], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@virtual
def test_a_user_at_the_window(display: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DISPLAY": display}
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PLAYER, str(tmp_path)], env=environment, cwd=root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as player:  # fmt: skip
        try:
            until(lambda: bool(tool(display, "xdotool", "search", "--name", "^watch$")), "no window")
            found = tool(display, "xdotool", "search", "--name", "^watch$").split()[-1]
            shot = tmp_path / "screen" / "shot.png"
            shot.parent.mkdir()

            def level(x: int, y: int = 250) -> int:
                return int(screen(display, shot)[y - 3 : y + 3, x - 3 : x + 3].mean())

            def key(*names: str) -> None:
                tool(display, "xdotool", "key", "--window", found, *names)

            until(lambda: level(100) == 255, "the picture is not shown")
            tool(display, "xdotool", "mousemove", "300", "250")
            key("s")
            tool(display, "xdotool", "mousemove", "320", "250")
            until(lambda: (level(100), level(600)) == (100, 255), "no split")
            tool(display, "xdotool", "mousemove", "520", "250")
            until(lambda: (level(450), level(600)) == (100, 255), "the bar does not follow the mouse")
            tool(display, "xdotool", "mousedown", "1")
            until(lambda: level(600) == 100, "holding the button does not show the original")
            tool(display, "xdotool", "mouseup", "1")
            until(lambda: level(600) == 255, "letting go does not bring the picture back")
            key("s")  # one key at a time: OpenCV keeps only the last of those that come between two frames
            until(lambda: level(100) == 255, "the split does not end")
            key("minus")
            until(lambda: abs(level(600) - 255 * 0.95) < 1, "the parameter does not turn")
            key("minus")
            until(lambda: abs(level(600) - 255 * 0.9) < 1, "the parameter does not turn again")
            key("1")
            until(lambda: level(600) == 100, "the effect does not switch off")
            key("p")
            until(lambda: len(list(tmp_path.glob("gancam-*.png"))) == 1, "no snapshot")
            key("p")
            until(lambda: len(list(tmp_path.glob("gancam-*.png"))) == 2, "no second snapshot")
            key("h")
            until(lambda: level(320, 180) < 60, "no help over the picture")
            key("q")
            said, errors = player.communicate(timeout=20)
        finally:
            player.kill()
    assert player.returncode == 0, errors
    assert said.strip() == "closed False 0.9"
    for path in tmp_path.glob("gancam-*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape == (360, 640, 3)


@virtual
def test_closing_the_window_ends_the_run(display: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DISPLAY": display}
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PLAYER, str(tmp_path)], env=environment, cwd=root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as player:  # fmt: skip
        try:
            until(lambda: bool(tool(display, "xdotool", "search", "--name", "^watch$")), "no window")
            found = tool(display, "xdotool", "search", "--name", "^watch$").split()[-1]
            time.sleep(0.5)
            tool(display, "xdotool", "key", "--window", found, "Escape")
            said, errors = player.communicate(timeout=20)
        finally:
            player.kill()
    assert player.returncode == 0, errors
    assert said.startswith("closed True")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_no_display_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SinkError, match=r"no display.*mjpeg"):
        Window()
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(SinkError, match=r"':987' cannot be opened.*mjpeg"):
        Window()


def test_text_is_written_at_every_size() -> None:
    from gancam import lettering

    for size in ((1920, 1080), (320, 240), (96, 64), (8, 8), (1, 1)):
        image = TestPattern(size).image(0)
        before = image.copy()
        for corner in ("top left", "top right", "bottom left", "bottom right", "middle"):
            lettering.write(image, ["one line", "two\tcolumns", "Grüße"], corner, height=20)
        assert image.shape == before.shape
        assert (image != before).any()
    assert Frame(image, 0, 0.0).original is None
