"""Whether what was invented bit by bit, while a camera moved, is to be invented anew and as one.

That is so when the camera is calm, or when what came past has gone and nothing more has to be invented: part of it was
made up from what was there, and from what had been made up beside that.
"""

import cv2
import numpy as np

from gancam.effects.inpainting.warp import frame_corners
from gancam.vision.motion import Grey, Matrix, moved

_CALM, _SLOW = 3, 0.005  # frames for which a camera is calm: it moves by less than that of the frame's width in each
# of what is hidden that may be patches: so far; when nothing stirs; in one frame then
_MOST, _SOME, _FEW = 0.5, 0.1, 0.01


class Patchwork:
    """How much of what is hidden was invented again while the camera moved: such patches do not fit, and have no grain.

    ``look`` at each frame first, then ``add`` what of it was invented.
    """

    def __init__(self) -> None:
        self._calm = _CALM  # frames since the camera moved, at most that many
        self._patched = 0  # pixels
        self._quiet, self._stirred = 0, 0  # frames since anything was patched, likewise; pixels patched in the last
        self.anew = False  # whether all that is invented in this frame is to be invented as one

    def look(self, step: Matrix | None, hidden: Grey, *, people: bool) -> None:
        """Take in where the camera went since the frame before; None: a new scene.

        Args:
            step: From that frame to this one.
            hidden: 1 for what is hidden now.
            people: Whether it is people, who uncover and hide something all the time: nothing has come past then.
        """
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
        most = _MOST if self._calm == _CALM or people else _SOME
        rests = self._calm == _CALM or (self._quiet == _CALM and not people)
        if rests and self._patched >= most * marked > 0:
            self.anew, self._patched = True, 0

    def add(self, invented: Grey, hidden_before: Grey) -> None:
        """Take in what was `invented` (1) of this frame, of the size of what was hidden (1) there in the one before."""
        if self._calm < _CALM and not self.anew:
            again = cv2.countNonZero(invented & hidden_before)
            self._patched += again
            self._stirred += again
