"""Masks of everything that has a colour."""

import cv2
import numpy as np

from gancam.errors import MaskError
from gancam.frame import Image
from gancam.masks.mask import Mask, MaskSource

COLOURS = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255),
    "magenta": (255, 0, 255), "orange": (255, 128, 0), "pink": (255, 105, 180), "white": (255, 255, 255),
    "black": (0, 0, 0),
}  # fmt: skip


class ColourKey(MaskSource):
    """Everything of a colour: a marker, a glove, a ball. Specks are left out.

    Args:
        colour: (r, g, b), each 0 to 255, ``#rrggbb`` or a name of `COLOURS`.
        tolerance: how far hue and saturation may differ, in units of CIELAB (of 100), whatever the light; greys are
            told by their lightness, too.

    Raises:
        MaskError: there is no such colour, or `tolerance` is out of range.
    """

    def __init__(self, colour: str | tuple[int, int, int], *, tolerance: float = 20.0) -> None:
        self.colour = parse_colour(colour) if isinstance(colour, str) else colour
        if len(self.colour) != 3 or not all(0 <= part <= 255 for part in self.colour):
            raise MaskError(f"colour {colour!r}: needs (r, g, b) of 0..255, #rrggbb or one of {', '.join(COLOURS)}")
        if not 0 < tolerance <= 200:
            raise MaskError(f"tolerance {tolerance}: needs more than 0, 200 at most")
        pixel = np.array([[self.colour[::-1]]], np.uint8)
        self._lab = cv2.cvtColor(pixel, cv2.COLOR_BGR2LAB)[0, 0].astype(np.float32)
        self._tolerance = tolerance
        self._grey = float(np.hypot(*(self._lab[1:] - 128.0))) < 16

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 255 where `image` ``(H, W, 3)`` has the colour, else 0: uint8 ``(H, W)``."""
        lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
        low, high = self._lab - self._tolerance, self._lab + self._tolerance
        if not self._grey:
            low[0], high[0] = 10, 255  # in the dark there is no colour
        else:
            low[0], high[0] = self._lab[0] - 2.55 * self._tolerance, self._lab[0] + 2.55 * self._tolerance
        marked = np.asarray(cv2.inRange(lab, low.clip(0, 255), high.clip(0, 255)), np.uint8)
        return np.asarray(cv2.medianBlur(marked, 5) if min(image.shape[:2]) > 4 else marked, np.uint8)


def parse_colour(text: str) -> tuple[int, int, int]:
    """Return (r, g, b), each 0 to 255, of ``#rrggbb``, ``rrggbb`` or a name of `COLOURS`. Raises ``MaskError``."""
    if text.lower() in COLOURS:
        return COLOURS[text.lower()]
    digits = text.removeprefix("#")
    if len(digits) == 6:
        try:
            return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
        except ValueError:
            pass
    raise MaskError(f"colour {text!r}: needs #rrggbb or one of {', '.join(COLOURS)}")
