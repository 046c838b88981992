"""Whether what was invented bit by bit, while a camera moved, is to be invented anew and as one."""

import cv2
import numpy as np

from gancam.effects.inpainting.warp import frame_corners
from gancam.vision.motion import Grey, Matrix, moved

_CALM, _SLOW = 3, 0.005  # frames for which a camera is calm: it moves by less than that of the frame's width in each
_MOST = 0.5  # of what is hidden that may be patches


class Patchwork:
    """How much of what is hidden was invented again while the camera moved: such patches do not fit, and have no grain.

    ``look`` at each frame first, then ``add`` what of it was invented.
    """

    def __init__(self) -> None:
        self._calm = _CALM  # frames since the camera moved, at most that many
        self._patched = 0  # pixels
        self.anew = False  # whether all that is invented in this frame is to be invented as one

    def look(self, step: Matrix | None, hidden: Grey) -> None:
        """Take in where the camera went since the frame before, and what is `hidden` (1) now; None: a new scene."""
        self.anew = False
        if step is None:
            self._calm, self._patched = _CALM, 0
            return
        corners = frame_corners(hidden.shape[::-1])
        slow = float(np.abs(moved(corners, step) - corners).max()) < _SLOW * hidden.shape[1]
        self._calm = min(self._calm + 1, _CALM) if slow else 0
        if self._calm == _CALM and self._patched >= _MOST * cv2.countNonZero(hidden) > 0:
            self.anew, self._patched = True, 0

    def add(self, invented: Grey, hidden_before: Grey) -> None:
        """Take in what was `invented` (1) of this frame, of the size of what was hidden (1) there in the one before."""
        if self._calm < _CALM:
            self._patched += cv2.countNonZero(invented & hidden_before)
