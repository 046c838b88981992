"""Masks that follow what they mark."""

import math
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError, shown
from gancam.frame import Image, check_image
from gancam.masks.conversion import MaskLike, source
from gancam.masks.correlation import CorrelationFilter
from gancam.masks.mask import Mask, MaskSource, check_number
from gancam.masks.matching import Picture
from gancam.masks.shapes import Box, Boxes
from gancam.vision import motion
from gancam.vision.motion import SMALL, Matrix, Points, corners, follow


class Tracked(MaskSource):
    """Follows an object marked in the first frame through translation, scale and rotation.

    Objects that bend, such as people walking, are followed by their looks (`gancam.masks.correlation`) through
    translation and scale only, and the mask is `around` of their size larger, for arms and legs. An object that is no
    longer seen stays marked for `hold` seconds, so that it does not show through. Then it is ``lost``, and nothing is
    marked until it is found again. ``notes`` gives the times; ``mask`` is the last mask.

    Args:
        what: anything that `source` takes, called once, or a box (left, top, width, height) in pixels.
        hold: how many seconds an object that is no longer seen stays marked. Frames without a time are taken to be
            1/30 s apart.
        around: how far the mask of an object that bends is enlarged on each side, in shares of its width and height.

    Raises:
        MaskError: a number is invalid or out of range; at the first frame, where nothing in the mask can be followed.
    """

    LEAST = 8  # points to hold on to
    ALIKE = 0.6  # correlation with the object as it was marked: under that it is lost, unless
    KNOWN = 0.8  # it has that with the object as it was lately
    PAUSE = 4  # frames between looks for a lost one
    SIDE = 64  # pixels of the pictures of it that are compared
    SURE = 0.4  # what the filter's answer must be for what is lost; see `CorrelationFilter.find`
    STIFF = 0.78  # share of its points that one motion explains, lately: under that it bends
    JUMP = 6.0  # mean grey levels of change from frame to frame that may be a jump of the scene
    RETRY = 8  # frames, while it bends or is not seen, after which it may also have gone slowly
    MOVED = 0.03  # how far it has, at some corner, in shares of its longer side: less is none
    NOTED = 0.2  # seconds unseen that are worth a note
    NOTES = 20  # that are kept, the newest
    FIRM = 30  # frames in which it did not bend, after which no more of it is marked than at first

    def __init__(
        self, what: MaskLike | Sequence[float], *, hold: float = 1.0, around: tuple[float, float] = (0.16, 0.1)
    ) -> None:
        self._what = Boxes(cast(Box, what)) if isinstance(what, tuple | list) else source(what)
        if not isinstance(around, Sequence) or len(around) != 2:
            raise MaskError(f"around {shown(around)}: needs two numbers, shares of the width and the height")
        self.hold = check_number(hold, "hold", 0)
        self.around = check_number(around[0], "around", 0, 10), check_number(around[1], "around", 0, 10)
        self.lost = False
        self._notes: deque[str] = deque(maxlen=self.NOTES)
        self.mask: Mask = np.zeros((1, 1), np.uint8)
        self._first: _Seen | None = None
        self._begun: Picture | None = None  # the first frame
        self._key: _Seen | None = None  # the object as it was when its points were chosen
        self._last: NDArray[np.uint8] | None = None  # the frame before
        self._matrix = np.eye(3)  # first frame -> now
        self._looks: CorrelationFilter | None = None
        self._firm = self.FIRM  # frames since it bent
        self._rigid = 1.0  # share of its points that one motion explains, averaged over frames
        self._unseen = 0.0  # seconds
        self._clock = 0.0
        self._waited = 0
        self._left: float | None = None  # when it was seen last, while it is not
        self._shown: Picture | None = None  # the frame before, whether or not it was seen there
        self._sure = (
            Picture(np.zeros((1, 1), np.uint8)),
            np.eye(3),
        )  # a frame in which it did not bend, and how it had moved
        self._astray = 0  # frames since that

    @property
    def notes(self) -> list[str]:
        """When the object was last lost and found again, and the notes of the source."""
        return [*self._what.notes, *self._notes]

    def reset(self) -> None:
        """Ask the source for a new mask at the next frame, and follow that."""
        self._first = self._key = None
        self.lost = False
        self._notes.clear()

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where the object is in `image`, else 0; all 0 while it is lost."""
        image = check_image(image)
        return self.track(image, Picture(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)), time)

    def track(self, image: Image, picture: Picture, time: float | None) -> Mask:
        """Do as a call does, with the grey `picture` of `image` given, which several trackers may share."""
        grey = picture.grey
        now = self._clock + 1 / 30 if time is None else time
        passed, self._clock = max(now - self._clock, 0.0), now
        if self._first is None or self._first.grey.shape != grey.shape:
            self._start(image, picture)
        elif not self.lost:
            self._go_on(image, picture, passed, time)
        elif self._waited < self.PAUSE:
            self._waited += 1
        else:
            self._waited = 0
            if self._again(image, picture):
                self.lost, self._unseen = False, 0.0
                self._notes.append("found the followed object again" + ("" if time is None else f" at {time:.2f} s"))
        self.mask = self._moved_mask(grey.shape)
        return self.mask

    def _go_on(self, image: Image, picture: Picture, passed: float, time: float | None) -> None:
        """Follow into the next frame, as what is rigid, else as what bends; else hold the mask, and at last lose it."""
        assert self._looks is not None
        before = self._shown if (self._astray + 1) % self.RETRY else self._sure[0]
        self._shown, self._astray = picture, self._astray + 1
        grey = picture.grey
        if self._step(grey) or (before is not None and picture.change(before) > self.JUMP and self._along(picture)):
            self._sure, self._astray = (picture, self._matrix), 0
            self._firm = self._firm + 1 if self._rigid >= self.STIFF else 0
            self._in_view(time)
            self._seen_at(image)
            return
        self._firm = 0
        if self._looks.find(image):
            self._in_view(time)
            self._matrix = self._bent()
            self._last = grey
            return
        self._left = time if self._unseen == 0.0 else self._left
        self._unseen += passed
        self._looks.drift()
        self._matrix = self._bent()
        if self._unseen > self.hold or self._outside(grey.shape):
            when = "" if time is None else f" at {time:.2f} s"
            self._notes.append(f"lost the followed object{when}; nothing is marked until it is seen again")
            self.lost, self._waited = True, 0

    def _in_view(self, time: float | None) -> None:
        """It is seen; where it was not for a while, that is noted."""
        if self._unseen > self.NOTED and time is not None and self._left is not None:
            held = "what was marked stayed where it was thought to be"
            self._notes.append(f"did not see the followed object from {self._left:.2f} to {time:.2f} s: {held}")
        self._unseen = 0.0

    def _along(self, picture: Picture) -> bool:
        """Follow into a frame to which the scene jumped, as by a fast zoom: whether the object went along with it."""
        assert self._begun is not None
        grey = picture.grey
        for before, matrix in (self._sure, (self._begun, np.eye(3))):
            step = picture.motion_since(before)
            if step is None or motion.stays(step, grey.shape, self.MOVED):
                continue  # what is not there any more has gone by itself
            if self._is_it(grey, step @ matrix):
                self._matrix, self._last = step @ matrix, grey
                self._take_key(grey)
                return True
        return False

    def _again(self, image: Image, picture: Picture) -> bool:
        """Look for what is lost: all over the picture as it was, and where it was lost, bent."""
        assert self._looks is not None
        grey = picture.grey
        if self._along(picture) or self._search(picture):
            self._firm = self.FIRM
            self._seen_at(image)
            return True
        if not self._looks.find(image, self.SURE):
            return False
        self._matrix, self._last, self._firm = self._bent(), grey, 0
        return True

    def _seen_at(self, image: Image) -> None:
        """Tell the filter where the object was seen to be."""
        assert self._looks is not None
        centre = motion.moved(np.array([self._middle], np.float32), self._matrix)[0].astype(np.float64)
        self._looks.put(centre, math.sqrt(abs(float(np.linalg.det(self._matrix[:2, :2])))))
        self._looks.learn(image)

    def _bent(self) -> Matrix:
        """The motion since the first frame, by the filter: translation and scale."""
        assert self._looks is not None
        scale = self._looks.scale
        shift = self._looks.centre - scale * np.array(self._middle)
        return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]], [0.0, 0.0, 1.0]])

    def _outside(self, shape: tuple[int, ...]) -> bool:
        """Whether it went out of the picture."""
        assert self._looks is not None
        return not bool((self._looks.centre > 0).all() and (self._looks.centre < (shape[1], shape[0])).all())

    def _start(self, image: Image, picture: Picture) -> None:
        mask, grey = self._what(image), picture.grey
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
        self._firm, self._unseen, self._rigid = self.FIRM, 0.0, 1.0
        self._middle = x + wide / 2, y + tall / 2
        self._looks = CorrelationFilter(image, (x, y, wide, tall))
        self._begun, self._sure, self._shown, self._astray = picture, (picture, self._matrix), picture, 0
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
        self._rigid += 0.2 * (float(near.mean()) - self._rigid)
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
        inside = self._look(_white(grey.shape), matrix) > 0
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

    def _search(self, picture: Picture) -> bool:
        """Look for the lost object in the whole picture, at the size and angle it was last seen in."""
        assert self._first is not None
        grey, small = picture.grey, picture.small
        shrink = max(max(grey.shape) / SMALL, 1.0)
        x, y, wide, tall = self._first.box
        linear = self._matrix.copy()
        linear[:2, 2] = 0
        edges = motion.moved(np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32), linear)
        low, high = edges.min(0), edges.max(0)
        size = np.maximum(np.round((high - low) / shrink), 1).astype(int)
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
        mask = _moved(self._first.mask, self._first.box, self._matrix, shape)
        if self._firm >= self.FIRM or not any(self.around) or not mask.any():
            return mask
        return _enlarged(mask, self.around)


def _moved(mask: Mask, box: Sequence[int], matrix: Matrix, shape: tuple[int, ...]) -> Mask:
    """`mask`, 0 but in `box` (left, top, width, height), moved by `matrix` in a picture of this shape.

    Only where it comes to lie is looked at: of many small strokes each would else take as long as the whole picture.
    """
    whole = np.zeros(shape, np.uint8)
    x, y, wide, tall = box
    edges = np.array([[x - 1, y - 1], [x + wide, y - 1], [x + wide, y + tall], [x - 1, y + tall]], np.float32)
    there = motion.moved(edges, matrix)
    low, high = (np.clip(side, 0, (shape[1], shape[0])) for side in (np.floor(there.min(0)) - 1, there.max(0) + 2))
    (left, top), (right, bottom) = low.astype(int).tolist(), high.astype(int).tolist()
    if left >= right or top >= bottom:
        return whole
    part = np.asarray(cv2.copyMakeBorder(mask[y : y + tall, x : x + wide] * 255, 1, 1, 1, 1, cv2.BORDER_CONSTANT))
    here = _shift(-left, -top) @ matrix @ _shift(x - 1, y - 1)
    moved = cv2.warpPerspective(part, here, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    whole[top:bottom, left:right] = moved > 100
    return whole


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


@lru_cache(maxsize=2)
def _white(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.full(shape, 255, np.uint8)


def _enlarged(mask: Mask, around: tuple[float, float]) -> Mask:
    """`mask` and, to each side of it, these shares of its width and height."""
    x, y, wide, tall = cv2.boundingRect(mask)
    across, down = (max(round(share * side), 1) for share, side in zip(around, (wide, tall), strict=True))
    left, top = max(x - across, 0), max(y - down, 0)
    place = slice(top, y + tall + down), slice(left, x + wide + across)
    view = mask[place]
    step = max(min(across, down) // 8, 1)  # a wide kernel on all pixels takes ten times as long
    size = -(-view.shape[1] // step), -(-view.shape[0] // step)
    small = np.asarray(cv2.resize(view * 255, size, interpolation=cv2.INTER_AREA) > 0, np.uint8)
    wider = cv2.dilate(small, np.ones((2 * round(down / step) + 1, 2 * round(across / step) + 1), np.uint8))
    enlarged = mask.copy()
    enlarged[place] |= np.asarray(cv2.resize(wider, view.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    return enlarged


class _Seen(NamedTuple):
    """The followed object in one frame."""

    grey: NDArray[np.uint8]
    points: Points
    matrix: Matrix  # first frame -> this one
    mask: Mask  # of the first frame
    box: Sequence[int]  # of that
