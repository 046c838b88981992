"""The window on a virtual display, driven by synthetic keys and mouse, and looked at from outside."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.control import Controls, EffectMenu
from gancam.effects import Effect, slots
from gancam.errors import SinkError
from gancam.frame import Frame, Image
from gancam.params import Params, parameter
from gancam.sinks import SinkContext
from gancam.sinks.window import Window
from gancam.sinks.window.drawing import Drawing
from gancam.sinks.window.gallery import Gallery, cells
from gancam.sinks.window.panel import Panel
from gancam.sources import TestPattern, VideoFile
from gancam.vision.pad import DrawingPad
from tests.helpers.x11 import ask_to_close

NEEDED = ("Xvfb", "xdotool", "import")
virtual = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in NEEDED), reason="needs Xvfb, xdotool and ImageMagick's import"
)
# The user's own process: a grey picture turned white by the effect, until the window is closed.
PLAYER = """
import time, sys
from dataclasses import dataclass
from itertools import pairwise
import numpy as np
from gancam.params import Params, parameter
from gancam.control import Controls, EffectMenu
from gancam.effects import Effect, slots
from gancam.pipeline import run
from gancam.sinks import SinkContext
from gancam.sinks.window import Window
from gancam.sources import Still
from gancam.sources.realtime import RealtimeSource

@dataclass
class Turn(Params):
    light: float = parameter(1.0, minimum=0.0, maximum=1.0, help="how bright")

class Light(Effect):
    params = Turn()
    def __call__(self, image, *, time=None):
        return np.full_like(image, round(255 * self.params.light))

chain = slots([Light()])
controls = Controls(chain)
source = RealtimeSource(Still(np.full((360, 640, 3), 100, np.uint8), frames=None, fps=30.0))
context = SinkContext(fps=30, size=(640, 360), controls=controls)
report = run(source, chain, [Window(context, title="watch", snapshots=sys.argv[1])], on_frame=[controls])
print("closed", chain[0].on, Light.params.light)
print(*report.notes, sep="\\n")
"""


# The same with an effect whose second frame takes until there is a file "go", and the window on a loop of its own. It
# says what is requested.
SLOW = (
    PLAYER.replace("        return np.full_like", "        wait(time)\n        return np.full_like")
    .replace("controls = Controls(chain)", "controls = Told(chain)")
    .replace(
        "chain = slots",
        """
calls = []

def wait(time):
    calls.append(time)
    while len(calls) > 1 and not Path(sys.argv[1], "go").exists():
        sleep(0.01)

class Told(Controls):
    def request(self, values):
        print(*values.items(), flush=True)
        return super().request(values)

chain = slots""",
    )
    .replace(
        'report = run(source, chain, [Window(context, title="watch", snapshots=sys.argv[1])], on_frame=[controls])',
        """
window = Window(context, title="watch", snapshots=sys.argv[1])
report = host(window, lambda: run(source, chain, [window], on_frame=[controls]), source.close)
print("closed", chain[0].on, controls.value("Light.light"), len(calls))
sys.exit()""",
    )
    .replace(
        "import time, sys",
        "import sys\nfrom pathlib import Path\nfrom time import sleep\nfrom gancam.sinks.window.hosting import host",
    )
)


# Another: what is drawn is red.
PAINTER = """
import sys
import numpy as np
from gancam import masks
from gancam.control import Controls, EffectMenu
from gancam.effects import Effect, slots
from gancam.pipeline import run
from gancam.sinks import SinkContext
from gancam.sinks.window import Window
from gancam.sources import Still
from gancam.sources.realtime import RealtimeSource

class Paint(Effect):
    drawn = masks.Drawn()
    pad = drawn
    def __call__(self, image, *, time=None):
        return np.where(self.drawn(image, time=time)[..., None] > 0, np.array([0, 0, 255], np.uint8), image)

