"""What soft edges show of what is behind them, taken away before something else is put there."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import shrunk

_SMALL = 120  # pixels of the shorter side at which colours are averaged
_REACH = 1 / 30  # of the shorter side: how wide such an average is
_RIM = 1 / 480  # of the shorter side: how far in from an edge a camera's lens and codec smear what is behind


def own_colours(image: Image, opacity: NDArray[np.uint8]) -> Image:
    """Give what is cut out of an image its own colours: its edges show some of what was behind it.

    Blur fusion (Forte 2021, https://arxiv.org/abs/2006.14970), one step of it: means of the colours on either side
    stand for both, and what the image has beside their mixture is what is cut out has.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        opacity: How much of each pixel is what is cut out, uint8 ``(H, W)``.

    Returns:
        A new array; where all of a pixel and of those around it is cut out, it is `image` to the byte.
    """
    height, width = opacity.shape
    opacity = np.asarray(cv2.min(opacity, cv2.GaussianBlur(opacity, (0, 0), max(_RIM * min(height, width), 0.5))))
    shrink = max(min(height, width) / _SMALL, 1.0)
    size = shrunk((width, height), shrink)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    share = cv2.merge([cv2.resize(opacity, size, interpolation=cv2.INTER_AREA)] * 3).astype(np.float32) / np.float32(
        255
    )
    front, behind = (
        cv2.resize(_mean(small, weight), (width, height), interpolation=cv2.INTER_LINEAR)
        for weight in (share, 1 - share)
    )
    weight = cv2.merge([opacity] * 3)
    mixed = cv2.add(
        cv2.multiply(front, weight, scale=1 / 255), cv2.multiply(behind, cv2.bitwise_not(weight), scale=1 / 255)
    )
    beside = cv2.multiply(cv2.subtract(image, mixed, dtype=cv2.CV_16S), weight.astype(np.int16), scale=1 / 255)
    return np.asarray(cv2.add(beside, front, dtype=cv2.CV_8U), np.uint8)


def _mean(image: NDArray[np.float32], share: NDArray[np.float32]) -> Image:
    """The mean around each pixel of those that have a share of all or nearly."""
    side = 2 * round(_REACH * min(image.shape[:2])) + 1
    weight = share * share
    weight *= weight
    found = cv2.blur(cv2.multiply(image, weight), (side, side))
    return np.asarray(
        cv2.convertScaleAbs(found / np.maximum(cv2.blur(weight, (side, side)), np.float32(1e-6))), np.uint8
    )
