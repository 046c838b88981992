"""Faces that a style draws: followed, small ones once more from nearer: a stroke as broad as an eye leaves none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.translation.features import Features
from gancam.effects.translation.steady import Steady
from gancam.frame import Image
from gancam.masks.faces import Face, Faces
from gancam.vision.blend import Place, composite
from gancam.vision.motion import Grey, Points, follow
from gancam.vision.noise import even
from gancam.vision.planes import Planes
from gancam.vision.scenes import Look

WIDTH = 128  # pixels of its width that a face is drawn with; wider ones are drawn well as they are
_WINDOW = 168, 216  # pixels of what is drawn from nearer, width and height, around a face of `WIDTH`
_SMALLEST = 14  # pixels of the width of a face in what the network is shown anyway: less has no features
_NEARER, _SURE = (1.1, 4.0), 1.3  # times, at least and at most, and from which on it is seen in full
_STEPS = 4  # sizes at which faces are drawn, in a factor of two: between these texture keeps its size
_DULL = 0.6  # of a step: how far a face must grow or shrink to be drawn at another size
_LOOK, _EVERY = 256, 6  # pixels of the longer side in which faces are looked for, and in which one of so many frames
_TINY = 32  # pixels of the shorter side that a frame must have
_SCORE, _AGAIN = 0.6, 0.4  # how sure the detector must be of a face, and of one that it found before
_STILL = 0.08  # of its width: how far a face must have gone or grown to be followed
_GLIDE = 0.5  # of what is left to go, in a frame
_CROWD = 40  # faces that are followed: those that are drawn from nearer, then the largest
_LOST, _LASTS = 2, 8  # looks in which a face is not found until it fades; that goes along with its points still
_GRID = np.stack(np.meshgrid([-0.3, 0.0, 0.3], [-0.4, 0.0, 0.4]), -1).reshape(-1, 2)  # points of a face, of its width
_PATCH, _ALIKE = 16, 0.7  # pixels in which a face is compared with itself, and how much of it may be another
_STAYS = 0.85  # times as small may be a face that is drawn from nearer already
_POINTS = 4  # of those that say where a face went
_REST = 0.15  # pixels of the small picture: what goes no further stands still, so that noise moves nothing
_DRIFT = 0.8  # of how it went in the frame before a face goes on whose points are lost
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
    turn: float = 0.0  # 0..1: how far it is seen from nearer, as one of so many
    place: int = 0  # among these, in the order in which they came
    went: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))  # since points were laid, as `at`
    speed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))  # in the frame before
    held: bool = False  # whether its points went along
    looks: NDArray[np.float32] | None = None  # as it did where it was found last, see `_looks`
    alike: bool = True  # whether it did so in the last look, too
    steady: Steady = field(default_factory=Steady)

    def features(self, wide: float, share: float, left: float = 0.0, top: float = 0.0) -> Features:
        """Give it in pixels of a frame that is so `wide`, or of a part of that which begins at `left` and `top`."""
        x, y, width = (float(part) * wide for part in self.at)
        middle = x - left, y - top
        return Features(middle, width, self.marks * width + middle, self.seen * share, self.seen)


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

    def cut(self, image: Image) -> Image:
        """Cut it out of `image`, without noise, in the size in which it is drawn; the border is repeated."""
        height, width = image.shape[:2]
        left, top, right, bottom = self.place.left, self.place.top, self.place.right, self.place.bottom
        inside = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        above, below, before, after = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
        whole = np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE), np.uint8)
        if self.place.width > self.size[0]:
            return even(np.asarray(cv2.resize(whole, self.size, interpolation=cv2.INTER_AREA), np.uint8))
        return np.asarray(cv2.resize(even(whole), self.size, interpolation=cv2.INTER_CUBIC), np.uint8)

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
            apart = cv2.subtract(under[::2, ::2], near[::2, ::2], dtype=cv2.CV_16S)[core]
            more = *np.rint(np.median(apart, axis=0)).tolist(), 0.0
            near = np.asarray(cv2.add(near, more), np.uint8)  # type: ignore[call-overload]  # OpenCV takes a colour, too
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
        self._laid: tuple[Grey, Points] | None = None  # points of the faces, and the picture in which those were laid
        self._frame = self._turns = 0
        self._fresh = True  # whether no frame of this scene was drawn yet

    def look(self, image: Image, look: Look) -> None:
        """Look at the next frame: at all of it in one of six, and in the first of a scene.

        Between these, faces go along with points on them.

        Args:
            image: The frame, uint8 ``(H, W, 3)`` BGR.
            look: What `Scenes` gives of it.
        """
        grey = look.grey
        begins = look.before is None or self._frame == 0
        if begins:
            self._followed, self._frame, self._fresh = [], 0, True
        elif self._followed:
            self._go_along(grey)
        looks = self._frame % _EVERY == 0 and min(grey.shape) >= _TINY
        if looks:
            faces = self._detector(long=_LOOK, score=_AGAIN).detect(image)
            self._follow(faces, image.shape[1], at_once=begins)
            for one in self._followed:
                now = _looks(grey, one.aim)
                if one.lost == 0 or one.looks is None:
                    one.looks, one.alike = now, True
                else:
                    one.alike = bool(np.linalg.norm(now - one.looks) < _ALIKE * np.linalg.norm(one.looks))
        self._frame += 1
        for one in self._followed:
            one.at += _GLIDE * (one.aim - one.at)
            one.marks += _GLIDE * (one.meant - one.marks)
            stays = one.lost < (_LASTS if one.held and one.alike else _LOST)
            one.seen = float(np.clip(one.seen + (_FADE if stays else -_FADE), 0, 1))
            one.steady.begin()
        followed, self._followed = self._followed, [one for one in self._followed if one.seen > 0]
        if looks or len(followed) > len(self._followed) or not all(one.held for one in followed):
            self._lay(grey)

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
        for one in sorted(self._followed, key=lambda one: (one.step is None, one.place, -one.at[2])):
            across = float(one.at[2]) * frame[0] * shown
            nearer = float(WIDTH * share) / max(across, 1.0)
            tiny = across * coarse < _SMALLEST * share * (1.0 if one.step is None else _STAYS)
            if nearer < _NEARER[0] or len(found) == most or (tiny and one.turn == 0.0):
                one.step, one.turn, one.place = None, 0.0, 0
                continue
            if one.step is None:
                self._turns += 1
                one.turn, one.place = float(self._fresh), self._turns
            one.turn = float(np.clip(one.turn + (-_FADE if tiny else _FADE), 0, 1))
            exact = _STEPS * float(np.log2(min(nearer, coarse * _NEARER[1])))
            if one.step is None or abs(exact - one.step) > _DULL:
                one.step = max(round(exact), 1)
            times = 2.0 ** (one.step / _STEPS)
            width, height = (max(round(side / (times * shown)), 1) for side in (wide, tall))
            x, y = (float(part) * frame[0] for part in one.at[:2])
            seen = min(one.seen, one.turn) * _smallness(nearer)
            place = Place(round(x - width / 2), round(y - height / 2), width, height)
            near = wide / width
            face = one.features(frame[0] * near, 1.0, place.left * near, place.top * near)
            found.append(Window(one, place, times, seen, (wide, tall), face))
        self._fresh = False
        return found

    def _lay(self, grey: Grey) -> None:
        """Lay points on the faces, as they are in `grey`."""
        for one in self._followed:
            one.went = np.zeros(2)
        points = [one.at[:2] + one.at[2] * _GRID for one in self._followed]
        self._laid = (grey, np.asarray(np.concatenate(points) * grey.shape[1], np.float32)) if points else None

    def _go_along(self, grey: Grey) -> None:
        """Let the faces go as most of their points went from where they were laid to `grey`."""
        if self._laid is None:
            return
        before, points = self._laid
        guess = points + np.repeat([one.went + one.speed for one in self._followed], len(_GRID), 0) * grey.shape[1]
        there, good = follow(before, grey, points, guess.astype(np.float32))
        ways = ((there - points) / grey.shape[1]).reshape(-1, len(_GRID), 2)
        for one, way, sure in zip(self._followed, ways, good.reshape(-1, len(_GRID)), strict=True):
            one.held = bool(sure.sum() >= _POINTS)
            step = np.median(way[sure], axis=0) - one.went if one.held else _DRIFT * one.speed
            if np.abs(step).max() * grey.shape[1] < _REST:
                step = np.zeros(2)
            one.speed, one.went = step, one.went + step
            one.at[:2] += step
            one.aim[:2] += step

    def _follow(self, faces: Sequence[Face], wide: int, *, at_once: bool) -> None:
        left = list(self._followed)
        for face in faces:
            x, y, width, height = face.box
            now = np.array([x + width / 2, y + height / 2, max(width, height / _TALL)]) / wide
            marks = (face.landmarks - (x + width / 2, y + height / 2)) / (now[2] * wide)
            near = min(left, key=lambda one: _apart(one.aim, now), default=None)
            if near is None or _apart(near.aim, now) > now[2]:
                if face.score < _SCORE:
                    continue
                shown = 1.0 if at_once else 0.0
                self._followed.append(Portrait(now.copy(), now.copy(), marks.copy(), marks, shown))
                continue
            left = [one for one in left if one is not near]
            near.lost = 0
            if np.abs(near.aim - now).max() > _STILL * now[2]:
                near.aim = now
            if np.abs(near.meant - marks).max() > _STILL:
                near.meant = marks
        for one in left:
            one.lost += 1
        if len(self._followed) > _CROWD:
            first = sorted(self._followed, key=lambda one: (one.step is None, -one.at[2]))[:_CROWD]
            self._followed = [one for one in self._followed if any(one is other for other in first)]


def _looks(grey: Grey, at: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a face looks like in `grey`: its levels, beside their mean."""
    x, y, wide = (float(part) * grey.shape[1] for part in at)
    step = wide / _PATCH
    there = np.array([[step, 0, x - wide / 2], [0, step * _TALL, y - _TALL * wide / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(grey, there, (_PATCH, _PATCH), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch - patch.mean(), np.float32)


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
