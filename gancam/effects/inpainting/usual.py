"""What the first frames of a clip show most of the time, for what only passes through them."""

from collections.abc import Sequence

import cv2
import numpy as np

from gancam.frame import Image
from gancam.vision.motion import Grey

_LIKE = 24  # grey levels, at most, between what a frame shows and what is usual
_SHARE = 0.55  # of the frames, which must show that
_UNMARKED = 3  # of these, in which nobody was marked there
_LEAST = 8  # frames


def usual(frames: Sequence[Image], marked: Sequence[Grey]) -> tuple[Image, Grey] | None:
    """Return what most of `frames` show, and 1 where it is known, else 0; None: they are too few.

    Args:
        frames: of a camera that stands still, uint8 ``(H, W, 3)``.
        marked: for each, not 0 where it shows people, ``(H, W)``.
    """
    if len(frames) < _LEAST:
        return None
    picture, known = np.empty_like(frames[0]), np.empty_like(marked[0])
    for top in range(0, len(picture), 64):  # in strips: all of many large frames would be too much at once
        rows = slice(top, top + 64)
        strip = np.stack([image[rows] for image in frames])
        middle = np.asarray(np.median(strip, axis=0), np.uint8)
        apart = np.stack([cv2.absdiff(image, middle).max(axis=2) for image in strip])
        like = apart <= _LIKE
        bare = like & (np.stack([marks[rows] for marks in marked]) == 0)
        picture[rows] = middle
        known[rows] = (like.sum(axis=0) >= _SHARE * len(frames)) & (bare.sum(axis=0) >= _UNMARKED)
    return picture, known
