"""Sizes in proportion, and pictures of another shape in a place of a given size."""

from fractions import Fraction

import cv2
import numpy as np

from gancam.frame import Image


def scaled(size: tuple[int, int], times: float | Fraction) -> tuple[int, int]:
    """Give (width, height) `times` as large: whole pixels, and one at least."""
    return max(round(size[0] * times), 1), max(round(size[1] * times), 1)


def shrunk(size: tuple[int, int], times: float, *, least: int = 1) -> tuple[int, int]:
    """Give (width, height) `times` smaller: whole pixels, no side under `least`."""
    return max(round(size[0] / times), least), max(round(size[1] / times), least)


def halved(image: Image, size: tuple[int, int]) -> Image:
    """Give `image`, uint8 ``(H, W, 3)``, in a smaller `size` (width, height), shrunk by halves first: faster."""
    while image.shape[1] >= 2 * size[0] and image.shape[0] % 2 == image.shape[1] % 2 == 0:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Give (width, height) made smaller where a side is over `longest`, so that none is."""
    return scaled(size, min(longest / max(size), 1.0))


def squared_size(size: tuple[int, int], aspect: Fraction) -> tuple[int, int]:
    """Give (width, height) in square pixels of a picture whose pixels are `aspect` times as wide as high: no fewer."""
    width, height = size
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def squared(image: Image, aspect: Fraction) -> Image:
    """Scale `image` to square pixels, which are `aspect` times as wide as high: to ``squared_size``.

    Args:
        image: ``uint8 (H, W, 3)``.
        aspect: Width of a pixel over its height.

    Returns:
        ``uint8 (h, w, 3)``; `image` itself where its pixels are square.
    """
    size = squared_size((image.shape[1], image.shape[0]), aspect)
    if size == (image.shape[1], image.shape[0]):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def trimmed(picture: Image, width: int, height: int) -> Image:
    """Give the middle of a square picture, as wide and high as that in proportion."""
    side = len(picture)
    across, down = (max(round(side * min(one / two, 1.0)), 1) for one, two in ((width, height), (height, width)))
    left, top = (side - across) // 2, (side - down) // 2
    return picture[top : top + down, left : left + across]


def fit(image: Image, size: tuple[int, int]) -> Image:
    """Scale `image` into `size` in its own proportions, in the middle, with black bars where it does not fill it.

    Args:
        image: ``uint8 (H, W, 3)``.
        size: (width, height).

    Returns:
        ``uint8 (height, width, 3)``; `image` itself where it has that size.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    wide, tall = scaled((width, height), scale)
    inner = min(wide, size[0]), min(tall, size[1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = np.asarray(cv2.resize(image, inner, interpolation=how), np.uint8)
    if inner == size:
        return picture
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = picture
    return canvas
