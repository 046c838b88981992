"""What moves before a camera that stands still: somebody, where the network is half as sure of it."""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.people.regions import Window, carried
from gancam.vision.motion import stands_still

_FRAMES = 6  # that are remembered
_FADES = 0.85  # of it counts from frame to frame: arms rest while they swing
_RESTS = 0.5  # of the picture, at the least, or the camera moves
_SAME = 0.003  # of it: where less moved, the frame is that before it, which says nothing of the camera
_MOVED = 0.45  # of a part: as much of it moved, and it moves

Plane = NDArray[np.float32]


class Movers:
    """Remembers for some frames where small pictures moved; what that says is worked out once it is asked for."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the pictures before."""
        # before, now, and how surely nothing moved between; and whether the camera stood, once that was asked
        self._steps: deque[tuple[Image, Image, Plane]] = deque(maxlen=_FRAMES)
        self._stood: deque[bool | None] = deque(maxlen=_FRAMES)

    def look(self, before: Image | None, now: Image, still: Plane | None) -> None:
        """Take in the next picture, and how surely nothing moved since the one before; None: a scene begins."""
        if before is None or still is None:
            self.reset()
            return
        self._steps.append((before, now, still))
        self._stood.append(None)

    def share(self, frame: Window, window: Window, shape: tuple[int, ...]) -> Plane | None:
        """Return how much moved in `window`, 0 to 1, at the size ``shape[:2]``; None where the camera does.

        `frame` is the window that is all of the picture.
        """
        for index, (before, now, still) in enumerate(self._steps):
            if self._stood[index] is None:
                self._stood[index] = _stands(before, now, still)
        if not self._steps or not all(self._stood):
            return None
        moved = np.zeros_like(self._steps[0][2])
        for *_, still in self._steps:
            moved = np.maximum(1 - still, moved * np.float32(_FADES))
        return carried(moved, frame, window, shape)


def _stands(before: Image, now: Image, still: Plane) -> bool:
    moved = 1 - float(still.mean())
    if moved < _SAME or moved > 1 - _RESTS:
        return moved < _SAME
    one, other = (np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8) for small in (before, now))
    return stands_still(one, other, None)


def moves(share: Plane | None, part: NDArray[np.bool_]) -> bool:
    """Say whether a `part` moves, by its `share` (`Movers.share`)."""
    return share is not None and float(share[part].mean()) > _MOVED
