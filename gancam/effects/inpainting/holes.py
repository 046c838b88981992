"""Holes of a mask, the windows and crops in which a network fills them, and their edges, which are hidden from inside.

At its edge a fill takes on the light and colour of what is around it. What differs across the edge is compared pixel by
pixel along it, averaged by cells, and added to the fill, less and less further in. Where the two sides differ by
texture the average means nothing, and where they differ by much there is an edge in the scene: there the fill stays.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.light import in_pixels
from gancam.effects.inpainting.regions import CELL, RING, Floats, FrameRegion, floats
from gancam.frame import Image
from gancam.masks import Mask
from gancam.vision.planes import disc
from gancam.vision.push_pull import spread

_OTHER = 40.0  # grey levels between the sides of an edge: more is not light, it is something else
_DOUBT = 4.0  # times its squared standard error by which a difference is made smaller
_ALONG = np.array([0.5, 1.0, 0.5], np.float32)  # how much a cell and those beside it count
RADIUS = 72  # pixels from a hole's edge to its innermost point at which the network still works at full resolution
CORE = 256  # pixels a side of the largest piece of a hole that is filled at once, at the network's resolution
CONTEXT = 64  # pixels around it that the network sees, likewise
STEP = 32  # sides of crops are multiples of it: few shapes, and several holes share a batch


class Seam:
    """The edge of what is hidden in a window: found once, hidden in each frame.

    Args:
        hidden: 1 where the window is filled, else 0, uint8 ``(h, w)``.
        feather: pixels from the edge inward over which the fill is changed, 1 or more.
        beside: 1 where something else is, that the fill is not made like; None: nowhere.
    """

    def __init__(self, hidden: Mask, feather: int, beside: Mask | None = None) -> None:
        height, width = hidden.shape
        depth = cv2.distanceTransform(hidden, cv2.DIST_L2, 3)
        share = np.asarray((1.0 - (depth - 1.0) / feather).clip(0.0, 1.0), np.float32)
        self._share: Floats = floats(cv2.merge([share * hidden] * 3))
        across, down = _pairs(hidden), _pairs(hidden.T)[::-1]
        self._rows, self._columns = (np.concatenate(both, axis=1) for both in zip(across, down, strict=True))
        if beside is not None:
            same = beside[self._rows[1], self._columns[1]] == 0
            self._rows, self._columns = self._rows[:, same], self._columns[:, same]
        self._cells = -(-height // CELL), -(-width // CELL)
        self._cell = self._rows[2] // CELL * self._cells[1] + self._columns[2] // CELL

    def hide(self, picture: Image) -> None:
        """Bring the fill of `picture`, the window ``(h, w, 3)``, to what is around it, in place; that stays."""
        if not self._cell.size:
            return
        light = self._light(picture)
        if light.any():
            height, width = self._share.shape[:2]
            up = cv2.resize(light, in_pixels(light), interpolation=cv2.INTER_LINEAR)[:height, :width]
            cv2.add(picture, cv2.multiply(up, self._share), picture, dtype=cv2.CV_8U)

    def _light(self, picture: Image) -> Floats:
        """What the fill lacks beside the edge, by cells ``(rows, columns, 3)``."""
        beyond, outer, inner, deeper = floats(picture[self._rows, self._columns])
        lacks = 1.5 * (outer - inner) - 0.5 * (beyond - deeper)  # at the edge itself, whatever the slope on each side
        alike = floats(np.abs(lacks).max(1) < _OTHER)
        lacks *= alike[:, None]
        values = (*lacks.T, np.square(lacks).sum(1), alike, np.ones_like(alike))
        count = self._cells[0] * self._cells[1]
        sums = np.dstack([np.bincount(self._cell, value, count).reshape(self._cells) for value in values])
        sums = np.asarray(
            cv2.sepFilter2D(floats(sums), cv2.CV_32F, _ALONG, _ALONG, borderType=cv2.BORDER_CONSTANT)
        ).reshape(*self._cells, len(values))
        used, compared = np.maximum(sums[..., 4], 1e-6), np.maximum(sums[..., 5], 1e-6)
        light = sums[..., :3] / used[..., None]
        power = np.square(light).sum(2)
        error = np.maximum(sums[..., 3] / used - power, 0.0) / used
        sure = (1.0 - _DOUBT * error / np.maximum(power, 1e-6)).clip(0.0, 1.0) * (used / compared)
        return spread(floats(light * sure[..., None]), floats(compared > 1e-3))


def _pairs(hidden: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find what lies left and right of the edge of what is `hidden`.

    Returns:
        Rows and columns, each ``(4, n)``, of the pixels in line across the edge: two outside, the farther one first,
        and two inside. Where there is no second one on a side, it is the first.
    """
    rows, left = np.nonzero(hidden[:, 1:] != hidden[:, :-1])
    inward = np.where(hidden[rows, left] > 0, -1, 1)
    outer = np.where(inward < 0, left + 1, left)
    inner, last = outer + inward, hidden.shape[1] - 1
    beyond, deeper = (outer - inward).clip(0, last), (inner + inward).clip(0, last)
    beyond = np.where(hidden[rows, beyond] > 0, outer, beyond)
    deeper = np.where(hidden[rows, deeper] > 0, deeper, inner)
    return np.broadcast_to(rows, (4, len(rows))), np.stack([beyond, outer, inner, deeper])


