"""A camera's noise averaged away over the frames before, along the motion of what moves."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.flow import DenseFlow
from gancam.vision.motion import Grey, small_grey

_HELD = 0.85  # how much of what was found stays, at most: the mean of about 12 frames
_NEAR, _AROUND = (3, 3), (5, 5)  # pixels over which change is summed, which noise does not survive, and then looked for
_QUIET = 30  # per cent of places that are surely explained by motion: what differs there is noise
_NONE, _SOME = 0.3, 0.7  # grey levels of such noise that a codec has left nothing of, and that is worth motion's errors
_LEAST, _MOST = 0.7, 2.0  # grey levels of noise that any frame may have, and that none has
_MOVES = 2.5  # times the noise that surely is another thing
_REST = 0.25  # pixels of the small picture: motion under that is none
_STEP = 2  # grey levels that what is given may differ from what was, at rest, to stay as it was

Plane = NDArray[np.float32]


class TemporalFilter:
    """A recursive filter of each pixel along its motion, as strong as the camera is noisy.

    What was given last is moved to where it is now (dense optical flow of a small picture) and mixed with the frame
    where the two show the same: where grey that differs, over 3x3 pixels together so that noise goes, and in 5x5
    around, is less than some times the noise. That noise is what differs at the quietest places; where there is none,
    as in a video that a codec has cleaned, what moves is left as it is. Where nothing moves, a pixel that differs by no
    more than `_STEP` stays as it was: a network would make more of it.
    """

    def __init__(self) -> None:
        self._held: Plane | None = None  # what was given last, (H, W, 3)
        self._shown: Image | None = None  # the same in 8 bits
        self._grey: Grey | None = None  # the last frame, small
        self._flow = DenseFlow(_REST)

    def __call__(self, image: Image, strength: float) -> Image:
        """Give `image` ``(H, W, 3)``, calmer: a new array.

        Args:
            image: The next frame; another size begins anew.
            strength: From 0, nothing is held, to 1.
        """
        held, shown, before = self._held, self._shown, self._grey
        now: Plane = image.astype(np.float32)
        grey, _ = small_grey(image)
        self._grey = grey
        if held is None or shown is None or before is None or held.shape != image.shape:
            self._held, self._shown = now, image.copy()
            return image.copy()
        motion = self._flow(grey, before, (image.shape[1], image.shape[0]))
        held = held if motion is None else motion.carry(held)
        rests = np.full(image.shape[:2], 255, np.uint8) if motion is None else motion.rests
        share = _share(now, held, rests, strength)
        self._held = np.asarray(cv2.blendLinear(held, now, share, 1.0 - share), np.float32)
        given = np.asarray(cv2.convertScaleAbs(self._held), np.uint8)
        stays = cv2.bitwise_and(cv2.inRange(cv2.absdiff(given, shown), (0, 0, 0), (_STEP,) * 3), rests)
        stays[share <= 0.0] = 0
        self._shown = np.asarray(cv2.copyTo(shown, stays, given), np.uint8)
        return self._shown.copy()

    def reset(self) -> None:
        """Forget the frames before."""
        self._held = self._shown = self._grey = None


def _share(now: Plane, held: Plane, rests: NDArray[np.uint8], strength: float) -> Plane:
    """How much of `held` stays at each pixel, 0 to 1."""
    apart = cv2.cvtColor(cv2.subtract(now, held), cv2.COLOR_BGR2GRAY)
    differs = cv2.blur(np.abs(apart), _NEAR)[::5, ::5].ravel()
    quiet = _QUIET * (differs.size - 1) // 100
    found = float(np.partition(differs, quiet)[quiet])
    noise = min(max(found, _LEAST), _MOST)
    change = cv2.blur(np.abs(cv2.blur(apart, _NEAR)), _AROUND)
    share = (_MOVES * noise - change) * np.float32(_HELD * strength / ((_MOVES - 1.0) * noise))
    np.clip(share, 0.0, _HELD * strength, out=share)
    worth = min(max((found - _NONE) / (_SOME - _NONE), 0.0), 1.0)
    if worth < 1.0:
        share[rests == 0] *= np.float32(worth)
    return np.asarray(share, np.float32)
