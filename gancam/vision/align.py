"""Similarity transforms: parts of a picture turned, scaled and moved upright, and put back."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import scaled

Points = NDArray[np.float32]  # (n, 2): x and y in pixels
Matrix = NDArray[np.float64]  # (2, 3), as of cv2.warpAffine
Plane = NDArray[np.uint8]  # (h, w): 0 to 255
_SHRINKS = 0.75  # times a size below which a picture is averaged before it is sampled


def similarity(given: Points, wanted: Points) -> Matrix:
    """Find the turn, scale and shift that brings the points `given` nearest to `wanted`, in the least squares.

    In complex numbers it is ``a * z + b`` (Umeyama, https://doi.org/10.1109/34.88573, without mirroring).
    """
    z, w = ((one[:, 0] + 1j * one[:, 1]).astype(np.complex128) for one in (given, wanted))
    centred = z - z.mean()
    a = np.vdot(centred, w - w.mean()) / max(np.vdot(centred, centred).real, 1e-9)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def scale_of(matrix: Matrix) -> float:
    """How many times larger what `matrix` gives is."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def upright(image: Image, matrix: Matrix, side: int) -> Image:
    """Cut a square of `side` pixels out of `image`, as `matrix` leads to it; the border of `image` is mirrored."""
    scale = scale_of(matrix)
    if scale < _SHRINKS:
        size = scaled((image.shape[1], image.shape[0]), scale)
        matrix = matrix @ _resized((image.shape[1], image.shape[0]), size)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(image, matrix, (side, side), flags=way, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def put_back(image: Image, square: Image, matrix: Matrix, alpha: Plane) -> None:
    """Mix `square`, which `matrix` leads to, into `image` in place, as far as `alpha` of the same size says.

    What `alpha` says nothing of stays the same to the byte.
    """
    side = square.shape[0]
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]]) @ inverse[:, :2].T + inverse[:, 2]
    height, width = image.shape[:2]
    left, top = (max(int(np.floor(one)), 0) for one in corners.min(0))
    right, bottom = (
        min(int(np.ceil(one)) + 1, most) for one, most in zip(corners.max(0), (width, height), strict=True)
    )
    if right <= left or bottom <= top:
        return
    there: Matrix = matrix @ np.array([[1.0, 0.0, left], [0.0, 1.0, top], [0.0, 0.0, 1.0]])
    scale = scale_of(matrix)
    if scale * _SHRINKS > 1:  # it is shrunk on its way back
        small = max(round(side / scale), 1)
        there = _resized((small, small), (side, side))[:2] @ np.vstack([there, [0.0, 0.0, 1.0]])
        square, alpha = (
            np.asarray(cv2.resize(one, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
            for one in (square, alpha)
        )
    size, flags = (right - left, bottom - top), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(square, there, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(alpha, there, size, flags=flags).astype(np.float32)[..., None] / 255
    part = image[top:bottom, left:right]
    part[:] = np.round(part + share * (back.astype(np.float32) - part)).astype(np.uint8)


def _resized(given: tuple[int, int], made: tuple[int, int]) -> Matrix:
    """From pixels of a picture of size `made` (width, height) to those of the same of size `given`, ``(3, 3)``."""
    x, y = (one / other for one, other in zip(given, made, strict=True))
    return np.array([[x, 0.0, 0.5 * x - 0.5], [0.0, y, 0.5 * y - 0.5], [0.0, 0.0, 1.0]])
