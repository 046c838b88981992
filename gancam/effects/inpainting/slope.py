"""Slopes of brightness and colour, as a sky or a lit wall has, taken away before a network fills a hole and put back.

A network carries the colours of its ends too far into a wide hole, and leaves a stain. What is flat it fills exactly.
"""

import cv2
import numpy as np

from gancam.effects.inpainting.regions import Floats, floats
from gancam.frame import Image
from gancam.masks import Mask

_STRIDE = 8  # pixels between those that are looked at
_FEW = 48  # of them, at the least
_PART, _ALL = 0.85, 0.95  # share of what varies around a hole that a plane explains, from and at which it is taken away


def slope(image: Image, hole: Mask) -> Floats | None:
    """Find the plane, of mean 0 over the picture, that nearly all of what is known lies in.

    Args:
        image: uint8 ``(h, w, 3)``.
        hole: not 0 where nothing is known, ``(h, w)``.

    Returns:
        ``(h, w, 3)``; None where the picture is no such slope.
    """
    rows, columns = np.nonzero(hole[::_STRIDE, ::_STRIDE] == 0)
    if len(rows) < _FEW:
        return None
    height, width = hole.shape
    seen = floats(image[rows * _STRIDE, columns * _STRIDE])
    down, across = rows * _STRIDE / height - 0.5, columns * _STRIDE / width - 0.5
    terms = floats(np.column_stack([np.ones(len(rows)), down, across]))
    plane = np.linalg.lstsq(terms, seen, rcond=None)[0]
    varies = float(np.square(seen - seen.mean(0)).sum())
    explained = 1 - float(np.square(seen - terms @ plane).sum()) / max(varies, 1.0)
    if explained <= _PART:
        return None
    plane *= min((explained - _PART) / (_ALL - _PART), 1.0)
    y, x = np.arange(height) / height - 0.5, np.arange(width) / width - 0.5
    return floats(y[:, None, None] * plane[1] + x[None, :, None] * plane[2])


def without(image: Image, plane: Floats | None) -> Image:
    """Return `image` with a `slope` taken away."""
    return image if plane is None else np.asarray(cv2.subtract(image, plane, dtype=cv2.CV_8U), np.uint8)


def put_back(image: Image, plane: Floats | None) -> Image:
    """Return `image` with a `slope` added."""
    return image if plane is None else np.asarray(cv2.add(image, plane, dtype=cv2.CV_8U), np.uint8)
