"""What is behind what hides it: pixels that were seen before, kept where they are in the scene, not in the frame.

The canvas is the scene in the coordinates of an anchor frame. A pixel is put there when it becomes hidden, from the
frame before, in which it was seen; so nothing is resampled more than twice, however long it stays hidden, and where the
camera rests nothing is resampled at all. What was invented is kept there as well, so that it is invented once.

When it is asked for what is hidden now, the ring of visible pixels around the hole tells how far to believe it: where
the ring has become lighter or darker since, so has what is behind the hole; where the ring shows something else than it
did, something moved, and what the canvas has there holds no more.

A file can be read ahead by a `Scout`, which keeps what will be uncovered; a `Background` begins each canvas with that.
"""

import tempfile
import weakref
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.motion import Camera, Matrix, Points, moved

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

CELL = 8  # pixels a side of the cells in which light is compared
RING = 2 * CELL  # pixels around a hole that are compared
UNKNOWN, INVENTED, SEEN = 0, 1, 2
_MARGIN = 0.25  # of the frame on each side, by which the canvas is larger
_HALO = 3  # pixels around a hole that may show the edge of what hides the scene
_REST = 4  # frames between copies while nothing is hidden
_STEADY = 1.0  # grey levels by which light may differ before what is behind the hole follows
_OTHER = 40.0  # grey levels between a cell then and now: more is not light, it is something else
_ALIKE = 8.0  # grey levels by which the light of places may differ that are lit alike
_CHANGED = 12.0  # grey levels by which a pixel is another than it was
_ANOTHER, _GREW = 0.85, 0.6  # share of such pixels by which a new mask, or what one grew by, hides what came with it
_ADRIFT = 8.0  # pixels by which something may lie beside where the camera's movement puts it
_FITS = 0.97  # share of the difference on the ring that must remain at most for a step aside to count
_LASTING = 60  # frames for which what is known is doubted before it is forgotten: passers-by are gone sooner
_EVENLY = np.full((1, 3), 1 / 3, np.float32)  # the mean of three colours, for cv2.transform
_ROUGH, _SHARE = 8.0, 0.6  # grey levels, and share of its contrast, by which the pixels of a cell may differ else


