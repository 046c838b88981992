"""Clarity: weak shapes brought out, so that what is drawn of a pale face is a face; what is but texture, less."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.effects.translation.features import Features
from gancam.frame import Image
from gancam.vision.fit import shrunk
from gancam.vision.planes import Planes

Floats = NDArray[np.float32]
Outlined = Literal["nothing", "white", "pale"]

_REACH, _WIDE = (
    12 / 640,
    16 / 9,
)  # of the longer side, at most so many times the shorter: how far around it a pixel is compared
_EDGE = 16.0  # grey levels: what differs by more is an edge, and stays as it is
_WANTED = 15.0  # grey levels by which shapes shall differ
_MOST = 2.7  # times at most what they do
_STRONG = np.float32(10.0)  # levels at which a single pixel counts at most: hair beside a face says nothing of it
_NOISE, _SHAPE = 2.0, 5.5  # levels up to which there is but noise, and from which on a shape

_FINE, _AROUND = 3, 2  # how many times smaller than the reach what is fine is, and larger what is full of it
_GRAIN = np.float32(12.0)  # levels of what is fine, at most: an edge is no texture
_TEXTURE = 7.0, 9.0  # mean levels of what is fine from which on a place is texture, and in full
_LESS = 0.6  # of what is fine, how much texture loses
_ROUGH, _LESS_ROUGH = (5.5, 8.5), 0.75  # both where what is but a little rough is to be even
_OVAL = 0.6, 0.75  # half of how wide and tall a face with its brows and beard is, in widths of it

_PALE = 150.0, 200.0  # levels from which on a place is as good as paper, and in full
_WHITE = 165.0, 200.0  # the same, of the darkest of its three colours
_STEP = 2.0, 6.5  # levels by which the darker side of an edge is below its surroundings: from here on, and in full
_ALONG, _FLAT = (0.3, 0.6), 64.0  # shares of slopes in one direction that make a line; squared slopes that are none
_FAR, _MANY = 3, (3.0, 6.0)  # how many times as far it is looked for other lines; their mean that are some, and many
_LINE, _SOFT = 40.0, 20.0  # by how many it becomes darker, for a clear edge, and for one out of focus


def with_clarity(
    image: Image, amount: float = 1.0, planes: Planes | None = None, *, outlined: Outlined = "nothing",
    even: bool = False, faces: Sequence[Features] = (),
) -> Image:  # fmt: skip
    """Raise the contrast of what differs little from its surroundings; edges, flat places and noise stay as they are.

    What differs is told by a guided filter of the picture by itself (fast guided filter,
    https://arxiv.org/abs/1505.00996). What is full of fine detail, such as gravel, loses some: it would be a scribble.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        amount: 0: nothing; 1: so that faces can be read in a drawing.
        planes: Where it works; None: in new arrays.
        outlined: What gets an outline on its darker side before something pale, as it would be paper: all that is
            pale, or what is white or grey, so that a light face keeps its shades.
        even: Whether what is a little rough, such as plaster, is texture too.
        faces: Where it is not.
    """
    planes, (height, width) = planes or Planes(), image.shape[:2]
    if amount == 0.0:
        return image
    grey, size = planes("clarity grey", (height, width), np.uint8), shrunk((width, height), 2.0)
    cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=grey)
    radius = max(round(_REACH * min(max(size), _WIDE * min(size))), 1)
    work = _Work(planes, (size[1], size[0]))
    small = work("small")
    np.copyto(small, cv2.resize(grey, size, interpolation=cv2.INTER_AREA))  # of four pixels there is half the noise
    mean, differs, times = work.around(small, radius, "mean"), work("differs"), work("times")
    cv2.multiply(small, small, dst=differs)
    varies = work.around(differs, radius, "varies")
    np.subtract(varies, np.multiply(mean, mean, out=differs), out=varies)
    slope = np.divide(varies, np.add(varies, np.float32(_EDGE * _EDGE), out=differs), out=varies)
    np.subtract(mean, np.multiply(slope, mean, out=times), out=times)
    base = work.around(times, radius, "base")
    np.multiply(work.around(slope, radius, "slope"), small, out=differs)
    np.subtract(np.subtract(small, differs, out=differs), base, out=differs)
    weak = np.clip(differs, -_STRONG, _STRONG, out=times)
    shape = work.around(np.multiply(weak, weak, out=times), radius, "shape")
    cv2.sqrt(np.maximum(shape, 0, out=shape), dst=shape)  # of sums that are rounded
    np.divide(np.float32(_WANTED), np.maximum(shape, np.float32(1), out=times), out=times)
    np.subtract(np.clip(times, 1, np.float32(_MOST), out=times), np.float32(1), out=times)
    times *= _ramp(shape, (_NOISE, _SHAPE))
    near = work.around(small, max(round(radius / _FINE), 1), "near")
    fine = np.clip(np.subtract(small, near, out=work("fine")), -_GRAIN, _GRAIN, out=work("fine"))
    rest = _texture(fine, radius, faces if even else None, work("rest"))
    times *= rest
    times *= cv2.GaussianBlur(differs, (3, 3), 0, dst=work("base"))  # pores and noise stay as they are
    times *= np.float32(amount)
    fine *= np.subtract(1, rest, out=shape)
    cv2.scaleAdd(fine, -(_LESS_ROUGH if even else _LESS) * min(amount, 1.0), times, dst=times)
    if outlined != "nothing":
        line = _outlines(small, near, mean, radius, work)
        line *= _paper(image, radius, work("pale")) if outlined == "white" else _ramp(mean, _PALE)
        line *= rest
        line *= (_ramp(work.around(line, _FAR * radius, "near"), _MANY) - 1) * np.float32(min(amount, 1.0))
        np.minimum(times, line, out=times, where=line < 0)
    more = planes("clarity", (height, width), np.int16)
    cv2.resize(np.rint(times, out=times).astype(np.int16), (width, height), dst=more)
    mores = cv2.merge([more] * 3, dst=planes("clarities", image.shape, np.int16))
    return np.asarray(cv2.add(image, mores, dst=planes("clear", image.shape, np.uint8), dtype=cv2.CV_8U), np.uint8)


@dataclass(frozen=True)
class _Work:
    """Where it works: floats of one shape, kept from frame to frame, as new memory takes longer than the work."""

    planes: Planes
    shape: tuple[int, int]

    def __call__(self, name: str) -> Floats:
        return self.planes(f"clarity {name}", self.shape, np.float32)

    def around(self, values: MatLike, radius: int, name: str) -> Floats:
        """Give the mean of what is within `radius` of each place."""
        return np.asarray(cv2.boxFilter(values, -1, (2 * radius + 1,) * 2, dst=self(name)), np.float32)


def _texture(fine: Floats, radius: int, faces: Sequence[Features] | None, out: Floats) -> Floats:
    """Write how little each place is full of what is fine, which reaches `_AROUND` times as far as a shape: 0 to 1.

    If there are `faces`, of what is twice as large, what is a little rough counts but on these.
    """
    size = shrunk((fine.shape[1], fine.shape[0]), 2.0)
    least = cv2.resize(np.abs(fine, out=out), size, interpolation=cv2.INTER_AREA)
    side = (2 * max(_AROUND * radius // 2, 1) + 1,) * 2
    full = np.asarray(cv2.blur(cv2.blur(least, side), side), np.float32)
    texture = _ramp(full, _TEXTURE) if faces is None else _rough(full, faces, size[0] / fine.shape[1] / 2)
    return np.asarray(cv2.resize(1 - texture, (fine.shape[1], fine.shape[0]), dst=out), np.float32)


def _rough(full: Floats, faces: Sequence[Features], times: float) -> Floats:
    """How far each place is rough, 0 to 1, but on `faces` that are there, which are shown `times` as large."""
    rough = _ramp(full.copy(), _ROUGH)
    shown = [face for face in faces if face.seen > 0]
    if shown:
        ovals = np.zeros_like(full)
        for face in shown:
            middle = round(face.middle[0] * times), round(face.middle[1] * times)
            axes = round(_OVAL[0] * face.width * times), round(_OVAL[1] * face.width * times)
            cv2.ellipse(ovals, middle, axes, 0, 0, 360, (face.seen,), cv2.FILLED)
        own = _ramp(full, _TEXTURE)
        own *= np.float32(_LESS / _LESS_ROUGH)
        rough += cv2.blur(ovals, (5, 5)) * (own - rough)
    return rough


def _outlines(small: Floats, near: Floats, mean: Floats, radius: int, work: _Work) -> Floats:
    """By how many levels the darker side of pale edges is to be darker: of lines, as a knit's dots have no outline.

    Args:
        small: A picture in grey.
        near: The mean of what is next to each place.
        mean: That of what is within `radius`.
        radius: In pixels.
        work: Where it works.
    """
    full = small.shape[1], small.shape[0]
    soft = work.around(near, max(round(radius / _FINE), 1), "soft")
    clear = cv2.GaussianBlur(small, (3, 3), 0, dst=work("line"))
    line = _ramp(np.subtract(soft, clear, out=work("line")), _STEP)
    line *= np.float32(_LINE)
    vague = _ramp(np.subtract(mean, soft, out=soft), _STEP)
    vague *= np.float32(_SOFT)
    np.maximum(line, vague, out=line)
    least = cv2.resize(small, shrunk(full, 2.0), interpolation=cv2.INTER_AREA)
    across, down = (cv2.Sobel(least, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    side = (2 * max(radius // 2, 1) + 1,) * 2
    pairs = (across, across), (down, down), (across, down)
    xx, yy, xy = (cv2.blur(cv2.multiply(*pair), side) for pair in pairs)
    along = cv2.magnitude(xx - yy, 2 * xy) / (xx + yy + np.float32(_FLAT))
    line *= cv2.resize(_ramp(np.asarray(along, np.float32), _ALONG), full, dst=soft)
    return line


def _paper(image: Image, radius: int, out: Floats) -> Floats:
    """Write how far each place is bright in all its colours: 0 to 1."""
    size = shrunk((out.shape[1], out.shape[0]), 2.0)
    blue, green, red = cv2.split(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))  # a mean follows
    darkest = cv2.blur(cv2.min(cv2.min(blue, green), red), (2 * max(radius // 2, 1) + 1,) * 2)
    white = _ramp(np.asarray(darkest, np.float32), _WHITE)
    return np.asarray(cv2.resize(white, (out.shape[1], out.shape[0]), dst=out), np.float32)


def _ramp(values: Floats, ends: tuple[float, float]) -> Floats:
    """Make of `values` themselves how far they are between both ends: 0 to 1."""
    values -= np.float32(ends[0])
    values *= np.float32(1 / (ends[1] - ends[0]))
    return np.clip(values, 0, 1, out=values)