class Crop(NamedTuple):
    """A piece of a hole, and what of the frame around it the network sees: at 1 / `shrink` of its size."""

    core: tuple[int, int, int, int]  # left, top, right, bottom in the frame: where the result is taken
    view: tuple[int, int, int, int]  # likewise, what is seen; it may reach beyond the frame
    size: tuple[int, int]  # width and height for the network


class Holes:
    """A mask made ready: grown, and the windows in which there is something to do, each with its edge.

    Args:
        marked: not 0 where something is to be filled, uint8 ``(H, W)``.
        grow: pixels by which that is enlarged first.
        feather: pixels inside, from the edge, over which the fill is brought to what is around it.
        beside: 1 where something else is that is never filled, nor is the fill made like it, uint8 ``(H, W)``; None:
            nowhere.
    """

    def __init__(self, marked: Mask, grow: int, feather: int, beside: Mask | None = None) -> None:
        self._of = marked.copy(), grow, feather
        self.beside = beside
        whole = FrameRegion.around(cv2.boundingRect(marked), grow + RING + 8, marked.shape)
        inside = np.asarray(marked[whole.place] != 0, np.uint8)
        self.hidden: Mask = np.zeros(marked.shape, np.uint8)  # 1: what is to be filled
        self.hidden[whole.place] = cv2.dilate(inside, disc(grow)) if grow else inside
        if beside is not None:
            self.hidden[beside > 0] = 0
        self.windows = windows(self.hidden, whole)
        self._seams = [
            Seam(self.hidden[window.place], feather, None if beside is None else beside[window.place])
            for window in self.windows
            if feather
        ]

    def are(self, marked: Mask, grow: int, feather: int, beside: Mask | None = None) -> bool:
        """Say whether these are the holes of that mask."""
        old, *others = self._of
        if (beside is None) != (self.beside is None) or others != [grow, feather] or not np.array_equal(old, marked):
            return False
        return beside is None or self.beside is None or np.array_equal(beside, self.beside)

    def blend(self, result: Image) -> None:
        """Hide the edge of what is filled in `result`, in place: nothing but the fill changes."""
        for window, seam in zip(self.windows, self._seams, strict=False):
            seam.hide(result[window.place])


def windows(hidden: Mask, within: FrameRegion) -> list[FrameRegion]:
    """Find windows that hold all of `hidden` and the ring around it; what lies near each other is in one of them."""
    view = hidden[within.place]
    near = np.asarray(cv2.dilate(coarse(view), np.ones((5, 5), np.uint8)), np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    found = []
    for x, y, wide, tall, _ in stats[1:count].tolist():
        top, left = y * 8, x * 8
        part = view[top : (y + tall) * 8, left : (x + wide) * 8]
        px, py, pw, ph = cv2.boundingRect(part)
        box = within.left + left + px, within.top + top + py, pw, ph
        found.append(FrameRegion.around(box, RING, hidden.shape))
    return _merged(found)


def _merged(found: list[FrameRegion]) -> list[FrameRegion]:
    """The same with those that overlap made one, until none do."""
    for index, window in enumerate(found):
        for other in found[index + 1 :]:
            if overlap(window, other):
                rest = [one for one in found if one is not window and one is not other]
                joined = FrameRegion(
                    min(window.left, other.left), min(window.top, other.top),
                    max(window.right, other.right), max(window.bottom, other.bottom),
                )  # fmt: skip
                return _merged([*rest, joined])
    return found


def coarse(mask: Mask) -> Mask:
    """Return 1 for each 8x8 cell in which something is marked, else 0."""
    height, width = mask.shape
    padded = cv2.copyMakeBorder(mask, 0, -height % 8, 0, -width % 8, cv2.BORDER_CONSTANT)
    cells = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8)
    return np.asarray(cells.any((1, 3)), np.uint8)