paint = Paint()
chain = slots([paint])
controls = Controls(chain)
source = RealtimeSource(Still(np.full((180, 320, 3), 255, np.uint8), frames=None, fps=30.0))
window = Window(SinkContext(fps=30, size=(640, 360), controls=controls), title="watch", snapshots=sys.argv[1])
run(source, chain, [window], on_frame=[controls])
print("marked", int(paint.drawn.mask.sum()))
"""


@pytest.fixture
def display() -> Iterator[str]:
    """A virtual display for each test: on one where the mouse had drawn, the next window now and then stayed black."""
    read, write = os.pipe()
    # -noreset: else the server begins anew, and refuses whoever comes just then, whenever the last client leaves
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(120)


def until(true: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Watched:
    """The user's process with its window: eyes and hands for it."""

    def __init__(self, display: str, folder: Path, player: str = PLAYER) -> None:
        self.display, self.folder, self.code = display, folder, player
        self.shot = folder / "screen" / "shot.png"
        self.shot.parent.mkdir()
        self.start()

    def start(self) -> None:
        self.player = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", self.code, str(self.folder)],
            cwd=Path(__file__).parent.parent.parent, env={**os.environ, "DISPLAY": self.display},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Watched":
        for starts in (1, 2, 3):  # a window that never draws is Qt's, see `appear`
            try:
                self.appear()
                break
            except BaseException as error:
                self.__exit__()
                if starts == 3 or not isinstance(error, AssertionError):
                    raise
                self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.player:  # closes its pipes and waits for it
            self.player.kill()

    def appear(self) -> None:
        until(lambda: bool(self.find()), "no window", 60)
        self.window = self.find()[-1]
        for _ in range(5):
            with contextlib.suppress(AssertionError):
                return until(lambda: self.level(100) == 255, "the picture is not shown", 5)
            # Where there is no window manager, Qt now and then misses that its window came, and draws nothing.
            self.tool("xdotool", "windowunmap", self.window, "windowmap", self.window)
        raise AssertionError("the picture is not shown")

    def end(self) -> str:
        """What it said, once it has ended by itself."""
        said, errors = self.player.communicate(timeout=300)
        assert self.player.returncode == 0, errors
        return said

    def find(self) -> list[str]:
        assert self.player.poll() is None, self.player.communicate()[1]
        return self.tool("xdotool", "search", "--name", "^watch$").split()

    def tool(self, *arguments: object) -> str:
        done = subprocess.run(
            list(map(str, arguments)), env={**os.environ, "DISPLAY": self.display}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        return done.stdout

    def key(self, name: str) -> None:
        """One at a time: OpenCV keeps only the last of those that come while it draws."""
        self.tool("xdotool", "key", "--window", self.window, name)

    def mouse(self, *arguments: object) -> None:
        self.tool("xdotool", *arguments)

    def screen(self) -> Image:
        self.tool("import", "-window", "root", self.shot)
        image = cv2.imread(str(self.shot))
        return np.zeros((600, 800, 3), np.uint8) if image is None else np.asarray(image, np.uint8)

    def level(self, x: int, y: int = 250) -> int:
        return int(self.screen()[y - 3 : y + 3, x - 3 : x + 3].mean())

    def reddest(self) -> int:
        """How red the upper middle is at most: the mark that it records."""
        corner = self.screen()[:40, 300:640].astype(int)
        return int((corner[..., 2] - corner[..., :2].max(axis=2)).max())


@virtual
def test_a_user_at_the_window(display: str, tmp_path: Path) -> None:
    with Watched(display, tmp_path) as seen:
        seen.mouse("mousemove", "300", "250")
        seen.key("s")
        seen.mouse("mousemove", "320", "250")
        until(lambda: (seen.level(100), seen.level(600)) == (100, 255), "no split")
        seen.mouse("mousemove", "520", "250")
        until(lambda: (seen.level(450), seen.level(600)) == (100, 255), "the bar does not follow the mouse")
        seen.mouse("mousedown", "1")
        until(lambda: seen.level(600) == 100, "holding the button does not show the original")
        seen.mouse("mouseup", "1")
        until(lambda: seen.level(600) == 255, "letting go does not bring the picture back")
        seen.key("s")
        until(lambda: seen.level(100) == 255, "the split does not end")
        seen.key("minus")
        until(lambda: abs(seen.level(600) - 255 * 0.95) < 1, "the parameter does not turn")
        seen.key("minus")
        until(lambda: abs(seen.level(600) - 255 * 0.9) < 1, "the parameter does not turn again")
        seen.key("1")
        until(lambda: seen.level(600) == 100, "the effect does not switch off")
        seen.key("p")
        until(lambda: len(list(tmp_path.glob("gancam-*.png"))) == 1, "no snapshot")
        seen.key("p")
        until(lambda: len(list(tmp_path.glob("gancam-*.png"))) == 2, "no second snapshot")
        seen.key("h")
        until(lambda: seen.level(320, 180) < 60, "no help over the picture")
        seen.key("q")
        said = seen.end()
    assert said.splitlines()[0] == "closed False 0.9"
    assert said.count("window: saved gancam-") == 2
    for path in tmp_path.glob("gancam-*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape == (360, 640, 3)


@virtual
def test_drawing_with_the_mouse(display: str, tmp_path: Path) -> None:
    """Stroke, box, eraser, undo and clear; and the mouse is the window's again when drawing is off."""

    def drag(button: int, *places: tuple[int, int]) -> None:
        time.sleep(0.2)  # OpenCV hands on a key only after the mouse's news of the same turn
        seen.mouse("mousemove", *places[0])
        seen.mouse("mousedown", button)
        for place in places[1:]:
            seen.mouse("mousemove", *place)
        seen.mouse("mouseup", button)

    def red(x: int, y: int) -> bool:
        b, g, r = seen.screen()[y, x].astype(int)
        return bool(r > 200 and g < 60 and b < 60)

    with Watched(display, tmp_path, PAINTER) as seen:
        drag(1, (100, 150), (160, 150), (220, 150))
        until(lambda: red(160, 150) and red(190, 152), "the stroke is not drawn")
        assert not red(160, 200)
        seen.key("b")
        drag(1, (300, 150), (340, 220), (420, 260))
        until(lambda: red(360, 200) and red(415, 255), "the box is not drawn")
        seen.key("u")
        until(lambda: not red(360, 200) and red(160, 150), "the box is not taken back")
        drag(3, (160, 140), (160, 160))
        until(lambda: not red(160, 150) and red(110, 150), "nothing is erased")
        seen.key("h")
        until(lambda: seen.level(320, 180) < 100, "no help over the picture")
        seen.key("h")
        seen.key("c")
        until(lambda: not red(110, 150), "it is not cleared")
        seen.key("d")
        seen.key("s")
        drag(1, (100, 150), (220, 150))
        seen.key("q")
        assert seen.end().strip() == "marked 0"


@virtual
def test_sliders_and_recording(display: str, tmp_path: Path) -> None:
    with Watched(display, tmp_path) as seen:
        until(lambda: seen.level(600, 13) == 255, "no picture there")
        seen.mouse("mousemove", 300, 250)
        seen.key("t")
        until(lambda: seen.level(600, 40) < 200, "no panel")
        seen.key("r")
        until(lambda: seen.reddest() > 100, "no mark that it records")
        seen.mouse("mousemove", 630, 34)  # in the first slider, below the switch
        seen.mouse("mousedown", 1)
        seen.mouse("mousemove", 570, 34)
        until(lambda: 100 < seen.level(100) < 200, "the slider does not follow the mouse")
        seen.mouse("mousemove", 100, 34)  # far beyond its end
        until(lambda: seen.level(100) == 0, "the slider lets go")
        seen.mouse("mousemove", 637, 300)
        until(lambda: seen.level(100) == 255, "the slider does not come back")
        seen.mouse("mouseup", 1)
        seen.mouse("mousemove", 600, 13)
        seen.mouse("mousedown", 1)
        until(lambda: seen.level(100) == 100, "the switch does not switch")
        seen.mouse("mouseup", 1)
        seen.key("r")
        until(lambda: len(list(tmp_path.glob("gancam-*.mp4"))) == 1, "the recording does not end")
        until(lambda: seen.reddest() < 60, "the mark stays")
        seen.key("r")
        until(lambda: seen.reddest() > 100, "no second recording")
        seen.key("q")
        said = seen.end()
    assert said.splitlines()[0] == "closed False 1.0"
    assert said.count("window: recorded gancam-") == 2
    first, second = sorted(tmp_path.glob("gancam-*.mp4"))
    with VideoFile(first) as video:
        assert video.size == (640, 360)
        levels = [int(frame.image[200:300, 50:150].mean()) for frame in video]
    assert max(levels) > 250  # without panel and marks, as it was shown
    assert min(levels) < 5
    assert abs(levels[-1] - 100) < 4
    with VideoFile(second) as video:
        assert next(iter(video)).image.shape == (360, 640, 3)


@virtual
def test_closing_the_window_ends_the_run(display: str, tmp_path: Path) -> None:
    with Watched(display, tmp_path) as seen:
        time.sleep(0.5)
        seen.key("Escape")
        said = seen.end()
    assert said.startswith("closed True")


@virtual
@pytest.mark.parametrize("player", ["alone", "hosted"])
def test_a_click_on_its_x_ends_the_run(display: str, tmp_path: Path, player: str) -> None:
    with Watched(display, tmp_path, PLAYER if player == "alone" else SLOW) as seen:
        ask_to_close(display, int(seen.window))
        (tmp_path / "go").touch()
        said = seen.end()
    assert said.startswith("closed True")


@virtual
def test_all_keys_count_in_order_however_long_a_frame_takes(display: str, tmp_path: Path) -> None:
    """Keys within one frame, and the sliders: each is answered before that is done."""
    with Watched(display, tmp_path, SLOW) as seen:
        assert seen.player.stdout is not None
        for key, value in (("minus", 0.95), ("minus", 0.9), ("plus", 0.95), ("minus", 0.9)):
            seen.key(key)
            assert seen.player.stdout.readline().strip() == f"('Light.light', {value})"
        for key in "tp":
            seen.key(key)
        until(lambda: len(list(tmp_path.glob("gancam-*.png"))) == 1, "no snapshot")
        until(lambda: seen.level(600, 40) < 200, "no panel")
        seen.key("q")
        until(lambda: not seen.tool("xdotool", "search", "--onlyvisible", "--name", "^watch$"), "the window stays")
        (tmp_path / "go").touch()
        said = seen.end()
    assert said.split("\n")[0] == "closed True 0.9 2"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_no_display_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SinkError, match=r"no display.*mjpeg"):
        Window(SinkContext(fps=30, size=(640, 360)))
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(SinkError, match=r"':987' cannot be opened.*mjpeg"):
        Window(SinkContext(fps=30, size=(640, 360)))


# Drawing, without a display


class Sheet(DrawingPad):
    """Writes down what is drawn on it."""

    brushes, size, mask = True, (200, 100), np.zeros((100, 200), np.uint8)

    def __init__(self) -> None:
        self.done: list[str] = []
        self.said: list[str] = []

    @property
    def notes(self) -> list[str]:
        return self.said

    def pen(self, *, down: bool) -> None:
        self.done.append("down" if down else "up")

    def brush(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        self.done.append(f"brush {[(round(x), round(y)) for x, y in points]} {radius:.0f}")

    def erase(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        self.done.append(f"erase {[(round(x), round(y)) for x, y in points]}")

    def box(self, first: tuple[float, float], second: tuple[float, float]) -> dict[str, float]:
        self.done.append(f"box {[round(value) for value in (*first, *second)]}")
        return {"amount": 0.25}

    def undo(self) -> dict[str, float]:
        return {"amount": 0.5}

    def clear(self) -> dict[str, float]:
        return {}


def test_what_the_mouse_does_is_drawn_in_pixels_of_the_frame() -> None:
    controls, sheet = Controls(slots([Turned()])), Sheet()
    drawing, area = Drawing("Turned", sheet, controls), (10, 20, 400, 200)
    left, right = cv2.EVENT_FLAG_LBUTTON, cv2.EVENT_FLAG_RBUTTON
    drawing.mouse(cv2.EVENT_LBUTTONDOWN, 5, 5, left, area)  # beside the picture
    assert sheet.done == []
    for event, x, y, flags in [(cv2.EVENT_LBUTTONDOWN, 10, 20, left), (cv2.EVENT_MOUSEMOVE, 110, 120, left),
                               (cv2.EVENT_LBUTTONUP, 900, 120, 0)]:  # fmt: skip
        drawing.mouse(event, x, y, flags, area)
    assert sheet.done == [
        "down",
        "brush [(0, 0)] 3",
        "brush [(0, 0), (50, 50)] 3",
        "brush [(50, 50), (200, 50)] 3",
        "up",
    ]
    sheet.done.clear()
    drawing.mouse(cv2.EVENT_RBUTTONDOWN, 30, 40, right, area)
    drawing.mouse(cv2.EVENT_MOUSEMOVE, 50, 40, 0, area)  # the button was let go elsewhere
    assert sheet.done == ["down", "erase [(10, 10)]", "erase [(10, 10), (20, 10)]", "up"]
    sheet.done.clear()
    assert drawing.key("b") == "box"
    for x, y in ((210, 120), (212, 121)):  # a click is no box
        drawing.mouse(cv2.EVENT_LBUTTONDOWN, 210, 120, left, area)
        drawing.mouse(cv2.EVENT_LBUTTONUP, x, y, 0, area)
    drawing.mouse(cv2.EVENT_LBUTTONDOWN, 210, 120, left, area)
    drawing.mouse(cv2.EVENT_LBUTTONUP, 110, 70, 0, area)
    assert [done for done in sheet.done if done.startswith("box")] == ["box [100, 50, 50, 25]"]
    assert controls.value("Turned.amount") == 0.25
    assert drawing.key("u") == "undone"
    assert controls.value("Turned.amount") == 0.5
    assert drawing.key("c") == "cleared"
    assert "drawn" not in (drawing.key(".") or "")
    assert drawing.key("x") is None
    sheet.notes.append("lost it")
    assert (drawing.news(), drawing.news()) == ("lost it", None)
    picture = np.zeros((200, 400, 3), np.uint8)
    sheet.mask = np.zeros((100, 200), np.uint8)
    sheet.mask[20:40, 20:40] = 1
    drawing.paint(picture)
    assert picture[40, 60].any()
    assert not picture[60, 60].any()
    assert drawing.key("d") == "drawing off"
    assert drawing.key("b") is None


@dataclass
class Turns(Params):
    amount: float = parameter(0.5, minimum=0.0, maximum=1.0, help="how much")
    count: int = parameter(3, minimum=1, maximum=5, help="how many")
    loud: bool = parameter(False, help="whether")
    mode: str = parameter("a", choices=("a", "b", "c"), help="which")
    free: float = parameter(0.0, help="anything")
    words: str = parameter("a sentence that is much too long to be seen whole", help="what")


class Turned(Effect):
    def __init__(self) -> None:
        self.params = Turns()

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        return image


def panel_of(count: int) -> tuple[Panel, Controls]:
    controls = Controls(slots([Turned() for _ in range(count)]))
    return Panel(controls), controls


def test_the_panel_turns_everything() -> None:
    panel, controls = panel_of(1)
    canvas = np.full((360, 640, 3), 200, np.uint8)
    beside = panel.draw(canvas, 9)
    assert 400 < beside < 520
    assert (canvas[:, :beside] == 200).all()
    left, right = beside + 4, 640 - 4 - 1

    def press(line: int, x: int) -> None:
        y = 4 + 21 * line + 9
        for event, flags in ((cv2.EVENT_LBUTTONDOWN, cv2.EVENT_FLAG_LBUTTON), (cv2.EVENT_LBUTTONUP, 0)):
            assert panel.mouse(event, x, y, flags)
        assert panel.pointed is not None
        controls(Frame(canvas, 0, 0.0))

    for line, at, name, value in [
        (0, left, "on", False), (0, right, "on", True), (1, left, "amount", 0.0), (1, right, "amount", 1.0),
        (1, (left + right) // 2, "amount", 0.5), (2, right, "count", 5), (2, left + 2, "count", 1),
        (3, left, "loud", True), (3, left, "loud", False), (4, left, "mode", "c"), (4, right, "mode", "a"),
        (5, right, "free", 0.05), (5, left, "free", 0.0),
    ]:  # fmt: skip
        press(line, at)
        got = controls.values()[f"Turned.{name}"]
        assert got == pytest.approx(value, abs=0.01) if isinstance(value, float) else got == value
    assert not panel.mouse(cv2.EVENT_LBUTTONDOWN, 100, 100, cv2.EVENT_FLAG_LBUTTON)
    panel.leave()
    assert not panel.mouse(cv2.EVENT_LBUTTONDOWN, right, 10, cv2.EVENT_FLAG_LBUTTON)


def test_the_panel_scrolls_to_what_does_not_fit() -> None:
    panel, controls = panel_of(4)
    seen = set()
    for name in controls.by_name:
        if name.endswith("words"):
            continue
        panel.chosen = name
        panel.draw(np.zeros((200, 300, 3), np.uint8), 9)
        for line in range(9):
            panel.mouse(cv2.EVENT_MOUSEMOVE, 290, 4 + 21 * line + 5, 0)
            seen |= {panel.pointed.name} if panel.pointed else set()
        assert name in seen
    assert seen == {name for name in controls.by_name if not name.endswith("words")}  # what cannot be turned has no row
    for _ in range(9):
        panel.mouse(cv2.EVENT_LBUTTONDOWN, 290, 10, cv2.EVENT_FLAG_LBUTTON)  # "more" at the top
        panel.mouse(cv2.EVENT_LBUTTONUP, 290, 10, 0)
        panel.draw(np.zeros((200, 300, 3), np.uint8), 9)
    panel.mouse(cv2.EVENT_MOUSEMOVE, 290, 10, 0)  # nothing is above: the first row is the first line
    assert panel.pointed is not None
    assert panel.pointed.name == "Turned.on"


def test_the_panel_at_any_size() -> None:
    for size in ((1080, 1920), (240, 320), (64, 96), (8, 8), (1, 1)):
        panel, controls = panel_of(2)
        canvas = np.full((*size, 3), 200, np.uint8)
        for letters in (9, 20):
            for name in controls.by_name:
                panel.chosen = name
                panel.draw(canvas, letters)
        assert (canvas < 200).any()


def test_text_is_written_at_every_size() -> None:
    from gancam.vision.text import draw_lines

    for size in ((1920, 1080), (320, 240), (96, 64), (8, 8), (1, 1)):
        image = TestPattern(size).image(0)
        before = image.copy()
        for corner in ("top left", "top right", "bottom left", "bottom right", "middle", "bottom"):
            draw_lines(image, ["one line", "two\tcolumns", "Grüße"], corner, height=20)
        assert image.shape == before.shape
        assert (image != before).any()
    assert Frame(image, 0, 0.0).original is None


# The gallery, without a display


class Menu(EffectMenu):
    def __init__(self, count: int) -> None:
        self.names = [f"effect-{number}" for number in range(count)]
        self.chosen, self.looked = self.names[0], list[bool]()

    @property
    def playing(self) -> str:
        return self.names[0]

    failed = ""

    @property
    def coming(self) -> str:
        return "" if self.chosen == self.playing else self.chosen

    def choose(self, text: str) -> str:
        self.chosen = text
        return text

    def news(self) -> str:
        return ""

    def look(self, *, on: bool) -> None:
        self.looked.append(on)

    def thumbnail(self, name: str) -> Image | None:
        return None if name.endswith("1") else np.full((90, 160, 3), 200, np.uint8)


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (420, 700), (64, 48), (3, 2)])
@pytest.mark.parametrize("count", [1, 5, 13, 40])
def test_the_gallery_has_room_for_all(size: tuple[int, int], count: int) -> None:
    menu = Menu(count)
    gallery = Gallery(menu)
    gallery.toggle()
    assert (gallery.open, menu.looked) == (True, [True])
    canvas = np.full((size[1], size[0], 3), 100, np.uint8)
    gallery.draw(canvas, 9)
    found = cells(count, size, 20, 4)
    assert len(found) == count
    if size[0] * size[1] < 200_000 or count > 13:
        return
    for left, top, right, bottom in found:
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
    for (_, _, right, bottom), other in pairwise(found):
        assert other[0] >= right or other[1] >= bottom
    gallery.draw(canvas, 9)
    last = found[-1]
    chosen = gallery.mouse(cv2.EVENT_LBUTTONDOWN, (last[0] + last[2]) // 2, (last[1] + last[3]) // 2)
    assert chosen == menu.chosen == menu.names[-1]
    assert gallery.mouse(cv2.EVENT_LBUTTONDOWN, size[0] - 1, size[1] - 1) is None
    gallery.draw(canvas, 9)
    assert menu.step(1) == menu.names[0]
    gallery.toggle()
    assert menu.looked == [True, False]
