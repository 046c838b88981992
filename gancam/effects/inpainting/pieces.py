"""Pieces of what is around a hole, laid over it so that they overlap, and their mean.

A mean of pieces that differ is a ghost of both, and the best of them alone ends in stairs, as wide as the grid on which
they lie. So how much a piece counts changes slowly from place to place, and where they differ it counts for more where
it is like the mean of all: that is cut as sharply as they are, along a line as round as their reach.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.melding import Melded, melded, steps
from gancam.effects.inpainting.regions import Floats, floats
from gancam.vision.spreading import spread

Places = NDArray[np.int64]
PATCH = 5  # places a side of a patch on the grid of its level, 4 pixels each at the finest
PICK = 0.1  # how much less like the picture than most a patch may be and still count, in a mean
SEAM = 3  # pixels around the hole on which what was found is compared with what is there
BAND = 1 << 15  # pixels at a time of which a mean is taken: they stay in a processor's cache
APART = 600.0  # squared grey levels from the mean of all from which on a piece counts for less where they are cut


class Level(NamedTuple):
    """A picture with a hole, some times smaller than it is."""

    picture: Floats  # (h, w, channels): BGR, and the strength of gradients where there is a search
    hole: NDArray[np.bool_]  # (h, w)
    barred: NDArray[np.bool_]  # (h, w): nothing is taken from there, as from the hole
    stride: int  # of its own pixels a place of the anchors' grid has


class Matches(NamedTuple):
    """For each anchor, the top left place of a patch in the anchors' grid, where the patch most like it begins."""

    row: Places
    column: Places
    found_row: Places  # in pixels of the level
    found_column: Places
    unlike: Floats  # mean squared difference; infinite where nothing was found


def counts(unlike: Floats) -> Floats:
    """What patches count in a mean that are so `unlike` what they are for."""
    return floats(np.exp(-unlike / (PICK * np.percentile(unlike, 75) + 1)))


def usable(unlike: Floats) -> Floats:
    """The same, and 0 where nothing was found."""
    found = np.isfinite(unlike)
    return floats(np.where(found, counts(np.where(found, unlike, unlike[found].max(initial=0))) + 1e-4, 0))


def _evenly(matches: Matches) -> Floats:
    """The same for each of `matches`, by the mean of those that overlap it: a single good one has no corners then."""
    found = np.isfinite(matches.unlike)
    sums = np.zeros((int(matches.row.max()) + 1, int(matches.column.max()) + 1, 2), np.float32)
    sums[matches.row, matches.column] = np.column_stack([np.where(found, matches.unlike, 0), found])
    near = cv2.blur(sums, (PATCH, PATCH), borderType=cv2.BORDER_CONSTANT)[matches.row, matches.column]
    return usable(floats(np.where(found, near[:, 0] / np.maximum(near[:, 1], 1e-6), np.inf)))


class _Laid(NamedTuple):
    """What pieces are on the mean, in a part of a level."""

    place: tuple[slice, slice]
    mean: Floats  # (h, w, channels)
    reached: NDArray[np.bool_]  # (h, w): by a piece


def mean(level: Level, matches: Matches, counting: Floats) -> Floats:
    """The mean of what `matches` found, each `counting` so much, where they reach, and the picture elsewhere.

    In the hole it is brought to meet what is known around it.
    """
    return _met(level, _laid(level.picture, level.stride, matches, counting))


def cut(level: Level, matches: Matches) -> Floats:
    """The same, but where pieces differ they are cut, along a line that is round, rather than mixed."""
    return _met(level, _laid(level.picture, level.stride, matches, _evenly(matches), cut=True))


def joined(level: Level, matches: Matches) -> Melded:
    """What joins pieces that are `cut`, at a small size: seams are as wide as pieces pass into each other."""
    wanted = steps(level.picture)
    both = floats(np.dstack([level.picture, wanted]))
    laid = _laid(both, level.stride, matches, _evenly(matches))
    inside, channels = level.hole[laid.place] & laid.reached, level.picture.shape[2]
    wanted[laid.place][inside] = laid.mean[inside, channels:]
    return melded(_met(level, laid), wanted, level.hole, PATCH * level.stride)