class Window(NamedTuple):
    """A part of the frame; its sides lie between cells, or are the frame's."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, box: Sequence[int], more: int, shape: tuple[int, ...]) -> "Window":
        """The smallest that holds `box` (left, top, width, height) and `more` pixels around it, inside the frame."""
        x, y, wide, tall = box
        left, top = (max(start - more, 0) // CELL * CELL for start in (x, y))
        right, bottom = (-(-(end + more) // CELL) * CELL for end in (x + wide, y + tall))
        return cls(left, top, min(right, shape[1]), min(bottom, shape[0]))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def cells(self) -> tuple[slice, slice]:
        """Rows and columns of the frame's cells."""
        return (
            slice(self.top // CELL, -(-self.bottom // CELL)), slice(self.left // CELL, -(-self.right // CELL))
        )  # fmt: skip


class Found(NamedTuple):
    """What is known about a window's hole."""

    picture: Image  # what is behind it, in the light of now; of no meaning where `state` is UNKNOWN
    state: Grey  # UNKNOWN, INVENTED or SEEN


@dataclass
class _Before:
    """The frame before: a copy of it, what was hidden in it, and where it was seen from."""

    image: Image
    hidden: Grey
    matrix: Matrix


class Background:
    """The scene behind holes. For every frame, in order: ``look``, then ``recall`` and ``keep`` for each window with
    holes, then ``remember``; or ``rest`` alone where nothing is hidden.

    Frames of another size, and those that cannot be related to the ones before (a cut), start it anew.
    """

    def __init__(self, later: "Later | None" = None) -> None:
        self.camera = Camera()
        self._later = later
        self._frames = 0  # that came
        self._upon: Grey | None = None  # of what is hidden now: the thing itself was there before it was
        self.cuts = 0  # how often it began anew, after the first time
        self._before: _Before | None = None
        self._rested = 0  # frames since anything was hidden
        self._canvas: Image = np.zeros((0, 0, 3), np.uint8)
        self._state: Grey = np.zeros((0, 0), np.uint8)
        self._doubts: Grey = np.zeros((0, 0), np.uint8)  # for how many frames it was doubted
        self._shift = (0, 0)  # x and y of the anchor frame's corner in the canvas
        self._light: Floats = np.zeros((0, 0, 3), np.float32)  # what is added to the canvas, by cells of the frame
        self._lit: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)  # where that was in use in the frame before

    def reset(self) -> None:
        """Know nothing."""
        self.camera.reset()
        self._before, self._rested = None, 0
        self._canvas = np.zeros((0, 0, 3), np.uint8)
        self._later, self._frames = None, 0

    def rest(self, image: Image) -> None:
        """A frame in which nothing is hidden. Now and then it is copied, in case something is in the next."""
        self._frames += 1
        if self._rested == 0 and self._canvas.size:
            self._follow(image, None)
            self._uncover(image, np.zeros(image.shape[:2], np.uint8))
        if self._rested % _REST == 0:
            self._copy(image, None)
        self._rested += 1

    def look(self, image: Image, hidden: Grey, windows: Sequence[Window]) -> None:
        """The next frame; `hidden` is not 0 where it shows what is not the scene, all of it within `windows`."""
        if self._rested and self._before is not None:
            if not self.camera.look(self._before.image) or not self._canvas.size:
                self._begin(self._before.image.shape)
            self._before.matrix = self.camera.matrix
        self._rested = 0
        self._frames += 1
        self._follow(image, hidden)
        self._upon = None if self._before is None else self._unmoved(hidden, self._before.hidden, image)
        for window in windows:
            self._hide(window, hidden)
        self._uncover(image, hidden)

    def _follow(self, image: Image, hidden: Grey | None) -> None:
        """Where the camera is now."""
        if not self.camera.look(image, hidden) or not self._canvas.size:
            self.cuts += bool(self._canvas.size)
            self._before = None
            self._begin(image.shape)
        elif self._far(image.shape):
            self._move_anchor()

    def recall(self, window: Window, image: Image, hidden: Grey) -> Found:
        """What is behind the hole in `window` of the frame that was looked at last."""
        now, inside = image[window.place], hidden[window.place] > 0
        picture, state = self._read(window)
        if not self.camera.still:
            picture, state = _aligned(picture, state, now, inside)
        ring = (cv2.dilate(inside.view(np.uint8), _square(RING)) > 0) & ~inside & (state > 0)
        light, doubted = _compare(picture, now, ring)
        used = self._light_for(window, light, inside)
        picture = _lit(picture, used)
        doubted = np.asarray(cv2.resize(doubted, _in_pixels(doubted), interpolation=cv2.INTER_NEAREST), np.uint8)
        doubted = doubted[: window.size[1], : window.size[0]]
        if self.camera.still:
            self._doubts[self._rested_place(window)][doubted == 0] = 0
        state[(doubted > 0) | ~inside] = UNKNOWN
        return Found(picture, state)

    def keep(self, window: Window, picture: Image, image: Image, hidden: Grey, invented: Grey) -> None:
        """Of `picture`, the finished window, keep what is `invented`, and of `image` the ring around that. What was
        known there and is doubted stays while the camera rests, until it has been doubted for `_LASTING` frames."""
        if not invented.any():
            return
        ring = (cv2.dilate(invented, _square(RING)) > 0) & (hidden[window.place] == 0)
        state = np.where(invented > 0, INVENTED, np.where(ring, SEEN, UNKNOWN)).astype(np.uint8)
        shown = np.where(ring[..., None], image[window.place], picture)
        source = _lit(shown, -self._light[window.cells])  # as it will be lit when it is recalled
        if self.camera.still:
            rows, columns = self._rested_place(window)
        else:
            rows, columns = self._extent(window)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) <= 0:
                return
            there = _translation(-columns.start, -rows.start) @ np.linalg.inv(self._to_window(window))
            source = _cubic(source, there, size)
            state = np.asarray(cv2.warpPerspective(state, there, size, flags=cv2.INTER_NEAREST), np.uint8)
        known, doubts, new = self._state[rows, columns], self._doubts[rows, columns], state > 0
        if self.camera.still:
            again = (state == INVENTED) & (known > 0)
            doubts[again] += 1
            gone = cv2.dilate((again & (doubts >= _LASTING)).astype(np.uint8), _square(RING)) > 0
            new &= (known == 0) | gone
        cv2.copyTo(source, new.astype(np.uint8), self._canvas[rows, columns])
        known[new], doubts[new] = state[new], 0

    def appeared(self, hidden: Grey) -> Grey:
        """Of what is `hidden` (1) in the frame that was looked at last, what was not in the frame before."""
        return hidden if self._before is None else np.asarray(hidden & (1 - self._before.hidden), np.uint8)

    def remember(self, image: Image, hidden: Grey) -> None:
        """Copy the frame: the next one may hide what it shows."""
        self._copy(image, hidden)

    def _copy(self, image: Image, hidden: Grey | None) -> None:
        if self._before is None or self._before.image.shape != image.shape:
            self._before = _Before(image.copy(), np.zeros(image.shape[:2], np.uint8), self.camera.matrix)
        else:
            np.copyto(self._before.image, image)
        if hidden is None:
            self._before.hidden[:] = 0
        else:
            np.copyto(self._before.hidden, hidden)
        self._before.matrix = self.camera.matrix

    # Where things are

    def _begin(self, shape: tuple[int, ...]) -> None:
        """An empty canvas around the frame that is the camera's anchor now, but for what is known of later."""
        self._leave(None)
        height, width = shape[:2]
        self._shift = round(width * _MARGIN), round(height * _MARGIN)
        size = height + 2 * self._shift[1], width + 2 * self._shift[0]
        if self._canvas.shape[:2] != size:
            self._canvas, self._state = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
            self._doubts = np.zeros(size, np.uint8)
        self._state[:], self._doubts[:] = UNKNOWN, 0
        cells = -(-height // CELL), -(-width // CELL)
        self._light, self._lit = np.zeros((*cells, 3), np.float32), np.zeros(cells, np.bool_)
        self._foresee()

    def _to_canvas(self, matrix: Matrix) -> Matrix:
        """Coordinates of a frame that is seen from `matrix` -> of the canvas."""
        return np.asarray(_translation(*self._shift) @ np.linalg.inv(matrix), np.float64)

    def _to_window(self, window: Window) -> Matrix:
        """Coordinates of the canvas -> of a window of the present frame."""
        there = _translation(-window.left, -window.top) @ self.camera.matrix
        return np.asarray(there @ _translation(-self._shift[0], -self._shift[1]), np.float64)

    def _rested_place(self, window: Window) -> tuple[slice, slice]:
        """Rows and columns of the canvas that are `window` while the camera rests at its anchor."""
        x, y = self._shift
        return slice(window.top + y, window.bottom + y), slice(window.left + x, window.right + x)

    def _extent(self, window: Window) -> tuple[slice, slice]:
        """Rows and columns of the canvas that hold `window`."""
        there = moved(_corners(window.size), np.asarray(np.linalg.inv(self._to_window(window)), np.float64))
        low, high = np.floor(there.min(0)).astype(int) - 3, np.ceil(there.max(0)).astype(int) + 3
        height, width = self._canvas.shape[:2]
        return slice(max(low[1], 0), min(high[1], height)), slice(max(low[0], 0), min(high[0], width))

    def _far(self, shape: tuple[int, ...]) -> bool:
        """Whether the frame has left the canvas, or is seen at quite another scale."""
        there = moved(_corners((shape[1], shape[0])), self._to_canvas(self.camera.matrix))
        area = abs(float(cv2.contourArea(there))) / (shape[0] * shape[1])
        outside = (there < 0).any() or (there > (self._canvas.shape[1], self._canvas.shape[0])).any()
        return bool(outside) or not 0.6 < area < 1.6

    def _move_anchor(self) -> None:
        """Take the present frame for the anchor."""
        step = _translation(*self._shift) @ self.camera.matrix @ _translation(-self._shift[0], -self._shift[1])
        self._leave(step)
        size = self._canvas.shape[1], self._canvas.shape[0]
        known = _whole(cv2.erode(self._state, _square(1)) > 0, step, size)
        self._canvas = _cubic(self._canvas, step, size)
        self._state = np.asarray(cv2.warpPerspective(self._state, step, size, flags=cv2.INTER_NEAREST), np.uint8)
        self._state[~known], self._doubts[:] = UNKNOWN, 0
        if self._before is not None:
            self._before.matrix = self._before.matrix @ np.linalg.inv(self.camera.matrix)
        self.camera.anchor_here()
        self._foresee()

    def _leave(self, step: Matrix | None) -> None:
        """A canvas is left, for one that is seen from elsewhere, by `step` from this one, or for an empty one."""

    def _foresee(self) -> None:
        """Put into a new canvas what is known of later and not yet."""
        known = None if self._later is None else self._later.at(self._frames)
        if known is not None and known.state.shape == self._state.shape:
            new = ((self._state == UNKNOWN) & (known.state > 0)).astype(np.uint8)
            picture = _relit(known.picture, self._canvas, (self._state == SEEN) & (known.state > 0))
            cv2.copyTo(picture, new, self._canvas)
            cv2.copyTo(known.state, new, self._state)

    def _uncover(self, image: Image, hidden: Grey) -> None:
        """What was hidden in the frame before may be seen now."""

    # Putting in and taking out

    def _unmoved(self, hidden: Grey, other: Grey, image: Image) -> Grey | None:
        """Of what is `hidden` in the one of this frame and that before, and not in the `other`: 1 where both show the
        same. There a mask was put upon a thing that stood there, or taken off it: what is seen without the mask is
        that thing, not what is behind it. A mask that moves leaves one side as it gains the other, and is no such."""
        before = self._before
        if before is None or before.hidden.shape != hidden.shape or np.array_equal(hidden, other):
            return None
        found: Grey | None = None
        changed: Grey | None = None
        count, labels, stats, _ = cv2.connectedComponentsWithStats(hidden, connectivity=8)
        for label, (x, y, wide, tall, _) in enumerate(stats[1:count].tolist(), 1):
            place = slice(max(y - 16, 0), y + tall + 16), slice(max(x - 16, 0), x + wide + 16)
            mine = np.asarray(labels[place] == label, np.uint8)
            new = mine & (1 - other[place])
            gained, kept = int(new.sum()), cv2.hasNonZero(mine & other[place])
            lost = int((other[place] & (1 - hidden[place])).sum()) if kept else 0
            if not gained or lost > 0.3 * gained:
                continue
            if changed is None:
                changed = _changed(image, before.image, self.camera.matrix @ np.linalg.inv(before.matrix))
            if float(changed[place][new > 0].mean()) < (_GREW if kept else _ANOTHER):
                found = np.zeros_like(hidden) if found is None else found
                found[place] |= new
        return found

    def _hide(self, window: Window, hidden: Grey) -> None:
        """Put into the canvas what the frame before shows of what is hidden now, and of the ring around that.

        What is right beside a hole is taken only where nothing else is known: it may show the edge of what hides it.
        """
        before = self._before
        if before is None:
            return
        now, then = hidden[window.place], before.hidden[window.place]
        same = bool((before.matrix == self.camera.matrix).all())
        if same and np.array_equal(now, then):
            return
        wanted = np.asarray(cv2.dilate(now, _square(RING)), np.uint8)
        if same and self.camera.still:
            rows, columns = self._rested_place(window)
            picture, shown = before.image[window.place], then == 0
            clear = cv2.dilate(then, _square(_HALO)) == 0
            upon = None if self._upon is None else self._upon[window.place]
        else:
            rows, columns = self._extent(window)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) <= 0:
                return
            corner = _translation(-columns.start, -rows.start)
            there = corner @ self._to_canvas(before.matrix)
            picture = _cubic(before.image, there, size)
            # an enlarging kernel reaches two pixels
            shown = _whole(cv2.dilate(before.hidden, _square(2)) == 0, there, size)
            clear = cv2.erode(shown.astype(np.uint8), _square(_HALO)) > 0
            here = corner @ np.linalg.inv(self._to_window(window))
            upon = np.zeros_like(now) if self._upon is None else self._upon[window.place]
            now, wanted, upon = (
                np.asarray(cv2.warpPerspective(x, here, size, flags=cv2.INTER_NEAREST), np.uint8)
                for x in (now, wanted, upon)
            )
        state = self._state[rows, columns]
        if upon is not None:
            state[upon > 0] = UNKNOWN
            wanted = wanted & (1 - upon)
        fresh = (wanted > 0) & ((shown & (state != SEEN)) | (clear & (now > 0)))
        self._put(picture, fresh, shown, rows, columns)

    def _put(
        self, picture: Image, fresh: NDArray[np.bool_], shown: NDArray[np.bool_], rows: slice, columns: slice
    ) -> None:
        """Put what is `fresh` of `picture` there in the canvas, in the light that the canvas is in: how they differ is
        told by what both show, where it is `shown` and was seen before."""
        if not fresh.any():
            return
        canvas, state = self._canvas[rows, columns], self._state[rows, columns]
        near = cv2.dilate(fresh.astype(np.uint8), _square(RING)) > 0
        picture = _relit(picture, canvas, near & shown & (state == SEEN))
        cv2.copyTo(picture, fresh.astype(np.uint8), canvas)
        state[fresh], self._doubts[rows, columns][fresh] = SEEN, 0

    def _read(self, window: Window) -> tuple[Image, Grey]:
        """Canvas and state as the present frame sees them in `window`."""
        if self.camera.still:
            rows, columns = self._rested_place(window)
            return self._canvas[rows, columns].copy(), self._state[rows, columns].copy()
        rows, columns = self._extent(window)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return np.zeros((*window.size[::-1], 3), np.uint8), np.zeros(window.size[::-1], np.uint8)
        there = self._to_window(window) @ _translation(columns.start, rows.start)
        canvas, state = self._canvas[rows, columns], self._state[rows, columns]
        kinds = np.asarray(cv2.warpPerspective(state, there, window.size, flags=cv2.INTER_NEAREST), np.uint8)
        kinds[~_whole(cv2.erode(state, _square(1)) > 0, there, window.size)] = UNKNOWN
        return _cubic(canvas, there, window.size), kinds

    def _light_for(self, window: Window, light: Floats, inside: NDArray[np.bool_]) -> Floats:
        """The light to show the canvas in: that measured now, but kept as it was where it differs little, so that what
        stands still stays as it is to the byte."""
        light_now, lit = self._light[window.cells], self._lit[window.cells]
        change = light - light_now
        light_now += np.where(lit[..., None], change - change.clip(-_STEADY, _STEADY), change)
        lit[:] = True
        return light_now


