"""Noise of what stands still, averaged away over the frames before; what moves is left as it is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_HELD = 0.85  # how much of what was found stays, at most: the mean of about 12 frames
_NEAR, _AROUND = (5, 5), (7, 7)  # pixels over which change is summed, which noise does not survive, and then looked for
_LEAST, _MOST = 0.4, 2.0  # grey levels of such change that any frame may have from noise, and that none has
_MOVES = 2.0  # times the picture's own noise that surely is motion
_STEP = 2  # grey levels that what is given may differ from what was found, to stay as it was


class StillFilter:
    """A recursive filter of each pixel, as strong as nothing changes around it.

    Grey that differs from what was found before, over 5x5 pixels together so that noise goes, and in 7x7 around, tells
    what moves: up to the picture's own median of that nothing did; from `_MOVES` times that on, the frame is taken as
    it is. Between them it is mixed. Where anything is held, a pixel that differs by no more than `_STEP` stays as it
    was: a network would make more of it.
    """

    def __init__(self) -> None:
        self._held: NDArray[np.float32] | None = None  # what was given last
        self._shown: Image | None = None  # the same in 8 bits

    def __call__(self, image: Image, strength: float) -> Image:
        """Give `image` ``(H, W, 3)``, calmer: a new array.

        Args:
            image: The next frame; another size begins anew.
            strength: From 0, nothing is held, to 1.
        """
        held, shown = self._held, self._shown
        now: NDArray[np.float32] = image.astype(np.float32)
        if held is None or shown is None or held.shape != image.shape:
            self._held, self._shown = now, image.copy()
            return image.copy()
        grey, before = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (image, shown))
        apart = cv2.blur(cv2.subtract(grey, before, dtype=cv2.CV_32F), _NEAR)
        change = cv2.blur(np.abs(apart), _AROUND)
        still = min(max(float(np.median(change[::4, ::4])), _LEAST), _MOST)
        share = (_MOVES * still - change) * np.float32(_HELD * strength / ((_MOVES - 1.0) * still))
        np.clip(share, 0.0, _HELD * strength, out=share)
        self._held = np.asarray(cv2.blendLinear(held, now, share, 1.0 - share), np.float32)
        given = np.asarray(cv2.convertScaleAbs(self._held), np.uint8)
        stays = cv2.inRange(cv2.absdiff(given, shown), (0, 0, 0), (_STEP,) * 3)
        stays[share <= 0.0] = 0
        self._shown = np.asarray(cv2.copyTo(shown, stays, given), np.uint8)
        return self._shown.copy()

    def reset(self) -> None:
        """Forget the frames before."""
        self._held = self._shown = None
