"""Pictures that a foreign graph is shown, and how near its answers are to what they should be."""

from functools import lru_cache
from typing import Literal, get_args

import cv2
import numpy as np

from gancam.frame import Image
from gancam.inference.autotune import picture
from gancam.inference.importing.convention import LUMA, Floats

_PHOTOS = 128  # rows of the bundled picture that are photos; below is noise
_LOW = 2.5  # standard deviation, in pixels of the input, of what is taken for the gist of a picture
_WIDE, _COLOUR = 1.5, 3.0  # times the contrast and the colour that the photos have, where they are vivid
Look = Literal["plain", "vivid"]
LOOKS: tuple[Look, ...] = get_args(Look)
_HUGE = 1e6  # beyond every value of a pixel, and its square is finite
_STEPS = 32  # of a curve of light
_NOISE, _BLUR = 7.0, 0.8  # what pictures are spoilt by: grey levels, and pixels


def _vivid(photos: Image) -> Image:
    """The same photos with strong colours that reach both ends of what a byte holds."""
    pixels = photos.astype(np.float32)
    luma = (pixels @ np.array(LUMA, np.float32))[..., None]
    wide = (luma - luma.mean()) * _WIDE + 127.5
    return np.asarray(np.clip(np.round(wide + (pixels - luma) * _COLOUR), 0, 255), np.uint8)


@lru_cache(maxsize=16)
def truth(height: int, width: int, look: Look = "plain") -> Image:
    """Photos ``(height, width, 3)`` BGR: the bundled ones, mirrored where more is wanted, in one of `LOOKS`."""
    photos = picture()[:_PHOTOS]
    photos = _vivid(photos) if look == "vivid" else photos
    down, right = max(height - photos.shape[0], 0), max(width - photos.shape[1], 0)
    top, left = max(photos.shape[0] - height, 0) // 2, max(photos.shape[1] - width, 0) // 2
    part = photos[top : top + height, left : left + width]
    return np.ascontiguousarray(np.pad(part, ((0, down), (0, right), (0, 0)), "symmetric"))


def shown(height: int, width: int, scale: int, kind: str = "clean", look: Look = "plain") -> Image:
    """The truth of `scale` times that size, shrunk to it, and spoilt: "clean", "noisy" or "blurred"."""
    image = truth(height * scale, width * scale, look)
    if scale > 1:
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if kind == "noisy":
        noise = np.random.default_rng(0).normal(0, _NOISE, image.shape)
        return np.asarray(np.clip(np.round(image + noise), 0, 255), np.uint8)
    if kind == "blurred":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), _BLUR), np.uint8)
    return image


def gist(pixels: Floats, size: tuple[int, int]) -> Floats:
    """`pixels` ``(h, w, c)`` at `size` (width, height), low-passed."""
    if (pixels.shape[1], pixels.shape[0]) != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    low = cv2.GaussianBlur(pixels, (0, 0), _LOW)
    return np.asarray(low, np.float32).reshape(size[1], size[0], -1)


def off(pixels: Floats, image: Image) -> float:
    """Mean difference, in grey levels, of the gist of `pixels`, of any size, from that of `image`.

    Infinite for what is not finite.
    """
    if not np.isfinite(pixels).all():
        return float("inf")
    size = image.shape[1], image.shape[0]
    return float(np.abs(gist(pixels, size) - gist(image.astype(np.float32), size)).mean(dtype=np.float64))


def alike(pixels: Floats, image: Image) -> float:
    """How far the gist of `pixels` follows that of `image`: the correlation of their grey, -1 to 1."""
    if not np.isfinite(pixels).all():
        return -1.0
    size = image.shape[1], image.shape[0]
    one = gist(np.clip(pixels, -_HUGE, _HUGE), size).mean(2).ravel()
    other = gist(image.astype(np.float32), size).mean(2).ravel()
    if one.std() < 1e-3 or other.std() < 1e-3:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def untoned(pixels: Floats, image: Image) -> float:
    """Mean difference of the gist of `pixels`, after the best rising curve for each colour, from that of `image`.

    Infinite for what is not finite. What ends in black or white stays there: no curve brings it back.
    """
    if not np.isfinite(pixels).all():
        return float("inf")
    size = image.shape[1], image.shape[0]
    made, wanted = gist(np.clip(pixels, -_HUGE, _HUGE), size), gist(image.astype(np.float32), size)
    return float(np.mean([_untoned(made[..., one].ravel(), wanted[..., one].ravel()) for one in range(3)]))


def _untoned(made: Floats, wanted: Floats) -> float:
    """The same of one plane: a curve of `_STEPS` steps, each the mean of what is wanted there, made to rise."""
    ends = np.unique(np.quantile(made, np.linspace(0, 1, _STEPS + 1)))
    _, step = np.unique(np.digitize(made, ends[1:-1]), return_inverse=True)
    means = np.bincount(step, wanted) / np.bincount(step)
    curve = (np.maximum.accumulate(means) + np.minimum.accumulate(means[::-1])[::-1]) / 2
    return float(np.abs(curve[step] - wanted).mean())


def gain(pixels: Floats, image: Image, scale: int, look: Look = "plain") -> float:
    """The error of `pixels`, made of `image`, over that of plain enlarging, both against the truth of that look.

    It is below 1 where the network knows better, and infinite for what is not finite. The border is left out.
    """
    if not np.isfinite(pixels).all():
        return float("inf")
    height, width = image.shape[:2]
    wanted = truth(height * scale, width * scale, look).astype(np.float32)
    plain = np.asarray(cv2.resize(image, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC), np.float32)
    edge = min(8 * scale, height * scale // 4)
    inner = slice(edge, -edge), slice(edge, -edge)
    base = float(np.sqrt(np.square(plain - wanted)[inner].mean()))
    made = float(np.sqrt(np.square(np.clip(pixels, 0, 255) - wanted)[inner].mean()))
    return made / max(base, 0.5)


def difference(one: Floats, other: Floats) -> float:
    """Root mean square of the difference in grey levels, both as they would be seen."""
    return float(np.sqrt(np.square(np.clip(one, 0, 255) - np.clip(other, 0, 255)).mean()))
