"""The picture under a half transparent overlay, got back by taking the overlay off instead of inventing it.

Where an overlay of opacity ``a`` and colour ``C`` lies over a scene ``J``, ``I = (1 - a) J + a C``. Over time, ``I``
follows what lies around the overlay ``1 - a`` times as much as it would without one; how much that is, is told by
places beside it, where nothing lies over the scene (after Dekel et al., On the Effectiveness of Visible Watermarks,
2017, who take overlays off many photos). A single pixel tells little: opacity is taken to be a linear function, around
each pixel, of how far the overlay lifts or lowers the mean picture (after He et al., Guided image filtering, 2010).
"""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import Floats, floats
from gancam.frame import Frame, Image
from gancam.masks import Mask
from gancam.vision.planes import disc
from gancam.vision.push_pull import with_colours_spread

LOOKS = 24, 120  # frames that are looked at: at least, and about at most
PAUSE = 0.12  # seconds between them, at least
_AROUND = 1 / 60  # of the frame's shorter side: how far beyond what was found it may reach
_PAD = 8  # pixels around an overlay that it is compared with
_LARGEST = 0.1  # of the frame: what is larger is no overlay
_SEEN = 0.06  # opacity from which on an overlay is seen
_OPAQUE = 0.85  # opacity from which on nothing of the scene is left
_NOISE = 2.5  # grey levels by which a pixel of a compressed video is wrong
_BETTER = 0.8  # times as much of an overlay shows as before, at most; else its opacity was not found
_SCALES = np.linspace(0.7, 1.4, 15)  # of the opacity, that are tried
_SMALL = 8000  # pixels of a window around an overlay up to which the scale is found at its full size
_GREY = np.float32(128)  # what is taken off before sums are made, so that they stay exact
_NEAR = 9  # pixels a side of the parts in which two pictures are compared


class Veil(NamedTuple):
    """An overlay that can be taken off."""

    mask: Mask  # 1 where it is, ``(H, W)``
    rows: slice
    columns: slice
    share: Floats  # of the scene that is left, 1 minus opacity, ``(h, w, 1)``
    added: Floats  # opacity times colour, ``(h, w, 3)``
    doubt: Floats  # by how many grey levels the scene is wrong, squared, ``(h, w)``; infinite where nothing is left

    def lift(self, result: Image, image: Image, hidden: Mask) -> None:
        """Bring what is `hidden` in `result` as near to the scene under the overlay as that is known, in place.

        Args:
            result: the frame, filled, uint8 ``(H, W, 3)``.
            image: the frame as it came.
            hidden: 1 where it was filled, ``(H, W)``.
        """
        place = self.rows, self.columns
        filled, inside = floats(result[place]), hidden[place] > 0
        scene = ((floats(image[place]) - self.added) / self.share).clip(0, 255)
        apart = np.where(inside, np.square(scene - filled).mean(2), 0)
        near = (_NEAR, _NEAR)
        apart = cv2.blur(floats(apart), near) / np.maximum(cv2.blur(floats(inside), near), 1e-3)
        sure = (1 - self.doubt / np.maximum(apart, 1e-3)).clip(0, 1) * inside
        result[place] = np.round(filled + sure[..., None] * (scene - filled))


class _Sums(NamedTuple):
    """What looks at a place tell: means of the picture and of what its surroundings say, and how both vary."""

    picture: Floats
    around: Floats
    both: Floats
    alone: Floats
    power: Floats


def veils(found: Mask, frames: Iterable[Frame]) -> list[Veil]:
    """Find which of the overlays in a clip can be taken off.

    Args:
        found: 1 where they are, ``(H, W)``.
        frames: those of the clip.
    """
    height, width = found.shape
    found = np.asarray(cv2.dilate(found, disc(max(round(min(found.shape) * _AROUND), 3))), np.uint8)
    joined = cv2.dilate(found, disc(2 * _PAD))
    count, labels = cv2.connectedComponents(np.asarray(joined, np.uint8), connectivity=8)
    masks: list[tuple[int, int, Mask]] = []
    for label in range(1, count):
        x, y, wide, tall = cv2.boundingRect(np.asarray((labels == label) & (found > 0), np.uint8))
        left, top, right, bottom = max(x - _PAD, 0), max(y - _PAD, 0), x + wide + _PAD, y + tall + _PAD
        if wide * tall <= _LARGEST * height * width:
            masks.append((left, top, np.where(labels == label, found, np.uint8(0))[top:bottom, left:right]))
    if not masks:
        return []
    looks = [_Looks(left, top, mask, found.shape) for left, top, mask in masks]
    pause, last, kept = PAUSE, -np.inf, 0
    for frame in frames:
        if frame.time < last + pause or frame.image.shape[:2] != found.shape:
            continue
        last, kept = frame.time, kept + 1
        for one in looks:
            one.add(frame.image)
        if kept > LOOKS[1] * 3 // 2:  # of a long clip, ever fewer
            for one in looks:
                one.thin()
            pause, kept = 2 * pause, kept // 2
    return [veil for veil in map(_veil, looks) if veil is not None]


