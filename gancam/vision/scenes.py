"""Where scenes of a video begin: cuts, told from what moves and from what becomes lighter."""

from typing import NamedTuple

import cv2
import numpy as np

from gancam.frame import Image
from gancam.vision.fit import shrunk
from gancam.vision.flow import DenseFlow
from gancam.vision.motion import Grey, shift, small_grey

_SAME, _OTHER = 8.0, 20.0  # levels between two small pictures, on average, of less than which neither is another scene
_LITTLE = 0.5  # correlation of less than which two that differ by between may be: dark scenes differ by few levels
_PLAIN = 1.0  # levels by which a picture varies that shows nothing, as a wall or the black that a film fades to
_COARSE = 4.0  # times smaller are the pictures in which that is told
_ALIKE = 0.93  # correlation of what is one scene, however light: of two that are laid on each other 0.92 at the most
_LEFT, _CLEAR = 0.55, 0.6  # of what differed, what motion leaves of it at most; correlation that is needed with it
_LEAST = 16  # pixels of a side in which motion is looked for
_FARTHEST = 0.5  # of a side: what a pan goes in a frame, at most


class Look(NamedTuple):
    """What a frame is like beside the one before.

    Attributes:
        grey: The frame, small, uint8 ``(h, w)``.
        before: The one before; None where a scene begins, which the first frame and one of another size do.
    """

    grey: Grey
    before: Grey | None


class Scenes:
    """Looks at the frames of a video, one after the other, and tells where a scene begins."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._last: Grey | None = None
        self._size: tuple[int, ...] = ()

    def __call__(self, image: Image) -> Look:
        """Look at the next frame, uint8 ``(H, W, 3)`` BGR."""
        grey, _ = small_grey(image)
        goes_on = self._last is not None and self._size == image.shape and not is_cut(self._last, grey)
        look = Look(grey, self._last if goes_on else None)
        self._last, self._size = grey, image.shape
        return look


def is_cut(before: Image | Grey, now: Image | Grey) -> bool:
    """Say whether two small pictures are of different scenes, or of different sizes.

    Two that differ are laid on each other, by the shift between them and then along their dense motion: two scenes
    differ as much afterwards, where a pan or a shaken hand leaves little. What correlates then is the same scene, in
    another light: a flash, or a camera that sets its exposure.

    Args:
        before: uint8 ``(h, w)`` in grey, or ``(h, w, 3)`` BGR.
        now: likewise.
    """
    if before.shape != now.shape:
        return True
    apart = cv2.norm(before, now, cv2.NORM_L1) / now.size
    if apart <= _SAME:
        return False
    if before.ndim == 3:
        before, now = (np.asarray(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), np.uint8) for one in (before, now))
    if apart <= _OTHER:
        coarse = [_coarse(one) for one in (before, now)]
        if min(float(one.std()) for one in coarse) < _PLAIN or _correlation(*coarse) > _LITTLE:
            return False
    height, width = now.shape
    if min(height, width) < _LEAST:
        return True
    x, y = (round(way) for way in shift(before, now)[0])
    if abs(x) < _FARTHEST * width and abs(y) < _FARTHEST * height:
        there = now[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
        here = before[max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)]
        if _is_same(here, there, apart):
            return False
    motion = DenseFlow()(now, before, (width, height))
    return motion is None or not _is_same(motion.carry(before), now, apart)


def _is_same(laid: Grey, now: Grey, apart: float) -> bool:
    """Whether a picture shows the same as another on which it was `laid`, and which differed by so many levels."""
    alike = _correlation(laid, now)
    return alike > _ALIKE or (alike > _CLEAR and cv2.norm(laid, now, cv2.NORM_L1) < _LEFT * apart * now.size)


def _coarse(grey: Grey) -> Grey:
    """Without noise, which makes a dark picture another one."""
    return np.asarray(cv2.resize(grey, shrunk(grey.shape[::-1], _COARSE), interpolation=cv2.INTER_AREA), np.uint8)


def _correlation(one: Grey, other: Grey) -> float:
    """Of the levels of two pictures, -1 to 1; about 0 where one shows nothing."""
    first, second = (picture.astype(np.float32).ravel() for picture in (one, other))
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), float(one.size)))
