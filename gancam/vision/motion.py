"""Motion of a picture since another one: of the whole, or of a part of it.

Points that stand out are followed by pyramidal Lucas-Kanade from the first picture straight to the present one, not
from frame to frame, so errors do not add up; the motion of the frame before only says where to look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import shrunk

Matrix = NDArray[np.float64]  # (3, 3), takes (x, y, 1) of the one picture to the other
Grey = NDArray[np.uint8]  # (h, w)
Points = NDArray[np.float32]  # (n, 2), x and y
SMALL = 320  # pixels of the longer side of pictures whose motion is looked for
_STILL = 0.12  # of those pixels: a point that moved less stood still
_JITTER = 0.06  # of those pixels: a change of motion under that is none
_RESTED = 0.25  # the same, for a picture that stood still
_NEAR = 0.7  # of those pixels: a point that a motion explains
_LEAST = 12  # points
_BESIDE = 8  # pixels around a part on which the points that stand out in it depend
_FAR = 96  # pixels around points that are looked at to find them again


def small_grey(image: Image, longest: int = SMALL) -> tuple[Grey, float]:
    """Return `image` in grey, uint8 with a longer side of at most `longest`, and how many times smaller it is."""
    shrink = max(max(image.shape[:2]) / longest, 1.0)
    size = shrunk((image.shape[1], image.shape[0]), shrink)
    # Every second pixel of what is shrunk to less than half is enough: it is not shown, and it is four times faster.
    step = max(int(shrink / 2), 1)
    few = image[::step, ::step]
    if step > 1 and few.shape[0] * step == image.shape[0] and few.shape[1] * step == image.shape[1]:  # the same pixels
        few = np.asarray(cv2.resize(image, few.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    small = cv2.resize(few, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8), image.shape[1] / size[0]


def shift(before: Grey, now: Grey) -> tuple[tuple[float, float], float]:
    """Find how far a picture, uint8 ``(h, w)``, went to the right and down, in pixels, and how clearly, 0 to 1.

    It is the peak of the phase correlation (Kuglin and Hines, The phase correlation image alignment method, 1975).
    """
    (right, down), clear = cv2.phaseCorrelate(before.astype(np.float32), now.astype(np.float32), _hanning(now.shape))
    return (float(right), float(down)), float(clear)


@lru_cache(maxsize=16)
def _hanning(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.createHanningWindow(shape[::-1], cv2.CV_32F), np.float32)


def corners(grey: Grey, where: Grey | None = None, *, most: int = 400, apart: float = 5.0) -> Points:
    """Find points that can be followed, the best first.

    Args:
        grey: uint8 ``(h, w)``.
        where: not 0 where they may lie, ``(h, w)``; None: anywhere.
        most: how many at the most.
        apart: pixels between them at the least.

    Returns:
        x and y, float32 ``(n, 2)``.
    """
    left = top = 0
    if where is not None:  # what is far from there takes time, and changes nothing
        left, top, part = _around(cv2.boundingRect(where), _BESIDE)
        grey, where = np.ascontiguousarray(grey[part]), np.ascontiguousarray(where[part])
        if not where.size:
            return np.empty((0, 2), np.float32)
    found = cv2.goodFeaturesToTrack(grey, most, 0.005, apart, mask=where, blockSize=5)
    if found is None:
        return np.empty((0, 2), np.float32)
    return np.asarray(found.reshape(-1, 2) + np.array((left, top), np.float32), np.float32)


def _around(box: Sequence[int], beside: int) -> tuple[int, int, tuple[slice, slice]]:
    """The left, the top, and the rows and columns of a box (left, top, width, height) and so many pixels around it.

    Left and top are multiples of 8, so that smaller pictures made of that part have the pixels that those made of the
    whole have.
    """
    x, y, wide, tall = box
    left, top = (max(side - beside, 0) // 8 * 8 for side in (x, y))
    return left, top, (slice(top, y + tall + beside), slice(left, x + wide + beside))


def thinned(points: Points, shape: tuple[int, ...], *, each: int = 3) -> Points:
    """Return the first `each` of `points` in each of 8 x 6 parts of a picture.

    So something busy that moves does not outvote the rest.
    """
    cells = np.floor(points / (shape[1] / 8, shape[0] / 6)).astype(int) @ (1, 8)
    order = np.argsort(cells, kind="stable")
    ranked = np.arange(len(points)) - np.searchsorted(cells[order], cells[order])
    return np.asarray(points[np.sort(order[ranked < each])], np.float32)


def stands_still(before: Grey, after: Grey, known: Grey | None) -> bool:
    """Say whether much of the picture stands exactly where it stood, whatever moves in front of it.

    Looked at are places with an edge: a shift by a quarter of a pixel would change them by a quarter of their slope.
    In a third of all parts of the picture that have upright ones most of those must not have changed, and likewise of
    level ones. Light and exposure may have changed.
    """
    smooth = [cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32) for grey in (before, after)]
    fine = [cv2.subtract(grey, cv2.blur(grey, (15, 15))) for grey in smooth]
    few = slice(None, None, 3), slice(None, None, 3)  # are enough to tell the exposure by
    strong = np.abs(fine[0][few]) > 8.0
    if known is not None:
        strong &= known[few] > 0
    gain = float(np.median(fine[1][few][strong] / fine[0][few][strong]).clip(0.3, 3.0)) if strong.any() else 1.0
    change = cv2.absdiff(fine[1] if abs(gain - 1) < 0.04 else fine[1] * (1 / gain), fine[0])
    for across in (True, False):
        slope = np.abs(cv2.Sobel(smooth[0], cv2.CV_32F, int(across), int(not across), ksize=3, scale=1 / 8))
        edges = slope > 5.0
        if known is not None:
            edges &= known > 0
        same = edges & (change < 0.25 * slope)
        parts = max(before.shape[1] // 16, 1), max(before.shape[0] // 16, 1)
        shares, kept = (cv2.resize(x.astype(np.float32), parts, interpolation=cv2.INTER_AREA) for x in (edges, same))
        busy = shares > 0.03
        if busy.sum() < 4 or (kept[busy] > 0.6 * shares[busy]).mean() < 1 / 3:
            return False
    return True


def moved(points: Points, matrix: Matrix) -> Points:
    """Return `points` taken along by `matrix`."""
    return np.asarray(cv2.perspectiveTransform(points[None], matrix)[0], np.float32) if len(points) else points


def stays(matrix: Matrix, shape: tuple[int, ...], share: float) -> bool:
    """Say whether `matrix` moves no corner of a picture by more than a `share` of its longer side."""
    height, width = shape[:2]
    edges = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    return bool(np.hypot(*(moved(edges, matrix) - edges).T).max() < share * max(width, height))


def follow(before: Grey, after: Grey, points: Points, guess: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Find `points` of one picture in another.

    Args:
        before: the one, uint8 ``(h, w)``.
        after: the other.
        points: x and y in the one, float32 ``(n, 2)``.
        guess: near where they are looked for in the other.

    Returns:
        Where they are in the other, ``(n, 2)``; and which of them were found there and, from there, back again,
        ``(n,)``. Points outside the picture are not found.
    """
    if not len(points):
        return points, np.zeros(0, np.bool_)
    options = {"winSize": (15, 15), "maxLevel": 2, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    height, width = after.shape
    places = np.vstack([points, guess])
    low, high = places.min(0).clip(0, (width, height)), places.max(0).clip(0, (width, height))
    left, top, part = _around([int(side) for side in (*low, *(high - low + 1))], _FAR)
    corner = np.array((left, top), np.float32)
    one, other = (np.ascontiguousarray(picture[part]) for picture in (before, after))
    first, start = points - corner, guess - corner
    there, found, _ = cv2.calcOpticalFlowPyrLK(one, other, first, start, **options)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(other, one, there, first.copy(), **options)  # type: ignore[call-overload]
    there, back = there + corner, back + corner
    inside = ((there >= 0) & (there < (width, height))).all(1)
    good = (found[:, 0] > 0) & (again[:, 0] > 0) & (np.abs(back - points).max(1) < 0.5) & inside
    return np.asarray(there, np.float32), np.asarray(good, np.bool_)


def explain(source: Points, target: Points) -> tuple[Matrix, NDArray[np.bool_]] | None:
    """Find the simplest motion of points that explains nearly as many of them as the best does.

    Args:
        source: x and y in the one picture, float32 ``(n, 2)``.
        target: likewise in the other.

    Returns:
        The matrix ``(3, 3)`` of standing still, a translation, a similarity or a homography, and which points it
        explains, ``(n,)``. None where none explains half of them.
    """
    if len(source) < _LEAST:
        return None
    still = np.hypot(*(target - source).T) < _STILL
    if still.sum() >= 0.4 * len(source):  # things may move in front of a camera that does not
        return np.eye(3), still
    shift = np.median(target - source, axis=0)
    candidates = [np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]], np.float64)]
    cv2.setRNGSeed(0)  # the same frames give the same motion
    similar, _ = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=_NEAR)
    if similar is not None:
        candidates.append(np.vstack([similar, [0, 0, 1]]))
    if len(source) >= 2 * _LEAST:
        general, _ = cv2.findHomography(source, target, cv2.RANSAC, _NEAR)
        if general is not None and _plausible(np.asarray(general, np.float64)):
            candidates.append(np.asarray(general, np.float64))
    explained = [np.hypot(*(moved(source, matrix) - target).T) < _NEAR for matrix in candidates]
    # How far off the explained points are on average tells a slow zoom from none.
    misses = [
        float(np.hypot(*(moved(source, matrix) - target)[near].T).mean()) if near.any() else _NEAR
        for matrix, near in zip(candidates, explained, strict=True)
    ]
    most, least = max(int(near.sum()) for near in explained), min(misses)
    if most * 2 < len(source):
        return None
    for matrix, near, miss in zip(candidates, explained, misses, strict=True):
        if near.sum() >= 0.9 * most and miss <= least + 0.06:
            return matrix, near
    return None