class _Looks:
    """What looks at an overlay, and at places beside it, tell: sums, so that memory does not grow with their number.

    Args:
        left: Of the window around the overlay, in pixels.
        top: Likewise.
        mask: 1 where the overlay is, in that window.
        frame: The shape of frames.
    """

    def __init__(self, left: int, top: int, mask: Mask, frame: tuple[int, ...]) -> None:
        self.left, self.top, self.mask, self.frame, self.count = left, top, mask, frame, 0
        self._places = _places(left, top, mask.shape, frame)
        seen = np.where(mask > 0, np.uint8(0), np.uint8(255))
        self._sums = [_Running(seen) for _ in self._places]
        small = mask.size <= _SMALL
        self.size = mask.shape[::-1] if small else (-(-mask.shape[1] // 2), -(-mask.shape[0] // 2))
        self.grey: list[NDArray[np.uint16]] = []  # of each look at the overlay: all channels added up

    def add(self, image: Image) -> None:
        """Take in another frame."""
        self.count += 1
        for sums, place in zip(self._sums, self._places, strict=True):
            sums.add(image[place])
        whole = image[self._places[0]].sum(2, dtype=np.uint16)
        self.grey.append(np.asarray(cv2.resize(whole, self.size, interpolation=cv2.INTER_AREA), np.uint16))

    def thin(self) -> None:
        """Let the frames so far count half: from now on there will be half as many."""
        self.grey = self.grey[::2]
        for sums in self._sums:
            sums.halve()

    def sums(self) -> list[_Sums]:
        """What they tell of the overlay, and of each place beside it."""
        return [sums.told() for sums in self._sums]


class _Running:
    """Sums of looks at one place, from which ``_Sums`` are reckoned."""

    def __init__(self, seen: Mask) -> None:
        self._seen, self._count = seen, 0.0
        self._picture, self._around = (np.zeros((*seen.shape, 3), np.float32) for _ in range(2))
        self._both, self._alone, self._power = (np.zeros(seen.shape, np.float32) for _ in range(3))

    def add(self, look: Image) -> None:
        picture, around = (floats(one) - _GREY for one in (look, with_colours_spread(look, self._seen)))
        self._count += 1
        self._picture += picture
        self._around += around
        self._both += _dot(picture, around)
        self._alone += _dot(around, around)
        self._power += _dot(picture, picture)

    def halve(self) -> None:
        self._count /= 2
        for sums in (self._picture, self._around, self._both, self._alone, self._power):
            sums *= np.float32(0.5)

    def told(self) -> _Sums:
        picture, around = (floats(sums / np.float32(self._count)) for sums in (self._picture, self._around))
        products = (
            floats(np.maximum((sums / np.float32(self._count) - _dot(one, other)) / 3, least))
            for sums, one, other, least in (
                (self._both, picture, around, -np.inf), (self._alone, around, around, 0.0),
                (self._power, picture, picture, 0.0),
            )
        )  # fmt: skip
        return _Sums(floats(picture + _GREY), floats(around + _GREY), *products)


def _dot(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("hwc,hwc->hw", one, other), np.float32)


def _places(left: int, top: int, shape: tuple[int, ...], frame: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """The window itself, and windows of its size beside it that are whole."""
    (tall, wide), found = shape, []
    for across, down in ((0, 0), (wide, 0), (-wide, 0), (0, tall), (0, -tall)):
        x, y = left + across, top + down
        if x >= 0 and y >= 0 and x + wide <= frame[1] and y + tall <= frame[0]:
            found.append((slice(y, y + tall), slice(x, x + wide)))
    return found


def _veil(looks: _Looks) -> Veil | None:
    """The overlay of these looks; None where it cannot be taken off."""
    mine, *others = looks.sums()
    mask, left, top = looks.mask, looks.left, looks.top
    if looks.count < LOOKS[0] or not others:
        return None
    both, alone, power = (_soft(floats(np.mean(values, 0)), 3.0) for values in zip(
        *((one.both, one.alone, one.power) for one in others), strict=True))  # fmt: skip
    stray = _soft(floats(np.mean([np.square(one.picture - one.around).mean(2) for one in others], 0)), 6.0)
    told = (both * both / np.maximum(alone * power, 1e-3)).clip(0, 1)
    alike = (both / np.maximum(alone, 1e-3)).clip(0.2, 1.5)
    raw = 1 - mine.both / np.maximum(mine.alone, 1e-3) / alike
    lifted = floats((mine.picture - mine.around) * mask[..., None])
    weight = np.square(told) / np.maximum(1 - told, 0.03) * np.minimum(mine.alone / 100, 4)
    opacity = _guided(floats(raw * mask), floats(np.where(mask > 0, weight, 2)), floats(lifted / 64), mask)
    uncovered = (np.square(lifted).mean(2) < 4 * stray) & (opacity < 0.1)
    opacity[uncovered] = 0
    scale = _scale(opacity, mine, looks)
    if scale is None:
        return None
    opacity = floats((opacity * scale).clip(0, _OPAQUE + 0.1))
    added = mine.picture - (1 - opacity)[..., None] * mine.around
    added[uncovered] = 0
    doubt = np.square(_NOISE / (1 - opacity)) + np.where(uncovered, 0, stray)
    doubt[opacity > _OPAQUE] = np.inf
    rows, columns = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
    whole = np.zeros(looks.frame[:2], np.uint8)
    whole[rows, columns] = cv2.dilate(np.asarray((opacity > _SEEN) & ~uncovered, np.uint8), disc(1))
    whole[rows, columns] &= mask
    return Veil(whole, rows, columns, floats(1 - opacity)[..., None], floats(added), floats(doubt))


def _guided(values: Floats, weight: Floats, guide: Floats, mask: Mask) -> Floats:
    """Values, known by weight, made a linear function of `guide` around each pixel, 0 to 1 within `mask`, else 0."""
    spread = min(max(float(np.sqrt(mask.sum())) / 4, 4.0), 30.0)
    weight = floats(weight * (np.asarray(cv2.dilate(mask, disc(4))) > 0))
    terms = np.dstack([guide, np.ones_like(values)])
    count = terms.shape[2]
    left = np.zeros((*values.shape, count, count), np.float32)
    right = np.stack([_soft(floats(weight * terms[..., i] * values), spread) for i in range(count)], 2)
    for i in range(count):
        for j in range(i, count):
            left[..., i, j] = left[..., j, i] = _soft(floats(weight * terms[..., i] * terms[..., j]), spread)
    ridge = _soft(floats(weight), spread)[..., None, None] * np.diag([0.01] * (count - 1) + [1e-4])
    solved = np.linalg.solve(left + ridge + 1e-9 * np.eye(count), right[..., None].astype(np.float64))[..., 0]
    plane = np.stack([_soft(floats(solved[..., i]), spread / 2) for i in range(count)], 2)
    return floats((plane * terms).sum(2).clip(0, 1) * mask)


def _scale(opacity: Floats, sums: _Sums, looks: _Looks) -> float | None:
    """By how much to multiply the opacity so that least of the overlay shows when what is behind it changes.

    None where as much of it shows as if it had not been taken off.
    """
    opacity, mean, around = (
        floats(cv2.resize(one, looks.size, interpolation=cv2.INTER_AREA))
        for one in (opacity, floats(sums.picture.mean(2)), floats(sums.around.mean(2)))
    )
    template = _slopes(opacity)
    power = float(np.square(template).sum())
    if power < 1e-3:
        return None
    # How much of the template is in a picture's slopes is a sum over that picture's pixels: with these weights.
    weights = _slopes_back(template) / np.float32(power)
    scales = [*_SCALES.tolist(), 0.0]
    shares = [1 - (scale * opacity).clip(0, _OPAQUE + 0.1) for scale in scales]
    each = np.stack([(weights / share).reshape(-1) for share in shares]).astype(np.float64)
    always = float((weights * around).sum(dtype=np.float64))
    seen = [always + each @ (one / 3.0 - mean).reshape(-1) for one in looks.grey]
    left = np.sqrt(np.mean(np.square(seen), 0)).tolist()
    least = int(np.argmin(left[:-1]))
    return float(scales[least]) if left[least] < _BETTER * left[-1] else None


def _slopes(values: Floats) -> Floats:
    return floats(np.stack([cv2.Sobel(values, cv2.CV_32F, axis, 1 - axis, ksize=3, scale=1 / 8) for axis in (1, 0)]))


def _slopes_back(slopes: Floats) -> Floats:
    """The weights of pixels for which the sum over a picture is that of its slopes times these `slopes`."""
    kernels = (cv2.getDerivKernels(axis, 1 - axis, 3) for axis in (1, 0))
    wide = np.zeros((slopes.shape[1] + 2, slopes.shape[2] + 2), np.float32)
    for one, (across, down) in zip(slopes, kernels, strict=True):
        padded = cv2.copyMakeBorder(one, 2, 2, 2, 2, cv2.BORDER_CONSTANT)
        wide += cv2.sepFilter2D(padded, cv2.CV_32F, across[::-1] / 8, down[::-1])[1:-1, 1:-1]
    for rim in (wide, wide.T):  # Sobel's operator mirrors the picture at its edges
        rim[2] += rim[0]
        rim[-3] += rim[-1]
    return floats(wide[1:-1, 1:-1])


def _soft(values: Floats, spread: float) -> Floats:
    return floats(cv2.GaussianBlur(values, (0, 0), spread))
