"""The fine lines of a frame, for what a network made of it smaller (fast guided filter, https://arxiv.org/abs/1505.00996)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.planes import Planes

_UNIT = 2048  # of a slope, of at most 128 / (2 * 40 ** 0.5)
_RADIUS, _FLAT = 4, 40.0  # of the guided filter: its window, and the variance under which there is no edge


def fine_lines(found: Image, small: Image, image: Image, planes: Planes) -> NDArray[np.int16]:
    """Give what `found`, enlarged to the size of `image`, lacks of the fine lines of that.

    Around each pixel the output's luma is taken for a linear function of the frame's; its slope, which is smooth, says
    how much of what `small` lacks of `image` is lacking.

    Args:
        found: uint8 ``(h, w, 3)`` BGR, what was made of `small`.
        small: The same size: `image`, shrunk.
        image: uint8 ``(H, W, 3)`` BGR.
        planes: Where it works.

    Returns:
        ``(H, W, 3)``, to be added.
    """
    size, shape = (image.shape[1], image.shape[0]), image.shape[:2]
    slope = planes("slope", shape, np.int16)
    cv2.resize(_slope(small, found, planes), size, dst=slope, interpolation=cv2.INTER_LINEAR)
    grey, coarse = planes("grey", shape, np.uint8), planes("coarse", shape, np.uint8)
    cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=grey)
    cv2.resize(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), size, dst=coarse, interpolation=cv2.INTER_LINEAR)
    detail = cv2.subtract(grey, coarse, dst=planes("detail", shape, np.int16), dtype=cv2.CV_16S)
    cv2.multiply(detail, slope, dst=detail, scale=1 / _UNIT)
    return np.asarray(cv2.merge([detail] * 3, dst=planes("details", image.shape, np.int16)), np.int16)


def _slope(small: Image, found: Image, planes: Planes) -> NDArray[np.int16]:
    """How much the luma of `found` grows with that of `small`, smoothly, in shares of `_UNIT`."""
    shape, window = small.shape[:2], (2 * _RADIUS + 1,) * 2
    guide, target = (planes(name, shape, np.uint8) for name in ("guide", "target"))
    mean, aim, both, varies = (planes(name, shape, np.float32) for name in ("mean", "aim", "both", "varies"))
    for image, grey, middle in ((small, guide, mean), (found, target, aim)):
        cv2.boxFilter(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=grey), cv2.CV_32F, window, dst=middle)
    product = cv2.multiply(guide, target, dst=planes("product", shape, np.uint16), dtype=cv2.CV_16U)
    cv2.boxFilter(product, cv2.CV_32F, window, dst=both)
    cv2.sqrBoxFilter(guide, cv2.CV_32F, window, dst=varies)
    both -= np.multiply(mean, aim, out=aim)
    varies -= np.multiply(mean, mean, out=mean)
    varies += np.float32(_FLAT)
    both *= np.float32(_UNIT)
    slope = planes("small slope", shape, np.int16)
    np.copyto(slope, np.divide(both, varies, out=both), casting="unsafe")
    return np.asarray(cv2.blur(slope, window, dst=planes("smooth slope", shape, np.int16)), np.int16)
