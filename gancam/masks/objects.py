"""Squares around what a mask marks, that do not tremble."""

import cv2
import numpy as np

from gancam.masks.mask import Mask
from gancam.vision.blend import Place

_OBJECTS, _SPECK = 8, 64  # that are found at most, and pixels that none is under


def squares(mask: Mask) -> list[Place]:
    """Return the squares around the largest objects in a mask, the largest first."""
    _, _, found, _ = cv2.connectedComponentsWithStats(np.asarray(mask != 0, np.uint8))
    order = np.argsort(-found[1:, cv2.CC_STAT_AREA])[:_OBJECTS] + 1
    places = []
    for index in order.tolist():
        left, top, width, height, area = found[index].tolist()
        if area >= _SPECK:
            side = max(width, height)
            places.append(Place(left + (width - side) // 2, top + (height - side) // 2, side, side))
    return places


def held_back(places: list[Place], before: list[Place]) -> list[Place]:
    """Hold each of `places` back by that of `before` it comes from, the more the less it moved: detectors tremble."""
    held = []
    for place in places:
        old = min(before, key=lambda other: _distance(place, other), default=None)
        gone = _distance(place, old) / place.width if old is not None else 1.0
        if old is not None and gone < 0.5:
            share = min(max(gone / 0.1, 0.2), 1.0)
            place = Place(*(round(a + (b - a) * share) for a, b in zip(old, place, strict=True)))
        held.append(place)
    return held


def _distance(one: Place, two: Place) -> float:
    return max(abs(a - b) for a, b in zip(one, two, strict=True))
