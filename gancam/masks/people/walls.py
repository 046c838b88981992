"""The wall that a network half took for somebody: between hair that blows, beside an ear, between arm and body."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_DOUBT = 0.4, 0.97  # probabilities between which somebody may be wall
_WIDE = np.ones((3, 3), np.uint8)  # pixels: along an edge there is always some doubt, no wider than that
_SURE = 0.1  # as near as that to 0 or 1, a pixel's colour is of that side, the more the surer
_SHRINK = 4  # pixels of the small picture that are one where colours are gathered
_AROUND = 7  # of those
_ENOUGH = 0.03  # of the pixels around, which must be of each side
_GRAIN = 16.0  # the variance of a colour that a camera's noise makes
_UNLIKE = 12.0  # squared deviations: what is further from what somebody looks like may be anything
_LIKE = 6.0  # the same of the wall: what is further from it hardly is wall
_WORTH, _MOST = 0.5, 2.5  # of what the colours say beside what the network does, as logarithms of odds; and at most
_SUM = np.ones(3, np.float32)

Plane = NDArray[np.float32]


def without_walls(found: Plane, small: Image) -> Plane:
    """Return `found`, less where the network is not sure and colours are those of the wall around, and not somebody's.

    What is nobody around each pixel, and what is somebody, have their colours, taken as normal and independent. So
    a plain wall, which hardly varies, is told from what stands before it, and a room of many colours from nothing.

    Args:
        found: how surely each pixel of `small` is somebody, 0 to 1, ``(h, w)``.
        small: what the network was shown, uint8 ``(h, w, 3)`` BGR.
    """
    least, most = (np.float32(probability) for probability in _DOUBT)
    doubt = np.asarray((found > least) & (found < most), np.uint8)
    places = np.flatnonzero(cv2.morphologyEx(doubt, cv2.MORPH_OPEN, _WIDE).view(np.bool_))
    if not places.size:
        return found
    height, width = found.shape
    size = -(-width // _SHRINK), -(-height // _SHRINK)
    y, x = np.divmod(places, width)
    at = y * size[1] // height * size[0] + x * size[0] // width
    colours = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb), np.uint8)
    less = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.uint8)
    share = np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_AREA), np.float32)
    (theirs, their_spread, they), (walls, spread, known) = (
        (one.reshape(len(one) * len(one[0]), -1)[at] for one in _around(less, side)) for side in (share, 1 - share)
    )
    seen = colours.reshape(-1, 3)[places]
    unlike, away = (
        np.square(mean - seen) / deviation @ _SUM for mean, deviation in ((theirs, their_spread), (walls, spread))
    )
    says = np.minimum(unlike, np.float32(_UNLIKE)) - away + np.log(their_spread / spread) @ _SUM
    says = np.clip(says * np.float32(_WORTH / 2), 0, np.float32(_MOST)) * np.exp(away * np.float32(-1 / _LIKE))
    says *= np.minimum(np.minimum(they, known)[:, 0] * np.float32(1 / _ENOUGH), 1)
    plane = np.zeros_like(found)
    plane.reshape(-1)[places] = says
    says = cv2.morphologyEx(plane, cv2.MORPH_OPEN, _WIDE).reshape(-1)[places]  # pale print is thin, a wall is not
    doubted = found.reshape(-1)[places]
    odds = doubted * np.exp(-says)
    made = found.copy()
    made.reshape(-1)[places] = odds / (odds + 1 - doubted)
    return made


def _around(colours: Image, side: Plane) -> tuple[Plane, Plane, Plane]:
    """Mean and variance of the colours of one side around each pixel, and how much of that is there."""
    weight = np.maximum((side - np.float32(1 - _SURE)) * np.float32(1 / _SURE), 0)
    window = (_AROUND, _AROUND)
    many = np.asarray(cv2.blur(weight, window), np.float32)[..., None]
    total = np.maximum(many, np.float32(1e-4))
    weighed = np.asarray(colours * weight[..., None], np.float32)
    mean = np.asarray(cv2.blur(weighed, window) / total, np.float32)
    spread = np.maximum(cv2.blur(weighed * colours, window) / total - mean * mean, 0) + np.float32(_GRAIN)
    return mean, np.asarray(spread, np.float32), many
