"""Drawing over the window's picture with the mouse: a brush, boxes, an eraser."""

import time
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.control import Controls
from gancam.frame import Image
from gancam.params import Value
from gancam.vision.pad import DrawingPad, Point

_LINE, _UNDER = (80, 220, 255), (20, 20, 20)  # BGR
_LINGERS = 1.0  # seconds that outlines stay after a stroke
_LEAST, _MOST = 0.004, 0.2  # of the picture's height: a brush's radius
_SHORT = 4  # pixels of the window: a shorter box is a slip of the hand


class Drawing:
    """Takes mouse and keys for what is drawn on, and draws outlines.

    Args:
        name: The effect's.
        pad: What is drawn on.
        controls: Gets the parameters that drawing changes.

    Attributes:
        on: Until it is turned off with d; then the mouse is the window's own.
    """

    def __init__(self, name: str, pad: DrawingPad, controls: Controls) -> None:
        self._name, self._pad, self._controls = name, pad, controls
        self.on = True
        self._boxes = not pad.brushes
        self._radius = 0.03  # of the picture's height
        self._stroke: list[Point] = []  # in shares of the picture
        self._erasing = False
        self._cursor: Point | None = None
        self._shown_until = 0.0
        self._told: list[str] = []  # what the pad said last: the newest of a long session

    @property
    def help(self) -> list[str]:
        """Its lines of the window's help."""
        lines = [f"d\tdraw for {self._name}: {'on' if self.on else 'off'}"]
        if self._pad.brushes:
            lines += ["left / right button\tdraw / erase", "b\tbrush or box", ",  .  wheel\tsmaller, larger brush"]
        else:
            lines += ["left button\tdraw a box"]
        return [*lines, "u   c\tundo, clear"]

    def news(self) -> str | None:
        """Return what is new to be said; None where nothing is."""
        notes = self._pad.notes
        new, self._told = [note for note in notes if note not in self._told], notes
        return new[-1] if new else None

    def key(self, letter: str) -> str | None:
        """Do what a key wants, and return what to say; None for a key that is none of drawing's."""
        if letter == "d":
            self.on = not self.on
            self._stroke = []
            self._pad.pen(down=False)
            return f"drawing {'on' if self.on else 'off'}"
        if not self.on:
            return None
        if letter == "b" and self._pad.brushes:
            self._boxes = not self._boxes
            return "box" if self._boxes else "brush"
        if letter in ("u", "c"):
            self._request(self._pad.undo() if letter == "u" else self._pad.clear())
            self._linger()
            return "undone" if letter == "u" else "cleared"
        if letter in (",", ".") and self._pad.brushes:
            self._resize(letter == ".")
            return f"brush {self._radius * 200:.1f} % of the height"
        return None

    def mouse(self, event: int, x: int, y: int, flags: int, area: tuple[int, int, int, int]) -> None:
        """Take a mouse event in a window whose picture is at `area` (left, top, width, height)."""
        left, top, width, height = area
        point = min(max((x - left) / width, 0.0), 1.0), min(max((y - top) / height, 0.0), 1.0)
        inside = left <= x < left + width and top <= y < top + height
        self._cursor = point if inside else None
        held = cv2.EVENT_FLAG_RBUTTON if self._erasing else cv2.EVENT_FLAG_LBUTTON
        if event == cv2.EVENT_MOUSEWHEEL and self._pad.brushes:
            self._resize(flags > 0)
        elif event in (cv2.EVENT_LBUTTONDOWN, cv2.EVENT_RBUTTONDOWN):
            self._erasing = event == cv2.EVENT_RBUTTONDOWN
            if inside and self._pad.size is not None and (self._pad.brushes or not self._erasing):
                self._stroke = [point]
                self._pad.pen(down=True)
                self._go_on()
        elif self._stroke:
            if point != self._stroke[-1]:
                self._stroke.append(point)
                self._go_on()
            if event in (cv2.EVENT_LBUTTONUP, cv2.EVENT_RBUTTONUP) or not flags & held:
                self._end(width, height)

    def paint(self, place: Image) -> None:
        """Draw outlines over the picture `place`, in place.

        They are those of what is marked, while it is drawn and shortly after, and of the box or brush under way.
        """
        height, width = place.shape[:2]
        lines: list[NDArray[np.int32]] = []
        mask = self._pad.mask
        if (self._stroke or time.monotonic() < self._shown_until) and mask.any():
            shown = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
            lines += [np.asarray(line, np.int32)
                      for line in cv2.findContours(shown, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]]  # fmt: skip
        if self.on and self._boxes and self._stroke and not self._erasing:
            (x0, y0), (x1, y1) = self._stroke[0], self._stroke[-1]
            corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) * (width, height)
            lines.append(np.round(corners).astype(np.int32).reshape(-1, 1, 2))
        for colour, thick in ((_UNDER, 3), (_LINE, 1)):
            cv2.polylines(place, lines, True, colour, thick, cv2.LINE_AA)
            if self.on and self._cursor is not None and (self._erasing or not self._boxes):
                centre = round(self._cursor[0] * width), round(self._cursor[1] * height)
                cv2.circle(place, centre, max(round(self._radius * height), 1), colour, thick, cv2.LINE_AA)

    def _go_on(self) -> None:
        """Draw what came since."""
        size = self._pad.size
        if size is None or (self._boxes and not self._erasing):
            return
        points = [(x * size[0], y * size[1]) for x, y in self._stroke[-2:]]
        (self._pad.erase if self._erasing else self._pad.brush)(points, self._radius * size[1])

    def _end(self, width: int, height: int) -> None:
        (x0, y0), (x1, y1), size = self._stroke[0], self._stroke[-1], self._pad.size
        meant = abs(x1 - x0) * width >= _SHORT and abs(y1 - y0) * height >= _SHORT
        if meant and self._boxes and not self._erasing and size is not None:
            self._request(self._pad.box((x0 * size[0], y0 * size[1]), (x1 * size[0], y1 * size[1])))
        self._stroke, self._erasing = [], False
        self._pad.pen(down=False)
        self._linger()

    def _resize(self, up: bool) -> None:
        self._radius = min(max(self._radius * (1.25 if up else 0.8), _LEAST), _MOST)

    def _linger(self) -> None:
        self._shown_until = time.monotonic() + _LINGERS

    def _request(self, values: Mapping[str, Value]) -> None:
        if values:
            self._controls.request({f"{self._name}.{name}": value for name, value in values.items()})
