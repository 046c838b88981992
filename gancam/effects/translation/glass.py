"""Glass: panes have the hue of what lies under them, and of what is dark none is black among grey ones."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.chroma import chroma_of
from gancam.vision.fit import halved, shrunk
from gancam.vision.planes import Planes, brightest, darkest, ramp

Plane = NDArray[np.float32]

_SMALL, _PANE = 4.0, 5  # times smaller is a picture that tells of hues; pixels of that whose median a pane shows
_PALE = 40.0, 80.0  # levels between channels up to which glass has the hue of what is seen, and from which on its own
_STRONGER, _LIGHT = (1.32, 1.05), (160.0, 215.0)  # times as colourful glass is, up to and from these levels on
_UNIT = 128.0  # of a factor
_DARK = 60.0, 100.0  # levels up to which a pane is dark, and from which on it is not
_LEAD = 3  # pixels of the small picture that are broader than a lead
_BLACK, _LEAST = 18.0, (1.3, 0.6)  # level up to which a dark pane is at least the first as light as what is seen


def as_glass(drawn: Image, seen: Image, planes: Planes | None = None) -> Image:
    """Give panes in a drawing, itself, the hue of what was seen there, and dark ones some of its light.

    Networks make panes warmer and colder by turns, which on a grey wall are orange and blue, and some of dark cloth
    black. What is colourful stays as it was drawn.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`.
        seen: The same size.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), seen.shape[:2]
    size = shrunk((width, height), _SMALL)
    there = np.asarray(cv2.medianBlur(halved(seen, size), _PANE), np.uint8)
    grey = planes("glass grey", (height, width), np.uint8)
    cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY, dst=grey)
    light = np.asarray(cv2.cvtColor(there, cv2.COLOR_BGR2GRAY), np.uint8)
    own = _own_hue(there, light.astype(np.float32))
    if own is not None:
        factors, share = own
        hue, rest, level = (planes(name, drawn.shape, np.uint8) for name in ("glass hue", "glass rest", "glass shares"))
        cv2.resize(factors, (width, height), dst=hue)
        cv2.multiply(hue, cv2.merge([grey] * 3, dst=rest), dst=hue, scale=1 / _UNIT)
        one = cv2.resize(share, (width, height), dst=planes("glass one", (height, width), np.uint8))
        cv2.merge([one] * 3, dst=level)
        cv2.multiply(hue, level, dst=hue, scale=1 / 255)
        cv2.multiply(drawn, cv2.bitwise_not(level, dst=level), dst=drawn, scale=1 / 255)
        cv2.add(drawn, hue, dst=drawn)
    made = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    lack = _lack(made, light)
    if lack.any():
        more = cv2.resize(lack, (width, height), dst=grey)
        cv2.add(drawn, cv2.merge([more] * 3, dst=planes("glass rest", drawn.shape, np.uint8)), dst=drawn)
    return drawn


def _own_hue(there: Image, light: Plane) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """What each channel is of luma, in shares of `_UNIT`, and how far that holds, 0 to 255; None: nowhere."""
    chroma = chroma_of(there).astype(np.float32)
    share = 1 - ramp(brightest(chroma) - darkest(chroma), *_PALE)
    if share.max() < 0.01:
        return None
    times = np.float32(_STRONGER[0]) - np.float32(_STRONGER[0] - _STRONGER[1]) * ramp(light, *_LIGHT)
    factors = chroma * (np.float32(_UNIT) * times / np.maximum(light, 8))[..., None] + np.float32(_UNIT)
    return np.rint(factors.clip(0, 255)).astype(np.uint8), np.rint(255 * share).astype(np.uint8)


def _lack(made: NDArray[np.uint8], light: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels that dark panes lack, leads aside."""
    window = np.ones((_LEAD, _LEAD), np.uint8)
    seen = cv2.erode(light, window).astype(np.float32)
    least = np.maximum(np.minimum(seen * np.float32(_LEAST[0]), np.float32(_BLACK)), seen * np.float32(_LEAST[1]))
    lack = least * (1 - ramp(light, *_DARK)) - cv2.morphologyEx(made, cv2.MORPH_CLOSE, window)
    return cv2.blur(np.maximum(lack, 0), (3, 3)).round().astype(np.uint8)  # type: ignore[no-any-return]
