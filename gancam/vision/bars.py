"""Black bars around a film's picture."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_BLACK = 20  # the most that a bar has of any colour, as codecs leave it
_ALL, _MOST = 0.995, 0.5  # of a line's pixels that are black in a bar, and beside the letters of a subtitle
_THIN = 2  # lines that both bars of a pair have, before one of them may have letters


class Picture(NamedTuple):
    """Where the picture is within its black bars; all of the frame where there are none, nothing of a black frame."""

    rows: slice
    columns: slice

    def without_bars(self, image: Image) -> Image:
        """Give `image` with the picture mirrored into the bars; itself where it has none."""
        (height, width), inner = image.shape[:2], image[self.rows, self.columns]
        if inner.shape == image.shape or not inner.size:
            return image
        top, left = self.rows.start, self.columns.start
        bottom, right = height - self.rows.stop, width - self.columns.stop
        wide = max(top, bottom) < inner.shape[0] and max(left, right) < inner.shape[1]
        how = cv2.BORDER_REFLECT_101 if wide else cv2.BORDER_REPLICATE
        return np.asarray(cv2.copyMakeBorder(inner, top, bottom, left, right, how), np.uint8)

    def with_bars(self, made: Image, image: Image) -> Image:
        """Give `made` with the bars of `image`, and the subtitles in them, as they are there."""
        if image[self.rows, self.columns].shape == image.shape:
            return made
        result = image.copy()
        result[self.rows, self.columns] = made[self.rows, self.columns]
        return result


def find_picture(image: Image) -> Picture:
    """Find the picture of a letterboxed or pillarboxed frame, or of one that is both.

    Bars reach from the frame's edges, and are black but for the subtitles in one that faces another without any.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
    """
    height, width = image.shape[:2]
    corners = image[:: max(height - 1, 1), :: max(width - 1, 1)].max(2)
    if np.count_nonzero(corners <= _BLACK) < min(corners.size, 2):  # any bar has two of them
        return Picture(slice(0, height), slice(0, width))
    black = np.asarray(cv2.inRange(image, (0, 0, 0), (_BLACK,) * 3), np.uint8)
    rows = _between_bars(black, 1)
    if rows.start == rows.stop:
        return Picture(rows, slice(0, 0))
    return Picture(rows, _between_bars(black[rows], 0))


def _between_bars(black: NDArray[np.uint8], along: int) -> slice:
    """The rows (`along` 1) or columns (0) between bars, of a picture that is 255 where it is `black`."""
    share = np.asarray(cv2.reduce(black, along, cv2.REDUCE_AVG, dtype=cv2.CV_32F), np.float32).ravel() / np.float32(255)
    depths = _depth(share, _ALL), _depth(share[::-1], _ALL)
    if min(depths) >= _THIN:
        depths = (min(max(depths), _depth(share, _MOST)), min(max(depths), _depth(share[::-1], _MOST)))
    return slice(depths[0], len(share) - depths[1]) if sum(depths) < len(share) else slice(0, 0)


def _depth(share: NDArray[np.float32], least: float) -> int:
    """How many lines from the first on have at least that share."""
    below = np.flatnonzero(share < least)
    return int(below[0]) if len(below) else len(share)
