"""Masks of everything that has a colour."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError, either, nearest, shown
from gancam.frame import Image, check_image
from gancam.masks.lettering import is_wide, letters
from gancam.masks.mask import Mask, MaskSource
from gancam.units import is_finite

COLOURS = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255),
    "magenta": (255, 0, 255), "orange": (255, 128, 0), "pink": (255, 105, 180), "white": (255, 255, 255),
    "black": (0, 0, 0),
}  # fmt: skip
_SPECK = 12  # pixels: what is smaller is noise, or a reflex
_BESIDE = 5  # pixels from what is no speck
_EDGE = 1 / 240
_STRICTER = 8.0, 20.0, 50.0  # tolerances: letters that run into a wall by the one asked for may not by these
_OTHER = 1.3  # times the tolerance from which on it is surely another colour


class ColourKey(MaskSource):
    """Marks everything of one colour, such as a marker, a glove or a ball; specks are left out.

    Args:
        colour: (r, g, b), each 0 to 255, ``#rrggbb`` or a name of `COLOURS`.
        tolerance: how far hue and saturation may differ, in units of CIELAB (0 to 100), in any light; for greys,
            lightness counts too.
        lettering: mark only what looks like letters of that colour, not a wall or a sky.
        soft: also mark the edge, where the colour mixes with what is beside it: `_EDGE` of the frame's shorter side, or
            3 pixels.

    Attributes:
        lettering: as given.

    Raises:
        MaskError: there is no such colour, or `tolerance` is out of range.
    """

    def __init__(
        self,
        colour: str | tuple[int, int, int],
        *,
        tolerance: float = 20.0,
        soft: bool = False,
        lettering: bool = False,
    ) -> None:
        self.colour = parse_colour(colour) if isinstance(colour, str) else colour
        if (
            not isinstance(self.colour, Sequence)
            or len(self.colour) != 3
            or not all(is_finite(part) and 0 <= part <= 255 for part in self.colour)
        ):
            raise MaskError(f"colour {shown(colour)}: needs (r, g, b) of 0..255, #rrggbb, {either(COLOURS)}")
        if not is_finite(tolerance) or not 0 < tolerance <= 200:
            raise MaskError(f"tolerance {shown(tolerance)}: needs a number of more than 0, 200 at most")
        self._lab = _lab(self.colour)
        self._tolerance, self._soft, self.lettering = tolerance, soft, lettering
        self._unread = self._read = False  # whether it saw the colour, and letters of it
        self._grey = _colourless(self._lab)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 255 where `image` ``(H, W, 3)`` has the colour, else 0: uint8 ``(H, W)``."""
        marked, _ = self.hard(image)
        return softened(marked) if self._soft else marked

    def hard(self, image: Image, *, lettering: bool = False) -> tuple[Mask, Mask]:
        """Return two masks of `image`: what is marked, without the soft edge, and the letters of the colour.

        Both are uint8 ``(H, W)``, 255 or 0; `image` is uint8 ``(H, W, 3)`` BGR. The second is empty unless `lettering`
        is true here or in the source.
        """
        lab = np.asarray(cv2.cvtColor(check_image(image), cv2.COLOR_BGR2LAB), np.uint8)
        marked, letters = self._within(lab, self._tolerance), np.zeros(lab.shape[:2], np.uint8)
        self._unread |= cv2.hasNonZero(marked)
        if lettering or self.lettering:
            letters = self._letters(lab, marked)
            self._read |= cv2.hasNonZero(letters)
        return letters if self.lettering else _without_specks(marked), letters

    def _letters(self, lab: NDArray[np.uint8], marked: Mask) -> Mask:
        """255 where there are letters of the colour: in what is `marked`, and beside a wall by stricter tolerances."""
        light, found = np.ascontiguousarray(lab[..., 0]), np.zeros_like(marked)
        stricter = [one for one in _STRICTER if one < self._tolerance] if is_wide(marked) else []
        for tolerance in (*stricter, self._tolerance):
            alike = self._within(lab, tolerance) if tolerance in stricter else marked
            other = np.asarray(cv2.bitwise_not(self._within(lab, _OTHER * tolerance)), np.uint8)
            found |= letters(alike, other, light, strictly=tolerance in stricter)
        return found

    @property
    def notes(self) -> list[str]:
        """A note where the colour was found but none of it is lettering."""
        if self._read or not (self._unread and self.lettering):
            return []
        return ["what has the colour of the key does not look like letters, and stays; letters=off fills it"]

    def reset(self) -> None:
        """Forget whether letters have been seen."""
        self._unread = self._read = False

    def _within(self, lab: NDArray[np.uint8], tolerance: float) -> Mask:
        """255 where `lab` is within `tolerance`, else 0."""
        low, high = self._lab - tolerance, self._lab + tolerance
        if not self._grey:
            low[0], high[0] = 10, 255  # in the dark there is no colour
        else:
            low[0], high[0] = self._lab[0] - 2.55 * tolerance, self._lab[0] + 2.55 * tolerance
        return np.asarray(cv2.inRange(lab, low.clip(0, 255), high.clip(0, 255)), np.uint8)


def softened(marked: Mask) -> Mask:
    """Enlarge what is `marked` by the edge in which its colour mixes with what is beside it."""
    edge = max(round(min(marked.shape) * _EDGE), 3)
    return np.asarray(cv2.dilate(marked, np.ones((2 * edge + 1,) * 2, np.uint8)), np.uint8)


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
    """Return (r, g, b), each 0 to 255, for ``#rrggbb``, ``rrggbb`` or a name in `COLOURS`. Raises ``MaskError``."""
    if not isinstance(text, str):
        raise MaskError(f"colour {shown(text)}: needs #rrggbb, {either(COLOURS)}")
    if text.lower() in COLOURS:
        return COLOURS[text.lower()]
    digits = text.removeprefix("#")
    if len(digits) == 6:
        try:
            return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
        except ValueError:
            pass
    raise MaskError(f"colour {text!r}: needs #rrggbb, {either(COLOURS)}{nearest(text, COLOURS)}")


def is_grey(text: str) -> bool:
    """Tell whether a colour, in any form that `parse_colour` takes, is white, black or grey. Raises ``MaskError``."""
    return _colourless(_lab(parse_colour(text)))


def _lab(colour: tuple[int, int, int]) -> NDArray[np.float32]:
    """CIELAB, as OpenCV has it in 8 bits, of (r, g, b)."""
    pixel = cv2.cvtColor(np.array([[colour[::-1]]], np.uint8), cv2.COLOR_BGR2LAB)
    return np.asarray(pixel[0, 0], np.float32)


def _colourless(lab: NDArray[np.float32]) -> bool:
    return float(np.hypot(*(lab[1:] - 128.0))) < 16
