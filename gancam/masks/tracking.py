"""Masks that follow what they mark."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError
from gancam.frame import Image
from gancam.masks.conversion import MaskLike, source
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.shapes import Box, Boxes
from gancam.vision import motion
from gancam.vision.motion import SMALL, Matrix, Points, corners, follow


class Tracked(MaskSource):
    """An object that is marked in the first frame, followed through translation, scale and rotation.

    ``lost`` says that the object is not seen any more: the mask is empty then, rather than over something else, until
    the object is found again. ``notes`` keeps the times. ``mask`` is the last one given.

    Args:
        what: anything that `source` takes, asked once, or a box (left, top, width, height) in pixels.

    Raises:
        MaskError: at the first frame, where there is nothing to hold on to in what is marked.
    """

    LEAST = 8  # points to hold on to
    ALIKE = 0.6  # correlation with the object as it was marked: under that it is lost, unless
    KNOWN = 0.8  # it has that with the object as it was lately
    PAUSE = 4  # frames between looks for a lost one
    SIDE = 64  # pixels of the pictures of it that are compared

    def __init__(self, what: MaskLike | Box | list[float]) -> None:
        self._what = source(what) if not isinstance(what, tuple | list) else _box(what)
        self.lost = False
        self._notes: list[str] = []
        self.mask: Mask = np.zeros((1, 1), np.uint8)
        self._first: _Seen | None = None
        self._key: _Seen | None = None  # the object as it was when its points were chosen
        self._last: NDArray[np.uint8] | None = None  # the frame before
        self._matrix = np.eye(3)  # first frame -> now
        self._waited = 0

    @property
    def notes(self) -> Sequence[str]:
        """When the object was lost and found again."""
        return self._notes

    def reset(self) -> None:
        """Mark anew at the next frame."""
        self._first = self._key = None
        self.lost = False

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where the object is in `image`, else 0; nothing is marked while it is lost."""
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._first is None or self._first.grey.shape != grey.shape:
            self._start(image, grey)
        elif self.lost and self._waited < self.PAUSE:
            self._waited += 1
        elif not (self._search(grey) if self.lost else self._step(grey)):
            self._waited = 0
            if not self.lost:
                when = "" if time is None else f" at {time:.2f} s"
                self._notes.append(f"lost the followed object{when}; nothing is marked until it is seen again")
            self.lost = True
        elif self.lost:
            self.lost = False
            self._notes.append("found the followed object again" + ("" if time is None else f" at {time:.2f} s"))
        self.mask = self._moved_mask(grey.shape)
        return self.mask

    def _start(self, image: Image, grey: NDArray[np.uint8]) -> None:
        mask = self._what(image)
        if not mask.any():
            raise MaskError("nothing is marked in the first frame: there is nothing to follow")
        box = cv2.boundingRect(mask)
        points = corners(grey, np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)) * 255, np.uint8), apart=4)
        x, y, wide, tall = box
        contrast = float(grey[y : y + tall, x : x + wide].std())
        if len(points) < self.LEAST or contrast < 4.0:
            raise MaskError(
                f"nothing to hold on to in the marked {wide}x{tall} pixels at {x}/{y}: mark more, with edges or texture"
            )
        self._matrix, self.lost = np.eye(3), False
        self._first = _Seen(grey, points, np.eye(3), mask, box)
        self._key, self._last = self._first, grey
        self._patterns = [self._look(grey, np.eye(3)).astype(np.float32)] * 2

    def _step(self, grey: NDArray[np.uint8]) -> bool:
        """Follow into the next frame; False: not there."""
        found = self._from_key(grey)
        if not found and self._last is not None:  # it turned, or light changed: it may still look as a frame ago
            key, self._key = self._key, None
            self._take_key(self._last)
            found = self._key is not None and self._from_key(grey)
            self._key = self._key if found else key
        self._last = grey if found else None
        return found

    def _from_key(self, grey: NDArray[np.uint8]) -> bool:
        assert self._key is not None
        there, good = follow(
            self._key.grey, grey, self._key.points, motion.moved(self._key.points, self._since(self._key))
        )
        if int(good.sum()) < self.LEAST:
            return False
        cv2.setRNGSeed(0)
        step, near = cv2.estimateAffinePartial2D(self._key.points[good], there[good], ransacReprojThreshold=1.5)
        if step is None or int(near.sum()) < max(self.LEAST, 0.4 * len(self._key.points) * float(good.mean())):
            return False
        matrix = np.vstack([step, [0, 0, 1]]) @ self._key.matrix
        if not self._is_it(grey, matrix):
            return False
        self._matrix = matrix
        if int(near.sum()) < 0.6 * len(self._key.points):  # it has turned or come nearer: other points now
            self._take_key(grey)
        return True

    def _since(self, key: "_Seen") -> Matrix:
        return np.asarray(self._matrix @ np.linalg.inv(key.matrix), np.float64)

    def _take_key(self, grey: NDArray[np.uint8]) -> None:
        points = corners(grey, np.asarray(self._moved_mask(grey.shape) * 255, np.uint8), apart=4)
        if len(points) >= self.LEAST:
            assert self._first is not None
            self._key = _Seen(grey, points, self._matrix, self._first.mask, self._first.box)

    def _is_it(self, grey: NDArray[np.uint8], matrix: Matrix) -> bool:
        """Whether what is there looks like what was marked, and some of it is in the picture."""
        stretch = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
        if not 0.15 < stretch < 8.0:
            return False
        assert self._first is not None
        x, y, wide, tall = self._first.box
        edges = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]], np.float32)
        seen = motion.moved(edges, matrix)
        height, width = grey.shape
        if (seen.max(0) <= 2).any() or (seen.min(0) >= (width - 2, height - 2)).any():
            return False
        there = self._look(grey, matrix).astype(np.float32)
        inside = self._look(np.full_like(grey, 255), matrix) > 0
        if inside.sum() < 0.3 * inside.size or float(there[inside].std()) < 1.0:
            return False
        first, recent = (float(np.corrcoef(pattern[inside], there[inside])[0, 1]) for pattern in self._patterns)
        if recent >= self.KNOWN:  # it may change slowly
            self._patterns[1] = np.where(
                inside, self._patterns[1] + 0.05 * (there - self._patterns[1]), self._patterns[1]
            )
        return first >= self.ALIKE or recent >= self.KNOWN

    def _look(self, grey: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
        """The object's box as seen in `grey`, turned back upright, `SIDE` pixels a side."""
        assert self._first is not None
        x, y, wide, tall = self._first.box
        upright = np.array([[self.SIDE / wide, 0, -x * self.SIDE / wide], [0, self.SIDE / tall, -y * self.SIDE / tall],
                            [0, 0, 1]])  # fmt: skip
        there = upright @ np.linalg.inv(matrix)
        return np.asarray(cv2.warpPerspective(grey, there, (self.SIDE, self.SIDE), flags=cv2.INTER_AREA), np.uint8)

    def _search(self, grey: NDArray[np.uint8]) -> bool:
        """Look for the lost object in the whole picture, at the size and angle it was last seen in."""
        assert self._first is not None
        shrink = max(max(grey.shape) / SMALL, 1.0)
        x, y, wide, tall = self._first.box
        linear = self._matrix.copy()
        linear[:2, 2] = 0
        edges = motion.moved(np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32), linear)
        low, high = edges.min(0), edges.max(0)
        size = np.maximum(np.round((high - low) / shrink), 1).astype(int)
        small = np.asarray(cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), np.uint8)
        if min(size) < 6 or size[0] > small.shape[1] or size[1] > small.shape[0]:
            return False
        shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float64)
        place = np.array([[1 / shrink, 0, -low[0] / shrink], [0, 1 / shrink, -low[1] / shrink], [0, 0, 1]])
        wanted = cv2.warpPerspective(self._first.grey, place @ linear @ shift, (int(size[0]), int(size[1])))
        if float(wanted.std()) < 2:
            return False
        fits = cv2.matchTemplate(small, np.asarray(wanted, np.uint8), cv2.TM_CCOEFF_NORMED)
        _, best, _, where = cv2.minMaxLoc(fits)
        if best < 0.7:
            return False
        there = np.array([[1, 0, where[0] * shrink - low[0]], [0, 1, where[1] * shrink - low[1]], [0, 0, 1]])
        before, self._matrix, key = self._matrix, there @ linear @ shift, self._key
        for seen in (self._first, key):
            self._key = seen
            if self._from_key(grey):
                self._last = grey
                return True
        self._matrix, self._key = before, key
        return False

    def _moved_mask(self, shape: tuple[int, ...]) -> Mask:
        if self.lost or self._first is None:
            return np.zeros(shape, np.uint8)
        moved = cv2.warpPerspective(self._first.mask * 255, self._matrix, (shape[1], shape[0]), flags=cv2.INTER_LINEAR)
        return np.asarray(moved > 100, np.uint8)


def _box(sides: Sequence[float]) -> Boxes:
    left, top, width, height = sides
    return Boxes((left, top, width, height))


class _Seen(NamedTuple):
    """The followed object in one frame."""

    grey: NDArray[np.uint8]
    points: Points
    matrix: Matrix  # first frame -> this one
    mask: Mask  # of the first frame
    box: Sequence[int]  # of that
