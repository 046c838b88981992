"""Parts of a frame in which people are, for a closer look at them."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.mask import Mask
from gancam.masks.shapes import shared

Window = tuple[int, int, int, int]  # left, top, width, height in pixels of the frame
_MARGIN = 0.25  # of a person's longer side, that is left free around them: at 0.1 or 0.5 the network sees them worse
_BEYOND = 0.6  # the same, on a side on which the window cuts them off
_SLACK = 0.08  # of that side: a window stays while as much is free around them
_LEAST = 32  # pixels of a window's side
_SPECK = 1 / 3000  # of what the network is shown: what is smaller is nobody
_SHARE = 0.2  # of the largest: what is smaller does not count as part of a window's people
_ALIKE = 0.5  # of both together: as much of two windows is in both
_OVERLAP = 0.3  # of the smaller of two windows: from there on they become one
_CLOSE_BY = 0.05  # of the side of a square as large as people are: what may be theirs lies that close to them


def boxes_above(found: NDArray[np.float32], window: Window, level: float) -> list[Window]:
    """Return where `found` is above `level`, as boxes in the frame, the largest first.

    Args:
        found: 0 to 1, ``(h, w)``: what the network said of `window`.
        window: the part of the frame that it was shown.
        level: 0 to 1.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.asarray(found > level, np.uint8))
    parts = sorted((part.tolist() for part in stats[1:]), key=lambda part: -part[4])
    across, down = window[2] / found.shape[1], window[3] / found.shape[0]
    boxes = []
    for x, y, width, height, area in parts:
        if area < _SPECK * found.size:
            break
        left, top = window[0] + int(x * across), window[1] + int(y * down)
        boxes.append((left, top, max(round(width * across), 1), max(round(height * down), 1)))
    return boxes


def united(boxes: Sequence[Window]) -> Window:
    """Return the smallest window around all of `boxes`."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    return left, top, max(box[0] + box[2] for box in boxes) - left, max(box[1] + box[3] for box in boxes) - top


def people_in(found: NDArray[np.float32], window: Window) -> Window | None:
    """Return the box around those whom `found`, made of `window`, shows; None for nobody."""
    boxes = boxes_above(found, window, 0.5)
    return united([box for box in boxes if area(box) >= _SHARE * area(boxes[0])]) if boxes else None


def area(window: Window) -> int:
    """Return how many pixels `window` has."""
    return window[2] * window[3]


def holds(window: Window, box: Window) -> bool:
    """Say whether the middle of `box` lies in `window`."""
    x, y = box[0] + box[2] / 2 - window[0], box[1] + box[3] / 2 - window[1]
    return 0 <= x < window[2] and 0 <= y < window[3]


def window_around(
    box: Window, size: tuple[int, int], within: Window | None = None, *, margin: float = _MARGIN
) -> Window:
    """Return the window in which to look at `box` closer.

    Args:
        box: somebody.
        size: width and height of the frame.
        within: the window in which that box was found: on sides on which it ends there, more may be beyond.
        margin: of the box's longer side, which is left free around it.
    """
    side = max(box[2:])
    free = [margin * side] * 4
    if within is not None:
        free = [_BEYOND * side if cut else margin * side for cut in _sides_within(box, within, size, 0.0)]
    edges = []
    for axis in (0, 1):
        middle = box[axis] + box[axis + 2] / 2
        first = min(box[axis] - free[axis], middle - _LEAST / 2)
        last = max(box[axis] + box[axis + 2] + free[axis + 2], middle + _LEAST / 2)
        edges.append((max(round(first), 0), min(round(last), size[axis])))
    (left, right), (top, bottom) = edges
    return left, top, max(right - left, 1), max(bottom - top, 1)


def tile_of(size: tuple[int, int], column: int, row: int, many: int) -> Window:
    """Return one of `many` by `many` parts of a frame of that `size` (width, height), which overlap by half."""
    (left, width), (top, height) = (
        (round(step * length / (many + 1)), max(round(2 * length / (many + 1)), 1))
        for step, length in zip((column, row), size, strict=True)
    )
    return min(left, size[0] - 1), min(top, size[1] - 1), min(width, size[0] - left), min(height, size[1] - top)


def is_cut_off(box: Window, window: Window, size: tuple[int, int]) -> bool:
    """Say whether `box`, found in `window`, ends with it, and not with the frame of that `size` (width, height)."""
    return any(_sides_within(box, window, size, 0.0))


def is_close(box: Window, window: Window, size: tuple[int, int]) -> bool:
    """Say whether `window` has to move since `box` comes too near to a side that is not the frame's."""
    return any(_sides_within(box, window, size, _SLACK * max(box[2:])))


def _sides_within(box: Window, window: Window, size: tuple[int, int], space: float) -> list[bool]:
    """For left, top, right, bottom: whether `box` leaves no more than `space` there, where the frame goes on."""
    first, last = [], []
    for axis in (0, 1):
        pixel = window[axis + 2] / 128  # the network's, about
        end = window[axis] + window[axis + 2]
        first.append(window[axis] > 0 and box[axis] - window[axis] <= space + pixel)
        last.append(end < size[axis] and end - box[axis] - box[axis + 2] <= space + pixel)
    return [*first, *last]


def alike(one: Window, other: Window) -> bool:
    """Say whether two windows are much the same."""
    both = shared(one, other)
    return both > _ALIKE * (area(one) + area(other) - both)


def overlap(one: Window, other: Window) -> bool:
    """Say whether two windows share so much that one around both does as well."""
    return shared(one, other) > _OVERLAP * min(area(one), area(other))


def carried(found: NDArray[np.float32], before: Window, now: Window, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return `found`, made of the window `before`, as it lies in the window `now`, ``shape[:2]``."""
    steps = []
    for axis in (0, 1):
        old, new = before[axis + 2] / found.shape[1 - axis], now[axis + 2] / shape[1 - axis]
        steps.append((new / old, (now[axis] - before[axis] + new / 2) / old - 0.5))
    place = np.array([[steps[0][0], 0, steps[0][1]], [0, steps[1][0], steps[1][1]]], np.float64)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = shape[1], shape[0]
    return np.asarray(cv2.warpAffine(found, place, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)


@lru_cache(maxsize=8)
def network_size(width: int, height: int, work_size: int) -> tuple[int, int]:
    """Return width and height, in multiples of 16, that the network is shown a frame, or a window of it, at.

    They are as many pixels as 16:9 has whose longer side is `work_size`.
    """
    shrink = (work_size * work_size * 9 / 16 / (width * height)) ** 0.5
    across, down = (max(round(side * shrink / 16), 2) * 16 for side in (width, height))
    return min(across, 1024), min(down, 1024)


def shown(image: Image, window: Window, work_size: int) -> Image:
    """Return what the network is shown of `window`."""
    left, top, width, height = window
    size = network_size(width, height, work_size)
    how = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image[top : top + height, left : left + width], size, interpolation=how), np.uint8)


def pieces_of(marked: Mask, sure: Mask) -> Mask:
    """The pieces of what is `marked` that hold some of what is `sure`, or lie close to it."""
    side = round(_CLOSE_BY * float(np.count_nonzero(sure)) ** 0.5)
    near = cv2.dilate(sure, np.ones((2 * side + 1,) * 2, np.uint8))
    _, labels = cv2.connectedComponents(marked)
    known = np.unique(labels[(near > 0) & (marked > 0)])
    return np.where(np.isin(labels, known[known > 0]), marked, np.uint8(0))
