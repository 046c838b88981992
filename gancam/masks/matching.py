"""Where a scene went when it jumped: features that look alike, wherever in the picture and however large."""

from collections.abc import Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from cv2.typing import MatLike

from gancam.vision.motion import SMALL, Grey, Matrix

_LONGEST = 480  # pixels of the longer side of what is looked at
_FEATURES, _LEAST = 800, 14  # features of a picture, and how many must agree
_SHARE = 0.25  # of those that look alike
_CLEARLY = 0.8  # as far as the next best, at most, is the one that looks alike
_OFF = 2.5  # pixels by which one that agrees may be off


class Picture:
    """A grey picture, and what is found in it: once, for all who follow something in it.

    Attributes:
        grey: uint8 ``(h, w)``.
    """

    def __init__(self, grey: Grey) -> None:
        self.grey = grey
        self._changes = WeakKeyDictionary[Picture, float]()
        self._matrices = WeakKeyDictionary[Picture, Matrix | None]()

    @cached_property
    def small(self) -> Grey:
        """The same, its longer side at most `SMALL` pixels."""
        shrink = max(max(self.grey.shape) / SMALL, 1.0)
        how = cv2.INTER_AREA
        return np.asarray(cv2.resize(self.grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=how), np.uint8)

    @cached_property
    def features(self) -> tuple[Sequence[cv2.KeyPoint], MatLike | None]:
        """Its ORB features, in a picture whose longer side has at most `_LONGEST` pixels."""
        shrink = max(max(self.grey.shape) / _LONGEST, 1.0)
        size = round(self.grey.shape[1] / shrink), round(self.grey.shape[0] / shrink)
        orb = cv2.ORB.create(_FEATURES, 1.2, 10, fastThreshold=8)
        return orb.detectAndCompute(cv2.resize(self.grey, size, interpolation=cv2.INTER_AREA), None)

    def change(self, before: "Picture") -> float:
        """Give the mean of grey levels by which it differs from one before, of its size."""
        if before not in self._changes:
            self._changes[before] = cv2.norm(before.grey, self.grey, cv2.NORM_L1) / self.grey.size
        return self._changes[before]

    def motion_since(self, before: "Picture") -> Matrix | None:
        """Find how the scene was turned, scaled and moved since one before, of its size, by ORB features.

        Returns the matrix ``(3, 3)`` that takes places of that to places of this; None where too little agrees.
        """
        if before not in self._matrices:
            self._matrices[before] = _similarity(before, self)
        return self._matrices[before]


def _similarity(before: Picture, now: Picture) -> Matrix | None:
    (first, one), (second, other) = before.features, now.features
    shrink = max(max(now.grey.shape) / _LONGEST, 1.0)
    if one is None or other is None or min(len(one), len(other)) < _LEAST:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(one, other, 2)
    sure = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _CLEARLY * pair[1].distance]
    if len(sure) < _LEAST:
        return None
    source, target = (
        np.array([points[place].pt for place in places], np.float64) * shrink
        for points, places in (
            (first, [match.queryIdx for match in sure]),
            (second, [match.trainIdx for match in sure]),
        )
    )
    cv2.setRNGSeed(0)
    step, near = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=_OFF * shrink, maxIters=4000)
    if step is None or int(near.sum()) < max(_LEAST, _SHARE * len(sure)):
        return None
    return np.asarray(np.vstack([step, [0, 0, 1]]), np.float64)
