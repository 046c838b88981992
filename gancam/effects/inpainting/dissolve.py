"""Scenes that pass into each other over several frames: a cross-dissolve, or a fade through one colour."""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_SIZE = 48, 32  # of the pictures that are compared
_APART = 4, 12  # frames from each of three to the next, for quick ones and for slow ones
_CHANGE = 8.0  # levels by which the first and the third differ on average, at least
_BETWEEN = 0.1, 0.9  # how much of the third the one between them shows
_LATE, _OVER = 3, 0.95  # frames before the third, which showed less of it than that then: else it was over by then
_REST = 0.12  # of that difference: how far it is off a mix of both, at most: a camera that pans is further
_ALIKE = 0.8  # correlation from which on both are one scene, which became lighter or darker
_FLAT = 2.5  # levels of deviation under which a picture shows nothing

Plane = NDArray[np.float32]


class Dissolves:
    """Tells frames in which one scene passes into another, which no comparison with the frame before does.

    Of three frames, the one between is a mix of the others then, each pixel by the same share, and these are not alike.
    """

    def __init__(self) -> None:
        self._last: deque[Plane] = deque(maxlen=2 * max(_APART) + 1)

    def look(self, image: Image) -> bool:
        """Take in the next frame, uint8 ``(H, W, 3)``; say whether scenes passed into each other up to it."""
        step = max(min(image.shape[1] // (2 * _SIZE[0]), image.shape[0] // (2 * _SIZE[1])), 1)
        few = np.ascontiguousarray(image[::step, ::step, 1])
        now = np.asarray(cv2.resize(few, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
        self._last.append(now)
        flat = [bool(one.std() < _FLAT) for one in (self._last[max(len(self._last) - 2, 0)], now)]
        if flat[0] != flat[1]:
            return True
        if flat[1] or len(self._last) <= _LATE:
            return False
        late = self._last[-1 - _LATE]
        return any(
            len(self._last) > 2 * apart and _is_mix(self._last[-1 - apart], self._last[-1 - 2 * apart], late, now)
            for apart in _APART
        )


def _is_mix(between: Plane, before: Plane, late: Plane, now: Plane) -> bool:
    """Whether the picture between two that are not alike is a mix of them, and a `late` one is not as `now` yet."""
    change = now - before
    size = float(np.abs(change).mean())
    if size < _CHANGE or float(before.std()) < _FLAT:
        return False
    share, last = (float((change * (one - before)).sum() / (change * change).sum()) for one in (between, late))
    if not _BETWEEN[0] < share < _BETWEEN[1] or last > _OVER:
        return False
    if float(np.abs(before + np.float32(share) * change - between).mean()) > _REST * size:
        return False
    return float(np.corrcoef(before.ravel(), now.ravel())[0, 1]) < _ALIKE
