"""A window to watch in: compare with the original, turn effects and their parameters, see its latency."""

import os
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from gancam.control import Controls
from gancam.errors import SinkError
from gancam.frame import Frame, Image, check_image
from gancam.sinks.contract import Sink, SinkContext
from gancam.sinks.recorder import Recorder
from gancam.sinks.window.display import check_display
from gancam.sinks.window.drawing import Drawing
from gancam.sinks.window.gallery import Gallery
from gancam.sinks.window.panel import ControlKeys, Panel
from gancam.sinks.window.view import Comparison, Figures
from gancam.vision.fit import scaled
from gancam.vision.text import RED, YELLOW, draw_lines

FORM = "window"
_LARGEST, _SMALLEST = (1280, 720), (640, 360)  # a new window's picture, before the user resizes it
_SAID_FOR = 2.0  # seconds that a message stays
_WAIT = 4  # milliseconds of a turn of the loop that draws
_AGED = 0.25  # seconds after which the text is written anew
_MUCH = 0.2  # of the window's width: a panel wider than that gets a place of its own
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
_HELP_MENU = ("g\tgallery: what each effect makes of this picture", "e   w\tnext, previous effect")
_HELP_MIRROR = ("m\tmirror",)
_HELP_CAMERA = ("k\tnext camera",)
_MENU_KEYS = "gew"
_HINT, _HINT_DRAWING = "press h for help", "draw with the mouse; press h for help"


def open(rest: str, context: SinkContext) -> "Window":
    """Open ``window``."""
    check(rest, overwrite=False)
    return Window(context)


def check(rest: str, *, overwrite: bool) -> None:
    """Find what is wrong with ``window``: anything after it. Raises ``SinkError``."""
    if rest:
        raise SinkError(f"window:{rest}: the window has neither name nor number; write window alone")


