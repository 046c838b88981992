"""Tones: how dark black stays, the light or dark that a badly exposed frame lacks, and colours of what is dark."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.effects.translation.features import Features
from gancam.effects.translation.skin import add_oval, of_faces
from gancam.frame import Image
from gancam.vision.blend import composite
from gancam.vision.chroma import chroma_of
from gancam.vision.fit import halved, shrunk, within
from gancam.vision.planes import Planes, brightest, darkest, ramp

_SMALL = 320  # pixels of the longer side on which shade is looked for
_BLACK, _INK = 12.0, 4.0  # grey levels that are black, to which a drawing may add no more than those
_GAIN, _GAIN_AT_NIGHT = 2.5, 0.6  # of a grey level above black, what a drawing may add
_DAY, _NIGHT = 100.0, 75.0  # mean levels of a picture from which on it is not dark, and up to which it is night

_VEIL, _RANGE = 64.0, 40.0  # level that the darkest of a picture has at most, if its tones differ by so many or more
_ENDS = (
    0.05  # of the pixels, whose mean is the darkest and the lightest tone: a percentile would jump with what comes in
)
_THUMBNAIL = 160  # pixels of the longer side on which those are looked for

_GREY, _COLOURED, _FEW = 4.0, 12.0, 99.0  # levels between channels of a picture's few most colourful per cent
_DEEP, _MIDDLE = 25.0, 90.0  # levels up to which and from which on what is dark is clear and is not

_WITHIN, _SOFTLY = np.ones((5, 5), np.uint8), (3, 3)  # of half the size: what is around, and how softly that begins
_DIM = 70.0, 120.0  # levels up to which all around is dark, and from which on it is not
_LEAST = 0.85  # of what is seen there, as which a drawing is at least as light
_UNBLOTTED = np.rint(255 * _LEAST * np.clip((_DIM[1] - np.arange(256)) / (_DIM[1] - _DIM[0]), 0, 1)).astype(np.uint8)

_THIN = 0.25  # how far washes are too light: of a middle tone, half of that
_STRONGER = np.rint(np.arange(256) * (1 - _THIN * (1 - np.arange(256) / 255))).astype(np.uint8)

# of pens: levels between channels from which on a colour is darker than its luma, and how much the fullest is
_FULL, _DARKER = 32.0, 0.55
_BLACKER = np.rint(255 * (1 - _DARKER * np.clip((np.arange(256) - _FULL) / (255 - _FULL), 0, 1))).astype(np.uint8)
_FACE = 0.62, 0.85, 0.3  # half of how wide and how tall a face keeps its colours, in widths of it; how soft its edge is
_RED, _SHARPER = (0.9, 1.2), 12.0  # how much more red than green, over luma, a cloth has; how sharp that edge is on it

_LIT = 80.0  # mean level from which a picture is not dark
_LIFT, _MOST = 1.4, 4.0  # power of how much darker it is that is made up for, and how often the darkest is, at most
_GROUNDS = 4.0  # times smaller is the picture that tells of grounds
_OVER = 8.0  # levels by which a drawing of a pale ground may be lighter than that
_GROUND = 150.0, 185.0  # levels of the darkest channel up to which a place is no pale ground, and from which on it is
_STEP = 4  # pixels: every so many are looked at for it
_VIVID, _TINGE = 1.5, 0.1  # times and saturation more that something dark may have in a drawing


def without_veil(image: Image) -> Image:
    """Give an overexposed or hazy picture the dark tones that it lacks; itself where it has some, or is but plain.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
    """
    size = within((image.shape[1], image.shape[0]), _THUMBNAIL)
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
    pixels = np.bincount(small.reshape(-1), minlength=256)  # of each level
    few = max(round(_ENDS * small.size), 1)
    dark, light = _lowest(pixels, few), 255 - _lowest(pixels[::-1], few)
    veil = max(dark - _VEIL, 0.0) * min((light - dark) / _RANGE, 1.0)
    if veil < 1.0:
        return image
    table = np.clip(np.round((np.arange(256) - veil) * (255 / (255 - veil))), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


@dataclass(frozen=True)
class Exposure:
    """How much lighter a dark picture is shown to a network: tables of 256 levels, `up` and back `down`."""

    up: NDArray[np.uint8]
    down: NDArray[np.uint8]
    share: float  # 0: the picture is hardly dark; 1: as dark as any that is shown lighter

    @classmethod
    def of(cls, image: Image) -> "Exposure | None":
        """Tell what uint8 BGR `image` ``(H, W, 3)`` lacks; None where it is not dark.

        It follows the mean level alone, smoothly: nothing that comes in lets a video jump.
        """
        mean = max(float(image[::_STEP, ::_STEP].mean()), 1.0)
        gain = min((_LIT / mean) ** _LIFT, _MOST)
        if gain <= 1.0:
            return None
        level = np.arange(256) / 255.0
        up, down = level * gain / (1 + (gain - 1) * level), level / (gain - (gain - 1) * level)
        up, down = (np.round(255.0 * table).astype(np.uint8) for table in (up, down))
        return cls(up, down, (1 - 1 / gain) / (1 - 1 / _MOST))

    def applied(self, drawn: Image, image: Image, planes: Planes) -> Image:
        """Make a drawing of the lighter picture, itself, as dark as `image` is, and little more colourful than that.

        Colours that hardly show in the dark are strong ones once it is lit, and a drawing makes them stronger: dark
        skin would be orange.

        Args:
            drawn: uint8 ``(H, W, 3)`` BGR, what was made of the lighter picture.
            image: The same size.
            planes: Where it works.
        """
        cv2.LUT(drawn, self.down, dst=drawn)
        small, made = _small(image), _saturation(_small(drawn))
        most = np.float32(_VIVID) * cv2.blur(_saturation(small), (5, 5)) + np.float32(_TINGE)
        kept = np.minimum(most / np.maximum(made, np.float32(1e-3)), 1)
        lost = np.float32(self.share) * (1 - cv2.blur(kept, (5, 5)))
        if lost.max() < 0.01:
            return drawn
        level = planes("colour", drawn.shape[:2], np.uint8)
        cv2.resize(cv2.convertScaleAbs(lost, alpha=255), (drawn.shape[1], drawn.shape[0]), dst=level)
        shares = cv2.merge([level] * 3, dst=planes("colours", drawn.shape, np.uint8))
        less = chroma_of(drawn)
        cv2.multiply(less, shares, dst=less, scale=1 / 255, dtype=cv2.CV_16S)
        return np.asarray(cv2.subtract(drawn, less, dst=drawn, dtype=cv2.CV_8U), np.uint8)


def for_pen(image: Image, faces: Sequence[Features], planes: Planes | None = None) -> Image:
    """Give a picture in the grey of one who has ink alone: full colours are darker than their luma.

    Networks that hatch leave all blank that has a hue of skin, and so wood, fur and sand, and draw a white band along
    each shadow on a yellow wall, which passes through that hue. Faces, which are to stay light, keep their colours, and
    so does what is of their skin.

    Args:
        image: uint8 ``(H, W, 3)`` BGR; it is left as it is.
        faces: Of it.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), image.shape[:2]
    grey, colour = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.subtract(brightest(image), darkest(image))
    tone = cv2.multiply(grey, cv2.LUT(colour, _BLACKER), scale=1 / 255)
    made = np.asarray(cv2.merge([tone] * 3), np.uint8)
    shown = [face for face in faces if face.seen > 0]
    if not shown:
        return made
    size = shrunk((width, height), _GROUNDS)
    ovals = np.zeros(size[::-1], np.float32)
    for face in shown:
        add_oval(ovals, face, _FACE, face.seen, width / size[0])
    small = halved(image, size)
    redder = cv2.subtract(small[..., 2], small[..., 1]) / np.maximum(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 1)
    sharp = 1 + _SHARPER * ramp(redder, *_RED)  # half red, half grey has the hue of skin: a cloth had a blank blot
    ovals = np.maximum(np.clip((ovals - 0.5) * sharp + 0.5, 0, 1), of_faces(small, shown, width / size[0]))
    alpha = np.asarray(cv2.resize(cv2.convertScaleAbs(ovals, alpha=255), (width, height)), np.uint8)
    return composite(made, image, "normal", alpha, planes=planes)


