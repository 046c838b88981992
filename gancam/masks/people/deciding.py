"""Whether what a network is half sure of is somebody, the same from frame to frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.motion import shift
from gancam.vision.planes import brightest

_CHANGE = 0.15  # of a probability, which the noise of a camera makes
_STAYS, _MOVES = 0.35, 0.4  # how much surer what was nobody must be, or less sure what was somebody; less what moves
_DECIDES = 4.0  # how quickly it goes from one to the other there
_NOISE, _MOVED = 7.0, 14.0  # grey levels by which the noise of a camera changes the small picture, and what moves does
_RESTS = np.exp(-((np.maximum(np.arange(256) - _NOISE, 0) / _MOVED) ** 2)).astype(np.float32)  # of that change
_FOUND, _FARTHEST = 0.15, 0.1  # how clearly a camera's step is seen at the least, and how far it is, of the side

Plane = NDArray[np.float32]


def decided(found: Plane, before: Plane | None, still: Plane | None, hold: float, least: float) -> Plane:
    """Return `found`, decided, which stays as it was `before` where it hardly changed and the picture is `still`.

    Somebody is or is not there: what is half sure becomes either, and stays that until the other is surer.

    Args:
        found: how surely each pixel is somebody, 0 to 1.
        before: what was decided in the frame before; None in the first.
        still: how surely nothing moved since, 0 to 1, as large; None in the first.
        hold: how much of `before` stays there, 0 to 1.
        least: the probability from which on it is somebody.
    """
    if before is None or still is None:
        return _either(found, least)
    stays = (1 - before) * np.maximum(still, _MOVES) - before * still
    now = _either(found, np.asarray(least + _STAYS * hold * stays, np.float32))
    change = np.asarray(before - now, np.float32)
    kept = np.exp(-((change / _CHANGE) ** 2)) * still
    return np.asarray(before + change * (kept * hold - 1), np.float32)


def _either(found: Plane, least: Plane | float) -> Plane:
    """`found` as 0 or 1, but near `least`."""
    return np.asarray(np.clip((found - least) * np.float32(_DECIDES) + np.float32(0.5), 0, 1), np.float32)


def rests(before: Image, now: Image) -> Plane:
    """Return how surely nothing moved between two small pictures, 0 to 1."""
    moved = cv2.blur(brightest(cv2.absdiff(before, now)), (3, 3))
    return np.asarray(cv2.LUT(moved, _RESTS), np.float32)


def step_between(before: Image, now: Image) -> tuple[float, float] | None:
    """Return by how many pixels, to the right and down, a camera moved the picture; None where that is not clear.

    Args:
        before: small picture, uint8 ``(h, w, 3)``.
        now: the next one, of the same size.
    """
    one, other = (np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8) for small in (before, now))
    (right, down), clear = shift(one, other)
    if clear < _FOUND or max(abs(right) / one.shape[1], abs(down) / one.shape[0]) > _FARTHEST:
        return None
    return right, down