class Window(Sink):
    """Shows frames with OpenCV's windows. All calls must come from one thread, on macOS from the main one.

    With ``gancam.sinks.window.hosting.host`` it is drawn and answers keys on a loop of its own, at once also where a
    frame takes long; else it does so with each ``write``.

    The picture fills the window in its own proportions; text is drawn at the window's own resolution and so stays
    legible. The window is ``closed`` when its user presses q or Esc or closes it.

    Args:
        context: What it knows of what plays. Keys and the panel of sliders turn its controls, which are given to
            ``run``, too: that makes the changes.
        title: Of the window.
        snapshots: The folder that the keys p and r save to, a PNG and an MP4, never over an existing file: the picture
            as it is shown, comparison and all, at its own size and without text. ``notes`` lists what was saved.

    Attributes:
        hosted: Whether another thread calls ``turn``; then ``write`` only takes the frame. ``host`` sees to it.

    Raises:
        SinkError: There is no display, or OpenCV comes without windows.
    """

    wants_original, action = True, "showing"

    def __init__(self, context: SinkContext, *, title: str = "gancam", snapshots: str | os.PathLike[str] = ".") -> None:
        check_display()
        self._title = title
        self._controls = context.controls or Controls([])
        self._menu, self._mirror, self._next_camera = context.menu, context.mirror, context.next_camera
        self._gallery = None if self._menu is None else Gallery(self._menu)
        self._figures = Figures(self._controls, context.dropped, context.status)
        self._version = -1
        self._follow()
        self._recorder = Recorder(Path(snapshots), context.fps, self._tell, self._say, context.sound)
        self._comparison = Comparison()
        self._notes: list[str] = []
        self._open = False
        self._help = self._full = self._turning = False
        self._info = True
        self._size: tuple[int, ...] = (0, 0)  # of the window's content
        self._panel_top = 0  # where the panel begins
        self._area = (0, 0, 1, 1)  # left, top, width, height of the picture in the window
        self._named = title  # what stands over the window
        self._said = _HINT if self._drawing is None else _HINT_DRAWING
        self._said_until = time.monotonic() + 2 * _SAID_FOR
        self.hosted = False
        self._recording = threading.RLock()  # frames are recorded where they are made, keys come where they are shown
        self._frame: Frame | None = None  # the newest
        self._shown: Frame | None = None  # on the screen
        self._drawn_at, self._stale = 0.0, False  # whether something has changed since
        self._error: SinkError | None = None  # of the loop that draws

    def write(self, frame: Frame) -> None:
        """Show `frame` and do what keys and mouse ask for (a few milliseconds), or leave that to the host's loop."""
        if self._error is not None:
            raise self._error
        if self._closed:
            return
        check_image(frame.image)
        with self._recording:
            self._recorder.write(frame, self._comparison.as_shown)
        self._figures.ask()
        self._frame = frame
        if not self.hosted:
            self.turn(wait=0)
            if self._error is not None:
                raise self._error

    def turn(self, wait: int = _WAIT) -> None:
        """Draw the newest frame, if there is something new to be seen, and do what keys and mouse ask for.

        Args:
            wait: Milliseconds to wait for a key.
        """
        frame = self._frame
        if frame is None:
            time.sleep(_WAIT / 1000)
            return
        try:
            if not self._open:
                self._create(frame.image)
            with self._controls.steady():
                self._follow()
                self._show(frame)
            self._answer_keys(wait)
        except cv2.error as error:
            self._closed = True
            self._error = SinkError(f"window: OpenCV cannot show it ({str(error).splitlines()[0][:120]})")
            self._error.__cause__ = error
        if not self._closed and not self._visible():
            self._closed = True

    def _follow(self) -> None:
        """Take up the effects that play now, if others did before."""
        if self._version == self._controls.version:
            return
        self._version = self._controls.version
        self._keys, self._panel = ControlKeys(self._controls), Panel(self._controls)
        pads = [(effect.name, effect.pad) for effect in self._controls.effects if effect.pad is not None]
        self._drawing = Drawing(*pads[0], self._controls) if pads else None
        if self._drawing is not None and self._version > 0:
            self._say(_HINT_DRAWING)

    def _show(self, frame: Frame) -> None:
        """Draw what is new."""
        if self._drawing is not None and (news := self._drawing.news()) is not None:
            self._say(news)
        if self._menu is not None:
            if news := self._menu.news():
                self._say(news)
            self._name(self._menu.coming or self._menu.playing)
        if not self._has_news(frame):
            return
        self._drawn_at, self._stale = time.monotonic(), False
        cv2.imshow(self._title, self._draw(frame))
        if frame is not self._shown:
            self._figures.add(frame)
        self._shown = frame

    def _name(self, playing: str) -> None:
        """Have what plays stand over the window."""
        named = f"{self._title} - {playing}"
        if named != self._named:
            self._named = named
            cv2.setWindowTitle(self._title, named)

    def close(self, *, interrupted: bool = False) -> None:
        """End the recording, if one goes on, and close the window."""
        self._closed = True
        try:
            with self._recording:
                self._recorder.stop(interrupted=interrupted)
        finally:
            if not self.hosted:
                self.put_away()

    def put_away(self) -> None:
        """Take the window from the screen, on the thread that it is drawn on."""
        if self._open:
            self._open = False
            with suppress(cv2.error):  # its user may have closed it
                cv2.destroyWindow(self._title)
            with suppress(cv2.error):
                cv2.waitKey(1)

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # OpenCV 5 knows no window that its user has closed
            return False

    def _has_news(self, frame: Frame) -> bool:
        """Whether the screen is not as it should be: a new frame, a key, another size, figures that have grown old."""
        size = tuple(cv2.getWindowImageRect(self._title)[2:])
        if size != self._size:
            self._size, self._stale = size, True
        now = time.monotonic()
        ended = self._drawn_at < self._said_until <= now
        aged = now - self._drawn_at > _AGED
        return frame is not self._shown or self._stale or ended or aged

    def _create(self, image: Image) -> None:
        height, width = image.shape[:2]
        least = _SMALLEST if self._menu is None else _LARGEST  # what will play may be larger than what is there now
        scale = min(_LARGEST[0] / width, _LARGEST[1] / height, max(least[0] / width, least[1] / height, 1))
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL | cv2.WINDOW_FREERATIO)
        cv2.resizeWindow(self._title, *scaled((width, height), scale))
        cv2.setMouseCallback(self._title, self._on_mouse)
        self._open = True

    # Drawing

    def _draw(self, frame: Frame) -> Image:
        """The window's content: the picture scaled into it, and text over it."""
        _, _, wide, tall = cv2.getWindowImageRect(self._title)
        height, width = frame.image.shape[:2]
        wide, tall = (wide, tall) if wide > 0 and tall > 0 else (width, height)
        canvas = np.zeros((tall, wide, 3), np.uint8)
        room = self._room(wide, tall, height / width)
        scale = min(room[0] / width, room[1] / height)
        size = scaled((width, height), scale)
        left, top = (room[0] - size[0]) // 2, (room[1] - size[1]) // 2
        self._area = left, top, *size
        picture = canvas[top : top + size[1], left : left + size[0]]
        self._comparison.paint(frame, picture)
        if self._drawing is not None:
            self._drawing.paint(picture)
        if self._gallery is not None and self._gallery.open:
            self._gallery.draw(canvas, _letters(canvas.shape[1], canvas.shape[0]))
        else:
            self._write_over(canvas, self._comparison.before(frame) is not None)
        return canvas

    def _room(self, wide: int, tall: int, shape: float) -> tuple[int, int]:
        """Where a picture of this `shape` (height over width) goes: (width, height), from the left upper corner on.

        That is all of the window, but what the panel takes where that would cover much of the picture: the lower part
        of a portrait, the right part of a small window.
        """
        self._panel_top = 0
        if not self._turning:
            return wide, tall
        if tall > wide:
            self._panel_top = min(round(wide * shape), tall * 3 // 5)
            return wide, max(self._panel_top, 1)
        panel = self._panel.width(_letters(wide, tall))
        return (max(wide - panel, 1) if panel > _MUCH * wide else wide), tall

    def _write_over(self, canvas: Image, comparing: bool) -> None:
        letters = _letters(canvas.shape[1], canvas.shape[0])
        if self._turning:
            self._panel.chosen = self._keys.chosen
            beside = self._panel.draw(canvas[self._panel_top :], letters)
            canvas = canvas[: self._panel_top] if self._panel_top else canvas[:, :beside]
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
            lines = [*_HELP, *(_HELP_MENU if self._menu else ()), *(_HELP_MIRROR if self._mirror else ())]
            lines += [*(_HELP_CAMERA if self._next_camera else ()), *(self._drawing.help if self._drawing else [])]
            lines += self._keys.help(letters, canvas.shape[1] * 2 // 3)
            if len(lines) > (fit := max(canvas.shape[0] // (2 * _LEGIBLE), 3)):
                lines[fit - 1 :] = [f"\t... and {len(lines) - fit + 1} more: t"]
            draw_lines(canvas, lines, "middle", height=letters, backdrop=0.8)
        elif time.monotonic() < self._said_until:
            draw_lines(canvas, [self._said], "bottom", height=letters, colour=YELLOW)

    # Keys and mouse

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _: object = None) -> None:
        self._stale = True
        with self._controls.steady():
            self._follow()
            self._answer_mouse(event, x, y, flags)

    def _answer_mouse(self, event: int, x: int, y: int, flags: int) -> None:
        if self._gallery is not None and self._gallery.open:
            if (chosen := self._gallery.mouse(event, x, y)) is not None:
                self._say(chosen)
            return
        if self._turning and not self._comparison.held and self._panel.mouse(event, x, y - self._panel_top, flags):
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

    def _answer_keys(self, wait: int) -> None:
        key = cv2.waitKey(max(wait, 1))
        for _ in range(8):  # all that came meanwhile, but a stuck key must not stop the picture
            if key < 0 or self._closed:
                return
            self._stale = True
            with self._controls.steady():
                self._follow()
                self._answer(key & 0xFF)
            key = cv2.pollKey()

    def _answer(self, key: int) -> None:
        assert self._frame is not None
        letter = chr(key).lower()
        if key == 27 or letter == "q":
            self._closed = True
        elif self._menu is not None and letter in _MENU_KEYS:
            self._answer_menu(letter)
        elif self._mirror is not None and letter == "m":
            self._say("mirrored" if self._mirror() else "not mirrored")
        elif self._next_camera is not None and letter == "k":
            self._say(self._next_camera())
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
        elif letter == "r":
            with self._recording:
                self._recorder.toggle(self._frame)
        elif (said := self._keys.press(letter)) is not None:
            self._say(said)

    def _answer_menu(self, letter: str) -> None:
        assert self._menu is not None
        assert self._gallery is not None
        if letter == "g":
            self._gallery.toggle()
        else:
            self._say(self._menu.step(1 if letter == "e" else -1))

    def _say(self, text: str) -> None:
        self._said, self._said_until = text, time.monotonic() + _SAID_FOR

    def _tell(self, what: str) -> None:
        """Say it in the window and in the report."""
        self._say(what)
        self._notes.append(f"window: {what}")


def _letters(wide: int, tall: int) -> int:
    """Give the height of a capital letter for a window of this size."""
    return min(max(min(tall, wide * 3 // 4) // 45, _LEGIBLE), 20)
