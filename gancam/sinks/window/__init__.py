"""A window to watch in: compare with the original, turn effects and their parameters, see its latency."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from gancam.control import Controls
from gancam.errors import SinkError
from gancam.frame import Frame, Image, check_image
from gancam.sinks.contract import Sink, SinkContext
from gancam.sinks.recorder import Recorder
from gancam.sinks.window.comparison import Comparison
from gancam.sinks.window.drawing import Drawing
from gancam.sinks.window.figures import Figures
from gancam.sinks.window.keys import ControlKeys
from gancam.sinks.window.panel import Panel
from gancam.vision.pad import DrawingPad
from gancam.vision.text import RED, YELLOW, draw_lines

FORM = "window"
_ELSEWHERE = "other outputs: mjpeg:8080 (watch in a browser), or a video file such as out.mp4"
_LARGEST, _SMALLEST = (1280, 720), (640, 360)  # a new window's picture, before the user resizes it
_SAID_FOR = 2.0  # seconds that a message stays
_LEGIBLE = 9  # pixels of a capital letter's height, at least
_HELP = (
    "q  Esc\tquit",
    "h\tthis help",
    "s\tsplit: before | after, the bar follows the mouse",
    "hold left button\tsee the original",
    "1 ... 9\teffect on or off",
    "t\tturn everything with the mouse",
    "[  ]\tchoose a parameter",
    "-  +\tturn it down, up",
    "p\tsave the picture as a PNG",
    "r\trecord: start, stop",
    "i\tlatency, frames a second",
    "f\tfull screen",
)


def open(rest: str, context: SinkContext) -> "Window":
    """Open ``window``."""
    check(rest, overwrite=False)
    return Window(
        controls=context.controls,
        dropped=context.dropped,
        status=context.status,
        fps=context.fps,
        pad=context.pad,
    )


def check(rest: str, *, overwrite: bool) -> None:
    """Find what is wrong with ``window``: anything after it. Raises ``SinkError``."""
    if rest:
        raise SinkError(f"window:{rest}: the window has neither name nor number; write window alone")


class Window(Sink):
    """Shows frames with OpenCV's windows. All calls must come from one thread, on macOS from the main one.

    The picture fills the window in its own proportions; text is drawn at the window's own resolution and so stays
    legible. The window is ``closed`` when its user presses q or Esc or closes it.

    Args:
        title: Of the window.
        controls: What keys and the panel of sliders turn; give it to ``run`` too, which makes the changes.
        dropped: Asked for the number of dropped frames, for the overlay.
        status: Asked for a line of the overlay: what is played.
        snapshots: The folder that the keys p and r save to, a PNG and an MP4, never over an existing file: the picture
            as it is shown, comparison and all, at its own size and without text. ``notes`` lists what was saved.
        fps: Frames a second, nominal, for recordings.
        pad: An effect's name, and what is drawn on for it with the mouse.

    Raises:
        SinkError: There is no display, or OpenCV comes without windows.
    """

    wants_original, action = True, "showing"

    def __init__(
        self,
        title: str = "gancam",
        *,
        controls: Controls | None = None,
        dropped: Callable[[], int] | None = None,
        status: Callable[[], str] | None = None,
        snapshots: str | os.PathLike[str] = ".",
        fps: float = 30.0,
        pad: tuple[str, DrawingPad] | None = None,
    ) -> None:
        _check_display()
        self._title = title
        self._controls = controls or Controls([])
        self._keys = ControlKeys(self._controls)
        self._figures = Figures(self._controls, dropped, status)
        self._panel = Panel(self._controls)
        self._drawing = None if pad is None else Drawing(*pad, self._controls)
        self._recorder = Recorder(Path(snapshots), fps, self._tell, self._say)
        self._comparison = Comparison()
        self._notes: list[str] = []
        self._open = self._closed = False
        self._help = self._full = self._turning = False
        self._info = True
        self._area = (0, 0, 1, 1)  # left, top, width, height of the picture in the window
        self._said = "press h for help" if pad is None else "draw with the mouse; press h for help"
        self._said_until = time.monotonic() + 2 * _SAID_FOR
        self._frame: Frame | None = None

    @property
    def notes(self) -> Sequence[str]:
        """What was saved."""
        return self._notes

    @property
    def closed(self) -> bool:
        """Whether its user closed it, or ``close`` was called."""
        return self._closed

    def write(self, frame: Frame) -> None:
        """Show `frame` and do what keys and mouse ask for. Takes a few milliseconds."""
        if self._closed:
            return
        check_image(frame.image)
        self._frame = frame
        if self._drawing is not None and (news := self._drawing.news()) is not None:
            self._say(news)
        try:
            if not self._open:
                self._create(frame.image)
            cv2.imshow(self._title, self._draw(frame))
            self._answer_keys()
            if not self._closed and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
                self._closed = True
        except cv2.error as error:
            raise SinkError(f"window: OpenCV cannot show it ({str(error).splitlines()[0][:120]})") from error
        self._recorder.write(frame, self._comparison.as_shown)
        self._figures.add(frame)

    def close(self, *, interrupted: bool = False) -> None:
        """End the recording, if one goes on, and close the window."""
        self._closed = True
        try:
            self._recorder.stop(interrupted=interrupted)
        finally:
            if self._open:
                self._open = False
                with suppress(cv2.error):  # its user may have closed it
                    cv2.destroyWindow(self._title)
                with suppress(cv2.error):
                    cv2.waitKey(1)

    def _create(self, image: Image) -> None:
        height, width = image.shape[:2]
        scale = min(_LARGEST[0] / width, _LARGEST[1] / height, max(_SMALLEST[0] / width, _SMALLEST[1] / height, 1))
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL | cv2.WINDOW_FREERATIO)
        cv2.resizeWindow(self._title, max(round(width * scale), 1), max(round(height * scale), 1))
        cv2.setMouseCallback(self._title, self._on_mouse)
        self._open = True

    # Drawing

    def _draw(self, frame: Frame) -> Image:
        """The window's content: the picture scaled into it, and text over it."""
        _, _, wide, tall = cv2.getWindowImageRect(self._title)
        height, width = frame.image.shape[:2]
        wide, tall = (wide, tall) if wide > 0 and tall > 0 else (width, height)
        scale = min(wide / width, tall / height)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        left, top = (wide - size[0]) // 2, (tall - size[1]) // 2
        self._area = left, top, *size
        canvas = np.zeros((tall, wide, 3), np.uint8)
        picture = canvas[top : top + size[1], left : left + size[0]]
        self._comparison.paint(frame, picture)
        if self._drawing is not None:
            self._drawing.paint(picture)
        self._write_over(canvas, self._comparison.before(frame) is not None)
        return canvas

    def _write_over(self, canvas: Image, comparing: bool) -> None:
        letters = min(max(canvas.shape[0] // 45, _LEGIBLE), 20)
        if self._turning:
            self._panel.chosen = self._keys.chosen
            canvas = canvas[:, : self._panel.draw(canvas, letters)]
            if not canvas.size:
                return
            if self._panel.pointed is not None and not self._help and not comparing:
                entry = self._panel.pointed.entry
                lines = textwrap.wrap(f"{entry.name}: {entry.help} ({entry.describe()})", canvas.shape[1] // letters)
                draw_lines(canvas, lines, "bottom left", height=letters)
        if self._recorder.recording and self._frame is not None:
            minutes, seconds = divmod(self._recorder.length(self._frame), 60)
            said, half = [f"    REC {minutes}:{seconds:02d}"], letters // 2
            x, y = draw_lines(canvas, said, "top right", height=letters)
            cv2.circle(canvas, (x + half, y - half), max(half, 3), RED, -1, cv2.LINE_AA)
        if self._info and not self._help:
            draw_lines(canvas, self._figures.lines(), "top left", height=letters)
        if comparing:
            draw_lines(canvas, ["original" if self._comparison.held else "before"], "bottom left", height=letters)
            if not self._comparison.held:
                draw_lines(canvas, ["after"], "bottom right", height=letters)
        if self._help:
            lines = [*_HELP, *(self._drawing.help if self._drawing else [])]
            lines += self._keys.help(letters, canvas.shape[1] * 2 // 3)
            if len(lines) > (fit := max(canvas.shape[0] // (2 * _LEGIBLE), 3)):
                lines[fit - 1 :] = [f"\t... and {len(lines) - fit + 1} more: t"]
            draw_lines(canvas, lines, "middle", height=letters, backdrop=0.8)
        elif time.monotonic() < self._said_until:
            draw_lines(canvas, [self._said], "middle", height=letters, colour=YELLOW)

    # Keys and mouse

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _: object = None) -> None:
        if self._turning and not self._comparison.held and self._panel.mouse(event, x, y, flags):
            return
        if self._drawing is not None and self._drawing.on:
            self._drawing.mouse(event, x, y, flags, self._area)
            return
        left, _top, width, _height = self._area
        self._comparison.bar = min(max((x - left) / width, 0.0), 1.0)
        if event == cv2.EVENT_LBUTTONDOWN:
            self._comparison.held = True
        elif event == cv2.EVENT_LBUTTONUP or not flags & cv2.EVENT_FLAG_LBUTTON:
            self._comparison.held = False

    def _answer_keys(self) -> None:
        key = cv2.waitKey(1)
        for _ in range(8):  # all that came since the last frame, but a stuck key must not stop the picture
            if key < 0 or self._closed:
                return
            self._answer(key & 0xFF)
            key = cv2.pollKey()

    def _answer(self, key: int) -> None:
        assert self._frame is not None
        letter = chr(key).lower()
        if key == 27 or letter == "q":
            self._closed = True
        elif self._drawing is not None and (said := self._drawing.key(letter)) is not None:
            self._say(said)
        elif letter == "h":
            self._help = not self._help
        elif letter == "s":
            self._comparison.split = not self._comparison.split
        elif letter == "i":
            self._info = not self._info
        elif letter == "f":
            self._full = not self._full
            how = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, how)
        elif letter == "t":
            self._turning = not self._turning and self._keys.effects
            if not self._turning:
                self._panel.leave()
            if not self._keys.effects:
                self._say("no effect, nothing to turn")
        elif letter == "p":
            self._recorder.snapshot(self._comparison.as_shown(self._frame))
        elif letter == "r" and self._recorder.recording:
            self._recorder.stop()
        elif letter == "r":
            self._recorder.start(self._frame)
        elif (said := self._keys.press(letter)) is not None:
            self._say(said)

    def _say(self, text: str) -> None:
        self._said, self._said_until = text, time.monotonic() + _SAID_FOR

    def _tell(self, what: str) -> None:
        """Say it in the window and in the report."""
        self._say(what)
        self._notes.append(f"window: {what}")


def _check_display() -> None:
    """Raise ``SinkError`` where no window can be opened.

    Qt ends the whole process instead of failing, so on Linux it is tried in another one first, which takes about a
    third of a second.
    """
    if not sys.platform.startswith("linux"):
        return
    variables = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if not any(os.environ.get(name) for name in variables):
        raise SinkError(f"window: there is no display (DISPLAY is not set); {_ELSEWHERE}")
    code = "import cv2; cv2.namedWindow('gancam'); cv2.waitKey(1)"
    try:
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
        words = tried.stderr.decode(errors="replace")
        works = tried.returncode == 0
    except (OSError, subprocess.SubprocessError):
        works, words = False, ""
    if not works:
        if "not implemented" in words:
            raise SinkError(
                "window: this OpenCV comes without windows; `pip uninstall opencv-python-headless`, then "
                f"`pip install --force-reinstall opencv-python`; {_ELSEWHERE}"
            )
        display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        raise SinkError(f"window: the display {display!r} cannot be opened; {_ELSEWHERE}")
