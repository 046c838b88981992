"""Flicker of what a network draws, damped: where nothing changed, what was shown before stays."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.flow import DenseFlow
from gancam.vision.motion import Grey, small_grey

_REST = 0.3  # pixels of the small picture in which motion is looked for: less is none, so that noise moves nothing
_SAME, _OTHER = 6.0, 24.0  # grey levels of change that are noise, and that make it another thing
_MEAN = np.array([[1 / 3, 1 / 3, 1 / 3, 0]], np.float32)  # of colours
_HELD = 0.9  # how much of the frame before stays, at most, where nothing changed


class _Held(NamedTuple):
    """What is kept of a frame: what the network saw, the same in grey, and what was shown.

    OpenCV moves four channels more quickly than three, so ``seen`` and ``shown`` have four.
    """

    seen: NDArray[np.uint8]
    grey: Grey
    shown: NDArray[np.float32]


class Steady:
    """Mixes what a network draws with what was shown before, moved along with the picture, where that shows the same.

    A frame may be drawn at several sizes: `begin` it, then show each once.
    """

    def __init__(self) -> None:
        self._flow = DenseFlow(_REST)
        self._before: dict[tuple[int, ...], _Held] = {}  # of the frame before, by shape
        self._now: dict[tuple[int, ...], _Held] = {}

    def begin(self) -> None:
        """Go on to the next frame; what the one before did not show is forgotten."""
        self._before, self._now = self._now, {}

    def reset(self) -> None:
        """Forget the frames before."""
        self._before, self._now = {}, {}

    def __call__(self, seen: Image, found: Image, strength: float) -> Image:
        """Give `found`, damped.

        Args:
            seen: What the network saw, uint8 ``(h, w, 3)``.
            found: What it made of that, of the same shape.
            strength: 0 to 1.
        """
        now = np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2BGRA), np.uint8).astype(np.float32)
        new = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2BGRA), np.uint8)
        grey, _ = small_grey(seen)
        kept = self._before.get(seen.shape)
        if kept is not None:
            moved, before, held = kept
            motion = self._flow(grey, before, (seen.shape[1], seen.shape[0]))
            if motion is not None:
                moved, held = motion.carry(moved), motion.carry(held)
            change = cv2.blur(cv2.transform(cv2.absdiff(new, moved), _MEAN), (7, 7)).astype(np.float32)
            most = _HELD * strength
            change *= np.float32(-most / (_OTHER - _SAME))
            change += np.float32(most * _OTHER / (_OTHER - _SAME))
            share = np.clip(change, 0, np.float32(most), out=change)
            cv2.blendLinear(held, now, share, 1 - share, dst=now)
        self._now[seen.shape] = _Held(new, grey, now)
        return np.asarray(cv2.cvtColor(cv2.convertScaleAbs(now), cv2.COLOR_BGRA2BGR), np.uint8)