def _small(image: Image) -> MatLike:
    size = within((image.shape[1], image.shape[0]), _SMALL)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _saturation(image: MatLike) -> NDArray[np.float32]:
    """0 of grey, 1 of a pure colour, ``(h, w)``."""
    blue, green, red = cv2.split(image)
    highest, lowest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    apart = cv2.subtract(highest, lowest)
    return np.asarray(cv2.divide(apart, cv2.max(highest, 1), dtype=cv2.CV_32F), np.float32)  # type: ignore[call-overload]


def _lowest(pixels: NDArray[np.intp], few: int) -> float:
    """The mean level of the `few` darkest, of which there are so many pixels of each level."""
    before = np.cumsum(pixels) - pixels
    return float(np.clip(few - before, 0, pixels) @ np.arange(len(pixels))) / few


def as_grey(drawn: Image, image: Image) -> Image:
    """Take the colours off a drawing, as far as the picture has none: of grey film, of an old photo.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `image`; it is changed.
        image: The same size.
    """
    few = image[:: 4 * _STEP, :: 4 * _STEP]
    apart = float(np.percentile(brightest(few) - darkest(few), _FEW))
    share = min((_COLOURED - apart) / (_COLOURED - _GREY), 1.0)
    if share <= 0.0:
        return drawn
    grey = cv2.cvtColor(cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(grey, share, drawn, 1 - share, 0, dst=drawn), np.uint8)


