"""Tones: how dark colours look, and how dark black stays."""

import cv2
import numpy as np

from gancam.frame import Image

_FAINT, _WEIGHT = 32, 0.55  # colourfulness up to which luma says all, and how much darker the fullest colours look
_SMALL = 320  # pixels of the longer side on which shade is looked for
_GAIN, _INK = 2.5, 8.0  # how much brighter than the frame a drawing may be, and the levels that its black may have

_DARKER = np.round(
    255 * (1 - _WEIGHT * np.clip(np.arange(256, dtype=np.float32) - _FAINT, 0, None) / (255 - _FAINT))
).astype(np.uint8)


def in_tones(image: Image) -> Image:
    """Give a picture in grey, as one draws it who has ink alone: full colours are darker than white of the same luma.

    By luma orange and yellow are paper.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.

    Returns:
        The same shape, all channels alike; what has no colour has its luma.
    """
    blue, green, red = cv2.split(image)
    colourful = cv2.subtract(cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red))
    tone = cv2.multiply(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.LUT(colourful, _DARKER), scale=1 / 255)
    return np.asarray(cv2.merge([tone] * 3), np.uint8)


def as_dark(drawn: Image, image: Image) -> Image:
    """Darken a drawing where the picture is black, or almost: night and shadows are no grey paint.

    It may be `_GAIN` times as bright as the brightest of the picture thereabouts, and `_INK` levels more. That leaves
    little of the blots that networks make of noise in the dark.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `image`.
        image: The same size.
    """
    height, width = image.shape[:2]
    shrink = min(_SMALL / max(height, width), 1.0)
    size = max(round(width * shrink), 1), max(round(height * shrink), 1)
    seen, made = (
        cv2.cvtColor(cv2.resize(one, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY) for one in (image, drawn)
    )
    near = cv2.blur(cv2.dilate(seen, np.ones((3, 3), np.uint8)), (5, 5)).astype(np.float32)
    share = (near * np.float32(_GAIN) + np.float32(_INK)) / np.maximum(made, np.float32(1))
    if share.min() >= 1.0:
        return drawn
    light = cv2.resize(cv2.convertScaleAbs(np.minimum(share, 1), alpha=255), (width, height))
    return np.asarray(cv2.multiply(drawn, cv2.merge([light] * 3), scale=1 / 255), np.uint8)
