"""The edge of a hole, hidden from inside: the fill there takes on the light and colour of what is around it.

What differs across the edge is compared pixel by pixel along it, averaged by cells, and added to the fill, less and
less further in. Where the two sides differ by texture the average means nothing, and where they differ by much there is
an edge in the scene: there the fill stays as it is.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.light import in_pixels
from gancam.effects.inpainting.regions import CELL, Floats, floats
from gancam.frame import Image
from gancam.masks import Mask
from gancam.vision.spreading import spread

_OTHER = 40.0  # grey levels between the sides of an edge: more is not light, it is something else
_DOUBT = 4.0  # times its squared standard error by which a difference is made smaller
_ALONG = np.array([0.5, 1.0, 0.5], np.float32)  # how much a cell and those beside it count


class Seam:
    """The edge of what is hidden in a window: found once, hidden in each frame.

    Args:
        hidden: 1 where the window is filled, else 0, uint8 ``(h, w)``.
        feather: pixels from the edge inward over which the fill is changed, 1 or more.
        beside: 1 where something else is, that the fill is not made like; None: nowhere.
    """

    def __init__(self, hidden: Mask, feather: int, beside: Mask | None = None) -> None:
        height, width = hidden.shape
        depth = cv2.distanceTransform(hidden, cv2.DIST_L2, 3)
        share = np.asarray((1.0 - (depth - 1.0) / feather).clip(0.0, 1.0), np.float32)
        self._share: Floats = floats(cv2.merge([share * hidden] * 3))
        across, down = _pairs(hidden), _pairs(hidden.T)[::-1]
        self._rows, self._columns = (np.concatenate(both, axis=1) for both in zip(across, down, strict=True))
        if beside is not None:
            same = beside[self._rows[1], self._columns[1]] == 0
            self._rows, self._columns = self._rows[:, same], self._columns[:, same]
        self._cells = -(-height // CELL), -(-width // CELL)
        self._cell = self._rows[2] // CELL * self._cells[1] + self._columns[2] // CELL

    def hide(self, picture: Image) -> None:
        """Bring the fill of `picture`, the window ``(h, w, 3)``, to what is around it, in place; that stays."""
        if not self._cell.size:
            return
        light = self._light(picture)
        if light.any():
            height, width = self._share.shape[:2]
            up = cv2.resize(light, in_pixels(light), interpolation=cv2.INTER_LINEAR)[:height, :width]
            cv2.add(picture, cv2.multiply(up, self._share), picture, dtype=cv2.CV_8U)

    def _light(self, picture: Image) -> Floats:
        """What the fill lacks beside the edge, by cells ``(rows, columns, 3)``."""
        beyond, outer, inner, deeper = floats(picture[self._rows, self._columns])
        lacks = 1.5 * (outer - inner) - 0.5 * (beyond - deeper)  # at the edge itself, whatever the slope on each side
        alike = floats(np.abs(lacks).max(1) < _OTHER)
        lacks *= alike[:, None]
        values = (*lacks.T, np.square(lacks).sum(1), alike, np.ones_like(alike))
        count = self._cells[0] * self._cells[1]
        sums = np.dstack([np.bincount(self._cell, value, count).reshape(self._cells) for value in values])
        sums = np.asarray(
            cv2.sepFilter2D(floats(sums), cv2.CV_32F, _ALONG, _ALONG, borderType=cv2.BORDER_CONSTANT)
        ).reshape(*self._cells, len(values))
        used, compared = np.maximum(sums[..., 4], 1e-6), np.maximum(sums[..., 5], 1e-6)
        light = sums[..., :3] / used[..., None]
        power = np.square(light).sum(2)
        error = np.maximum(sums[..., 3] / used - power, 0.0) / used
        sure = (1.0 - _DOUBT * error / np.maximum(power, 1e-6)).clip(0.0, 1.0) * (used / compared)
        return spread(floats(light * sure[..., None]), floats(compared > 1e-3))


def _pairs(hidden: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find what lies left and right of the edge of what is `hidden`.

    Returns:
        Rows and columns, each ``(4, n)``, of the pixels in line across the edge: two outside, the farther one first,
        and two inside. Where there is no second one on a side, it is the first.
    """
    rows, left = np.nonzero(hidden[:, 1:] != hidden[:, :-1])
    inward = np.where(hidden[rows, left] > 0, -1, 1)
    outer = np.where(inward < 0, left + 1, left)
    inner, last = outer + inward, hidden.shape[1] - 1
    beyond, deeper = (outer - inward).clip(0, last), (inner + inward).clip(0, last)
    beyond = np.where(hidden[rows, beyond] > 0, outer, beyond)
    deeper = np.where(hidden[rows, deeper] > 0, deeper, inner)
    return np.broadcast_to(rows, (4, len(rows))), np.stack([beyond, outer, inner, deeper])
