"""Faces before and after a style draws them: less shine to draw, and nothing drawn far from what is there."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.frame import Image

Plane = NDArray[np.float32]

_SMALL = 64  # pixels that a face is wide where it is looked at: what shines, and how light a drawing is as a whole
_LEAST = 8.0  # pixels of its width that a face must have
_ACROSS, _DOWN = 0.62, 0.8  # of its width: how far what is looked at reaches from its middle

# ovals in widths of a face: half of how wide and tall they are, and of that how soft their edge is
_FACE, _AND_CHEEKS = (0.5, 0.62, 0.12), (0.5, 0.66, 0.15)
_EYE, _MOUTH = (0.13, 0.075, 0.4), (0.03, 0.1, 0.4)  # a mouth is so much wider than its corners are apart, halved
_LID, _ABOVE = (0.17, 0.13, 0.4), 0.03  # an eye with its brow, which is so far above it
_NARROW = 0.12  # half of the distance of the corners of a mouth, at least

_SHINE = 0.25  # of a face's width: what is brighter than around it, and narrower than that, shines
_SOFT = 0.03  # of its width, deviation: of what is taken for skin under shine
_USUAL, _BELOW = 60, 5.0  # per cent of a face that are darker, and grey levels below that from which on skin shines
_TAKEN, _WEAK = 0.6, 8.0  # how much of shine is taken off, and grey levels of it of which half as much is

_BLEMISH, _BESIDE = 0.055, 0.05  # of a face's width: what is smaller every way is one, and half of what is around it
_FINE = 170  # pixels of the width of a face in which they are looked for: freckles are lost in a smaller one
_BROWS, _OVER = (0.2, 0.17, 0.4), 0.05  # an eye with all of its brow, which is so far above it
_NOSTRILS, _UNDER = (0.14, 0.07, 0.4), 0.05  # those, and how far below the tip of the nose they are

_AROUND = 0.12  # of a face's width, deviation: over which a drawing is lighter or darker as a whole
_CLEAR, _CLEARER = 0.6, 12.0  # times of the contrast of a face that a drawing has more, and grey levels at most

_DRAWN, _RAISED = 24.0, 2.5  # grey levels by which a face that is drawn in black shall vary, and times at most
_SHADED, _LIT = 40.0, 20.0  # levels by which that makes it darker, and lighter, at most


class Features(NamedTuple):
    """A face, in pixels of a picture.

    Attributes:
        middle: x and y.
        width: Of the face.
        marks: ``(5, 2)``: right eye, left eye, nose, right and left corner of the mouth.
        share: 0..1: how far it counts.
        seen: 0..1: how far it is there; it comes and goes softly.
    """

    middle: tuple[float, float]
    width: float
    marks: NDArray[np.float64]
    share: float = 1.0
    seen: float = 1.0


class _Reach(NamedTuple):
    """How far from a face its drawing may go.

    Attributes:
        darker: Grey levels, where there is skin.
        lighter: The same.
        marks: How much of those at eyes, brows and mouth.
    """

    darker: float
    lighter: float
    marks: float = 1.0


_LAID = _Reach(20.0, 40.0, 0.3)
_REACHES = {"laid": _LAID, "panes": _LAID, "lines": _Reach(55.0, 40.0, 0.8)}


class _Part(NamedTuple):
    """Where of a picture a face is, and the size in which it is looked at."""

    rows: slice
    columns: slice
    size: tuple[int, int]  # of the small one
    face: Features  # in pixels of the small one

    @property
    def whole(self) -> tuple[int, int]:
        return self.columns.stop - self.columns.start, self.rows.stop - self.rows.start


def calmed(image: Image, faces: Sequence[Features]) -> Image:
    """Take shine off `faces`, which a style would make white spots with black outlines of; all else stays as it is.

    What is brighter than most of a face, and than what is around it, comes near to that in light and colour, but for
    eyes and mouth.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        faces: Of it.
    """
    made = image
    for part in _parts(image, faces):
        place, width = (part.rows, part.columns), part.face.width
        small = np.asarray(cv2.resize(made[place], part.size, interpolation=cv2.INTER_AREA), np.uint8)
        wide = round(_SHINE * width / 2) * 2 + 1
        window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))
        ground = cv2.GaussianBlur(cv2.morphologyEx(small, cv2.MORPH_OPEN, window), (0, 0), _SOFT * width)
        shine = _shine(part, small.astype(np.float32), np.asarray(ground, np.float32))
        less = cv2.resize(np.rint(cv2.GaussianBlur(shine, (3, 3), 0)).astype(np.int16), part.whole)
        made = image.copy() if made is image else made
        made[place] = cv2.subtract(made[place], less, dtype=cv2.CV_8U)
    return made


def without_blemishes(image: Image, faces: Sequence[Features]) -> Image:
    """Even out freckles, pores and drops on `faces`, of which pens make stubble; wrinkles and all else stay.

    A blemish is what no line fits into: what closings along four directions all fill, or openings all take away (the
    white top-hat of the union of openings, Serra, Image Analysis and Mathematical Morphology, 1982). It becomes as
    light as what is around it, and no more, so that a beard stays dark.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        faces: Of it.
    """
    made = image
    for part in _parts(image, faces):
        place, wide = (part.rows, part.columns), part.face.width * part.whole[0] / part.size[0]
        times = max(round(wide / _FINE), 1)
        long = round(_BLEMISH * wide / times / 2) * 2 + 1
        if long < 3:
            continue
        small = cv2.resize(
            cv2.cvtColor(made[place], cv2.COLOR_BGR2GRAY),
            (max(part.whole[0] // times, 1), max(part.whole[1] // times, 1)),
            interpolation=cv2.INTER_AREA,
        )
        around = cv2.blur(small, (2 * round(_BESIDE * wide / times) + 1,) * 2)
        filled, bare = np.full_like(small, 255), np.zeros_like(small)
        for line in _lines(long):
            cv2.min(filled, cv2.morphologyEx(small, cv2.MORPH_CLOSE, line), dst=filled)
            cv2.max(bare, cv2.morphologyEx(small, cv2.MORPH_OPEN, line), dst=bare)
        share = np.rint(255 * _skin(part) * np.float32(part.face.share)).astype(np.uint8)
        share = cv2.resize(share, (small.shape[1], small.shape[0]))
        made = made.copy() if made is image else made
        for add, less in (
            (cv2.add, cv2.subtract(cv2.min(filled, around), small)),
            (cv2.subtract, cv2.subtract(small, cv2.max(bare, around))),
        ):
            large = cv2.resize(cv2.multiply(less, share, scale=1 / 255), part.whole)
            add(made[place], cv2.merge([large] * 3), dst=made[place])
    return made


def brought_out(image: Image, faces: Sequence[Features]) -> Image:
    """Raise the shades of `faces` that are pale or out of focus, for pens: of those white paper would be left.

    Args:
        image: uint8 ``(H, W, 3)`` BGR, as `calmed` gives it.
        faces: Of it.
    """
    made = image
    for part in _parts(image, faces):
        place = part.rows, part.columns
        small = cv2.cvtColor(cv2.resize(made[place], part.size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        shades, oval = (
            cv2.subtract(small, _around(small.astype(np.float32), part), dtype=cv2.CV_32F),
            _oval(part, _FACE),
        )
        varies = float(np.sqrt(np.vdot(shades * shades, oval) / max(float(oval.sum()), 1.0)))
        times = min(max(_DRAWN / max(varies, 1.0), 1.0), _RAISED) - 1.0
        if times == 0.0:
            continue
        more = np.clip(shades * np.float32(times), -_SHADED, _LIT) * oval * np.float32(part.face.share)
        large = cv2.resize(np.rint(more).astype(np.int16), part.whole)
        made = image.copy() if made is image else made
        made[place] = cv2.add(made[place], cv2.merge([large] * 3), dtype=cv2.CV_8U)
    return made


def held(drawn: Image, seen: Image, faces: Sequence[Features], strokes: str) -> Image:
    """Hold what was drawn of `faces` near to what was seen there; all else stays as it is.

    Beside how much lighter or darker the drawing is thereabouts, a place is at most some levels darker and lighter than
    what was seen, with its shapes a little clearer; hatching, which is black on white, stays as it is.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`.
        seen: The same size.
        faces: Of it.
        strokes: As a model's card has them.
    """
    reach = _REACHES.get(strokes)
    if reach is None:
        return drawn
    made = drawn
    for part in _parts(seen, faces):
        place = part.rows, part.columns
        apart, shape = (_apart(cv2.cvtColor(one[place], cv2.COLOR_BGR2GRAY), part) for one in (made, seen))
        apart -= shape
        apart -= np.clip(np.float32(_CLEAR) * shape, -_CLEARER, _CLEARER)
        near = reach.marks + (1 - reach.marks) * _plain(part, _LID, _ABOVE)
        apart *= _large(1 / near, part)
        apart -= np.clip(apart, -reach.darker, reach.lighter)
        apart *= _large(near * _oval(part, _AND_CHEEKS) * np.float32(part.face.share), part)
        less = np.rint(apart).astype(np.int16)
        made = drawn.copy() if made is drawn else made
        made[place] = cv2.subtract(made[place], cv2.merge([less] * 3), dtype=cv2.CV_8U)
    return made


def _parts(image: Image, faces: Sequence[Features]) -> list[_Part]:
    found = []
    for face in faces:
        if face.width < _LEAST or face.share <= 0:
            continue
        (x, y), wide = face.middle, face.width
        left, right = (round(np.clip(x + way * _ACROSS * wide, 0, image.shape[1])) for way in (-1, 1))
        top, bottom = (round(np.clip(y + way * _DOWN * wide, 0, image.shape[0])) for way in (-1, 1))
        if min(right - left, bottom - top) < _LEAST:
            continue
        times = max(round(wide / _SMALL), 1)
        size = max((right - left) // times, 1), max((bottom - top) // times, 1)
        if right < image.shape[1] and bottom < image.shape[0]:  # whole pixels are shrunk more quickly
            right, bottom = left + times * size[0], top + times * size[1]
        at = (x - left) / times - 0.5, (y - top) / times - 0.5
        small = Features(at, wide / times, (face.marks - (left, top)) / times - 0.5, face.share)
        found.append(_Part(slice(top, bottom), slice(left, right), size, small))
    return found


def _shine(part: _Part, small: Plane, ground: Plane) -> Plane:
    """Give what is to be taken off of what is brighter than `ground`.

    At eyes and mouth no more is taken than around them: the white of an eye shines too.
    """
    grey, below = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (small, ground))
    face, plain = _oval(part, _FACE), _plain(part, _EYE)
    skin = face * plain > 0.5
    usual = float(np.percentile(grey[skin], _USUAL)) if skin.any() else 255.0
    raised = np.maximum(grey - below, 0)
    shine = np.minimum(raised, np.maximum(grey - (usual - _BELOW), 0))
    taken = _TAKEN * face * shine * shine / (shine + _WEAK)
    around = _around(taken * plain, part) / np.maximum(_around(plain, part), 0.01)
    taken = part.face.share * (plain * taken + (1 - plain) * np.minimum(taken, around))
    return np.asarray((small - ground) * (taken / np.maximum(raised, 1))[..., None], np.float32)


def _around(values: Plane, part: _Part) -> Plane:
    """The mean of what is around each place of a face."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), _AROUND * part.face.width), np.float32)


def _large(small: MatLike, part: _Part) -> Plane:
    return np.asarray(cv2.resize(small, part.whole), np.float32)


def _apart(grey: MatLike, part: _Part) -> Plane:
    """How much lighter each place is than what is around it."""
    small = np.asarray(cv2.resize(grey, part.size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.subtract(grey, _large(_around(small, part), part), dtype=cv2.CV_32F), np.float32)


def _plain(part: _Part, eye: tuple[float, float, float], above: float = 0.0) -> Plane:
    """0 at eyes and mouth, 1 elsewhere."""
    (x, y), (right, left, _, *corners) = part.face.middle, part.face.marks / part.face.width
    x, y = x / part.face.width, y / part.face.width
    across, down, soft = _MOUTH
    wide = max(float(abs(corners[0][0] - corners[1][0])) / 2, _NARROW) + across
    mouth = (corners[0] + corners[1]) / 2 - (x, y)
    plain = 1 - _oval(part, (wide, down, soft), mouth)
    for one in (right, left):
        plain *= 1 - _oval(part, eye, one - (x, y + above))
    return plain


def _skin(part: _Part) -> Plane:
    """1 on the skin of a face, 0 at eyes, brows, nostrils and mouth, and outside."""
    nose = (part.face.marks[2] - part.face.middle) / part.face.width + (0.0, _UNDER)
    return _oval(part, _AND_CHEEKS) * _plain(part, _BROWS, _OVER) * (1 - _oval(part, _NOSTRILS, nose))


@lru_cache(maxsize=8)
def _lines(long: int) -> tuple[NDArray[np.uint8], ...]:
    """Lines of so many pixels along four directions."""
    slant = np.eye(long, dtype=np.uint8)
    return np.ones((1, long), np.uint8), np.ones((long, 1), np.uint8), slant, np.ascontiguousarray(slant[::-1])


def _oval(
    part: _Part, shape: tuple[float, float, float], apart: Sequence[float] | NDArray[np.float64] = (0.0, 0.0)
) -> Plane:
    """1 within an ellipse so far `apart` from the middle of a face, 0 outside; in widths of the face."""
    across, down, soft = shape
    (x, y), width = part.face.middle, part.face.width
    to_right = ((np.arange(part.size[0], dtype=np.float32) - x) / width - apart[0]) / across
    to_below = ((np.arange(part.size[1], dtype=np.float32) - y) / width - apart[1]) / down
    away = np.sqrt(np.square(to_right) + np.square(to_below)[:, None])
    inside = ((1 + soft - away) / (2 * soft)).clip(0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)
