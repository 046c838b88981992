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
_SPECK = 12  # pixels: what is smaller is noise, or a reflex
_BESIDE = 5  # pixels from what is no speck
_EDGE = 1 / 240


class ColourKey(MaskSource):
    """Everything of a colour: a marker, a glove, a ball. Specks are left out.

    Args:
        colour: (r, g, b), each 0 to 255, ``#rrggbb`` or a name of `COLOURS`.
        tolerance: how far hue and saturation may differ, in units of CIELAB (of 100), whatever the light; greys are
            told by their lightness, too.
        soft: with the edge, in which the colour mixes with what is beside it: `_EDGE` of the frame's shorter side, or 3
            pixels.

    Raises:
        MaskError: there is no such colour, or `tolerance` is out of range.
    """

    def __init__(self, colour: str | tuple[int, int, int], *, tolerance: float = 20.0, soft: bool = False) -> None:
        self.colour = parse_colour(colour) if isinstance(colour, str) else colour
        if len(self.colour) != 3 or not all(0 <= part <= 255 for part in self.colour):
            raise MaskError(f"colour {colour!r}: needs (r, g, b) of 0..255, #rrggbb or one of {', '.join(COLOURS)}")
        if not 0 < tolerance <= 200:
            raise MaskError(f"tolerance {tolerance}: needs more than 0, 200 at most")
        pixel = np.array([[self.colour[::-1]]], np.uint8)
        self._lab = cv2.cvtColor(pixel, cv2.COLOR_BGR2LAB)[0, 0].astype(np.float32)
        self._tolerance, self._soft = tolerance, soft
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
        marked = _without_specks(marked)
        if self._soft:
            edge = max(round(min(marked.shape) * _EDGE), 3)
            marked = np.asarray(cv2.dilate(marked, np.ones((2 * edge + 1,) * 2, np.uint8)), np.uint8)
        return marked


def _without_specks(marked: Mask) -> Mask:
    """Leave out what is smaller than `_SPECK` pixels, but not beside what is larger: the dot of an i, a full stop."""
    if not cv2.hasNonZero(marked):
        return marked
    marked = np.asarray(cv2.morphologyEx(marked, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= _SPECK
    large[0] = False
    if large[1:].all():
        return marked
    bodies = np.where(large, np.uint8(255), np.uint8(0))[labels]
    near = cv2.dilate(bodies, np.ones((2 * _BESIDE + 1,) * 2, np.uint8))
    beside = np.unique(labels[(near > bodies) & (marked > 0)])
    return np.asarray(bodies | np.where(np.isin(labels, beside) & (labels > 0), np.uint8(255), np.uint8(0)), np.uint8)


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
