"""Plain surfaces: what a network draws into a sky, a wall or a blurred background that has no shape there."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import halved, shrunk
from gancam.vision.planes import Planes, ramp

Plane = NDArray[np.float32]  # (h, w), or (h, w, 3)

_SMALL, _SMALLER = 4.0, 2.0  # times smaller is a picture that tells of places, and than that one that tells of surfaces
_SHADE, _SHAPE = 7.0, 18.0  # grey levels over which `_NEAR` ranges up to which a place is plain, and from which on not
_NEAR, _REACH = 3, 25  # sides of windows, in pixels of those: of a place, and of the surface around it
_MUCH = 0.3, 0.7  # shares of plain places around one from which on it counts, and in full
_AROUND = 11  # the side of the window of those
_BRIGHT, _CALM = (180.0, 225.0), 0.55  # levels of a wall from which a pattern on it is taken back, and how far at most
_SOME = 0.05  # of a place: if none counts more, there is nothing to be evened
_AVERAGED, _CLOSE = 3.0, 20.0  # pixels, and levels, by which places are apart that one tone is taken of (deviations)
_NEIGHBOURS = 7  # the side of the window of those
_GRAIN = 0.15  # of noise that is left
_DITHER = np.array([[-0.375, 0.125], [0.375, -0.125]], np.float32)  # levels, so that those of 8 bits are no bands
_LEAST = 6.0  # levels: a deviation of what is seen that a drawing need not follow
_LEVEL = 40.0  # levels by which the tones are apart at which a drawing is compared with what is seen
_OTHER = 16.0  # levels by which colours of those vary where they are of several surfaces, that tell a quarter as much
_FEWEST = 0.0005, 0.006  # share of a picture that plain places of a level are, to be compared, and in full
_FEW = 0.02, 0.08  # shares of places around that are plain and as light, from which on they say something, and in full
_RIM = 8.0  # levels by which the light side of an edge may be lighter than its surface is elsewhere
_LEFT = 4.0  # levels by which a surface may be uneven
_TINTED, _WALLS = (16.0, 36.0), 0.02  # levels between channels from which on a surface is no grey wall; share of those
_GLOW, _OVER = (190.0, 215.0), 5.0  # levels from which on what glows may be lighter by so many, that it is no paper
_PALE, _BLANK = (145.0, 175.0), (240.0, 246.0)  # levels of what is seen, and of a drawing in black, that are paper
_WASH, _LIGHT = 8.0, (70.0, 110.0)  # and more in paint on paper, in full from the second of those levels on


def without_noise(seen: Image, planes: Planes | None = None) -> Image:
    """Take noise off a picture where it is plain, so that a network's tones end in clean lines there.

    Where light grows softly over a wall a comic steps from one tone to the next, which noise would fray. There each
    place gets the mean of what is as light around it (a bilateral filter); all that has a shape stays.

    Args:
        seen: uint8 ``(H, W, 3)`` BGR; it is left as it is.
        planes: Where it works, and what it gives, until that is used again; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), seen.shape[:2]
    there = halved(seen, shrunk((width, height), _SMALL))
    share = _surfaces(there)[1]
    if share.max() < _SOME:
        return seen
    least = cv2.resize(there, shrunk((there.shape[1], there.shape[0]), _SMALLER), interpolation=cv2.INTER_AREA)
    even = cv2.bilateralFilter(least.astype(np.float32), _NEIGHBOURS, _CLOSE, _AVERAGED)
    tone = np.asarray(cv2.resize(even, (there.shape[1], there.shape[0])), np.float32)
    tone += np.tile(_DITHER, (-(-len(tone) // 2), -(-tone.shape[1] // 2)))[: len(tone), : tone.shape[1], None]
    levels = cv2.convertScaleAbs(tone)
    shares, full = cv2.convertScaleAbs(_mean(share, _NEAR), alpha=255 * (1 - _GRAIN)), (width, height)
    made, rest, level = (planes(name, seen.shape, np.uint8) for name in ("calm", "calm rest", "calm shares"))
    cv2.merge([cv2.resize(shares, full, dst=planes("calm one", (height, width), np.uint8))] * 3, dst=level)
    cv2.multiply(cv2.resize(levels, full, dst=made), level, dst=made, scale=1 / 255)
    cv2.multiply(seen, cv2.bitwise_not(level, dst=level), dst=rest, scale=1 / 255)
    return np.asarray(cv2.add(made, rest, dst=made), np.uint8)


def evened(
    drawn: Image, seen: Image, *, grey: bool = False, paper: bool = False, planes: Planes | None = None
) -> Image:
    """Take clouds, spots and rims off a drawing, itself, where what was seen is plain: flat, or softly shaded.

    There each channel of the drawing follows that of what was seen, in the way in which it does so on plain places
    around (a guided filter, https://arxiv.org/abs/1505.00996), but for `_LEFT` levels. What is finer than hatching
    stays as it is, and so does all that has a shape.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`.
        seen: The same size.
        grey: Whether it is drawn without colours.
        paper: Whether it is painted in washes on paper, which are uneven where they are light.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), seen.shape[:2]
    size = shrunk((width, height), _SMALL)
    there = halved(seen, size)
    plain, share = _surfaces(there)
    if share.max() < _SOME:
        return drawn
    made = halved(drawn, size)
    if grey:
        there, made = (np.asarray(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), np.uint8) for one in (there, made))
    channels = 1 if grey else 3
    apart, near = (planes(name, made.shape, np.float32) for name in ("apart", "near"))
    one, rim = _follow(made, there, plain, near, planes)
    cv2.subtract(made, near, dst=apart, dtype=cv2.CV_32F)
    if grey:
        cv2.blur(apart, (_NEAR, _NEAR), dst=apart)  # hatching is no unevenness
    left = np.float32(_LEFT) + np.float32(_WASH) * ramp(there, *_LIGHT) if paper else np.float32(_LEFT)
    apart -= np.clip(apart, -left, left, out=near)
    if not (paper or grey):
        one = _unclipped(apart, made, there, one)
    if grey:
        apart -= np.maximum(apart, 0) * ramp(there, *_PALE)
        apart *= 1 - ramp(made, *_BLANK)
    if paper:
        one = _as_walls(apart, made, there, share, one)
    cv2.merge([_mean(share * one, _NEAR)] * channels, dst=near)
    cv2.multiply(apart, near, dst=apart)
    if not (paper or grey):
        rims = cv2.merge([cv2.resize(rim, size)] * 3)
        np.maximum(apart, rims, out=apart, where=rims > 0)
    uneven = np.rint(apart).astype(np.int16)
    return _less(drawn, np.asarray(uneven, np.int16), planes)


def _less(drawn: Image, uneven: NDArray[np.int16], planes: Planes) -> Image:
    """Take what is `uneven`, ``(h, w)`` or ``(h, w, 3)``, off a drawing that is larger, itself."""
    (height, width), small = drawn.shape[:2], len(uneven)
    rows = np.flatnonzero(uneven.reshape(small, -1).any(1))
    if not len(rows):
        return drawn
    part, (times, rest) = drawn, divmod(height, small)
    if not rest:  # what is even is not written
        uneven = uneven[max(rows[0] - 1, 0) : rows[-1] + 2]
        part = drawn[max(rows[0] - 1, 0) * times :][: len(uneven) * times]
    shape = (height, width) if uneven.ndim == 2 else drawn.shape
    large = np.asarray(
        cv2.resize(uneven, (width, len(part)), dst=planes("uneven", shape, np.int16)[: len(part)]), np.int16
    )
    if large.ndim == 2:
        large = np.asarray(
            cv2.merge([large] * 3, dst=planes("all uneven", drawn.shape, np.int16)[: len(part)]), np.int16
        )
    cv2.subtract(part, large, dst=part, dtype=cv2.CV_8U)
    return drawn


def softened(drawn: Image, seen: Image, planes: Planes | None = None) -> Image:
    """Take a pattern back where what was seen is plain and bright: leads and dabs are heaviest on white walls.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`.
        seen: The same size.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), seen.shape[:2]
    there = halved(seen, shrunk((width, height), _SMALL))
    bright = ramp(cv2.cvtColor(there, cv2.COLOR_BGR2GRAY), *_BRIGHT)
    if bright.max() < _SOME:
        return drawn
    less = np.float32(_CALM) * _mean(_surfaces(there)[1] * bright, _NEAR)
    if less.max() < _SOME:
        return drawn
    calm, lively = (planes(name, (height, width), np.float32) for name in ("calm share", "lively share"))
    cv2.resize(less, (width, height), dst=calm)
    cv2.subtract(1.0, calm, dst=lively)  # type: ignore[call-overload]
    return np.asarray(cv2.blendLinear(seen, drawn, calm, lively, dst=drawn), np.uint8)


def _surfaces(seen: MatLike) -> tuple[Plane, Plane]:
    """How plain each place is, and how far it is of a plain surface, ``(h, w)``."""
    plain = _plain(seen)
    return plain, np.asarray(plain * ramp(_mean(plain, _AROUND), *_MUCH), np.float32)


def _plain(seen: MatLike) -> Plane:
    """How plain each place is, ``(h, w)``: 0 where there is a shape, 1 where there is none."""
    window = np.ones((_NEAR, _NEAR), np.uint8)
    return 1 - ramp(_most(cv2.subtract(cv2.dilate(seen, window), cv2.erode(seen, window))), _SHADE, _SHAPE)


def _follow(made: MatLike, seen: MatLike, plain: Plane, out: Plane, planes: Planes) -> tuple[Plane, Plane]:
    """Write what `made` would be if it were as much lighter than `seen` as it is where that is as light.

    Plain places around say so, each of about the same level (the bilateral grid, Chen et al.,
    https://doi.org/10.1145/1276377.1276506): what is drawn of a bird says nothing of the sky.

    Returns:
        How far there are such places, and of one colour, ``(h, w)``: skin says nothing of a wall as light; and by how
        many levels more than `_RIM` all of a place is lighter than that, as around a bird.
    """
    size = shrunk((seen.shape[1], seen.shape[0]), _SMALLER)
    here, there = (cv2.resize(one, size, interpolation=cv2.INTER_AREA).astype(np.float32) for one in (made, seen))
    weight = np.asarray(cv2.resize(plain, size, interpolation=cv2.INTER_AREA), np.float32)
    weight *= np.power(_mean(weight, _AROUND), 3)  # what is beside a shape is what may have a rim
    channels = seen.size // plain.size
    level: MatLike = there
    told = [*cv2.split(cv2.subtract(here, there))]
    if channels > 1:
        level = cv2.cvtColor(there, cv2.COLOR_BGR2GRAY)
        blue, red = (cv2.subtract(cv2.extractChannel(there, one), level) for one in (0, 2))
        told += [blue, red, blue * blue + red * red]
    sums = cv2.merge([weight, *(one * weight for one in told)])
    level = level * np.float32(1 / _LEVEL)
    found, (least, most, _, _) = np.zeros(sums.shape, np.float32), cv2.minMaxLoc(level)
    for place in range(int(least), int(most) + 2):
        alike = np.maximum(1 - np.abs(level - np.float32(place)), 0)
        many = float(ramp(np.vdot(alike, weight) / weight.size, *_FEWEST))  # softly: a video would blink
        if many > 0:
            each = cv2.merge([alike * np.float32(many)] * (1 + len(told)))
            cv2.add(found, cv2.multiply(_mean(cv2.multiply(sums, each), _REACH), each), dst=found)
    sure, *means = cv2.split(found)
    whole = 1 / np.maximum(sure, np.float32(1e-3))
    one = ramp(sure, *_FEW)
    if channels > 1:
        blue, red, both = (mean * whole for mean in means[3:])
        one /= np.square(1 + np.maximum(both - blue * blue - red * red, 0) * np.float32(1 / _OTHER**2))
    off = cv2.merge([mean * whole for mean in means[:channels]])
    full = seen.shape[1], seen.shape[0]
    cv2.add(cv2.resize(off, full, dst=planes("off", out.shape, np.float32)), seen, dst=out, dtype=cv2.CV_32F)
    over = -_most(there + off - here) - np.float32(_RIM)
    return np.asarray(cv2.resize(one, full), np.float32), np.maximum(over, 0) * one


def _unclipped(apart: Plane, made: MatLike, there: MatLike, one: Plane) -> Plane:
    """Write into `apart` what would be paper of what glows; give how far places are evened."""
    white = ramp(255 - _most(cv2.bitwise_not(there)), *_GLOW)
    over = cv2.subtract(made, there, dtype=cv2.CV_32F) - np.float32(_OVER)
    apart += cv2.merge([white] * 3) * np.maximum(over - apart, 0)
    return np.asarray(np.maximum(one, white), np.float32)


def _as_walls(apart: Plane, made: MatLike, there: MatLike, share: Plane, one: Plane) -> Plane:
    """Write into `apart` how far grey walls are off their one tone; give how far places are evened."""
    wall = share * (1 - ramp(_mean(_chroma(there), _NEAR), *_TINTED))
    if float(wall.mean()) <= _WALLS:
        return one
    apart += cv2.merge([wall] * 3) * (_off_tone(made, there, wall) - apart)
    return np.asarray(np.maximum(one, wall), np.float32)


def _chroma(values: MatLike) -> Plane:
    """How many levels the channels of each place are apart, ``(h, w)``."""
    return np.subtract(_most(values), 255 - _most(cv2.bitwise_not(values)), dtype=np.float32)


def _off_tone(made: MatLike, seen: MatLike, where: Plane) -> Plane:
    """How far `made` is from what it is, all over the picture, of what is as light as `seen` `where` that is a wall."""
    weight = (where / where.sum())[..., None]
    off, tone = made - (weight * made).sum((0, 1)), seen - (weight * seen).sum((0, 1))
    slope = (weight * tone * off).sum((0, 1)) / ((weight * tone * tone).sum((0, 1)) + np.float32(_LEAST))
    off -= slope * tone
    return np.asarray(off - np.clip(off, -_LEFT, _LEFT), np.float32)


def _most(values: MatLike) -> MatLike:
    """The most of what each place has in its channels, ``(h, w)``."""
    first, *others = cv2.split(values)
    for other in others:
        first = np.maximum(first, other)
    return first


def _mean(values: MatLike, side: int) -> Plane:
    return np.asarray(cv2.blur(values, (side, side)), np.float32)
