"""Masks that are drawn by hand."""

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar, cast

import cv2
import numpy as np

from gancam.errors import MaskError
from gancam.frame import Image, check_image
from gancam.masks.mask import Fixed, Mask, MaskSource
from gancam.masks.tracking import Tracked
from gancam.vision.pad import DrawingPad

Method = TypeVar("Method", bound=Callable[..., object])


def _locked(method: Method) -> Method:
    """Let one thread at a time into the methods of a mask."""

    @wraps(method)
    def call(self: "Drawn", *arguments: object, **named: object) -> object:
        with self.lock:
            return method(self, *arguments, **named)

    return cast(Method, call)


class Drawn(MaskSource, DrawingPad):
    """A mask drawn by hand while it runs: with a brush, boxes, an eraser.

    Coordinates are pixels of the frame of ``size``. Strokes last until `clear` or `undo`. Before the first frame
    nothing can be drawn. It may be drawn on from another thread than the one that plays. ``notes`` say what could not
    be followed, and what was lost.

    Args:
        follow: each stroke sticks to what it was drawn on, as `Tracked` does; what cannot be followed stays where it
            is.
    """

    brushes = True

    def __init__(self, *, follow: bool = False) -> None:
        self._follow = follow
        self._shape: tuple[int, int] | None = None
        self._pieces: list[Mask | Tracked] = []  # in the order in which they were drawn
        self._fresh: Mask = np.zeros((1, 1), np.uint8)  # drawn since the last frame
        self._seen: Mask = self._fresh  # what was given last
        self.lock = threading.RLock()
        self._drawing = False  # a stroke is under way
        self._told: list[str] = []

    @_locked
    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return what is drawn, moved to where it is in `image`: uint8 ``(H, W)``, 0 and 1."""
        image = check_image(image)
        if self._shape != image.shape[:2]:
            self._shape = (image.shape[0], image.shape[1])
            self.clear()
        new: Mask | Tracked | None = None
        if self._fresh.any() and not self._drawing:
            self._pieces.append(self._taken_up(image, time) if self._follow else self._fresh)
            self._fresh = np.zeros_like(self._fresh)
            new = self._pieces[-1]
        mask = self._fresh.copy()
        for piece in self._pieces:
            if not isinstance(piece, Tracked):
                mask |= piece
            else:
                mask |= piece.mask if piece is new else piece(image, time=time)
        self._seen = mask
        return mask

    def _taken_up(self, image: Image, time: float | None) -> "Mask | Tracked":
        tracked = Tracked(Fixed(self._fresh))
        try:
            tracked(image, time=time)
        except MaskError as error:
            self._told.append(f"what was drawn stays where it is: {error}")
            return self._fresh
        return tracked

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the frames; None before the first."""
        return None if self._shape is None else (self._shape[1], self._shape[0])

    @property
    @_locked
    def mask(self) -> Mask:
        """All that is marked, uint8 ``(H, W)``, the stroke under way too."""
        return self._seen | self._fresh

    @property
    @_locked
    def notes(self) -> list[str]:
        """Lines for the user: what could not be followed, and what was lost and found again."""
        return self._told + [note for piece in self._pieces if isinstance(piece, Tracked) for note in piece.notes]

    @_locked
    def brush(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        """Draw a stroke, `radius` pixels to each side, through `points` (x, y), of which the last is its end so far."""
        self._stroke(self._fresh, points, radius, 1)

    @_locked
    def box(self, first: tuple[float, float], second: tuple[float, float]) -> dict[str, str]:
        """Draw the box between two opposite corners (x, y). Returns the parameters to change for it: none."""
        (x0, y0), (x1, y1) = first, second
        cv2.rectangle(self._fresh, (round(x0), round(y0)), (round(x1), round(y1)), 1, cv2.FILLED)
        return {}

    @_locked
    def erase(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        """Take away what lies under a stroke; of what is followed, each piece that it touches."""
        gone = np.zeros_like(self._fresh)
        self._stroke(gone, points, radius, 1)
        self._pieces = [
            piece for piece in self._pieces if not (isinstance(piece, Tracked) and (piece.mask & gone).any())
        ]
        self._pieces = [piece if isinstance(piece, Tracked) else piece & (1 - gone) for piece in self._pieces]
        self._fresh = self._fresh & (1 - gone)
        self._forget_seen()

    def pen(self, *, down: bool) -> None:
        """Note that a stroke begins or is over: only whole ones are followed."""
        self._drawing = down

    @_locked
    def undo(self) -> dict[str, str]:
        """Take back the last stroke."""
        if self._fresh.any():
            self._fresh = np.zeros_like(self._fresh)
        elif self._pieces:
            self._pieces.pop()
        self._forget_seen()
        return {}

    @_locked
    def clear(self) -> dict[str, str]:
        """Take back everything."""
        self._pieces = []
        self._fresh = np.zeros(self._shape or (1, 1), np.uint8)
        self._forget_seen()
        return {}

    @_locked
    def reset(self) -> None:
        """Follow what is followed anew from the next frame on; what is drawn stays."""
        for piece in self._pieces:
            if isinstance(piece, Tracked):
                piece.reset()

    def _forget_seen(self) -> None:
        self._seen = np.zeros_like(self._fresh)
        for piece in self._pieces:
            self._seen |= piece.mask if isinstance(piece, Tracked) else piece

    @staticmethod
    def _stroke(canvas: Mask, points: Sequence[tuple[float, float]], radius: float, value: int) -> None:
        places = np.round(np.array(points, np.float64).reshape(-1, 1, 2)).astype(np.int32)
        cv2.polylines(canvas, [places], False, value, max(round(2 * radius), 1), cv2.LINE_8)
        for x, y in places[:, 0].tolist():
            cv2.circle(canvas, (x, y), max(round(radius), 0), value, cv2.FILLED)