class Known(NamedTuple):
    """A canvas."""

    picture: Image
    state: Grey


class Later:
    """What will be uncovered in a clip, for each canvas that a `Background` begins, by the number of its first frame.
    It is kept in a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115 - closed with this
        weakref.finalize(self, self._file.close)
        self._index: dict[int, tuple[int, int, tuple[int, ...], tuple[int, ...]]] = {}

    def put(self, frame: int, known: Known) -> None:
        box = cv2.boundingRect(known.state)
        if box[2]:
            x, y, wide, tall = box
            place = slice(y, y + tall), slice(x, x + wide)
            data = zlib.compress(known.state[place].tobytes() + known.picture[place].tobytes(), 1)
            self._index[frame] = self._file.seek(0, 2), len(data), tuple(box), known.state.shape
            self._file.write(data)

    def at(self, frame: int) -> Known | None:
        if frame not in self._index:
            return None
        start, length, (x, y, wide, tall), shape = self._index[frame]
        self._file.seek(start)
        data = np.frombuffer(zlib.decompress(self._file.read(length)), np.uint8)
        picture, state = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        state[y : y + tall, x : x + wide] = data[: wide * tall].reshape(tall, wide)
        picture[y : y + tall, x : x + wide] = data[wide * tall :].reshape(tall, wide, 3)
        return Known(picture, state)


class Scout(Background):
    """Goes through a clip as `Background` will, ``look`` or ``rest`` for each frame and ``remember``, and keeps what is
    uncovered in it: ``later``, complete after ``done``."""

    def __init__(self) -> None:
        super().__init__()
        self.later = Later()
        self._left: list[tuple[int, Matrix | None]] = []  # canvases: their first frames, and the way to the next
        self._since = 0

    def done(self) -> Later:
        """What is uncovered, also that of a later canvas in those before it."""
        self._leave(None)
        self._canvas = np.zeros((0, 0, 3), np.uint8)
        next_one: Known | None = None
        for frame, step in reversed(self._left):
            mine = self.later.at(frame)
            if step is not None and next_one is not None:
                back, size = np.asarray(np.linalg.inv(step), np.float64), next_one.state.shape[::-1]
                picture = _cubic(next_one.picture, back, size)
                seen = _whole(cv2.erode(next_one.state, _square(1)) > 0, back, size).astype(np.uint8) * np.uint8(SEEN)
                if mine is not None:
                    picture = _relit(picture, mine.picture, (seen > 0) & (mine.state > 0))
                    cv2.copyTo(mine.picture, mine.state, picture)
                    seen |= mine.state
                mine = Known(picture, seen)
                self.later.put(frame, mine)
            next_one = mine
        return self.later

    def _leave(self, step: Matrix | None) -> None:
        if self._canvas.size:
            self.later.put(self._since, Known(self._canvas, self._state))
            self._left.append((self._since, step))

    def _foresee(self) -> None:
        self._since = self._frames

    def _hide(self, window: Window, hidden: Grey) -> None:
        """It looks the other way."""

    def _uncover(self, image: Image, hidden: Grey) -> None:
        before = self._before
        if before is None or not cv2.hasNonZero(before.hidden):
            return
        still = self.camera.still and bool((before.matrix == self.camera.matrix).all())
        if still and np.array_equal(before.hidden, hidden):
            return
        window = Window.around(cv2.boundingRect(before.hidden), RING, hidden.shape)
        was = np.asarray(cv2.dilate(before.hidden[window.place], _square(RING)), np.uint8)
        taken = self._unmoved(before.hidden, hidden, image)
        if taken is not None:
            was &= np.asarray(1 - cv2.dilate(taken[window.place], _square(RING)), np.uint8)
        if still:
            rows, columns = self._rested_place(window)
            picture = image[window.place]
            clear = cv2.dilate(hidden, _square(_HALO))[window.place] == 0
        else:
            rows, columns = self._extent(window)
            size = columns.stop - columns.start, rows.stop - rows.start
            if min(size) <= 0:
                return
            corner = _translation(-columns.start, -rows.start)
            there = corner @ self._to_canvas(self.camera.matrix)
            picture = _cubic(image, there, size)
            clear = _whole(cv2.dilate(hidden, _square(_HALO + 2)) == 0, there, size)
            here = corner @ self._to_canvas(before.matrix) @ _translation(window.left, window.top)
            was = np.asarray(cv2.warpPerspective(was, here, size, flags=cv2.INTER_NEAREST), np.uint8)
        fresh = (was > 0) & clear & (self._state[rows, columns] != SEEN)
        self._put(picture, fresh, clear, rows, columns)


def _cubic(picture: Image, there: Matrix, size: tuple[int, int]) -> Image:
    """`picture` brought to its place by `there`, in (width, height) pixels; its border is carried on beyond it."""
    options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpPerspective(picture, there, size, **options), np.uint8)  # type: ignore[call-overload]


def _whole(known: NDArray[np.bool_], there: Matrix, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where all that such a pixel is made of is `known`, and not beyond the border."""
    inner = np.where(known, np.uint8(255), np.uint8(0))
    inner[0], inner[-1], inner[:, 0], inner[:, -1] = 0, 0, 0, 0
    return np.asarray(cv2.warpPerspective(inner, there, size) == 255, np.bool_)


