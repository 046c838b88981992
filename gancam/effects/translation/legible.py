"""Letters stay readable: a drawing recedes where there is writing, and where a point of light is in the dark."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.translation.paper import on_ground
from gancam.effects.translation.sparks import with_sparks
from gancam.effects.translation.writing import in_ink
from gancam.frame import Image
from gancam.vision.blend import composite
from gancam.vision.fit import halved, within
from gancam.vision.planes import Planes

_CREAM = 20  # levels by which paper that is drawn is off the white of ink's at most
_SMALL, _RING = 320, 7  # pixels of the longer side on which what is around letters is seen, and of its width there
_BLACK, _PAPER, _HATCHED = 18.0, 232.0, 18.0  # levels of that between which it is hatched, and so far within in full
_LEAST = 8  # pixels of their paper that are seen there, at least
_SEEN = 960  # pixels of the longer side on which strokes are found
_CLEAR = 24.0, 48.0  # levels by which strokes differ from their paper: from which on they are seen, and in full
_STROKES = np.rint(255 * np.clip((np.arange(256) - _CLEAR[0]) / (_CLEAR[1] - _CLEAR[0]), 0, 1)).astype(np.uint8)
_OUTLINE = 7  # pixels of a stroke's outline, on both sides together


def legible(
    image: Image, drawn: Image, seen: NDArray[np.uint8] | None, planes: Planes, *, hatched: bool, inked: bool = True
) -> Image:
    """Let `drawn` recede where there is writing in `image`, or a point of light in the dark.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        drawn: What a style made of it, of the same shape.
        seen: How far each place is written on, 0 to 255, ``(H, W)``; None: nowhere.
        planes: Where it works.
        hatched: Whether it is drawn with a pen: letters are in black ink then, without their paper on hatching.
        inked: If not, those have their own colours.
    """
    if not hatched:
        drawn = with_sparks(image, drawn, planes)
    if seen is None:
        return drawn
    ink = hatched and inked
    letters = in_ink(image) if ink else image
    shown = outlined(image, drawn, seen) if ink else seen
    letters = on_ground(letters, drawn, seen, most=_CREAM if ink else 255)
    return composite(drawn, letters, "normal", shown, planes=planes)


def outlined(image: Image, drawn: Image, seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Say how far letters in ink are laid on a drawing: with their paper, or, amid hatching, within an outline.

    Else a label on a dark page, or a title on a coloured bar, has a black or white plate amid the hatching.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        drawn: What a style made of it, of the same shape.
        seen: How far each place is written on, 0 to 255, ``(H, W)``.

    Returns:
        0 to 255, ``(H, W)``.
    """
    full = image.shape[1], image.shape[0]
    size, fine = within(full, _SMALL), within(full, _SEEN)
    own, made = (cv2.cvtColor(halved(one, size), cv2.COLOR_BGR2GRAY) for one in (image, drawn))
    there = (cv2.resize(seen, size, interpolation=cv2.INTER_AREA) > 0).view(np.uint8)
    count, labels = cv2.connectedComponents(there, ltype=cv2.CV_16U)
    levels = (labels.astype(np.int32) * 256 + own).ravel()
    below = np.bincount(levels, minlength=256 * count).reshape(count, 256).cumsum(1)
    papers = (2 * below > below[:, -1:]).argmax(1)  # the median: letters are less than half of what is written on
    near = cv2.dilate(labels, np.ones((2 * _RING + 1,) * 2, np.uint8))
    around = (there == 0) & (near > 0) & (np.abs(own - papers[near]) < _CLEAR[0])
    pixels = np.bincount(near[around], minlength=count)
    level = np.bincount(near[around], made[around], count) / np.maximum(pixels, 1)
    hatched = np.where(pixels >= _LEAST, np.minimum(level - _BLACK, _PAPER - level), 0.0)
    share = np.clip(hatched / _HATCHED, 0, 1)
    if not share.any():
        return seen
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), fine, interpolation=cv2.INTER_AREA)
    beneath = np.where(labels > 0, papers[labels], own).astype(np.uint8)
    ground = cv2.resize(beneath, fine, interpolation=cv2.INTER_NEAREST)
    strokes = cv2.dilate(cv2.LUT(cv2.absdiff(grey, ground), _STROKES), np.ones((_OUTLINE,) * 2, np.uint8))
    rest = cv2.bitwise_not(cv2.blur(strokes, (3, 3)))
    less = cv2.resize(np.rint(255 * share[labels]).astype(np.uint8), fine, interpolation=cv2.INTER_NEAREST)
    kept = cv2.bitwise_not(cv2.multiply(less, rest, scale=1 / 255))
    return np.asarray(cv2.multiply(seen, cv2.resize(kept, full), scale=1 / 255), np.uint8)
