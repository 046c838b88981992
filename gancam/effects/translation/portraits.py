"""Faces that a style draws: followed, small ones once more from nearer: a stroke as broad as an eye leaves none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.faces import Face, Faces
from gancam.vision.blend import Place, composite
from gancam.vision.features import Features, brought_out, calmed
from gancam.vision.motion import Grey, is_cut, small_grey
from gancam.vision.noise import even
from gancam.vision.planes import Planes
from gancam.vision.steady import Steady

WIDTH = 128  # pixels of its width that a face is drawn with; wider ones are drawn well as they are
_WINDOW = 168, 216  # pixels of what is drawn from nearer, width and height, around a face of `WIDTH`
_SMALLEST = 20  # pixels of the width of a face in what the network is shown anyway: less has no features
_NEARER, _SURE = (1.1, 4.0), 1.3  # times, at least and at most, and from which on it is seen in full
_STEPS = 4  # sizes at which faces are drawn, in a factor of two: between these texture keeps its size
_DULL = 0.6  # of a step: how far a face must grow or shrink to be drawn at another size
_LOOK, _EVERY = 256, 6  # pixels of the longer side in which faces are looked for, and in which one of so many frames
_TINY = 32  # pixels of the shorter side that a frame must have
_SCORE = 0.6  # how sure the detector must be
_STILL = 0.08  # of its width: how far a face must have gone or grown to be followed
_GLIDE = 0.5  # of what is left to go, in a frame
_LOST = 2  # looks in which a face is not found until it fades
_FADE = 0.2  # a frame
_INNER, _OUTER = 0.8, 1.3  # of half a face: where the nearer drawing is seen, and where nothing of it is
_TALL = 1.3  # times as tall as wide: a face


@dataclass
class Portrait:
    """A face that is followed, in shares of the frame's width."""

    at: NDArray[np.float64]  # x and y of its middle, and its width
    aim: NDArray[np.float64]  # where it was found
    marks: NDArray[np.float64]  # (5, 2): eyes, nose and corners of the mouth, from its middle, in shares of its width
    meant: NDArray[np.float64]  # where those were found
    seen: float  # 0..1: how far it counts
    lost: int = 0
    step: int | None = None  # by which it is drawn nearer
    steady: Steady = field(default_factory=Steady)

    def features(self, wide: float, share: float, left: float = 0.0, top: float = 0.0) -> Features:
        """Give it in pixels of a frame that is so `wide`, or of a part of that which begins at `left` and `top`."""
        x, y, width = (float(part) * wide for part in self.at)
        middle = x - left, y - top
        return Features(middle, width, self.marks * width + middle, self.seen * share)