def _laid(picture: Floats, stride: int, matches: Matches, counting: Floats, *, cut: bool = False) -> _Laid:
    """Lay all pieces, one place of their grid at a time, so that none is met twice at once."""
    side, top, left = PATCH * stride, int(matches.row.min()), int(matches.column.min())
    down, across = int(matches.row.max()) - top + 1, int(matches.column.max()) - left + 1
    begins, count = np.zeros((down, across, 2), np.int16), np.zeros((down, across), np.float32)
    at = matches.row - top, matches.column - left
    begins[at], count[at] = np.column_stack([matches.found_column, matches.found_row]), counting
    inside = np.stack(np.meshgrid(np.arange(stride), np.arange(stride)), -1).astype(np.int16)
    taken = begins.repeat(stride, 0).repeat(stride, 1) + np.tile(inside, (down, across, 1))
    nowhere = np.zeros((0, 0), np.int16)
    count = count.repeat(stride, 0).repeat(stride, 1)
    fades = np.hanning(side + 2)[1:-1]
    window = floats(np.outer(fades, fades))
    columns, channels = across * stride, picture.shape[2]
    tall, wide = (down + PATCH - 1) * stride, (across + PATCH - 1) * stride
    means, reached = np.zeros((channels, tall, wide), np.float32), np.zeros((tall, wide), np.bool_)

    def lay(start: int, end: int, usual: Floats | None) -> Floats:
        """The sums of some rows, and in the last channel what counted; for less where it is not as `usual`."""
        sums = np.zeros((channels + 1, end - start, wide), np.float32)
        for y in range(0, side, stride):
            these = slice(max(start - y, 0), max(min(end - y, down * stride), 0))
            if these.start >= these.stop:
                continue
            rows = slice(these.start + y - start, these.stop + y - start)
            for x in range(0, side, stride):
                here = rows, slice(x, x + columns)
                seen = cv2.remap(picture[y:, x:], taken[these], nowhere, cv2.INTER_NEAREST, None, cv2.BORDER_REPLICATE)
                fading = window[y : y + stride, x : x + stride]
                weight = count[these] * np.tile(fading, ((these.stop - these.start) // stride, across))
                planes = cv2.split(seen)
                if usual is not None:
                    apart = floats(sum(np.square(a - b[here]) for a, b in zip(planes[:3], usual, strict=False)))
                    weight /= np.square(1 + np.square(apart / np.float32(APART)))
                for total, plane in zip(sums, planes, strict=False):
                    cv2.accumulateProduct(plane, weight, total[here])
                cv2.accumulate(weight, sums[-1][here])
        return sums

    band = max(BAND // columns // stride, 1) * stride
    for start in range(0, tall, band):
        end = min(start + band, tall)
        sums = lay(start, end, None)
        reached[start:end] = sums[-1] > 1e-6
        if cut:
            sums = lay(start, end, sums[:-1] / np.maximum(sums[-1], 1e-20))
        means[:, start:end] = sums[:-1] / np.maximum(sums[-1], 1e-20)
    place = slice(top * stride, top * stride + tall), slice(left * stride, left * stride + wide)
    return _Laid(place, np.ascontiguousarray(means.transpose(1, 2, 0)), reached)


def _met(level: Level, laid: _Laid) -> Floats:
    """The picture with those pieces in its hole, brought to meet what is known around it."""
    known, made = level.picture[laid.place], laid.mean[..., : level.picture.shape[2]]
    hole, reach = level.hole[laid.place], np.ones((2 * SEAM + 1, 2 * SEAM + 1), np.uint8)
    edge = cv2.dilate(hole.astype(np.uint8), reach) > 0
    made = made + spread(floats(known - made), floats(edge & ~hole & laid.reached))
    picture = level.picture.copy()
    picture[laid.place] = np.where((hole & laid.reached)[..., None], made, known)
    return picture
