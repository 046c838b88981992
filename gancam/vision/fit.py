"""Pictures of another shape in a place of a given size."""

import cv2
import numpy as np

from gancam.frame import Image


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
    inner = min(max(round(width * scale), 1), size[0]), min(max(round(height * scale), 1), size[1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(image, inner, interpolation=how), np.uint8)
    if inner == size:
        return scaled
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = scaled
    return canvas
