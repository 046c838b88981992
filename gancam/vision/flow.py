"""Dense motion: where each pixel of a picture was in another one, and pictures moved along it."""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.vision.motion import Grey
from gancam.vision.planes import Planes

Plane = NDArray[np.float32]
T = TypeVar("T", np.uint8, np.int16, np.float32)
_SMALLEST = 16  # pixels of each side that motion is looked for in


@dataclass(frozen=True)
class Motion:
    """Of a picture ``(H, W)`` since another one.

    ``x``, ``y``: where each of its pixels was, float32 ``(H, W)``. ``rests``: 255 where it stood still, else 0, uint8.
    """

    x: Plane
    y: Plane
    rests: NDArray[np.uint8]

    def carry(self, image: NDArray[T], out: NDArray[T] | None = None) -> NDArray[T]:
        """Move `image` ``(H, W, 3)`` of the one picture to where its parts are in the other; borders are repeated.

        It is written into `out`, another array like it, or into a new one.
        """
        moved = cv2.remap(image, self.x, self.y, cv2.INTER_LINEAR, dst=out, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, image.dtype)


class DenseFlow:
    """Finds motion in small grey pictures, by dense inverse search (Kroeger et al., https://arxiv.org/abs/1603.03590).

    Args:
        rest: Pixels of the small pictures: what moves less stands still, so that noise moves nothing.
        preset: OpenCV's, of how long it looks.
    """

    def __init__(self, rest: float = 0.0, *, preset: int = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST) -> None:
        self._rest = rest
        self._search = cv2.DISOpticalFlow.create(preset)
        self._planes = Planes()
        self._grid: NDArray[np.float32] = np.empty((2, 0, 0), np.float32)  # of pixels: y, then x

    def __call__(self, now: Grey, before: Grey, size: tuple[int, int]) -> Motion | None:
        """Find the motion of `now` since `before`.

        Args:
            now: The one picture, uint8 ``(h, w)``, small.
            before: The other, of the same size.
            size: Width and height of what is carried.

        Returns:
            For pictures of that size, until the next call, which writes into the same arrays; None where nothing
            moves, or where there is too little to see.
        """
        if min(now.shape) < _SMALLEST:
            return None
        planes, shape = self._planes, (size[1], size[0])
        none = planes("none", (*now.shape, 2), np.float32)
        none.fill(0)
        flow = cv2.split(self._search.calc(now, before, none))
        rests = cv2.inRange(np.maximum(*(np.abs(one) for one in flow)), 0, self._rest)
        if cv2.countNonZero(rests) == rests.size:
            return None
        if self._grid.shape[1:] != shape:
            self._grid = np.indices(shape, np.float32)
        zero, maps = np.zeros(now.shape, np.float32), []
        for axis, one in enumerate(flow):
            moves, found = cv2.copyTo(zero, rests, one), planes(f"map {axis}", shape, np.float32)
            cv2.resize(moves, size, dst=found, interpolation=cv2.INTER_LINEAR)
            cv2.scaleAdd(found, size[axis] / now.shape[1 - axis], self._grid[1 - axis], dst=found)
            maps.append(found)
        still = planes("rests", shape, np.uint8)
        cv2.resize(rests, size, dst=still, interpolation=cv2.INTER_NEAREST)
        return Motion(maps[0], maps[1], still)
