"""What is known in some places, carried on smoothly to all others (push-pull): any values, or colours of the hidden.

After Gortler et al. 1996, https://dl.acm.org/doi/10.1145/237170.237200, section 3.4. Values have weights of any size,
and 0 comes of none; colours have the opacity of 0 to 1, and what is seen stays as it is to the byte.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

Plane = NDArray[np.float32]


def spread(values: Plane, weights: Plane) -> Plane:
    """Carry values on smoothly to where there are none: as averages of ever larger parts.

    Args:
        values: float32 ``(h, w, c)``.
        weights: how much each counts, ``(h, w)``.

    Returns:
        A surface ``(h, w, c)``: `values` where there is much weight, 0 everywhere where there is none at all.
    """
    sums = np.asarray(np.dstack([values * weights[..., None], weights]), np.float32)
    height, width = weights.shape
    mean = sums[..., :-1] / np.maximum(sums[..., -1:], 1e-9)
    if max(height, width) > 1:
        even = cv2.copyMakeBorder(sums, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)
        size = even.shape[1] // 2, even.shape[0] // 2
        less = np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float32).reshape(*size[::-1], -1)
        beyond = spread(np.asarray(less[..., :-1] / np.maximum(less[..., -1:], 1e-9)), less[..., -1])
        up = cv2.resize(beyond, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_LINEAR)
        below = np.asarray(up, np.float32).reshape(size[1] * 2, size[0] * 2, -1)[:height, :width]
        sure = np.minimum(sums[..., -1:] * 4, 1.0)
        mean = sure * mean + (1 - sure) * below
    return np.asarray(mean, np.float32)


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
    filled = _filled(np.asarray(cv2.multiply(image, cv2.merge([share] * 3), dtype=cv2.CV_32F), np.float32), share)
    return np.asarray(cv2.copyTo(cv2.convertScaleAbs(filled), hidden, image.copy()), np.uint8)


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


def _filled(colours: Plane, share: Plane) -> Plane:
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
    around = cv2.resize(_filled(less, np.asarray(sure, np.float32)), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(colours + around * (1 - share)[..., None], np.float32)
