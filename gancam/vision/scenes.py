"""Where scenes of a video begin: cuts, told from what moves and from what becomes lighter, and scenes that dissolve."""

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

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
_SIZE = 48, 32  # of the pictures that are compared
_APART = 4, 12  # frames from each of three to the next, for quick ones and for slow ones
_CHANGE = 8.0  # levels by which the first and the third differ on average, at least
_BETWEEN = 0.1, 0.9  # how much of the third the one between them shows
_LATE, _OVER = 3, 0.95  # frames before the third, which showed less of it than that then: else it was over by then
_REST = 0.12  # of that difference: how far it is off a mix of both, at most: a camera that pans is further
_ONE_SCENE = 0.8  # correlation from which on both are one scene, which became lighter or darker
_FLAT = 2.5  # levels of deviation under which a picture shows nothing

Plane = NDArray[np.float32]


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


class Dissolves:
    """Tells frames in which one scene passes into another, which no comparison with the frame before does.

    Of three frames, the one between is a mix of the others then, each pixel by the same share, and these are not alike.
    """

    def __init__(self) -> None:
        self._last: deque[Plane] = deque(maxlen=2 * max(_APART) + 1)

    def look(self, image: Image) -> bool:
        """Take in the next frame, uint8 ``(H, W, 3)``; say whether scenes passed into each other up to it."""
        step = max(min(image.shape[1] // (2 * _SIZE[0]), image.shape[0] // (2 * _SIZE[1])), 1)
        few = np.ascontiguousarray(image[::step, ::step, 1])
        now = np.asarray(cv2.resize(few, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
        self._last.append(now)
        flat = [bool(one.std() < _FLAT) for one in (self._last[max(len(self._last) - 2, 0)], now)]
        if flat[0] != flat[1]:
            return True
        if flat[1] or len(self._last) <= _LATE:
            return False
        late = self._last[-1 - _LATE]
        return any(
            len(self._last) > 2 * apart and _is_mix(self._last[-1 - apart], self._last[-1 - 2 * apart], late, now)
            for apart in _APART
        )


def _is_mix(between: Plane, before: Plane, late: Plane, now: Plane) -> bool:
    """Whether the picture between two that are not alike is a mix of them, and a `late` one is not as `now` yet."""
    change = now - before
    size = float(np.abs(change).mean())
    if size < _CHANGE or float(before.std()) < _FLAT:
        return False
    share, last = (float((change * (one - before)).sum() / (change * change).sum()) for one in (between, late))
    if not _BETWEEN[0] < share < _BETWEEN[1] or last > _OVER:
        return False
    if float(np.abs(before + np.float32(share) * change - between).mean()) > _REST * size:
        return False
    return float(np.corrcoef(before.ravel(), now.ravel())[0, 1]) < _ONE_SCENE
