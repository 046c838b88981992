"""Pictures of any size through a graph that takes one size alone."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_MOST = 4  # an overlap is at most this part of a side


def in_fixed_tiles(
    run: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    image: Image,
    *,
    size: tuple[int, int],
    scale: int,
    reach: int,
) -> Image:
    """Apply `run` to `image` ``(h, w, 3)`` in overlapping tiles of `size` (height, width), which fade into each other.

    `run` maps ``(1, *size, 3)`` to `scale` times that. Smaller pictures are enlarged by repeating their border.
    Tiles overlap by twice `reach`, the pixels that an output pixel looks to each side, within a quarter and half of a
    side: where `reach` is 0 (everywhere) or more than that, what fades are two views of the same place.
    """
    height, width = image.shape[:2]
    more = [max(side - given, 0) for side, given in zip(size, (height, width), strict=True)]
    if any(more):
        image = np.pad(image, ((0, more[0]), (0, more[1]), (0, 0)), "edge")
    rows, columns = (_starts(given, side, reach) for given, side in zip(image.shape[:2], size, strict=True))
    if len(rows) == len(columns) == 1:
        return np.ascontiguousarray(run(image[None])[0][: height * scale, : width * scale])
    total = np.zeros((image.shape[0] * scale, image.shape[1] * scale, 3), np.float32)
    weights = np.zeros((*total.shape[:2], 1), np.float32)
    for top in rows:
        for left in columns:
            tile = run(np.ascontiguousarray(image[None, top : top + size[0], left : left + size[1]]))[0]
            share = (
                _fade(top, image.shape[0], size[0], reach, scale)[:, None, None]
                * _fade(left, image.shape[1], size[1], reach, scale)[None, :, None]
            )
            place = slice(top * scale, (top + size[0]) * scale), slice(left * scale, (left + size[1]) * scale)
            total[place] += tile * share
            weights[place] += share
    return np.asarray(np.round(total / weights)[: height * scale, : width * scale], np.uint8)


def overlap(side: int, reach: int) -> int:
    """Pixels by which tiles of `side` overlap."""
    return min(max(2 * reach + 8, side // _MOST), side // 2) if reach else side // _MOST


def _starts(given: int, side: int, reach: int) -> list[int]:
    """Where tiles begin that cover `given` pixels, as far apart as the overlap allows."""
    count = -(-(given - side) // (side - overlap(side, reach))) + 1 if given > side else 1
    return [round(index * (given - side) / max(count - 1, 1)) for index in range(count)]


def _fade(start: int, given: int, side: int, reach: int, scale: int) -> NDArray[np.float32]:
    """The weight of each output pixel of a tile along one side.

    It is 1 within, next to nothing where it saw a border that is none of the picture, and rises over the rest of the
    overlap.
    """
    band = overlap(side, reach)
    blind = min(reach, band // 2 - 2) if reach else 0
    place = (np.arange(side * scale, dtype=np.float32) + 0.5) / scale
    rise = np.clip((place - blind) / max(band - 2 * blind, 1), 1e-4, 1.0)
    weight = np.ones(side * scale, np.float32)
    if start > 0:
        weight = np.minimum(weight, rise)
    if start + side < given:
        weight = np.minimum(weight, rise[::-1])
    return np.asarray(weight, np.float32)
