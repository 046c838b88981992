"""Pieces of what is around a hole, laid over it so that they overlap: their mean, and how no seam is seen between them.

A mean of pieces that differ is a ghost of both, and the best of them alone ends in stairs, as wide as the grid on which
they lie. So how much a piece counts changes slowly from place to place, and where they differ it counts for more where
it is like the mean of all: that is cut as sharply as they are, along a line as round as their reach.

Where pieces nearly agree, the steps from pixel to pixel inside them are kept rather than their colours (Perez et al.,
https://doi.org/10.1145/1201775.882269): where two pieces of a sky meet, that differ a little, there is no step.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import Floats, floats, ramp
from gancam.vision.planes import brightest
from gancam.vision.push_pull import spread

Places = NDArray[np.int64]
PATCH = 5  # places a side of a patch on the grid of its level, 4 pixels each at the finest
PICK = 0.1  # how much less like the picture than most a patch may be and still count, in a mean
SEAM = 3  # pixels around the hole on which what was found is compared with what is there
BAND = 1 << 15  # pixels at a time of which a mean is taken: they stay in a processor's cache
APART = 600.0  # squared grey levels from the mean of all from which on a piece counts for less where they are cut
_AROUND = 15  # places a side over which that is averaged
JUMP = 24.0, 48.0  # grey levels by which pieces that meet may differ without a seam, and from which on it is an edge
SOFT, PLAIN = 1.5, 5.0  # pixels: deviation of the blur in which edges are told; grey levels from pixel to pixel in none
DRIFT = 8.0  # times as far as pieces pass into each other over: what is changed farther away matters little
SMOOTHINGS = 40  # of each size


def steps(picture: Floats) -> Floats:
    """From each pixel to the one right of it, and to the one below, ``(h, w, 2c)``; 0 at the end."""
    across = np.diff(picture, axis=1, append=picture[:, -1:])
    return np.dstack([across, np.diff(picture, axis=0, append=picture[-1:])])


class Melded(NamedTuple):
    """What joins pieces."""

    change: Floats  # (h, w, 3): what to add for no seam to be seen between those that nearly agree
    cut: float  # how much there is of cuts between pieces that differ, for each edge that lies within a piece


def melded(picture: Floats, wanted: Floats, hole: NDArray[np.bool_], side: int) -> Melded:
    """Find what takes from the hole the `steps` that it has beside those `wanted`, unless so much that it is an edge.

    Args:
        picture: ``(h, w, 3)``.
        wanted: `steps` of the pieces that it is made of, ``(h, w, 6)``.
        hole: ``(h, w)``.
        side: pixels over which pieces pass into each other.
    """
    excess = np.where(hole[..., None], steps(picture) - wanted, np.float32(0))
    ways, cuts = [], 0.0
    for way, size in ((excess[..., :3], (side, 1)), (excess[..., 3:], (1, side))):
        jump = brightest(np.abs(cv2.boxFilter(way, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT)))
        stays = ramp(floats(cv2.dilate(jump, np.ones(size[::-1], np.uint8))), JUMP)
        ways.append(way * (1 - stays)[..., None])
        cuts += float((brightest(np.abs(way)) * stays).sum())
    across, down = ways
    parts = np.diff(across, axis=1, prepend=0) + np.diff(down, axis=0, prepend=0)  # how far they go apart
    soft = np.abs(steps(floats(cv2.GaussianBlur(picture, (0, 0), SOFT)))).max(2)[hole]
    edges = float(soft[soft > PLAIN].sum()) + math.sqrt(float(np.count_nonzero(hole)))
    return Melded(_solved(-parts, floats(hole)[..., None], 1 / (DRIFT * side) ** 2), cuts / edges)


def _solved(change: Floats, inside: Floats, held: float) -> Floats:
    """The surface whose Laplacian less `held` times itself is `change` where it is `inside`; it is 0 elsewhere."""
    height, width = change.shape[:2]
    guess = np.zeros_like(change)
    if min(height, width) > 8:
        even = [cv2.copyMakeBorder(x, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT) for x in (change, inside)]
        size = even[0].shape[1] // 2, even[0].shape[0] // 2
        less = [floats(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in even]
        coarse = _solved(4 * less[0], floats(less[1] > 0.5)[..., None], 4 * held)
        guess = cv2.resize(coarse, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_LINEAR)[:height, :width] * inside
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for _ in range(SMOOTHINGS):
        mean = cv2.filter2D(guess, -1, beside, borderType=cv2.BORDER_CONSTANT)
        guess = (guess + np.float32(0.8) * ((4 * mean - change) / np.float32(4 + held) - guess)) * inside
    return floats(guess)


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


def repetition(matches: Matches, unit: int, shape: tuple[int, int]) -> Floats:
    """Say for each place of the anchors' grid how often what lies around it lies in the hole; 1: there alone.

    Args:
        matches: what was found, in pixels.
        unit: pixels a side of a place.
        shape: of the grid.
    """
    known = np.isfinite(matches.unlike)
    row, column = matches.row[known], matches.column[known]
    _, cell, count = np.unique(
        (matches.found_row[known] // unit << 20) + matches.found_column[known] // unit,
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    sums = np.zeros((*shape, 2), np.float32)
    middle = np.minimum(row + PATCH // 2, shape[0] - 1), np.minimum(column + PATCH // 2, shape[1] - 1)
    sums[middle] = np.column_stack([count[cell], np.ones(len(row))])
    sums = floats(cv2.blur(sums, (_AROUND, _AROUND), borderType=cv2.BORDER_CONSTANT))
    return floats(sums[..., 0] / np.maximum(sums[..., 1], 1e-6))
