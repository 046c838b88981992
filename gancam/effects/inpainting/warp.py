"""Pictures and masks moved by a matrix, and what else inpainting makes of sizes and changes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.motion import Grey, Matrix, Points
from gancam.vision.planes import brightest

_CHANGED = 12.0  # grey levels by which a pixel is another than it was


def cubic(picture: Image, there: Matrix, size: tuple[int, int]) -> Image:
    """Bring `picture` to its place by `there`, in (width, height) pixels; its border is carried on beyond it."""
    options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpPerspective(picture, there, size, **options), np.uint8)  # type: ignore[call-overload]


def whole(known: NDArray[np.bool_], there: Matrix, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where all that such a pixel of `cubic` is made of is `known`, and not beyond the border."""
    inner = np.where(known, np.uint8(255), np.uint8(0))
    inner[0], inner[-1], inner[:, 0], inner[:, -1] = 0, 0, 0, 0
    return np.asarray(cv2.warpPerspective(inner, there, size) == 255, np.bool_)


def changed_pixels(image: Image, before: Image, there: Matrix) -> Grey:
    """Return 1 where `image` is another than `before`, which is brought to its place by `there`, else 0."""
    if not (there == np.eye(3)).all():
        before = np.asarray(cv2.warpPerspective(before, there, (image.shape[1], image.shape[0])), np.uint8)
    return np.asarray(cv2.blur(brightest(cv2.absdiff(image, before)), (5, 5)) > _CHANGED, np.uint8)


def frame_corners(size: tuple[int, int]) -> Points:
    """Return the corners (x, y) of a frame of `size` ``(width, height)``, float32 ``(4, 2)``."""
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def translation(x: float, y: float) -> Matrix:
    """Return the matrix ``(3, 3)`` that moves by `x` and `y`."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def square(reach: int) -> Grey:
    """Return a structuring element: a square that reaches so many pixels to each side."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
