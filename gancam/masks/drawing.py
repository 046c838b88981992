"""Masks that are drawn by hand."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import wraps
from typing import NamedTuple, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError, shown
from gancam.frame import Image, check_image
from gancam.masks.mask import Fixed, Mask, MaskSource, check_number
from gancam.masks.matching import Picture
from gancam.masks.tracking import Tracked
from gancam.vision.pad import DrawingPad, Scene, Stroke

_FAR = 30_000  # pixels beside the frame
Method = TypeVar("Method", bound=Callable[..., object])


def _locked(method: Method) -> Method:
    """Let one thread at a time into the methods of a mask."""

    @wraps(method)
    def call(self: "Drawn", *arguments: object, **named: object) -> object:
        with self.lock:
            return method(self, *arguments, **named)

    return cast(Method, call)


class Drawn(MaskSource, DrawingPad):
    """A mask drawn by hand during playback, with a brush, boxes and an eraser.

    Coordinates are in pixels of a frame of ``size``. Strokes last until `clear` or `undo`. Nothing can be drawn before
    the first frame. Any thread may draw, not only the one that plays. ``notes`` say what could not be followed, and
    what was lost.

    Args:
        follow: whether each stroke sticks to what it was drawn on, as `Tracked` does; what cannot be followed stays
            in place.
    """

    brushes = True

    def __init__(self, *, follow: bool = False) -> None:
        self._follow = follow
        self._shape: tuple[int, int] | None = None
        self._pieces: list[_Piece | _Followed] = []  # in the order in which they were drawn
        self._fixed: Mask = np.zeros((1, 1), np.uint8)  # all of these that stay where they are
        self._fresh: Mask = np.zeros((1, 1), np.uint8)  # drawn since the last frame
        self._seen: Mask = self._fresh  # what was given last
        self.lock = threading.RLock()
        self._drawing = False  # a stroke is under way
        self._now: float | None = None  # the time of the last frame
        self._told: deque[str] = deque(maxlen=Tracked.NOTES)

    @_locked
    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the drawn mask, moved along with what it follows in `image`: uint8 ``(H, W)``, 0 and 1."""
        image = check_image(image)
        if self._shape != image.shape[:2]:
            self._shape = (image.shape[0], image.shape[1])
            self.clear()
        new: _Followed | None = None
        begins = self._follow and not self._drawing and self._fresh.any()
        followed = [piece for piece in self._pieces if isinstance(piece, _Followed)]
        if begins or followed:  # what is found in the picture serves all strokes
            picture = Picture(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8))
        if self._fresh.any() and not self._drawing:
            new = self._taken_up(image, picture, time) if begins else None
            self._pieces.append(new or _Piece.of(self._fresh, time, self.scene))
            if new is None:
                self._fixed |= self._fresh
            self._fresh = np.zeros_like(self._fresh)
        self._now = time
        mask = self._fixed | self._fresh
        for piece in followed:
            mask |= piece.track(image, picture, time)
        if new is not None:
            mask |= new.mask
        self._seen = mask
        return mask

    def _taken_up(self, image: Image, picture: Picture, time: float | None) -> "_Followed | None":
        tracked = _Followed(Stroke(self._fresh, time, self.scene))
        try:
            tracked.track(image, picture, time)
        except MaskError as error:
            self._told.append(f"what was drawn stays where it is: {error}")
            return None
        return tracked

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of the frames in pixels; None before the first."""
        return None if self._shape is None else (self._shape[1], self._shape[0])

    @property
    @_locked
    def mask(self) -> Mask:
        """Everything marked, uint8 ``(H, W)``, including the stroke being drawn."""
        return self._seen | self._fresh

    @property
    @_locked
    def strokes(self) -> list[Stroke]:
        """Everything drawn, including the newest stroke, where it was drawn rather than where it has moved."""
        whole = self._shape or (1, 1)
        found = [piece.drawn if isinstance(piece, _Followed) else piece.stroke(whole) for piece in self._pieces]
        return [*found, *([Stroke(self._fresh.copy(), self._now, self.scene)] if self._fresh.any() else [])]

    @property
    @_locked
    def notes(self) -> list[str]:
        """Messages for the user: what could not be followed, and what was lost and found again."""
        return [*self._told] + [note for piece in self._pieces if isinstance(piece, _Followed) for note in piece.notes]

    @_locked
    def brush(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        """Draw a stroke through `points` (x, y), `radius` pixels to each side; the last point is its end so far.

        Raises:
            MaskError: a point or the radius is invalid.
        """
        self._stroke(self._fresh, points, radius)

    @_locked
    def box(self, first: tuple[float, float], second: tuple[float, float]) -> dict[str, str]:
        """Draw the box between two opposite corners (x, y). Returns no parameters to change.

        Raises:
            MaskError: a corner is invalid.
        """
        (x0, y0), (x1, y1) = _places([first, second]).tolist()
        cv2.rectangle(self._fresh, (x0, y0), (x1, y1), 1, cv2.FILLED)
        return {}

    @_locked
    def erase(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        """Erase what lies under a stroke, and every followed piece that the stroke touches.

        Raises:
            MaskError: a point or the radius is invalid.
        """
        gone = np.zeros_like(self._fresh)
        self._stroke(gone, points, radius)
        left, self._pieces = self._pieces, []
        for piece in left:
            if isinstance(piece, _Followed):
                if not (piece.mask & gone).any():
                    self._pieces.append(piece)
                continue
            rest = piece.without(gone)
            if rest is not None:
                self._pieces.append(rest)
        self._fresh = self._fresh & (1 - gone)
        self._forget_seen()

    def pen(self, *, down: bool) -> None:
        """Note that a stroke begins or ends: only finished ones are followed."""
        self._drawing = down

    @_locked
    def undo(self) -> dict[str, str]:
        """Undo the last stroke."""
        if self._fresh.any():
            self._fresh = np.zeros_like(self._fresh)
        elif self._pieces:
            self._pieces.pop()
        self._forget_seen()
        return {}

    @_locked
    def clear(self) -> dict[str, str]:
        """Remove every stroke."""
        self._pieces = []
        self._fresh = np.zeros(self._shape or (1, 1), np.uint8)
        self._forget_seen()
        return {}

    @_locked
    def reset(self) -> None:
        """Start following anew at the next frame; strokes are kept."""
        for piece in self._pieces:
            if isinstance(piece, _Followed):
                piece.reset()

    def _forget_seen(self) -> None:
        self._fixed = np.zeros_like(self._fresh)
        for piece in self._pieces:
            if not isinstance(piece, _Followed):
                self._fixed[piece.place] |= piece.mask
        self._seen = self._fixed.copy()
        for piece in self._pieces:
            if isinstance(piece, _Followed) and piece.mask.shape == self._seen.shape:
                self._seen |= piece.mask

    @staticmethod
    def _stroke(canvas: Mask, points: Sequence[tuple[float, float]], radius: float) -> None:
        radius = min(round(check_number(radius, "radius", 0)), sum(canvas.shape))  # more is all of it, too
        places = _places(points)
        thickest, most = 2 * radius, 32767  # OpenCV's limit
        cv2.polylines(canvas, [places[:, None]], False, 1, min(max(thickest, 1), most), cv2.LINE_8)
        for x, y in places.tolist():
            cv2.circle(canvas, (x, y), radius, 1, cv2.FILLED)


class _Followed(Tracked):
    """What was drawn and sticks to what it was drawn on."""

    def __init__(self, drawn: Stroke) -> None:
        super().__init__(Fixed(drawn.mask))
        self.drawn = drawn


class _Piece(NamedTuple):
    """What was drawn and stays where it is: a box of pixels."""

    left: int
    top: int
    mask: Mask
    time: float | None
    scene: Scene

    @classmethod
    def of(cls, whole: Mask, time: float | None, scene: Scene) -> "_Piece":
        """What is 1 in a mask of the whole frame."""
        left, top, wide, tall = cv2.boundingRect(whole)
        return cls(left, top, whole[top : top + tall, left : left + wide].copy(), time, scene)

    def stroke(self, shape: tuple[int, int]) -> Stroke:
        """It in a mask of the whole frame, of `shape` (height, width)."""
        whole = np.zeros(shape, np.uint8)
        whole[self.place] = self.mask
        return Stroke(whole, self.time, self.scene)

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        tall, wide = self.mask.shape
        return slice(self.top, self.top + tall), slice(self.left, self.left + wide)

    def without(self, gone: Mask) -> "_Piece | None":
        """What is left of it; None: nothing."""
        rest = self.mask & (1 - gone[self.place])
        return self._replace(mask=rest) if rest.any() else None


def _places(points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    """Points (x, y) in whole pixels, ``(n, 2)``; what is far beside the frame is brought as near as OpenCV can take it.

    Raises:
        MaskError: one is none.
    """
    try:
        places = np.array(points, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError) as error:
        raise MaskError(f"points {shown(points)}: each needs x and y, in pixels") from error
    if not np.isfinite(places).all():
        raise MaskError(f"points {shown(points)}: each needs a number for x and for y, in pixels")
    return np.round(places.clip(-_FAR, _FAR)).astype(np.int32)