def _plausible(matrix: Matrix) -> bool:
    """Whether it is what a camera does between two looks at the same scene."""
    stretch = float(np.linalg.det(matrix[:2, :2]))
    return bool(np.isfinite(matrix).all()) and 0.25 < stretch < 4.0 and float(np.abs(matrix[2, :2]).max()) < 2e-3


@dataclass
class Camera:
    """The motion of the whole picture since an anchor, frame after frame.

    ``matrix`` takes coordinates of the anchor's picture (full size) to those of the last one that was looked at.
    """

    matrix: Matrix = field(default_factory=lambda: np.eye(3))
    _anchor: Grey | None = None
    _points: Points = field(default_factory=lambda: np.empty((0, 2), np.float32))
    _last: Grey | None = None
    _shrink: float = 1.0

    def anchor_here(self) -> None:
        """Count motion from the last picture from now on."""
        assert self._last is not None
        self._anchor, self.matrix = self._last, np.eye(3)
        self._points = np.empty((0, 2), np.float32)

    @property
    def still(self) -> bool:
        """True where the last picture stands where the anchor stood, exactly."""
        return bool((self.matrix == np.eye(3)).all())

    def observe(self, image: Image, hidden: Grey | None = None) -> bool:
        """Follow the picture to `image`.

        Args:
            image: uint8 ``(H, W, 3)`` BGR.
            hidden: not 0 where the picture shows what is not part of the scene; of any size.

        Returns:
            False where that is not possible: a cut, or nothing to hold on to while the picture changes. Then, as at the
            first picture, `image` is the new anchor.
        """
        grey, shrink = small_grey(image)
        known = None
        if hidden is not None:
            size = grey.shape[1], grey.shape[0]
            known = np.asarray(cv2.resize(hidden, size, interpolation=cv2.INTER_AREA) == 0, np.uint8)
        if self._anchor is None or self._last is None or self._last.shape != grey.shape:
            return self._start(grey, shrink)
        if stands_still(self._anchor, grey, known):
            found: Matrix | None = np.eye(3)
        else:
            found = self._against_anchor(grey, known)
        if found is None:
            found = self._against_last(grey, known)
        if found is None:
            change = np.abs(grey.astype(np.int16) - self._last)
            calm = float(np.mean(change if known is None else change[known > 0])) if known is None or known.any() else 0
            if calm > 4.0:
                return self._start(grey, shrink)
            found = self.matrix  # nothing stands out and nothing changed: it did not move
        jitter = (_RESTED if self.still else _JITTER) * self._shrink
        height, width = image.shape[:2]
        edges = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
        if np.abs(moved(edges, found) - moved(edges, self.matrix)).max() > jitter:
            self.matrix = found
        self._last = grey
        return True

    def _start(self, grey: Grey, shrink: float) -> bool:
        self._anchor = self._last = grey
        self._shrink, self.matrix = shrink, np.eye(3)
        self._points = np.empty((0, 2), np.float32)
        return False

    def _against_anchor(self, grey: Grey, known: Grey | None) -> Matrix | None:
        assert self._anchor is not None
        if not len(self._points):
            self._points = thinned(corners(self._anchor, known), grey.shape)
        return self._match(self._anchor, grey, self._points, self._small(self.matrix), known)

    def _against_last(self, grey: Grey, known: Grey | None) -> Matrix | None:
        assert self._last is not None
        step = self._match(self._last, grey, thinned(corners(self._last, known), grey.shape), np.eye(3), known)
        return None if step is None else step @ self.matrix

    def _match(self, before: Grey, grey: Grey, points: Points, guess: Matrix, known: Grey | None) -> Matrix | None:
        there, good = follow(before, grey, points, moved(points, guess))
        if known is not None and len(there):
            rows = np.clip(there[:, 1].round().astype(int), 0, grey.shape[0] - 1)
            columns = np.clip(there[:, 0].round().astype(int), 0, grey.shape[1] - 1)
            good &= known[rows, columns] > 0
        if good.sum() < max(_LEAST, 0.25 * len(points)):
            return None
        found = explain(points[good], there[good])
        return None if found is None else self._full(found[0])

    def _full(self, matrix: Matrix) -> Matrix:
        """Of small pictures -> of full ones. Pixels are cells, so the coordinates of their centres scale about -1/2."""
        if (matrix == np.eye(3)).all():
            return matrix
        up = self._scaling(self._shrink)
        return np.asarray(up @ matrix @ np.linalg.inv(up), np.float64)

    def _small(self, matrix: Matrix) -> Matrix:
        up = self._scaling(self._shrink)
        return np.asarray(np.linalg.inv(up) @ matrix @ up, np.float64)

    @staticmethod
    def _scaling(scale: float) -> Matrix:
        return np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5], [0, 0, 1]], np.float64)
