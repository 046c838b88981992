"""Opacity: what is fully transparent has no colours of its own, and takes those of what is around."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

Plane = NDArray[np.float32]


def with_colours_spread(image: Image, alpha: Image) -> Image:
    """Give what is fully transparent the colours of what is around it.

    Files have black there, or white, or what an editor left: a network would see an edge where the picture ends, and
    draw its rim or a line along it.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        alpha: Its opacity, uint8 ``(H, W)``.

    Returns:
        A new array; where the picture is seen it is `image` to the byte. `image` itself where all or nothing is seen.
    """
    hidden = _hidden(alpha)
    if cv2.countNonZero(hidden) in (0, hidden.size):
        return image
    share = np.asarray(alpha, np.float32) / np.float32(255)
    spread = _spread(np.asarray(cv2.multiply(image, cv2.merge([share] * 3), dtype=cv2.CV_32F), np.float32), share)
    return np.asarray(cv2.copyTo(cv2.convertScaleAbs(spread), hidden, image.copy()), np.uint8)


def with_hidden(made: Image, image: Image, alpha: Image) -> Image:
    """Give what was made of an image what that has where all is transparent, for whoever shows it without opacity.

    Args:
        made: uint8 ``(h, w, 3)``.
        image: uint8 ``(H, W, 3)``, scaled to that size.
        alpha: Opacity of `made`, uint8 ``(h, w)``.
    """
    if image.shape != made.shape:
        image = np.asarray(cv2.resize(image, (made.shape[1], made.shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.asarray(cv2.copyTo(image, _hidden(alpha), made.copy()), np.uint8)


def _hidden(alpha: Image) -> Image:
    """255 where it is fully transparent, else 0."""
    return np.asarray(cv2.threshold(alpha, 0, 255, cv2.THRESH_BINARY_INV)[1], np.uint8)


def _spread(colours: Plane, share: Plane) -> Plane:
    """Colours, known by `share` and multiplied by it, with the rest taken from a picture of half the size (push-pull).

    After Gortler et al. 1996, https://dl.acm.org/doi/10.1145/237170.237200, section 3.4.
    """
    height, width = share.shape
    if max(height, width) == 1:
        return np.asarray(colours / np.maximum(share, np.float32(1e-6))[..., None], np.float32)
    half = (width + 1) // 2, (height + 1) // 2
    less, known = (
        np.asarray(cv2.resize(one, half, interpolation=cv2.INTER_AREA), np.float32) for one in (colours, share)
    )
    sure = np.minimum(4 * known, np.float32(1))  # one pixel of four is enough
    less *= np.asarray(sure / np.maximum(known, np.float32(1e-6)), np.float32)[..., None]
    around = cv2.resize(_spread(less, np.asarray(sure, np.float32)), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(colours + around * (1 - share)[..., None], np.float32)
