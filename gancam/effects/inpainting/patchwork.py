"""Whether what was invented bit by bit, while a camera moved, is to be invented anew and as one.

That is so when the camera is calm, or when what came past has gone and nothing more has to be invented: part of it was
made up from what was there, and from what had been made up beside that.
"""

import cv2
import numpy as np

from gancam.effects.inpainting.warp import frame_corners
from gancam.vision.motion import Grey, Matrix, moved

_CALM, _SLOW = 3, 0.005  # frames for which a camera is calm: it moves by less than that of the frame's width in each
_MOST, _SOME, _FEW = (
    0.5,
    0.1,
    0.01,
)  # of what is hidden that may be patches: so far; when nothing stirs; in one frame then


class Patchwork:
    """How much of what is hidden was invented again while the camera moved: such patches do not fit, and have no grain.

    ``look`` at each frame first, then ``add`` what of it was invented.
    """

    def __init__(self) -> None:
        self._calm = _CALM  # frames since the camera moved, at most that many
        self._patched = 0  # pixels
        self._quiet, self._stirred = 0, 0  # frames since anything was patched, likewise; pixels patched in the last
        self.anew = False  # whether all that is invented in this frame is to be invented as one

    def look(self, step: Matrix | None, hidden: Grey) -> None:
        """Take in where the camera went since the frame before, and what is `hidden` (1) now; None: a new scene."""
        self.anew = False
        if step is None:
            self._calm, self._patched, self._quiet, self._stirred = _CALM, 0, 0, 0
            return
        marked = cv2.countNonZero(hidden)
        self._quiet = min(self._quiet + 1, _CALM) if self._stirred <= _FEW * marked else 0
        self._stirred = 0
        corners = frame_corners(hidden.shape[::-1])
        slow = float(np.abs(moved(corners, step) - corners).max()) < _SLOW * hidden.shape[1]
        self._calm = min(self._calm + 1, _CALM) if slow else 0
        most = _MOST if self._calm == _CALM else _SOME
        if _CALM in (self._calm, self._quiet) and self._patched >= most * marked > 0:
            self.anew, self._patched = True, 0

    def add(self, invented: Grey, hidden_before: Grey) -> None:
        """Take in what was `invented` (1) of this frame, of the size of what was hidden (1) there in the one before."""
        if self._calm < _CALM and not self.anew:
            again = cv2.countNonZero(invented & hidden_before)
            self._patched += again
            self._stirred += again