def _changed(image: Image, before: Image, there: Matrix) -> Grey:
    """1 where `image` is another than `before`, which is brought to its place by `there`."""
    if not (there == np.eye(3)).all():
        before = np.asarray(cv2.warpPerspective(before, there, (image.shape[1], image.shape[0])), np.uint8)
    return np.asarray(cv2.blur(cv2.absdiff(image, before).max(2), (5, 5)) > _CHANGED, np.uint8)


def _corners(size: tuple[int, int]) -> Points:
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def _translation(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _square(reach: int) -> Grey:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _in_pixels(cells: NDArray[Any]) -> tuple[int, int]:
    """Width and height in pixels of whole cells."""
    return cells.shape[1] * CELL, cells.shape[0] * CELL


def _means(values: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """The mean of `values` ``(h, w, ...)`` in each cell, weighed; 0 where no weight is."""
    if values.ndim > weights.ndim:
        return np.asarray(_sums(values * weights[..., None]) / np.maximum(_sums(weights)[..., None], 1e-6), np.float32)
    return np.asarray(_sums(values * weights) / np.maximum(_sums(weights), 1e-6), np.float32)


def _sums(values: NDArray[Any]) -> Floats:
    """The mean of each cell, that at the frame's end as if it were whole."""
    height, width = values.shape[:2]
    below, right = -height % CELL, -width % CELL
    if below or right:
        values = cv2.copyMakeBorder(values, 0, below, 0, right, cv2.BORDER_CONSTANT)
    size = values.shape[1] // CELL, values.shape[0] // CELL
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _differ(then: Image, now: Image, where: NDArray[np.bool_]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """By cells: what light has added since `then`, ``(rows, columns, 3)``, how much of a cell that was measured on, and
    whether it still is the same place. Only what is `where` counts."""
    weights = _floats(where)
    share = _sums(weights)
    added = _floats(cv2.subtract(now, then, dtype=cv2.CV_32F))
    light = _means(added, weights)
    up = cv2.resize(light, _in_pixels(light), interpolation=cv2.INTER_NEAREST)[: now.shape[0], : now.shape[1]]
    rough = _means(_floats(cv2.transform(cv2.absdiff(added, up), _EVENLY)), weights)
    grey = _floats(cv2.transform(_floats(then), _EVENLY))
    contrast = np.sqrt(np.maximum(_means(grey * grey, weights) - _means(grey, weights) ** 2, 0.0))
    same = (np.abs(light).max(2) < _OTHER) & (rough < _ROUGH + _SHARE * contrast)
    return light, _floats(np.where(share > 0.05, share, np.float32(0))), np.asarray(same, np.bool_)


def _compare(then: Image, now: Image, ring: NDArray[np.bool_]) -> tuple[Floats, Grey]:
    """By cells: what light has added since `then`, ``(rows, columns, 3)``, and 1 where it is not the same place any
    more ``(rows, columns)``. Both are measured where `ring` is and carried on smoothly from there."""
    light, measured, same = _differ(then, now, ring)
    if not measured.any():
        return np.zeros_like(light), np.zeros(measured.shape, np.uint8)
    doubted = spread(_floats(same)[..., None], measured)[..., 0] < 0.5
    return spread(light, _floats(measured * same)), np.asarray(doubted, np.uint8)


def _relit(picture: Image, like: Image, where: NDArray[np.bool_]) -> Image:
    """`picture` in the light of `like`, by what both show `where` it is known; as it is where they do not agree on one
    light: an exposure changes everywhere alike, what moves does not."""
    if not where.any():
        return picture
    light, measured, same = _differ(picture, like, where)
    usable = (measured > 0) & same
    if not usable.any():
        return picture
    alike = usable & (np.abs(light - np.median(light[usable], axis=0)).max(2) < _ALIKE)
    if 2 * int(alike.sum()) < int((measured > 0).sum()):
        return picture
    return _lit(picture, spread(light, _floats(measured * alike)))


def _aligned(then: Image, state: Grey, now: Image, inside: NDArray[np.bool_]) -> tuple[Image, Grey]:
    """`then` and its `state`, moved by an affine step so that the ring of what is seen `now` around the hole (`inside`)
    fits: near things move past far ones when a camera does, and one homography cannot follow both. As they were, where
    that fits no better. The step is that of the highest correlation (Evangelidis and Psarakis,
    https://doi.org/10.1109/TPAMI.2008.113)."""
    known = state > 0
    ring = (cv2.dilate(inside.view(np.uint8), _square(RING)) > 0) & ~inside & known
    if int(ring.sum()) < CELL * CELL:
        return then, state
    step, until = np.eye(2, 3, dtype=np.float32), (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-3)
    a, b = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (now, then))
    try:
        cv2.findTransformECC(a, b, step, cv2.MOTION_AFFINE, until, ring.view(np.uint8), 3)
    except cv2.error:  # nothing on the ring to go by
        return then, state
    size = state.shape[1], state.shape[0]
    drift = cv2.transform(_corners(size)[None], step)[0] - _corners(size)
    if not np.abs(drift).max() <= _ADRIFT:
        return then, state
    back = np.asarray(np.linalg.inv(np.vstack([step, [0, 0, 1]])), np.float64)
    turned = _cubic(then, back, size)
    fits, fitted = (float(cv2.absdiff(now, picture)[ring].mean()) for picture in (then, turned))
    if fitted > fits * _FITS:
        return then, state
    kinds = np.asarray(cv2.warpPerspective(state, back, size, flags=cv2.INTER_NEAREST), np.uint8)
    whole = np.where(known, np.uint8(255), np.uint8(0))
    kinds[np.asarray(cv2.warpPerspective(whole, back, size, borderMode=cv2.BORDER_REPLICATE)) < 255] = UNKNOWN
    return turned, kinds


def _floats(values: NDArray[Any]) -> Floats:
    return np.asarray(values, np.float32)


def spread(values: Floats, weights: Floats) -> Floats:
    """`values` ``(h, w, c)`` where `weights` are, and between and around them a smooth surface through them: averages
    of ever larger parts where there is no weight in smaller ones. 0 where there is no weight at all."""
    sums = np.asarray(np.dstack([values * weights[..., None], weights]), np.float32)
    height, width = weights.shape
    mean = sums[..., :-1] / np.maximum(sums[..., -1:], 1e-9)
    if max(height, width) > 1:
        even = cv2.copyMakeBorder(sums, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)
        size = even.shape[1] // 2, even.shape[0] // 2
        less = np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.float32).reshape(*size[::-1], -1)
        beyond = spread(_floats(less[..., :-1] / np.maximum(less[..., -1:], 1e-9)), less[..., -1])
        up = cv2.resize(beyond, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_LINEAR)
        below = np.asarray(up, np.float32).reshape(size[1] * 2, size[0] * 2, -1)[:height, :width]
        sure = np.minimum(sums[..., -1:] * 4, 1.0)
        mean = sure * mean + (1 - sure) * below
    return _floats(mean)


def _lit(picture: Image, light: Floats) -> Image:
    """`picture` with `light` added, which is given by cells."""
    if not light.any():
        return picture
    height, width = picture.shape[:2]
    up = cv2.resize(light, _in_pixels(light), interpolation=cv2.INTER_LINEAR)[:height, :width]
    return np.asarray(cv2.add(picture, up, dtype=cv2.CV_8U), np.uint8)
