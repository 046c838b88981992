"""Points of light on dark ground, as stars, sparks and far lamps, which the strokes of a style are too broad for."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.blend import composite
from gancam.vision.fit import halved, within
from gancam.vision.planes import Planes, brightest

_SEEN, _GLANCE = 640, 96  # pixels of the longer side: where points are looked for, and of a first glance
_DARK = 64  # level under which it is dark
_NIGHT = 0.6, 0.75  # share of a picture that is so, from which on points are seen, and all of them
_LONG = 9  # pixels that a point is smaller than, every way
_LEAST, _NOISE = 20.0, 5.0  # levels that it is lighter than around at least; times as much as places around are
_GLINT = 12.0  # levels by which one counts there at most, so that sparks of a burst do not hide each other
_AROUND = 31  # pixels of the side of what is around: curls and noise glint everywhere
_TIMES = 1.5  # times the ground: gleams of curls and wet skin are less
_FULL = 1.5  # times that, from which on all of it is seen
_GROUND = 70, 100  # levels of the ground: up to which all of it is seen, and from which on nothing is
_LINES = (
    np.ones((1, _LONG), np.uint8),
    np.ones((_LONG, 1), np.uint8),
    np.eye(_LONG, dtype=np.uint8),
    np.ascontiguousarray(np.eye(_LONG, dtype=np.uint8)[::-1]),
)


def sparks(image: Image) -> NDArray[np.uint8] | None:
    """Find points of light in a dark picture.

    A point is what no line fits into: what is lost by openings along four directions (the white top-hat of the union of
    openings, Serra, Image Analysis and Mathematical Morphology, 1982). Threads, edges and hair keep one direction.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.

    Returns:
        How far each place is one, 0 to 255, ``(h, w)`` of a longer side of 640 at most; None: it is light, or has none.
    """
    few = halved(image, within((image.shape[1], image.shape[0]), _GLANCE))
    night = (float((brightest(few) < _DARK).mean()) - _NIGHT[0]) / (_NIGHT[1] - _NIGHT[0])
    if night <= 0:
        return None
    size = within((image.shape[1], image.shape[0]), _SEEN)
    small = image if size == image.shape[1::-1] else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grey = brightest(small)  # a blue spark is as light as a white one
    ground = np.zeros_like(grey)
    for line in _LINES:
        ground = np.maximum(ground, cv2.morphologyEx(grey, cv2.MORPH_OPEN, line))
    apart = cv2.subtract(grey, ground).astype(np.float32)
    usual = cv2.blur(np.minimum(apart, np.float32(_GLINT)), (_AROUND, _AROUND))
    least = np.maximum(usual * np.float32(_NOISE), np.float32(_LEAST))
    least += _TIMES * ground.astype(np.float32)
    light = (apart - least) / ((_FULL - 1) * least)
    dark = (_GROUND[1] - ground.astype(np.float32)) / (_GROUND[1] - _GROUND[0])
    seen = np.asarray(255 * min(night, 1.0) * light.clip(0, 1) * dark.clip(0, 1), np.uint8)
    return np.asarray(cv2.dilate(seen, np.ones((3, 3), np.uint8)), np.uint8) if seen.any() else None


def with_sparks(image: Image, drawn: Image, planes: Planes) -> Image:
    """Give what is `drawn` of `image`, uint8 ``(H, W, 3)`` BGR both, with the points of light that `image` has."""
    seen = sparks(image)
    if seen is None:
        return drawn
    alpha = np.asarray(cv2.resize(seen, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return composite(drawn, np.asarray(cv2.max(drawn, image), np.uint8), "normal", alpha, planes=planes)
