"""What stays marked of people for a while after they were seen: masks that rather mark too much than show somebody."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.mask import Mask
from gancam.vision.motion import Camera
from gancam.vision.planes import disc

MARKED = 60  # of 255: opacity from which on a pixel is marked: hair, and the blur of a hand
_RIM = 240  # of the shorter side: how far the mask reaches beyond that, over what compression smeared of people
_FRIZZ = 0.012  # of the side of a square as large as they are: the same, over fine hair, which is the wider the nearer
_FEET, _SOLE = 0.2, 0.07  # of somebody's height: where feet are; and how far shoes and their shadow reach from there
_COARSE = 4  # pixels of the frame to one in which that is marked
_TRAIL = 20  # hundredths of a second for which a pixel stays marked
_GONE = 0.5  # times as many pixels as in the frame before: fewer is a mistake, not somebody who walks out
_RAN = 20.0  # levels, on average, by which small pictures differ when a camera runs: else marks are wide enough
_KEPT = 1.0  # seconds for which such a mistake may last


class Trail:
    """Marks each pixel for a fifth of a second, and all for a second where most of it is gone at once."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._left: Mask = np.zeros((0, 0), np.uint8)  # hundredths of a second for which a pixel is still marked
        self._many = 0  # pixels in which somebody was seen last
        self._missed = self._clock = 0.0  # seconds for which they have been gone; time of the last frame

    def __call__(self, opacity: NDArray[np.uint8], time: float | None) -> Mask:
        """Return what is marked of a frame in which people were seen with this `opacity`, 0 to 255: 0 or 1."""
        now = self._clock + 1 / 30 if time is None else time
        passed, hundredths = max(now - self._clock, 0.0), round(100 * now) - round(100 * self._clock)
        self._clock = now
        marked = cv2.threshold(opacity, MARKED, _TRAIL, cv2.THRESH_BINARY)[1]
        rim = max(round(min(opacity.shape) / _RIM), round(_FRIZZ * cv2.countNonZero(marked) ** 0.5), 1)
        seen = _with_feet(np.asarray(cv2.dilate(marked, disc(rim)), np.uint8))
        if self._left.shape != seen.shape:
            self._left, self._many, self._missed = np.zeros_like(seen), 0, 0.0
        many = cv2.countNonZero(seen)
        self._missed = self._missed + passed if many < _GONE * self._many else 0.0
        if self._missed == 0.0 or self._missed > _KEPT:
            # Of the clock, not of what passed: at 240 frames a second that is less than half a hundredth.
            self._left -= np.minimum(self._left, np.uint8(min(max(hundredths, 0), 255)))
            self._many = many
        self._left = np.asarray(cv2.max(self._left, seen), np.uint8)
        return np.asarray(self._left > 0, np.uint8)

    def carry(self, before: Image, now: Image) -> None:
        """Take what is marked along with a camera that ran from the one small picture to the other."""
        if not self._left.any() or cv2.norm(before, now, cv2.NORM_L1) < _RAN * now.size:
            return
        camera = Camera()
        camera.observe(before)
        if camera.observe(now):
            height, width = self._left.shape
            up = np.diag([width / now.shape[1], height / now.shape[0], 1.0])
            way = up @ camera.matrix @ np.linalg.inv(up)
            moved = cv2.warpPerspective(self._left, way, (width, height), flags=cv2.INTER_NEAREST)
            self._left = np.asarray(moved, np.uint8)
            self._many = min(self._many, cv2.countNonZero(self._left))  # who is out of the picture is not missed


def _with_feet(seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `seen`, uint8 ``(H, W)``, with more around the lower end of who stands in the picture.

    Shoes, and the shadow under them, are of the colours of the ground: a network leaves them to it.
    """
    height, width = seen.shape
    small = cv2.resize(seen, (-(-width // _COARSE), -(-height // _COARSE)), interpolation=cv2.INTER_NEAREST)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(small)
    feet = np.zeros(small.shape, np.uint8)
    for label, (x, y, wide, tall, _) in enumerate(stats[1:count].tolist(), 1):
        if y + tall >= small.shape[0] - 1 or wide > 2 * tall:
            continue  # the picture ends there, or they lie
        reach = max(round(_SOLE * tall), 1)
        rows = slice(y + tall - max(round(_FEET * tall), 1), y + tall + reach + 1)
        columns = slice(max(x - reach, 0), x + wide + reach)
        mine = np.asarray(labels[rows, columns] == label, np.uint8)
        feet[rows, columns] |= np.asarray(cv2.dilate(mine, disc(reach)), np.uint8)
    if not cv2.hasNonZero(feet):
        return seen
    marks = cv2.resize(feet * np.uint8(_TRAIL), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.max(seen, marks), np.uint8)
