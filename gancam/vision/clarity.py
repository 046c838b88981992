"""Clarity: weak shapes brought out, so that what is drawn of a pale face is a face."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import shrunk
from gancam.vision.planes import Planes

_REACH = 12 / 640  # of the longer side: how far around it a pixel is compared
_EDGE = 16.0  # grey levels: what differs by more is an edge, and stays as it is
_WANTED = 15.0  # grey levels by which shapes shall differ
_MOST = 2.7  # times at most what they do
_STRONG = np.float32(10.0)  # levels at which a single pixel counts at most: hair beside a face says nothing of it
_NOISE, _SHAPE = 2.0, 5.5  # levels up to which there is but noise, and from which on a shape


def with_clarity(image: Image, amount: float = 1.0, planes: Planes | None = None) -> Image:
    """Raise the contrast of what differs little from its surroundings; edges, flat places and noise stay as they are.

    What differs is told by a guided filter of the picture by itself (fast guided filter,
    https://arxiv.org/abs/1505.00996).

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        amount: 0: nothing; 1: so that faces can be read in a drawing.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), image.shape[:2]
    if amount == 0.0:
        return image
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=planes("clarity grey", (height, width), np.uint8))
    size = shrunk((width, height), 2.0)  # of four pixels together there is half the noise
    radius = max(round(_REACH * max(size)), 1)
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    mean = _around(small, radius)
    varies = _around(cv2.multiply(small, small), radius) - np.square(mean)
    slope = varies / (varies + np.float32(_EDGE * _EDGE))
    differs = small - _around(slope, radius) * small - _around(mean - slope * mean, radius)
    weak = np.clip(differs, -_STRONG, _STRONG)
    shape = cv2.sqrt(np.maximum(_around(weak * weak, radius), 0))  # of sums that are rounded
    times = np.clip(np.float32(_WANTED) / np.maximum(shape, np.float32(1)), 1, np.float32(_MOST)) - np.float32(1)
    times *= np.float32(amount) * np.clip((shape - np.float32(_NOISE)) / np.float32(_SHAPE - _NOISE), 0, 1)
    times *= cv2.GaussianBlur(differs, (3, 3), 0)  # pores and noise stay as they are
    more = planes("clarity", (height, width), np.int16)
    cv2.resize(np.rint(times).astype(np.int16), (width, height), dst=more)
    mores = cv2.merge([more] * 3, dst=planes("clarities", image.shape, np.int16))
    return np.asarray(cv2.add(image, mores, dst=planes("clear", image.shape, np.uint8), dtype=cv2.CV_8U), np.uint8)


def _around(values: MatLike, radius: int) -> NDArray[np.float32]:
    return np.asarray(cv2.boxFilter(values, -1, (2 * radius + 1,) * 2), np.float32)
