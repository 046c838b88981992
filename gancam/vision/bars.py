"""Black bars around a film's picture."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.planes import brightest

_BLACK = 10  # the most that a bar has of any colour, as codecs leave it
_ALL, _MOST = 0.995, 0.5  # of a line's pixels that are black in a bar, and beside the letters of a subtitle
_THIN = 2  # lines that both bars of a pair have, before one of them may have letters
_EDGE = 4  # lines of the picture within which a bar has ended: a codec blurs its edge, a night only grows lighter
# How light, and how much of a line, beside an edge: of one bar, whatever is on the other side; of a pair; and of a pair
# in a video, in whose dark scenes much of the edge is not seen.
_SURE, _CLEAR, _DIM = (24, 0.85), (24, 0.5), (_BLACK, 0.25)
_STRAIGHT = 0.7  # of what is lit a little deeper: the edge of a disc and a sky that grows lighter have less
_EQUAL = 0.1  # of the deeper bar of a pair: how far it differs from the other


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


def find_picture(image: Image, *, still: bool = True) -> Picture:
    """Find the picture of a letterboxed or pillarboxed frame, or of one that is both.

    Bars reach from the frame's edges, and are black but for the subtitles in one that faces another without any. They
    end in a straight edge beside which the picture is lit: along nearly all of a bar that is alone, and along much of
    both of a pair, which are as wide as each other. A night sky, space, and a dark ground have none.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        still: Whether it is no frame of a video, of which less of an edge will do.
    """
    height, width = image.shape[:2]
    corners = brightest(image[:: max(height - 1, 1), :: max(width - 1, 1)])
    if np.count_nonzero(corners <= _BLACK) < min(corners.size, 2):  # any bar has two of them
        return Picture(slice(0, height), slice(0, width))
    black = np.asarray(cv2.inRange(image, (0, 0, 0), (_BLACK,) * 3), np.uint8)
    light = np.asarray(brightest(image), np.uint8)
    rows = _between_bars(black, light, still)
    if rows.start == rows.stop:
        return Picture(rows, slice(0, 0))
    return Picture(rows, _between_bars(black[rows].T, light[rows].T, still))


def _between_bars(black: NDArray[np.uint8], light: NDArray[np.uint8], still: bool) -> slice:
    """The rows between bars, of a picture that is 255 where it is `black`, and so `light`."""
    share = np.asarray(cv2.reduce(black, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F), np.float32).ravel() / np.float32(255)
    depths = _depth(share, _ALL), _depth(share[::-1], _ALL)
    if min(depths) >= _THIN:
        depths = (min(max(depths), _depth(share, _MOST)), min(max(depths), _depth(share[::-1], _MOST)))
    if sum(depths) >= len(share):
        return slice(0, 0)
    first, last = _real(depths, (light, light[::-1]), still)
    return slice(first, len(share) - last)


def _real(depths: tuple[int, int], sides: tuple[NDArray[np.uint8], NDArray[np.uint8]], still: bool) -> tuple[int, int]:
    """Take away what of dark margins, so deep on both `sides` of a picture, is no bar."""
    sure, clear, dim = (
        [depth > 0 and _lit(side[depth : depth + 4 * _EDGE], level) >= least
         for depth, side in zip(depths, sides, strict=True)]
        for level, least in (_SURE, _CLEAR, _DIM)
    )  # fmt: skip
    pair, one = (clear, sure) if still else (dim, clear)
    if all(sure) or (all(pair) and abs(depths[0] - depths[1]) <= max(_EQUAL * max(depths), _THIN)):
        return depths
    for this, other in ((0, 1), (1, 0)):
        if one[this] and not pair[other] and depths[other] >= depths[this]:
            return depths[this], depths[this]  # of a pair, one of which ends in what is as dark
    return depths[0] * sure[0], depths[1] * sure[1]


def _lit(lines: NDArray[np.uint8], level: int) -> float:
    """How much of the edge before these lines is seen: the share lighter than that; none where it is not straight."""
    share = (lines > level).mean(1)
    most = float(share[:_EDGE].max(initial=0.0))
    return most if most >= _STRAIGHT * float(share[_EDGE:].max(initial=0.0)) else 0.0


def _depth(share: NDArray[np.float32], least: float) -> int:
    """How many lines from the first on have at least that share."""
    below = np.flatnonzero(share < least)
    return int(below[0]) if len(below) else len(share)
