"""People whom others stand before: seen once these are taken out of the picture.

A network that sees somebody near takes who is smaller, or out of focus behind them, for the background of a portrait.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.mask import Mask
from gancam.vision.push_pull import spread

_LONGEST = 960  # pixels of the longer side of the picture in which those in front are replaced by what is around them
_LOOKS = 2  # once more for those behind these
_HALF = 127  # of 255
_LEAST = 0.0005  # of the picture: less is nobody

Look = Callable[[Image], Mask]


def behind(image: Image, marked: Mask, look: Look) -> Mask:
    """Return how much of each pixel are people in `image` whom those who are `marked` kept from being seen.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        marked: how much of each pixel is somebody, uint8 ``(H, W)``; more than half of it: nobody else is.
        look: says the same of a picture.
    """
    found, known = np.zeros_like(marked), marked > _HALF
    for _ in range(_LOOKS):
        if not known.any() or known.all():
            break
        more = np.where(known, np.uint8(0), look(_without(image, known)))
        if np.count_nonzero(more > _HALF) < _LEAST * more.size:
            break
        found = np.maximum(found, more)
        known |= more > _HALF
    return found


def _without(image: Image, known: NDArray[np.bool_]) -> Image:
    """`image` with what is around them where people are known to be."""
    shrink = max(max(known.shape) / _LONGEST, 1.0)
    size = max(round(known.shape[1] / shrink), 1), max(round(known.shape[0] / shrink), 1)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    seen = cv2.resize(np.where(known, np.uint8(0), np.uint8(255)), size, interpolation=cv2.INTER_AREA) == 255
    smooth = spread(small, np.asarray(seen, np.float32)).clip(0, 255).astype(np.uint8)
    whole = cv2.resize(smooth, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], np.asarray(whole, np.uint8), image)
