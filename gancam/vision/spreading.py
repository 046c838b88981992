"""Values known in some places, carried on smoothly to all others."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def spread(values: Floats, weights: Floats) -> Floats:
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
