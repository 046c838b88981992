"""A window to watch in: compare with the original, turn effects and their parameters, see how old the picture is."""

import os
import subprocess
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from gancam.control import Control, Controls
from gancam.errors import GancamError, SinkError
from gancam.frame import Frame, Image, check_image
from gancam.sinks._drawing import Drawing, Pad
from gancam.sinks._panel import Panel
from gancam.sinks.video import VideoWriter
from gancam.vision.text import RED, YELLOW, draw_lines, text_width

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
    "i\tage of the picture, frames a second",
    "f\tfull screen",
)


class Window:
    """Shows frames with OpenCV's windows. All calls must come from one thread, on macOS from the main one.

    title      of the window.
    controls   what keys and the panel of sliders turn; give it to ``run`` too, which makes the changes.
    dropped    asked for the number of dropped frames, for the overlay.
    playing    asked for a line of the overlay: what is played.
    snapshots  the folder that the keys p and r save to, a PNG and an MP4, never over an existing file: the picture as
               it is shown, comparison and all, at its own size and without text. ``notes`` lists what was saved.
    fps        frames a second, nominal, for recordings.
    pad        an effect's name and what is drawn on for it with the mouse.

    The picture fills the window in its own proportions; text is drawn at the window's own resolution and so stays
    legible. The window is ``closed`` when its user presses q or Esc or closes it.

    Raises ``SinkError`` where there is no display, or OpenCV comes without windows.
    """

    wants_original = True

    def __init__(
        self,
        title: str = "gancam",
        *,
        controls: Controls | None = None,
        dropped: Callable[[], int] | None = None,
        playing: Callable[[], str] | None = None,
        snapshots: str | os.PathLike[str] = ".",
        fps: float = 30.0,
        pad: tuple[str, Pad] | None = None,
    ) -> None:
        _check_display()
        self._title, self._dropped, self._playing = title, dropped, playing
        self._controls = controls or Controls([])
        self._switches = [f"{effect.name}.on" for effect in self._controls.effects]
        self._turns = [knob for knob in self._controls.by_name.values() if not knob.is_switch and not knob.entry.free]
        self._turn = 0
        self._panel = Panel(self._controls)
        self._drawing = None if pad is None else Drawing(*pad, self._controls)
        self._snapshots, self._fps = Path(snapshots), fps
        self._recording: VideoWriter | None = None
        self._recorded_from = 0.0  # Frame.time
        self.notes: list[str] = []
        self._open = self._closed = False
        self._help = self._split = self._held = self._full = self._turning = False
        self._info = True
        self._bar = 0.5  # the split's place, of the picture's width
        self._area = (0, 0, 1, 1)  # left, top, width, height of the picture in the window
        self._said = "press h for help" if pad is None else "draw with the mouse; press h for help"
        self._said_until = time.monotonic() + 2 * _SAID_FOR
        self._ages: deque[float] = deque(maxlen=120)
        self._shown: deque[float] = deque(maxlen=60)
        self._frame: Frame | None = None

    @property
    def closed(self) -> bool:
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
        self._record(frame)
        now = time.monotonic()
        self._shown.append(now)
        if frame.captured is not None:
            self._ages.append(now - frame.captured)

    def close(self, *, interrupted: bool = False) -> None:
        self._closed = True
        try:
            self._stop_recording(interrupted=interrupted)
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
        self._paint(frame, canvas[top : top + size[1], left : left + size[0]])
        if self._drawing is not None:
            self._drawing.paint(canvas[top : top + size[1], left : left + size[0]])
        self._write_over(canvas, self._before(frame) is not None)
        return canvas

    def _before(self, frame: Frame) -> Image | None:
        """What the picture is compared with, if it is."""
        return frame.original if self._split or self._held else None

    def _paint(self, frame: Frame, place: Image) -> None:
        """The picture, or the comparison, at the size of `place`."""
        size, before = (place.shape[1], place.shape[0]), self._before(frame)
        place[:] = _scaled(before if before is not None and self._held else frame.image, size)
        if before is not None and not self._held:
            bar = min(max(round(self._bar * size[0]), 0), size[0])
            place[:, :bar] = _scaled(before, size)[:, :bar]
            place[:, max(bar - 1, 0) : bar + 1] = 255

    def _as_shown(self, frame: Frame) -> Image:
        """The picture, or the comparison, at its own size: an array that nobody changes any more."""
        if self._before(frame) is None:
            return frame.image
        picture = np.empty_like(frame.image)
        self._paint(frame, picture)
        return picture

    def _write_over(self, canvas: Image, comparing: bool) -> None:
        letters = min(max(canvas.shape[0] // 45, _LEGIBLE), 20)
        if self._turning:
            self._panel.chosen = self._turns[self._turn].name if self._turns else ""
            canvas = canvas[:, : self._panel.draw(canvas, letters)]
            if not canvas.size:
                return
            if self._panel.pointed is not None and not self._help and not comparing:
                entry = self._panel.pointed.entry
                lines = textwrap.wrap(f"{entry.name}: {entry.help} ({entry.describe()})", canvas.shape[1] // letters)
                draw_lines(canvas, lines, "bottom left", height=letters)
        if self._recording is not None and self._frame is not None:
            minutes, seconds = divmod(int(self._frame.time - self._recorded_from), 60)
            said, half = [f"    REC {minutes}:{seconds:02d}"], letters // 2
            x, y = draw_lines(canvas, said, "top right", height=letters)
            cv2.circle(canvas, (x + half, y - half), max(half, 3), RED, -1, cv2.LINE_AA)
        if self._info and not self._help:
            draw_lines(canvas, self._figures(), "top left", height=letters)
        if comparing:
            draw_lines(canvas, ["original" if self._held else "before"], "bottom left", height=letters)
            if not self._held:
                draw_lines(canvas, ["after"], "bottom right", height=letters)
        if self._help:
            lines, room = [*_HELP, *(self._drawing.help if self._drawing else [])], canvas.shape[1] * 2 // 3
            for number, name in enumerate(self._switches[:9], 1):
                state = "on" if self._controls.value(name) else "off"
                lines.append(f"\t{number}: {self._controls.effects[number - 1].name} is {state}")
            for number, knob in enumerate(self._turns):
                mark = ">" if number == self._turn else " "
                short = f"\t{mark} {self._told(knob)}"
                long = f"{short} ({knob.entry.describe()})"
                lines.append(long if text_width(long, letters) < room else short)
            if len(lines) > (fit := max(canvas.shape[0] // (2 * _LEGIBLE), 3)):
                lines[fit - 1 :] = [f"\t... and {len(lines) - fit + 1} more: t"]
            draw_lines(canvas, lines, "middle", height=letters, backdrop=0.8)
        elif time.monotonic() < self._said_until:
            draw_lines(canvas, [self._said], "middle", height=letters, colour=YELLOW)

    def _figures(self) -> list[str]:
        lines = []
        if self._ages:
            middle, most = np.percentile(np.fromiter(self._ages, float), (50, 95)) * 1000
            lines.append(f"age {middle:.0f} ms, 95%: {most:.0f} ms")
        if len(self._shown) > 1:
            span = self._shown[-1] - self._shown[0]
            lines.append(f"{(len(self._shown) - 1) / max(span, 1e-6):.1f} fps")
        if self._dropped is not None:
            lines.append(f"{self._dropped()} dropped")
        if self._playing is not None and (playing := self._playing()):
            lines.append(playing)
        if off := [effect.name for effect in self._controls.effects if not effect.on]:
            lines.append(f"off: {', '.join(off)}")
        return lines or ["..."]

    # Keys and mouse

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _: object = None) -> None:
        if self._turning and not self._held and self._panel.mouse(event, x, y, flags):
            return
        if self._drawing is not None and self._drawing.on:
            self._drawing.mouse(event, x, y, flags, self._area)
            return
        left, _top, width, _height = self._area
        self._bar = min(max((x - left) / width, 0.0), 1.0)
        if event == cv2.EVENT_LBUTTONDOWN:
            self._held = True
        elif event == cv2.EVENT_LBUTTONUP or not flags & cv2.EVENT_FLAG_LBUTTON:
            self._held = False

    def _answer_keys(self) -> None:
        key = cv2.waitKey(1)
        for _ in range(8):  # all that came since the last frame, but a stuck key must not stop the picture
            if key < 0 or self._closed:
                return
            self._answer(key & 0xFF)
            key = cv2.pollKey()

    def _answer(self, key: int) -> None:
        letter = chr(key).lower()
        if key == 27 or letter == "q":
            self._closed = True
        elif self._drawing is not None and (said := self._drawing.key(letter)) is not None:
            self._say(said)
        elif letter == "h":
            self._help = not self._help
        elif letter == "s":
            self._split = not self._split
        elif letter == "i":
            self._info = not self._info
        elif letter == "f":
            self._full = not self._full
            how = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, how)
        elif letter == "t":
            self._turning = not self._turning and bool(self._switches)
            if not self._turning:
                self._panel.leave()
            if not self._switches:
                self._say("no effect, nothing to turn")
        elif letter == "p":
            self._snapshot()
        elif letter == "r" and self._recording is not None:
            self._stop_recording()
        elif letter == "r":
            self._start_recording()
        elif "1" <= letter <= "9" and int(letter) <= len(self._switches):
            name = self._switches[int(letter) - 1]
            on = not self._controls.value(name)
            self._controls.request({name: on})
            self._say(f"{self._controls.by_name[name].effect.name} {'on' if on else 'off'}")
        elif letter in "[]-_+=" and self._turns:
            if letter in "[]":
                self._turn = (self._turn + (1 if letter == "]" else -1)) % len(self._turns)
            knob = self._turns[self._turn]
            if letter not in "[]":
                self._controls.request({knob.name: knob.entry.step(self._controls.value(knob.name), up=letter in "+=")})
            self._say(self._told(knob))

    def _told(self, knob: Control) -> str:
        return f"{knob.name} = {knob.entry.text(self._controls.value(knob.name))}"

    def _say(self, text: str) -> None:
        self._said, self._said_until = text, time.monotonic() + _SAID_FOR

    # Files

    def _snapshot(self) -> None:
        """Save the picture, without the text over it."""
        assert self._frame is not None
        data = cv2.imencode(".png", self._as_shown(self._frame))[1]
        try:
            for path in self._names(".png"):
                with suppress(FileExistsError), path.open("xb") as file:
                    file.write(data.tobytes())
                    self._tell(f"saved {path.name}")
                    return
        except OSError as error:
            self._say(f"not saved: {error.strerror}")

    def _start_recording(self) -> None:
        assert self._frame is not None
        height, width = self._frame.image.shape[:2]
        try:
            path = next(path for path in self._names(".mp4") if not path.exists())
            self._recording = VideoWriter(path, fps=self._fps, size=(width, height))
        except GancamError as error:
            self._say(f"not recorded: {error}")
            return
        self._recorded_from = self._frame.time

    def _record(self, frame: Frame) -> None:
        """Hand what is shown to the recording, if there is one."""
        if self._recording is None:
            return
        try:
            self._recording.write(Frame(self._as_shown(frame), frame.index, frame.time - self._recorded_from))
        except GancamError as error:  # the window goes on
            failed, self._recording = self._recording, None
            with suppress(GancamError):  # what failed is told
                failed.close(interrupted=True)
            self._tell(f"recording ended: {error}")

    def _stop_recording(self, *, interrupted: bool = False) -> None:
        done, self._recording = self._recording, None
        if done is None:
            return
        try:
            done.close(interrupted=interrupted)
            self._tell(f"recorded {done.path.name}")
        except GancamError as error:
            self._tell(f"not recorded: {error}")

    def _names(self, ending: str) -> Iterator[Path]:
        stem = time.strftime("gancam-%Y%m%d-%H%M%S")
        yield self._snapshots / f"{stem}{ending}"
        for number in range(2, 1000):
            yield self._snapshots / f"{stem}_{number}{ending}"  # sorts behind the one without a number

    def _tell(self, what: str) -> None:
        """In the window, and to whoever reads the report."""
        self._say(what)
        self.notes.append(f"window: {what}")


def _scaled(image: Image, size: tuple[int, int]) -> Image:
    """`image` at `size`: smaller by averaging, larger as plainly as any player does."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    how = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _check_display() -> None:
    """Raise ``SinkError`` where no window can be opened. Qt ends the whole process instead of failing, so on Linux it
    is tried in another one first, which takes about a third of a second."""
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