def plan(frame: Mask, window: FrameRegion, smaller: int = 1) -> list[Crop]:
    """Cut up for the network what is unknown in a window of the frame.

    Each piece has context around it, and is no larger than it can be while the network sees known pixels from
    everywhere within; it is seen smaller where a hole is too wide for that.

    Args:
        frame: 1 where it is unknown, uint8 ``(H, W)``.
        window: the part of it.
        smaller: so many times smaller than it has to be the network sees all of it.
    """
    height, width = frame.shape
    unknown = frame[window.place]
    if not cv2.hasNonZero(unknown):
        return []
    near = np.asarray(cv2.dilate(coarse(unknown), np.ones((3, 3), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    crops: list[Crop] = []
    for label, (x, y, wide, tall, _) in enumerate(stats[1:count].tolist(), 1):
        left, top = x * 8, y * 8
        mine = np.kron(labels[y : y + tall, x : x + wide] == label, np.ones((8, 8), np.bool_))
        part = unknown[top : (y + tall) * 8, left : (x + wide) * 8]
        part = np.where(mine[: part.shape[0], : part.shape[1]], part, 0).astype(np.uint8)
        if not part.any():
            continue
        px, py, pw, ph = cv2.boundingRect(part)
        depth = float(cv2.distanceTransform(cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_CONSTANT),
                                            cv2.DIST_L2, 3).max())  # fmt: skip
        shrink = smaller * max(1.0, depth / RADIUS)
        left, top = left + px + window.left, top + py + window.top
        across, down = (max(1, math.ceil(length / shrink / CORE)) for length in (pw, ph))
        for row in range(down):
            for column in range(across):
                core = (
                    left + pw * column // across, top + ph * row // down,
                    left + pw * (column + 1) // across, top + ph * (row + 1) // down,
                )  # fmt: skip
                if frame[core[1] : core[3], core[0] : core[2]].any():
                    crops.append(_crop(core, shrink, (width, height)))
    return crops


def _crop(core: tuple[int, int, int, int], shrink: float, size: tuple[int, int]) -> Crop:
    spans, sides = [], []
    for low, high, length in ((core[0], core[2], size[0]), (core[1], core[3], size[1])):
        side = -(-(math.ceil((high - low) / shrink) + 2 * CONTEXT) // STEP) * STEP
        whole = round(side * shrink)
        start = (low + high - whole) // 2
        # beside the frame's edge, more of what is on the other side
        start = min(max(start, 0), length - whole) if whole <= length else (length - whole) // 2
        spans.append((start, start + whole))
        sides.append(side)
    return Crop(core, (spans[0][0], spans[1][0], spans[0][1], spans[1][1]), (sides[0], sides[1]))


def cut_out(picture: Image, unknown: Mask, crop: Crop) -> tuple[Image, Mask]:
    """Return the picture and the mask that the network is given for `crop`; what lies beyond the frame is unknown."""
    height, width = unknown.shape
    left, top, right, bottom = crop.view
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    image: Any = picture[rows, columns]
    hole: Any = unknown[rows, columns]
    beyond = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if any(beyond):
        image = cv2.copyMakeBorder(image, *beyond, cv2.BORDER_CONSTANT)
        hole = cv2.copyMakeBorder(hole, *beyond, cv2.BORDER_CONSTANT, value=1)
    if crop.size != (right - left, bottom - top):
        image = cv2.resize(image, crop.size, interpolation=cv2.INTER_AREA)
        hole = cv2.resize(hole * 255, crop.size, interpolation=cv2.INTER_AREA) > 0
    return np.asarray(image, np.uint8), np.asarray(hole, np.uint8)


def paste(picture: Image, unknown: Mask, crop: Crop, content: Image) -> None:
    """Put the network's answer `content` where it belongs, in place; it is known from then on."""
    left, top, right, bottom = crop.view
    if crop.size != (right - left, bottom - top):
        content = np.asarray(cv2.resize(content, (right - left, bottom - top), interpolation=cv2.INTER_CUBIC), np.uint8)
    x0, y0, x1, y1 = crop.core
    part = unknown[y0:y1, x0:x1]
    cv2.copyTo(np.ascontiguousarray(content[y0 - top : y1 - top, x0 - left : x1 - left]), part, picture[y0:y1, x0:x1])
    part[:] = 0


def overlap(a: Sequence[int], b: Sequence[int]) -> bool:
    """Say whether two boxes (left, top, right, bottom) overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
