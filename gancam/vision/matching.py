"""Where a scene went when it jumped: features that look alike, wherever in the picture and however large."""

import cv2
import numpy as np

from gancam.vision.motion import Grey, Matrix

_LONGEST = 480  # pixels of the longer side of what is looked at
_FEATURES, _LEAST = 800, 14  # features of a picture, and how many must agree
_SHARE = 0.25  # of those that look alike
_CLEARLY = 0.8  # as far as the next best, at most, is the one that looks alike
_OFF = 2.5  # pixels by which one that agrees may be off


def similarity(before: Grey, now: Grey) -> Matrix | None:
    """Find how a scene was turned, scaled and moved from one picture to another of its size, by ORB features.

    Returns the matrix ``(3, 3)`` that takes places of the one to the other; None where too little agrees.
    """
    shrink = max(max(now.shape) / _LONGEST, 1.0)
    size = round(now.shape[1] / shrink), round(now.shape[0] / shrink)
    orb = cv2.ORB.create(_FEATURES, 1.2, 10, fastThreshold=8)
    (first, one), (second, other) = (
        orb.detectAndCompute(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), None) for picture in (before, now)
    )
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