@dataclass(frozen=True)
class Window:
    """What of a frame is drawn from nearer.

    Attributes:
        portrait: Of whom.
        place: In pixels of the frame; it may reach outside.
        nearer: How many times nearer, beside what the network is shown.
        share: Of what is drawn that shows, 0..1.
        size: Width and height in which it is drawn.
        face: In pixels of what is drawn.
    """

    portrait: Portrait
    place: Place
    nearer: float
    share: float
    size: tuple[int, int]
    face: Features

    def cut(self, image: Image, strokes: str) -> Image:
        """Cut it out of `image`, without noise and shine, in the size in which it is drawn; the border is repeated.

        `strokes` is as a model's card has them.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = self.place.left, self.place.top, self.place.right, self.place.bottom
        inside = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        above, below, before, after = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
        whole = np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE), np.uint8)
        if self.place.width > self.size[0]:
            near = even(np.asarray(cv2.resize(whole, self.size, interpolation=cv2.INTER_AREA), np.uint8))
        else:
            near = np.asarray(cv2.resize(even(whole), self.size, interpolation=cv2.INTER_CUBIC), np.uint8)
        return brought_out(calmed(near, [self.face]), [self.face], strokes)

    def lay(self, drawn: Image, frame: Image, strength: float, planes: Planes) -> None:
        """Lay what was `drawn` of `cut` on `frame`, in place: as light as the frame is there, the edge soft."""
        place = self.place
        inside = place.overlap(Place(0, 0, frame.shape[1], frame.shape[0]))
        if inside is None:
            return
        size = place.width, place.height
        way = cv2.INTER_AREA if place.width < self.size[0] else cv2.INTER_CUBIC
        rows = slice(inside.top - place.top, inside.bottom - place.top)
        columns = slice(inside.left - place.left, inside.right - place.left)
        near = np.asarray(cv2.resize(drawn, size, interpolation=way), np.uint8)[rows, columns]
        alpha = np.asarray(cv2.resize(_oval(), size, interpolation=cv2.INTER_LINEAR), np.uint8)[rows, columns]
        under = np.ascontiguousarray(frame[inside.slices])
        core = alpha[::2, ::2] > 127
        if core.any():  # lines are few, and of a face behind something only half is skin: most places agree
            apart = np.median(under[::2, ::2][core].astype(np.int16) - near[::2, ::2][core], axis=0)
            near = np.clip(near + np.rint(apart).astype(np.int16), 0, 255).astype(np.uint8)
        alpha = np.asarray(cv2.convertScaleAbs(alpha, alpha=self.share * strength), np.uint8)
        frame[inside.slices] = composite(under, near, "normal", alpha, planes=planes)


class Portraits:
    """Follows the faces of a video."""

    def __init__(self) -> None:
        self._detector = lru_cache(maxsize=1)(Faces)
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._followed: list[Portrait] = []
        self._last: Grey | None = None
        self._frame = 0

    def look(self, image: Image) -> None:
        """Look at the next frame ``(H, W, 3)``: at all of it in one of six, and in the first after a cut."""
        grey, _ = small_grey(image)
        before, self._last = self._last, grey
        begins = before is None or before.shape != grey.shape or is_cut(before, grey)
        if begins:
            self._followed, self._frame = [], 0
        if self._frame % _EVERY == 0 and min(grey.shape) >= _TINY:
            faces = self._detector(long=_LOOK).detect(image)
            self._follow([face for face in faces if face.score >= _SCORE], image.shape[1], at_once=begins)
        self._frame += 1
        for one in self._followed:
            one.at += _GLIDE * (one.aim - one.at)
            one.marks += _GLIDE * (one.meant - one.marks)
            one.seen = float(np.clip(one.seen + (_FADE if one.lost < _LOST else -_FADE), 0, 1))
            one.steady.begin()
        self._followed = [one for one in self._followed if one.seen > 0]

    def large(self, wide: int, share: Fraction) -> list[Features]:
        """Give the faces of the frame that was looked at last that are not drawn from nearer.

        Args:
            wide: Pixels of the width of a frame, in which they are given.
            share: As for `windows`.
        """
        return [one.features(wide, 1 - _smallness(float(WIDTH * share) / (one.at[2] * wide))) for one in self._followed]

    def windows(
        self, frame: tuple[int, int], shown: float, share: Fraction, most: int, *, coarse: float = 1.0
    ) -> Sequence[Window]:
        """Say what of the frame that was looked at last is to be drawn from nearer.

        Args:
            frame: Its width and height.
            shown: How many times larger than the frame what the network is shown is.
            share: Of `WIDTH` that a face is drawn with, to save time.
            most: Faces; those that were drawn so before come first, then the largest.
            coarse: How many times smaller than usual the network is shown it, for broad strokes: faces have none.
        """
        found: list[Window] = []
        wide, tall = (max(round(side * share / 8), 4) * 8 for side in _WINDOW)
        for one in sorted(self._followed, key=lambda one: (one.step is None, -one.at[2])):
            across = float(one.at[2]) * frame[0] * shown
            nearer = float(WIDTH * share) / max(across, 1.0)
            if across * coarse < _SMALLEST * share or nearer < _NEARER[0] or len(found) == most:
                one.step = None
                continue
            exact = _STEPS * float(np.log2(min(nearer, coarse * _NEARER[1])))
            if one.step is None or abs(exact - one.step) > _DULL:
                one.step = max(round(exact), 1)
            times = 2.0 ** (one.step / _STEPS)
            width, height = (max(round(side / (times * shown)), 1) for side in (wide, tall))
            x, y = (float(part) * frame[0] for part in one.at[:2])
            seen = one.seen * _smallness(nearer)
            place = Place(round(x - width / 2), round(y - height / 2), width, height)
            near = wide / width
            face = one.features(frame[0] * near, 1.0, place.left * near, place.top * near)
            found.append(Window(one, place, times, seen, (wide, tall), face))
        return found

    def _follow(self, faces: Sequence[Face], wide: int, *, at_once: bool) -> None:
        left = list(self._followed)
        for face in faces:
            x, y, width, height = face.box
            now = np.array([x + width / 2, y + height / 2, max(width, height / _TALL)]) / wide
            marks = (face.landmarks - (x + width / 2, y + height / 2)) / (now[2] * wide)
            near = min(left, key=lambda one: _apart(one.aim, now), default=None)
            if near is None or _apart(near.aim, now) > now[2]:
                shown = 1.0 if at_once else 0.0
                self._followed.append(Portrait(now.copy(), now, marks.copy(), marks, shown))
                continue
            left = [one for one in left if one is not near]
            near.lost = 0
            if np.abs(near.aim - now).max() > _STILL * now[2]:
                near.aim = now
            if np.abs(near.meant - marks).max() > _STILL:
                near.meant = marks
        for one in left:
            one.lost += 1


def _smallness(nearer: float) -> float:
    """How far what is drawn so many times nearer is seen."""
    return float(np.clip((nearer - _NEARER[0]) / (_SURE - _NEARER[0]), 0, 1))


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.hypot(*(one[:2] - other[:2])))


@lru_cache(maxsize=1)
def _oval() -> NDArray[np.uint8]:
    """How much of a window is seen: a face in its middle, with a soft edge."""
    wide, tall = _WINDOW
    y, x = np.mgrid[:tall, :wide].astype(np.float32)
    away = np.hypot((x - (wide - 1) / 2) / (WIDTH / 2), (y - (tall - 1) / 2) / (WIDTH * _TALL / 2))
    seen = ((_OUTER - away) / (_OUTER - _INNER)).clip(0, 1)
    return np.asarray(np.round(255 * seen * seen * (3 - 2 * seen)), np.uint8)
