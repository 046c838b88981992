"""Inference in overlapping tiles: as large as memory allows, or of the one size that a graph takes."""

import logging
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gancam.errors import OutOfMemory
from gancam.frame import Image
from gancam.inference.cuda import free_memory
from gancam.inference.hardware import memory
from gancam.inference.providers import is_cuda, kind_of, number_of

_MOST = 4  # an overlap is at most this part of a side
log = logging.getLogger(__name__)
LEAST = 1 << 14  # input pixels at once, however little memory is free
_BYTES = 400  # of memory for an input pixel: 32 channels in fp32 and what is around them
_BYTES_WHOLE = 600  # for an output pixel of a network that must see all: two layers of 64 channels in fp32, and theirs
LIMIT_ON_GPU = 1 << 23  # the same there, 4K in one call: 128 channels of twice as much are the 2^31 items cuDNN takes
LIMIT = 1 << 19  # input pixels of a tile: a 32-channel network then holds about 150 MB in int8, 350 MB in fp32


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


class TileBudget:
    """How many input pixels a tile may have.

    As many as a quarter of the free memory of the device holds, `LIMIT` at most (`LIMIT_ON_GPU` there), and half of
    that each time that memory was full after all. It is remembered until the device is another.

    Args:
        limit: To begin with; None: by the free memory, when it is first asked for.
        device: Tells where the network runs now: "cpu", or a kind of GPU.
        whole: The scale of a network that looks at all of a picture: only memory may keep it from that, not `LIMIT`.
            0: of one that does not.
    """

    def __init__(self, limit: int | None = None, device: Callable[[], str] = lambda: "cpu", *, whole: int = 0) -> None:
        self._limit, self._device, self._whole = limit, device, whole
        self._of = device() if limit is not None else ""  # whose limit it is

    @property
    def limit(self) -> int:
        """Input pixels of a tile, about."""
        device = self._device()
        if self._limit is None or device != self._of:
            self._limit, self._of = pixels_for(device, whole=self._whole), device
        return self._limit

    def halve(self, pixels: int) -> None:
        """Allow less, since a picture of `pixels` was too much. Raises ``OutOfMemory`` when less makes no sense."""
        if min(pixels, self.limit) <= LEAST:
            raise OutOfMemory(self._of, "memory is full even for small tiles", "close other programs")
        self._limit = max(min(pixels // 2, self.limit) // 2, LEAST)
        log.warning("memory is full; continuing with tiles of %d pixels", self._limit)


def pixels_for(device: str, free: int | None = None, *, whole: int = 0) -> int:
    """Say how many input pixels at once suit a device.

    Args:
        device: "cpu", or a GPU.
        free: Bytes of its memory; None: asked for.
        whole: As `TileBudget` takes it.
    """
    if kind_of(device) == "cpu":
        free, most = memory()[1] if free is None else free, LIMIT
    else:  # of other GPUs nothing tells
        free, most = free_memory(number_of(device)) if free is None and is_cuda(device) else free, LIMIT_ON_GPU
    if free is None:
        return LIMIT
    if whole:
        each = _BYTES_WHOLE * whole**2
        return max(free // (4 * each), LEAST) if kind_of(device) == "cpu" else min(max(free // (4 * each), LEAST), most)
    return min(max(free // (4 * _BYTES), LEAST), most)


def tiled(
    function: Callable[[Image], Image],
    image: Image,
    *,
    scale: int,
    overlap: int,
    budget: TileBudget,
    multiple: int = 1,
) -> Image:
    """Apply a function to an image in overlapping tiles, with the result of ``function(image)``.

    Where `function` looks at all of the picture that result has no tiles: those of a picture beyond the limit fade into
    each other, so that no seam shows where they differ.

    Args:
        function: Maps ``(h, w, 3)`` to ``(h * scale, w * scale, 3)``.
        image: ``(H, W, 3)``; of up to twice the limit, it is one call.
        scale: Output pixels per input pixel along a side.
        overlap: How many input pixels to each side `function` looks, at most; 0: at all of the picture.
        budget: Says the limit. Full memory halves it, and all begins anew.
        multiple: Tiles begin at multiples of it; where the image's sides are multiples so are theirs, and all that
            `function` is shown has one shape.

    Raises:
        OutOfMemory: Even small tiles are too much.
    """
    while True:
        try:
            return _tiled(function, image, scale, overlap, budget.limit, multiple)
        except OutOfMemory as error:
            try:
                budget.halve(image.shape[0] * image.shape[1])
            except OutOfMemory:
                raise error from None


def _tiled(
    function: Callable[[Image], Image], image: Image, scale: int, overlap: int, limit: int, multiple: int
) -> Image:
    height, width = image.shape[:2]
    if height * width <= 2 * limit:
        return function(image)
    if not overlap:
        sides = [_side(side, height * width, limit, multiple) for side in (height, width)]
        each = lambda tile: function(tile[0])[None]
        return in_fixed_tiles(each, image, size=(sides[0], sides[1]), scale=scale, reach=0)
    overlap = multiple * -(-overlap // multiple)
    step_y, step_x = _step(height, width, overlap, limit, multiple)
    result = np.empty((height * scale, width * scale, 3), np.uint8)
    for top in range(0, height, step_y):
        for left in range(0, width, step_x):
            bottom, right = min(top + step_y, height), min(left + step_x, width)
            y, y_end = _window(top, bottom, step_y, overlap, height, multiple)
            x, x_end = _window(left, right, step_x, overlap, width, multiple)
            tile = function(np.ascontiguousarray(image[y:y_end, x:x_end]))
            inner = tile[(top - y) * scale : (bottom - y) * scale, (left - x) * scale : (right - x) * scale]
            result[top * scale : bottom * scale, left * scale : right * scale] = inner
    return result


def _side(side: int, pixels: int, limit: int, multiple: int) -> int:
    """The side of a tile of about `limit` pixels in the shape of a picture of so many `pixels`, a `multiple`."""
    return min(max(multiple * round(side * math.sqrt(limit / pixels) / multiple), multiple), side)


def _step(height: int, width: int, overlap: int, limit: int, multiple: int) -> tuple[int, int]:
    """Height and width of tiles within `limit` that cost the fewest pixels, overlaps counted."""
    found = []
    for across in range(1, 2 * math.ceil(width / math.isqrt(max(limit, 1))) + 1):
        step_x = multiple * -(-width // (across * multiple))
        down = -(-height // max(multiple, limit // step_x // multiple * multiple))
        step_y = multiple * -(-height // (down * multiple))
        window = min(step_y + 2 * overlap, height) * min(step_x + 2 * overlap, width)
        found.append((-(-height // step_y) * -(-width // step_x) * window, step_y, step_x))
    return min(found)[1:]


def _window(start: int, end: int, step: int, overlap: int, side: int, multiple: int) -> tuple[int, int]:
    """Where the part from `start` to `end` of a `side` is seen from: `overlap` more.

    It is as long as all others, for each length costs a network buffers of its own.
    """
    length = min(step + 2 * overlap, side)
    first = min(max(start - overlap, 0), side - length) // multiple * multiple
    return first, max(first + length, min(end + overlap, side))
