"""A gallery over the window's picture: what each chain of effects makes of it, to choose by the mouse."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from gancam.control import EffectMenu
from gancam.frame import Image
from gancam.vision.fit import scaled
from gancam.vision.text import GREY, WHITE, YELLOW, draw_text, text_width

_THROUGH = 0.35  # of the picture is seen behind
_EMPTY, _POINTED = (60, 58, 56), (110, 106, 102)  # BGR


class Gallery:
    """Lays out thumbnails in a grid over the whole window; a click has one play.

    Args:
        menu: What can be chosen.

    Attributes:
        open: Whether it is shown.
    """

    def __init__(self, menu: EffectMenu) -> None:
        self._menu = menu
        self.open = False
        self._names: Sequence[str] = ()
        self._cells: list[tuple[int, int, int, int]] = []  # left, top, right, bottom
        self._pointed: int | None = None

    def toggle(self) -> None:
        """Show it, with thumbnails of the picture of now, or put it away."""
        self.open = not self.open
        self._pointed = None
        self._menu.look(on=self.open)

    def draw(self, canvas: Image, letters: int) -> None:
        """Draw into `canvas`, in place, with capitals of `letters` pixels."""
        tall, wide = canvas.shape[:2]
        cv2.convertScaleAbs(canvas, dst=canvas, alpha=_THROUGH)
        self._names = tuple(self._menu.names)
        line, gap = round(letters * 2.2), max(letters // 2, 3)
        self._cells = cells(len(self._names), (wide, tall), line, gap)
        now, coming = self._menu.playing, self._menu.coming
        for number, (name, (left, top, right, bottom)) in enumerate(zip(self._names, self._cells, strict=True)):
            place = canvas[top : bottom - line, left:right]
            picture = self._menu.thumbnail(name)
            if not place.size:
                continue
            _paint(place, picture)
            chosen = name == (coming or now)
            colour = YELLOW if chosen else WHITE if number == self._pointed else GREY if picture is None else WHITE
            if chosen or number == self._pointed:
                frame = YELLOW if chosen else _POINTED
                cv2.rectangle(canvas, (left - 1, top - 1), (right, bottom - line), frame, max(letters // 6, 2))
            said = f"{name} ..." if name == coming else name
            while text_width(said, letters) > right - left and len(said) > 3:
                said = said.removesuffix("..")[:-1] + ".."
            draw_text(canvas, said, (left, bottom - line + round(letters * 1.5)), letters, colour)

    def mouse(self, event: int, x: int, y: int) -> str | None:
        """Do what the mouse wants. Returns the name of what was chosen, if something was."""
        inside = [left <= x < right and top <= y < bottom for left, top, right, bottom in self._cells]
        self._pointed = inside.index(True) if True in inside else None
        if event != cv2.EVENT_LBUTTONDOWN or self._pointed is None:
            return None
        return self._menu.choose(self._names[self._pointed])


def cells(count: int, size: tuple[int, int], line: int, gap: int) -> list[tuple[int, int, int, int]]:
    """Lay out `count` cells of 16:9 with a line of text under each, as large as they can be in `size`.

    Args:
        count: How many.
        size: (width, height) of the place for all.
        line: Height of the text.
        gap: Between cells, and to the edges.

    Returns:
        (left, top, right, bottom) of each.
    """
    wide, tall = size
    best = (0.0, 1)
    for columns in range(1, max(count, 1) + 1):
        rows = math.ceil(count / columns)
        width = (wide - gap) / columns - gap
        height = (tall - gap) / max(rows, 1) - gap - line
        best = max(best, (min(width, height * 16 / 9), columns))
    width, columns = max(int(best[0]), 1), best[1]
    height, rows = max(round(width * 9 / 16), 1), math.ceil(count / columns)
    left = (wide - columns * (width + gap) + gap) // 2
    top = max((tall - rows * (height + line + gap) + gap) // 2, 0)
    found = []
    for number in range(count):
        row, column = divmod(number, columns)
        x, y = left + column * (width + gap), top + row * (height + line + gap)
        found.append((x, y, x + width, y + height + line))
    return found


def _paint(place: Image, picture: Image | None) -> None:
    """Fit `picture` into `place`; an empty frame where there is none yet."""
    place[:] = _EMPTY
    if picture is None:
        return
    tall, wide = place.shape[:2]
    height, width = picture.shape[:2]
    scale = min(wide / width, tall / height)
    size = scaled((width, height), scale)
    left, top = (wide - size[0]) // 2, (tall - size[1]) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    place[top : top + size[1], left : left + size[0]] = np.asarray(cv2.resize(picture, size, interpolation=how))