def clear_darks(drawn: Image, seen: Image, planes: Planes, share: float) -> Image:
    """Let what was `seen` through where it is dark, as through thin washes: hair, eyes and clothes keep their shapes.

    Networks fill them with one blue, lighter along their edges, or with black and green spots.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`; it is changed.
        seen: The same size.
        planes: Where it works.
        share: Of what was seen, in what is darkest.
    """
    table = 255 * share * np.clip((_MIDDLE - np.arange(256)) / (_MIDDLE - _DEEP), 0, 1)
    grey, (clear, shares) = (
        planes("clear grey", seen.shape[:2], np.uint8),
        (planes(name, seen.shape, np.uint8) for name in ("clear", "clear shares")),
    )
    cv2.cvtColor(cv2.medianBlur(seen, 3, dst=clear), cv2.COLOR_BGR2GRAY, dst=grey)
    cv2.LUT(grey, np.rint(table).astype(np.uint8), dst=grey)
    cv2.multiply(clear, cv2.merge([grey] * 3, dst=shares), scale=1 / 255, dst=clear)
    cv2.multiply(drawn, cv2.bitwise_not(shares, dst=shares), scale=1 / 255, dst=drawn)  # blendLinear is slower
    return np.asarray(cv2.add(drawn, clear, dst=drawn), np.uint8)


def without_blots(drawn: Image, seen: Image, planes: Planes) -> Image:
    """Keep a drawing, itself, from black where all around was seen to be dark: lines are outlines of nothing there.

    Short hair had black blots, a dark mouth was one.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`.
        seen: The same size.
        planes: Where it works.
    """
    size = shrunk((seen.shape[1], seen.shape[0]), _GROUNDS / 2)
    small = halved(seen, size)
    near = cv2.dilate(brightest(small), _WITHIN)  # a red coat before a hedge is not dark
    share = cv2.merge([cv2.blur(cv2.LUT(near, _UNBLOTTED), _SOFTLY)] * 3)
    least = cv2.multiply(small, share, scale=1 / 255)
    large = cv2.resize(least, (seen.shape[1], seen.shape[0]), dst=planes("least", seen.shape, np.uint8))
    return np.asarray(cv2.max(drawn, large, dst=drawn), np.uint8)


def strengthened(drawn: Image) -> Image:
    """Make washes, uint8 ``(H, W, 3)`` BGR, themselves stronger: networks thin all that is no line; paper stays."""
    return np.asarray(cv2.LUT(drawn, _STRONGER, dst=drawn), np.uint8)


def as_dark(drawn: Image, image: Image, planes: Planes | None = None, *, paper: bool = False) -> Image:
    """Darken a drawing, itself, where the picture is black, or almost: night and shadows are no grey paint.

    What it may add to the brightest of the picture thereabouts grows from `_INK` levels on. That leaves little of the
    blots that networks make of noise in the dark.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `image`.
        image: The same size.
        planes: Where it works; None: in new arrays.
        paper: Whether it is painted on paper, which makes day of night: a dark picture then is to stay nearly as dark.
    """
    planes, (height, width) = planes or Planes(), image.shape[:2]
    size = within((width, height), _SMALL)
    grey = planes("dark grey", image.shape[:2], np.uint8)
    seen, made = (
        cv2.resize(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY, dst=grey), size, interpolation=cv2.INTER_AREA)
        for one in (image, drawn)
    )
    near = cv2.blur(cv2.dilate(seen, np.ones((3, 3), np.uint8)), (5, 5)).astype(np.float32)
    night = min(max((_DAY - float(seen.mean())) / (_DAY - _NIGHT), 0.0), 1.0) if paper else 0.0
    gain = _GAIN + night * (_GAIN_AT_NIGHT - _GAIN)
    most = near + np.float32(gain) * np.maximum(near - np.float32(_BLACK), 0) + np.float32(_INK)
    share = most / np.maximum(made, np.float32(1))
    if share.min() >= 1.0:
        return drawn
    cv2.resize(cv2.convertScaleAbs(np.minimum(share, 1), alpha=255), (width, height), dst=grey)
    shade = cv2.merge([grey] * 3, dst=planes("shade", image.shape, np.uint8))
    return np.asarray(cv2.multiply(drawn, shade, dst=drawn, scale=1 / 255), np.uint8)


def without_glow(drawn: Image, seen: Image, planes: Planes | None = None) -> Image:
    """Darken a drawing, itself, where a pale ground grows white around things: it is as light there as elsewhere.

    Networks make the light side of an edge lighter, which before white and grey is a glow along the outline.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `seen`.
        seen: The same size.
        planes: Where it works; None: in new arrays.
    """
    planes, (height, width) = planes or Planes(), seen.shape[:2]
    there = cv2.blur(halved(seen, shrunk((width, height), _GROUNDS)), (3, 3))
    blue, green, red = cv2.split(there)
    other = (_GROUND[1] - np.arange(256)) / (_GROUND[1] - _GROUND[0])
    free = cv2.LUT(cv2.min(cv2.min(blue, green), red), np.rint(_OVER + (255 - _OVER) * np.clip(other, 0, 1)))
    free = free.astype(np.uint8)
    if int(free.min()) == 255:
        return drawn
    ground = cv2.dilate(cv2.min(there, cv2.merge([cv2.bitwise_not(free)] * 3)), np.ones((5, 5), np.uint8))
    most = cv2.add(ground, cv2.merge([cv2.erode(free, np.ones((3, 3), np.uint8))] * 3))
    bound = cv2.resize(most, (width, height), dst=planes("ground", seen.shape, np.uint8))
    return np.asarray(cv2.min(drawn, bound, dst=drawn), np.uint8)
